//go:build linux

package atoll

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// scan reads the numbers of a child's next line.
func scan(b *testing.B, c *testkit.Child, numbers ...any) {
	b.Helper()
	line := c.Line()
	if _, err := fmt.Sscan(line, numbers...); err != nil {
		b.Fatalf("the child said %q: %v", line, err)
	}
}

// sharedView maps a section that all processes of a benchmark share.
func sharedView[T any](self *testkit.Self, name string) (shared *T, end func()) {
	s, _, err := CreateOrOpenSection(name, SectionOptions{Size: 1 << 16})
	self.Must(err)
	v, err := s.Map(0, 0, 0)
	self.Must(err)
	shared, err = At[T](v, 0)
	self.Must(err)
	return shared, func() {
		self.Must(v.Close())
		self.Must(s.Close())
	}
}

// The ping and the pong side: told how many rounds, it says the nanoseconds and the
// processor time of each.
var _ = testkit.Role("bench-pingpong", func(self *testkit.Self) {
	var events []*Event
	for _, name := range []string{"bench-ping", "bench-pong"} {
		e, _, err := CreateOrOpenEvent(name, EventOptions{})
		self.Must(err)
		events = append(events, e)
	}
	ping, pong := events[0], events[1]
	ctx := context.Background()
	self.Say("ready")
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		var n int
		_, err := fmt.Sscan(line, &n)
		self.Must(err)
		start, used := time.Now(), cpuTime()
		for range n {
			if self.Args[0] == "ping" {
				self.Must(ping.Set())
				self.Must(pong.Wait(ctx))
			} else {
				self.Must(ping.Wait(ctx))
				self.Must(pong.Set())
			}
		}
		rounds := float64(n)
		self.Say("%f %f", float64(time.Since(start).Nanoseconds())/rounds, (cpuTime()-used)/rounds)
	}
	self.Must(ping.Close())
	self.Must(pong.Close())
})

// BenchmarkPingPong measures a round of two processes that wake each other in turn,
// with events, with raw futexes in C, and spinning in C: on two processors, and
// pinned to one. What C does on two processors is measured with each process on its
// own, and where the kernel puts them.
func BenchmarkPingPong(b *testing.B) {
	b.Run("two", func(b *testing.B) {
		f := newFigures(b)
		ping, pong := startPingPong(b)
		for range 21 {
			addPingPong(f, ping, pong, 20_000)
			f.peer("pingpong futex 500 apart", "ns/futex-C", "cpu-ns/futex-C")
			f.peer("pingpong futex 2000 free", "ns/futex-free-C", "cpu-ns/futex-free-C")
			f.peer("pingpong spin 20000 apart", "ns/spin-C", "cpu-ns/spin-C")
		}
		f.ratio("xfutex-C", "ns/round", "ns/futex-C")
		f.ratio("xfutex-free-C", "ns/round", "ns/futex-free-C")
		f.ratio("xspin-C", "ns/round", "ns/spin-C")
		f.ratio("cpu-xfutex-C", "cpu-ns/round", "cpu-ns/futex-C")
		f.report()
	})
	b.Run("one", func(b *testing.B) {
		f := newFigures(b)
		var ping, pong *testkit.Child
		onFirstProcessor(b, func() *testkit.Child {
			ping, pong = startPingPong(b)
			return ping
		})
		for range 21 {
			addPingPong(f, ping, pong, 5000)
			f.peer("pingpong futex 5000 same", "ns/futex-C", "cpu-ns/futex-C")
		}
		f.ratio("xfutex-C", "ns/round", "ns/futex-C")
		f.ratio("cpu-xfutex-C", "cpu-ns/round", "cpu-ns/futex-C")
		f.report()
	})
}

func startPingPong(b *testing.B) (ping, pong *testkit.Child) {
	b.Helper()
	ping, pong = testkit.Start(b, "bench-pingpong", "ping"), testkit.Start(b, "bench-pingpong", "pong")
	ping.Expect("ready")
	pong.Expect("ready")
	return ping, pong
}

func addPingPong(f *figures, ping, pong *testkit.Child, rounds int) {
	f.b.Helper()
	pong.Tell("%d", rounds)
	ping.Tell("%d", rounds)
	var took, used, ignored, theirs float64
	scan(f.b, ping, &took, &used)
	scan(f.b, pong, &ignored, &theirs)
	f.add("ns/round", took)
	f.add("cpu-ns/round", used+theirs)
}

// Told for how many milliseconds, it locks and unlocks, and says how often, and
// the processor time of that.
var _ = testkit.Role("bench-contend", func(self *testkit.Self) {
	m, _, err := CreateOrOpenMutex("bench-contend", MutexOptions{})
	self.Must(err)
	inside, end := sharedView[uint64](self, "bench-contend-inside")
	ctx := context.Background()
	self.Say("ready")
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		var ms int
		_, err := fmt.Sscan(line, &ms)
		self.Must(err)
		used, count := cpuTime(), 0
		for until := time.Now().Add(time.Duration(ms) * time.Millisecond); time.Now().Before(until); {
			for range 50 {
				_, err := m.Lock(ctx)
				self.Must(err)
				*inside++
				self.Must(m.Unlock())
				count++
			}
		}
		self.Say("%d %f", count, cpuTime()-used)
	}
	self.Must(m.Close())
	end()
})

// BenchmarkContendedMutex measures a lock of two processes that both want the mutex
// all the time, beside glibc's robust mutex.
func BenchmarkContendedMutex(b *testing.B) {
	const ms = 100
	f := newFigures(b)
	children := []*testkit.Child{testkit.Start(b, "bench-contend"), testkit.Start(b, "bench-contend")}
	for _, c := range children {
		c.Expect("ready")
	}
	for range 21 {
		var used, least float64
		all := 0
		for _, c := range children {
			c.Tell("%d", ms)
		}
		for i, c := range children {
			var count int
			var cpu float64
			scan(b, c, &count, &cpu)
			if i == 0 || float64(count) < least {
				least = float64(count)
			}
			all += count
			used += cpu
		}
		f.add("ns/lock", ms*1e6/float64(all))
		f.add("cpu-ns/lock", used/float64(all))
		f.add("least-share", least/float64(all))
		f.peer(fmt.Sprintf("contend %d apart", ms), "ns/robust-C", "cpu-ns/robust-C")
		f.peer(fmt.Sprintf("contend %d free", ms), "ns/robust-free-C", "cpu-ns/robust-free-C")
	}
	f.ratio("xrobust-C", "ns/lock", "ns/robust-C")
	f.ratio("cpu-xrobust-C", "cpu-ns/lock", "cpu-ns/robust-C")
	f.report()
	for _, c := range children {
		c.End()
	}
}

const anyObjects = 64

// anyShared is what the setter tells the waiter, and how the waiter answers. The
// waiter takes the time: the setter may have lost its processor to it.
type anyShared struct {
	start    atomic.Int64 // of the signal, in Unix nanoseconds
	_        [56]byte
	answered atomic.Uint64
}

func openAny(self *testkit.Self) (events []*Event, shared *anyShared, end func()) {
	for i := range anyObjects {
		e, _, err := CreateOrOpenEvent(fmt.Sprintf("bench-any-%d", i), EventOptions{})
		self.Must(err)
		events = append(events, e)
	}
	shared, unmap := sharedView[anyShared](self, "bench-any")
	return events, shared, func() {
		unmap()
		for _, e := range events {
			self.Must(e.Close())
		}
	}
}

var _ = testkit.Role("bench-any-waiter", func(self *testkit.Self) {
	events, shared, end := openAny(self)
	defer end()
	var objects []Waitable
	for _, e := range events {
		objects = append(objects, e)
	}
	self.Say("ready")
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		var n int
		_, err := fmt.Sscan(line, &n)
		self.Must(err)
		var took []float64
		used := cpuTime()
		for range n {
			_, err := WaitAny(context.Background(), objects...)
			took = append(took, float64(time.Now().UnixNano()-shared.start.Load()))
			self.Must(err)
			shared.answered.Add(1)
		}
		self.Say("%f %f %f", median(took), quantile(took, 0.99), (cpuTime()-used)/float64(n))
	}
})

var _ = testkit.Role("bench-any-setter", func(self *testkit.Self) {
	events, shared, end := openAny(self)
	defer end()
	self.Say("ready")
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		var n, pause int
		_, err := fmt.Sscan(line, &n, &pause)
		self.Must(err)
		for range n {
			for until := time.Now().Add(time.Duration(pause)); time.Now().Before(until); {
			}
			next := shared.answered.Load() + 1
			e := events[rand.IntN(len(events))]
			shared.start.Store(time.Now().UnixNano())
			self.Must(e.Set())
			for shared.answered.Load() != next {
			}
		}
	}
})

// BenchmarkWaitAny64 measures the time from the Set of one of 64 events, at random,
// until the process that waits for any of them knows of it; beside futex_waitv in C.
// Once with pauses, in which the waiter falls asleep, and once without.
func BenchmarkWaitAny64(b *testing.B) {
	for name, pause := range map[string]int{"asleep": 100_000, "busy": 0} {
		b.Run(name, func(b *testing.B) {
			const n = 500
			f := newFigures(b)
			waiter, setter := testkit.Start(b, "bench-any-waiter"), testkit.Start(b, "bench-any-setter")
			waiter.Expect("ready")
			setter.Expect("ready")
			for range 21 {
				waiter.Tell("%d", n)
				setter.Tell("%d %d", n, pause)
				var middle, p99, used float64
				scan(b, waiter, &middle, &p99, &used)
				f.add("ns/wake", middle)
				f.add("p99-ns/wake", p99)
				f.add("cpu-ns/wake", used)
				f.peer(fmt.Sprintf("waitv %d %d", n, pause), "ns/waitv-C", "p99-ns/waitv-C", "cpu-ns/waitv-C")
			}
			f.ratio("xwaitv-C", "ns/wake", "ns/waitv-C")
			f.ratio("cpu-xwaitv-C", "cpu-ns/wake", "cpu-ns/waitv-C")
			f.report()
		})
	}
}
