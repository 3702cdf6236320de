//go:build windows

package onwindows

import (
	"io/fs"
	"math"
	"time"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Timer is a handle of a waitable timer.
type Timer struct{ plain }

// OpenTimer creates or opens a timer; manual counts only if it is created.
func OpenTimer(name string, intent Intent, asked access.Request, manual bool) (t *Timer, created bool, err error) {
	var flags uint32
	if manual {
		flags = createManualReset
	}
	h, created, err := obtain(name, intent, asked, calls{
		kind: access.Timer,
		open: openWaitableTimer,
		create: func(name *uint16, rights uint32) (windows.Handle, error) {
			return createWaitableTimerEx(nil, name, flags, rights)
		},
	})
	if err != nil {
		return nil, false, err
	}
	return &Timer{plain{h}}, created, nil
}

// tick is the unit of Windows' times, whose first moment is that many before 1970.
const (
	tick  = 100 * time.Nanosecond
	epoch = 116444736000000000
)

// SetAfter makes the timer due d from now.
func (t *Timer) SetAfter(d, period time.Duration) error {
	if d < 0 {
		return errs.New(fs.ErrInvalid, "a timer cannot be due %v ago; 0 signals it at once", -d)
	}
	return t.set(-int64(d/tick+min(d%tick, 1)), period)
}

// SetAt makes the timer due at a time of day.
func (t *Timer) SetAt(at time.Time, period time.Duration) error {
	due := int64(math.MaxInt64)
	if seconds := at.Unix(); seconds < 1<<39 {
		due = max(1, seconds*int64(time.Second/tick)+int64(at.Nanosecond())/int64(tick)+epoch)
	}
	return t.set(due, period)
}

// set has periods in milliseconds, as Windows has.
func (t *Timer) set(due int64, period time.Duration) error {
	if period < 0 || period > math.MaxInt32*time.Millisecond {
		return errs.New(fs.ErrInvalid, "a timer's period cannot be %v on Windows; it is from 1ms to %v, and 0 is none", period, math.MaxInt32*time.Millisecond)
	}
	every := int32((period + time.Millisecond - 1) / time.Millisecond)
	return t.change("SetWaitableTimer", func(raw windows.Handle) error {
		return setWaitableTimer(raw, &due, every, 0, 0, false)
	})
}

// Cancel makes the timer inactive, and leaves it as signaled as it is.
func (t *Timer) Cancel() error {
	return t.change("CancelWaitableTimer", cancelWaitableTimer)
}
