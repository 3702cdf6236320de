package layout

import (
	"math"
	"sync/atomic"
)

// Setting is a timer's as it lies in the page. It is written only while it does
// not count, under the gate.
type Setting struct {
	due, period, flags, serial atomic.Int64
}

// Schedule is what a setting says. A timer that is active becomes signaled by the
// clock alone: nothing fires it.
type Schedule struct {
	Due    int64 // nanoseconds, of the clock that Flags name
	Period int64 // nanoseconds; 0: once
	Flags  TimerFlags
	// Serial is a number of the setter's choice, by which it knows its setting again.
	// 0: it does not want to, or the timer has been cancelled.
	Serial int64
}

// TimerFlags say what Due means.
type TimerFlags int64

// The flags of a timer.
const (
	TimerActive  TimerFlags = 1 << iota // it becomes signaled at Due
	TimerLatched                        // it is signaled, whatever Due says
	TimerWall                           // Due is since 1970, and follows the clock; else it is on the monotonic clock of the initial time namespace
	timerFlags   = TimerActive | TimerLatched | TimerWall
)

// Load reads a setting. The caller compares the cell before and after.
func (s *Setting) Load() Schedule {
	return Schedule{Due: s.due.Load(), Period: s.period.Load(), Flags: TimerFlags(s.flags.Load()), Serial: s.serial.Load()}
}

// Store writes a setting that does not count.
func (s *Setting) Store(t Schedule) {
	s.due.Store(t.Due)
	s.period.Store(t.Period)
	s.flags.Store(int64(t.Flags))
	s.serial.Store(t.Serial)
}

// Current is the setting that counts by a timer's word.
func (p *Page) Current(word uint32) *Setting { return &p.Settings[word&settingBit] }

// Other is the one that does not.
func (p *Page) Other(word uint32) *Setting { return &p.Settings[word&settingBit^settingBit] }

// Turn is the word of a timer after a change: the other setting counts.
func Turn(word uint32) uint32 { return (word + changeStep) ^ settingBit }

// Sound says whether anybody who follows the rules can have written it.
func (t Schedule) Sound() bool { return t.Flags&^timerFlags == 0 && t.Period >= 0 }

// Has says whether all of f are set.
func (t Schedule) Has(f TimerFlags) bool { return t.Flags&f == f }

// Signaled says whether the timer is, at a time of its clock.
func (t Schedule) Signaled(now int64) bool {
	return t.Has(TimerLatched) || t.Has(TimerActive) && now >= t.Due
}

// Left is how long until an active timer becomes signaled; never if nothing will
// signal it but a change.
func (t Schedule) Left(now int64) (nanoseconds int64, never bool) {
	if !t.Has(TimerActive) {
		return 0, true
	}
	if t.Signaled(now) {
		return 0, false
	}
	if now < 0 && t.Due > math.MaxInt64+now {
		return math.MaxInt64, false
	}
	return t.Due - now, false
}

// Consumed is a signaled synchronisation timer after one wait: a periodic one is
// due again at the next multiple of its period, whatever was missed; another one
// is inactive.
func (t Schedule) Consumed(now int64) Schedule {
	t.Flags &^= TimerLatched
	switch {
	case !t.Has(TimerActive) || now < t.Due:
	case t.Period == 0:
		t.Flags &^= TimerActive
	default:
		// Unsigned, because another process may have written any numbers.
		since, period := uint64(now)-uint64(t.Due), uint64(t.Period)
		next := uint64(now) + period - since%period
		if int64(next) <= now {
			t.Flags &^= TimerActive // beyond the end of time
			break
		}
		t.Due = int64(next)
	}
	return t
}

// Cancelled is a timer after Cancel: inactive, and as signaled as it was.
func (t Schedule) Cancelled(now int64) Schedule {
	if t.Signaled(now) {
		t.Flags |= TimerLatched
	}
	t.Flags &^= TimerActive
	t.Serial = 0
	return t
}

// DueFrom is the time d nanoseconds after now, or the end of time.
func DueFrom(now, d int64) int64 {
	if d > 0 && now > math.MaxInt64-d {
		return math.MaxInt64
	}
	return now + d
}
