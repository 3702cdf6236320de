package jobinfo

import (
	"math"

	"atoll/internal/errs"
	"atoll/internal/layout"
)

// Flags of limits.
const (
	limitWorkingSet    = 0x1
	limitProcessTime   = 0x2
	limitJobTime       = 0x4
	limitProcesses     = 0x8
	limitAffinity      = 0x10
	limitPriority      = 0x20
	limitPreserve      = 0x40
	limitScheduling    = 0x80
	basicFlags         = 0xFF
	limitProcessMemory = 0x100
	limitJobMemory     = 0x200
	limitDie           = 0x400
	limitBreakaway     = 0x800
	limitSilent        = 0x1000
	limitKill          = 0x2000
	limitSubset        = 0x4000
	extendedFlags      = 0x7FFF
)

// tick is Windows' unit of time, in nanoseconds.
const tick = 100

// priorities are the nicenesses that stand for classes of priority.
var priorities = map[uint32]int32{0x40: 19, 0x4000: 10, 0x20: 0, 0x8000: -5, 0x80: -10, 0x100: -20}

// rules are the flags that have no number beside them.
var rules = map[uint32]layout.JobFlags{
	limitDie: layout.JobNoCore, limitBreakaway: layout.JobBreakaway, limitSilent: layout.JobSilent, limitKill: layout.JobKillOnClose,
}

// Change is what a structure changes.
type Change struct {
	Limits layout.JobLimits
	Port   bool // only the port, which is a handle
	Key    uintptr
	Handle uintptr
}

// Set says what a structure, for which ToSet has nothing to say, makes of limits.
// processors is how many there are.
//
// # Errors
//
// Win32 87: it means nothing. 50: Linux does not have it.
func Set(c Class, b []byte, now layout.JobLimits, processors int) (ch Change, err error) {
	ch.Limits = now
	l := &ch.Limits
	switch c { //nolint:exhaustive // ToSet knows which
	case BasicLimit:
		v := of[basicLimits](b)
		if v.Flags&^basicFlags != 0 {
			return ch, invalid("only JobObjectExtendedLimitInformation has the flags %#x", v.Flags&^basicFlags)
		}
		err = setBasic(l, &v, processors)
	case ExtendedLimit:
		v := of[extendedLimits](b)
		if v.Basic.Flags&^extendedFlags != 0 {
			return ch, invalid("no limit has the flags %#x", v.Basic.Flags&^extendedFlags)
		}
		if err = setBasic(l, &v.Basic, processors); err == nil {
			err = setExtended(l, &v)
		}
	case UIRestrictions:
		switch v := of[word](b).Value; {
		case v&^0xFF != 0:
			err = invalid("no restriction has the flags %#x", v&^0xFF)
		case v != 0:
			err = notHere("restrictions of windows")
		}
	case EndOfJobTime:
		v := of[word](b).Value
		l.Flags &^= layout.JobTimeTell
		if v == 1 {
			l.Flags |= layout.JobTimeTell
		} else if v > 1 {
			err = invalid("at the end of a job's time its processes end (0), or a message is sent (1): %d", v)
		}
	case CompletionPort:
		v := of[port](b)
		ch.Port, ch.Key, ch.Handle = true, v.Key, v.Port
	case CPURate:
		err = setRate(l, of[rate](b), processors)
	}
	return ch, err
}

func invalid(format string, args ...any) error {
	return errs.Numbered(errs.InvalidParameter, nil, format, args...)
}

func setBasic(l *layout.JobLimits, v *basicLimits, processors int) error {
	switch f := v.Flags; {
	case f&limitWorkingSet != 0:
		return notHere("working set")
	case f&limitScheduling != 0:
		return notHere("scheduling class")
	case f&limitJobTime != 0 && f&limitPreserve != 0:
		return invalid("the job's time cannot be set and preserved")
	case f&limitProcesses != 0 && (v.Processes == 0 || v.Processes > math.MaxInt32):
		return invalid("a job cannot have %d processes", v.Processes)
	}
	times := []struct {
		flag  uint32
		value int64
		to    *int64
	}{{limitProcessTime, v.ProcessTime, &l.ProcessTime}, {limitJobTime, v.JobTime, &l.Time}}
	for _, t := range times {
		switch {
		case v.Flags&t.flag != 0 && (t.value <= 0 || t.value > math.MaxInt64/tick):
			return invalid("no time: %d", t.value)
		case v.Flags&t.flag != 0:
			*t.to = t.value * tick
		case t.flag != limitJobTime || v.Flags&limitPreserve == 0:
			*t.to = 0
		}
	}
	l.Processes = 0
	if v.Flags&limitProcesses != 0 {
		l.Processes = v.Processes
	}
	if err := setAffinity(l, v, processors); err != nil {
		return err
	}
	return setPriority(l, v)
}

func setAffinity(l *layout.JobLimits, v *basicLimits, processors int) error {
	l.Processors = [len(l.Processors)]uint64{}
	if v.Flags&limitAffinity == 0 {
		return nil
	}
	set := uint64(v.Affinity)
	if set == 0 || processors < 64 && set>>processors != 0 {
		return invalid("there are %d processors, and not all of the set %#x", processors, set)
	}
	l.Processors[0] = set
	return nil
}

func setPriority(l *layout.JobLimits, v *basicLimits) error {
	l.Flags &^= layout.JobNice
	l.Nice = 0
	if v.Flags&limitPriority == 0 {
		return nil
	}
	nice, known := priorities[v.PriorityClass]
	if !known {
		return invalid("no class of priority: %#x", v.PriorityClass)
	}
	l.Flags |= layout.JobNice
	l.Nice = nice
	return nil
}

func setExtended(l *layout.JobLimits, v *extendedLimits) error {
	if v.Basic.Flags&limitSubset != 0 && v.Basic.Flags&limitAffinity == 0 {
		return invalid("a subset of no processors")
	}
	for _, m := range []struct {
		flag  uint32
		value uintptr
		to    *int64
	}{{limitProcessMemory, v.ProcessMemory, &l.ProcessMemory}, {limitJobMemory, v.JobMemory, &l.Memory}} {
		*m.to = 0
		if v.Basic.Flags&m.flag == 0 {
			continue
		}
		if m.value == 0 || uint64(m.value) > math.MaxInt64 {
			return invalid("no amount of memory: %d", m.value)
		}
		*m.to = int64(m.value)
	}
	for flag, rule := range rules {
		l.Flags &^= rule
		if v.Basic.Flags&flag != 0 {
			l.Flags |= rule
		}
	}
	return nil
}

// Flags of the rate of processors.
const (
	rateEnable = 0x1
	rateCap    = 0x4
	rateFlags  = 0x1F
	rateAll    = 10000 // of all processors
)

func setRate(l *layout.JobLimits, v rate, processors int) error {
	switch {
	case v.Flags&^rateFlags != 0:
		return invalid("no rate has the flags %#x", v.Flags&^rateFlags)
	case v.Flags&rateEnable == 0:
		l.Rate = 0
		return nil
	case v.Flags != rateEnable|rateCap:
		return notHere("rate of processors but for a hard cap")
	case v.Value == 0 || v.Value > rateAll:
		return invalid("a rate is 1 to %d, not %d", rateAll, v.Value)
	}
	l.Rate = v.Value * uint32(processors)
	return nil
}
