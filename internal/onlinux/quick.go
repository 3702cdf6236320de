//go:build linux

package onlinux

import (
	"sync/atomic"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/layout"
)

// quick is the fast path of events and semaphores: the handle remembers the state
// that its last call started from or left, so that the next is one compare-and-swap,
// short enough for the compiler to copy it to where it is used. Where the guess is
// wrong, somebody else has been there, and the call looks.
type quick struct {
	// The object's page, nil where the handle may not: it has not the right, it is
	// closed, or the page may vanish.
	signals, takes, sees atomic.Pointer[layout.Page]

	low  atomic.Uint64 // a layout.State, see layout.Kind.Quick
	step layout.State  // from there to the signaled state
}

// noGuess is a state that does not occur, nor the one after it: no gate is so.
const noGuess = 0xC000_0000 << 32

// enable turns the fast paths on that the handle may use.
func (p *plain) enable() {
	p.low.Store(noGuess)
	p.step = p.att.QuickStep()
	page := p.att.FastPage()
	if p.rights&access.Modify != 0 {
		p.signals.Store(page)
	}
	switch {
	case p.rights&access.Wait == 0:
	case p.step == 0:
		p.sees.Store(page)
	default:
		p.takes.Store(page)
	}
	if page != nil {
		p.guess(page.Cell.Load())
	}
}

func (p *plain) disable() {
	p.signals.Store(nil)
	p.takes.Store(nil)
	p.sees.Store(nil)
}

// signaled and lowered remember what a call that looked has left.
func (p *plain) signaled() { p.guess(p.att.Fast().Load() - p.step) }
func (p *plain) lowered()  { p.guess(p.att.Fast().Load()) }

func (p *plain) guess(low layout.State) {
	if p.att.Quick(low) && p.low.Load() != uint64(low) {
		p.low.Store(uint64(low))
	}
}

// QuickTake is Wait and TryWait on their fast path, where to take is to change.
//
// The last load is what keeps the page mapped until then: runtime.KeepAlive would
// store the handle on the stack, for which the next locked instruction waits.
func (p *plain) QuickTake() bool {
	page, low := p.takes.Load(), layout.State(p.low.Load())
	if page == nil || !page.Cell.CompareAndSwap(low+1, low) {
		return false
	}
	check.Acquire(unsafe.Pointer(p.att))
	p.low.Load()
	return true
}

// QuickSee is the same where to take changes nothing.
func (p *plain) QuickSee() bool {
	page := p.sees.Load()
	if page == nil || page.Cell.Load() != layout.State(p.low.Load()) {
		return false
	}
	check.Acquire(unsafe.Pointer(p.att))
	p.low.Load()
	return true
}

// Publish comes before a quick signal. It is apart from that only because the
// compiler would not copy both together.
func (p *plain) Publish() { check.Release(unsafe.Pointer(p.att)) }

// QuickSet is Set on its fast path. Whoever waits for an auto-reset event must get a
// grant, and is counted before it looks.
func (e *Event) QuickSet() bool {
	page, low := e.signals.Load(), layout.State(e.low.Load())
	if page == nil || page.Waiters.Load() != 0 || !page.Cell.CompareAndSwap(low, low+e.step) {
		return false
	}
	e.low.Load()
	return true
}

// QuickRelease is Release by one on its fast path.
func (s *Semaphore) QuickRelease() (previous int32, ok bool) {
	page, low := s.signals.Load(), layout.State(s.low.Load())
	if page == nil || !page.Cell.CompareAndSwap(low, low+1) {
		return 0, false
	}
	s.low.Load()
	return int32(low), true
}
