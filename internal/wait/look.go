//go:build linux

package wait

import (
	"math"
	"time"

	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// peek is what a wait finds in an object at one moment.
type peek struct {
	state   layout.State
	verdict layout.Verdict
	next    uint32 // the word once the object is taken

	// A timer's.
	schedule layout.Schedule // once it is taken
	left     time.Duration   // until it is signaled
	never    bool            // it will not be by itself
}

// peek looks at the object for a claim. It changes nothing.
func (s *Slot) peek(c layout.Claim) (peek, error) {
	for range manyTries {
		p := peek{state: s.cell.Load(), never: true}
		if err := s.sound(p.state); err != nil {
			return p, err
		}
		if !s.kind.IsTimer() {
			p.next, p.verdict = c.Take(p.state.Word())
			return p, nil
		}
		p.schedule = s.page.Current(p.state.Word()).Load()
		if s.cell.Load().Word() != p.state.Word() {
			continue // what we read may be of two settings
		}
		return p, s.peekTimer(&p)
	}
	return peek{}, errSchedule
}

func (s *Slot) peekTimer(p *peek) error {
	if !p.schedule.Sound() {
		return errSchedule
	}
	now := clock(p.schedule)
	if !p.schedule.Signaled(now) {
		left, never := p.schedule.Left(now)
		p.left, p.never = time.Duration(left), never
		return nil
	}
	p.verdict, p.next = layout.Taken, p.state.Word()
	if s.kind == layout.AutoTimerWord {
		p.schedule, p.next = p.schedule.Consumed(now), layout.Turn(p.state.Word())
	}
	return nil
}

// keeps says that taking the object changes nothing, so that the gate does not
// matter.
func (s *Slot) keeps() bool {
	return ReaderMayWait(s.kind)
}

// take takes the object as peek found it; false if it has changed since.
func (s *Slot) take(p peek) (bool, error) {
	switch {
	case s.keeps():
		return true, nil
	case p.state.Holder() != 0:
		return false, nil
	case s.kind != layout.AutoTimerWord:
		return s.cell.CompareAndSwap(p.state, p.state.With(p.next)), nil
	case !s.cell.CompareAndSwap(p.state, layout.MakeState(p.state.Word(), s.me)):
		return false, nil
	}
	s.page.Other(p.state.Word()).Store(p.schedule)
	return true, s.storeAndOpen(p.next)
}

func (p peek) outcome() Outcome {
	if p.verdict != layout.Inherited {
		return Outcome{}
	}
	return Outcome{Abandoned: true, By: p.state.Word() & layout.OwnerMask}
}

// TryTake is Try on its fast path only, for an object that has no owner.
func (s *Slot) TryTake() bool {
	if s.kind.IsTimer() {
		return false
	}
	state := s.fast.Load()
	if !s.kind.Sound(state, s.limit) {
		return false
	}
	claim := layout.Claim{Kind: s.kind, Me: s.me, Start: state.Word()}
	next, verdict := claim.Take(state.Word())
	if verdict == layout.Blocked {
		return false
	}
	return s.keeps() || state.Holder() == 0 && s.cell.CompareAndSwap(state, state.With(next))
}

// try is Try, under the guard where one is needed.
func (s *Slot) try() (out Outcome, taken bool, err error) {
	claim := layout.Claim{Kind: s.kind, Me: s.me, Start: s.cell.Load().Word()}
	for deadline := (time.Time{}); ; {
		pk, err := s.peek(claim)
		if err != nil {
			return out, false, err
		}
		owner := s.kind.Owner(pk.state.Word())
		switch {
		case pk.verdict != layout.Blocked && (s.keeps() || pk.state.Holder() == 0):
			if taken, err := s.take(pk); taken || err != nil {
				return pk.outcome(), taken, err
			}
		case pk.verdict == layout.Blocked && (owner == 0 || owner == s.me || s.status(owner) != liveness.Dead):
			return out, false, nil
		case pk.state.Holder() != 0:
			if err := s.awaitGate(pk.state, &deadline); err != nil {
				return out, false, err
			}
		case s.cell.CompareAndSwap(pk.state, pk.state.With(claim.TakeOver())):
			return Outcome{Abandoned: true, By: owner}, true, nil
		}
	}
}

// inherit takes a mutex whose owner is dead, for one who has no time to wait.
func (w *Waiter) inherit() (Outcome, bool) {
	for i, t := range w.targets {
		if t.entry == nil || w.all {
			continue
		}
		s := t.entry.slot
		state := s.cell.Load()
		owner := s.kind.Owner(state.Word())
		if owner == 0 || owner == s.me || state.Holder() != 0 || s.status(owner) != liveness.Dead {
			continue
		}
		if s.cell.CompareAndSwap(state, state.With(t.entry.claim.TakeOver())) {
			return Outcome{Index: i, Abandoned: true, By: owner}, true
		}
	}
	return Outcome{}, false
}

// look takes what the waiter wants, if it can be had.
func (w *Waiter) look() (out Outcome, taken bool, err error) {
	if w.all {
		return w.lookAll()
	}
	for range manyTries {
		i, pk, err := w.lowest(math.MaxInt)
		if i < 0 || err != nil {
			return Outcome{}, false, err
		}
		// A lower one may have become signaled after we looked there, and before
		// this one did. Then it is the lower one's turn.
		for again := true; again && i > 0; {
			lower, lowerPeek, err := w.lowest(i)
			if err != nil {
				return Outcome{}, false, err
			}
			if again = lower >= 0; again {
				i, pk = lower, lowerPeek
			}
		}
		out := pk.outcome()
		out.Index = i
		t := w.targets[i]
		if t.external != nil {
			taken, err = t.external.Take()
		} else {
			taken, err = t.entry.slot.take(pk)
		}
		if taken || err != nil {
			return out, taken, err
		}
	}
	return Outcome{}, false, nil
}

// same says whether the object is as it was when it could not be had: so it cannot be had.
// It is a short cut for a wait for many, of which one was signaled.
func (e *entry) same() bool { return e.blocked != 0 && e.slot.cell.Load() == e.blocked }

// lowest finds the first target before the given one that can be had now, -1 if
// there is none.
func (w *Waiter) lowest(before int) (index int, pk peek, err error) {
	for i, t := range w.targets[:min(before, len(w.targets))] {
		switch {
		case t.external != nil:
			if there, err := t.external.Ready(); there || err != nil {
				return i, peek{}, err
			}
		case t.entry != nil && !t.entry.same():
			s := t.entry.slot
			pk, err := s.peek(t.entry.claim)
			if err != nil {
				return -1, pk, err
			}
			if pk.verdict != layout.Blocked && (s.keeps() || pk.state.Holder() == 0) && !t.entry.yields(pk) {
				return i, pk, nil
			}
		}
	}
	return -1, peek{}, nil
}
