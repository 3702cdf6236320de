//go:build linux

package atoll

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// TestSemaphoreHolderKilled: what a process took that was killed is not given
// back, and its wait takes nothing.
func TestSemaphoreHolderKilled(t *testing.T) {
	t.Run("C293", func(t *testing.T) {
		s := newTestSemaphore(t, "holder", 2, 2)
		holder := testkit.Start(t, "agent")
		ask(t, holder, "semaphore holder")
		holder.Tell("await holder")
		holder.Expect("await holder 0")
		mustSee(t, "holder", 1, 2)
		holder.Kill()
		mustSee(t, "holder", 1, 2)
		if !takes(t, s) || takes(t, s) {
			t.Error("the dead one's was given back")
		}
	})
	t.Run("waiting", func(t *testing.T) {
		s := newTestSemaphore(t, "waits", 0, 2)
		killed, other := testkit.Start(t, "agent"), testkit.Start(t, "agent")
		for _, c := range []*testkit.Child{killed, other} {
			ask(t, c, "semaphore waits")
			c.Tell("await waits")
		}
		killed.Silent()
		other.Silent()
		killed.Kill()
		mustRelease(t, s, 1, 0)
		other.Expect("await waits 0")
		mustSee(t, "waits", 0, 2)
		other.End()
	})
}

// TestSemaphoreBetweenProcesses: of the waiters in several processes as many are
// released as the release says, whoever releases.
func TestSemaphoreBetweenProcesses(t *testing.T) {
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			const waiters = 4
			s := newTestSemaphore(t, "between", 0, 100)
			var children []*testkit.Child
			for range waiters {
				c := testkit.Start(t, "agent", strings.Fields(setup)...)
				ask(t, c, "semaphore between")
				c.Tell("await between")
				children = append(children, c)
			}
			for _, c := range children {
				c.Silent()
			}
			mustRelease(t, s, 3, 0)
			lines := make(chan int)
			for i, c := range children {
				go func() {
					c.Expect("await between 0")
					lines <- i
				}()
			}
			var free int
			for range waiters - 1 {
				free = within60(t, lines)
			}
			still(t, lines)
			ask(t, children[free], "release between")
			within60(t, lines)
			mustSee(t, "between", 0, 100)
			for _, c := range children {
				c.End()
			}
		})
	}
}

// A taker takes so many, one at a time, and says what it has.
var _ = testkit.Role("semaphore-taker", func(self *testkit.Self) {
	s, err := OpenSemaphore("shares", 0)
	self.Must(err)
	stop, err := OpenEvent("shares-end", 0)
	self.Must(err)
	self.Say("ready")
	taken := 0
	for {
		r, err := WaitAny(context.Background(), s, stop)
		self.Must(err)
		if r.Index == 1 {
			break
		}
		taken++
	}
	self.Say("%d", taken)
	self.Must(s.Close())
	self.Must(stop.Close())
})

// TestSemaphoreIsShared: nothing is lost or doubled between processes that take
// with WaitAny what two goroutines of another release.
func TestSemaphoreIsShared(t *testing.T) {
	const takers = 3
	each := int32(scaled(2000))
	s := newTestSemaphore(t, "shares", 0, 2*each)
	end := newTestEvent(t, "shares-end", EventOptions{ManualReset: true})
	var children []*testkit.Child
	for range takers {
		c := testkit.Start(t, "semaphore-taker")
		c.Expect("ready")
		children = append(children, c)
	}
	done := make(chan struct{}, 2)
	for range 2 {
		go func() {
			for range each {
				_, err := s.Release(1)
				must(t, err)
			}
			done <- struct{}{}
		}()
	}
	within60(t, done)
	within60(t, done)
	must(t, end.Set()) // the semaphore comes first as long as it has any
	sum := 0
	for _, c := range children {
		n, err := strconv.Atoi(c.Line())
		must(t, err)
		sum += n
		c.End()
	}
	if sum != int(2*each) {
		t.Errorf("%d were taken, %d released", sum, 2*each)
	}
	mustSee(t, "shares", 0, 2*each)
}

// TestSemaphoreStat shows who waits, in which processes.
func TestSemaphoreStat(t *testing.T) {
	s := newTestSemaphore(t, "seen", 0, 9)
	pids := make(map[int]bool)
	var children []*testkit.Child
	for range 3 {
		c := testkit.Start(t, "agent")
		ask(t, c, "semaphore seen")
		c.Tell("await seen")
		c.Silent()
		pids[c.PID()] = true
		children = append(children, c)
	}
	i, err := Stat("seen")
	must(t, err)
	if i.Waiters != 3 || len(i.Waiting) != 3 {
		t.Fatalf("%d waiters in %v", i.Waiters, i.Waiting)
	}
	for _, p := range i.Waiting {
		if !pids[p.PID] || p.Command == "" {
			t.Errorf("%+v does not wait", p)
		}
	}
	children[0].Kill()
	i, err = Stat("seen")
	must(t, err)
	if i.Waiters != 2 {
		t.Errorf("%d waiters once one was killed: %v", i.Waiters, i.Waiting)
	}
	mustRelease(t, s, 2, 0)
	for _, c := range children[1:] {
		c.Expect("await seen 0")
	}
	i, err = Stat("seen")
	must(t, err)
	if i.Waiters != 0 || len(i.Waiting) != 0 || len(i.Holders) != 3 {
		t.Errorf("in the end: %s", fmt.Sprintf("%+v", i))
	}
	for _, c := range children[1:] {
		c.End()
	}
}
