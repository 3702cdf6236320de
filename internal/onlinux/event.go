//go:build linux

package onlinux

import (
	"context"
	"runtime"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/layout"
)

// Event is a handle of an event.
type Event struct{ syncHandle }

// OpenEvent creates or opens an event; manual and signaled count only if it is
// created.
func OpenEvent(name string, intent Intent, asked access.Mask, manual, signaled bool) (e *Event, created bool, err error) {
	header := layout.Header{Type: layout.Event}
	if manual {
		header.Flags = layout.FlagManualReset
	}
	h, created, err := openSync(name, intent, syncSpec{
		header: header,
		access: asked,
		kind:   eventKind,
		word:   func(uint32) uint32 { return layout.NewEvent(signaled) },
	})
	if err != nil {
		return nil, false, err
	}
	return &Event{syncHandle: *h}, created, nil
}

func eventKind(h layout.Header) layout.Kind {
	if h.Has(layout.FlagManualReset) {
		return layout.ManualEventWord
	}
	return layout.AutoEventWord
}

// Set signals the event.
func (e *Event) Set() error {
	check.Release(unsafe.Pointer(e.att))
	if e.may(access.Modify) && e.att.TryChange(layout.SetEvent) {
		runtime.KeepAlive(e)
		return nil
	}
	if err := e.begin(access.Modify); err != nil {
		return err
	}
	defer e.finish()
	return e.att.Change(layout.SetEvent, nil)
}

// Reset takes the signal away.
func (e *Event) Reset() error {
	if err := e.begin(access.Modify); err != nil {
		return err
	}
	defer e.finish()
	return e.att.Retract(layout.ResetEvent)
}

// Wait waits until the event is signaled, and consumes the signal of an
// auto-reset event.
func (e *Event) Wait(ctx context.Context) error {
	if taken, err := e.take(); taken || err != nil {
		return err
	}
	claim := e.att.Claim()
	if err := e.begin(access.Wait); err != nil {
		return err
	}
	defer e.finish()
	_, ok, err := e.att.Try(claim)
	if !ok && err == nil {
		_, err = e.att.Acquire(ctx, claim, e.done)
	}
	return e.waited(err)
}

// TryWait is Wait without waiting.
func (e *Event) TryWait() (bool, error) {
	if taken, err := e.take(); taken || err != nil {
		return taken, err
	}
	if err := e.begin(access.Wait); err != nil {
		return false, err
	}
	defer e.finish()
	_, ok, err := e.att.Try(e.att.Claim())
	if !ok {
		return false, err
	}
	return true, e.waited(err)
}

// take is the fast path of both: the signal is there, and nobody is in the way.
func (e *Event) take() (bool, error) {
	if !e.may(access.Wait) || !e.att.TryTake() {
		return false, nil
	}
	return true, e.waited(nil)
}

func (e *Event) waited(err error) error {
	if err == nil {
		check.Acquire(unsafe.Pointer(e.att))
	}
	runtime.KeepAlive(e)
	return err
}

// Close closes the handle and ends the waits through it.
func (e *Event) Close() error {
	if !e.shut() {
		return errClosed
	}
	e.att.Recall()
	e.awaitInside()
	return e.shutSync()
}
