//go:build linux

package kernel32

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/sddl"
	"atoll/internal/testkit"
	"atoll/internal/winprocess"
)

func descriptor(t testing.TB, text string) *access.Security {
	t.Helper()
	s, err := sddl.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asks says what a user gets who opens an event, and who asks for writing.
var _ = testkit.Role("kernel32.asks", func(self *testkit.Self) {
	for {
		name, more := self.Hear()
		if !more {
			return
		}
		asked := access.Wait
		if rest, ok := strings.CutPrefix(name, "write "); ok {
			asked, name = access.Wait|access.Modify, rest
		}
		h, err := OpenEvent(asked, false, name)
		self.Say("%d", errs.Number(err))
		if err == nil {
			self.Must(CloseHandle(h))
		}
	}
})

// publicRoot makes the base one that all users can enter. Global stays open in this
// process, so the base cannot be another one.
func publicRoot(t *testing.T) {
	t.Helper()
	if err := os.Chmod(testkit.Base(), os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
}

// Who could open an object may no longer, and may again; who has it open goes on.
func TestSecurityIsNarrowed(t *testing.T) {
	testkit.NeedRoot(t)
	publicRoot(t)
	const name = `Global\narrowed`
	h, err := CreateEvent(&Attributes{Security: descriptor(t, "D:(A;;GA;;;WD)")}, name, true, false, 0x1F0003)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(h)) }()
	cmd := testkit.Command("kernel32.asks")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 23001, Gid: 23002}}
	c := testkit.StartCommand(t, cmd)
	expect := func(read, write int) {
		t.Helper()
		c.Tell(name)
		c.Expect(strconv.Itoa(read))
		c.Tell("write " + name)
		c.Expect(strconv.Itoa(write))
	}
	expect(0, 0)
	for _, s := range []struct {
		text        string
		read, write int
	}{
		{"D:(A;;GA;;;SY)", 5, 5},
		{"D:", 5, 5},
		{"D:(A;;GA;;;WD)", 0, 0},
		{"D:(A;;GA;;;SY)(A;;GA;;;S-1-22-1-23001)", 0, 0},
		{"D:(A;;GA;;;SY)(A;;GA;;;S-1-22-1-23003)", 5, 5},
		{"D:(A;;GA;;;SY)(A;;GA;;;S-1-22-2-23002)", 0, 0},
		{"O:SY", 5, 5}, // no list: the default
	} {
		number(t, 0, SetObjectSecurity(h, ListPart, descriptor(t, s.text)))
		expect(s.read, s.write)
		// Whoever opens it now must not rely on others not writing: they may have it open.
		if mode := modeOf(t, h); mode&0o022 == 0 {
			t.Errorf("%s: mode %#o", s.text, mode)
		}
	}
	c.End()
}

func modeOf(t *testing.T, h Handle) uint32 {
	t.Helper()
	o, e, err := use[event](h, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer e.leave()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(o.Descriptor()), &st); err != nil {
		t.Fatal(err)
	}
	return st.Mode
}

func TestSecurityThatLinuxRefuses(t *testing.T) {
	h, err := CreateEvent(nil, "mine", true, false, access.WriteDAC|access.WriteOwner)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(h)) }()
	everyone := descriptor(t, "D:(A;;GA;;;WD)")
	number(t, errs.NotSupported, SetObjectSecurity(h, ListPart, everyone))
	number(t, errs.NotSupported, SetObjectSecurity(h, ListPart, descriptor(t, "D:(A;;GA;;;OW)(A;;GRGX;;;WD)"))) // readers
	number(t, errs.NotSupported, SetObjectSecurity(h, OwnerPart, everyone))
	number(t, errs.PrivilegeNotHeld, SetObjectSecurity(h, AuditPart, everyone))
	number(t, errs.NoAccess, SetObjectSecurity(h, ListPart, nil))
	number(t, errs.InvalidHandle, SetObjectSecurity(h+400, ListPart, everyone))
	number(t, 0, SetObjectSecurity(h, 0, everyone))
	number(t, 0, SetObjectSecurity(h, ListPart, descriptor(t, "D:")))
	if mode := modeOf(t, h) & 0o7777; mode != 0 {
		t.Errorf("mode %#o", mode)
	}
	var less Handle
	number(t, 0, DuplicateHandle(CurrentProcess, h, CurrentProcess, &less, access.Wait, false, 0))
	number(t, errs.AccessDenied, SetObjectSecurity(less, ListPart, everyone))
	number(t, errs.AccessDenied, SetObjectSecurity(less, GroupPart, everyone))
	number(t, 0, CloseHandle(less))
	p, err := OpenProcess(winprocess.AllAccess, false, uint32(os.Getpid()))
	number(t, 0, err)
	number(t, errs.NotSupported, SetObjectSecurity(p, ListPart, everyone))
	number(t, 0, CloseHandle(p))
}
