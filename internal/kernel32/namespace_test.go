//go:build linux

package kernel32

import (
	"fmt"
	"os"
	"testing"

	"atoll/internal/errs"
)

// boundaryFor makes a boundary for SIDs.
func boundaryFor(t *testing.T, name string, sids ...string) Handle {
	t.Helper()
	b, err := CreateBoundaryDescriptor(name, 0)
	number(t, 0, err)
	t.Cleanup(func() { DeleteBoundaryDescriptor(b) })
	for _, sid := range sids {
		number(t, 0, AddSIDToBoundary(b, sid))
	}
	return b
}

func me() string { return fmt.Sprintf("S-1-22-1-%d", os.Geteuid()) }

func TestPrivateNamespace(t *testing.T) {
	b := boundaryFor(t, "b", me())
	ns, err := CreatePrivateNamespace(&Attributes{Inherit: true}, b, "alias")
	number(t, 0, err)
	if flags, _ := HandleInformation(ns); flags != Inherit {
		t.Errorf("flags %d", flags)
	}
	again, err := CreatePrivateNamespace(nil, b, "alias")
	number(t, errs.AlreadyExists, err)
	if again != 0 {
		t.Errorf("handle %#x", again)
	}
	e, err := CreateEvent(nil, `alias\e`, true, false, 3)
	number(t, 0, err)
	_, err = CreateEvent(nil, `alias\a\b`, true, false, 3)
	number(t, errs.PathNotFound, err)

	// Each handle counts; the alias goes with the last one, and objects stay.
	opened, err := OpenPrivateNamespace(boundaryFor(t, "b", me()), "alias")
	number(t, 0, err)
	number(t, 0, CompareObjectHandles(ns, opened))
	var copied Handle
	number(t, 0, DuplicateHandle(CurrentProcess, opened, CurrentProcess, &copied, 0, false, SameAccess|CloseSource))
	number(t, errs.InvalidHandle, ClosePrivateNamespace(e, 0))
	number(t, errs.InvalidParameter, ClosePrivateNamespace(ns, 2))
	number(t, 0, ClosePrivateNamespace(ns, 1))
	number(t, errs.InvalidHandle, ClosePrivateNamespace(ns, 1))
	_, err = OpenPrivateNamespace(b, "alias")
	number(t, errs.FileNotFound, err)
	more, err := OpenEvent(2, false, `alias\e`)
	number(t, 0, err)
	number(t, 0, CloseHandle(more))
	number(t, 0, ClosePrivateNamespace(copied, 0))
	_, err = OpenEvent(2, false, `alias\e`)
	number(t, errs.PathNotFound, err)
	number(t, 0, SetEvent(e))
	number(t, 0, CloseHandle(e))
}

func TestBoundaries(t *testing.T) {
	for _, c := range []struct {
		sids   []string
		number uint32
	}{
		{nil, errs.InvalidParameter},
		{[]string{me()}, 0},
		{[]string{me(), me(), "S-1-1-0", fmt.Sprintf("S-1-22-2-%d", os.Getegid())}, 0},
		{[]string{"S-1-1-0"}, 0},
		{[]string{"S-1-22-1-4711"}, errs.AccessDenied},
		{[]string{me(), "S-1-22-1-4711"}, errs.AccessDenied},
		{[]string{"S-1-22-2-4711"}, errs.AccessDenied},
	} {
		ns, err := CreatePrivateNamespace(nil, boundaryFor(t, "many", c.sids...), "many")
		number(t, c.number, err)
		if err == nil {
			number(t, 0, CloseHandle(ns))
		}
	}
	b := boundaryFor(t, "one", me())
	number(t, errs.InvalidParameter, AddSIDToBoundary(b, "CO"))
	number(t, errs.NotSupported, AddSIDToBoundary(b, "S-1-5-21-1-2-3-500"))
	number(t, errs.InvalidParameter, AddSIDToBoundary(b+4, me()))
	number(t, errs.InvalidHandle, CloseHandle(b))
	for alias, want := range map[string]uint32{
		NullName: errs.InvalidParameter, "": errs.InvalidName, `a\b`: errs.InvalidName, "Global": errs.InvalidHandle, "\xff": errs.InvalidName,
	} {
		_, err := CreatePrivateNamespace(nil, b, alias)
		number(t, want, err)
		_, err = OpenPrivateNamespace(b, alias)
		number(t, want, err)
	}
	_, err := CreateBoundaryDescriptor("x", 2)
	number(t, errs.InvalidParameter, err)
	_, err = CreateBoundaryDescriptor(NullName, 0)
	number(t, errs.InvalidParameter, err)
	DeleteBoundaryDescriptor(b)
	_, err = OpenPrivateNamespace(b, "x")
	number(t, errs.InvalidParameter, err)
}
