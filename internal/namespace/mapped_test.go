//go:build linux

package namespace

import (
	"strings"
	"syscall"
	"testing"

	"atoll/internal/testkit"
)

// An id that a user namespace shows for all it does not know is nobody's.
func TestMapped(t *testing.T) {
	for _, which := range []string{"uid", "gid"} {
		for _, id := range []uint32{0, 1000, 65534} {
			if !Mapped(which, id) {
				t.Errorf("%s %d is not known here", which, id)
			}
		}
	}
	testkit.NeedRoot(t)
	cmd := testkit.Command("mapped", testkit.Base())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 23012, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 23012, Size: 1}},
	}
	c := testkit.StartCommand(t, cmd)
	c.Expect("0 true, 65534 false")
	// Its own user is not known inside, so the directory could be anybody's.
	if line := c.Line(); !strings.Contains(line, "not mapped into this user namespace") {
		t.Error(line)
	}
	c.End()
}

var _ = testkit.Role("mapped", func(self *testkit.Self) {
	self.Say("0 %v, 65534 %v", Mapped("uid", 0), Mapped("gid", 65534))
	_, err := OpenBase(self.Args[0])
	self.Say("%v", err)
})
