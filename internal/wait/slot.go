//go:build linux

package wait

import (
	"context"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// tick is how long a sleeper sleeps at the most before it asks whether who it
// waits for is alive. Bells make it unnecessary but for the cases that
// docs/ARCHITECTURE.md names.
var tick atomic.Int64

func init() {
	tick.Store(int64(time.Second))
	patience.Store(int64(10 * time.Second))
}

// SetTick changes the tick of this process, for tests.
func SetTick(d time.Duration) { tick.Store(int64(d)) }

// patience is how long a call that has no time limit of its own waits for a gate
// that another process holds, which normally takes microseconds.
var patience atomic.Int64

// SetPatience changes the patience of this process, for tests.
func SetPatience(d time.Duration) { patience.Store(int64(d)) }

// strikes is how many ticks a member's file may be missing before a wait behind
// it gives up. A living member publishes its file again within a tick.
const strikes = 3

// Slot is this process's place at one object.
type Slot struct {
	cell    *layout.Cell
	kind    layout.Kind
	me      uint32
	members *liveness.Folder

	mu    sync.Mutex
	queue []*waiter // the first one has the baton: it looks at the cell and sleeps

	// control is a futex word of this process: moving it calls the sleeper back.
	control futex.Word
	// asleep is the word that the sleeper sleeps on where it cannot watch control
	// as well (no futex_waitv).
	asleep atomic.Pointer[nap]
}

// nap is a sleep on a word by one who looked when control had a value.
type nap struct {
	word    *futex.Word
	control uint32
}

// errClosed ends the waits through a handle that was closed.
var errClosed = errs.New(fs.ErrClosed, "its handle was closed")

// waiter is one goroutine in the queue.
type waiter struct{ baton chan struct{} }

// Init sets the slot up for an object whose cell is mapped for writing, for a
// process that is member number me of members. A slot is part of what keeps the
// cell mapped.
func (s *Slot) Init(cell *layout.Cell, kind layout.Kind, me uint32, members *liveness.Folder) {
	s.cell, s.kind, s.me, s.members = cell, kind, me, members
}

// Cell is the object's cell, for fast paths and inspection.
func (s *Slot) Cell() *layout.Cell { return s.cell }

// Outcome says how an object was taken.
type Outcome struct {
	// Abandoned: whoever owned it before did not unlock it.
	Abandoned bool
	By        uint32 // that member
}

// Claim begins a wait: it notes what state the object is in now.
func (s *Slot) Claim() layout.Claim {
	return layout.Claim{Kind: s.kind, Me: s.me, Start: s.cell.Load().Word()}
}

// Acquire waits until the object can be had and takes it.
//
// It blocks until then, or until ctx ends or closed is closed; then the object
// is not taken.
//
// # Errors
//
// ctx.Err(), wrapped, and with ErrStuck when another process holds the gate.
// fs.ErrClosed. ErrStuck: the owner cannot be asked whether it lives. ErrCorrupt.
func (s *Slot) Acquire(ctx context.Context, c layout.Claim, closed <-chan struct{}) (Outcome, error) {
	w := s.enqueue()
	defer s.leave(w)
	select {
	case <-w.baton:
	default:
		select {
		case <-w.baton:
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		case <-closed:
			return Outcome{}, errClosed
		}
	}
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, s.Recall)
		defer stop()
	}
	return s.lead(ctx, c, closed)
}

// enqueue puts a goroutine at the end of the queue; the first gets the baton.
func (s *Slot) enqueue() *waiter {
	w := &waiter{baton: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, w)
	if len(s.queue) == 1 {
		w.baton <- struct{}{}
	}
	return w
}

// leave takes a goroutine out of the queue. If it had the baton the next one gets
// it, and looks at the cell before it sleeps: whatever this one saw, or did not
// wait to see, is not lost.
func (s *Slot) leave(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.queue {
		if other != w {
			continue
		}
		s.queue = append(s.queue[:i], s.queue[i+1:]...)
		if i == 0 && len(s.queue) > 0 {
			s.queue[0].baton <- struct{}{}
		}
		return
	}
}

// Waiting says how many goroutines are in the queue.
func (s *Slot) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// Recall makes the sleeper look again at what may end its wait.
func (s *Slot) Recall() {
	now := s.control.Add(1)
	futex.WakePrivate(&s.control)
	// A sleeper that cannot watch control sleeps on a word of the object only. It
	// may be about to: so until it is up, or another sleeps there that has looked
	// since.
	for {
		n := s.asleep.Load()
		if n == nil || int32(n.control-now) >= 0 {
			return
		}
		futex.Wake(n.word)
		time.Sleep(time.Millisecond) //nolint:forbidigo // nothing tells when a thread has entered the kernel
	}
}

// lead is the wait of the goroutine that has the baton.
func (s *Slot) lead(ctx context.Context, c layout.Claim, closed <-chan struct{}) (Outcome, error) {
	var missing time.Time // since when the blocker's file has been gone
	for {
		control := s.control.Load()
		select {
		case <-closed:
			return Outcome{}, errClosed
		default:
		}
		out, state, taken, err := s.attempt(c)
		if taken || err != nil {
			return out, err
		}
		if err := ctx.Err(); err != nil {
			return Outcome{}, s.explainStuck(state, err)
		}
		step, err := s.advance(c, state, control)
		switch {
		case err != nil:
			return Outcome{}, err
		case step.taken:
			return step.out, nil
		case step.missing == 0:
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > strikes*time.Duration(tick.Load()):
			return Outcome{}, s.missing(step.missing)
		}
	}
}

// attempt takes the object if it can be had in one step. Otherwise it returns
// the state that did not allow it.
func (s *Slot) attempt(c layout.Claim) (out Outcome, state layout.State, taken bool, err error) {
	for {
		state = s.cell.Load()
		if !s.kind.Sound(state) {
			return out, state, false, s.corrupt(state)
		}
		word := state.Word()
		next, verdict := c.Take(word)
		if verdict == layout.Blocked {
			return out, state, false, nil
		}
		if next == word && s.kind == layout.ManualEventWord {
			// Nothing changes, so the gate does not matter.
			return out, state, true, nil
		}
		if state.Gate() != 0 {
			return out, state, false, nil
		}
		if !s.cell.CompareAndSwap(state, layout.MakeState(next, 0)) {
			continue
		}
		if verdict == layout.Inherited {
			out = Outcome{Abandoned: true, By: word & layout.OwnerMask}
		}
		return out, state, true, nil
	}
}

// TryTake is Try on its fast path only, for an object that has no owner.
func (s *Slot) TryTake() bool {
	_, _, taken, err := s.attempt(s.Claim())
	return taken && err == nil
}

// Try takes the object if it can be had now.
//
// # Errors
//
// ErrStuck: another process holds the gate and does not let go of it. ErrCorrupt.
func (s *Slot) Try(c layout.Claim) (out Outcome, taken bool, err error) {
	for deadline := (time.Time{}); ; {
		out, state, taken, err := s.attempt(c)
		if taken || err != nil {
			return out, taken, err
		}
		if _, verdict := c.Take(state.Word()); verdict != layout.Blocked {
			// Only the gate is in the way.
			if err := s.awaitGate(state, &deadline); err != nil {
				return out, false, err
			}
			continue
		}
		owner := s.kind.Owner(state.Word())
		if owner == 0 || owner == s.me || s.members.Status(owner) != liveness.Dead {
			return out, false, nil
		}
		if state.Gate() != 0 {
			if err := s.awaitGate(state, &deadline); err != nil {
				return out, false, err
			}
			continue
		}
		if s.cell.CompareAndSwap(state, layout.MakeState(c.TakeOver(state.Word()), 0)) {
			return Outcome{Abandoned: true, By: owner}, true, nil
		}
	}
}

func (s *Slot) corrupt(state layout.State) error {
	return errs.New(errs.ErrCorrupt, "the object's state is damaged (%#016x): some process wrote over it", uint64(state))
}

func (s *Slot) missing(number uint32) error {
	return errs.New(errs.ErrStuck, "the member file %08x of the process that owns it is gone (removed by hand, or by systemd's RemoveIPC), so nobody can tell whether that process is alive; if it is not needed, end it (atoll info shows who holds the object)", number)
}

// explainStuck adds to the end of a caller's time whom it was stuck behind, if
// that was not the object's owner but the holder of its gate.
func (s *Slot) explainStuck(state layout.State, cause error) error {
	if state.Gate() == 0 {
		return cause
	}
	return errs.Because(cause, 0, errs.ErrStuck, "%s holds the object's gate, and seems to be stopped", s.who(state.Gate()))
}

// who names a member for people.
func (s *Slot) who(number uint32) string {
	info, err := s.members.Describe(number)
	if err != nil {
		return "an unknown process"
	}
	return describe(info)
}
