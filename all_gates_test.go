//go:build linux && atollcheck

package atoll

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// threeTimers are signaled, and taken by whoever waits for them.
var threeTimers = []string{"ta", "tb", "tc"}

func newThreeTimers(t *testing.T) {
	t.Helper()
	for _, name := range threeTimers {
		timer, err := CreateTimer(name, TimerOptions{})
		must(t, err)
		t.Cleanup(func() { must(t, timer.Close()) })
		must(t, timer.SetAfter(0, 0))
	}
}

// agentOfThree starts an agent that has opened the three timers.
func agentOfThree(t *testing.T, setup string) *testkit.Child {
	t.Helper()
	c := testkit.Start(t, "agent", "tick=24h", setup)
	for _, name := range threeTimers {
		ask(t, c, "timer "+name)
	}
	return c
}

// closedGates says which of the timers have their gates closed.
func closedGates(t *testing.T) (closed []int) {
	t.Helper()
	for i, name := range threeTimers {
		info, err := Stat(name)
		if must(t, err); info.Busy != nil {
			closed = append(closed, i)
		}
	}
	return closed
}

// firstGate has an agent wait for all, and stop with the first gate closed.
func firstGate(t *testing.T, call string) (c *testkit.Child, first int) {
	t.Helper()
	c = agentOfThree(t, "stop=all.closed:1")
	c.Tell("%s", call)
	stopped(t, c)
	closed := closedGates(t)
	if len(closed) != 1 {
		t.Fatalf("the gates of %v are closed, want one", closed)
	}
	return c, closed[0]
}

// TestWaitAllClosesGatesInOneOrder: whatever order the callers name the objects in,
// the same gate is closed first.
func TestWaitAllClosesGatesInOneOrder(t *testing.T) {
	newThreeTimers(t)
	var firsts []int
	for _, call := range []string{"all ta,tb,tc", "all tc,tb,ta", "all tb,tc,ta"} {
		c, first := firstGate(t, call)
		firsts = append(firsts, first)
		c.Signal(syscall.SIGCONT)
		c.Expect(call + " 0")
		for _, name := range threeTimers {
			ask(t, c, "after "+name+" 0s")
		}
		c.End()
	}
	if firsts[0] != firsts[1] || firsts[0] != firsts[2] {
		t.Errorf("the gates that were closed first: %v", firsts)
	}
}

// TestWaitAllAwaitsNoSecondGate: between its first gate and its second a wait for all
// finds that a stopped process holds the second. It opens the first again, so that
// others can use that object.
func TestWaitAllAwaitsNoSecondGate(t *testing.T) {
	newThreeTimers(t)
	c, first := firstGate(t, "all ta,tb,tc")
	other := threeTimers[(first+1)%3]
	setter := agentOfThree(t, "stop=gate.closed")
	setter.Tell("after %s 0s", other)
	stopped(t, setter)
	c.Signal(syscall.SIGCONT)
	for deadline := time.Now().Add(testkit.Hang); len(closedGates(t)) != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it waits for the gate of %s, and the gates of %v stay closed", other, closedGates(t))
		}
	}
	c.Silent()
	setter.Signal(syscall.SIGCONT)
	setter.Expect("after " + other + " 0s")
	c.Expect("all ta,tb,tc 0")
	setter.End()
	c.End()
}

// TestWaitAllWakesWhoSleepsOnItsGate: somebody waits for an object while a wait for all
// that was decided holds its gate, which found nobody asleep. It is told when the gate
// opens, and registers: so it is told of the next signal as well.
func TestWaitAllWakesWhoSleepsOnItsGate(t *testing.T) {
	for _, setup := range []string{"tick=24h", "tick=24h way=futex_waitv", "tick=24h way=threads waitv=off"} {
		t.Run(setup, func(t *testing.T) {
			eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
				x := fresh(t)
				decider := x.agent(t, "stop=all.decided")
				decider.Tell("%s", x.all())
				stopped(t, decider)
				c := x.agent(t, strings.Fields(setup)...)
				c.Tell("await %s", x.names[2])
				c.Silent()
				decider.Signal(syscall.SIGCONT)
				decider.Expect(x.all() + " 0")
				c.Silent()
				x.signal(t, 2)
				c.Expect("await " + x.names[2] + " 0")
				ask(t, decider, "unlock "+x.names[0])
				decider.End()
				c.End()
			})
		})
	}
}

// TestWaitAllIsOver: a process that has waited for all, and has what it wanted, dies
// inside the gate of one of the objects, which it holds for a change. What it decided
// before does not count again.
func TestWaitAllIsOver(t *testing.T) {
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		x := fresh(t)
		c := x.agent(t, "die=gate.changed")
		c.Tell("%s", x.all())
		c.Expect(x.all() + " 0")
		waiters := sleepers(t, 2, fastTick, "mutex "+x.names[0], "lock "+x.names[0])
		c.Tell("unlock %s", x.names[0])
		dies(t, c)
		first := firstToSay(t, "lock "+x.names[0], waiters...)
		ask(t, waiters[first], "unlock "+x.names[0])
		waiters[1-first].Expect("lock " + x.names[0])
		for _, w := range waiters {
			w.End()
		}
	})
}

// TestWaitAllBeginsUndecided: a process that has waited for all does it again, and dies
// before it has decided: it takes nothing.
func TestWaitAllBeginsUndecided(t *testing.T) {
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		for _, point := range []string{"all.closed:4", "all.closed:6", "all.pending:6"} {
			t.Run(point, func(t *testing.T) {
				x := fresh(t)
				c := x.agent(t, "die="+point)
				c.Tell("%s", x.all())
				c.Expect(x.all() + " 0")
				ask(t, c, "unlock "+x.names[0])
				x.signal(t, 1)
				x.signal(t, 2)
				c.Tell("%s", x.all())
				dies(t, c)
				x.checkAllOrNothing(t, c, false)
			})
		}
	})
}

// TestWaitAllIsRepairedOnce: a wait for all was decided, and its process died; what
// it took is given to the next owner. When that one dies inside the gate as well,
// the old decision no longer counts.
func TestWaitAllIsRepairedOnce(t *testing.T) {
	x := trios["with an event"].create(t)
	victim := x.agent(t, "die=all.decided")
	victim.Tell("%s", x.all())
	dies(t, victim)
	next := testkit.Start(t, "agent", "tick=24h", "die=gate.changed")
	ask(t, next, "mutex m")
	next.Tell("lock m")
	next.Expect(abandonedBy("lock m", victim))
	waiters := sleepers(t, 2, fastTick, "mutex m", "lock m")
	next.Tell("unlock m")
	dies(t, next)
	first := firstToSay(t, "lock m", waiters...)
	ask(t, waiters[first], "unlock m")
	waiters[1-first].Expect("lock m")
}

// TestWaitAllTakesFromTheFull: a semaphore was full when a wait for all was decided that
// takes one, but has not come to say so there. Its other objects may be seen taken, so
// nobody is told that the semaphore is full.
func TestWaitAllTakesFromTheFull(t *testing.T) {
	newTestMutex(t, "m", MutexOptions{})
	s := newTestSemaphore(t, "full", 1, 1)
	c := testkit.Start(t, "agent", "stop=all.decided")
	ask(t, c, "mutex m")
	ask(t, c, "semaphore full")
	c.Tell("all m,full")
	stopped(t, c)
	released := make(chan struct{})
	go func() { defer close(released); mustRelease(t, s, 1, 0) }()
	testkit.Blocked(t, released, "the semaphore's gate is closed")
	c.Signal(syscall.SIGCONT)
	testkit.Soon(t, released, "it is open")
	c.Expect("all m,full 0")
	ask(t, c, "unlock m")
	c.End()
}
