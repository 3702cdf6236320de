//go:build linux

package wait

import (
	"runtime"
	"sync/atomic"
	"time"

	"atoll/internal/futex"
	"atoll/internal/layout"
)

// Spinning pays where another processor can be running the one who will signal: a
// round trip then takes a tenth of a microsecond instead of many, because nobody
// sleeps. It is bounded by about what a sleep costs, some tens of microseconds on a
// virtual machine, and adapts: an object whose
// signals do not come that soon is spun for less and less, but for now and then: a
// partner who must be woken each time cannot be that quick, until one of the two
// tries again.
const (
	spinMax   = 40_000 // looks at the cell, less than a nanosecond each
	spinMin   = 1000
	spinAgain = 32  // each so many waits it is tried again
	spinGate  = 500 // a gate is held for about a microsecond
)

// alone: there is no other processor. Then whoever would spin lets the others run
// instead, one of whom may be the partner: the processor goes from one to the other and
// back by two calls, without anybody falling asleep or being woken.
var alone = runtime.NumCPU() == 1

const (
	// yieldLooks is the least that a yield counts: it takes a fifth of that if there is
	// nobody else.
	yieldLooks = 1000
	// Who yields goes behind everybody who wants the processor. Where that took longer
	// than yieldLong they do other things than signal, so it is not done for a hundred
	// times as long: it costs one part in a hundred at the most.
	yieldLong   = 100 * time.Microsecond
	yieldRarely = 100
	yieldRest   = time.Second // never for longer than this
)

// crowded is until when nobody yields, in nanoseconds since started.
var (
	crowded atomic.Int64
	started = time.Now()
)

// rests says whether it is not done now.
func rests() bool { return alone && int64(time.Since(started)) < crowded.Load() }

// pause comes between two looks, or so many, and says how many it all counts for.
func pause(looks int32) int32 {
	if alone {
		return yield()
	}
	return looks
}

func yield() (looks int32) {
	before := time.Since(started)
	futex.Yield()
	after := time.Since(started)
	took := after - before
	if took > yieldLong {
		crowded.Store(int64(after + min(yieldRarely*took, yieldRest)))
	}
	return int32(min(max(took, yieldLooks), spinMax))
}

// spin looks at the one object that is waited for until it changes or the time is
// not worth it. true: look again.
func (w *Waiter) spin(seen uint32) bool {
	if len(w.entries) != 1 || w.external {
		return false
	}
	s := w.entries[0].slot
	if !s.outside.Load() || s.kind.IsTimer() {
		return false // goroutines of one process find each other by themselves
	}
	state := s.cell.Load()
	if _, v := w.entries[0].claim.Take(state.Word()); v != layout.Blocked && state.Holder() == 0 {
		return true
	}
	budget := s.spinBudget()
	for i := int32(0); i < budget; {
		i += pause(1)
		if s.cell.Load() != state || w.control.Load() != seen {
			s.spunFor(i)
			return true
		}
	}
	s.spunInVain(budget)
	return false
}

// spinBudget is how many looks this wait is worth.
func (s *Slot) spinBudget() int32 {
	if rests() {
		return 0
	}
	if s.spins.Add(1)%spinAgain == 0 {
		return spinMax
	}
	return s.spin.Load()
}

// spunFor says that it was worth it: as quick as this time, and a little more.
func (s *Slot) spunFor(looks int32) {
	s.spin.Store(min(spinMax, max(s.spin.Load(), 2*looks+spinMin)))
}

// spunInVain says that the budget is used up.
func (s *Slot) spunInVain(budget int32) {
	if budget > 0 {
		s.spin.Store(max(spinMin, s.spin.Load()/2))
	}
}

// spinWhile gives the holder of a gate the moment that it needs.
func (s *Slot) spinWhile(state layout.State) bool {
	for i := int32(0); i < spinGate && !rests(); {
		i += pause(1)
		if s.cell.Load() != state {
			return true
		}
	}
	return false
}
