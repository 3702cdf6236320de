//go:build linux

package park

import (
	"runtime"
	"sync"
	"sync/atomic"

	"atoll/internal/futex"
)

// Way is how this process waits on many words.
type Way int

// The ways, the best first.
const (
	Probed     Way = iota // whichever is the first that is there
	IOUring               // one thread with a ring (Linux 6.7)
	FutexWaitv            // a thread for up to 127 words (Linux 5.16)
	Threads               // a thread for each word
)

// String is the way's name, as diagnostics show it.
func (w Way) String() string {
	return [...]string{Probed: "probed", IOUring: "io_uring", FutexWaitv: "futex_waitv", Threads: "threads"}[w]
}

// engine puts waits into the kernel in one of the ways.
type engine interface {
	// put accepts a wait, and says who holds it; nil if the engine has stopped.
	// The caller holds the arm's mu.
	put(a *Arm) holder
	way() Way
}

// The engines. There is one of each at the most, made when it is first wanted;
// the ring's thread stays, because what it submitted would die with it.
var (
	chosen   atomic.Pointer[engine]
	choosing sync.Mutex // guards the following, and the choice
	forced   Way
	theRing  *ring // nil: not tried, or not there
	ringDone bool  // tried: there is no other ring if it stops
	thePool  = &pool{}
)

// Current says which way new waits take.
func Current() Way { return current().way() }

// Missing says why the better ways are not there, in the kernel's own word; nil for
// one that is. It looks anew, and starts nothing.
func Missing() (ioUring, waitv error) {
	looked := make(chan error)
	go func() {
		// Never unlocked: whatever is left of the ring ends with the thread.
		runtime.LockOSThread()
		r := &ring{bell: make(chan struct{}, 1)}
		err := r.open(ringConfig)
		if err == nil {
			r.release()
		}
		looked <- err
	}()
	return <-looked, futex.MissingWaitAny()
}

// Force makes this process take a way from now on, or the next one after it that
// is there; Probed undoes that. For tests, while no arm is set.
func Force(w Way) {
	choosing.Lock()
	defer choosing.Unlock()
	forced = w
	chosen.Store(nil)
}

// put hands a wait to the engine of the time.
func put(a *Arm) holder {
	for {
		if h := current().put(a); h != nil {
			return h
		}
		reconsider()
	}
}

func current() engine {
	if e := chosen.Load(); e != nil {
		return *e
	}
	choosing.Lock()
	defer choosing.Unlock()
	e := choose()
	chosen.Store(&e)
	return e
}

// reconsider makes the next use choose again, because an engine has stopped.
func reconsider() {
	choosing.Lock()
	defer choosing.Unlock()
	chosen.Store(nil)
}

// choose takes the first way that is there, from the forced one on. The caller
// holds choosing.
func choose() engine {
	if forced <= IOUring {
		if !ringDone {
			ringDone = true
			theRing = openRing(ringConfig)
		}
		if theRing != nil && !theRing.stopped() {
			return theRing
		}
	}
	if forced <= FutexWaitv && futex.HasWaitAny() && !thePool.broken.Load() {
		return thePool
	}
	return threads{}
}
