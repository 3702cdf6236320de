package win32

import (
	"reflect"
	"testing"

	"golang.org/x/sys/windows"
)

// The structures that the system reads and writes are laid out as in x/sys, as far as
// it has them.
func TestLayout(t *testing.T) {
	for _, pair := range []struct{ ours, theirs any }{
		{SecurityAttributes{}, windows.SecurityAttributes{}},
		{Overlapped{}, windows.Overlapped{}},
		{MemoryBasicInformation{}, windows.MemoryBasicInformation{}},
		{StartupInfo{}, windows.StartupInfo{}},
		{StartupInfoEx{}, windows.StartupInfoEx{}},
		{ProcessInformation{}, windows.ProcessInformation{}},
		{IOCounters{}, windows.IO_COUNTERS{}},
		{JobObjectBasicLimitInformation{}, windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{}},
		{JobObjectExtendedLimitInformation{}, windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}},
		{JobObjectBasicUIRestrictions{}, windows.JOBOBJECT_BASIC_UI_RESTRICTIONS{}},
	} {
		sameLayout(t, reflect.TypeOf(pair.ours), reflect.TypeOf(pair.theirs))
	}
}

func sameLayout(t *testing.T, ours, theirs reflect.Type) {
	t.Helper()
	if ours.Size() != theirs.Size() || ours.NumField() != theirs.NumField() {
		t.Errorf("%v has %d bytes and %d fields, %v %d and %d", ours, ours.Size(), ours.NumField(), theirs, theirs.Size(), theirs.NumField())
		return
	}
	for i := range ours.NumField() {
		a, b := ours.Field(i), theirs.Field(i)
		if a.Offset != b.Offset || a.Type.Size() != b.Type.Size() {
			t.Errorf("%v.%s: offset %d, %d bytes; %v.%s: offset %d, %d bytes", ours, a.Name, a.Offset, a.Type.Size(), theirs, b.Name, b.Offset, b.Type.Size())
		}
	}
}

// The others are as Microsoft documents them for processors of 64 bits.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		of   any
		size uintptr
	}{
		{ReasonContext{}, 32},
		{MemoryRangeEntry{}, 16},
		{FileDispositionInfo{}, 1},
		{ObjectBasicInformation{}, 56},
		{JobObjectBasicAccountingInformation{}, 48},
		{JobObjectBasicAndIoAccountingInformation{}, 96},
		{JobObjectBasicProcessIdList{}, 16},
		{JobObjectEndOfJobTimeInformation{}, 4},
		{JobObjectAssociateCompletionPort{}, 16},
		{JobObjectCPURateControlInformation{}, 8},
	} {
		if got := reflect.TypeOf(c.of).Size(); got != c.size {
			t.Errorf("%T has %d bytes, not %d", c.of, got, c.size)
		}
	}
}
