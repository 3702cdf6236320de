//go:build linux

package wait

import (
	"context"
	"io/fs"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// strikes is how many ticks a member's file may be missing before a wait behind
// it gives up. A living member publishes its file again within a tick.
const strikes = 3

// errClosed ends the waits through a handle that was closed.
var errClosed = errs.New(fs.ErrClosed, "its handle was closed")

// Target is one thing to wait for: an object, or something else.
type Target struct {
	Slot     *Slot
	Closed   <-chan struct{} // ends the wait: the object's handle was closed
	External External        // instead of Slot
}

// External is something of this process, beside the objects, that can be waited
// for.
type External interface {
	// Ready says whether it is there, and Take takes it then.
	Ready() (bool, error)
	Take() (bool, error)
	// Watch begins a wait, which unwatch ends. In between poke is called when Ready
	// may have changed.
	Watch(poke func()) (unwatch func())
	// Channel, if it is valid, is received from while the wait sleeps. What comes
	// is given to Received.
	Channel() reflect.Value
	Received(v reflect.Value, ok bool)
	// Lasting says that what is ready stays so, and that Take changes nothing: so
	// that it can take part in a wait for all.
	Lasting() bool
}

// Outcome says how a wait ended.
type Outcome struct {
	Index int // of the target: the lowest that was there, or the first abandoned
	// Abandoned: whoever owned it before did not unlock it.
	Abandoned bool
	By        uint32 // that member
	// All is, after a wait for all, how each of the targets was taken, if one of them
	// was abandoned.
	All []Outcome
}

// Waiter is one call that waits: for any of its targets, or for all.
type Waiter struct {
	all     bool
	targets []target
	entries []*entry // of the targets that are objects, each object once
	gates   []*entry // all: in the order in which gates are closed

	// Poking makes the waiter look again: poked wakes it where it is parked, and
	// moving control where it blocks in the kernel.
	poked    chan struct{}
	control  futex.Word
	blocks   atomic.Bool
	listed   bool
	clocked  bool // the clock that can be set is watched for it
	stopCtx  func() bool
	missing  time.Time // since when the file of who is in the way has been gone
	external bool      // some target is
	guarded  bool      // some object is
	fault    error     // an object was lost while the wait began
	parks    bool      // its thread cannot block
	spun     bool      // it has spun already, before it began
	hurries  bool      // it has no time to let others go first

	// What serves one wait after another: see waiters.
	seen    time.Duration // when it has last shown up, since started
	room    []entry
	watches []futex.Watch
	only    [1]target // for the usual case
	first   [1]entry
	lone    [1]*entry
	few     [3]futex.Watch
}

type target struct {
	closed   <-chan struct{}
	unwatch  func()
	entry    *entry // nil: external, or an object that comes earlier, too
	external External
}

// Begin starts a wait: what happens from now on can release it. End must follow,
// or Wait, which ends it.
//
// For all objects, no two may be the same, and what is external must be lasting;
// the caller has looked.
func Begin(all bool, targets ...Target) *Waiter {
	w := waiters.Get().(*Waiter)
	w.reset(all, len(targets))
	for _, t := range targets {
		w.targets = append(w.targets, w.add(t))
	}
	if all {
		w.sortGates()
	}
	return w
}

func (w *Waiter) add(t Target) target {
	if t.External != nil {
		w.external = true
		return target{external: t.External, unwatch: t.External.Watch(w.poke)}
	}
	for _, e := range w.entries {
		if e.slot == t.Slot {
			return target{closed: t.Closed}
		}
	}
	e := &w.room[len(w.entries)]
	e.waiter, e.slot = w, t.Slot
	w.entries = append(w.entries, e)
	w.guarded = w.guarded || t.Slot.writers != nil
	if t.Slot.writers == nil {
		t.Slot.enqueue(e)
	} else if err := t.Slot.guard(func() error { t.Slot.enqueue(e); return nil }); err != nil {
		w.fault = err
	}
	return target{entry: e, closed: t.Closed}
}

// waiters are those whose waits have ended. To make one costs more than to queue it.
// Who still pokes one that has ended, because he learnt of it before, makes whoever
// uses it next look once more: that changes nothing.
var waiters = sync.Pool{New: func() any {
	w := &Waiter{poked: make(chan struct{}, 1)}
	w.targets, w.entries, w.room, w.watches = w.only[:0], w.lone[:0], w.first[:], w.few[:0]
	return w
}}

// reset makes the waiter ready for another wait, for so many targets.
func (w *Waiter) reset(all bool, n int) {
	if n > len(w.room) {
		w.targets, w.entries, w.room = make([]target, 0, n), make([]*entry, 0, n), make([]entry, n)
	}
	select {
	case <-w.poked:
	default:
	}
	w.all = all
}

// forget leaves nothing of a wait that has ended.
func (w *Waiter) forget() {
	for _, e := range w.entries {
		e.waiter, e.slot, e.claim, e.blocked, e.bell = nil, nil, layout.Claim{}, 0, nil
		e.leads.Store(false)
	}
	clear(w.targets)
	clear(w.entries)
	clear(w.watches[:cap(w.watches)])
	w.targets, w.entries, w.gates = w.targets[:0], w.entries[:0], nil
	w.listed, w.clocked, w.external, w.guarded, w.parks, w.spun, w.hurries = false, false, false, false, false, false, false
	w.stopCtx, w.missing, w.fault = nil, time.Time{}, nil
}

// End ends a wait that is not waited for. The waiter must not be used again.
func (w *Waiter) End() {
	if w.stopCtx != nil {
		w.stopCtx()
	}
	w.unlist()
	w.unwatchClock()
	for _, e := range w.entries {
		e.deafen()
		e.slot.leave(e)
	}
	for _, t := range w.targets {
		if t.unwatch != nil {
			t.unwatch()
		}
	}
	w.forget()
	waiters.Put(w)
}

// Acquire waits until the object can be had and takes it.
//
// # Errors
//
// As Wait.
func (s *Slot) Acquire(ctx context.Context, closed <-chan struct{}) (Outcome, error) {
	target := [1]Target{{Slot: s, Closed: closed}}
	if out, took := TakeAny(target[:]); took {
		return out, nil
	}
	w := Begin(false, target[0])
	w.spun = true
	return w.Wait(ctx)
}

// poke makes the waiter look again, also at what may end its wait.
func (w *Waiter) poke() {
	w.control.Add(1)
	select {
	case w.poked <- struct{}{}:
	default:
	}
	if w.blocks.Load() {
		futex.WakePrivate(&w.control)
	}
}

// Wait waits until a target can be had, or all of them, and takes it or them. The
// waiter must not be used again.
//
// It blocks until then, or until ctx ends or a handle is closed; then nothing is
// taken.
//
// # Errors
//
// ctx.Err(), wrapped, and with ErrStuck when another process holds a gate.
// fs.ErrClosed. ErrStuck: the owner cannot be asked whether it lives. ErrCorrupt.
// What an external target says.
func (w *Waiter) Wait(ctx context.Context) (out Outcome, err error) {
	defer w.End()
	if !w.guarded {
		return w.wait(ctx)
	}
	if w.fault != nil {
		return Outcome{}, w.fault
	}
	err = w.guard(func() (err error) { out, err = w.wait(ctx); return err })
	return out, err
}

func (w *Waiter) wait(ctx context.Context) (Outcome, error) {
	for looked := w.control.Load() - 1; ; {
		seen := w.control.Load()
		if seen != looked { // who closes a handle pokes
			looked = seen
			if i := w.closedTarget(); i >= 0 {
				return Outcome{Index: i}, errClosed
			}
		}
		over := ctx.Err()
		w.hurries = over != nil
		behind := over == nil && w.isBehind()
		if !behind {
			out, taken, err := w.look()
			if taken || err != nil {
				return out, err
			}
		}
		if over != nil {
			if out, taken := w.inherit(); taken {
				return out, nil
			}
			return Outcome{}, w.explain(over)
		}
		if behind {
			w.park(ctx, seen, plan{never: true})
			continue
		}
		if !w.spun && w.spin(seen) {
			continue
		}
		w.spun = false
		if out, taken, err := w.once(ctx, seen); taken || err != nil {
			return out, err
		}
	}
}

// once sleeps until there may be something new, unless there is already.
func (w *Waiter) once(ctx context.Context, seen uint32) (out Outcome, taken bool, err error) {
	p := plan{never: true, block: w.mayBlock(), words: w.watches[:0]}
	defer p.release()
	if p.block {
		w.showUp()
	}
	err = w.prepare(&p)
	if err == nil && !p.taken {
		err = w.overdue(p.missing)
	}
	if err == nil && !p.taken && !p.again {
		w.sleep(ctx, seen, &p)
	}
	return p.out, p.taken, err
}

// isBehind says whether other goroutines of this process are first in the queues of
// all that is waited for.
func (w *Waiter) isBehind() bool {
	if w.all || w.external {
		return false
	}
	for _, e := range w.entries {
		if e.leads.Load() || e.slot.keeps() && len(w.entries) > 1 {
			return false
		}
	}
	return true
}

// yields says whether the object, as it is, is for those of this process who came
// before: who waits for several must not push in whenever another of them wakes it.
// What nobody takes anything from is for all.
func (e *entry) yields(pk peek) bool {
	w, s := e.waiter, e.slot
	if e.leads.Load() || w.all || w.hurries || s.keeps() {
		return false
	}
	return s.kind != layout.SemaphoreWord || pk.state.Word() <= s.ahead(e)
}

// closedTarget is a target whose handle was closed, -1 if there is none.
func (w *Waiter) closedTarget() int {
	for i, t := range w.targets {
		select {
		case <-t.closed:
			return i
		default:
		}
	}
	return -1
}

// overdue gives up behind a member whose file has been gone for too long.
func (w *Waiter) overdue(missing *entry) error {
	switch {
	case missing == nil:
		w.missing = time.Time{}
	case w.missing.IsZero():
		w.missing = time.Now()
	case time.Since(w.missing) > strikes*time.Duration(tick.Load()):
		state := missing.slot.cell.Load()
		return errs.New(errs.ErrStuck, "the member file %08x of the process that owns it is gone (removed by hand, or by systemd's RemoveIPC), so nobody can tell whether that process is alive; if it is not needed, end it (atoll info shows who holds the object)", missing.slot.inTheWay(state))
	}
	return nil
}

// explain adds to the end of a caller's time whom it was stuck behind, if that was
// not an owner but the holder of a gate.
func (w *Waiter) explain(cause error) error {
	for _, e := range w.entries {
		if holder := e.slot.cell.Load().Holder(); holder != 0 {
			return errs.Because(cause, 0, errs.ErrStuck, "%s holds the object's gate, and seems to be stopped", e.slot.who(holder))
		}
	}
	return cause
}

// inTheWay is the member who must be alive for the wait to go on, 0 if nobody.
func (s *Slot) inTheWay(state layout.State) uint32 {
	if holder := state.Holder(); holder != 0 {
		return holder
	}
	return s.kind.Owner(state.Word())
}

// whoIsInTheWay is inTheWay by the object's state now.
func (s *Slot) whoIsInTheWay() (number uint32, err error) {
	err = s.guard(func() error { number = s.inTheWay(s.cell.Load()); return nil })
	return number, err
}

// plan is what a blocked wait sleeps on.
type plan struct {
	again bool // do not sleep: look again
	taken bool
	out   Outcome

	missing *entry        // who is in its way has no file
	left    time.Duration // until a timer is due
	never   bool          // none is
	wall    bool          // left is of a clock that can be set

	// The thread itself blocks on these words, and on the bells of these members.
	block bool
	words []futex.Watch
	peers []*liveness.Peer
}

func (p *plan) release() {
	for _, peer := range p.peers {
		passOn(peer)
		peer.Release()
	}
	p.peers = nil
	if p.block {
		blocking.Add(-1)
		p.block = false
	}
}
