package win32

import (
	"reflect"
	"testing"

	"golang.org/x/sys/windows"
)

// The structures that the system reads and writes are named and laid out as in x/sys, as
// far as it has them.
func TestLayout(t *testing.T) {
	for _, pair := range []struct{ ours, theirs any }{
		{SecurityAttributes{}, windows.SecurityAttributes{}},
		{Overlapped{}, windows.Overlapped{}},
		{MemoryBasicInformation{}, windows.MemoryBasicInformation{}},
		{StartupInfo{}, windows.StartupInfo{}},
		{StartupInfoEx{}, windows.StartupInfoEx{}},
		{ProcessInformation{}, windows.ProcessInformation{}},
		{IO_COUNTERS{}, windows.IO_COUNTERS{}},
		{JOBOBJECT_BASIC_LIMIT_INFORMATION{}, windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{}},
		{JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}, windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}},
		{JOBOBJECT_BASIC_UI_RESTRICTIONS{}, windows.JOBOBJECT_BASIC_UI_RESTRICTIONS{}},
	} {
		sameLayout(t, reflect.TypeOf(pair.ours), reflect.TypeOf(pair.theirs))
	}
}

func sameLayout(t *testing.T, ours, theirs reflect.Type) {
	t.Helper()
	if ours.Name() != theirs.Name() {
		t.Errorf("%v is %v there", ours, theirs)
	}
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

// Classes, too, have the names that they have there.
func TestClasses(t *testing.T) {
	for ours, theirs := range map[int]int{
		JobObjectBasicAccountingInformation:         windows.JobObjectBasicAccountingInformation,
		JobObjectBasicLimitInformation:              windows.JobObjectBasicLimitInformation,
		JobObjectBasicProcessIdList:                 windows.JobObjectBasicProcessIdList,
		JobObjectBasicUIRestrictions:                windows.JobObjectBasicUIRestrictions,
		JobObjectEndOfJobTimeInformation:            windows.JobObjectEndOfJobTimeInformation,
		JobObjectAssociateCompletionPortInformation: windows.JobObjectAssociateCompletionPortInformation,
		JobObjectBasicAndIoAccountingInformation:    windows.JobObjectBasicAndIoAccountingInformation,
		JobObjectExtendedLimitInformation:           windows.JobObjectExtendedLimitInformation,
		JobObjectNotificationLimitInformation:       windows.JobObjectNotificationLimitInformation,
		JobObjectLimitViolationInformation:          windows.JobObjectLimitViolationInformation,
		JobObjectCpuRateControlInformation:          windows.JobObjectCpuRateControlInformation,
	} {
		if ours != theirs {
			t.Errorf("class %d is %d there", ours, theirs)
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
		{FILE_DISPOSITION_INFO{}, 1},
		{OBJECT_BASIC_INFORMATION{}, 56},
		{JOBOBJECT_BASIC_ACCOUNTING_INFORMATION{}, 48},
		{JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION{}, 96},
		{JOBOBJECT_BASIC_PROCESS_ID_LIST{}, 16},
		{JOBOBJECT_END_OF_JOB_TIME_INFORMATION{}, 4},
		{JOBOBJECT_ASSOCIATE_COMPLETION_PORT{}, 16},
		{JOBOBJECT_CPU_RATE_CONTROL_INFORMATION{}, 8},
	} {
		if got := reflect.TypeOf(c.of).Size(); got != c.size {
			t.Errorf("%T has %d bytes, not %d", c.of, got, c.size)
		}
	}
}
