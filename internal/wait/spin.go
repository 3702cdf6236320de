//go:build linux

package wait

import (
	"runtime"

	"atoll/internal/layout"
)

// Spinning pays where another processor can be running the one who will signal: a
// round trip then takes a tenth of a microsecond instead of many, because nobody
// sleeps. It is bounded by about what a sleep costs, and adapts: an object whose
// signals do not come that soon is spun for less and less, but for now and then: a
// partner who must be woken each time cannot be that quick, until one of the two
// tries again.
const (
	spinMax   = 20_000 // looks at the cell, about a nanosecond each
	spinMin   = 1000
	spinAgain = 32  // each so many waits it is tried again
	spinGate  = 500 // a gate is held for about a microsecond
)

// alone: there is no other processor.
var alone = runtime.NumCPU() == 1

// spin looks at the one object that is waited for until it changes or the time is
// not worth it. true: look again.
func (w *Waiter) spin(seen uint32) bool {
	if alone || len(w.entries) != 1 || w.external {
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
	for i := range budget {
		if s.cell.Load() != state || w.control.Load() != seen {
			s.spunFor(i)
			return true
		}
	}
	s.spunInVain()
	return false
}

// spinBudget is how many looks this wait is worth.
func (s *Slot) spinBudget() int32 {
	if s.spins.Add(1)%spinAgain == 0 {
		return spinMax
	}
	return s.spin.Load()
}

// spunFor says that it was worth it: as quick as this time, and a little more.
func (s *Slot) spunFor(looks int32) {
	s.spin.Store(min(spinMax, max(s.spin.Load(), 2*looks+spinMin)))
}

func (s *Slot) spunInVain() { s.spin.Store(max(spinMin, s.spin.Load()/2)) }

// spinWhile gives the holder of a gate the moment that it needs.
func (s *Slot) spinWhile(state layout.State) bool {
	if alone {
		return false
	}
	for range spinGate {
		if s.cell.Load() != state {
			return true
		}
	}
	return false
}
