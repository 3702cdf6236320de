//go:build linux

package park

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
	"atoll/internal/testkit"
)

// fileWord maps the first word of a file on tmpfs.
func fileWord(t testing.TB, path string, protection int) *futex.Word {
	t.Helper()
	w, err := mapWord(path, protection)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.MunmapPtr(unsafe.Pointer(w), uintptr(os.Getpagesize())) })
	return w
}

func mapWord(path string, protection int) (*futex.Word, error) {
	mode := os.O_RDONLY
	if protection&unix.PROT_WRITE != 0 {
		mode = os.O_RDWR
	}
	f, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	p, err := unix.MmapPtr(int(f.Fd()), 0, nil, uintptr(os.Getpagesize()), protection, unix.MAP_SHARED)
	return (*futex.Word)(p), err
}

// newFile makes a file of one page on tmpfs.
func newFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(testkit.Base(), fmt.Sprintf("word-%d", time.Now().UnixNano()))
	if err := os.WriteFile(path, make([]byte, os.Getpagesize()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
	return path
}

func TestReadOnly(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		path := newFile(t)
		w := fileWord(t, path, unix.PROT_READ|unix.PROT_WRITE)
		a := newArm(t, fileWord(t, path, unix.PROT_READ))
		a.Set(0)
		a.silent(t, "nothing happened")
		w.Add(1)
		futex.Wake(w)
		a.fires(t, "woken")
		a.Set(1)
		a.silent(t, "nothing happened")
		a.Clear()
		w.Add(1)
		futex.Wake(w)
		a.silent(t, "it was cleared")
	})
}

// waker changes and wakes the word of a file for each line that it hears.
var _ = testkit.Role("waker", func(self *testkit.Self) {
	w, err := mapWord(self.Args[0], unix.PROT_READ|unix.PROT_WRITE)
	self.Must(err)
	self.Say("ready")
	for {
		if _, more := self.Hear(); !more {
			return
		}
		w.Add(1)
		futex.Wake(w)
	}
})

func TestAnotherProcessWakes(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		path := newFile(t)
		a := newArm(t, fileWord(t, path, unix.PROT_READ))
		child := testkit.Start(t, "waker", path)
		child.Expect("ready")
		for value := range uint32(3) {
			a.Set(value)
			a.silent(t, "nothing happened")
			child.Tell("wake")
			a.fires(t, "another process woke it")
		}
		child.End()
	})
}

// calls are the system calls that a role forbids, by name.
var calls = map[string]uint32{
	"setup":    unix.SYS_IO_URING_SETUP,
	"enter":    unix.SYS_IO_URING_ENTER,
	"register": unix.SYS_IO_URING_REGISTER,
	"waitv":    unix.SYS_FUTEX_WAITV,
}

func forbid(self *testkit.Self) {
	errno, err := strconv.Atoi(self.Args[0])
	self.Must(err)
	var numbers []uint32
	for name := range strings.SplitSeq(self.Args[1], ",") {
		numbers = append(numbers, calls[name])
	}
	self.Must(testkit.Forbid(unix.Errno(errno), numbers...))
}

// usable says whether three arms fire when woken, and not before.
func usable(self *testkit.Self, words []*futex.Word, wait func(told <-chan int) bool) {
	told := make(chan int, 100)
	arms := make([]Arm, 3)
	for i := range arms {
		arms[i].Init(words[i], func() { told <- i })
		arms[i].Set(words[i].Load())
	}
	if wait(told) {
		self.Must(fmt.Errorf("fires for no reason"))
	}
	for i, w := range words[:3] {
		w.Add(1)
		futex.Wake(w)
		select {
		case n := <-told:
			if n != i {
				self.Must(fmt.Errorf("%d woken, %d fires", i, n))
			}
		case <-time.After(testkit.Hang):
			self.Must(fmt.Errorf("woken, and does not fire"))
		}
	}
	for i := range arms {
		arms[i].Clear()
	}
}

func quietly(told <-chan int) bool {
	time.Sleep(testkit.Quiet)
	return len(told) > 0
}

// forbidden forbids system calls before the first use, and then waits.
var _ = testkit.Role("forbidden", func(self *testkit.Self) {
	forbid(self)
	self.Say("%s", Current())
	words, err := anonymousWords(3)
	self.Must(err)
	usable(self, words, quietly)
	self.Say("fine")
})

func TestForbidden(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM, unix.EINVAL, unix.ENOMEM} {
		for what, want := range map[string]Way{
			"setup": FutexWaitv, "enter": FutexWaitv, "register": FutexWaitv, "setup,waitv": Threads,
		} {
			if errno == unix.EINVAL && want == Threads {
				continue // futex_waitv says EINVAL where it works
			}
			t.Run(fmt.Sprint(errno, " ", what), func(t *testing.T) {
				Force(FutexWaitv)
				testkit.Need(t, Current() == FutexWaitv, "futex_waitv")
				Force(Probed)
				child := testkit.Start(t, "forbidden", strconv.Itoa(int(errno)), what)
				child.Expect(want.String())
				child.Expect("fine")
				child.End()
			})
		}
	}
}

// forbiddenLater forbids system calls while arms are set.
var _ = testkit.Role("forbiddenLater", func(self *testkit.Self) {
	words, err := anonymousWords(6)
	self.Must(err)
	way, err := strconv.Atoi(self.Args[2])
	self.Must(err)
	Force(Way(way))
	var arms [3]Arm
	told := make(chan int, 100)
	for i := range arms {
		arms[i].Init(words[3+i], func() { told <- i })
		arms[i].Set(0)
	}
	time.Sleep(testkit.Quiet)
	forbid(self)
	arms[0].Clear() // the thread finds out
	for i := range arms {
		arms[i].Set(0) // if it has fired, or else it is still set
	}
	time.Sleep(testkit.Quiet)
	for i := range arms {
		arms[i].Set(0)
		words[3+i].Add(1)
		futex.Wake(words[3+i])
	}
	for left := map[int]bool{0: true, 1: true, 2: true}; len(left) > 0; {
		select {
		case i := <-told:
			delete(left, i)
		case <-time.After(testkit.Hang):
			self.Must(fmt.Errorf("arms %v do not fire", left))
		}
	}
	self.Say("%s", Current())
	usable(self, words, quietly)
	self.Say("fine")
})

// TestForbiddenLater: what was in the kernel is not lost, and what comes takes
// another way.
func TestForbiddenLater(t *testing.T) {
	for _, test := range []struct {
		what     string
		way, now Way
	}{
		{"enter", IOUring, FutexWaitv},
		{"enter,waitv", IOUring, Threads},
		{"waitv", FutexWaitv, Threads},
	} {
		for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
			t.Run(fmt.Sprint(errno, " ", test.what), func(t *testing.T) {
				Force(test.way)
				testkit.Need(t, Current() == test.way, test.way.String())
				Force(Probed)
				child := testkit.Start(t, "forbiddenLater", strconv.Itoa(int(errno)), test.what, strconv.Itoa(int(test.way)))
				child.Expect(test.now.String())
				child.Expect("fine")
				child.End()
			})
		}
	}
}
