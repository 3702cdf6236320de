//go:build linux

package wait

import (
	"context"
	"reflect"
	"runtime"
	"sync/atomic"
	"time"

	"atoll/internal/check"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// A goroutine that waits for objects whose signals come from other processes blocks
// its thread in the kernel, on all of them at once: nothing is quicker. But only so
// many may. The others are parked, and package park waits for them.
const manyBlocking = 4

var blocking atomic.Int32

// A goroutine that Go's scheduler has not seen for ten milliseconds, because it finds all
// that it waits for and never parks, is taken for one that keeps its processor from
// others: at each call of the kernel Go takes the processor from it, and starts a thread
// to look after that. So it goes through the scheduler before it blocks, but not often:
// others may be waiting there.
const unseen = 5 * time.Millisecond

func (w *Waiter) showUp() {
	if now := time.Since(started); now-w.seen > unseen {
		w.seen = now
		runtime.Gosched()
	}
}

// mayBlock says whether this wait may take a thread; then it counts as one that
// does.
func (w *Waiter) mayBlock() bool {
	if w.parks || w.all || w.external || !futex.HasWaitAny() {
		return false
	}
	for _, e := range w.entries {
		if !e.slot.outside.Load() || e.slot.kind.IsTimer() {
			return false
		}
	}
	if blocking.Add(1) <= manyBlocking {
		return true
	}
	blocking.Add(-1)
	return false
}

// prepare does what a blocked wait can do: take over from a dead owner, repair the
// gate of a dead holder, or make sure that whatever changes will wake it.
func (w *Waiter) prepare(p *plan) error {
	w.list()
	ready := 0
	for i, t := range w.targets {
		if t.external != nil {
			if there, err := t.external.Ready(); there && err == nil {
				ready++
				p.again = p.again || !w.all // it came after the look, and is kept
			}
		}
		if t.entry == nil {
			continue
		}
		is, err := t.entry.prepare(p)
		if err != nil || p.again {
			return err
		}
		if p.taken {
			p.out.Index = i
			return nil
		}
		if is {
			ready++
		}
	}
	if w.all && ready == len(w.targets) {
		// All can be had, but a gate was in the way, or they can be had since.
		p.again = true
	}
	return nil
}

// prepare is the part of one object. ready: it could be had.
func (e *entry) prepare(p *plan) (ready bool, err error) {
	s := e.slot
	leads := e.leads.Load() || e.waiter.all
	wakes := s.page.Wakes.Load() // before the look, and before registering
	pk, err := s.peek(e.claim)
	if err != nil {
		return false, err
	}
	ready = pk.verdict != layout.Blocked && !e.yields(pk)
	if ready && !e.waiter.all && pk.state.Holder() == 0 {
		p.again = true
		return false, nil
	}
	if !leads {
		return false, nil // who leads sleeps, and has us look in the end
	}
	p.consider(pk)
	if p.wall && e.waiter.watchClock() {
		p.again = true // how long it is was looked at before the clock was watched
		return false, nil
	}
	if s.reader {
		e.sleepOn(p, &s.wakes, &s.page.Wakes, wakes)
		return ready, nil
	}
	if number := s.inTheWay(pk.state); number != 0 && number != s.me {
		dead, err := e.beware(number, pk, p)
		if err != nil || p.again || p.taken {
			return false, err
		}
		ready = ready || dead
	}
	if pk.state.Holder() != 0 {
		marked, ok := s.mark(pk.state)
		if p.again = !ok; ok {
			e.sleepOn(p, &s.gate, s.cell.GateWord(), marked.Gate())
		}
		return false, nil
	}
	next := s.kind.Register(pk.state, s.me)
	if next != pk.state && !s.cell.CompareAndSwap(pk.state, next) {
		p.again = true
		return false, nil
	}
	if s.kind == layout.AutoEventWord {
		e.claim.Start = next.Word() // it has joined the crowd of this epoch
	}
	e.blocked = 0
	if pk.verdict == layout.Blocked && !s.kind.IsTimer() { // a timer's state does not tell
		e.blocked = next
	}
	check.Point("wait.registered")
	s.announce(next)
	e.sleepOn(p, &s.wakes, &s.page.Wakes, wakes)
	return ready, nil
}

type arm interface{ Set(expected uint32) }

// sleepOn has the word watched: by the thread itself, or for it.
func (e *entry) sleepOn(p *plan, a arm, word *futex.Word, expected uint32) {
	if p.block {
		p.words = append(p.words, futex.Watch{Word: word, Expected: expected})
		return
	}
	a.Set(expected)
	// Another goroutine may have set it, later than we looked.
	p.again = p.again || word.Load() != expected
}

// beware asks whether who is in the way is alive, and has its bell watched. A dead
// holder's gate is repaired; what a dead owner had is taken over, unless it is one
// of several objects that are wanted together: then it counts as ready.
func (e *entry) beware(number uint32, pk peek, p *plan) (dead bool, err error) {
	s := e.slot
	var status liveness.Status
	if p.block {
		var peer *liveness.Peer
		if peer, status = s.askByBell(number); peer != nil {
			p.peers = append(p.peers, peer)
		}
	} else {
		status = e.listen(number)
	}
	switch {
	case status == liveness.Unknown:
		p.missing = e
	case status == liveness.Alive:
	case pk.state.Holder() != 0:
		if p.again, err = s.repair(pk.state); !p.again {
			p.retry() // soon: the decider's other lock goes with this one
			p.missing = e
		}
	case e.waiter.all:
		return true, nil
	case s.cell.CompareAndSwap(pk.state, pk.state.With(e.claim.TakeOver())):
		check.Point("lock.takenover")
		p.taken, p.out = true, Outcome{Abandoned: true, By: number}
	default:
		p.again = true
	}
	return false, err
}

// askByBell asks about a member: its bell, which costs nothing, and its lock only
// if the bell has rung, or cannot.
func (s *Slot) askByBell(number uint32) (*liveness.Peer, liveness.Status) {
	peer, status := s.watch(number)
	if peer == nil {
		return nil, status
	}
	if bell, _ := peer.Bell(); bell != nil {
		return peer, liveness.Alive
	}
	return peer, peer.Status()
}

// retry has the wait look again in a moment, whether or not anything happens.
func (p *plan) retry() {
	p.left, p.never = time.Millisecond, false
	if p.block {
		blocking.Add(-1)
		p.block = false
	}
}

// consider notes when a timer will be due.
func (p *plan) consider(pk peek) {
	if pk.never {
		return
	}
	if p.never || pk.left < p.left {
		p.left, p.never = pk.left, false
	}
	p.wall = p.wall || pk.schedule.Has(layout.TimerWall)
}

func (w *Waiter) sleep(ctx context.Context, seen uint32, p *plan) {
	if !p.block {
		w.park(ctx, seen, *p)
		return
	}
	if ctx.Done() != nil && w.stopCtx == nil {
		w.stopCtx = context.AfterFunc(ctx, w.poke)
	}
	if p.rung() == nil {
		w.blockOn(seen, p)
	}
	dying := p.rung()
	if dying == nil {
		return
	}
	for _, peer := range p.peers { // before all else: they may wait for other objects
		passOn(peer)
	}
	awaitLock(dying, func() bool { return !p.changed() && w.control.Load() == seen })
	// The dead signal nothing more, and what they had comes before other goroutines.
	w.spun, w.seen = true, time.Since(started)
}

// rung is a member whose bell has rung.
func (p *plan) rung() *liveness.Peer {
	for _, peer := range p.peers {
		if peer.Rung() {
			return peer
		}
	}
	return nil
}

// changed says whether some word has another value.
func (p *plan) changed() bool {
	for _, w := range p.words {
		if w.Word.Load() != w.Expected {
			return true
		}
	}
	return false
}

// blockOn blocks the thread until a word changes, a bell rings, or a poke.
func (w *Waiter) blockOn(seen uint32, p *plan) {
	w.blocks.Store(true)
	defer w.blocks.Store(false)
	if w.control.Load() != seen {
		return
	}
	watches := append(p.words, futex.Watch{Word: &w.control, Expected: seen, Private: true})
	for _, peer := range p.peers {
		if bell, silent := peer.Bell(); bell != nil {
			watches = append(watches, futex.Watch{Word: bell, Expected: silent})
		} else if peer.Rung() {
			return
		}
	}
	w.watches = watches // the next time has room
	// They are too many. Or a page cannot be slept on: an object's, or that of an
	// owner's bell, whose file somebody has truncated. Parked, each is looked after
	// on its own.
	w.parks = len(watches) > futex.MaxWatches || futex.WaitAny(watches, -1) != nil
}

// park parks the goroutine until it is poked, ctx ends, a timer is due, or an
// external target has something.
func (w *Waiter) park(ctx context.Context, seen uint32, p plan) {
	var due <-chan time.Time
	if !p.never {
		timer := time.NewTimer(p.left)
		defer timer.Stop()
		due = timer.C
	}
	if w.control.Load() != seen {
		return
	}
	if w.external {
		w.parkExternal(ctx, due)
		return
	}
	select {
	case <-w.poked:
	case <-ctx.Done():
	case <-due:
	}
}

func (w *Waiter) parkExternal(ctx context.Context, due <-chan time.Time) {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(w.poked)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(due)},
	}
	var externals []External
	for _, t := range w.targets {
		if t.external == nil {
			continue
		}
		if c := t.external.Channel(); c.IsValid() {
			externals = append(externals, t.external)
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: c})
		}
	}
	fixed := len(cases) - len(externals)
	if chosen, v, ok := reflect.Select(cases); chosen >= fixed {
		externals[chosen-fixed].Received(v, ok)
	}
}
