//go:build linux && atollcheck

package atoll

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"atoll/internal/check"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

const fastTick = "tick=5ms"

// dies waits for the end of an agent that was told to die.
func dies(t testing.TB, c *testkit.Child) {
	t.Helper()
	if line := c.Line(); line != "" {
		t.Fatalf("the agent lives and says %q", line)
	}
	_ = c.Wait()
}

// sleepers starts agents that wait for the object of a call, and see to it that
// they are asleep.
func sleepers(t *testing.T, n int, setup, open, call string) []*testkit.Child {
	t.Helper()
	var list []*testkit.Child
	for range n {
		c := testkit.Start(t, "agent", setup)
		ask(t, c, open)
		c.Tell("%s", call)
		list = append(list, c)
	}
	for _, c := range list {
		c.Silent()
	}
	return list
}

// TestUnlockKilledInsideTheGate: an owner dies on its way through Unlock while
// others sleep. Whatever it had done by then, they get the mutex, one after
// another; they are told if the unlock had not yet happened.
func TestUnlockKilledInsideTheGate(t *testing.T) {
	for point, want := range map[string]string{
		"gate.closed":  "abandoned",
		"gate.changed": "",
		"gate.opened":  "",
	} {
		t.Run(point, func(t *testing.T) {
			owner := testkit.Start(t, "agent", "die="+point)
			ask(t, owner, "mutex killed")
			ask(t, owner, "lock killed")
			waiters := sleepers(t, 2, fastTick, "mutex killed", "lock killed")
			owner.Tell("unlock killed")
			dies(t, owner)
			first := "lock killed"
			if want != "" {
				first = abandonedBy(first, owner)
			}
			handOver(t, waiters, first)
		})
	}
}

// TestSetKilledInsideTheGate: a setter dies on its way through Set while others
// sleep. From the change on, the signal counts, though nobody was woken.
func TestSetKilledInsideTheGate(t *testing.T) {
	for _, kind := range []string{"event", "events"} {
		for point, happened := range map[string]bool{"gate.closed": false, "gate.changed": true, "gate.opened": true} {
			t.Run(kind+" "+point, func(t *testing.T) {
				setter := testkit.Start(t, "agent", "die="+point)
				ask(t, setter, kind+" e")
				waiters := sleepers(t, 2, fastTick, kind+" e", "wait e")
				setter.Tell("set e")
				dies(t, setter)
				again := testkit.Start(t, "agent")
				ask(t, again, kind+" e")
				if kind == "events" {
					if !happened {
						ask(t, again, "set e")
					}
					waiters[0].Expect("wait e")
					waiters[1].Expect("wait e")
				} else {
					released := oneOf(t, waiters, happened)
					if !happened {
						ask(t, again, "set e")
						released = oneOf(t, waiters, true)
					}
					other := waiters[1-released]
					other.Silent()
					ask(t, again, "set e")
					other.Expect("wait e")
				}
				for _, c := range append(waiters, again) {
					c.End()
				}
			})
		}
	}
}

// oneOf waits until one of two children says that its wait is over, or, if none
// should, checks that both are silent. It returns which.
func oneOf(t *testing.T, waiters []*testkit.Child, expected bool) int {
	t.Helper()
	if !expected {
		waiters[0].Silent()
		waiters[1].Silent()
		return 0
	}
	return firstToSay(t, "wait e", waiters...)
}

// TestGateOfTheDeadIsRepairedWithoutTick: whoever wants the gate next finds that
// its holder is dead, and wakes those whom the dead one should have woken.
func TestGateOfTheDeadIsRepairedWithoutTick(t *testing.T) {
	setter := testkit.Start(t, "agent", "die=gate.changed")
	ask(t, setter, "events e")
	waiters := sleepers(t, 3, "tick=1h", "events e", "wait e")
	setter.Tell("set e")
	dies(t, setter)
	for _, c := range waiters {
		c.Silent()
	}
	again := testkit.Start(t, "agent", "tick=1h")
	ask(t, again, "events e")
	ask(t, again, "reset e") // needs the gate, and wakes nobody by itself
	for _, c := range waiters {
		c.Expect("wait e")
		c.End()
	}
	again.End()
}

// TestRepairerKilled: one who repairs the gate of a dead one dies as well.
func TestRepairerKilled(t *testing.T) {
	setter := testkit.Start(t, "agent", "die=gate.changed")
	ask(t, setter, "events e")
	waiters := sleepers(t, 2, "tick=1h", "events e", "wait e")
	setter.Tell("set e")
	dies(t, setter)
	second := testkit.Start(t, "agent", "die=repair.taken")
	ask(t, second, "events e")
	second.Tell("reset e")
	dies(t, second)
	third := testkit.Start(t, "agent", "tick=1h")
	ask(t, third, "events e")
	ask(t, third, "reset e")
	for _, c := range waiters {
		c.Expect("wait e")
		c.End()
	}
	third.End()
}

// TestWaiterKilledOnItsWayToSleep: one that has set the sleepers bit, or has just
// taken over, and dies there, takes nothing with it.
func TestWaiterKilledOnItsWayToSleep(t *testing.T) {
	owner := startAgent(t, "", "killed")
	ask(t, owner, "lock killed")
	waiters := sleepers(t, 1, "tick=1h", "mutex killed", "lock killed")
	dying := testkit.Start(t, "agent", "die=wait.registered")
	ask(t, dying, "mutex killed")
	ask(t, owner, "unlock killed") // clears the bit
	waiters[0].Expect("lock killed")
	dying.Tell("lock killed") // sets it
	dies(t, dying)
	ask(t, waiters[0], "unlock killed")
	ask(t, owner, "lock killed")
	more := sleepers(t, 2, "tick=1h", "mutex killed", "lock killed")
	ask(t, owner, "unlock killed")
	handOver(t, more, "lock killed")
	waiters[0].End()
	owner.End()
}

// TestTakeoverKilled: the one that takes over from a dead owner dies in its turn;
// the next is told of it, not of the first.
func TestTakeoverKilled(t *testing.T) {
	newTestMutex(t, "killed", MutexOptions{}) // keeps it alive when both are dead
	owner := startAgent(t, "", "killed")
	ask(t, owner, "lock killed")
	second := testkit.Start(t, "agent", "die=lock.takenover")
	ask(t, second, "mutex killed")
	second.Tell("lock killed")
	second.Silent()
	owner.Kill()
	dies(t, second)
	third := startAgent(t, "tick=1h", "killed")
	third.Tell("lock killed")
	third.Expect(abandonedBy("lock killed", second))
	ask(t, third, "unlock killed")
	third.End()
}

// TestStuckGate: a process is stopped with the gate of an object closed. It is
// not dead, so nothing is taken from it; calls end when their time is up, and
// say who it is. When it goes on, everything does.
func TestStuckGate(t *testing.T) {
	wait.SetPatience(testkit.Quiet)
	defer wait.SetPatience(10 * time.Second)
	e := newTestEvent(t, "stuck", EventOptions{ManualReset: true})
	waiters := sleepers(t, 1, fastTick, "events stuck", "wait stuck")
	setter := testkit.Start(t, "agent", "stop=gate.closed")
	ask(t, setter, "events stuck")
	setter.Tell("set stuck")
	stopped(t, setter)
	holder := fmt.Sprintf("process %d", setter.PID())
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
	defer cancel()
	err := e.Wait(ctx)
	isError(t, err, ErrStuck, holder)
	isError(t, err, context.DeadlineExceeded)
	if try(t, e) {
		t.Fatal("not set yet, but it releases")
	}
	isError(t, e.Set(), ErrStuck, holder)
	isError(t, e.Reset(), ErrStuck, holder)
	waiters[0].Silent()
	setter.Signal(syscall.SIGCONT)
	setter.Expect("set stuck")
	waiters[0].Expect("wait stuck")
	must(t, e.Wait(t.Context()))
	must(t, e.Reset())
	setter.End()
	waiters[0].End()
}

// TestStuckRepairer: one who repairs the gate of a dead owner is stopped.
func TestStuckRepairer(t *testing.T) {
	wait.SetPatience(testkit.Quiet)
	defer wait.SetPatience(10 * time.Second)
	m := newTestMutex(t, "kept", MutexOptions{})
	owner := testkit.Start(t, "agent", "die=gate.closed")
	ask(t, owner, "mutex kept")
	ask(t, owner, "lock kept")
	sleeper := sleepers(t, 1, "tick=1h", "mutex kept", "lock kept")[0]
	stop(t, sleeper) // or it would repair the gate itself
	owner.Tell("unlock kept")
	dies(t, owner) // with the gate closed, and a sleeper behind it
	repairer := testkit.Start(t, "agent", "stop=repair.taken")
	ask(t, repairer, "mutex kept")
	repairer.Tell("lock kept")
	stopped(t, repairer) // now the gate is a stopped process's
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
	defer cancel()
	_, err := m.Lock(ctx)
	isError(t, err, ErrStuck, fmt.Sprintf("process %d", repairer.PID()))
	_, _, err = m.TryLock()
	isError(t, err, ErrStuck)
	repairer.Signal(syscall.SIGCONT)
	sleeper.Signal(syscall.SIGCONT)
	first := firstToSay(t, abandonedBy("lock kept", owner), repairer, sleeper)
	both := []*testkit.Child{repairer, sleeper}
	ask(t, both[first], "unlock kept")
	both[1-first].Expect("lock kept")
	ask(t, both[1-first], "unlock kept")
	repairer.End()
	sleeper.End()
}

var _ = testkit.Role("close-taking-over", func(self *testkit.Self) {
	m, _, err := CreateOrOpenMutex("over", MutexOptions{})
	self.Must(err)
	at("lock.takenover", func() {
		go func() { _ = m.Close() }() // waits for this Lock, as long as it lives
		time.Sleep(testkit.Quiet)
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	})
	self.Say("open")
	_, err = m.Lock(context.Background())
	self.Must(err)
})

// TestCloseWhileTakingOver: the process's last handle in the directory is being
// closed while a Lock through it is just taking the mutex; then the process is
// killed. Its number is in the mutex, and must still mean something.
func TestCloseWhileTakingOver(t *testing.T) {
	m := newTestMutex(t, "over", MutexOptions{})
	owner := startAgent(t, "", "over")
	ask(t, owner, "lock over")
	c := testkit.Start(t, "close-taking-over")
	c.Expect("open")
	c.Silent()
	owner.Kill()
	dies(t, c)
	if previous := mustLock(t, m, true); previous.PID != c.PID() {
		t.Fatal(previous)
	}
	mustUnlock(t, m)
}

// TestWakeBetweenRegisteringAndSleeping: a waiter stops after it has registered
// and before it sleeps. The mutex is unlocked and locked again meanwhile: its
// state is what the waiter saw, but nobody knows of the waiter any more. It must
// not sleep on that.
func TestWakeBetweenRegisteringAndSleeping(t *testing.T) {
	for _, way := range []string{"", "waitv=off way=threads", "waitv=off way=io_uring"} {
		t.Run(way, func(t *testing.T) {
			owner := startAgent(t, "tick=24h", "again")
			ask(t, owner, "lock again")
			waiter := startAgent(t, "tick=24h stop=wait.registered "+way, "again")
			waiter.Tell("lock again")
			stopped(t, waiter)
			ask(t, owner, "unlock again")
			ask(t, owner, "lock again")
			waiter.Signal(syscall.SIGCONT)
			waiter.Silent()
			ask(t, owner, "unlock again")
			waiter.Expect("lock again")
			owner.End()
			waiter.End()
		})
	}
}

// TestValueComesBeforeTheSleep: a value comes from a channel after the wait has
// looked there, and before it sleeps.
func TestValueComesBeforeTheSleep(t *testing.T) {
	e := newTestEvent(t, "", EventOptions{})
	c := make(chan int, 1)
	at("wait.registered:1", func() { c <- 1 })
	defer check.SetHook(nil)
	r, err := WaitAny(t.Context(), e, WaitChan(c))
	if must(t, err); r.Index != 1 {
		t.Errorf("%+v", r)
	}
}
