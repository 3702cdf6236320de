//go:build linux

package atoll

import (
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// waitingAgents starts agents that wait for an event, made by the verb.
func waitingAgents(t *testing.T, n int, setup, verb, name string) []*testkit.Child {
	t.Helper()
	var children []*testkit.Child
	for range n {
		c := testkit.Start(t, "agent", strings.Fields(setup)...)
		ask(t, c, verb+" "+name)
		c.Tell("wait %s", name)
		children = append(children, c)
	}
	for _, c := range children {
		c.Silent()
	}
	return children
}

// saying collects which of the children have said a line.
func saying(children []*testkit.Child, line string) <-chan int {
	said := make(chan int, len(children))
	for i, c := range children {
		go func() {
			c.Expect(line)
			said <- i
		}()
	}
	return said
}

func TestEventProcessesReleasedByEachSignal(t *testing.T) {
	for name, setup := range setups {
		for _, verb := range []string{"set", "pulse"} {
			t.Run(name+", "+verb, func(t *testing.T) {
				const waiters = 3
				e := newTestEvent(t, "each", EventOptions{})
				children := waitingAgents(t, waiters, setup, "event", "each")
				said := saying(children, "wait each")
				for range waiters {
					still(t, said)
					if verb == "set" {
						must(t, e.Set())
					} else {
						must(t, e.Pulse())
					}
					within60(t, said)
					if try(t, e) {
						t.Error("it is set although one was released")
					}
				}
				for _, c := range children {
					c.End()
				}
			})
		}
	}
}

// TestEventAsManySetsAsProcesses: as many Sets as there are processes that wait
// release all of them, though nobody had the time to run in between.
func TestEventAsManySetsAsProcesses(t *testing.T) {
	const waiters = 4
	e := newTestEvent(t, "burst", EventOptions{})
	for _, reset := range []bool{false, true} {
		children := waitingAgents(t, waiters, "tick=1h", "event", "burst")
		for range waiters {
			must(t, e.Set())
		}
		if reset { // which takes nothing from those who waited
			must(t, e.Reset())
		}
		for _, c := range children {
			c.Expect("wait burst")
			c.End()
		}
	}
}

// TestEventResetBeforeSet: a Reset of an event that nobody has set leaves those who
// sleep where the next Set finds them.
func TestEventResetBeforeSet(t *testing.T) {
	e := newTestEvent(t, "reset", EventOptions{ManualReset: true})
	children := waitingAgents(t, 2, "tick=24h", "events", "reset")
	must(t, e.Reset())
	must(t, e.Set())
	for _, c := range children {
		c.Expect("wait reset")
		c.End()
	}
}

// TestEventFlash: Set and Reset, or Pulse, of a manual-reset event release the
// processes that wait, and nobody who comes later.
func TestEventFlash(t *testing.T) {
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			const waiters = 3
			e := newTestEvent(t, "flashing", EventOptions{ManualReset: true})
			setter := testkit.Start(t, "agent")
			ask(t, setter, "events flashing")
			for _, calls := range [][]string{{"set flashing", "reset flashing"}, {"pulse flashing"}} {
				children := waitingAgents(t, waiters, setup, "events", "flashing")
				for _, call := range calls {
					ask(t, setter, call)
				}
				late := waitingAgents(t, 1, setup, "events", "flashing")[0]
				for _, c := range children {
					c.Expect("wait flashing")
					c.End()
				}
				late.Silent()
				must(t, e.Set())
				late.Expect("wait flashing")
				late.End()
				must(t, e.Reset())
			}
			setter.End()
		})
	}
}

// TestEventWaiterKilled: the signal of one who was killed while he waited goes to
// another.
func TestEventWaiterKilled(t *testing.T) {
	e := newTestEvent(t, "bereft", EventOptions{})
	for range scaled(10) {
		children := waitingAgents(t, 2, "", "event", "bereft")
		children[0].Kill()
		must(t, e.Set())
		children[1].Expect("wait bereft")
		children[1].End()
	}
}

// TestEventWaiterKilledAtOnce: a waiter that is killed in the instant of the Set
// either took the signal or left it. No third thing: the event goes on to work.
func TestEventWaiterKilledAtOnce(t *testing.T) {
	e := newTestEvent(t, "instant", EventOptions{})
	for range scaled(20) {
		c := waitingAgents(t, 1, "", "event", "instant")[0]
		must(t, e.Set())
		c.Kill()
		first := try(t, e)
		if try(t, e) {
			t.Fatalf("one signal was taken twice, the first time %v", first)
		}
		other := waitingAgents(t, 1, "", "event", "instant")[0]
		must(t, e.Set())
		other.Expect("wait instant")
		other.End()
	}
}
