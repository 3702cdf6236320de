//go:build linux

package atoll

import (
	"context"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

const turns = 100

// One of two who signal each other in turns: told to, it does so, and says how often
// a thread of its process fell asleep.
var _ = testkit.Role("take-turns", func(self *testkit.Self) {
	var events [2]*Event
	for i, name := range []string{"mine", "yours"} {
		if self.Args[0] == "second" {
			i = 1 - i
		}
		e, _, err := CreateOrOpenEvent(name, EventOptions{})
		self.Must(err)
		events[i] = e
	}
	first := self.Args[0] == "first"
	self.Say("ready")
	for _, ok := self.Hear(); ok; _, ok = self.Hear() {
		before := sleeps(self)
		for i := range 2 * turns {
			if (i%2 == 0) == first {
				self.Must(events[0].Set())
			} else {
				self.Must(events[1].Wait(context.Background()))
			}
		}
		self.Say("%d", sleeps(self)-before)
	}
})

// sleeps is how often this process's threads have gone to sleep so far.
func sleeps(self *testkit.Self) int {
	var r unix.Rusage
	self.Must(unix.Getrusage(unix.RUSAGE_SELF, &r))
	return int(r.Nvcsw)
}

// TestTurnsOnOneProcessor: two processes on one processor signal each other in turns,
// and hand the processor over without falling asleep. Where others want it all the time
// they do sleep; so one undisturbed run is enough.
func TestTurnsOnOneProcessor(t *testing.T) {
	first, second := onOneProcessor(t, "first"), onOneProcessor(t, "second")
	var slept [2]int
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		second.Tell("go")
		first.Tell("go")
		for i, c := range []*testkit.Child{second, first} {
			n, err := strconv.Atoi(c.Line())
			must(t, err)
			slept[i] = n
		}
		if slept[0] < turns/4 && slept[1] < turns/4 {
			first.End()
			second.End()
			return
		}
	}
	t.Fatalf("in %d turns the two fell asleep %d and %d times, in the last of all runs", turns, slept[0], slept[1])
}

func onOneProcessor(t *testing.T, side string) *testkit.Child {
	t.Helper()
	c := onFirstProcessor(t, func() *testkit.Child { return testkit.Start(t, "take-turns", side) })
	c.Expect("ready")
	return c
}
