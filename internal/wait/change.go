//go:build linux

package wait

import (
	"time"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// Change applies next to the object's word. If somebody sleeps on it, all are
// woken. It blocks only while another process holds the gate.
//
// allowed is asked first, with the word; it may be nil.
//
// # Errors
//
// What allowed says. ErrStuck: another process holds the gate and does not let
// go of it. ErrCorrupt.
func (s *Slot) Change(next func(word uint32) uint32, allowed func(word uint32) error) error {
	for deadline := (time.Time{}); ; {
		state := s.cell.Load()
		if !s.kind.Sound(state) {
			return s.corrupt(state)
		}
		word := state.Word()
		if allowed != nil {
			if err := allowed(word); err != nil {
				return err
			}
		}
		if state.Gate() != 0 {
			if err := s.awaitGate(state, &deadline); err != nil {
				return err
			}
			continue
		}
		if word&layout.SleepersBit == 0 {
			// Also when the word stays the same: the swap orders what the caller
			// wrote before whoever takes the object next.
			if s.cell.CompareAndSwap(state, layout.MakeState(next(word), 0)) {
				return nil
			}
			continue
		}
		if s.cell.CompareAndSwap(state, layout.MakeState(word, s.me)) {
			check.Point("gate.closed")
			return s.changeUnderGate(next(word) &^ layout.SleepersBit)
		}
	}
}

// TryChange is Change on its fast path only: false if the gate is closed, or
// somebody sleeps, or another was quicker.
func (s *Slot) TryChange(next func(word uint32) uint32) bool {
	state := s.cell.Load()
	if state.Gate() != 0 || state.Word()&layout.SleepersBit != 0 {
		return false
	}
	return s.cell.CompareAndSwap(state, layout.MakeState(next(state.Word()), 0))
}

// changeUnderGate ends a change: from the store on, a kill leaves a state that
// whoever repairs the gate completes by opening it and waking everybody.
func (s *Slot) changeUnderGate(word uint32) error {
	s.cell.StoreUnderGate(word, s.me)
	check.Point("gate.changed")
	return s.openAndWake()
}

func (s *Slot) openAndWake() error {
	err := futex.OpenAndWake(s.cell.FutexWord(), s.cell.GateWord())
	check.Point("gate.opened")
	return s.fault(err)
}

// Retract applies next without waking anybody: a change that releases no waiter.
//
// # Errors
//
// As Change.
func (s *Slot) Retract(next func(word uint32) uint32) error {
	for deadline := (time.Time{}); ; {
		state := s.cell.Load()
		switch {
		case !s.kind.Sound(state):
			return s.corrupt(state)
		case state.Gate() != 0:
			if err := s.awaitGate(state, &deadline); err != nil {
				return err
			}
		case s.cell.CompareAndSwap(state, layout.MakeState(next(state.Word()), 0)):
			return nil
		}
	}
}

// awaitGate sleeps until the gate is no longer held as in state, or repairs it
// if its holder is dead. A deadline that is not set yet begins now.
//
// # Errors
//
// ErrStuck when the deadline passes.
func (s *Slot) awaitGate(state layout.State, deadline *time.Time) error {
	if deadline.IsZero() {
		*deadline = time.Now().Add(time.Duration(patience.Load()))
	}
	peer, status := s.ask(state.Gate())
	if peer != nil {
		defer peer.Release()
	}
	if status == liveness.Dead {
		return s.repair(state)
	}
	if time.Now().After(*deadline) {
		return errs.New(errs.ErrStuck, "%s holds the object's gate, and seems to be stopped", s.who(state.Gate()))
	}
	// Never negative, which would be without end.
	timeout := max(min(time.Until(*deadline), time.Duration(tick.Load())), time.Microsecond)
	watches := []futex.Watch{{Word: s.cell.GateWord(), Expected: state.Gate()}}
	if peer != nil {
		defer passOn(peer)
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

// repair takes the gate from a dead holder and opens it. The dead one may have
// changed the word and not woken anybody, or neither: the word is sound in both
// cases, and waking everybody is right in both.
func (s *Slot) repair(state layout.State) error {
	if !s.cell.CompareAndSwap(state, layout.MakeState(state.Word(), s.me)) {
		return nil // another repairer, or the state is not what we saw
	}
	check.Point("repair.taken")
	return s.openAndWake()
}
