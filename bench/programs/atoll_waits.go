//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	runtimemetrics "runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"atoll"
	"atoll/bench/internal/calling"
	"atoll/internal/park"
)

func init() {
	register("atoll", map[string]func(p *program){
		"wait_any":   waitAny,
		"any-waiter": anyWaiter,
		"wait_all":   waitAll,
		"waiters":    waiters,
		"crowd":      crowd,
	})
}

const anyObjects = 64

// shared is what two processes of a program tell each other without a system call.
type shared struct {
	start    atomic.Int64 // of a signal, in Unix nanoseconds
	took     atomic.Int64 // nanoseconds from there to the waiter
	_        [48]byte
	answered atomic.Int64 // how many signals
}

func share() (s *shared, end func()) {
	section, _, err := atoll.CreateOrOpenSection("shared", atoll.SectionOptions{Size: 4096})
	must(err)
	v, err := section.Map(0, 0, 0)
	must(err)
	s, err = atoll.At[shared](v, 0)
	must(err)
	return s, func() { must(errors.Join(v.Close(), section.Close())) }
}

func openEvents(n int) (events []*atoll.Event) {
	for i := range n {
		e, _, err := atoll.CreateOrOpenEvent(fmt.Sprint("event-", i), atoll.EventOptions{})
		must(err)
		events = append(events, e)
	}
	return events
}

// waitAny signals one of 64 events, and looks how soon the other process has it that
// waits for any of them: after a pause in which it falls asleep.
func waitAny(p *program) {
	n, pause := p.sizes[0], time.Duration(p.sizes[1])
	events := openEvents(anyObjects)
	s, end := share()
	defer end()
	waiter := p.start("any-waiter", n)
	waiter.hear("ready")
	p.measuring()
	for i := range n {
		for until := time.Now().Add(pause); time.Now().Before(until); {
		}
		s.start.Store(time.Now().UnixNano())
		must(events[rand.IntN(len(events))].Set())
		for s.answered.Load() != int64(i+1) {
		}
	}
	var middle, p99, used float64
	waiter.hear("took", &middle, &p99, &used)
	waiter.end()
	say("-", middle)
	say("p99", p99)
	say("cpu", used)
}

func anyWaiter(p *program) {
	s, end := share()
	defer end()
	var objects []atoll.Waitable
	for _, e := range openEvents(anyObjects) {
		objects = append(objects, e)
	}
	n := p.sizes[0]
	took := make([]float64, 0, n)
	fmt.Println("ready")
	used := cpuTime()
	for range n {
		_, err := atoll.WaitAny(context.Background(), objects...)
		took = append(took, float64(time.Now().UnixNano()-s.start.Load()))
		must(err)
		s.answered.Add(1)
	}
	used = (cpuTime() - used) / float64(n)
	fmt.Println("took", calling.Quantile(took, 0.5), calling.Quantile(took, 0.99), used)
}

// waitAll waits for all of some semaphores that have enough for all rounds.
func waitAll(p *program) {
	var objects []atoll.Waitable
	for range p.sizes[2] {
		s, err := atoll.CreateSemaphore("", atoll.SemaphoreOptions{Initial: 1 << 30, Max: 1 << 30})
		must(err)
		objects = append(objects, s)
	}
	ctx := context.Background()
	p.loops("-", func(n int) {
		for range n {
			_, err := atoll.WaitAll(ctx, objects...)
			must(err)
		}
	})
}

// waiters measures many goroutines of another process that wait for an event each: in
// the way that is the best here, and with futex_waitv.
func waiters(p *program) {
	n, wakes := p.sizes[0], p.sizes[1]
	events := openEvents(n)
	s, end := share()
	defer end()
	ioUring, waitv := park.Missing()
	if ioUring == nil {
		crowded(p, events, s, wakes, park.IOUring, "")
	}
	if waitv == nil && wanted(park.FutexWaitv.String()) {
		crowded(p, events, s, wakes, park.FutexWaitv, park.FutexWaitv.String()+"/")
	}
}

func crowded(p *program, events []*atoll.Event, s *shared, wakes int, way park.Way, prefix string) {
	n := len(events)
	s.answered.Store(0)
	other := p.start("crowd", n, int(way))
	var threads, bytes float64
	other.hear("asleep", &threads, &bytes)
	say(prefix+"threads", threads)
	say(prefix+"bytes", bytes)
	p.measuring()
	var took []float64
	for i := range wakes {
		time.Sleep(300 * time.Microsecond) // until all of Go's threads sleep, too
		s.start.Store(time.Now().UnixNano())
		must(events[i].Set())
		for s.answered.Load() != int64(i+1) {
		}
		took = append(took, float64(s.took.Load()))
	}
	start := time.Now()
	for _, e := range events[wakes:] {
		must(e.Set())
	}
	other.hear("awake")
	say(prefix+"wake_all", float64(time.Since(start).Nanoseconds())/1e6)
	say(prefix+"p50", calling.Quantile(took, 0.5))
	say(prefix+"p99", calling.Quantile(took, 0.99))
	other.end()
}

func crowd(p *program) {
	n := p.sizes[0]
	park.Force(park.Way(p.sizes[1]))
	s, end := share()
	events := openEvents(n)
	before, _ := resident()
	var all sync.WaitGroup
	for _, e := range events {
		all.Go(func() {
			must(e.Wait(context.Background()))
			s.took.Store(time.Now().UnixNano() - s.start.Load())
			s.answered.Add(1)
		})
	}
	for asleep() < n {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // until the threads that put them to sleep do
	after, threads := resident()
	fmt.Println("asleep", threads, (after-before)/n)
	all.Wait()
	fmt.Println("awake")
	end()
	hearMain() // until the end
}

// asleep is how many goroutines wait for something.
func asleep() int {
	sample := []runtimemetrics.Sample{{Name: "/sched/goroutines/waiting:goroutines"}}
	runtimemetrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// resident is this process's memory in bytes, and its number of threads.
func resident() (bytes, threads int) {
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d", &bytes)
		_, _ = fmt.Sscanf(line, "Threads: %d", &threads)
	}
	return bytes * 1024, threads
}
