//go:build linux

package kernel32

import (
	"math"
	"time"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/onlinux"
	"atoll/internal/routine"
	"atoll/internal/wait"
)

type timer struct {
	kernelObject
	timer *onlinux.Timer
}

func timerOf(t *onlinux.Timer) timer { return timer{kernelObject{t}, t} }

// retire ends the routine, too, with this process's last handle.
func (o timer) retire() {
	if routine.Has(o.timer) && !o.hasHandle() {
		routine.StopAll(o.timer)
	}
	o.kernelObject.retire()
}

// hasHandle says whether the table has a handle of the timer.
func (o timer) hasHandle() (has bool) {
	each(func(_ Handle, e *entry) { has = has || e.object.same(o) })
	return has
}

// CreateWaitableTimer creates or opens a timer.
func CreateWaitableTimer(a *Attributes, name string, manual bool, asked access.Mask) (Handle, error) {
	t, created, err := onlinux.OpenTimer(createName(name), onlinux.CreateOrOpen, exactly(asked, a), manual)
	if err != nil {
		return 0, err
	}
	return admit(timerOf(t), t, created, a.flags())
}

// OpenWaitableTimer opens a timer.
func OpenWaitableTimer(asked access.Mask, inherit bool, name string) (Handle, error) {
	name, err := openName(name)
	if err != nil {
		return 0, err
	}
	t, _, err := onlinux.OpenTimer(name, onlinux.MustOpen, exactly(asked, nil), false)
	if err != nil {
		return 0, err
	}
	return admit(timerOf(t), t, true, inheriting(inherit))
}

// CancelWaitableTimer makes a timer inactive.
func CancelWaitableTimer(h Handle) error {
	o, e, err := use[timer](h, access.Modify)
	if err != nil {
		return err
	}
	defer e.leave()
	return routine.Cancel(o.timer)
}

// SetWaitableTimer makes a timer due at a time that is in units of 100 ns, since 1601
// or, if it is negative, from now; and then each period. The routine, if it is not 0,
// is called by this thread.
func SetWaitableTimer(h Handle, due *int64, milliseconds int32, function, argument uintptr) error {
	if due == nil || milliseconds < 0 {
		return errs.Numbered(errs.InvalidParameter, nil, "a timer needs a due time, and a period that is not negative")
	}
	o, e, err := use[timer](h, access.Modify)
	if err != nil {
		return err
	}
	defer e.leave()
	set := schedule(*due, milliseconds)
	if function == 0 {
		return routine.Set(o.timer, set)
	}
	call, err := routineFunctions.find(function)
	if err != nil {
		return err
	}
	r, err := routine.SetWith(o.timer, set, func(at time.Time) {
		due := fileTime(at)
		call(argument, uint32(due), uint32(due>>32))
	})
	if err == nil && !o.hasHandle() { // it was closed meanwhile
		r.Stop()
	}
	return err
}

// unixEpoch is 1970 in units of 100 ns since 1601.
const unixEpoch = 116444736000000000

// endOfTime is later, or earlier, than anybody waits.
const endOfTime = 1 << 62

func schedule(due int64, milliseconds int32) layout.Schedule {
	s := layout.Schedule{Period: int64(milliseconds) * int64(time.Millisecond), Flags: layout.TimerActive}
	if due < 0 {
		s.Due = layout.DueFrom(wait.Monotonic(), nanoseconds(-max(due, -math.MaxInt64)))
		return s
	}
	s.Flags |= layout.TimerWall
	s.Due = nanoseconds(due - unixEpoch)
	return s
}

// nanoseconds are units of 100 ns, as far as there are that many.
func nanoseconds(units int64) int64 {
	return max(-endOfTime/100, min(units, endOfTime/100)) * 100
}

// fileTime is a time as Windows has it.
func fileTime(t time.Time) int64 { return unixEpoch + t.UnixNano()/100 }

var routineFunctions functions[func(argument uintptr, low, high uint32)]

// NewTimerRoutine makes a number of a function, for SetWaitableTimer.
func NewTimerRoutine(f func(argument uintptr, low, high uint32)) uintptr {
	return routineFunctions.add(f)
}
