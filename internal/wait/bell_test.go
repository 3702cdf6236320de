//go:build linux

package wait

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/testkit"
)

// The kernel wakes one of those who watch a bell. If that is a process whose last
// waiter is just leaving, it wakes the others all the same.
func TestBellThatIsGivenUpPassesOn(t *testing.T) {
	dir, err := os.MkdirTemp(testkit.Base(), "bell-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	folder := liveness.OpenFolder(fd)
	number, err := folder.Join()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Leave() }()

	e := &entry{waiter: &Waiter{poked: make(chan struct{}, 1)}, slot: &Slot{members: folder}}
	if status := e.listen(number); status != liveness.Alive {
		t.Fatal(status)
	}
	<-time.After(testkit.Quiet) // the kernel has the arm, and will choose it
	other, err := folder.Watch(number)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	word, silent := other.Bell()
	if word == nil {
		t.Skip("no bells here")
	}
	woken := make(chan error)
	go func() { woken <- futex.Wait(word, silent, -1) }()
	<-time.After(testkit.Quiet)

	bells.Lock()
	ring(t, filepath.Join(dir, fmt.Sprintf("%08x", number)), word, silent)
	<-time.After(testkit.Quiet) // the arm has fired, and finds the lock taken
	b := e.bell
	delete(b.listeners, e)
	unused := b.unused()
	bells.Unlock()
	if !unused {
		t.Fatal("somebody else needs the bell")
	}
	b.end()
	select {
	case err := <-woken:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(testkit.Hang):
		t.Fatal("the other one was not woken")
	}
}

// ring does what the kernel does when the member dies.
func ring(t *testing.T, member string, word *futex.Word, silent uint32) {
	t.Helper()
	file, err := os.OpenFile(member, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	value := silent | futex.OwnerDied
	if _, err := file.WriteAt((*[4]byte)(unsafe.Pointer(&value))[:], layout.MemberBell); err != nil {
		t.Fatal(err)
	}
	const wake, one = 1, 1
	if _, _, errno := unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), wake, one); errno != 0 {
		t.Fatal(errno)
	}
}
