//go:build linux

package park

import (
	"runtime/debug"
	"sync"

	"atoll/internal/futex"
)

// Arm is a wait of this process in the kernel on one futex word that lasts until
// it fires. It must not be copied after Init.
//
// An arm is set from Set until just before fired is called. What the caller may
// rely on: after Set, a change of the word from the value expected, followed by a
// wake, leads to one call of fired, however the two fall together with Set. A
// wake that leaves the word as it was expected may go unnoticed, because an arm
// is not always in the kernel while it is set. And fired may be called although
// nothing happened: whoever is told looks at the word again.
//
// What Set's caller wrote before it is visible to fired. What the waker wrote is
// visible to whoever loads the word.
//
// Who sets an arm from several goroutines loads the word and calls Set under one
// lock, or looks at the word again after Set: an arm that is set already stays
// with the value that it was set with.
type Arm struct {
	word  *futex.Word
	fired func()

	// mu comes before every other lock of this package, and is not held during
	// fired.
	mu     sync.Mutex
	holder holder        // of the last wait
	gone   chan struct{} // what Clear waits for, closed when the arm is neither set nor firing
	slot   uint32        // where the holder has the arm; belongs to the holder
	// expected is the word's value in the last wait. It stays while the arm is set.
	expected uint32
	firing   uint16 // calls of fired that have not returned
	set      bool
	taking   bool // set, and the holder knows that it is to be taken out
}

// holder has a wait in the kernel, or will have it. For each wait that an engine
// accepts it calls the arm's done, or fail, once.
type holder interface {
	// take makes the holder call done soon. It does not block.
	take(a *Arm)
}

// Init names the word, which may be mapped read-only, and the function that is
// called when it was woken.
//
// fired is called on a goroutine of this package, on which others wait: it must
// not block. It may call Set of any arm, but not Clear.
func (a *Arm) Init(word *futex.Word, fired func()) { a.word, a.fired = word, fired }

// Set puts the wait into the kernel, soon, if the word still has the value
// expected; otherwise it fires. It does nothing while the arm is set. It does not
// block, but for the probe at the first use.
func (a *Arm) Set(expected uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.set {
		return
	}
	a.set, a.expected = true, expected
	a.holder = put(a)
}

// Clear takes the wait out. When it returns, neither the kernel nor this package
// refers to the word, and fired is not running and will not be called, unless
// somebody calls Set meanwhile. Then the arm may be set again, or the word
// unmapped. Clear of an arm that is not set does nothing. It takes some 50 µs,
// and less for each if many are cleared at once.
//
// The caller must not hold a lock that fired needs.
func (a *Arm) Clear() {
	a.mu.Lock()
	if !a.set && a.firing == 0 {
		a.mu.Unlock()
		return
	}
	if a.gone == nil {
		a.gone = make(chan struct{})
	}
	gone := a.gone
	a.settle()
	a.mu.Unlock()
	<-gone
}

// settle does what Clear waits for, as far as it can be done now: while fired
// runs, it may yet call Set. The caller holds mu.
func (a *Arm) settle() {
	switch {
	case a.gone == nil || a.firing > 0 && !a.set:
	case a.set && !a.taking:
		a.taking = true
		a.holder.take(a)
	case !a.set:
		close(a.gone)
		a.gone = nil
	}
}

// done says that the wait has ended: its holder has forgotten it.
func (a *Arm) done() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.set = false
	if a.taking {
		a.taking = false
		a.passOn()
	} else {
		a.fire()
	}
	a.settle()
}

// passOn wakes others if the word has changed. There are wakes that reach only
// one, by the kernel when a thread dies: this arm may have had it, and there is
// nobody any more whom it could tell.
func (a *Arm) passOn() {
	if changed(a.word, a.expected) {
		futex.Wake(a.word)
	}
}

// fire calls fired, without mu, which the caller holds.
func (a *Arm) fire() {
	a.firing++
	a.mu.Unlock()
	a.fired()
	a.mu.Lock()
	a.firing--
}

// fail says that the holder could not put the wait into the kernel, and has
// forgotten it. A thread takes it over.
func (a *Arm) fail() {
	a.mu.Lock()
	if a.taking {
		a.mu.Unlock()
		a.done()
		return
	}
	a.holder = threads{}.put(a)
	a.mu.Unlock()
}

// changed says whether a word has another value, or none: its file may have been
// truncated by another process.
func changed(word *futex.Word, expected uint32) (is bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			is = true
		}
	}()
	return word.Load() != expected
}
