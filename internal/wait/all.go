//go:build linux

package wait

import (
	"slices"
	"sync/atomic"

	"atoll/internal/check"
	"atoll/internal/layout"
	"atoll/internal/liveness"
)

// A wait for all objects takes them in one decision. With the gates of all
// closed it writes down what each becomes, decides by one store in its member
// file, then changes the objects and opens their gates. Killed before the store
// it has taken nothing, killed after it everything: whoever repairs a gate looks
// at the decision, of which a process has one. So its waits for all do this one at a
// time, under liveness.Deciding.

// before says whether the object's gate is closed before another's: in the order that
// is the same for everybody, so that two waits do not each hold what the other wants.
func (s *Slot) before(other *Slot) bool {
	if s.id.Dev != other.id.Dev {
		return s.id.Dev < other.id.Dev
	}
	return s.id.Ino < other.id.Ino
}

// Part is one object of a wait for all, as it will be taken.
type Part struct {
	slot  *Slot
	state layout.State // before its gate is closed
	next  uint32       // the word once it is taken
}

// close closes the object's gate, if it is still as it was.
func (p *Part) close() bool {
	closed := p.slot.cell.CompareAndSwap(p.state, p.state.HeldForAll(p.slot.me))
	if closed {
		check.Point("all.closed")
	}
	return closed
}

// propose writes down what the object becomes if it is so decided.
func (p *Part) propose() {
	p.slot.page.Pending = p.next
	check.Point("all.pending")
}

// open gives the object its word and opens its gate. Where nobody slept when it was
// closed, and nobody has come to sleep on the gate since, who would have marked it,
// nobody need be woken.
func (p *Part) open(word uint32) error {
	if p.state.Gate() == 0 && p.quickly(word) {
		check.Point("all.opened")
		return nil
	}
	return p.slot.storeAndOpen(word)
}

func (p *Part) quickly(word uint32) bool {
	return p.slot.cell.CompareAndSwap(p.state.HeldForAll(p.slot.me), layout.MakeState(word, 0))
}

// planned are the objects that TakeAll is to take, in the order of their gates. It
// belongs to who holds liveness.Deciding, and is empty when nobody does.
var planned struct {
	n     int
	parts [maxPlanned]Part
}

const maxPlanned = 64

// Plan adds the object to those that TakeAll is to take. false: it is not there, or
// something is special about it; what others of this process wait for is. closed and may
// are of the handle. The caller holds liveness.Deciding, and goes on to TakeAll or Unplan.
func (s *Slot) Plan(closed *atomic.Bool, may bool) bool {
	n := planned.n
	if closed.Load() || !may || !s.plain || s.isTaken() ||
		n == maxPlanned || n > 0 && s.members != planned.parts[0].slot.members {
		return false
	}
	state := s.cell.Load() // not before: the page of one that is not plain can be gone
	if state.Gate() != 0 {
		return false
	}
	next, there := s.kind.TakeNow(state.Word(), s.me, s.limit)
	if !there {
		return false
	}
	planned.n++
	for ; n > 0 && s.before(planned.parts[n-1].slot); n-- {
		planned.parts[n] = planned.parts[n-1]
	}
	planned.parts[n] = Part{s, state, next}
	return true
}

// Unplan forgets what was planned.
func Unplan() {
	clear(planned.parts[:planned.n])
	planned.n = 0
}

// TakeAll is a wait for all of the objects that were planned, as far as that goes
// without a queue. false: the caller must wait.
func TakeAll() bool {
	parts := planned.parts[:planned.n]
	if len(parts) == 0 {
		return false
	}
	members := parts[0].slot.members
	members.Undecided()
	for i := range parts {
		if !parts[i].close() {
			for k := range parts[:i] {
				_ = parts[k].open(parts[k].state.Word())
			}
			Unplan()
			return false
		}
	}
	for i := range parts {
		parts[i].propose()
	}
	members.Decide()
	check.Point("all.decided")
	for i := range parts {
		p := &parts[i]
		if p.quickly(p.next) { // as open does, of which this is the likely half
			check.Point("all.opened")
		} else {
			_ = p.slot.storeAndOpen(p.next)
		}
		p.slot = nil
	}
	planned.n = 0
	return true
}

// found is what a wait for all finds in an object.
type found struct {
	Part
	schedule layout.Schedule // a timer's, once it is taken
	out      Outcome
}

// sortGates puts the objects in the order in which their gates are closed.
func (w *Waiter) sortGates() {
	w.gates = slices.DeleteFunc(slices.Clone(w.entries), func(e *entry) bool { return e.slot.reader })
	slices.SortFunc(w.gates, func(a, b *entry) int {
		if a.slot.before(b.slot) {
			return -1
		}
		return 1
	})
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
	if len(w.gates) == 0 {
		ok, err := w.readersAgree()
		return Outcome{}, ok, err
	}
	liveness.Deciding.Lock()
	defer liveness.Deciding.Unlock()
	members := w.widest()
	defer w.eachOther(members, (*liveness.Folder).Undecided) // what they refer to is kept as long as they do
	members.Undecided()
	w.eachOther(members, func(f *liveness.Folder) { f.Refer(members) })
	return w.takeAll(members)
}

// eachOther calls f with the folders of the objects' members that are not this one.
func (w *Waiter) eachOther(members *liveness.Folder, f func(*liveness.Folder)) {
	for _, e := range w.gates {
		if e.slot.members != members {
			f(e.slot.members)
		}
	}
}

// find says whether the object can be had now, with its gate open.
func (e *entry) find() (found, bool, error) {
	s := e.slot
	pk, err := s.peek(e.claim)
	f := found{Part: Part{slot: s, state: pk.state, next: pk.next}, schedule: pk.schedule, out: pk.outcome()}
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
	f.next, f.out = e.claim.TakeOver(), Outcome{Abandoned: true, By: owner}
	return f, status == liveness.Dead, nil
}

// takeAll closes the gates in their order. Where one cannot be closed at once it
// opens all again: else one slow or stopped holder would lock up the others, too.
func (w *Waiter) takeAll(members *liveness.Folder) (out Outcome, taken bool, err error) {
	closed := make([]found, 0, len(w.gates))
	for _, e := range w.gates {
		f, ok, err := e.close()
		if !ok || err != nil {
			openAll(closed)
			return Outcome{}, false, err
		}
		closed = append(closed, f)
	}
	ok, err := w.readersAgree()
	if err == nil && ok {
		err = proposeAll(closed)
	}
	if !ok || err != nil {
		openAll(closed)
		return Outcome{}, false, err
	}
	members.Decide()
	check.Point("all.decided")
	for _, f := range closed {
		_ = f.slot.guard(func() error { return f.open(f.next) }) // a page that cannot be woken on has nobody asleep on it
	}
	return w.firstAbandoned(closed), true, nil
}

// proposeAll comes before the decision: an object that is lost ends the wait. After it,
// all have been taken, and then one was lost.
func proposeAll(closed []found) error {
	for _, f := range closed {
		if err := f.slot.guard(func() error {
			if f.slot.kind == layout.AutoTimerWord {
				f.slot.page.Other(f.state.Word()).Store(f.schedule)
			}
			f.propose()
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// openAll opens gates again. One whose page is gone must not keep the others shut.
func openAll(closed []found) {
	for _, f := range closed {
		_ = f.slot.guard(func() error { return f.open(f.state.Word()) })
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
		if !ok || err != nil || f.close() {
			return f, ok, err
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

// widest is the folder whose members everybody can look up who may have to repair
// one of the gates.
func (w *Waiter) widest() *liveness.Folder {
	for _, e := range w.gates {
		if e.slot.members.IsGlobal() {
			return e.slot.members
		}
	}
	return w.gates[0].slot.members
}

// firstAbandoned is what the wait reports: the objects in the caller's order, if one
// of them was abandoned.
func (w *Waiter) firstAbandoned(closed []found) (first Outcome) {
	for i := len(w.targets) - 1; i >= 0; i-- {
		for _, f := range closed {
			if e := w.targets[i].entry; !f.out.Abandoned || e == nil || e.slot != f.slot {
				continue
			}
			if first.All == nil {
				first.All = make([]Outcome, len(w.targets))
			}
			first.All[i] = f.out
			first.Index, first.Abandoned, first.By = i, true, f.out.By
		}
	}
	return first
}
