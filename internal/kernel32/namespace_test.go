//go:build linux

package kernel32

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/testkit"
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

// enters opens a private namespace for everybody, and an event in it.
var _ = testkit.Role("kernel32.enters", func(self *testkit.Self) {
	b, err := CreateBoundaryDescriptor("all", 0)
	self.Must(err)
	self.Must(AddSIDToBoundary(b, "WD"))
	if len(self.Args) > 0 {
		self.Must(AddSIDToBoundary(b, self.Args[0]))
	}
	_, err = OpenEvent(access.Modify, false, `ours\e`)
	self.Say("%d", errs.Number(err))
	_, err = CreatePrivateNamespace(nil, b, "ours")
	self.Say("%d", errs.Number(err))
	_, err = OpenPrivateNamespace(b, "ours")
	self.Say("%d", errs.Number(err))
	_, err = OpenEvent(access.Modify, false, `ours\e`)
	self.Say("%d", errs.Number(err))
})

// A namespace for everybody is one for all users, as far as its list lets them in; one
// with root in its boundary besides is another, which they cannot make.
func TestPrivateNamespaceOfSeveralUsers(t *testing.T) {
	testkit.NeedRoot(t)
	publicRoot(t)
	all := &Attributes{Security: descriptor(t, "D:(A;;GA;;;WD)")}
	ns, err := CreatePrivateNamespace(all, boundaryFor(t, "all", "S-1-1-0"), "ours")
	number(t, 0, err)
	e, err := CreateEvent(all, `ours\e`, true, false, 0x1F0003)
	number(t, 0, err)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"3", "183", "0", "0"}},
		{[]string{"SY"}, []string{"3", "5", "2", "3"}},
	} {
		cmd := testkit.Command("kernel32.enters", c.args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 23001, Gid: 23002}}
		child := testkit.StartCommand(t, cmd)
		for _, want := range c.want {
			child.Expect(want)
		}
		child.End()
	}
	number(t, 0, CloseHandle(e))
	number(t, 0, ClosePrivateNamespace(ns, 0))
}
