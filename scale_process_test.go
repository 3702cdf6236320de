//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"atoll/internal/park"
	"atoll/internal/testkit"
)

// crowd is many goroutines of one process, each of which waits once.
type crowd struct {
	waits     []func(ctx context.Context) (abandoned bool, err error)
	done      []chan struct{}
	released  atomic.Int64
	abandoned atomic.Int64 // of these, how many were told so
	closers   []io.Closer
	waiting   []func() int // how many wait, of each object
}

// The crowd is an agent of its own kind. Beside those of "agent" its arguments are
//
//	kind=events     one goroutine for each of n events
//	kind=mutexes    one for each of n mutexes, which stay locked
//	kind=mutex      n for one mutex, which each unlocks
//	kind=semaphore  n for one semaphore
//	n=N
//
// It says "asleep" when all wait.
var _ = testkit.Role("crowd", func(self *testkit.Self) {
	setUp(self)
	self.Must(warmUp())
	goroutines, descriptors, mappings := runtime.NumGoroutine(), len(testkit.Descriptors()), countMappings()
	c := new(crowd)
	kind, n := "", 0
	for _, arg := range self.Args {
		switch key, value, _ := strings.Cut(arg, "="); key {
		case "kind":
			kind = value
		case "n":
			n, _ = strconv.Atoi(value)
		}
	}
	self.Must(c.open(kind, n))
	c.gather(self)
	self.Say("asleep")
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		verb, what, _ := strings.Cut(line, " ")
		answer := ""
		switch verb {
		case "await":
			i, err := strconv.Atoi(what)
			self.Must(err)
			<-c.done[i]
		case "all":
			for _, done := range c.done {
				<-done
			}
		case "count":
			answer = fmt.Sprintf(" %d of them abandoned %d", c.released.Load(), c.abandoned.Load())
		case "threads":
			answer = fmt.Sprintf(" %d", countThreads())
		case "way":
			answer = " " + park.Current().String()
		case "close":
			self.Must(c.close())
		case "left":
			self.Must(nothingLeft(goroutines, descriptors, mappings))
		}
		self.Say("%s%s", line, answer)
	}
})

// warmUp has this process start what it keeps for good.
func warmUp() error {
	var objects []Waitable
	var failures []error
	for range 2 { // for all of several no thread blocks
		e, err := CreateEvent("", EventOptions{})
		if err != nil {
			return err
		}
		defer func() { failures = append(failures, e.Close()) }()
		objects = append(objects, e)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Quiet)
	defer cancel()
	if _, err := WaitAll(ctx, objects...); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("nobody signaled, but: %w", err)
	}
	return errors.Join(failures...)
}

func (c *crowd) open(kind string, n int) error {
	objects := n
	if kind == "mutex" || kind == "semaphore" {
		objects = 1
	}
	for i := range objects {
		if err := c.openOne(kind, fmt.Sprintf("crowd-%d", i)); err != nil {
			return err
		}
	}
	for len(c.waits) < n {
		c.waits = append(c.waits, c.waits[0])
	}
	return nil
}

func (c *crowd) openOne(kind, name string) error {
	switch kind {
	case "events":
		e, _, err := CreateOrOpenEvent(name, EventOptions{})
		if err != nil {
			return err
		}
		c.add(e, e.kernel.Waiting, func(ctx context.Context) (bool, error) { return false, e.Wait(ctx) })
	case "semaphore":
		s, _, err := CreateOrOpenSemaphore(name, SemaphoreOptions{Max: 100_000})
		if err != nil {
			return err
		}
		c.add(s, s.kernel.Waiting, func(ctx context.Context) (bool, error) { return false, s.Wait(ctx) })
	default:
		m, _, err := CreateOrOpenMutex(name, MutexOptions{})
		if err != nil {
			return err
		}
		c.add(m, m.kernel.Waiting, func(ctx context.Context) (bool, error) {
			previous, err := m.Lock(ctx)
			if err == nil && kind == "mutex" {
				err = m.Unlock()
			}
			return previous != nil, err
		})
	}
	return nil
}

func (c *crowd) add(o io.Closer, waiting func() int, wait func(ctx context.Context) (bool, error)) {
	c.closers = append(c.closers, o)
	c.waiting = append(c.waiting, waiting)
	c.waits = append(c.waits, wait)
}

// gather starts the goroutines, and returns when all of them wait.
func (c *crowd) gather(self *testkit.Self) {
	for _, wait := range c.waits {
		done := make(chan struct{})
		c.done = append(c.done, done)
		go func() {
			abandoned, err := wait(context.Background())
			self.Must(err)
			if abandoned {
				c.abandoned.Add(1)
			}
			c.released.Add(1)
			close(done)
		}()
	}
	for all := 0; all < len(c.waits); time.Sleep(time.Millisecond) {
		all = 0
		for _, waiting := range c.waiting {
			all += waiting()
		}
	}
}

func (c *crowd) close() error {
	closers := c.closers
	*c = crowd{} // so that the garbage collector finds the state pages
	return closeAll(closers)
}

// closeAll closes handles and forgets each at once.
func closeAll[C io.Closer](handles []C) error {
	var failures []error
	for i, o := range handles {
		failures = append(failures, o.Close())
		clear(handles[i : i+1])
	}
	return errors.Join(failures...)
}

// nothingLeft waits until this process has no more of anything than it had.
func nothingLeft(goroutines, descriptors, mappings int) error {
	for deadline := time.Now().Add(testkit.Hang / 2); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		g, d, m := runtime.NumGoroutine(), len(testkit.Descriptors()), countMappings()
		if g <= goroutines && d <= descriptors && m <= mappings {
			return nil
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			return fmt.Errorf("%d goroutines, before %d; %d descriptors, before %d; %d mappings, before %d: %s",
				g, goroutines, d, descriptors, m, mappings, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// countMappings counts the mappings of files of objects and members.
func countMappings() (n int) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, testkit.Base()) || strings.Contains(line, "memfd:atoll:") {
			n++
		}
	}
	return n
}

func countThreads() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return -1
	}
	_, rest, _ := strings.Cut(string(status), "\nThreads:")
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]))
	return n
}

const many = 10_000

// crowds runs a test in each of the ways that wait for many words with few threads,
// and says how many threads there may be.
func crowds(t *testing.T, test func(t *testing.T, setup []string, threads int)) {
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	testkit.Need(t, limit.Max > many+1000, "11,000 descriptors")
	// Of Go's own there are eight to twenty, the more the busier the machine is.
	for way, threads := range map[park.Way]int{park.IOUring: 32, park.FutexWaitv: 192} {
		t.Run(way.String(), func(t *testing.T) {
			needWay(t, way)
			test(t, []string{"tick=24h", "way=" + way.String(), fmt.Sprintf("n=%d", many)}, threads)
		})
	}
}

// startCrowd starts a crowd and sees that it sleeps, with few threads.
func startCrowd(t *testing.T, setup []string, kind string, threads int) *testkit.Child {
	t.Helper()
	c := testkit.Start(t, "crowd", append(setup, "kind="+kind)...)
	c.Expect("asleep")
	c.Silent()
	counted(t, c, 0, 0)
	fewThreads(t, c, threads)
	return c
}

// counted checks how many of the crowd are released.
func counted(t *testing.T, c *testkit.Child, released, abandoned int) {
	t.Helper()
	c.Tell("count")
	c.Expect(fmt.Sprintf("count %d of them abandoned %d", released, abandoned))
}

func fewThreads(t *testing.T, c *testkit.Child, most int) {
	t.Helper()
	c.Tell("threads")
	var n int
	line := c.Line()
	if _, err := fmt.Sscanf(line, "threads %d", &n); err != nil || n < 1 || n > most {
		t.Fatalf("%q, and there should be %d at the most: %v", line, most, err)
	}
	t.Logf("%d threads", n)
}

// dissolve checks that a crowd that was released leaves nothing.
func dissolve(t *testing.T, c *testkit.Child, threads int) {
	t.Helper()
	ask(t, c, "close")
	ask(t, c, "left")
	fewThreads(t, c, threads) // Go keeps them
	c.End()
}

func TestTenThousandEvents(t *testing.T) {
	crowds(t, func(t *testing.T, setup []string, threads int) {
		c := startCrowd(t, setup, "events", threads)
		var list []*Event
		for i := range many {
			e, err := OpenEvent(fmt.Sprintf("crowd-%d", i), 0)
			must(t, err)
			list = append(list, e)
		}
		for i := range many / 2 {
			must(t, list[2*i].Set())
			if i%1000 == 0 {
				ask(t, c, fmt.Sprintf("await %d", 2*i))
			}
		}
		for i := range many / 2 {
			ask(t, c, fmt.Sprintf("await %d", 2*i))
		}
		c.Silent()
		counted(t, c, many/2, 0)
		fewThreads(t, c, threads)
		for i := range many / 2 {
			must(t, list[2*i+1].Set())
		}
		ask(t, c, "all")
		must(t, closeAll(list))
		dissolve(t, c, threads)
	})
}

func TestTenThousandForOneSemaphore(t *testing.T) {
	crowds(t, func(t *testing.T, setup []string, threads int) {
		c := startCrowd(t, setup, "semaphore", threads)
		s, err := OpenSemaphore("crowd-0", 0)
		must(t, err)
		for range many / 2 {
			_, err := s.Release(1)
			must(t, err)
		}
		for s := "count 5000 of them abandoned 0"; ; time.Sleep(time.Millisecond) {
			c.Tell("count")
			if c.Line() == s {
				break
			}
		}
		c.Silent()
		counted(t, c, many/2, 0)
		_, err = s.Release(many / 2)
		must(t, err)
		ask(t, c, "all")
		must(t, s.Close())
		dissolve(t, c, threads)
	})
}

// TestTenThousandForOneMutex: the owner is killed, which the first of them is told.
func TestTenThousandForOneMutex(t *testing.T) {
	crowds(t, func(t *testing.T, setup []string, threads int) {
		owner := startAgent(t, "", "crowd-0")
		ask(t, owner, "lock crowd-0")
		c := startCrowd(t, setup, "mutex", threads)
		owner.Kill()
		ask(t, c, "all")
		counted(t, c, many, 1)
		dissolve(t, c, threads)
	})
}

var _ = testkit.Role("owner-of-many", func(self *testkit.Self) {
	for i := range many {
		_, err := CreateMutex(fmt.Sprintf("crowd-%d", i), MutexOptions{InitiallyOwned: true})
		self.Must(err)
	}
	self.Say("ready")
	self.Hear()
})

// TestTenThousandMutexesOfTheDead: their owner is killed, and all are told.
func TestTenThousandMutexesOfTheDead(t *testing.T) {
	crowds(t, func(t *testing.T, setup []string, threads int) {
		owner := testkit.Start(t, "owner-of-many")
		owner.Expect("ready")
		c := startCrowd(t, setup, "mutexes", threads)
		owner.Kill()
		ask(t, c, "all")
		counted(t, c, many, many)
		// They abandon them in their turn, to nobody.
		dissolve(t, c, threads)
	})
}

// TestCloseOfManyHandlesThatAreKept: a program closes many handles and has not
// forgotten them yet, so that their pages cannot be unmapped. The garbage collector
// is not called for each.
func TestCloseOfManyHandlesThatAreKept(t *testing.T) {
	var list []*Event
	for range 4000 {
		e, err := CreateEvent("", EventOptions{})
		must(t, err)
		list = append(list, e)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, e := range list {
		must(t, e.Close())
	}
	runtime.ReadMemStats(&after)
	if n := after.NumForcedGC - before.NumForcedGC; n > 10 {
		t.Errorf("%d garbage collections for %d handles", n, len(list))
	}
	runtime.KeepAlive(list)
}
