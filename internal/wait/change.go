//go:build linux

package wait

import (
	"time"

	"atoll/internal/check"
	"atoll/internal/futex"
	"atoll/internal/layout"
)

// change is Change, under the guard where one is needed.
func (s *Slot) change(next layout.Change, allowed func(word uint32) error) (old uint32, err error) {
	for deadline := (time.Time{}); ; {
		state := s.cell.Load()
		if err := s.sound(state); err != nil {
			return 0, err
		}
		word := state.Word()
		if state.Holder() != 0 {
			// A wait for all that holds it may be decided, and the word is another then.
			if err := s.awaitGate(state, &deadline); err != nil {
				return word, err
			}
			continue
		}
		if allowed != nil {
			if err := allowed(word); err != nil {
				return word, err
			}
		}
		switch {
		case s.quiet(state):
			if s.swap(state, next) {
				return word, nil
			}
		case s.cell.CompareAndSwap(state, layout.MakeState(word, s.me)):
			check.Point("gate.closed")
			return word, s.storeAndOpen(next(word))
		}
	}
}

// TryChange is Change on its fast path only: false if it would take the kernel, or
// another was quicker.
func (s *Slot) TryChange(next layout.Change) bool {
	state := s.fast.Load()
	return s.quiet(state) && s.swap(state, next)
}

// quiet says whether nobody is asleep who would have to be woken by the kernel.
// Readers may be, and cannot say so.
func (s *Slot) quiet(state layout.State) bool {
	return (state.Gate() == 0 || state.Sleeper() == s.me) && !s.readers
}

// swap changes a word for which nobody sleeps but this process. Then no kernel is
// needed: who dies between the swap and the notice takes those along who would be
// told.
//
// The swap is made also when the word stays the same: it orders what the caller
// wrote before whoever takes the object next.
func (s *Slot) swap(state layout.State, next layout.Change) bool {
	if !s.cell.CompareAndSwap(state, state.With(next(state.Word()))) {
		return false
	}
	if state.Gate() != 0 {
		s.forgetSince()
		s.outside.Store(false)
		s.notify()
	}
	return true
}

// storeAndOpen ends a change: from the store on, a kill leaves a state that
// whoever repairs the gate completes by opening it and waking everybody.
func (s *Slot) storeAndOpen(word uint32) error {
	s.cell.StoreUnderGate(word, s.me)
	check.Point("gate.changed")
	s.forgetSince()
	return s.openAndWake()
}

// openAndWake opens the gate and wakes everybody. From here on nobody is
// registered as a sleeper: who is woken and does not get the object registers
// again.
func (s *Slot) openAndWake() error {
	s.page.Wakes.Add(1)
	err := futex.OpenAndWake(&s.page.Wakes, s.cell.GateWord())
	check.Point("gate.opened")
	s.notify()
	return s.fault(err)
}

// retract is Retract, under the guard where one is needed.
func (s *Slot) retract(next layout.Change) error {
	for deadline := (time.Time{}); ; {
		state := s.cell.Load()
		if err := s.sound(state); err != nil {
			return err
		}
		switch {
		case state.Holder() != 0:
			if err := s.awaitGate(state, &deadline); err != nil {
				return err
			}
		case s.cell.CompareAndSwap(state, state.With(next(state.Word()))):
			return nil
		}
	}
}
