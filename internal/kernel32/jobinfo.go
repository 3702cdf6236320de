//go:build linux

package kernel32

import (
	"errors"
	"runtime"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/job"
	"atoll/internal/jobinfo"
	"atoll/internal/layout"
	"atoll/internal/port"
)

// SetInformationJobObject changes a job by a structure, which read reads, of the right
// length.
func SetInformationJobObject(h Handle, class uint32, length uint32, read func([]byte) error) error {
	c := jobinfo.Class(class)
	if err := jobinfo.ToSet(c, int(length)); err != nil {
		return err
	}
	b := make([]byte, length)
	if err := read(b); err != nil {
		return err
	}
	o, e, err := use[jobObject](h, access.SetAttributes)
	if err != nil {
		return err
	}
	defer e.leave()
	now, err := o.job.Inside.Limits()
	if err != nil {
		return err
	}
	change, err := jobinfo.Set(c, b, now, runtime.NumCPU())
	if err != nil {
		return err
	}
	if change.Port {
		return o.associate(Handle(change.Handle), change.Key)
	}
	return o.setLimits(now, change.Limits)
}

// setLimits changes what is not as it was.
func (o jobObject) setLimits(now, limits job.Limits) error {
	if now == limits {
		return nil
	}
	if err := o.job.SetLimits(limits); err != nil {
		return err
	}
	if (now.Flags^limits.Flags)&layout.JobRules == 0 {
		return nil
	}
	return o.job.Inside.SetRules(limits.Flags & layout.JobRules)
}

// associate has a port tell what happens in the job; 0: none any more.
func (o jobObject) associate(h Handle, key uintptr) error {
	var p *port.Port
	if h != 0 {
		to, e, err := use[portObject](h, access.Modify)
		if err != nil {
			return err
		}
		defer e.leave()
		p = to.Port
	}
	header := o.job.Header()
	watched, err := job.Observe(int(o.job.Descriptor()), &header)
	if err != nil {
		return err
	}
	return port.Associate(port.OfJob(watched), p, key)
}

// QueryInformationJobObject gives a structure about a job, 0: that this process is in.
// It may give one beside an error.
func QueryInformationJobObject(h Handle, class uint32, length uint32) (b []byte, err error) {
	c := jobinfo.Class(class)
	if err := jobinfo.ToQuery(c, int(min(length, 1<<30))); err != nil {
		return nil, err
	}
	if h == 0 {
		j, err := job.Own()
		if err == nil && j == nil {
			err = errs.Numbered(errs.AccessDenied, nil, "this process is in no job")
		}
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, j.Leave()) }()
		return query(j, c, int(min(length, 1<<30)))
	}
	o, e, err := use[jobObject](h, access.QueryJob)
	if err != nil {
		return nil, err
	}
	defer e.leave()
	return query(o.job.Inside, c, int(min(length, 1<<30)))
}

func query(j *job.Job, c jobinfo.Class, length int) ([]byte, error) {
	if c == jobinfo.ProcessIDList {
		pids, err := j.Processes()
		if err != nil {
			return nil, err
		}
		return jobinfo.Processes(pids, length)
	}
	s, err := j.Stats()
	if err != nil {
		return nil, err
	}
	counted := jobinfo.Counted{
		User: int64(s.User), System: int64(s.System), Faults: s.Faults,
		Total: max(s.Total, uint64(s.Processes)), Active: uint64(s.Processes), Terminated: s.OverProcesses + s.OverMemory,
		Reads: s.Reads, Writes: s.Writes, ReadBytes: s.ReadBytes, WrittenBytes: s.WrittenBytes,
		PeakProcessMemory: s.PeakProcessMemory, PeakJobMemory: s.PeakMemory,
	}
	if b := jobinfo.Accounting(c, &counted); b != nil {
		return b, nil
	}
	l, err := j.Limits()
	if err != nil {
		return nil, err
	}
	return jobinfo.Limits(c, &l, &counted, runtime.NumCPU()), nil
}
