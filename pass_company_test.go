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

	"atoll/internal/layout"
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

// The role of a user who gives a section over a file, to be written, to whoever
// connects.
var _ = testkit.Role("pass.filegiver", func(self *testkit.Self) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: self.Args[0], Net: "unix"})
	self.Must(err)
	self.Must(unix.Chmod(self.Args[0], 0o777))
	f, err := os.CreateTemp(filepath.Dir(self.Args[0]), "table-")
	self.Must(err)
	s, err := CreateSection(`Global\table`, SectionOptions{File: f, Size: 4096})
	self.Must(err)
	self.Say("listening")
	c, err := l.AcceptUnix()
	self.Must(err)
	err = Send(c, s, SameAccess)
	self.Say("%t", errors.Is(err, fs.ErrPermission))
	self.Must(Send(c, s, Read))
	self.Hear()
})

// The role of one who gets it, and locks whatever came along.
var _ = testkit.Role("pass.taker", func(self *testkit.Self) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: self.Args[0], Net: "unix"})
	self.Must(err)
	control := make([]byte, 1024)
	_, n, _, _, _ := c.ReadMsgUnix(make([]byte, 1<<14), control) // nothing, if it is refused
	locked, writable := 0, 0
	if messages, err := unix.ParseSocketControlMessage(control[:n]); err == nil {
		for i := range messages {
			fds, err := unix.ParseUnixRights(&messages[i])
			self.Must(err)
			for _, fd := range fds {
				magic := make([]byte, 8)
				if _, err := unix.Pread(fd, magic, 0); err == nil && layout.HasMagic(magic) {
					if _, err := unix.Pwrite(fd, magic, 0); err == nil {
						writable++
					}
					continue
				}
				if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
					locked++
				}
			}
		}
	}
	self.Say("locked %d, can write %d headers", locked, writable)
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
	if refused != "true" || locked != "locked 0, can write 0 headers" {
		t.Errorf("refused: %s, the other %s", refused, locked)
	}
}

// The header of a section over a file says which file that is, and is believed where
// its owner alone may write it. So nobody else gets a descriptor that can.
func TestSendFileSectionToAnotherUser(t *testing.T) {
	base := company(t)
	path := filepath.Join(base, "socket")
	a := asUser(t, ann, base, "pass.filegiver", path)
	a.Expect("listening")
	c := asUser(t, cal, base, "pass.taker", path)
	refused, got := a.Line(), c.Line()
	// The file itself it may lock: that it has been given.
	if refused != "true" || got != "locked 1, can write 0 headers" {
		t.Errorf("refused: %s, the other %s", refused, got)
	}
}

// To whom datagrams go nobody knows, so they bring to nobody what not everybody may
// have.
func TestSendToUnknownUser(t *testing.T) {
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "socket"), Net: "unixgram"}
	l, err := net.ListenUnixgram("unixgram", address)
	must(t, err)
	closeLater(t, l)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	must(t, unix.Connect(fd, &unix.SockaddrUnix{Name: address.Name}))
	c := connOf(t, os.NewFile(uintptr(fd), "socket"))
	e := newTestEvent(t, "", EventOptions{})
	wantError(t, Send(c, e, SameAccess), fs.ErrPermission, 5)
	n := newTestEvent(t, "named", EventOptions{})
	wantError(t, Send(c, n, SameAccess), fs.ErrPermission, 5)
	s, err := CreateSection("", SectionOptions{Size: 4096})
	must(t, err)
	closeLater(t, s)
	must(t, Send(c, s, SameAccess))
}
