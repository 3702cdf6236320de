//go:build linux

package parley

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func socket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// Who takes an address of this process before it does, and answers nobody, is passed by.
func TestStrangerInTheWay(t *testing.T) {
	space, err := pidSpace("self")
	must(t, err)
	taken := &unix.SockaddrUnix{Name: address(space, os.Getpid(), 0).Name}
	stranger := socket(t)
	must(t, unix.Bind(stranger, taken))
	must(t, unix.Listen(stranger, 0))
	for err = nil; err == nil; {
		err = unix.Connect(socket(t), taken)
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	if _, err := Dial(os.Getpid()); !errors.Is(err, errs.ErrStuck) {
		t.Errorf("nobody answers at all: %v", err)
	}
	stop, err := Listen(func(c *net.UnixConn) { _ = c.Close() })
	must(t, err)
	defer stop()
	c, err := Dial(os.Getpid())
	must(t, err)
	must(t, c.Close())
}

// That this process can ask nobody says nothing of others.
func TestDialWithoutDescriptors(t *testing.T) {
	if _, err := Dial(os.Getpid()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody listens: %v", err)
	}
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
	_, err := Dial(os.Getpid())
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	if !errors.Is(err, unix.EMFILE) || errs.Number(err) != errs.TooManyOpenFiles {
		t.Errorf("no descriptor left: %v (%d)", err, errs.Number(err))
	}
}

// What a child inherits has an end as soon as it can be born.
func TestEstateEnds(t *testing.T) {
	var s Estate
	defer s.Close()
	c, err := s.Next()
	must(t, err)
	must(t, Send(c, &Note{Op: Handle, Handle: 4}))
	_, err = s.Variable(3)
	must(t, err)
	fd, err := unix.FcntlInt(s.Files[0].Fd(), unix.F_DUPFD_CLOEXEC, 0)
	must(t, err)
	child, err := Conn(fd)
	must(t, err)
	defer func() { _ = child.Close() }()
	_ = child.SetReadDeadline(time.Now().Add(testkit.Hang))
	if n, err := Receive(child); err != nil || n.Handle != 4 {
		t.Errorf("%+v, %v", n, err)
	}
	if n, err := Receive(child); !errors.Is(err, io.EOF) {
		t.Errorf("%+v, %v", n, err)
	}
}

// In a user namespace that does not know this user nobody can be told from others.
func TestTrusted(t *testing.T) {
	me := uint32(os.Geteuid())
	if !trusted(&unix.Ucred{Uid: me}) || !trusted(&unix.Ucred{Uid: 0}) || trusted(&unix.Ucred{Uid: me + 1}) {
		t.Error("this user and root may ask, and nobody else")
	}
	testkit.NeedRoot(t)
	cmd := testkit.Command("trusting")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	c := testkit.StartCommand(t, cmd)
	c.Expect("65534 false")
	c.End()
}

var _ = testkit.Role("trusting", func(self *testkit.Self) {
	me := uint32(os.Geteuid())
	self.Say("%d %v", me, trusted(&unix.Ucred{Uid: me}))
})
