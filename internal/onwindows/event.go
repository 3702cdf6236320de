//go:build windows

package onwindows

import (
	"golang.org/x/sys/windows"

	"atoll/internal/access"
)

const (
	createManualReset = 1 // CREATE_EVENT_MANUAL_RESET, CREATE_WAITABLE_TIMER_MANUAL_RESET
	createSignaled    = 2 // CREATE_EVENT_INITIAL_SET
)

// Event is a handle of an event.
type Event struct{ plain }

// OpenEvent creates or opens an event; manual and signaled count only if it is created.
func OpenEvent(name string, intent Intent, asked access.Request, manual, signaled bool) (e *Event, created bool, err error) {
	var flags uint32
	if manual {
		flags |= createManualReset
	}
	if signaled {
		flags |= createSignaled
	}
	h, created, err := obtain(name, intent, asked, calls{
		kind: access.Event,
		open: windows.OpenEvent,
		create: func(name *uint16, rights uint32) (windows.Handle, error) {
			return windows.CreateEventEx(nil, name, flags, rights)
		},
	})
	if err != nil {
		return nil, false, err
	}
	return &Event{plain{h}}, created, nil
}

// Set signals the event.
func (e *Event) Set() error { return e.change("SetEvent", windows.SetEvent) }

// Reset takes the signal away.
func (e *Event) Reset() error { return e.change("ResetEvent", windows.ResetEvent) }

// Pulse releases those who wait now, and leaves the event reset.
func (e *Event) Pulse() error { return e.change("PulseEvent", windows.PulseEvent) }

// QuickSet is Set where there is a way without the kernel: not here.
func (e *Event) QuickSet() bool { return false }

// QuickSee is as QuickSet.
func (e *Event) QuickSee() bool { return false }
