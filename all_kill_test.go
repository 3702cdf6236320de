//go:build linux && atollcheck

package atoll

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// trio is three objects of different types that are signaled, and that this
// process holds: a mutex, an event or timer with auto-reset, and a semaphore.
type trio struct {
	names   [3]string
	verbs   [3]string // with which an agent opens them
	mutex   *Mutex
	event   *Event // or
	timer   *Timer
	counter *Semaphore
}

// trios are what a wait for all is tried with.
var trios = map[string]*trio{
	"with an event": {names: [3]string{"m", "e", "s"}, verbs: [3]string{"mutex", "event", "semaphore"}},
	"with a timer":  {names: [3]string{"m", "t", "s"}, verbs: [3]string{"mutex", "timer", "semaphore"}},
	// The decision then stands in a member file of Global.
	"with a global mutex": {names: [3]string{`Global\m`, "e", "s"}, verbs: [3]string{"mutex", "event", "semaphore"}},
	"with a global event": {names: [3]string{"m", `Global\e`, "s"}, verbs: [3]string{"mutex", "event", "semaphore"}},
}

// eachTrio runs a test with each of the trios, of which those in Global need root.
func eachTrio(t *testing.T, test func(t *testing.T, fresh func(t *testing.T) *trio)) {
	for name, kind := range trios {
		// It goes the same ways as the one with a global event.
		if !long() && name == "with a global mutex" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if kind.names[0] == `Global\m` || kind.names[1] == `Global\e` {
				testkit.NeedRoot(t)
				t.Cleanup(func() {
					_, err := Sweep(GlobalScope)
					must(t, err)
				})
			}
			test(t, func(t *testing.T) *trio { return kind.create(t) })
		})
	}
}

// create makes the objects.
func (x *trio) create(t *testing.T) *trio {
	t.Helper()
	x = &trio{names: x.names, verbs: x.verbs}
	x.mutex = newTestMutex(t, x.names[0], MutexOptions{})
	if x.verbs[1] == "event" {
		x.event = newTestEvent(t, x.names[1], EventOptions{})
	} else {
		var err error
		x.timer, err = CreateTimer(x.names[1], TimerOptions{})
		must(t, err)
		t.Cleanup(func() { must(t, x.timer.Close()) })
	}
	var err error
	x.counter, err = CreateSemaphore(x.names[2], SemaphoreOptions{Max: 100})
	must(t, err)
	t.Cleanup(func() { must(t, x.counter.Close()) })
	x.signal(t, 1)
	x.signal(t, 2)
	return x
}

// signal signals the second object, or the third.
func (x *trio) signal(t *testing.T, i int) {
	t.Helper()
	switch {
	case i == 2:
		_, err := x.counter.Release(1)
		must(t, err)
	case x.event != nil:
		must(t, x.event.Set())
	default:
		must(t, x.timer.SetAfter(0, 0))
	}
}

// try takes one of the objects if it can be had.
func (x *trio) try(i int) (taken bool, previous *Abandoned, err error) {
	switch {
	case i == 0:
		return x.mutex.TryLock()
	case i == 2:
		taken, err = x.counter.TryWait()
	case x.event != nil:
		taken, err = x.event.TryWait()
	default:
		taken, err = x.timer.TryWait()
	}
	return taken, nil, err
}

// wait waits for one of the objects.
func (x *trio) wait(ctx context.Context, i int) error {
	switch {
	case i == 0:
		_, err := x.mutex.Lock(ctx)
		return err
	case i == 2:
		return x.counter.Wait(ctx)
	case x.event != nil:
		return x.event.Wait(ctx)
	}
	return x.timer.Wait(ctx)
}

func (x *trio) waitables() []Waitable {
	if x.event != nil {
		return []Waitable{x.mutex, x.event, x.counter}
	}
	return []Waitable{x.mutex, x.timer, x.counter}
}

// agent starts an agent that has opened the three.
func (x *trio) agent(t *testing.T, setup ...string) *testkit.Child {
	t.Helper()
	c := testkit.Start(t, "agent", setup...)
	for i, verb := range x.verbs {
		ask(t, c, verb+" "+x.names[i])
	}
	return c
}

// all is the call by which an agent waits for all three.
func (x *trio) all() string { return fmt.Sprintf("all %s,%s,%s", x.names[0], x.names[1], x.names[2]) }

// busy says whose the gate of one of the objects is; 0 if it is open.
func (x *trio) busy(t *testing.T, i int) int {
	t.Helper()
	info, err := Stat(x.names[i])
	must(t, err)
	if info.Busy == nil {
		return 0
	}
	return info.Busy.PID
}

// checkAllOrNothing checks that a dead process took everything or nothing, that
// this is told once, and that the objects are as good as new.
func (x *trio) checkAllOrNothing(t *testing.T, victim *testkit.Child, all bool) {
	t.Helper()
	taken, previous, err := x.mutex.TryLock()
	must(t, err)
	switch {
	case !taken:
		t.Fatal("nobody alive owns the mutex, and it cannot be had")
	case (previous != nil) != all:
		t.Fatalf("the previous owner is %v; the wait for all was over: %v", previous, all)
	case all && previous.PID != victim.PID():
		t.Fatalf("abandoned by %d, and it was %d", previous.PID, victim.PID())
	}
	for i := 1; i < 3; i++ {
		taken, _, err := x.try(i)
		if must(t, err); taken == all {
			t.Fatalf("%s can be had: %v; the wait for all was over: %v", x.names[i], taken, all)
		}
	}
	mustUnlock(t, x.mutex)
	mustLock(t, x.mutex, false)
	mustUnlock(t, x.mutex)
	for i := 1; i < 3; i++ {
		for range 2 {
			x.signal(t, i)
			if taken, _, err := x.try(i); !taken || err != nil {
				t.Fatalf("%s, signaled: %v, %v", x.names[i], taken, err)
			}
			if taken, _, err := x.try(i); taken || err != nil {
				t.Fatalf("%s, taken: %v, %v", x.names[i], taken, err)
			}
		}
	}
}

// step is a place at which a wait for all three can be killed or stopped.
type step struct {
	point   string // POINT:N
	decided bool
	gates   int // how many it has closed then
}

// allSteps are the places in their order.
func allSteps() (steps []step) {
	for n := range 3 {
		steps = append(steps, step{point: fmt.Sprintf("all.closed:%d", n+1), gates: n + 1})
	}
	for n := range 3 {
		steps = append(steps, step{point: fmt.Sprintf("all.pending:%d", n+1), gates: 3})
	}
	steps = append(steps, step{"all.decided:1", true, 3})
	for n := range 3 {
		steps = append(steps, step{fmt.Sprintf("all.opened:%d", n+1), true, 2 - n})
	}
	return steps
}

// TestWaitAllKilled: a process dies on its way through a wait for all. Before the
// decision it has taken nothing, from it on everything.
func TestWaitAllKilled(t *testing.T) {
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		for _, at := range allSteps() {
			t.Run(at.point, func(t *testing.T) {
				x := fresh(t)
				victim := x.agent(t, "die="+at.point)
				victim.Tell("%s", x.all())
				dies(t, victim)
				x.checkAllOrNothing(t, victim, at.decided)
			})
		}
	})
}

// TestWaitAllRepairerKilled: and so does one who repairs a gate of the dead one,
// each of the gates, at each step.
func TestWaitAllRepairerKilled(t *testing.T) {
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		for _, at := range allSteps() {
			for nth := range at.gates {
				second := fmt.Sprintf("repair.taken:%d", nth+1)
				t.Run(at.point+" "+second, func(t *testing.T) {
					x := fresh(t)
					victim := x.agent(t, "die="+at.point)
					victim.Tell("%s", x.all())
					dies(t, victim)
					repairer := x.agent(t, "die="+second)
					repairer.Tell("%s", x.all())
					dies(t, repairer)
					x.checkAllOrNothing(t, victim, at.decided)
				})
			}
		}
	})
}

// TestWaitAllRepairersKilled: one after another dies over the same gates.
func TestWaitAllRepairersKilled(t *testing.T) {
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		for point, decided := range map[string]bool{"all.pending:3": false, "all.decided": true} {
			t.Run(point, func(t *testing.T) {
				x := fresh(t)
				victim := x.agent(t, "die="+point)
				victim.Tell("%s", x.all())
				dies(t, victim)
				for _, point := range []string{"repair.taken", "repair.taken", "gate.opened", "repair.taken", "gate.opened"} {
					repairer := x.agent(t, "die="+point)
					repairer.Tell("%s", x.all())
					dies(t, repairer)
				}
				x.checkAllOrNothing(t, victim, decided)
			})
		}
	})
}

// TestWaitAllKilledBeforeOthers: a process is killed in the middle of a wait for
// all while others wait behind it for one of the objects each. They sleep and are
// not told of anything but its death.
func TestWaitAllKilledBeforeOthers(t *testing.T) {
	for _, setup := range []string{"tick=24h", "bell=off tick=5ms"} {
		t.Run(setup, func(t *testing.T) {
			eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
				for _, at := range allSteps() {
					t.Run(at.point, func(t *testing.T) { killBeforeOthers(t, fresh(t), at, setup) })
				}
			})
		})
	}
}

func killBeforeOthers(t *testing.T, x *trio, at step, setup string) {
	t.Helper()
	victim := x.agent(t, append(strings.Fields(setup), "stop="+at.point)...)
	victim.Tell("%s", x.all())
	stopped(t, victim)
	calls := [3]string{"lock " + x.names[0], "await " + x.names[1], "await " + x.names[2]}
	answers := [3]string{"", " 0", " 0"}
	var waiters [3]*testkit.Child
	var asleep [3]bool
	for i := range waiters {
		asleep[i] = at.decided || x.busy(t, i) != 0
		waiters[i] = x.agent(t, strings.Fields(setup)...)
		waiters[i].Tell("%s", calls[i])
	}
	for i, c := range waiters {
		if !asleep[i] {
			c.Expect(calls[i] + answers[i])
		}
	}
	silent(t, waiters[:]...)
	victim.Kill()
	if at.decided {
		waiters[0].Expect(abandonedBy(calls[0], victim))
		silent(t, waiters[:]...)
	}
	for i, c := range waiters {
		switch {
		case !asleep[i] || at.decided && i == 0:
		case at.decided:
			x.signal(t, i)
			c.Expect(calls[i] + answers[i])
		default:
			c.Expect(calls[i] + answers[i])
		}
	}
	ask(t, waiters[0], "unlock "+x.names[0])
	for _, c := range waiters {
		c.End()
	}
	mustLock(t, x.mutex, false)
	mustUnlock(t, x.mutex)
	for i := 1; i < 3; i++ {
		if taken, _, err := x.try(i); taken || err != nil {
			t.Fatalf("%s can be had twice: %v, %v", x.names[i], taken, err)
		}
	}
}

// TestWaitAllKilledBeforeAnother: the other waits for the same three.
func TestWaitAllKilledBeforeAnother(t *testing.T) {
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		for _, at := range allSteps() {
			t.Run(at.point, func(t *testing.T) {
				x := fresh(t)
				victim := x.agent(t, "tick=24h", "stop="+at.point)
				victim.Tell("%s", x.all())
				stopped(t, victim)
				other := x.agent(t, "tick=24h")
				other.Tell("%s", x.all())
				other.Silent()
				victim.Kill()
				answer := x.all() + " 0"
				if at.decided {
					other.Silent()
					x.signal(t, 1)
					other.Silent()
					x.signal(t, 2)
					answer = abandonedBy(answer, victim)
				}
				other.Expect(answer)
				ask(t, other, "unlock "+x.names[0])
				other.End()
			})
		}
	})
}

// brief is the time of calls that cannot succeed, however long they wait, on a
// machine that is not busy.
const brief = 5 * time.Millisecond

// TestWaitAllStuck: a process is stopped in the middle of a wait for all. Whoever
// wants one of the objects whose gate it holds is told, and by whom; nothing else
// is affected; and all goes on when it does.
func TestWaitAllStuck(t *testing.T) {
	wait.SetPatience(brief)
	defer wait.SetPatience(10 * time.Second)
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		for _, at := range allSteps() {
			t.Run(at.point, func(t *testing.T) { stickAt(t, fresh(t), at) })
		}
	})
}

func stickAt(t *testing.T, x *trio, at step) {
	t.Helper()
	decider := x.agent(t, "stop="+at.point)
	decider.Tell("%s", x.all())
	stopped(t, decider)
	if !strings.HasSuffix(at.point, ":3") { // each takes a while
		bystanders(t)
	}
	gates := 0
	for i := range x.names {
		if x.busy(t, i) != 0 {
			gates++
			x.isStuck(t, i, decider)
			continue
		}
		taken, _, err := x.try(i)
		if must(t, err); taken == at.decided {
			t.Fatalf("%s can be had: %v", x.names[i], taken)
		}
		switch {
		case taken && i == 0:
			mustUnlock(t, x.mutex)
		case taken:
			x.signal(t, i)
		}
	}
	if gates != at.gates {
		t.Fatalf("%d gates are closed, want %d", gates, at.gates)
	}
	if gates > 0 && !at.decided {
		ctx, cancel := context.WithTimeout(t.Context(), brief)
		defer cancel()
		_, err := WaitAll(ctx, x.waitables()...)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", decider.PID())) {
			t.Fatal(err)
		}
	}
	next := x.agent(t, "tick=24h")
	next.Tell("%s", x.all())
	next.Silent()
	decider.Signal(syscall.SIGCONT)
	x.handOn(t, decider, next)
}

// isStuck checks that one of the objects cannot be used, and that the calls say
// because of whom.
func (x *trio) isStuck(t *testing.T, i int, decider *testkit.Child) {
	t.Helper()
	holder := fmt.Sprintf("process %d", decider.PID())
	// A call whose time is up before it begins does not get as far as the gate.
	var err error
	for d := brief; !errors.Is(err, ErrStuck) && d < testkit.Hang; d *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		err = x.wait(ctx, i)
		cancel()
	}
	isError(t, err, context.DeadlineExceeded)
	isError(t, err, ErrStuck, holder)
	if taken, _, err := x.try(i); taken || err != nil && !errors.Is(err, ErrStuck) {
		t.Fatalf("%s can be had: %v, %v", x.names[i], taken, err)
	}
	if i == 2 {
		_, err = x.counter.Release(1)
		isError(t, err, ErrStuck, holder)
	}
	if i == 1 && x.event != nil {
		isError(t, x.event.Set(), ErrStuck, holder)
		isError(t, x.event.Reset(), ErrStuck, holder)
	}
	if i == 1 && x.timer != nil {
		isError(t, x.timer.SetAfter(time.Hour, 0), ErrStuck, holder)
		isError(t, x.timer.Cancel(), ErrStuck, holder)
	}
}

// bystanders checks that objects which are not part of a wait for all can be used.
func bystanders(t *testing.T) {
	t.Helper()
	m, e := newTestMutex(t, "bystander", MutexOptions{}), newTestEvent(t, "beside", EventOptions{})
	c := startAgent(t, "tick=24h", "bystander")
	ask(t, c, "event beside")
	ask(t, c, "lock bystander")
	done := make(chan struct{})
	go func() { defer close(done); mustLock(t, m, false) }()
	testkit.Blocked(t, done, "the mutex is the agent's")
	ask(t, c, "unlock bystander")
	testkit.Soon(t, done, "it is free")
	mustUnlock(t, m)
	c.Tell("all bystander,beside")
	c.Silent()
	must(t, e.Set())
	c.Expect("all bystander,beside 0")
	ask(t, c, "unlock bystander")
	c.End()
	must(t, e.Close())
	must(t, m.Close())
}

// handOn checks that two agents that wait for all three get them one after
// another; which one first is nobody's business.
func (x *trio) handOn(t *testing.T, agents ...*testkit.Child) {
	t.Helper()
	answer := x.all() + " 0"
	first := firstToSay(t, answer, agents...)
	second := agents[1-first]
	second.Silent()
	ask(t, agents[first], "unlock "+x.names[0])
	second.Silent()
	x.signal(t, 1)
	second.Silent()
	x.signal(t, 2)
	second.Expect(answer)
	ask(t, second, "unlock "+x.names[0])
	agents[0].End()
	agents[1].End()
}

// TestWaitAllBacksOff: while a wait for all is on its way to the last gate,
// somebody takes that object. It opens the gates that it has, and waits.
func TestWaitAllBacksOff(t *testing.T) {
	eachTrio(t, func(t *testing.T, fresh func(t *testing.T) *trio) {
		for _, point := range []string{"all.closed:1", "all.closed:2"} {
			t.Run(point, func(t *testing.T) {
				x := fresh(t)
				c := x.agent(t, "tick=24h", "stop="+point)
				c.Tell("%s", x.all())
				stopped(t, c)
				var mine int
				for i := range x.names {
					if x.busy(t, i) == 0 {
						mine = i
					}
				}
				x.take(t, mine)
				c.Signal(syscall.SIGCONT)
				c.Silent()
				for i := range x.names { // the others are free, and nobody's
					if i != mine {
						x.take(t, i)
						x.giveBack(t, i)
					}
				}
				c.Silent()
				x.giveBack(t, mine)
				c.Expect(x.all() + " 0")
				ask(t, c, "unlock "+x.names[0])
				c.End()
			})
		}
	})
}

func (x *trio) take(t *testing.T, i int) {
	t.Helper()
	taken, previous, err := x.try(i)
	if !taken || previous != nil || err != nil {
		t.Fatalf("%s: %v, %v, %v", x.names[i], taken, previous, err)
	}
}

func (x *trio) giveBack(t *testing.T, i int) {
	t.Helper()
	if i == 0 {
		mustUnlock(t, x.mutex)
	} else {
		x.signal(t, i)
	}
}

// TestWaitAllBehindTheDeadSleeps: one of the objects is a dead process's, another
// is not signaled. The wait can do nothing about it, and sleeps.
func TestWaitAllBehindTheDeadSleeps(t *testing.T) {
	for _, setup := range []string{"tick=24h", "tick=24h way=futex_waitv", "tick=24h way=threads waitv=off", "tick=24h bell=off"} {
		t.Run(setup, func(t *testing.T) {
			x := trios["with an event"].create(t)
			must(t, x.event.Reset())
			owner := x.agent(t)
			ask(t, owner, "lock m")
			c := x.agent(t, strings.Fields(setup)...)
			c.Tell("%s", x.all())
			c.Silent()
			owner.Kill()
			c.Silent() // it finds out
			before := switches(t, c.PID())
			c.Silent()
			if n := switches(t, c.PID()) - before; n > 50 {
				t.Errorf("it slept and woke %d times for nothing", n)
			}
			x.signal(t, 1)
			c.Expect(abandonedBy(x.all()+" 0", owner))
			ask(t, c, "unlock m")
			c.End()
		})
	}
}

// switches says how often the threads of a process have gone to sleep.
func switches(t *testing.T, pid int) (n int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	must(t, err)
	for _, task := range tasks {
		b, _ := os.ReadFile(task) // a thread may end
		_, rest, _ := strings.Cut(string(b), "\nvoluntary_ctxt_switches:")
		one, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]))
		n += one
	}
	return n
}

// TestWaitAllDecisionOutlivesSweep: a process died after it had decided over an
// object of Global and two others. The first is repaired, so nothing in Global
// names the dead one any more, and somebody sweeps there: what was decided over
// the others still holds.
func TestWaitAllDecisionOutlivesSweep(t *testing.T) {
	testkit.NeedRoot(t)
	for point, decided := range map[string]bool{"all.pending:3": false, "all.decided": true} {
		t.Run(point, func(t *testing.T) {
			x := trios["with a global mutex"].create(t)
			victim := x.agent(t, "die="+point)
			victim.Tell("%s", x.all())
			dies(t, victim)
			mustLock(t, x.mutex, decided)
			_, err := Sweep(GlobalScope)
			must(t, err)
			for i := 1; i < 3; i++ {
				ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
				err := x.wait(ctx, i)
				cancel()
				if decided != errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrStuck) {
					t.Errorf("%s: %v", x.names[i], err)
				}
			}
			mustUnlock(t, x.mutex)
		})
	}
}
