//go:build linux

package atoll

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/testkit"
)

const manyWaiters = 10_000

// manyShared is what the process of many waiters and the one that signals share.
type manyShared struct {
	signaled atomic.Int64 // when, in Unix nanoseconds
	took     atomic.Int64 // nanoseconds from there to the waiter that woke
	woken    atomic.Int64 // how many waiters have woken
}

// manyObjects are what the waiters wait for: an event for each, or a semaphore or a
// manual-reset event for all.
type manyObjects struct {
	events    []*Event
	semaphore *Semaphore
}

func openMany(self *testkit.Self) (m manyObjects, shared *manyShared, end func()) {
	switch self.Args[0] {
	case "each":
		for i := range manyWaiters {
			e, _, err := CreateOrOpenEvent(fmt.Sprintf("bench-many-%d", i), EventOptions{})
			self.Must(err)
			m.events = append(m.events, e)
		}
	case "event":
		e, _, err := CreateOrOpenEvent("bench-many", EventOptions{ManualReset: true})
		self.Must(err)
		m.events = []*Event{e}
	case "semaphore":
		var err error
		m.semaphore, _, err = CreateOrOpenSemaphore("bench-many", SemaphoreOptions{Max: manyWaiters})
		self.Must(err)
	}
	shared, unmap := sharedView[manyShared](self, "bench-many-shared")
	return m, shared, func() {
		unmap()
		for i, e := range m.events {
			self.Must(e.Close())
			m.events[i] = nil // else its page stays mapped
		}
		if m.semaphore != nil {
			self.Must(m.semaphore.Close())
		}
	}
}

func (m manyObjects) wait(i int) error {
	if m.semaphore != nil {
		return m.semaphore.Wait(context.Background())
	}
	return m.events[i%len(m.events)].Wait(context.Background())
}

func (m manyObjects) waiting() (n int) {
	if m.semaphore != nil {
		return m.semaphore.kernel.Waiting()
	}
	for _, e := range m.events {
		n += e.kernel.Waiting()
	}
	return n
}

func (m manyObjects) signalAll() error {
	if m.semaphore != nil {
		_, err := m.semaphore.Release(manyWaiters)
		return err
	}
	for _, e := range m.events {
		if err := e.Set(); err != nil {
			return err
		}
	}
	return nil
}

func (m manyObjects) signalOne() error {
	if m.semaphore != nil {
		_, err := m.semaphore.Release(1)
		return err
	}
	return m.events[rand.IntN(len(m.events))].Set()
}

// The waiters. Told "sleep" it says, once they all sleep, how many threads there
// are and how many bytes of memory for each waiter; then, when they have all been
// woken, how long that took. In between, told "go", they wait again when they wake,
// until "end".
var _ = testkit.Role("bench-many-waiters", func(self *testkit.Self) {
	m, shared, end := openMany(self)
	defer end()
	self.Say("ready")
	var again atomic.Bool
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		if line != "sleep" {
			again.Store(line == "go")
			self.Say("%s", line)
			continue
		}
		before, _ := resident(self)
		var waiters sync.WaitGroup
		for i := range manyWaiters {
			waiters.Go(func() {
				for first := true; first || again.Load(); first = false {
					self.Must(m.wait(i))
					shared.took.Store(time.Now().UnixNano() - shared.signaled.Load())
					shared.woken.Add(1)
				}
			})
		}
		for m.waiting() != manyWaiters {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * testkit.Quiet)
		after, threads := resident(self)
		self.Say("%d %d", threads, (after-before)/manyWaiters)
		go func() {
			waiters.Wait()
			self.Say("%d", time.Now().UnixNano()-shared.signaled.Load())
		}()
	}
})

// Told "all" it signals for all, told a number it signals so often for one, and says
// the median and p99 of the nanoseconds until the waiter woke.
var _ = testkit.Role("bench-many-setter", func(self *testkit.Self) {
	m, shared, end := openMany(self)
	defer end()
	self.Say("ready")
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		switch line {
		case "all":
			shared.signaled.Store(time.Now().UnixNano())
			self.Must(m.signalAll())
			self.Say("all")
			continue
		case "reset":
			self.Must(m.events[0].Reset())
			self.Say("reset")
			continue
		}
		var n int
		_, err := fmt.Sscan(line, &n)
		self.Must(err)
		var took []float64
		for range n {
			time.Sleep(300 * time.Microsecond)
			before := shared.woken.Load()
			shared.signaled.Store(time.Now().UnixNano())
			self.Must(m.signalOne())
			for shared.woken.Load() == before {
			}
			took = append(took, float64(shared.took.Load()))
		}
		self.Say("%f %f", median(took), quantile(took, 0.99))
	}
})

// resident is this process's memory in bytes, and its number of threads.
func resident(self *testkit.Self) (bytes, threads int) {
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	self.Must(err)
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d", &bytes)
		_, _ = fmt.Sscanf(line, "Threads: %d", &threads)
	}
	return bytes * 1024, threads
}

// BenchmarkManyWaiters has 10,000 goroutines of one process wait, which another
// process wakes: each for an event of its own, or all for one object.
func BenchmarkManyWaiters(b *testing.B) {
	for _, kind := range []string{"each", "semaphore", "event"} {
		b.Run(kind, func(b *testing.B) {
			f := newFigures(b)
			waiters, setter := testkit.Start(b, "bench-many-waiters", kind), testkit.Start(b, "bench-many-setter", kind)
			waiters.Expect("ready")
			setter.Expect("ready")
			for turn := range 5 {
				var threads, bytes, took float64
				waiters.Tell("sleep")
				scan(b, waiters, &threads, &bytes)
				f.add("threads", threads)
				if turn == 0 { // later waiters get the memory of the first
					f.add("bytes/waiter", bytes)
				}
				if kind != "event" {
					addSingleWakes(f, waiters, setter)
				}
				ask(b, setter, "all")
				scan(b, waiters, &took)
				f.add("ns/all", took)
				if kind == "event" {
					ask(b, setter, "reset")
				}
			}
			f.report()
			waiters.End()
			setter.End()
		})
	}
}

func addSingleWakes(f *figures, waiters, setter *testkit.Child) {
	f.b.Helper()
	ask(f.b, waiters, "go")
	var middle, p99 float64
	setter.Tell("500")
	scan(f.b, setter, &middle, &p99)
	f.add("ns/wake", middle)
	f.add("p99-ns/wake", p99)
	ask(f.b, waiters, "end")
}
