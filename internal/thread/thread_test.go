//go:build linux

package thread

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/ending"
)

// The process's first thread never ends, so no test may come to run on it.
func init() { runtime.LockOSThread() }

const hang = time.Minute

// onThread runs f on a thread that ends with it.
func onThread(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	return done
}

// bothWays runs a test with a kernel that tells of the ends of threads, and without.
func bothWays(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for name, without := range map[string]bool{"told": false, "asked": true} {
		t.Run(name, func(t *testing.T) {
			ending.WithoutThreads.Store(without)
			defer ending.WithoutThreads.Store(false)
			test(t)
		})
	}
}

type thing struct{ by chan *Thread }

func newThing() *thing { return &thing{by: make(chan *Thread, 10)} }

func (x *thing) Abandon(by *Thread) { x.by <- by }

func self(t *testing.T) *Thread {
	t.Helper()
	s, err := Self()
	if err != nil {
		t.Error(err)
		runtime.Goexit()
	}
	return s
}

func TestSelf(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		var first, second *Thread
		<-onThread(func() {
			first = self(t)
			if again := self(t); again != first || first.ID() != unix.Gettid() || !first.Alive() {
				t.Errorf("%p %d, then %p; this is %d", first, first.ID(), again, unix.Gettid())
			}
			if of, err := Of(unix.Gettid()); of != first || err != nil {
				t.Errorf("Of gives %p, %v, want %p", of, err, first)
			}
			<-onThread(func() { second = self(t) })
		})
		if first == second {
			t.Error("two threads are one")
		}
		awaitEnd(t, first)
		if _, err := Of(first.ID()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Of one that has ended: %v", err)
		}
		if _, err := Of(1 << 30); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Of none: %v", err)
		}
		if _, err := Of(os.Getppid()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Of a thread of another process: %v", err)
		}
	})
}

// A number that the kernel gives again leads to nobody who had it before.
func TestNumberIsGivenAgain(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		var old *Thread
		x := newThing()
		var end *ending.Process
		<-onThread(func() {
			old = self(t)
			var err error
			if end, err = ending.OpenThread(old.ID()); err != nil {
				t.Error(err)
			}
		})
		awaitEnd(t, old)
		<-onThread(func() {
			id := unix.Gettid()
			// As if this thread had the number of the old one, whose end nobody has
			// noticed yet.
			table.Lock()
			stale := &Thread{id: id, end: end, done: make(chan struct{}), owned: []Owned{x}}
			table.byID[id] = stale
			table.Unlock()
			if s := self(t); s == stale || s.ID() != id {
				t.Error("it is taken for the thread that had the number before")
				return
			}
			select {
			case <-x.by:
			case <-time.After(hang):
				t.Error("what the old one owned is not abandoned")
			}
		})
	})
}

// awaitKernel waits until the kernel says that it has ended.
func awaitKernel(t *testing.T, s *Thread) {
	t.Helper()
	for began := time.Now(); !s.hasEnded(); time.Sleep(time.Millisecond) {
		if time.Since(began) > hang {
			t.Fatal("it does not end")
		}
	}
}

func awaitEnd(t *testing.T, s *Thread) {
	t.Helper()
	for began := time.Now(); s.Alive(); time.Sleep(time.Millisecond) {
		if time.Since(began) > hang {
			t.Fatal("it does not end")
		}
	}
}

func TestEndAbandons(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		kept, given := newThing(), newThing()
		var s *Thread
		<-onThread(func() {
			s = self(t)
			s.Own(kept)
			s.Own(given)
			s.Own(kept)
			if !s.Disown(given) || s.Disown(given) || !s.Disown(kept) {
				t.Error("Disown does not say whether there was something")
			}
		})
		select { // nobody asks
		case by := <-kept.by:
			if by != s {
				t.Error("abandoned by another thread")
			}
		case <-time.After(hang):
			t.Fatal("it is not abandoned")
		}
		if s.Alive() || len(kept.by)+len(given.by) != 0 || s.Disown(kept) {
			t.Error("abandoned twice, or what it did not own")
		}
	})
}

// A goroutine that was not locked to its thread may say too late that it owns something.
func TestOwnComesTooLate(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		var s *Thread
		<-onThread(func() { s = self(t) })
		awaitEnd(t, s)
		x := newThing()
		s.Own(x)
		select {
		case by := <-x.by:
			if by != s {
				t.Errorf("abandoned by %p, want %p", by, s)
			}
		case <-time.After(hang):
			t.Error("it belongs to a thread that has ended, for good")
		}
		if s.Disown(x) {
			t.Error("it can be given up")
		}
	})
}

// Whoever sees that the thread has ended finds its things abandoned.
func TestAliveComesAfterAbandon(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		for range 50 {
			var abandoned atomic.Bool
			var s *Thread
			<-onThread(func() {
				s = self(t)
				s.Own(abandonFunc{func() { time.Sleep(time.Millisecond); abandoned.Store(true) }})
			})
			awaitEnd(t, s)
			if !abandoned.Load() {
				t.Fatal("it has ended, and what it owned is not abandoned")
			}
		}
	})
}

type abandonFunc struct{ f func() }

func (a abandonFunc) Abandon(*Thread) { a.f() }

func TestAPCs(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		var s *Thread
		ready, queued := make(chan struct{}), make(chan struct{})
		var ran []int
		poked := 0
		end := onThread(func() {
			s = self(t)
			s.Alert(func() { poked++ })
			close(ready)
			<-queued
			s.Alert(nil)
			if !s.Pending() || !s.Run() || s.Pending() || s.Run() {
				t.Error("not once what is queued")
			}
		})
		<-ready
		other := make([]*APC, 4)
		for i := range other {
			other[i] = s.NewAPC(func() bool {
				ran = append(ran, i)
				if i == 0 {
					s.NewAPC(func() bool { ran = append(ran, 10); return false }).Queue()
				}
				return i == 0
			})
			for range 2 {
				if !other[i].Queue() {
					t.Error("not queued")
				}
			}
		}
		if !other[1].Withdraw() || other[1].Withdraw() {
			t.Error("Withdraw does not say whether it was queued")
		}
		close(queued)
		<-end
		if len(ran) != 4 || ran[0] != 0 || ran[1] != 2 || ran[2] != 3 || ran[3] != 10 || poked != 4 {
			t.Errorf("ran %v, poked %d times", ran, poked)
		}
		awaitKernel(t, s)
		if other[2].Queue() || s.Pending() {
			t.Error("queued to a thread that has ended")
		}
	})
}

// Threads come and go, and end with something queued and something owned: nothing of
// them is left.
func TestThreadsComeAndGo(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		descriptors, goroutines := countDescriptors(t), runtime.NumGoroutine()
		var abandoned atomic.Int32
		const rounds, abreast = 200, 50
		for range rounds {
			var all sync.WaitGroup
			for range abreast {
				all.Add(1)
				onThread(func() {
					defer all.Done()
					s := self(t)
					s.Own(abandonFunc{func() { abandoned.Add(1) }})
					s.NewAPC(func() bool { return true }).Queue()
				})
			}
			all.Wait()
		}
		for began := time.Now(); abandoned.Load() != rounds*abreast || runtime.NumGoroutine() > goroutines+1 || countDescriptors(t) > descriptors+1; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > hang {
				t.Fatalf("%d of %d abandoned, %d descriptors, %d before, %d goroutines, %d before", abandoned.Load(), rounds*abreast,
					countDescriptors(t), descriptors, runtime.NumGoroutine(), goroutines)
			}
		}
		table.Lock()
		defer table.Unlock()
		for _, s := range table.byID {
			if !s.end.Ticks() && s.hasEnded() {
				t.Errorf("a record of thread %d is left", s.id)
			}
		}
	})
}

// Threads that own nothing are swept where nobody tells of their end.
func TestIdleThreadsAreSwept(t *testing.T) {
	ending.WithoutThreads.Store(true)
	defer ending.WithoutThreads.Store(false)
	for range 500 {
		var s *Thread
		<-onThread(func() {
			x := newThing()
			s = self(t)
			s.Own(x)
			s.Disown(x)
		})
		awaitKernel(t, s)
	}
	table.Lock()
	defer table.Unlock()
	if n := len(table.byID); n > 3*fewThreads {
		t.Errorf("%d records are left of 500 threads that have ended", n)
	}
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func BenchmarkSelf(b *testing.B) {
	<-onThread(func() {
		for range b.N {
			if _, err := Self(); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkOwn(b *testing.B) {
	<-onThread(func() {
		s, err := Self()
		if err != nil {
			b.Error(err)
			return
		}
		x := newThing()
		for range b.N {
			s.Own(x)
			s.Disown(x)
		}
	})
}

// Each thread is told from all others without the kernel, also from those that have had
// its number, or its place among those remembered.
func TestThreadsAreRemembered(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		var all sync.Map
		for range 50 {
			var group sync.WaitGroup
			for range 20 {
				group.Add(1)
				onThread(func() {
					defer group.Done()
					if before := remembered(); before != nil {
						t.Errorf("a new thread is %d already", before.ID())
					}
					first := self(t)
					if _, twice := all.LoadOrStore(first, true); twice || first.ID() != unix.Gettid() {
						t.Errorf("thread %d is %d, twice %v", unix.Gettid(), first.ID(), twice)
					}
					for range 10 {
						runtime.Gosched()
						if again := remembered(); again != nil && again != first {
							t.Errorf("thread %d is %d then", first.ID(), again.ID())
						}
						if again := self(t); again != first || remembered() == nil && quickThreads > 20 && place(getm()).Load() == nil {
							t.Errorf("thread %d is not remembered", first.ID())
						}
					}
				})
			}
			group.Wait()
		}
		for thread := range all.Range {
			awaitEnd(t, thread.(*Thread))
		}
		for i := range quick {
			left := quick[i].Load()
			if _, ours := all.Load(left); ours {
				t.Errorf("thread %d has ended, and is still remembered", left.ID())
			}
		}
	})
}
