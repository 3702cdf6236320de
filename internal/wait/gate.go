//go:build linux

package wait

import (
	"sync/atomic"
	"time"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// patience is how long a call that has no time limit of its own waits for a gate
// that another process holds, which normally takes microseconds.
var patience atomic.Int64

// SetPatience changes the patience of this process, for tests.
func SetPatience(d time.Duration) { patience.Store(int64(d)) }

// awaitGate sleeps until the gate is no longer held as in state, or repairs it
// if its holder is dead. A deadline that is not set yet begins now.
//
// # Errors
//
// ErrStuck when the deadline passes.
func (s *Slot) awaitGate(state layout.State, deadline *time.Time) error {
	if deadline.IsZero() {
		*deadline = time.Now().Add(time.Duration(patience.Load()))
		if s.spinWhile(state) {
			return nil
		}
	}
	holder := state.Holder()
	peer, status := s.ask(holder)
	if peer != nil {
		defer peer.Release()
		defer passOn(peer)
	}
	if status == liveness.Dead {
		if repaired, err := s.repair(state); repaired || err != nil {
			return err
		}
	}
	if time.Now().After(*deadline) {
		return s.stuck(holder)
	}
	state, ok := s.mark(state)
	if !ok {
		return nil
	}
	// Never negative, which would be without end.
	timeout := max(min(time.Until(*deadline), time.Duration(tick.Load())), time.Microsecond)
	watches := []futex.Watch{{Word: s.cell.GateWord(), Expected: state.Gate()}}
	if peer != nil {
		if bell, silent := peer.Bell(); bell != nil {
			watches = append(watches, futex.Watch{Word: bell, Expected: silent})
		} else if peer.Rung() {
			timeout = min(timeout, 100*time.Microsecond) // the lock goes soon
		}
	}
	if futex.HasWaitAny() {
		return s.fault(futex.WaitAny(watches, timeout))
	}
	return s.fault(futex.Wait(watches[0].Word, watches[0].Expected, timeout))
}

// ask finds out whether who is in the way is alive. Nobody, or this process, is.
func (s *Slot) ask(number uint32) (*liveness.Peer, liveness.Status) {
	if number == 0 || number == s.me {
		return nil, liveness.Alive
	}
	peer, status := s.watch(number)
	if peer != nil {
		status = peer.Status()
	}
	return peer, status
}

// status is ask for those who do not watch.
func (s *Slot) status(number uint32) liveness.Status {
	peer, status := s.ask(number)
	if peer != nil {
		peer.Release()
	}
	return status
}

// passOn wakes the others who watch a bell that has rung. Whoever watched it does
// that, whatever woke it and whatever it does next: it may be the one whom the
// kernel chose, and the others may wait for other objects.
func passOn(peer *liveness.Peer) {
	if peer.Rung() {
		peer.PassOn()
	}
}

// repair takes the gate from a dead holder and opens it. The dead one may have
// changed the word and not woken anybody, or neither: the word is sound in both
// cases, and waking everybody is right in both. If it was in a wait for all
// objects that was decided, the word becomes what that wait wrote down, in the same
// step: who is killed in the middle of a repair leaves nothing to be known of it.
//
// false: what it came to cannot be told yet, because the decider's other lock is
// not gone.
func (s *Slot) repair(state layout.State) (bool, error) {
	word := state.Word()
	if state.IsForAll() {
		decided, status := s.members.Decided(state.Holder())
		if status != liveness.Dead {
			return false, nil
		}
		if decided {
			word = s.page.Pending
		}
	}
	if !s.cell.CompareAndSwap(state, layout.MakeState(word, s.me)) {
		return true, nil // another repairer, or the state is not what we saw
	}
	check.Point("repair.taken")
	return true, s.openAndWake()
}

// mark says on a gate that somebody sleeps on it, which its holder may have to know,
// and returns the state that the gate has then; false: look again.
func (s *Slot) mark(state layout.State) (layout.State, bool) {
	marked := state.Marked()
	if marked == state {
		return state, true
	}
	ok := s.cell.CompareAndSwap(state, marked)
	if ok {
		check.Point("gate.marked")
	}
	return marked, ok
}

func (s *Slot) stuck(holder uint32) error {
	return errs.New(errs.ErrStuck, "%s holds the object's gate, and seems to be stopped", s.who(holder))
}

func (s *Slot) fault(err error) error {
	return errs.Because(err, 0, errs.ErrCorrupt, "cannot sleep on the object's state")
}
