//go:build linux

package wait

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

func describe(info layout.MemberInfo) string {
	return fmt.Sprintf("process %d (%s)", info.PID, info.Command)
}

// step is what one round of a blocked wait came to.
type step struct {
	taken   bool
	out     Outcome
	missing uint32 // the member whose file is gone
}

// advance does what a blocked wait can do: take over from a dead owner, repair
// the gate of a dead holder, or sleep until something changes.
func (s *Slot) advance(c layout.Claim, state layout.State, control uint32) (step, error) {
	word := state.Word()
	blocker := s.kind.Owner(word)
	if state.Gate() != 0 {
		blocker = state.Gate()
	}
	peer, status := s.ask(blocker)
	if peer != nil {
		defer peer.Release()
		defer passOn(peer)
	}
	switch {
	case status == liveness.Unknown:
		err := s.sleepOn(s.half(state), expected(state), nil, 0, control)
		if s.cell.Load() != state {
			return step{}, err
		}
		return step{missing: blocker}, err
	case status == liveness.Dead && state.Gate() != 0:
		return step{}, s.repair(state)
	case status == liveness.Dead:
		if !s.cell.CompareAndSwap(state, layout.MakeState(c.TakeOver(word), 0)) {
			return step{}, nil
		}
		check.Point("lock.takenover")
		return step{taken: true, out: Outcome{Abandoned: true, By: blocker}}, nil
	}
	if state.Gate() == 0 && word&layout.SleepersBit == 0 {
		asleep := layout.MakeState(word|layout.SleepersBit, 0)
		if !s.cell.CompareAndSwap(state, asleep) {
			return step{}, nil
		}
		state = asleep
		check.Point("wait.registered")
	}
	return step{}, s.sleep(state, peer, control)
}

// ask finds out whether who blocks a wait is alive. Nobody, or this process, is.
func (s *Slot) ask(blocker uint32) (*liveness.Peer, liveness.Status) {
	if blocker == 0 || blocker == s.me {
		return nil, liveness.Alive
	}
	peer, err := s.members.Watch(blocker)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errs.ErrCorrupt):
		return nil, liveness.Unknown
	case err != nil:
		return nil, liveness.Alive // no descriptor is left, say: the next tick asks again
	}
	return peer, peer.Status()
}

// passOn wakes the others who watch a bell that has rung. Whoever watched it does
// that, whatever woke it and whatever it does next: it may be the one whom the
// kernel chose, and the others may wait for other objects.
func passOn(peer *liveness.Peer) {
	if peer.Rung() {
		peer.PassOn()
	}
}

// half is what a blocked wait sleeps on: the gate if it is closed, else the word.
func (s *Slot) half(state layout.State) *futex.Word {
	if state.Gate() != 0 {
		return s.cell.GateWord()
	}
	return s.cell.FutexWord()
}

func expected(state layout.State) uint32 {
	if state.Gate() != 0 {
		return state.Gate()
	}
	return state.Word()
}

// sleep sleeps until the object changes, peer dies, or the wait is recalled. When
// the bell has rung it stays until the dying process can no longer write.
func (s *Slot) sleep(state layout.State, peer *liveness.Peer, control uint32) error {
	var bell *futex.Word
	var silent uint32
	if peer != nil {
		bell, silent = peer.Bell()
	}
	if peer == nil || !peer.Rung() {
		err := s.sleepOn(s.half(state), expected(state), bell, silent, control)
		if err != nil || peer == nil || !peer.Rung() {
			return err
		}
	}
	passOn(peer) // before all else: they may wait for other objects
	for pause := 20 * time.Microsecond; s.cell.Load() == state && s.control.Load() == control; pause = min(2*pause, time.Millisecond) {
		if peer.Status() != liveness.Alive {
			return nil
		}
		time.Sleep(pause) //nolint:forbidigo // the kernel tells of a death, but not of the lock that falls after it
	}
	return nil
}

// sleepOn sleeps while word has the value expected, the bell is silent and
// nobody has recalled the wait, a tick at the most. It begins each time with
// making sure that this process can be found by others.
func (s *Slot) sleepOn(word *futex.Word, expected uint32, bell *futex.Word, silent, control uint32) error {
	// If that cannot be done now (somebody removed the whole folder, or no
	// descriptor is left), the next tick tries again.
	_ = s.members.Reappear()
	timeout := time.Duration(tick.Load())
	if futex.HasWaitAny() {
		var buffer [3]futex.Watch
		watches := append(buffer[:0], futex.Watch{Word: word, Expected: expected},
			futex.Watch{Word: &s.control, Expected: control, Private: true})
		if bell != nil {
			watches = append(watches, futex.Watch{Word: bell, Expected: silent})
		}
		return s.fault(futex.WaitAny(watches, timeout))
	}
	s.asleep.Store(&nap{word, control})
	defer s.asleep.Store(nil)
	if s.control.Load() != control {
		return nil
	}
	return s.fault(futex.Wait(word, expected, timeout))
}

func (s *Slot) fault(err error) error {
	return errs.Because(err, 0, errs.ErrCorrupt, "cannot sleep on the object's state")
}
