//go:build linux

package onlinux

import (
	"runtime"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/layout"
)

// Event is a handle of an event.
type Event struct {
	plain
	set layout.Change // what Set and Pulse do, by the kind of event
	hit layout.Change
}

// OpenEvent creates or opens an event; manual and signaled count only if it is
// created.
func OpenEvent(name string, intent Intent, asked access.Request, manual, signaled bool) (e *Event, created bool, err error) {
	header := layout.Header{Type: layout.Event}
	if manual {
		header.Flags = layout.FlagManualReset
	}
	h, created, err := openSync(name, intent, syncSpec{
		header: header,
		asked:  asked,
		word:   func(uint32) uint32 { return layout.NewEvent(signaled) },
	})
	if err != nil {
		return nil, false, err
	}
	return eventOf(h), created, nil
}

func eventOf(h *syncHandle) *Event {
	e := &Event{set: layout.SetManual, hit: layout.PulseManual}
	e.init(h)
	if att := h.att; !h.inner.Header.Has(layout.FlagManualReset) {
		e.set = func(word uint32) uint32 { return layout.SetAuto(word, att.Waited()) }
		e.hit = func(word uint32) uint32 { return layout.PulseAuto(word, att.Waited()) }
	}
	return e
}

// Set signals the event.
func (e *Event) Set() error { return e.change(e.set) }

// Pulse releases those who wait now, all or one, and leaves the event reset.
func (e *Event) Pulse() error { return e.change(e.hit) }

func (e *Event) change(next layout.Change) error {
	check.Release(unsafe.Pointer(e.att))
	if e.may(access.Modify) && e.att.TryChange(next) {
		e.signaled()
		runtime.KeepAlive(e)
		return nil
	}
	if err := e.begin(access.Modify); err != nil {
		return err
	}
	defer e.finish()
	_, err := e.att.Change(next, nil)
	return err
}

// Reset takes the signal away.
func (e *Event) Reset() error {
	if err := e.begin(access.Modify); err != nil {
		return err
	}
	defer e.finish()
	return e.att.Retract(layout.ResetEvent)
}
