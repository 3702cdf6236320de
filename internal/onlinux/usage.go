//go:build linux

package onlinux

import (
	"sync"
	"sync/atomic"
)

// usage counts the calls that are just inside a handle or view, so that closing
// it can wait for them. A lock would do the same, but one who is inside and calls
// another method while somebody closes would wait for himself; here he is told
// that it is closed.
type usage struct {
	state atomic.Int64 // how many are inside, and usageClosed
	once  sync.Once
	idle  chan struct{} // closed when nobody is inside any more
}

const usageClosed = 1 << 62

func (u *usage) init() { u.idle = make(chan struct{}) }

// enter counts the caller in; false: it is closed. Whoever got true must leave.
func (u *usage) enter() bool {
	if u.state.Add(1) < usageClosed {
		return true
	}
	u.leave()
	return false
}

func (u *usage) leave() {
	if u.state.Add(-1) == usageClosed {
		u.once.Do(func() { close(u.idle) })
	}
}

// end closes it and waits until nobody is inside. false: it was closed before.
func (u *usage) end() bool {
	old := u.state.Or(usageClosed)
	if old >= usageClosed {
		return false
	}
	if old > 0 {
		<-u.idle
	}
	return true
}

// ended says whether end has been called.
func (u *usage) ended() bool { return u.state.Load() >= usageClosed }
