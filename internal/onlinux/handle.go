//go:build linux

package onlinux

import (
	"io/fs"
	"sync/atomic"

	"atoll/internal/access"
	"atoll/internal/layout"
	"atoll/internal/namespace"
)

// handle is what every object's handle has.
type handle struct {
	inner  *namespace.Object
	rights access.Mask
	closed atomic.Bool
	done   chan struct{} // closed by Close: ends the waits through this handle
}

// Rights are what the handle allows.
func (h *handle) Rights() access.Mask { return h.rights }

// Header is what the object was created with.
func (h *handle) Header() layout.Header { return h.inner.Header }

// may says whether use would allow it, for fast paths.
func (h *handle) may(needed access.Mask) bool { return !h.closed.Load() && needed&^h.rights == 0 }

// use refuses a closed handle, and one without the rights needed.
func (h *handle) use(needed access.Mask) error {
	if h.closed.Load() {
		return fs.ErrClosed
	}
	if needed&^h.rights != 0 {
		return access.Check(h.rights, needed)
	}
	return nil
}

// shut marks the handle closed; false if it was already.
func (h *handle) shut() bool {
	if h.closed.Swap(true) {
		return false
	}
	if h.done != nil {
		close(h.done)
	}
	return true
}
