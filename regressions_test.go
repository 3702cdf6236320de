//go:build linux

package atoll

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// What once went wrong.

// TestStoppedWaiterKeepsItsSet: a waiter that is stopped keeps what a Set gave it,
// whoever comes and is released meanwhile.
func TestStoppedWaiterKeepsItsSet(t *testing.T) {
	e := newTestEvent(t, "once-slow", EventOptions{})
	slow := waitingAgents(t, 1, "", "event", "once-slow")[0]
	stop(t, slow)
	must(t, e.Set())
	must(t, e.Reset())
	// Two more come, each after the Reset before, and each gets a Set of its own.
	for range 2 {
		other := waitingAgents(t, 1, "", "event", "once-slow")[0]
		must(t, e.Set())
		must(t, e.Reset())
		other.Expect("wait once-slow")
		other.End()
	}
	slow.Signal(syscall.SIGCONT)
	slow.Expect("wait once-slow")
}

// TestStoppedWaiterLeavesTheNewerSet: of two who wait, the one who waited through two
// Sets leaves the other the Set that alone that one can be released by.
func TestStoppedWaiterLeavesTheNewerSet(t *testing.T) {
	e := newTestEvent(t, "once-older", EventOptions{})
	var waiters []*testkit.Child
	for range 2 {
		c := waitingAgents(t, 1, "", "event", "once-older")[0]
		stop(t, c)
		waiters = append(waiters, c)
		must(t, e.Set())
		must(t, e.Reset())
	}
	for _, c := range waiters {
		c.Signal(syscall.SIGCONT)
		c.Expect("wait once-older")
		c.End()
	}
}

// TestSignalAndWaitSeesWhatItSetsOff: a Pulse, or Set and Reset, that the signal sets
// off releases the wait.
func TestSignalAndWaitSeesWhatItSetsOff(t *testing.T) {
	for name, manual := range map[string]bool{"manual": true, "auto": false} {
		for _, verb := range []string{"pulse", "set and reset"} {
			t.Run(name+" "+verb, func(t *testing.T) {
				request := newTestEvent(t, "once-request", EventOptions{})
				reply := newTestEvent(t, "once-reply", EventOptions{ManualReset: manual})
				c := testkit.Start(t, "once-pulser", verb)
				c.Expect("ready")
				for i := range 500 {
					ctx, cancel := context.WithTimeout(t.Context(), testkit.Hang)
					_, err := SignalAndWait(ctx, request, reply)
					cancel()
					if err != nil {
						t.Fatalf("round %d: %v", i, err)
					}
				}
			})
		}
	}
}

var _ = testkit.Role("once-pulser", func(self *testkit.Self) {
	request, err := OpenEvent("once-request", 0)
	self.Must(err)
	reply, err := OpenEvent("once-reply", 0)
	self.Must(err)
	self.Say("ready")
	for request.Wait(context.Background()) == nil {
		if self.Args[0] == "pulse" {
			self.Must(reply.Pulse())
		} else {
			self.Must(reply.Set())
			self.Must(reply.Reset())
		}
	}
})

// TestKeptValueWakesOthers: of two waits with one ChanWait the first receives a value
// and ends with another object: the second gets the value.
func TestKeptValueWakesOthers(t *testing.T) {
	for range 50 {
		e := newTestEvent(t, "", EventOptions{})
		c := make(chan int)
		w := WaitChan(c)
		first := beginAny(e, w)
		time.Sleep(2 * time.Millisecond)
		second := beginAny(w)
		time.Sleep(2 * time.Millisecond)
		c <- 1
		must(t, e.Set())
		if r := <-first; r.Index == 1 {
			c <- 2
			<-second
			continue
		}
		select {
		case <-second:
		case <-time.After(testkit.Hang):
			t.Fatal("the value is kept, and the wait that is under way sleeps")
		}
	}
}

// TestOwnerSinceIsOfThisOwnership: and not of an earlier one of the same process.
func TestOwnerSinceIsOfThisOwnership(t *testing.T) {
	a := newTestMutex(t, "once-since", MutexOptions{InitiallyOwned: true})
	b := openTestMutex(t, "once-since")
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
	defer cancel()
	_, _ = b.Lock(ctx)
	mustUnlock(t, a)
	time.Sleep(testkit.Quiet)
	second := time.Now()
	mustLock(t, a, false)
	i, err := Stat("once-since")
	must(t, err)
	if i.OwnerSince != nil && i.OwnerSince.Before(second) {
		t.Errorf("owned since %v, locked after %v", i.OwnerSince, second)
	}
	mustUnlock(t, a)
}

// TestWaitersCountsTheQueue: also those who came after the first had gone to sleep.
func TestWaitersCountsTheQueue(t *testing.T) {
	e := newTestEvent(t, "once-waiters", EventOptions{ManualReset: true})
	done := make(chan error, 3)
	for i := range 3 {
		go func() { done <- e.Wait(context.Background()) }()
		queued(t, e, i+1)
		time.Sleep(testkit.Quiet)
	}
	i, err := Stat("once-waiters")
	must(t, err)
	if i.Waiters != 3 {
		t.Errorf("%d waiters, want 3", i.Waiters)
	}
	must(t, e.Set())
	releasedAre(t, done, 3)
}

// TestSetThenCancel: an event is set, and then the time of all who wait for it ends.
// They are released, also those who queue behind the first.
func TestSetThenCancel(t *testing.T) {
	e := newTestEvent(t, "", EventOptions{ManualReset: true})
	ctx, cancel := context.WithCancel(t.Context())
	const n = 200
	done := make(chan error, n)
	for range n {
		go func() { done <- e.Wait(ctx) }()
	}
	queued(t, e, n)
	must(t, e.Set())
	cancel()
	releasedAre(t, done, n)
}

// TestGrantThatNobodyCanTake: a Set while only a wait for all waits, which takes no
// grants, and a Reset. Of those who come later, two Sets release two.
func TestGrantThatNobodyCanTake(t *testing.T) {
	e, never := newTestEvent(t, "", EventOptions{}), newTestEvent(t, "", EventOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	all := make(chan error)
	go func() {
		_, err := WaitAll(ctx, e, never)
		all <- err
	}()
	queued(t, e, 1)
	must(t, e.Set())
	must(t, e.Reset())
	done := make(chan error, 3)
	for i := range 3 {
		go func() { done <- e.Wait(ctx) }()
		queued(t, e, i+2)
		time.Sleep(testkit.Quiet) // so that it sleeps
	}
	must(t, e.Set())
	time.Sleep(testkit.Quiet) // so that those who can look, look
	must(t, e.Set())
	releasedAre(t, done, 2)
	select {
	case err := <-done:
		t.Errorf("two Sets released three: %v", err)
	case <-time.After(testkit.Quiet):
	}
	cancel()
	for _, ended := range []chan error{all, done} {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
