//go:build linux

package transfer

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// lingering is a connection whose last close waits, until the test ends, for
// somebody who reads nothing.
func lingering(t *testing.T) int {
	t.Helper()
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer func() { _ = unix.Close(listener) }()
	must(t, unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, unix.Listen(listener, 1))
	address, err := unix.Getsockname(listener)
	must(t, err)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	must(t, unix.Connect(fd, address))
	other, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(other) }) // which resets the connection
	must(t, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 3600}))
	must(t, unix.SetNonblock(fd, true))
	for full := make([]byte, 1<<16); err == nil; {
		_, err = unix.Write(fd, full)
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	return fd
}

// within fails the test if f does not return.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(testkit.Hang / 4):
		t.Fatalf("%s hangs", what)
	}
}

// A peer sends connections whose close takes as long as it likes. Receive, and all
// who start processes meanwhile, go on.
func TestPeerCannotHoldAClose(t *testing.T) {
	a, b := pair(t, unix.SOCK_STREAM)
	const many = 10
	for range many {
		fd := lingering(t)
		_, _, err := a.WriteMsgUnix(message("section 0x6 0:1:2 - -"), unix.UnixRights(fd), nil)
		must(t, errors.Join(err, unix.Close(fd)))
	}
	for range many {
		within(t, "Receive", func() {
			h, err := Receive(b)
			if err == nil {
				_, err = h.Arrive(true)
				h.Close()
			}
			if !errors.Is(err, errs.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
	within(t, "starting a process", func() {
		syscall.ForkLock.Lock()
		syscall.ForkLock.Unlock() //nolint:staticcheck // nothing but the lock is of interest
	})
}

// A message in single bytes, each with as many descriptors as there can be, does not
// use up this process's.
func TestPeerCannotUseUpDescriptors(t *testing.T) {
	a, b := pair(t, unix.SOCK_STREAM)
	f := newFile(t)
	before := len(testkit.Descriptors())
	fds := []int{f.FD, f.FD}
	for _, c := range message("section 0x6 0:1:2 - -")[:2] {
		_, _, err := a.WriteMsgUnix([]byte{c}, unix.UnixRights(fds...), nil)
		must(t, err)
	}
	within(t, "Receive", func() {
		if _, err := Receive(b); !errors.Is(err, errs.ErrCorrupt) || !strings.Contains(err.Error(), "brings 4 descriptors") {
			t.Errorf("got %v", err)
		}
	})
	if after := len(testkit.Descriptors()); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
