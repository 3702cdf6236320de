package jobinfo

import (
	"encoding/binary"
	"math"

	"atoll/internal/errs"
	"atoll/internal/layout"
)

// Counted is what was counted of a job. Times are in nanoseconds.
type Counted struct {
	User, System                     int64
	Faults                           uint64
	Total, Active, Terminated        uint64
	Reads, Writes                    uint64
	ReadBytes, WrittenBytes          uint64
	PeakProcessMemory, PeakJobMemory uint64
}

// Limits fills in a structure of limits; nil: the class is none of them.
func Limits(c Class, l *layout.JobLimits, counted *Counted, processors int) []byte {
	switch c { //nolint:exhaustive // the others are not about limits
	case BasicLimit:
		v := basic(l)
		v.Flags &= basicFlags
		return bytesOf(v)
	case ExtendedLimit:
		return bytesOf(extendedLimits{
			Basic: basic(l), IO: counted.io(), ProcessMemory: uintptr(l.ProcessMemory), JobMemory: uintptr(l.Memory),
			PeakProcessMemory: uintptr(counted.PeakProcessMemory), PeakOfJob: uintptr(counted.PeakJobMemory),
		})
	case UIRestrictions:
		return bytesOf(word{})
	case EndOfJobTime:
		v := word{}
		if l.Flags&layout.JobTimeTell != 0 {
			v.Value = 1
		}
		return bytesOf(v)
	case CPURate:
		v := rate{}
		if l.Rate != 0 {
			v = rate{rateEnable | rateCap, max(l.Rate/uint32(processors), 1)}
		}
		return bytesOf(v)
	}
	return nil
}

// basic are the limits with the flags of all of them.
func basic(l *layout.JobLimits) basicLimits {
	v := basicLimits{
		ProcessTime: l.ProcessTime / tick, JobTime: l.Time / tick, Processes: l.Processes,
		Affinity: uintptr(l.Processors[0]), Scheduling: 5,
	}
	for flag, is := range map[uint32]bool{
		limitProcessTime: l.ProcessTime != 0, limitJobTime: l.Time != 0, limitProcesses: l.Processes != 0,
		limitAffinity: l.Processors[0] != 0, limitPriority: l.Flags&layout.JobNice != 0,
		limitProcessMemory: l.ProcessMemory != 0, limitJobMemory: l.Memory != 0,
	} {
		if is {
			v.Flags |= flag
		}
	}
	for flag, rule := range rules {
		if l.Flags&rule != 0 {
			v.Flags |= flag
		}
	}
	if l.Flags&layout.JobNice != 0 {
		v.PriorityClass = priorityOf(l.Nice)
	}
	return v
}

// priorityOf is the class of priority that a niceness is nearest to.
func priorityOf(nice int32) (class uint32) {
	nearest := int32(math.MaxInt32)
	for c, n := range priorities {
		if d := max(n-nice, nice-n); d < nearest {
			nearest, class = d, c
		}
	}
	return class
}

func (c *Counted) io() counters {
	return counters{Reads: c.Reads, Writes: c.Writes, ReadBytes: c.ReadBytes, WrittenBytes: c.WrittenBytes}
}

// Accounting fills in a structure of what was counted; nil: the class is none of them.
func Accounting(c Class, counted *Counted) []byte {
	v := accounting{
		User: counted.User / tick, Kernel: counted.System / tick, PeriodUser: counted.User / tick, PeriodKernel: counted.System / tick,
		Faults: uint32(counted.Faults), Total: uint32(counted.Total), Active: uint32(counted.Active), Terminated: uint32(counted.Terminated),
	}
	switch c { //nolint:exhaustive // the others are not about it
	case BasicAccounting:
		return bytesOf(v)
	case BasicAndIOAccounting:
		return bytesOf(accountingAndIO{v, counted.io()})
	}
	return nil
}

// Processes fills in a list of processes, as far as a length goes.
//
// # Errors
//
// Win32 234, beside what fits: there are more.
func Processes(pids []int, length int) ([]byte, error) {
	fit := min(len(pids), (length-listHead)/sizeOfWord)
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(pids)))
	b = binary.NativeEndian.AppendUint32(b, uint32(fit))
	for _, pid := range pids[:fit] {
		b = append(b, bytesOf(uintptr(pid))...)
	}
	if fit < len(pids) {
		return b, errs.Numbered(errorMoreData, nil, "there are %d processes, and place for %d", len(pids), fit)
	}
	return b, nil
}

const errorMoreData = 234
