//go:build linux

package kernel32

import (
	"errors"

	"atoll/internal/access"
	"atoll/internal/alertable"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
)

// What a wait returns, besides the index of what it took.
const (
	WaitAbandoned    = alertable.Abandoned
	WaitIOCompletion = alertable.IOCompletion
	WaitTimeout      = alertable.Timeout
	WaitFailed       = alertable.Failed
	Infinite         = alertable.Infinite
)

// waitable are the objects that have a signal. The others, as sections, are always
// signaled.
type waitable interface {
	// waitable is the object for one wait of the calling thread.
	waitable() onlinux.Waitable
}

// immediate are those whose signal can be taken, if it is there, without a wait.
type immediate interface{ TryWait() (bool, error) }

// tried are those that know themselves what becomes of that.
type tried interface {
	try() (result uint32, err error)
}

func (o kernelObject) waitable() onlinux.Waitable {
	if w, ok := o.Object.(onlinux.Waitable); ok {
		return w
	}
	return alertable.Always()
}

// toWaitOn is what a wait for the entry's object waits for.
func (e *entry) toWaitOn() onlinux.Waitable {
	if o, ok := e.object.(waitable); ok {
		return o.waitable()
	}
	return alertable.Always()
}

// try takes the object if it is there now. known false: only a wait can tell.
func (e *entry) try() (result uint32, known bool, err error) {
	if o, ok := e.object.(tried); ok {
		result, err = o.try()
		return result, true, err
	}
	o, ok := e.object.(interface{ kernel() onlinux.Object })
	if !ok {
		return WaitTimeout, false, nil
	}
	now, ok := o.kernel().(immediate)
	if !ok {
		return WaitTimeout, false, nil
	}
	result, err = tryWait(now)
	return result, true, err
}

func tryWait(o immediate) (result uint32, err error) {
	taken, err := o.TryWait()
	if !taken {
		result = WaitTimeout
	}
	return result, err
}

// WaitForSingleObject waits for an object, and for APCs if it is to.
func WaitForSingleObject(h Handle, milliseconds uint32, apcs bool) (uint32, error) {
	e, err := lookToWait(h)
	if err != nil {
		return WaitFailed, err
	}
	defer e.leave()
	result, known, err := e.try()
	switch {
	case err != nil:
		return WaitFailed, err
	case result != WaitTimeout:
		return result, nil
	case known && milliseconds == 0 && !apcs:
		return WaitTimeout, nil
	}
	w := alertable.Wait{Objects: []onlinux.Waitable{e.toWaitOn()}}
	return w.For(milliseconds, apcs)
}

// lookToWait is look for who wants to wait.
func lookToWait(h Handle) (*entry, error) {
	e, err := look(h)
	if err != nil {
		return nil, err
	}
	if err := e.may(access.Wait); err != nil {
		e.leave()
		return nil, err
	}
	return e, nil
}

// WaitForMultipleObjects waits for one of several objects, or for all of them, and for
// APCs if it is to.
func WaitForMultipleObjects(handles []Handle, all bool, milliseconds uint32, apcs bool) (uint32, error) {
	if len(handles) == 0 || len(handles) > onlinux.MaxWait {
		return WaitFailed, errs.Numbered(errs.InvalidParameter, nil, "one call waits for 1 to %d objects, not for %d", onlinux.MaxWait, len(handles))
	}
	entries := make([]*entry, 0, len(handles))
	defer func() {
		for _, e := range entries {
			e.leave()
		}
	}()
	w := alertable.Wait{Objects: make([]onlinux.Waitable, 0, len(handles)), All: all}
	for _, h := range handles {
		if isPseudo(h) {
			return WaitFailed, errInvalidHandle
		}
		e, err := lookToWait(h)
		if err != nil {
			return WaitFailed, err
		}
		entries = append(entries, e)
		w.Objects = append(w.Objects, e.toWaitOn())
	}
	if all {
		if err := different(entries); err != nil {
			return WaitFailed, err
		}
	}
	return w.For(milliseconds, apcs)
}

// different refuses handles of one object.
func different(entries []*entry) error {
	for i, e := range entries {
		for j, other := range entries[:i] {
			if e.object.same(other.object) {
				return errs.Numbered(errs.InvalidParameter, nil, "handles %d and %d are of one object; a wait for all needs each once", j, i)
			}
		}
	}
	return nil
}

// SignalObjectAndWait signals one object and waits for another.
func SignalObjectAndWait(signal, h Handle, milliseconds uint32, apcs bool) (uint32, error) {
	s, err := find(signal)
	if err != nil {
		return WaitFailed, err
	}
	defer s.leave()
	signaler, err := s.signaler()
	if err != nil {
		return WaitFailed, err
	}
	e, err := lookToWait(h)
	if err != nil {
		return WaitFailed, err
	}
	defer e.leave()
	w := alertable.Wait{Objects: []onlinux.Waitable{e.toWaitOn()}, Signal: signaler}
	return w.For(milliseconds, apcs)
}

// signalable are the objects that SignalObjectAndWait can signal.
type signalable interface {
	// signaler is the object for the calling thread, and what right it needs.
	signaler() (onlinux.Signaler, access.Mask, error)
}

func (e *entry) signaler() (onlinux.Signaler, error) {
	o, ok := e.object.(signalable)
	if !ok {
		return nil, errs.Numbered(errs.InvalidHandle, nil, "what can be signaled is an event, a mutex or a semaphore, not a %s", e.kind)
	}
	signaler, needed, err := o.signaler()
	return signaler, errors.Join(err, e.may(needed))
}

func (o event) signaler() (onlinux.Signaler, access.Mask, error) { //nolint:unparam // as all signalables
	return o.event, access.Modify, nil
}

// Sleep lets time pass, and ends with the APCs that the thread has run if it is to: then
// it returns WaitIOCompletion.
func Sleep(milliseconds uint32, apcs bool) uint32 { return alertable.Sleep(milliseconds, apcs) }
