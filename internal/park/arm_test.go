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

// sharedWords maps n words, as far apart as those of different objects would be
// if they were small.
func sharedWords(t testing.TB, n int) []*futex.Word {
	t.Helper()
	size := uintptr(n*64+os.Getpagesize()-1) &^ uintptr(os.Getpagesize()-1)
	p, err := unix.MmapPtr(-1, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.MunmapPtr(p, size) })
	words := make([]*futex.Word, n)
	for i := range words {
		words[i] = (*futex.Word)(unsafe.Add(p, i*64))
	}
	return words
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
			a.silent(t, "it is not set")
		}
		a.Set(77)
		a.fires(t, "the word has another value")
		a.Set(3)
		a.silent(t, "nothing happened")
		a.Clear()
		w.Add(1)
		futex.Wake(w)
		a.silent(t, "it was cleared")
	})
}
