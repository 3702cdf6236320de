package atoll

import (
	"context"

	"atoll/internal/access"
)

// Event is a handle of an event: a signal that is set or not. It is safe for use
// by many goroutines.
//
// A manual-reset event, once set, releases everybody who waits or comes to wait
// until it is reset. An auto-reset event releases one, and is reset by that; set
// while nobody waits, it stays set until somebody does. Set while several wait,
// once for each of them, it releases them all unless somebody who comes by takes a
// signal first, and a Reset takes nothing from those
// who waited before the Set.
//
// Source: https://learn.microsoft.com/windows/win32/sync/event-objects
type Event struct {
	identity
	kernel *kernelEvent
}

// EventOptions say how to create an event; the zero value is an auto-reset event
// that is not signaled. When an existing event is opened only Access
// counts.
type EventOptions struct {
	ManualReset bool
	Signaled    bool
	// Access asked for; 0 is Wait and Modify.
	Access Access
	// Security of a new object; nil is the creator alone. It is ignored when an
	// existing one is opened.
	Security *Security
}

// CreateEvent creates an event under a name that is free.
//
// # Errors
//
// As CreateMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createeventw
func CreateEvent(name string, o EventOptions) (*Event, error) {
	e, _, err := newEvent("create", name, mustCreate, o)
	return e, err
}

// OpenEvent opens an existing event. access 0 asks for Wait and Modify. Whoever may
// only read its file must ask for Wait alone, and gets that of a manual-reset event.
//
// # Errors
//
// As OpenMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openeventw
func OpenEvent(name string, access Access) (*Event, error) {
	e, _, err := newEvent("open", name, mustOpen, EventOptions{Access: access})
	return e, err
}

// CreateOrOpenEvent opens the event if it exists and creates it otherwise, in one
// step for all processes that try at the same time.
//
// # Errors
//
// As CreateMutex, but for fs.ErrExist.
func CreateOrOpenEvent(name string, o EventOptions) (e *Event, created bool, err error) {
	return newEvent("create", name, createOrOpen, o)
}

func newEvent(op, name string, i intent, o EventOptions) (*Event, bool, error) {
	k, created, err := openEvent(name, i, request(access.Event, o.Access, o.Security), o.ManualReset, o.Signaled)
	if err != nil {
		return nil, false, fail(op, TypeEvent, name, err)
	}
	e := &Event{identity: identity{name: name, typ: TypeEvent}, kernel: k}
	track(e, &e.identity)
	return e, created, nil
}

// Access returns what this handle may do.
func (e *Event) Access() Access { return accessOf(access.Event, e.kernel.Rights()) }

// Set signals the event; one that is set stays set. It blocks only while another
// process is just changing the event's state. What was done before it is seen by
// whoever it releases.
//
// # Errors
//
// ErrStuck: a stopped process kept the state from being changed for ten seconds.
// fs.ErrPermission (no Modify right), os.ErrClosed, ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setevent
func (e *Event) Set() error {
	e.kernel.Publish()
	if e.kernel.QuickSet() {
		return nil
	}
	return e.set()
}

func (e *Event) set() error { return e.fail("set", e.kernel.Set()) }

// Reset takes the signal away; one that is not set stays so. Those who waited
// before the last Set are released all the same: all of a manual-reset event, one
// of an auto-reset event.
//
// # Errors
//
// As Set.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-resetevent
func (e *Event) Reset() error { return e.fail("reset", e.kernel.Reset()) }

// Pulse releases those who wait for the event now, all of a manual-reset event or
// one of an auto-reset event, and leaves it reset. A signal that was there is taken
// away. Whoever comes to wait later is not released. It blocks only while another
// process is just changing the event's state.
//
// A wait for several objects with WaitAll is not released by Pulse, and by Set
// followed by Reset only if it looks in between: it needs all of its objects
// signaled at one instant.
//
// # Errors
//
// As Set.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-pulseevent
func (e *Event) Pulse() error { return e.fail("pulse", e.kernel.Pulse()) }

// Wait waits until the event is signaled, and resets an auto-reset event in the
// same step. It returns when released (nil), when ctx ends, or when the handle is
// closed; in the last two cases it consumed no signal. An event that is signaled
// releases even if ctx has ended.
//
// What the one who set the event did before is seen after Wait.
//
// A call looks before it waits, for up to some twenty microseconds. A Set that is
// taken back by Reset meanwhile, and a Pulse, may pass it by, as if they had come
// before it.
//
// # Errors
//
// context.Canceled, context.DeadlineExceeded: ctx ended; joined with ErrStuck if
// a stopped process kept the state from being changed. os.ErrClosed,
// fs.ErrPermission (no Wait right), ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject
func (e *Event) Wait(ctx context.Context) error {
	if e.kernel.QuickTake() || e.kernel.QuickSee() {
		return nil
	}
	return e.fail("wait", e.kernel.Wait(ctx))
}

// TryWait is Wait without waiting; it says whether the event was signaled.
//
// # Errors
//
// As Wait, but for ctx.
func (e *Event) TryWait() (bool, error) {
	if e.kernel.QuickTake() || e.kernel.QuickSee() {
		return true, nil
	}
	return e.tryWait()
}

func (e *Event) tryWait() (bool, error) {
	ok, err := e.kernel.TryWait()
	return ok, e.fail("wait", err)
}

// Close closes the handle and ends waits through it with os.ErrClosed; it blocks
// until those calls have ended.
//
// # Errors
//
// os.ErrClosed: it was closed already.
func (e *Event) Close() error {
	e.untrack()
	return e.fail("close", e.kernel.Close())
}
