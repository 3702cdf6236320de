//go:build windows

package onwindows

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/usage"
)

// Object is a handle of any type.
type Object interface {
	Rights() access.Mask
	Descriptor() uintptr
	Close() error
	base() *handle
}

// handle is what every object's handle has.
type handle struct {
	usage.Usage
	raw     windows.Handle
	kind    access.Kind
	rights  access.Mask
	closing atomic.Bool
	done    chan struct{} // closed by Close: ends the waits through this handle
}

func newHandle(raw windows.Handle, k access.Kind, rights access.Mask) *handle {
	h := &handle{raw: raw, kind: k, rights: rights, done: make(chan struct{})}
	h.Init()
	return h
}

func (h *handle) base() *handle { return h }

// Rights are what the handle allows.
func (h *handle) Rights() access.Mask { return h.rights }

// Descriptor is Windows' handle; what os.File has for one that is closed afterwards.
func (h *handle) Descriptor() uintptr {
	if h.closing.Load() {
		return uintptr(windows.InvalidHandle)
	}
	return uintptr(h.raw)
}

// begin and Leave enclose a call, for which Close waits.
func (h *handle) begin(needed access.Mask) error {
	if !h.Enter() {
		return errs.ErrClosed
	}
	err := error(nil)
	if h.closing.Load() {
		err = errs.ErrClosed
	} else if needed&^h.rights != 0 {
		err = access.Check(h.kind, h.rights, needed)
	}
	if err != nil {
		h.Leave()
	}
	return err
}

// change calls Windows to change the object, if the handle may.
func (h *handle) change(call string, do func(windows.Handle) error) error {
	if err := h.begin(access.Modify); err != nil {
		return err
	}
	defer h.Leave()
	release()
	return failed(call, do(h.raw))
}

// shut marks the handle closed, ends the waits through it, and waits for the calls that
// are inside; false if it was closed before.
func (h *handle) shut() bool {
	if h.closing.Swap(true) {
		return false
	}
	close(h.done)
	h.End()
	return true
}

// Close closes the handle.
func (h *handle) Close() error {
	if !h.shut() {
		return errs.ErrClosed
	}
	return failed("CloseHandle", windows.CloseHandle(h.raw))
}

// order is what all that signals and all that waits has in common for the race
// detector, which does not see the orders that Windows' objects make.
var order uint64

func release() { check.Release(unsafe.Pointer(&order)) }
func acquire() { check.Acquire(unsafe.Pointer(&order)) }
