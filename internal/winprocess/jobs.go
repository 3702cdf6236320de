//go:build linux

package winprocess

import (
	"errors"
	"io/fs"
	"slices"

	"atoll/internal/job"
)

// Joined remembers that a process is in jobs.
func Joined(pid int, names []string) {
	processes.Lock()
	defer processes.Unlock()
	if p := processes.open[pid]; p != nil {
		p.remember(names)
	}
}

// remember is under the lock of processes.
func (p *Process) remember(names []string) {
	for _, name := range names {
		if !slices.Contains(p.jobs, name) {
			p.jobs = append(p.jobs, name)
		}
	}
}

// InAny says whether the process is in a job, or was when it ended.
func (p *Process) InAny() (bool, error) {
	ended, err := p.Ready()
	if err != nil {
		return false, err
	}
	around := job.Around(p.PID())
	if ended && p.reaped != nil {
		<-p.reaped
		around = p.around
	}
	processes.Lock()
	known := len(p.jobs) > 0
	processes.Unlock()
	return known || job.InAny(p.PID(), around), nil
}

// In says whether the process is in a job. Once it is, it always was.
func (p *Process) In(j *job.Job) (in bool, err error) {
	ended, err := p.Ready()
	if err != nil {
		return false, err
	}
	if ended && p.reaped != nil {
		<-p.reaped
		in = j.Had(p.around)
	} else if in, err = j.Has(p.PID()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	processes.Lock()
	defer processes.Unlock()
	if in {
		p.remember([]string{j.Name()})
	}
	return slices.Contains(p.jobs, j.Name()), nil
}
