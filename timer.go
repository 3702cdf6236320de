package atoll

import (
	"context"
	"time"

	"atoll/internal/access"
)

// Timer is a handle of a waitable timer: an object that becomes signaled by itself
// when it is due. Nothing fires it: whoever looks compares the time it is due with
// the clock. So it needs no process to live on but those who wait. It is safe for
// use by many goroutines, and any process may set it; the last one counts.
//
// A manual-reset timer stays signaled until it is set again. Any other timer, which
// Windows calls a synchronization timer, is signaled until one wait has taken the
// signal. A periodic one is signaled again with each period; signals that nobody
// took do not add up.
//
// Source: https://learn.microsoft.com/windows/win32/sync/waitable-timer-objects
type Timer struct {
	identity
	kernel *kernelTimer
}

// TimerOptions say how to create a timer; the zero value is one whose signal one
// wait takes. When an existing timer is opened only Access counts.
type TimerOptions struct {
	ManualReset bool
	// Access asked for; 0 is Wait and Modify.
	Access Access
	// Security of a new object; nil is the creator alone. It is ignored when an
	// existing one is opened.
	Security *Security
}

// CreateTimer creates a timer, inactive and not signaled, under a name that is
// free.
//
// # Errors
//
// As CreateMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createwaitabletimerw
func CreateTimer(name string, o TimerOptions) (*Timer, error) {
	t, _, err := newTimer("create", name, mustCreate, o)
	return t, err
}

// OpenTimer opens an existing timer. access 0 asks for Wait and Modify. Whoever may
// only read its file must ask for Wait alone, and gets that of a manual-reset timer.
//
// # Errors
//
// As OpenMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openwaitabletimerw
func OpenTimer(name string, access Access) (*Timer, error) {
	t, _, err := newTimer("open", name, mustOpen, TimerOptions{Access: access})
	return t, err
}

// CreateOrOpenTimer opens the timer if it exists and creates it otherwise, in one
// step for all processes that try at the same time.
//
// # Errors
//
// As CreateMutex, but for fs.ErrExist.
func CreateOrOpenTimer(name string, o TimerOptions) (t *Timer, created bool, err error) {
	return newTimer("create", name, createOrOpen, o)
}

func newTimer(op, name string, i intent, o TimerOptions) (*Timer, bool, error) {
	k, created, err := openTimer(name, i, request(access.Timer, o.Access, o.Security), o.ManualReset)
	if err != nil {
		return nil, false, fail(op, TypeTimer, name, err)
	}
	t := &Timer{identity: identity{name: name, typ: TypeTimer}, kernel: k}
	track(t, &t.identity)
	return t, created, nil
}

// Access returns what this handle may do.
func (t *Timer) Access() Access { return accessOf(access.Timer, t.kernel.Rights()) }

// SetAfter makes the timer due d from now, and after that every period; a period of
// 0 makes it due once. It takes an older setting and signal away; those who wait
// wait on, for the new one. d 0 signals it at once.
//
// The time is that of the monotonic clock: setting the clock does not change it,
// and time for which the system is suspended does not count.
//
// It blocks only while another process is just changing the timer. What was done
// before it is seen by whoever the timer releases.
//
// # Errors
//
// fs.ErrInvalid (87): d or period is negative. ErrStuck: a stopped process kept the
// timer from being changed for ten seconds. fs.ErrPermission (no Modify right),
// os.ErrClosed, ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setwaitabletimer
func (t *Timer) SetAfter(d, period time.Duration) error {
	return t.fail("set", t.kernel.SetAfter(d, period))
}

// SetAt makes the timer due at a time of day, and after that every period; else it
// is as SetAfter. The timer follows the clock: if that is set, the timer is due
// sooner or later. A time that is past signals it at once.
//
// # Errors
//
// As SetAfter, but any time is allowed.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setwaitabletimer
func (t *Timer) SetAt(at time.Time, period time.Duration) error {
	return t.fail("set", t.kernel.SetAt(at, period))
}

// Cancel makes the timer inactive. It stays signaled if it is, and those who wait
// wait on. To cancel a timer that is inactive is no error. It blocks as SetAfter
// does.
//
// # Errors
//
// As SetAfter, but for the arguments.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-cancelwaitabletimer
func (t *Timer) Cancel() error { return t.fail("cancel", t.kernel.Cancel()) }

// Wait waits until the timer is signaled, and takes the signal unless it is a
// manual-reset timer. It returns when released (nil), when ctx ends, or when the
// handle is closed; in the last two cases it took nothing. A timer that is signaled
// releases even if ctx has ended.
//
// What the one who set the timer did before is seen after Wait.
//
// # Errors
//
// context.Canceled, context.DeadlineExceeded: ctx ended; joined with ErrStuck if
// a stopped process kept the timer from being looked at. os.ErrClosed,
// fs.ErrPermission (no Wait right), ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject
func (t *Timer) Wait(ctx context.Context) error { return t.fail("wait", t.kernel.Wait(ctx)) }

// TryWait is Wait without waiting; it says whether the timer was signaled.
//
// # Errors
//
// As Wait, but for ctx.
func (t *Timer) TryWait() (bool, error) {
	ok, err := t.kernel.TryWait()
	return ok, t.fail("wait", err)
}

// Close closes the handle and ends waits through it with os.ErrClosed; it blocks
// until those calls have ended. The timer lives on while any process has another
// handle.
//
// # Errors
//
// os.ErrClosed: it was closed already.
func (t *Timer) Close() error {
	t.untrack()
	return t.fail("close", t.kernel.Close())
}
