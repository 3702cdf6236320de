//go:build linux

package park

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/futex"
	"atoll/internal/testkit"
)

// threadCount is how many threads this process has.
func threadCount(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "Threads:")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// flock is many arms, each on its own word, that count how often they fire.
type flock struct {
	words []*futex.Word
	arms  []Arm
	fired atomic.Int64
}

func newFlock(t testing.TB, n int) *flock {
	t.Helper()
	f := &flock{words: sharedWords(t, n), arms: make([]Arm, n)}
	for i := range f.arms {
		f.arms[i].Init(f.words[i], func() { f.fired.Add(1) })
	}
	return f
}

func (f *flock) set() {
	for i := range f.arms {
		f.arms[i].Set(f.words[i].Load())
	}
}

func (f *flock) wake() {
	for _, w := range f.words {
		w.Add(1)
		futex.Wake(w)
	}
}

func (f *flock) clear() {
	var all sync.WaitGroup
	for part := range 8 {
		all.Go(func() {
			for i := part; i < len(f.arms); i += 8 {
				f.arms[i].Clear()
			}
		})
	}
	all.Wait()
}

// await waits until n have fired.
func (f *flock) await(t testing.TB, n int64) {
	t.Helper()
	eventually(t, func() bool { return f.fired.Load() >= n }, "not all fire")
	if got := f.fired.Load(); got > n {
		t.Logf("%d fired for no reason, which is allowed", got-n)
	}
}

func eventually(t testing.TB, is func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(testkit.Hang); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func TestTenThousand(t *testing.T) {
	allowed := map[Way]int{IOUring: 16, FutexWaitv: 100, Threads: maxThreads + 16}
	eachWay(t, func(t *testing.T) {
		goroutines, threads := runtime.NumGoroutine(), threadCount(t)
		f := newFlock(t, 10_000)
		defer f.clear()
		for round := range int64(2) {
			f.set()
			time.Sleep(testkit.Quiet)
			if n := f.fired.Load(); n != round*10_000 {
				t.Errorf("%d fired before anything happened", n-round*10_000)
			}
			if now := threadCount(t); now > threads+allowed[Current()] {
				t.Errorf("%d threads, and %d before", now, threads)
			}
			f.wake()
			f.await(t, (round+1)*10_000)
		}
		f.set()
		f.clear()
		if f.fired.Load() != 20_000 {
			t.Error("fired when cleared")
		}
		eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines }, "goroutines stay behind")
	})
}

// TestNothingStays sees that no descriptor is left, but for what is there once
// for all, and that a thousand rounds take no more threads than one.
func TestNothingStays(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		f := newFlock(t, 200)
		round := func() { f.set(); f.clear() }
		round()
		descriptors, threads := len(testkit.Descriptors()), threadCount(t)
		for range 20 {
			round()
		}
		if now := len(testkit.Descriptors()); now > descriptors {
			t.Errorf("%d descriptors, and %d before", now, descriptors)
		}
		if now := threadCount(t); now > threads+200 { // Go keeps threads for later
			t.Errorf("%d threads, and %d before", now, threads)
		}
		if thePool.arms != 0 || theRing != nil && theRing.table.len() != 0 {
			t.Error("arms are left")
		}
	})
}
