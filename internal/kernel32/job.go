//go:build linux

package kernel32

import (
	"errors"
	"io/fs"
	"os/exec"
	"slices"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/job"
	"atoll/internal/onlinux"
	"atoll/internal/port"
	"atoll/internal/winprocess"
)

type jobObject struct {
	kernelObject
	job *onlinux.Job
}

func jobOf(j *onlinux.Job) jobObject { return jobObject{kernelObject{j}, j} }

// CreateJobObject creates or opens a job.
func CreateJobObject(a *Attributes, name string, asked access.Mask) (Handle, error) {
	j, created, err := onlinux.OpenJob(createName(name), onlinux.CreateOrOpen, exactly(asked, a), 0, job.Limits{})
	if err != nil {
		return 0, err
	}
	return admit(jobOf(j), j, created, a.flags())
}

// OpenJobObject opens a job.
func OpenJobObject(asked access.Mask, inherit bool, name string) (Handle, error) {
	name, err := openName(name)
	if err != nil {
		return 0, err
	}
	j, _, err := onlinux.OpenJob(name, onlinux.MustOpen, exactly(asked, nil), 0, job.Limits{})
	if err != nil {
		return 0, err
	}
	return admit(jobOf(j), j, true, inheriting(inherit))
}

// AssignProcessToJobObject puts a process into a job.
func AssignProcessToJobObject(h, process Handle) error {
	o, e, err := use[jobObject](h, access.AssignProcess)
	if err != nil {
		return err
	}
	defer e.leave()
	p, leave, err := useProcess(process, access.SetQuota|access.TerminateProcess)
	if err != nil {
		return err
	}
	defer leave()
	if ended, err := p.Ready(); err != nil || ended {
		return errs.Because(errors.Join(err, unix.ESRCH), errs.AccessDenied, nil, "process %d has ended", p.PID())
	}
	err = port.Coming(func() (pid int, jobs []string, err error) {
		pid, jobs = p.PID(), []string{o.job.Inside.Name()}
		if err = o.job.Assign(pid); err == nil {
			winprocess.Joined(pid, jobs)
		}
		return pid, jobs, err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return errs.Because(err, errs.AccessDenied, nil, "process %d has ended", p.PID())
	}
	return err
}

// TerminateJobObject ends all processes of a job, with a code that is seen as that of
// TerminateProcess.
func TerminateJobObject(h Handle, code uint32) error {
	o, e, err := use[jobObject](h, access.Terminate)
	if err != nil {
		return err
	}
	defer e.leave()
	for _, p := range winprocess.All() {
		if in, err := o.job.Inside.Has(p.PID()); in && err == nil {
			p.Condemn(code)
		}
		p.Release()
	}
	if pids, err := o.job.Inside.Processes(); err == nil && len(pids) > 0 {
		winprocess.Proclaim(code, pids...)
	}
	return o.job.Terminate(int(code))
}

// IsProcessInJob says whether a process is in a job, 0: in any, or was when it ended.
func IsProcessInJob(process, h Handle) (bool, error) {
	p, leave, err := useProcess(process, access.QueryLimited)
	if err != nil {
		return false, err
	}
	defer leave()
	if h == 0 {
		return p.InAny()
	}
	o, e, err := use[jobObject](h, access.QueryJob)
	if err != nil {
		return false, err
	}
	defer e.leave()
	return p.In(o.job.Inside)
}

// start starts the command in the jobs that are listed, beside those that children of
// this process are born into, unless it breaks away from these. pid is its own, and
// names are those of the jobs that are listed.
func (l *Launch) start(cmd *exec.Cmd) (pid int, names []string, err error) {
	var jobs []*job.Job
	for _, h := range l.Jobs {
		o, e, err := use[jobObject](h, access.AssignProcess)
		if err != nil {
			return 0, nil, err
		}
		defer e.leave()
		if name := o.job.Inside.Name(); !slices.Contains(names, name) {
			jobs, names = append(jobs, o.job.Inside), append(names, name)
		}
	}
	outside := l.Flags&breakaway != 0
	pid, err = job.Born(cmd, jobs, outside)
	if outside && errors.Is(err, errors.ErrUnsupported) {
		err = errs.Because(err, errs.AccessDenied, nil, "it cannot break away")
	}
	return pid, names, err
}
