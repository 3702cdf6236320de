//go:build linux

package onlinux

import (
	"io/fs"
	"time"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/wait"
)

// Timer is a handle of a waitable timer.
type Timer struct{ plain }

// OpenTimer creates or opens a timer; manual counts only if it is created.
func OpenTimer(name string, intent Intent, asked access.Request, manual bool) (t *Timer, created bool, err error) {
	header := layout.Header{Type: layout.Timer}
	if manual {
		header.Flags = layout.FlagManualReset
	}
	h, created, err := openSync(name, intent, syncSpec{
		header: header,
		asked:  asked,
		word:   func(uint32) uint32 { return 0 },
	})
	if err != nil {
		return nil, false, err
	}
	return timerOf(h), created, nil
}

func timerOf(h *syncHandle) *Timer {
	t := new(Timer)
	t.init(h)
	return t
}

// SetAfter makes the timer due d from now, by a clock that nobody can set.
func (t *Timer) SetAfter(d, period time.Duration) error {
	if d < 0 {
		return errs.New(fs.ErrInvalid, "a timer cannot be due %v ago; 0 signals it at once", -d)
	}
	return t.set(layout.Schedule{
		Due: layout.DueFrom(wait.Monotonic(), int64(d)), Period: int64(period), Flags: layout.TimerActive,
	})
}

// SetAt makes the timer due at a time of day.
func (t *Timer) SetAt(at time.Time, period time.Duration) error {
	due := at.UnixNano()
	switch seconds := at.Unix(); { // which UnixNano may not be able to say
	case seconds > 1<<33:
		due = layout.DueFrom(1<<62, 1<<62)
	case seconds < -1<<33:
		due = -1 << 62
	}
	return t.set(layout.Schedule{Due: due, Period: int64(period), Flags: layout.TimerActive | layout.TimerWall})
}

func (t *Timer) set(s layout.Schedule) error {
	if s.Period < 0 {
		return errs.New(fs.ErrInvalid, "a timer's period cannot be %v; 0 is none", time.Duration(s.Period))
	}
	return t.Change(func(layout.Schedule, int64) layout.Schedule { return s })
}

// Cancel makes the timer inactive, and leaves it as signaled as it is.
func (t *Timer) Cancel() error {
	return t.Change(layout.Schedule.Cancelled)
}

// Change makes of the timer's setting what next says.
func (t *Timer) Change(next func(s layout.Schedule, now int64) layout.Schedule) error {
	check.Release(unsafe.Pointer(t.att))
	if err := t.begin(access.Modify); err != nil {
		return err
	}
	defer t.finish()
	return t.att.ChangeTimer(next)
}

// Setting is how the timer is set now.
func (t *Timer) Setting() (layout.Schedule, error) {
	if err := t.begin(0); err != nil {
		return layout.Schedule{}, err
	}
	defer t.finish()
	return t.att.Setting()
}
