//go:build linux

package atoll

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// The role of a user who gives an event without a name to whoever connects, and then
// to itself.
var _ = testkit.Role("pass.giver", func(self *testkit.Self) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: self.Args[0], Net: "unix"})
	self.Must(err)
	self.Must(unix.Chmod(self.Args[0], 0o777))
	e, err := CreateEvent("", EventOptions{})
	self.Must(err)
	self.Say("listening")
	c, err := l.AcceptUnix()
	self.Must(err)
	err = Send(c, e, SameAccess)
	self.Say("%t", errors.Is(err, fs.ErrPermission))
	self.Must(c.CloseWrite())
	self.Hear()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	self.Must(err)
	here, err := net.FileConn(os.NewFile(uintptr(fds[0]), "socket"))
	self.Must(err)
	self.Say("%v", Send(here.(*net.UnixConn), e, SameAccess))
})

// The role of one who gets it, and locks whatever came along.
var _ = testkit.Role("pass.taker", func(self *testkit.Self) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: self.Args[0], Net: "unix"})
	self.Must(err)
	control := make([]byte, 1024)
	_, n, _, _, _ := c.ReadMsgUnix(make([]byte, 1<<14), control) // nothing, if it is refused
	locked := 0
	if messages, err := unix.ParseSocketControlMessage(control[:n]); err == nil {
		for i := range messages {
			fds, err := unix.ParseUnixRights(&messages[i])
			self.Must(err)
			for _, fd := range fds {
				if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
					locked++
				}
			}
		}
	}
	self.Say("locked %d", locked)
	self.Hear()
})

// An event without a name belongs to the members of its user, whose folder comes
// along: another user gets neither, and so cannot lock the folder for good.
func TestSendUnnamedToAnotherUser(t *testing.T) {
	base := company(t)
	path := filepath.Join(base, "socket")
	a := asUser(t, ann, base, "pass.giver", path)
	a.Expect("listening")
	c := asUser(t, cal, base, "pass.taker", path)
	refused, locked := a.Line(), c.Line()
	a.Tell("now to yourself")
	a.Expect("<nil>")
	if refused != "true" || locked != "locked 0" {
		t.Errorf("refused: %s, the other %s", refused, locked)
	}
}
