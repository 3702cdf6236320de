//go:build linux

package futex

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These tests say whether this kernel does what the rest of Atoll stands on.

const (
	quiet = 50 * time.Millisecond
	hang  = time.Minute
)

// sharedPage maps one page of a file twice: once for writing, once for reading.
func sharedPage(t *testing.T) (write, read unsafe.Pointer) {
	t.Helper()
	fd, err := unix.MemfdCreate("futex", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	size := uintptr(os.Getpagesize())
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		t.Fatal(err)
	}
	mapped := func(protection int) unsafe.Pointer {
		p, err := unix.MmapPtr(fd, 0, nil, size, protection, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.MunmapPtr(p, size) })
		return p
	}
	return mapped(unix.PROT_READ | unix.PROT_WRITE), mapped(unix.PROT_READ)
}

// asleep runs a wait in a goroutine of its own, and sees to it that it sleeps.
func asleep(t *testing.T, wait func() error) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- wait()
	}()
	select {
	case err := <-done:
		t.Fatalf("the wait does not wait: %v", err)
	case <-time.After(quiet):
	}
	return done
}

func woke(t *testing.T, done <-chan error, what string) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	case <-time.After(hang):
		t.Fatalf("%s: nobody woke", what)
	}
}

func words(page unsafe.Pointer) (a, b *Word) {
	return (*Word)(page), (*Word)(unsafe.Add(page, 4))
}

func TestWaitComparesFirst(t *testing.T) {
	page, _ := sharedPage(t)
	w, _ := words(page)
	w.Store(7)
	if err := Wait(w, 6, -1); err != nil { // would sleep for ever if it did not
		t.Fatal(err)
	}
	if err := Wait(w, 7, time.Millisecond); err != nil {
		t.Fatal("timeout:", err)
	}
	if err := WaitAny([]Watch{{Word: w, Expected: 6}}, -1); err != nil {
		t.Fatal(err)
	}
	if err := WaitAny([]Watch{{Word: w, Expected: 7}}, time.Millisecond); err != nil {
		t.Fatal("timeout:", err)
	}
}

func TestWakeReachesReadOnlyMappings(t *testing.T) {
	write, read := sharedPage(t)
	w, _ := words(write)
	r, _ := words(read)
	plain := asleep(t, func() error { return Wait(r, 0, -1) })
	any := asleep(t, func() error { return WaitAny([]Watch{{Word: r}}, -1) })
	Wake(w)
	woke(t, plain, "Wait")
	woke(t, any, "WaitAny")
	// And the other way: who can only read can wake.
	plain = asleep(t, func() error { return Wait(w, 0, -1) })
	Wake(r)
	woke(t, plain, "Wait, woken by a reader")
}

func TestWakeWakesAll(t *testing.T) {
	page, _ := sharedPage(t)
	w, _ := words(page)
	var all []<-chan error
	for range 5 {
		all = append(all, asleep(t, func() error { return Wait(w, 0, -1) }))
	}
	Wake(w)
	for _, done := range all {
		woke(t, done, "one of five")
	}
}

func TestOpenAndWake(t *testing.T) {
	page, _ := sharedPage(t)
	word, gate := words(page)
	gate.Store(42)
	onWord := asleep(t, func() error { return Wait(word, 0, -1) })
	onGate := asleep(t, func() error { return Wait(gate, 42, -1) })
	onBoth := asleep(t, func() error { return WaitAny([]Watch{{Word: word}, {Word: gate, Expected: 42}}, -1) })
	if err := OpenAndWake(word, gate); err != nil {
		t.Fatal(err)
	}
	if gate.Load() != 0 || word.Load() != 0 {
		t.Fatalf("gate %d, word %d", gate.Load(), word.Load())
	}
	woke(t, onWord, "on the word")
	woke(t, onGate, "on the gate")
	woke(t, onBoth, "on both")
}

func TestOpenAndWakeOfUnmappedMemory(t *testing.T) {
	page, err := unix.MmapPtr(-1, 0, nil, uintptr(os.Getpagesize()), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.MunmapPtr(page, uintptr(os.Getpagesize())) }()
	word, gate := words(page)
	if err := OpenAndWake(word, gate); !errors.Is(err, unix.EFAULT) {
		t.Fatal(err)
	}
	if err := Wait(word, 0, -1); !errors.Is(err, unix.EFAULT) {
		t.Fatal(err)
	}
}

func TestWaitAnyOfSharedAndPrivate(t *testing.T) {
	page, _ := sharedPage(t)
	shared, _ := words(page)
	private := new(Word)
	watches := []Watch{{Word: shared}, {Word: private, Private: true}}
	done := asleep(t, func() error { return WaitAny(watches, -1) })
	private.Add(1)
	WakePrivate(private)
	woke(t, done, "by the private word")
	watches[1].Expected = 1
	done = asleep(t, func() error { return WaitAny(watches, -1) })
	Wake(shared)
	woke(t, done, "by the shared word")
}

// TestTimeouts: both calls end after the time, and not before; on systems of 32 bits
// they take it in different ways.
func TestTimeouts(t *testing.T) {
	write, _ := sharedPage(t)
	word := (*Word)(write)
	for name, wait := range map[string]func(timeout time.Duration) error{
		"Wait":    func(timeout time.Duration) error { return Wait(word, 0, timeout) },
		"WaitAny": func(timeout time.Duration) error { return WaitAny([]Watch{{Word: word}}, timeout) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "WaitAny" && !HasWaitAny() {
				t.Skip("this kernel has no futex_waitv")
			}
			for _, timeout := range []time.Duration{quiet, 1100 * time.Millisecond} {
				ended := 0
				for left := timeout; left > 0; ended++ { // a signal may end it sooner
					start := time.Now()
					done := make(chan error, 1)
					go func() { done <- wait(left) }()
					select {
					case err := <-done:
						if err != nil {
							t.Fatal(err)
						}
					case <-time.After(hang):
						t.Fatal("it does not end")
					}
					left -= time.Since(start)
				}
				if ended > 100 {
					t.Fatalf("a wait of %v ended %d times before that", timeout, ended)
				}
			}
		})
	}
}

func TestForbidWaitAny(t *testing.T) {
	had := HasWaitAny()
	ForbidWaitAny(true)
	if HasWaitAny() {
		t.Error("forbidden, but there")
	}
	ForbidWaitAny(false)
	if HasWaitAny() != had {
		t.Error("not forbidden, but gone")
	}
}
