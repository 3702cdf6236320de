// Package usage counts the calls that are just inside a handle or view, so that closing
// it can wait for them.
package usage

import (
	"sync"
	"sync/atomic"
)

// Usage counts the calls that are just inside a handle or view, so that closing
// it can wait for them. A lock would do the same, but one who is inside and calls
// another method while somebody closes would wait for himself; here he is told
// that it is closed.
type Usage struct {
	state atomic.Int64 // how many are inside, and usageClosed
	once  sync.Once
	idle  chan struct{} // closed when nobody is inside any more
}

const usageClosed = 1 << 62

// Init is called once, before all else.
func (u *Usage) Init() { u.idle = make(chan struct{}) }

// Enter counts the caller in; false: it is closed. Whoever got true must leave.
func (u *Usage) Enter() bool {
	if u.state.Add(1) < usageClosed {
		return true
	}
	u.Leave()
	return false
}

// Leave counts the caller out.
func (u *Usage) Leave() {
	if u.state.Add(-1) == usageClosed {
		u.once.Do(func() { close(u.idle) })
	}
}

// End closes it and waits until nobody is inside. false: it was closed before.
func (u *Usage) End() bool {
	old := u.state.Or(usageClosed)
	if old >= usageClosed {
		return false
	}
	if old > 0 {
		<-u.idle
	}
	return true
}

// Ended says whether end has been called.
func (u *Usage) Ended() bool { return u.state.Load() >= usageClosed }
