//go:build linux && atollcheck

package atoll

import (
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
