//go:build linux

package kernel32

import (
	"context"
	"errors"
	"time"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
	threads "atoll/internal/thread"
)

// What a wait returns.
const (
	WaitAbandoned    = 0x80
	WaitIOCompletion = 0xC0
	WaitTimeout      = 0x102
	WaitFailed       = 0xFFFFFFFF
	Infinite         = 0xFFFFFFFF
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
	return onlinux.ChannelWait{External: always{}}
}

// toWaitOn is what a wait for the entry's object waits for.
func (e *entry) toWaitOn() onlinux.Waitable {
	if o, ok := e.object.(waitable); ok {
		return o.waitable()
	}
	return onlinux.ChannelWait{External: always{}}
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
	taken, err := now.TryWait()
	if !taken {
		result = WaitTimeout
	}
	return result, true, err
}

// WaitForSingleObject waits for an object, and if it is alertable for APCs.
func WaitForSingleObject(h Handle, milliseconds uint32, alertable bool) (uint32, error) {
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
	case known && milliseconds == 0 && !alertable:
		return WaitTimeout, nil
	}
	w := waiting{objects: []onlinux.Waitable{e.toWaitOn()}}
	return w.wait(milliseconds, alertable)
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

// WaitForMultipleObjects waits for one of several objects, or for all of them, and if
// it is alertable for APCs.
func WaitForMultipleObjects(handles []Handle, all bool, milliseconds uint32, alertable bool) (uint32, error) {
	if len(handles) == 0 || len(handles) > onlinux.MaxWait {
		return WaitFailed, errs.Numbered(errs.InvalidParameter, nil, "one call waits for 1 to %d objects, not for %d", onlinux.MaxWait, len(handles))
	}
	entries := make([]*entry, 0, len(handles))
	defer func() {
		for _, e := range entries {
			e.leave()
		}
	}()
	w := waiting{objects: make([]onlinux.Waitable, 0, len(handles)), all: all}
	for _, h := range handles {
		if isPseudo(h) {
			return WaitFailed, errInvalidHandle
		}
		e, err := lookToWait(h)
		if err != nil {
			return WaitFailed, err
		}
		entries = append(entries, e)
		w.objects = append(w.objects, e.toWaitOn())
	}
	if all {
		if err := different(entries); err != nil {
			return WaitFailed, err
		}
	}
	return w.wait(milliseconds, alertable)
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
func SignalObjectAndWait(signal, h Handle, milliseconds uint32, alertable bool) (uint32, error) {
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
	w := waiting{objects: []onlinux.Waitable{e.toWaitOn()}, signal: signaler}
	return w.wait(milliseconds, alertable)
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

func (o event) signaler() (onlinux.Signaler, access.Mask, error) {
	return o.event, access.Modify, nil
}

// waiting is one call that waits.
type waiting struct {
	objects []onlinux.Waitable
	all     bool
	signal  onlinux.Signaler // to be signaled when the wait has begun; nil: nothing
}

// wait waits until the objects are there, time is over, or the thread has run APCs.
// What is there already, is taken without any of these, even in no time.
func (w *waiting) wait(milliseconds uint32, alertable bool) (uint32, error) {
	ctx, cancel := within(milliseconds)
	defer cancel()
	if !alertable {
		return w.once(ctx)
	}
	self, err := threads.Self()
	if err != nil {
		return WaitFailed, err
	}
	for {
		result, err := w.alertable(ctx, self)
		if err != nil || result != WaitTimeout {
			return result, err
		}
		if self.Run() {
			return WaitIOCompletion, nil
		}
		if ctx.Err() != nil {
			return WaitTimeout, nil
		}
		// What was queued has been withdrawn.
	}
}

// alertable is once, but also ends when something is queued for the thread.
func (w *waiting) alertable(ctx context.Context, self *threads.Thread) (uint32, error) {
	ctx, alert := context.WithCancel(ctx)
	defer alert()
	self.Alert(alert)
	defer self.Alert(nil)
	if self.Pending() {
		alert()
	}
	return w.once(ctx)
}

// once waits until ctx ends at the latest.
func (w *waiting) once(ctx context.Context) (uint32, error) {
	r, err := w.perform(ctx)
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return WaitTimeout, nil
	case err != nil:
		return WaitFailed, err
	case w.all:
		r.Index = 0
	}
	if r.Previous != nil {
		return WaitAbandoned + uint32(r.Index), nil
	}
	return uint32(r.Index), nil
}

func (w *waiting) perform(ctx context.Context) (onlinux.Result, error) {
	if signal := w.signal; signal != nil {
		w.signal = nil
		return onlinux.SignalAndWait(ctx, signal, w.objects[0])
	}
	if w.all {
		return onlinux.WaitAll(ctx, w.objects)
	}
	return onlinux.WaitAny(ctx, w.objects)
}

// over is the time of waits that have none.
var over = func() context.Context {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	cancel()
	return ctx
}()

// within is the time of a wait.
func within(milliseconds uint32) (context.Context, context.CancelFunc) {
	switch milliseconds {
	case 0:
		return over, func() {}
	case Infinite:
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), time.Duration(milliseconds)*time.Millisecond)
}

// Sleep lets time pass, and if it is alertable ends with the APCs that the thread has
// run: then it returns WaitIOCompletion.
func Sleep(milliseconds uint32, alertable bool) uint32 {
	w := waiting{objects: []onlinux.Waitable{onlinux.ChannelWait{External: never{}}}}
	if result, err := w.wait(milliseconds, alertable); err == nil && result == WaitIOCompletion {
		return WaitIOCompletion
	}
	return 0
}
