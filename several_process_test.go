//go:build linux

package atoll

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// severalAgent starts an agent that has opened a mutex, a semaphore, an event and
// a timer, each by its type's name and a suffix.
func severalAgent(t testing.TB, setup, suffix string) *testkit.Child {
	t.Helper()
	c := testkit.Start(t, "agent", strings.Fields(setup)...)
	for _, verb := range []string{"mutex", "semaphore", "event", "timer"} {
		ask(t, c, verb+" "+verb+suffix)
	}
	return c
}

func expect(t testing.TB, c *testkit.Child, call, answer string) {
	t.Helper()
	c.Tell("%s", call)
	c.Expect(call + answer)
}

func TestWaitAnyBetweenProcesses(t *testing.T) {
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			names := "mutex-x,semaphore-x,event-x,timer-x"
			owner, waiter := severalAgent(t, setup, "-x"), severalAgent(t, setup, "-x")
			ask(t, owner, "lock mutex-x")
			for i, call := range []string{"unlock mutex-x", "release semaphore-x", "set event-x", "after timer-x 1ms"} {
				waiter.Tell("any %s", names)
				waiter.Silent()
				ask(t, owner, call)
				waiter.Expect(fmt.Sprintf("any %s %d", names, i))
				if i == 0 {
					ask(t, waiter, "unlock mutex-x")
					ask(t, owner, "lock mutex-x")
				}
			}
			waiter.Tell("any event-x,timer-x,mutex-x")
			waiter.Silent()
			owner.Kill()
			waiter.Expect(abandonedBy("any event-x,timer-x,mutex-x 2", owner))
			waiter.End()
		})
	}
}

func TestWaitAllBetweenProcesses(t *testing.T) {
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			names := "event-y,mutex-y,timer-y,semaphore-y"
			owner, waiter, other := severalAgent(t, setup, "-y"), severalAgent(t, setup, "-y"), severalAgent(t, setup, "-y")
			ask(t, owner, "lock mutex-y")
			waiter.Tell("all %s", names)
			waiter.Silent()
			// What is there is another's as long as something is missing.
			for _, call := range []string{"set event-y", "release semaphore-y", "after timer-y 0s"} {
				ask(t, owner, call)
				waiter.Silent()
			}
			expect(t, other, "await semaphore-y", " 0")
			expect(t, other, "await event-y", " 0")
			owner.Kill()
			waiter.Silent()
			expect(t, other, "lock mutex-y", fmt.Sprintf(" abandoned by %d", owner.PID()))
			ask(t, other, "release semaphore-y")
			ask(t, other, "set event-y")
			waiter.Silent()
			ask(t, other, "unlock mutex-y")
			waiter.Expect("all " + names + " 0")
			expect(t, other, "try mutex-y", " false")
			other.Tell("any event-y,timer-y,semaphore-y")
			other.Silent()
			ask(t, waiter, "set event-y")
			other.Expect("any event-y,timer-y,semaphore-y 0")
			waiter.End()
			other.End()
		})
	}
}

// TestWaitAllOwnerKilled: the death of an owner ends a wait for all, which says
// so, in every way in which a death is found out.
func TestWaitAllOwnerKilled(t *testing.T) {
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			owner, waiter := severalAgent(t, setup, "-z"), severalAgent(t, setup, "-z")
			ask(t, owner, "lock mutex-z")
			ask(t, owner, "set event-z")
			waiter.Tell("all event-z,mutex-z")
			waiter.Silent()
			owner.Kill()
			waiter.Expect(abandonedBy("all event-z,mutex-z 1", owner))
			expect(t, waiter, "unlock mutex-z", "")
			ask(t, waiter, "set event-z")
			expect(t, waiter, "all event-z,mutex-z", " 0") // told once
			waiter.End()
		})
	}
}

// Two of these wait for overlapping sets, each in its own order, and check that
// nobody else has what they have.
var _ = testkit.Role("several-sets", func(self *testkit.Self) {
	self.Say("ready")
	var objects []Waitable
	var give []func() error
	for _, name := range self.Args {
		switch name[0] {
		case 'e':
			e, err := OpenEvent(name, 0)
			self.Must(err)
			objects, give = append(objects, e), append(give, e.Set)
		case 's':
			s, err := OpenSemaphore(name, 0)
			self.Must(err)
			objects, give = append(objects, s), append(give, func() error { _, err := s.Release(1); return err })
		default:
			m, err := OpenMutex(name, 0)
			self.Must(err)
			objects, give = append(objects, m), append(give, m.Unlock)
		}
	}
	line, _ := self.Hear()
	rounds, err := strconv.Atoi(line)
	self.Must(err)
	for range rounds {
		_, err := WaitAll(context.Background(), objects...)
		self.Must(err)
		for _, f := range give {
			self.Must(f())
		}
	}
	self.Say("done")
	self.Hear()
	for _, o := range objects {
		self.Must(o.(Object).Close())
	}
})

func TestWaitProcess(t *testing.T) {
	t.Run("killed", func(t *testing.T) {
		child := testkit.Start(t, "agent")
		p, err := WaitProcess(child.PID())
		must(t, err)
		again, err := WaitProcess(child.PID())
		must(t, err)
		first, second := beginAny(p), beginAny(newTestEvent(t, "", EventOptions{}), again)
		third := beginAll(p, again)
		still(t, first)
		child.Signal(9)
		mustEnd(t, 0, first)
		mustEnd(t, 1, second)
		mustEnd(t, 0, third)
		// It is a zombie still: a wait takes nothing from who waits for the child.
		zombie, err := WaitProcess(child.PID())
		must(t, err)
		mustBe(t, 0)(WaitAny(t.Context(), zombie))
		_ = child.Wait()
		mustBe(t, 0)(WaitAny(t.Context(), p))
		mustBe(t, 0)(WaitAll(over(t), p, again, zombie))
		_, err = WaitProcess(child.PID())
		failsWith(t, fs.ErrNotExist, 2)(Result{}, err)
	})
	t.Run("ended by itself", func(t *testing.T) {
		child := testkit.Start(t, "agent")
		p, err := WaitProcess(child.PID())
		must(t, err)
		for range 3 { // waits that end otherwise leave nothing
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet/10)
			failsWith(t, context.DeadlineExceeded, 258)(WaitAny(ctx, p))
			cancel()
		}
		done := beginAny(p)
		child.End()
		mustEnd(t, 0, done)
	})
	t.Run("no child", func(t *testing.T) {
		p, err := WaitProcess(os.Getppid())
		must(t, err)
		unsignaled(t, p)
	})
	t.Run("no process", func(t *testing.T) {
		for _, pid := range []int{0, -1, 1 << 30, -1 << 31} {
			_, err := WaitProcess(pid)
			failsWith(t, fs.ErrNotExist, 2)(Result{}, err)
		}
	})
}

func TestWaitAllProcess(t *testing.T) {
	t.Run("with a process", func(t *testing.T) {
		child := testkit.Start(t, "agent")
		p, err := WaitProcess(child.PID())
		must(t, err)
		e := newTestEvent(t, "", EventOptions{Signaled: true})
		done := beginAll(e, p)
		still(t, done)
		must(t, e.Reset())
		child.Kill()
		still(t, done)
		must(t, e.Set())
		mustEnd(t, 0, done)
		mustBe(t, 0)(WaitAll(t.Context(), p))
		unsignaled(t, e)
	})
}

// TestWaitAllOppositeOrders: processes that wait for the same objects in opposite
// orders never stand in each other's way for good.
func TestWaitAllOppositeOrders(t *testing.T) {
	newTestMutex(t, "m", MutexOptions{})
	s := newTestSemaphore(t, "s", 1, 1)
	e := newTestEvent(t, "e", EventOptions{Signaled: true})
	var children []*testkit.Child
	for _, order := range []string{"m s e", "e s m", "s e", "e m"} {
		c := testkit.Start(t, "several-sets", strings.Fields(order)...)
		c.Expect("ready")
		children = append(children, c)
	}
	for _, c := range children {
		c.Tell("%d", scaled(1000))
	}
	for _, c := range children {
		c.Expect("done")
		c.End()
	}
	if !try(t, e) || !takes(t, s) || takes(t, s) {
		t.Error("in the end not all is back")
	}
}

// TestWaitAllKilledAtRandom: processes are killed while they take a mutex and a
// semaphore together, and give back the semaphore first. So whoever died with the
// semaphore died with the mutex, too: all or none was taken.
func TestWaitAllKilledAtRandom(t *testing.T) {
	wait.SetTick(5 * time.Millisecond)
	defer wait.SetTick(time.Second)
	m := newTestMutex(t, "m", MutexOptions{})
	s := newTestSemaphore(t, "s", 1, 1)
	for i := range scaled(40) {
		var children []*testkit.Child
		for _, order := range []string{"s m", "s m"} {
			c := testkit.Start(t, "several-sets", strings.Fields(order)...)
			c.Expect("ready")
			c.Tell("%d", 1<<30)
			children = append(children, c)
		}
		time.Sleep(time.Duration(i%8) * time.Millisecond)
		for _, c := range children {
			c.Kill()
		}
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Hang)
		previous, err := m.Lock(ctx)
		cancel()
		must(t, err)
		there := takes(t, s)
		if there && takes(t, s) {
			t.Fatal("the semaphore was given back twice")
		}
		if !there && previous == nil {
			t.Fatal("one had taken the semaphore, but not the mutex")
		}
		mustRelease(t, s, 1, 0)
		mustUnlock(t, m)
	}
}

// TestWaitAllLocalAndGlobal: one wait takes objects of both directories.
func TestWaitAllLocalAndGlobal(t *testing.T) {
	testkit.NeedRoot(t)
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			const names = `both,Global\both,Global\both-e`
			s := newTestSemaphore(t, `Global\both`, 0, 100)
			newTestEvent(t, `Global\both-e`, EventOptions{Signaled: true})
			newTestMutex(t, "both", MutexOptions{})
			start := func() *testkit.Child {
				c := testkit.Start(t, "agent", strings.Fields(setup)...)
				for _, call := range []string{"mutex both", `semaphore Global\both`, `event Global\both-e`} {
					ask(t, c, call)
				}
				return c
			}
			owner, waiter := start(), start()
			ask(t, owner, "lock both")
			mustRelease(t, s, 1, 0)
			waiter.Tell("all %s", names)
			waiter.Silent()
			owner.Kill()
			waiter.Expect(abandonedBy("all "+names+" 0", owner))
			mustSee(t, `Global\both`, 0, 100)
			other := start()
			other.Tell("all %s", names)
			other.Silent()
			ask(t, waiter, `set Global\both-e`)
			ask(t, waiter, "unlock both")
			other.Silent()
			mustRelease(t, s, 1, 0)
			other.Expect("all " + names + " 0")
			waiter.End()
			other.End()
		})
	}
}

// TestSeveralStat shows an owner, since when, and the processes that wait for
// several objects, at each of them.
func TestSeveralStat(t *testing.T) {
	m := newTestMutex(t, "mutex-stat", MutexOptions{InitiallyOwned: true})
	before := time.Now()
	first, second := severalAgent(t, "", "-stat"), severalAgent(t, "", "-stat")
	first.Tell("any mutex-stat,event-stat")
	second.Tell("all mutex-stat,event-stat")
	first.Silent()
	second.Silent()
	for _, name := range []string{"mutex-stat", "event-stat"} {
		i, err := Stat(name)
		must(t, err)
		if i.Waiters != 2 || len(i.Waiting) != 2 || i.Signaled == nil || *i.Signaled {
			t.Errorf("%s: %+v", name, i)
		}
		if name == "event-stat" {
			continue
		}
		if i.Owner == nil || i.Owner.PID != os.Getpid() || i.OwnerSince == nil || i.OwnerSince.Before(before) || i.Abandoned {
			t.Errorf("%+v, since %v", i.Owner, i.OwnerSince)
		}
	}
	mustUnlock(t, m)
	first.Expect("any mutex-stat,event-stat 0")
	first.Kill()
	i, err := Stat("mutex-stat")
	must(t, err)
	if !i.Abandoned || i.Owner == nil || i.Owner.PID != first.PID() || !*i.Signaled || i.Waiters != 1 {
		t.Errorf("%+v, owner %+v", i, i.Owner)
	}
	e, err := OpenEvent("event-stat", 0)
	must(t, err)
	must(t, e.Set())
	second.Expect(abandonedBy("all mutex-stat,event-stat 0", first))
	second.End()
	must(t, e.Close())
}

// TestSeveralLeaveNothing: after waits of every kind nothing is left of them, when
// the handles are closed.
func TestSeveralLeaveNothing(t *testing.T) {
	c := testkit.Start(t, "several-leaks")
	c.Expect("nothing is left")
	c.End()
}

var _ = testkit.Role("several-leaks", func(self *testkit.Self) {
	use := func() {
		var objects []Waitable
		m, err := CreateMutex("leaks-m", MutexOptions{})
		self.Must(err)
		s, err := CreateSemaphore("", SemaphoreOptions{Initial: 1, Max: 1})
		self.Must(err)
		e, err := CreateEvent("leaks-e", EventOptions{Signaled: true})
		self.Must(err)
		timer, err := CreateTimer("leaks-t", TimerOptions{})
		self.Must(err)
		p, err := WaitProcess(os.Getppid())
		self.Must(err)
		objects = append(objects, m, s, e, timer)
		self.Must(timer.SetAt(time.Now().Add(-time.Second), 0))
		_, err = WaitAll(context.Background(), objects...)
		self.Must(err)
		self.Must(timer.SetAt(time.Now().Add(time.Hour), 0))
		for _, more := range [][]Waitable{{p}, {WaitChan(make(chan int))}, {p, WaitChan(make(chan int))}, nil} {
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Quiet/10)
			_, _ = WaitAny(ctx, append(more, s, e, timer)...)
			_, _ = WaitAll(ctx, append(more, s, e, timer)...)
			_, _ = SignalAndWait(ctx, e, timer)
			cancel()
		}
		self.Must(m.Unlock())
		for _, o := range objects {
			self.Must(o.(Object).Close())
		}
	}
	use() // what is opened once and stays
	before, goroutines := len(testkit.Descriptors()), runtime.NumGoroutine()
	for range 50 {
		use()
	}
	for deadline := time.Now().Add(testkit.Hang); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		runtime.GC() // closes what WaitProcess opened
		objects := testkit.Objects(testkit.Base())
		if len(testkit.Descriptors()) <= before && runtime.NumGoroutine() <= goroutines && len(objects) == 0 {
			self.Say("nothing is left")
			return
		}
	}
	self.Say("before %d descriptors and %d goroutines, now %v and %d; objects %v", before, goroutines,
		testkit.Descriptors(), runtime.NumGoroutine(), testkit.Objects(testkit.Base()))
})
