//go:build linux

package kernel32

import (
	"os"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
)

func TestDuplicateOfTheCurrentProcess(t *testing.T) {
	var all, less Handle
	number(t, 0, DuplicateHandle(CurrentProcess, CurrentProcess, CurrentProcess, &all, 0, true, SameAccess|SameAttributes|CloseSource))
	number(t, 0, DuplicateHandle(CurrentProcess, all, CurrentProcess, &less, access.QueryLimited, true, 0))
	defer func() { number(t, 0, CloseHandle(all)); number(t, 0, CloseHandle(less)) }()
	for h, want := range map[Handle]BasicInformation{
		CurrentProcess: {0, 0x1FFFFF, 2}, all: {0, 0x1FFFFF, 2}, less: {attributeInherit, 0x1000, 2},
	} {
		if i, err := ObjectInformation(h); i != want || err != nil {
			t.Errorf("%#x: %+v, %v, want %+v", h, i, err, want)
		}
		number(t, 0, CompareObjectHandles(h, CurrentProcess))
	}
	if pid, err := GetProcessID(all); pid != uint32(os.Getpid()) || err != nil {
		t.Errorf("process %d, %v", pid, err)
	}
	e, err := CreateEvent(nil, "", false, false, 0)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(e)) }()
	number(t, errs.NotSameObject, CompareObjectHandles(e, CurrentProcess))
	number(t, errs.NotSameObject, CompareObjectHandles(all, e))
}
