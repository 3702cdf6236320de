//go:build linux && atollcheck

package atoll

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"atoll/internal/check"
	"atoll/internal/testkit"
)

// pointsIn are the points in the sources of some folders.
func pointsIn(t *testing.T, folders ...string) (points []string) {
	t.Helper()
	seen := make(map[string]bool)
	for _, folder := range folders {
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		must(t, err)
		for _, source := range sources {
			text, err := os.ReadFile(source)
			must(t, err)
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			for _, m := range regexp.MustCompile(`check\.Point\("([^"]+)"\)`).FindAllStringSubmatch(string(text), -1) {
				if !seen[m[1]] {
					seen[m[1]] = true
					points = append(points, m[1])
				}
			}
		}
	}
	return points
}

// wholeLife creates or opens an event that is signaled before it has a name,
// looks, and closes it: who finds it reset has seen a half-made one.
func wholeLife(name string) error {
	e, _, err := CreateOrOpenEvent(name, EventOptions{ManualReset: true, Signaled: true})
	if err != nil {
		return err
	}
	ok, err := e.TryWait()
	if err == nil && !ok {
		err = errors.New("it is half-made")
	}
	return errors.Join(err, e.Close())
}

var _ = testkit.Role("names.killed-at", func(self *testkit.Self) {
	nth, err := strconv.ParseInt(self.Args[1], 10, 64)
	self.Must(err)
	var count atomic.Int64
	check.SetHook(func(p string) {
		if p == self.Args[0] && count.Add(1) == nth {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	})
	for deadline := time.Now().Add(testkit.Hang / 2); time.Now().Before(deadline); {
		// What killed processes left, to be found by an open and by a sweep.
		for _, name := range []string{"hostile", "y"} {
			self.Must(os.WriteFile(localFile(name), soundFile(), 0o600))
		}
		self.Must(wholeLife("hostile"))
		_, err := Sweep(LocalScope)
		self.Must(err)
		_ = os.Chmod(localFile("z"), 0o644) // with readers, an open goes through the door
		self.Must(wholeLife("z"))
	}
	self.Say("the point was never reached")
})

var _ = testkit.Role("names.survive", func(self *testkit.Self) {
	self.Say("ready")
	var ending atomic.Bool
	go func() { self.Hear(); ending.Store(true) }()
	for !ending.Load() {
		self.Must(wholeLife("z"))
	}
	for range 20 {
		self.Must(wholeLife("z"))
	}
	self.Say("done")
})

// A process is killed at each step of the life of a name and of a member, beside
// two that live: they go on, and nothing is left.
func TestKillPointsOfNames(t *testing.T) {
	points := pointsIn(t, "internal/namespace", "internal/liveness")
	if len(points) < 18 {
		t.Fatalf("only the points %v", points)
	}
	for _, point := range points {
		for nth := range 2 {
			t.Run(point+" "+strconv.Itoa(nth+1), func(t *testing.T) {
				var survivors []*testkit.Child
				for range 2 {
					survivors = append(survivors, testkit.Start(t, "names.survive"))
				}
				for _, s := range survivors {
					s.Expect("ready")
				}
				victim := testkit.Start(t, "names.killed-at", point, strconv.Itoa(nth+1))
				victim.Expect("")
				_ = victim.Wait()
				for _, s := range survivors {
					s.Tell("end")
				}
				for _, s := range survivors {
					s.Expect("done")
					s.End()
				}
				for _, name := range []string{"hostile", "y", "x", "z"} {
					refused(t, 2, fs.ErrNotExist)(events.open(name))
				}
				_, err := Sweep(LocalScope)
				must(t, err)
				if left := testkit.Objects(testkit.Base()); len(left) != 0 {
					t.Errorf("%v are left", left)
				}
				members, err := os.ReadDir(localFile("members"))
				if must(t, err); len(members) != 0 {
					t.Errorf("%d members are left", len(members))
				}
			})
		}
	}
}

// coordination is what processes do together while one of them is killed: every
// kind of change, wait and wait for all.
type coordination struct {
	mutex, witness, both *Mutex
	event                *Event
	permits              *Semaphore
	timer                *Timer
}

// permits is how many there are: none is lost but those that a killed process had.
const permits = 5

func newCoordination() (c *coordination, err error) {
	c = new(coordination)
	var failures []error
	keep := func(_ bool, err error) { failures = append(failures, err) }
	var created bool
	c.mutex, created, err = CreateOrOpenMutex("c-mutex", MutexOptions{})
	keep(created, err)
	c.witness, created, err = CreateOrOpenMutex("c-witness", MutexOptions{})
	keep(created, err)
	c.both, created, err = CreateOrOpenMutex("c-both", MutexOptions{})
	keep(created, err)
	c.event, created, err = CreateOrOpenEvent("c-event", EventOptions{})
	keep(created, err)
	c.permits, created, err = CreateOrOpenSemaphore("c-permits", SemaphoreOptions{Initial: permits, Max: permits})
	keep(created, err)
	c.timer, created, err = CreateOrOpenTimer("c-timer", TimerOptions{})
	keep(created, err)
	return c, errors.Join(failures...)
}

func (c *coordination) close() error {
	return errors.Join(c.mutex.Close(), c.witness.Close(), c.both.Close(), c.event.Close(), c.permits.Close(), c.timer.Close())
}

// round is once through everything. Nobody needs another to go on.
func (c *coordination) round(ctx context.Context) error {
	if _, err := c.mutex.Lock(ctx); err != nil {
		return err
	}
	if ok, _, err := c.witness.TryLock(); err != nil || !ok {
		return errors.Join(errors.New("the mutex has two owners"), err)
	}
	err := errors.Join(c.witness.Unlock(), c.mutex.Unlock(), c.event.Set(), c.timer.SetAfter(0, 0))
	if err != nil {
		return err
	}
	for _, objects := range [][]Waitable{{c.both, c.permits}, {c.permits, c.both}} {
		if _, err := WaitAll(ctx, objects...); err != nil {
			return err
		}
		_, err := c.permits.Release(1)
		if err = errors.Join(err, c.both.Unlock()); err != nil {
			return err
		}
	}
	r, err := WaitAny(ctx, c.event, c.timer, c.permits)
	if err == nil && r.Index == 2 {
		_, err = c.permits.Release(1)
	}
	return err
}

var _ = testkit.Role("wait.killed-at", func(self *testkit.Self) {
	at(self.Args[0], func() {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	})
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Hang/2)
	defer cancel()
	// What a killed process left.
	for _, name := range []string{"m", "left"} {
		m, err := OpenMutex(name, 0)
		self.Must(err)
		_, err = m.Lock(ctx)
		self.Must(errors.Join(err, m.Unlock(), m.Close()))
	}
	e, err := OpenEvent("e", 0)
	self.Must(err)
	self.Must(errors.Join(e.Set(), e.Close()))
	c, err := newCoordination()
	self.Must(err)
	for ctx.Err() == nil {
		self.Must(c.round(ctx))
	}
	self.Say("the point was never reached")
})

var _ = testkit.Role("wait.survive", func(self *testkit.Self) {
	c, err := newCoordination()
	self.Must(err)
	self.Say("ready")
	var ending atomic.Bool
	go func() { self.Hear(); ending.Store(true) }()
	for !ending.Load() {
		self.Must(c.round(context.Background()))
	}
	for range 20 {
		self.Must(c.round(context.Background()))
	}
	self.Say("done")
	self.Must(c.close())
})

// A process is killed at each step of changes, waits, waits for all and repairs,
// beside two that live: they go on.
func TestKillPointsOfWaits(t *testing.T) {
	points := pointsIn(t, "internal/wait")
	if len(points) < 11 {
		t.Fatalf("only the points %v", points)
	}
	for _, point := range points {
		for _, nth := range []string{"1", "2"} {
			t.Run(point+" "+nth, func(t *testing.T) { killAmongWaiters(t, point+":"+nth) })
		}
	}
}

func killAmongWaiters(t *testing.T, point string) {
	t.Helper()
	x := trios["with an event"].create(t)
	left := newTestMutex(t, "left", MutexOptions{})
	litterer := x.agent(t, "die=all.decided")
	ask(t, litterer, "mutex left")
	ask(t, litterer, "lock left")
	litterer.Tell("%s", x.all())
	dies(t, litterer)
	var survivors []*testkit.Child
	for range 2 {
		survivors = append(survivors, testkit.Start(t, "wait.survive"))
	}
	for _, s := range survivors {
		s.Expect("ready")
	}
	victim := testkit.Start(t, "wait.killed-at", point)
	dies(t, victim)
	for _, s := range survivors {
		s.Tell("end")
	}
	for _, s := range survivors {
		s.Expect("done")
		s.End()
	}
	for _, m := range []*Mutex{x.mutex, left} {
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Hang)
		_, err := m.Lock(ctx)
		cancel()
		must(t, err)
		mustUnlock(t, m)
	}
}
