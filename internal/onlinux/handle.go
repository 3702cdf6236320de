//go:build linux

package onlinux

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/namespace"
)

// handle is what every object's handle has.
type handle struct {
	inner  *namespace.Object
	rights access.Mask
	closed atomic.Bool
	done   chan struct{} // closed by Close: ends the waits through this handle
	inside atomic.Int32  // calls that may write this member's number into the state
}

// Rights are what the handle allows.
func (h *handle) Rights() access.Mask { return h.rights }

// kind is the kind of object, as its rights go.
func (h *handle) kind() access.Kind { return access.Kind(h.inner.Header.Type) }

// Header is what the object was created with.
func (h *handle) Header() layout.Header { return h.inner.Header }

// may says whether use would allow it, for fast paths.
func (h *handle) may(needed access.Mask) bool { return !h.closed.Load() && needed&^h.rights == 0 }

// use refuses a closed handle, and one without the rights needed.
func (h *handle) use(needed access.Mask) error {
	if h.closed.Load() {
		return errClosed
	}
	if needed&^h.rights != 0 {
		return access.Check(h.kind(), h.rights, needed)
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

var errClosed = errs.ErrClosed

// begin and finish enclose a call that may write this member's number into an
// object's state, on any path but Lock's fast one: Close waits for such calls,
// because the process may be no member any more when it returns.
func (h *handle) begin(needed access.Mask) error {
	h.inside.Add(1)
	err := h.use(needed)
	if err != nil {
		h.finish()
	}
	return err
}

func (h *handle) finish() { h.inside.Add(-1) }

// awaitInside waits for the calls that are inside, which Close has called back, and for
// a quick WaitAll, which may have looked before Close began.
func (h *handle) awaitInside() {
	liveness.Deciding.Lock()
	liveness.Deciding.Unlock() //nolint:staticcheck // so it is over
	for pause := time.Microsecond; h.inside.Load() != 0; pause = min(2*pause, time.Millisecond) {
		time.Sleep(pause) //nolint:forbidigo // rare, short, and not worth a signal on every call
	}
}

// subject is an object as its rights go.
func subject(o *namespace.Object, created bool) access.Subject {
	s := access.Subject{
		Kind: access.Kind(o.Header.Type), ManualReset: o.Header.Has(layout.FlagManualReset),
		Protection: access.Protection(o.Header.Protection), Created: created, Writable: o.Writable,
	}
	var st unix.Stat_t
	if !s.Writable && unix.Fstat(o.FD, &st) == nil {
		s.UID, s.Mode = st.Uid, st.Mode&0o7777
	}
	return s
}
