//go:build linux

package wait

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/lockfile"
	"atoll/internal/park"
)

// Slot is this process's place at one object: the queue of its goroutines that
// wait for it, and their one wait in the kernel.
type Slot struct {
	page    *layout.Page
	cell    *layout.Cell // the page's
	kind    layout.Kind
	limit   uint32 // semaphore
	me      uint32
	members *liveness.Folder
	id      lockfile.Identity // its place in the order in which gates are closed
	fast    *layout.Cell      // see Fast
	writers *Writers          // who can truncate the file beside this user; see guard.go
	private bool              // its members are this user's
	reader  bool              // the page may only be read; see reader.go
	readers bool              // others may wait who can only read it
	plain   bool              // none of the first two, and it is no timer: see TakeAll

	mu     sync.Mutex
	queue  []*entry    // in the order in which they came
	pinned atomic.Bool // see Pin; changed under mu
	seat   int         // 1 + our place in the page's table of those who wait, 0: none
	// waiting is the queue's length, for those who look without the lock.
	waiting atomic.Int32

	// The waits in the kernel of goroutines that are parked. They stay there from
	// one wait to the next, until they fire.
	wakes, gate park.Arm

	// outside: the last signal came from another process, so that a thread that
	// blocks in the kernel is reached sooner than a goroutine.
	outside atomic.Bool
	spin    atomic.Int32 // see spin.go
	spins   atomic.Uint32
}

// Object is what a slot needs to know of its object.
type Object struct {
	Page     *layout.Page
	ReadOnly bool // so is the page mapped
	Kind     layout.Kind
	Limit    uint32            // of a semaphore
	ID       lockfile.Identity // of its file
	// Readers: there may be some, of other users, whose sleep the object cannot say.
	Readers bool
	Writers *Writers // other users who can truncate the file; nil if there are none
	Private bool     // no other user but root can be in it
}

// entry is a waiter's place in one slot's queue.
type entry struct {
	waiter *Waiter
	slot   *Slot
	claim  layout.Claim
	// blocked is the state with which it fell asleep, if that has nothing for the claim
	// whatever the time is, 0 otherwise.
	blocked layout.State
	bell    *bell // of whom the object waits for, if it is listened to
	// leads: it is up to this one to look at the object, if it waits for any: nobody
	// came before who would take it. Once it leads it goes on to.
	leads atomic.Bool
}

// Init sets the slot up for a process that is member number me of members. A slot
// is part of what keeps the page mapped.
func (s *Slot) Init(o Object, me uint32, members *liveness.Folder) {
	s.page, s.cell, s.kind, s.limit, s.id = o.Page, &o.Page.Cell, o.Kind, o.Limit, o.ID
	s.me, s.members = me, members
	s.reader, s.readers, s.writers, s.private = o.ReadOnly, o.Readers, o.Writers, o.Private
	if s.fast = s.cell; s.writers != nil {
		s.fast = nobodys
	}
	s.plain = s.writers == nil && !s.reader && !s.kind.IsTimer()
	s.outside.Store(true)
	s.spin.Store(spinMax)
	s.wakes.Init(&s.page.Wakes, s.fired)
	s.gate.Init(s.cell.GateWord(), s.fired)
}

// Waited says whether anybody waits for the auto-reset event, in any process.
func (s *Slot) Waited() bool { return s.page.Waiters.Load() != 0 }

// Waiting says how many goroutines of this process wait for the object.
func (s *Slot) Waiting() int { return int(s.waiting.Load()) }

// vacate leaves our seat.
func (s *Slot) vacate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show(0)
	s.seat = 0
}

// enqueue puts a waiter at the end of the queue. Its claim begins now.
func (s *Slot) enqueue(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.claim = layout.Claim{Kind: s.kind, Me: s.me, Start: s.cell.Load().Word(), Now: e.waiter.all}
	if e.takesGrants() {
		e.claim.Start = s.join()
	}
	s.queue = append(s.queue, e)
	s.lead()
	s.waiting.Store(int32(len(s.queue)))
	if s.seat > 0 {
		s.show(len(s.queue))
	}
}

// join says in the object that somebody has come to wait, and returns its word
// then.
func (s *Slot) join() (word uint32) {
	s.page.Waiters.Add(1)
	for range manyTries {
		// Behind a gate that does not open it is said when the waiter registers.
		state := s.cell.Load()
		word = state.Word()
		if state.Holder() != 0 && s.spinWhile(state) {
			continue
		}
		next := s.kind.Join(state)
		if state.Holder() != 0 || next == state || s.cell.CompareAndSwap(state, next) {
			break
		}
	}
	return word
}

// takesGrants says whether a Set of an auto-reset event can be for the waiter: one
// who waits for all objects takes signals only.
func (e *entry) takesGrants() bool { return e.slot.kind == layout.AutoEventWord && !e.waiter.all }

// manyTries ends what could go on for ever if another process did nothing but
// change the state.
const manyTries = 1000

// dequeue takes a waiter out of the queue, and lets the next one look: whatever
// this one saw, or did not wait to see, is not lost.
func (s *Slot) dequeue(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.queue {
		if other == e {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			break
		}
	}
	s.lead()
	s.waiting.Store(int32(len(s.queue)))
	s.part(e.takesGrants() && s.page.Waiters.Add(^uint32(0)) == 0)
	if s.seat > 0 {
		s.show(len(s.queue))
	}
	if len(s.queue) > 0 {
		s.tell()
	}
}

// leave is dequeue, under the guard where one is needed: if the object is gone, the others
// were told.
func (s *Slot) leave(e *entry) {
	if s.writers == nil {
		s.dequeue(e)
		return
	}
	_ = s.guard(func() error { s.dequeue(e); return nil })
}

// part says in the object that this process does not sleep, if nobody of it waits. last
// is the opposite of join: where nobody waits any more, of any process, what nobody took
// is for nobody. The caller holds s.mu, so that who comes next registers after this.
func (s *Slot) part(last bool) {
	leaves := len(s.queue) == 0 && !s.pinned.Load() && !s.reader // of a reader nobody knows
	for range manyTries {
		state := s.cell.Load()
		next := state
		if last && state.Holder() == 0 && s.page.Waiters.Load() == 0 {
			next = s.kind.Part(state)
		}
		registered := state.Sleeper() == s.me
		if leaves && registered {
			next = layout.MakeState(next.Word(), 0)
		}
		if next == state {
			return
		}
		if s.cell.CompareAndSwap(state, next) {
			if leaves && registered {
				s.forgetSince()
			}
			return
		}
	}
}

// Pin says in the object that this process sleeps, though it does not, until Unpin:
// so that every compare-and-swap that is under way, and needs nobody asleep, fails.
// false: the word is another one.
//
// word must be one that only this process changes. Then nobody who wakes takes the
// registration away meanwhile. Where the gate is held it is left: somebody has written
// over the state.
func (s *Slot) Pin(word uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		state := s.cell.Load()
		if state.Word() != word {
			return false
		}
		next := s.kind.Register(state, s.me)
		if state.Holder() != 0 || next == state || s.cell.CompareAndSwap(state, next) {
			s.pinned.Store(true)
			return true
		}
	}
}

// Unpin ends Pin.
func (s *Slot) Unpin() {
	if !s.pinned.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pinned.Store(false)
	s.part(false)
}

// lead has those know who lead. The caller holds s.mu.
func (s *Slot) lead() {
	for _, e := range s.queue {
		e.leads.Store(true)
		if !e.waiter.all {
			return
		}
	}
}

// ahead is how many wait here who came before, and would take the object.
func (s *Slot) ahead(e *entry) (n uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.queue {
		if other == e {
			break
		}
		if !other.waiter.all {
			n++
		}
	}
	return n
}

// notify lets those look who are first.
func (s *Slot) notify() {
	if s.waiting.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell()
}

// tell pokes the first in the queue. One who waits for all objects may not be able
// to take this one, so the next is poked as well. The caller holds s.mu.
func (s *Slot) tell() {
	for _, e := range s.queue {
		e.waiter.poke()
		if !e.waiter.all {
			return
		}
	}
}

// fired is called when a wait in the kernel has ended: everybody was woken, or the
// gate has opened.
func (s *Slot) fired() {
	s.outside.Store(true)
	s.notify()
}

// Recall makes everybody who waits for the object look again at what may end the
// wait.
func (s *Slot) Recall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.queue {
		e.waiter.poke()
	}
}

// announce tells people that this process waits, and since when whoever is in the
// way has been seen there.
func (s *Slot) announce(state layout.State) {
	if owner := s.kind.Owner(state.Word()); owner != 0 && s.page.SinceOwner.Load() != owner {
		s.page.Since.Store(time.Now().UnixNano())
		s.page.SinceOwner.Store(owner)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; s.seat == 0 && i < len(s.page.Waiting); i++ {
		if n := s.page.Waiting[i].Number.Load(); n == s.me || n == 0 && s.page.Waiting[i].Number.CompareAndSwap(0, s.me) {
			s.seat = i + 1
		}
	}
	s.show(len(s.queue))
}

// forgetSince: whoever owns the mutex next has not been seen so far.
func (s *Slot) forgetSince() {
	if s.kind == layout.MutexWord {
		s.page.SinceOwner.Store(0)
	}
}

// show writes how many wait to our seat; nobody leaves it. The caller holds s.mu.
func (s *Slot) show(n int) {
	if s.seat == 0 {
		return
	}
	w := &s.page.Waiting[s.seat-1]
	w.Count.Store(uint32(n))
	if n == 0 {
		w.Number.CompareAndSwap(s.me, 0)
		s.seat = 0
	}
}

// sound says whether the state can be.
func (s *Slot) sound(state layout.State) error {
	if s.kind.Sound(state, s.limit) {
		return nil
	}
	return errs.New(errs.ErrCorrupt, "the object's state is damaged (%#016x): some process wrote over it", uint64(state))
}

// who names a member for people.
func (s *Slot) who(number uint32) string {
	info, err := s.members.Describe(number)
	if err != nil {
		return "an unknown process"
	}
	return fmt.Sprintf("process %d (%s)", info.PID, info.Command)
}
