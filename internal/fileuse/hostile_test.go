//go:build linux

package fileuse

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// exclusive takes a file for itself, again and again, until it is killed.
var _ = testkit.Role("exclusive", func(s *testkit.Self) {
	s.Say("goes on")
	for {
		fd, err := unix.Open(s.Args[0], unix.O_RDWR|unix.O_CLOEXEC, 0)
		s.Must(err)
		if alone.Enter(fd) == nil {
			Hold(fd, Data|Writable)
			_ = Pend(fd)
		}
		s.Must(unix.Close(fd))
	}
})

var _ = testkit.Role("holder", func(s *testkit.Self) {
	fd, err := unix.Open(s.Args[0], unix.O_RDWR|unix.O_CLOEXEC, 0)
	s.Must(err)
	s.Must(alone.Enter(fd))
	Hold(fd, Data|Writable)
	s.Say("has it")
	s.Hear()
})

// Whoever is killed, at any point of deciding, having and leaving, leaves nothing.
func TestKilled(t *testing.T) {
	path := aFile(t)
	for range 12 {
		children := make([]*testkit.Child, 3)
		for i := range children {
			children[i] = testkit.Start(t, "exclusive", path)
			children[i].Expect("goes on")
		}
		time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond) //nolint:gosec // a random moment
		for _, c := range children {
			c.Kill()
		}
		fd := open(t, path, unix.O_RDWR)
		number(t, 0, alone.Enter(fd))
		if s := Alive(fd); s != 0 {
			t.Fatalf("sections %b of the dead", s)
		}
		Leave(fd)
	}
}

// Who is stopped is alive.
func TestStopped(t *testing.T) {
	path := aFile(t)
	c := testkit.Start(t, "holder", path)
	c.Expect("has it")
	c.Signal(syscall.SIGSTOP)
	fd := open(t, path, unix.O_RDWR)
	number(t, errs.SharingViolation, alone.Enter(fd))
	number(t, errs.UserMappedFile, Cut(fd, func() error { return nil }))
	c.Kill()
	number(t, 0, alone.Enter(fd))
}

// Locks of programs that know nothing of this, and of those that want to be in the way.
func TestForeignLocks(t *testing.T) {
	for name, lock := range map[string]func(fd int) error{
		"whole file, exclusively":  func(fd int) error { return foreign(fd, unix.F_WRLCK, 0, 0) },
		"whole file, shared":       func(fd int) error { return foreign(fd, unix.F_RDLCK, 0, 0) },
		"all the bytes":            func(fd int) error { return foreign(fd, unix.F_WRLCK, base, 100) },
		"from here to the end":     func(fd int) error { return foreign(fd, unix.F_RDLCK, base, 0) },
		"exclusively, of the size": func(fd int) error { return foreign(fd, unix.F_WRLCK, base, 1) },
		"flock":                    func(fd int) error { return unix.Flock(fd, unix.LOCK_EX) },
	} {
		t.Run(name, func(t *testing.T) {
			path := aFile(t)
			number(t, 0, lock(open(t, path, unix.O_RDWR)))
			fd := open(t, path, unix.O_RDWR)
			number(t, 0, alone.Enter(fd))
			Hold(fd, Data) // it does not hang
		})
	}
	t.Run("decides against it", func(t *testing.T) {
		path := aFile(t)
		other := open(t, path, unix.O_RDONLY)
		fd := open(t, path, unix.O_RDWR)
		// On a busy machine the other may go too late, so it has several tries.
		for end := time.Now().Add(testkit.Hang); ; {
			number(t, 0, foreign(other, unix.F_RDLCK, base+deciding, 6))
			done := make(chan error)
			go func() { done <- alone.Enter(fd) }()
			time.Sleep(time.Millisecond)
			number(t, 0, foreign(other, unix.F_UNLCK, base+deciding, 6))
			err := <-done
			if errs.Number(err) != errs.SharingViolation || time.Now().After(end) {
				number(t, 0, err)
				break
			}
		}
	})
	t.Run("always deciding", func(t *testing.T) {
		path := aFile(t)
		number(t, 0, foreign(open(t, path, unix.O_RDONLY), unix.F_RDLCK, base+deciding, 6))
		number(t, errs.SharingViolation, alone.Enter(open(t, path, unix.O_RDWR)))
		number(t, 0, Use{}.Enter(open(t, path, unix.O_RDWR)))
	})
	t.Run("always cutting", func(t *testing.T) {
		path := aFile(t)
		number(t, 0, foreign(open(t, path, unix.O_RDONLY), unix.F_RDLCK, base+cutting, 1))
		Hold(open(t, path, unix.O_RDWR), Data) // it does not hang
	})
}

func foreign(fd int, kind int16, start, length int64) error {
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: start, Len: length})
}

// Descriptions that have no locks impose nothing, and learn what they can.
func TestNoLocks(t *testing.T) {
	for _, mode := range []int{unix.O_PATH, unix.O_WRONLY} {
		path := aFile(t)
		fd := open(t, path, mode)
		number(t, 0, alone.Enter(fd))
		Hold(fd, Data)
		number(t, 0, Pend(fd))
		number(t, 0, alone.Enter(open(t, path, unix.O_RDONLY)))
	}
	path := aFile(t)
	Hold(open(t, path, unix.O_RDONLY), Data|Writable)
	number(t, errs.SharingViolation, Use{}.Enter(open(t, path, unix.O_WRONLY)))
	number(t, 0, Use{}.Enter(open(t, path, unix.O_PATH)))
	number(t, 0, alone.Enter(-1))
}
