//go:build linux

package park

import (
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
	"atoll/internal/testkit"
)

// eachWay runs a test for each way that this system has.
func eachWay(t *testing.T, test func(t *testing.T)) {
	for _, w := range []Way{IOUring, FutexWaitv, Threads} {
		t.Run(w.String(), func(t *testing.T) {
			Force(w)
			defer Force(Probed)
			testkit.Need(t, Current() == w, w.String())
			test(t)
		})
	}
}

// sharedWords maps n words, each in a cache line of its own.
func sharedWords(t testing.TB, n int) []*futex.Word {
	t.Helper()
	words, err := anonymousWords(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.MunmapPtr(unsafe.Pointer(words[0]), pages(n)) })
	return words
}

const line = 64

func pages(n int) uintptr {
	return uintptr(n*line+os.Getpagesize()-1) &^ uintptr(os.Getpagesize()-1)
}

func anonymousWords(n int) ([]*futex.Word, error) {
	p, err := unix.MmapPtr(-1, 0, nil, pages(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	words := make([]*futex.Word, n)
	for i := range words {
		words[i] = (*futex.Word)(unsafe.Add(p, i*line))
	}
	return words, nil
}

// testArm is an arm that says when it fires.
type testArm struct {
	Arm
	hits chan struct{}
}

func newArm(t testing.TB, word *futex.Word) *testArm {
	t.Helper()
	a := &testArm{hits: make(chan struct{}, 1024)}
	a.Init(word, func() { a.hits <- struct{}{} })
	t.Cleanup(a.Clear)
	return a
}

func (a *testArm) fires(t testing.TB, why string) {
	t.Helper()
	select {
	case <-a.hits:
	case <-time.After(testkit.Hang):
		t.Fatalf("%s, and it does not fire", why)
	}
}

func (a *testArm) silent(t testing.TB, why string) {
	t.Helper()
	select {
	case <-a.hits:
		t.Fatalf("%s, and it fires", why)
	case <-time.After(testkit.Quiet):
	}
}

func TestFires(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		a := newArm(t, w)
		for i := range uint32(3) {
			a.Set(i)
			a.silent(t, "nothing happened")
			w.Add(1)
			futex.Wake(w)
			a.fires(t, "woken")
			w.Add(1)
			futex.Wake(w)
			a.silent(t, "it is not set")
			w.Store(i + 1)
		}
		a.Set(77)
		a.fires(t, "the word has another value")
	})
}

func TestSetWhileSet(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		a := newArm(t, w)
		a.Set(0)
		a.Set(0)
		a.Set(1) // would fire if it did anything
		a.silent(t, "nothing happened")
		a.Set(1)
		w.Add(1)
		futex.Wake(w)
		a.fires(t, "woken")
		a.silent(t, "it has fired")
	})
}

// TestWakeWithoutChange: while the arm is in the kernel, a wake is enough.
func TestWakeWithoutChange(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		a := newArm(t, w)
		a.Set(0)
		eventually(t, func() bool { futex.Wake(w); return len(a.hits) > 0 }, "woken, and it does not fire")
	})
}

func TestClear(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		a := newArm(t, w)
		a.Clear() // it is not set
		for i := range uint32(3) {
			a.Set(i)
			if i > 0 { // and once while it may not be in the kernel yet
				a.silent(t, "nothing happened")
			}
			a.Clear()
			a.Clear()
			w.Add(1)
			futex.Wake(w)
			a.silent(t, "it was cleared")
		}
		a.Set(3)
		a.silent(t, "nothing happened")
		w.Add(1)
		futex.Wake(w)
		a.fires(t, "it was set again, and woken")
	})
}

// TestFiredMaySet sets the arm where it fires, and others, too.
func TestFiredMaySet(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		words := sharedWords(t, 2)
		var first, second Arm
		defer first.Clear()
		defer second.Clear()
		told := make(chan int, 100)
		first.Init(words[0], func() {
			first.Set(words[0].Load())
			second.Set(words[1].Load())
			told <- 1
		})
		second.Init(words[1], func() { told <- 2 })
		first.Set(0)
		for range 10 {
			for i, w := range words {
				w.Add(1)
				futex.Wake(w)
				for { // for no reason is allowed, too
					if fired(t, told) == i+1 {
						break
					}
				}
			}
		}
	})
}

func fired(t *testing.T, told <-chan int) int {
	t.Helper()
	select {
	case n := <-told:
		return n
	case <-time.After(testkit.Hang):
		t.Fatal("nothing fires")
		return 0
	}
}

// TestClearWaitsForFired: when Clear returns, fired is not running.
func TestClearWaitsForFired(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		var a Arm
		in, out := make(chan struct{}), make(chan struct{})
		a.Init(w, func() {
			a.Set(0) // which Clear takes out, too
			close(in)
			<-out // a test may block
		})
		a.Set(1)
		testkit.Soon(t, in, "fired")
		cleared := make(chan struct{})
		go func() { a.Clear(); close(cleared) }()
		testkit.Blocked(t, cleared, "Clear while fired runs")
		close(out)
		testkit.Soon(t, cleared, "Clear")
		if a.set {
			t.Error("it is set")
		}
	})
}

// TestManyOnOneWord: each arm on a word fires.
func TestManyOnOneWord(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		arms := make([]*testArm, 50)
		for i := range arms {
			arms[i] = newArm(t, w)
		}
		for value := range uint32(5) {
			for _, a := range arms {
				a.Set(value)
			}
			w.Add(1)
			futex.Wake(w)
			for _, a := range arms {
				a.fires(t, "woken")
			}
		}
	})
}

// TestClearPassesOn: a wake that reaches one only, and that has reached an arm
// which is being cleared, reaches another sleeper.
func TestClearPassesOn(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		w := sharedWords(t, 1)[0]
		a, other := newArm(t, w), newArm(t, w)
		a.Set(0)
		other.Set(0)
		a.silent(t, "nothing happened")
		w.Add(1) // as if a took the wake that belongs to this
		a.mu.Lock()
		taken := a.set
		a.mu.Unlock()
		a.Clear()
		if taken {
			other.fires(t, "the wake was passed on")
		}
	})
}
