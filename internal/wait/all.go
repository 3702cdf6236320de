//go:build linux

package wait

import (
	"cmp"
	"slices"

	"atoll/internal/check"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// A wait for all objects takes them in one decision. With the gates of all
// closed it writes down what each becomes, decides by one store in its member
// file, then changes the objects and opens their gates. Killed before the store
// it has taken nothing, killed after it everything: whoever repairs a gate looks
// at the decision.

// sortGates puts the objects in the order that is the same for everybody, so that
// two waits do not each hold what the other wants first.
func (w *Waiter) sortGates() {
	w.gates = slices.DeleteFunc(slices.Clone(w.entries), func(e *entry) bool { return e.slot.reader })
	slices.SortFunc(w.gates, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.slot.id.Dev, b.slot.id.Dev), cmp.Compare(a.slot.id.Ino, b.slot.id.Ino))
	})
}

// found is one object of a wait for all, as it will be taken.
type found struct {
	entry *entry
	peek  peek
	out   Outcome
}

// lookAll takes all objects if all can be had: first a look without gates.
func (w *Waiter) lookAll() (Outcome, bool, error) {
	for _, t := range w.targets {
		if t.external != nil {
			if ready, err := t.external.Ready(); !ready || err != nil {
				return Outcome{}, false, err
			}
			continue
		}
		if _, ok, err := t.entry.find(); !ok || err != nil {
			return Outcome{}, false, err
		}
	}
	return w.takeAll()
}

// find says whether the object can be had now, with its gate open.
func (e *entry) find() (found, bool, error) {
	s := e.slot
	pk, err := s.peek(e.claim)
	f := found{entry: e, peek: pk, out: pk.outcome()}
	if err != nil || pk.state.Holder() != 0 && !s.reader {
		return f, false, err
	}
	if pk.verdict != layout.Blocked {
		return f, true, nil
	}
	owner := s.kind.Owner(pk.state.Word())
	if owner == 0 || owner == s.me {
		return f, false, nil
	}
	peer, status := s.askByBell(owner)
	if peer != nil {
		passOn(peer)
		peer.Release()
	}
	f.peek.next, f.out = e.claim.TakeOver(), Outcome{Abandoned: true, By: owner}
	return f, status == liveness.Dead, nil
}

// takeAll closes the gates in their order. Where one cannot be closed at once it
// opens all again: else one slow or stopped holder would lock up the others, too.
func (w *Waiter) takeAll() (out Outcome, taken bool, err error) {
	closed := make([]found, 0, len(w.gates))
	for _, e := range w.gates {
		f, ok, err := e.close()
		if !ok || err != nil {
			openAll(closed)
			return Outcome{}, false, err
		}
		closed = append(closed, f)
		check.Point("all.closed")
	}
	if ok, err := w.readersAgree(); !ok || err != nil {
		openAll(closed)
		return Outcome{}, false, err
	}
	if len(closed) > 0 {
		if err := w.decide(closed); err != nil {
			return Outcome{}, false, err
		}
	}
	return w.firstAbandoned(closed), true, nil
}

// openAll opens gates again. One whose page is gone must not keep the others shut.
func openAll(closed []found) {
	for _, c := range closed {
		s := c.entry.slot
		_ = s.guard(func() error {
			s.page.Pending.Tag.Store(0)
			return s.openAndWake()
		})
	}
}

// close closes the object's gate if it can be had.
func (e *entry) close() (f found, ok bool, err error) {
	err = e.slot.guard(func() (err error) { f, ok, err = e.tryClose(); return err })
	return f, ok, err
}

func (e *entry) tryClose() (found, bool, error) {
	for range manyTries {
		f, ok, err := e.find()
		if !ok || err != nil {
			return f, false, err
		}
		if e.slot.cell.CompareAndSwap(f.peek.state, layout.MakeState(f.peek.state.Word(), e.slot.me)) {
			return f, true, nil
		}
	}
	return found{}, false, nil
}

// Together says whether one place for a decision can be read by all who may have to
// repair the gate of any of the objects: all are of one directory, or some are
// global. apart is the first that is the reason why not.
func Together(slots []*Slot) (apart int, ok bool) {
	if len(slots) == 0 {
		return 0, true
	}
	widest := slots[0].members
	for _, s := range slots {
		if s.members.IsGlobal() {
			widest = s.members
			break
		}
	}
	for i, s := range slots {
		if s.members != widest && (!widest.IsGlobal() || s.members.IsGlobal()) {
			return i, false
		}
	}
	return 0, true
}

// decide takes objects whose gates are all ours. An error says that it took none,
// and the gates are open again.
//
// Before the decision, an object that is lost ends it. After it, all have been
// taken, and then one was lost.
func (w *Waiter) decide(closed []found) error {
	d := widest(closed).Decision()
	defer d.End()
	for _, f := range closed {
		if err := f.entry.slot.guard(func() error { f.propose(d); return nil }); err != nil {
			openAll(closed)
			return err
		}
		check.Point("all.pending")
	}
	d.Decide()
	check.Point("all.decided")
	for _, f := range closed {
		_ = f.entry.slot.guard(f.apply) // a page that cannot be woken on has nobody asleep on it
	}
	return nil
}

// propose writes down what the object becomes if it is so decided.
func (f *found) propose(d *liveness.Decision) {
	s := f.entry.slot
	if s.kind == layout.AutoTimerWord {
		s.page.Other(f.peek.state.Word()).Store(f.peek.schedule)
	}
	s.page.Pending.Word.Store(f.peek.next)
	s.page.Pending.Tag.Store(uint64(d.Tag(s.members)))
}

// apply does what was decided.
func (f *found) apply() error {
	s := f.entry.slot
	s.cell.StoreUnderGate(f.peek.next, s.me)
	check.Point("all.applied")
	s.page.Pending.Tag.Store(0)
	check.Point("all.cleared")
	return s.openAndWake()
}

// widest is the folder whose members everybody can look up who may have to repair
// one of the gates.
func widest(closed []found) *liveness.Folder {
	for _, f := range closed {
		if f.entry.slot.members.IsGlobal() {
			return f.entry.slot.members
		}
	}
	return closed[0].entry.slot.members
}

// firstAbandoned is what the wait reports: the objects in the caller's order.
func (w *Waiter) firstAbandoned(closed []found) Outcome {
	all := make([]Outcome, len(w.targets))
	for _, f := range closed {
		for i, t := range w.targets {
			if f.entry == t.entry {
				all[i] = f.out
				all[i].Index = i
			}
		}
	}
	first := Outcome{}
	for _, out := range all {
		if out.Abandoned {
			first = out
			break
		}
	}
	first.All = all
	return first
}
