//go:build linux

package onlinux

import (
	"context"
	"errors"
	"os/exec"

	"atoll/internal/access"
	"atoll/internal/job"
	"atoll/internal/layout"
	_ "atoll/internal/proxy" // takes over where this program is started again as one
	"atoll/internal/wait"
)

// Job is a handle of a job.
type Job struct {
	plain
	Inside *job.Job // for who keeps the handle from being closed
	waits  job.Followed
}

// OpenJob creates or opens a job; flags and limits count only if it is created.
func OpenJob(name string, intent Intent, asked access.Request, flags layout.Flags, limits job.Limits) (j *Job, created bool, err error) {
	h, created, err := openSync(name, intent, syncSpec{
		header: layout.Header{Type: layout.Job, Flags: flags},
		asked:  asked,
		word:   func(uint32) uint32 { return layout.NewEvent(false) },
		finish: func(fd int, h layout.Header) error { return job.Write(fd, &h, limits) },
	})
	if err != nil {
		return nil, false, err
	}
	j, err = jobOf(h)
	return j, created, err
}

// jobOf makes a handle of a job of what every synchronisation object has.
func jobOf(h *syncHandle) (*Job, error) {
	inside, err := job.Open(h.inner.FD, h.inner.Named(), &h.inner.Header)
	if err != nil {
		return nil, errors.Join(err, h.shutSync())
	}
	j := &Job{Inside: inside}
	j.init(h)
	return j, nil
}

// Close closes the handle and ends the waits through it.
func (j *Job) Close() error {
	if !j.shut() {
		return errClosed
	}
	j.disable()
	j.att.Recall()
	j.awaitInside()
	done, err := j.Inside.Closing()
	err = errors.Join(err, j.shutSync())
	done(j.inner.Ended())
	return err
}

// Start starts a command in the job.
func (j *Job) Start(cmd *exec.Cmd) (pid int, err error) {
	err = j.with(access.AssignProcess, func() error { pid, err = j.Inside.Start(cmd); return err })
	return pid, err
}

// Assign puts a process into the job.
func (j *Job) Assign(pid int) error {
	return j.with(access.AssignProcess, func() error { return j.Inside.Assign(pid) })
}

// with calls do, which needs a right.
func (j *Job) with(needed access.Mask, do func() error) error {
	if err := j.begin(needed); err != nil {
		return err
	}
	defer j.finish()
	return do()
}

// look calls do, which reads only.
func (j *Job) look(do func() error) error { return j.with(access.QueryJob, do) }

// Terminate ends all processes and signals the job.
func (j *Job) Terminate(code int) error {
	return j.with(access.Terminate, func() error {
		return j.Inside.Terminate(code, func() error {
			_, err := j.att.Change(layout.SetManual, nil)
			return err
		})
	})
}

// SetLimits changes the limits. A new time makes the job unsignaled.
func (j *Job) SetLimits(l job.Limits) error {
	return j.with(access.SetAttributes, func() error {
		again, err := j.Inside.SetLimits(l)
		if err != nil || !again {
			return err
		}
		return j.att.Retract(layout.ResetEvent)
	})
}

// Limits are those that hold now.
func (j *Job) Limits() (job.Limits, error) { return looked(j, j.Inside.Limits) }

// Processes lists the members' numbers, the oldest first.
func (j *Job) Processes() ([]int, error) { return looked(j, j.Inside.Processes) }

// Has says whether a process is in the job.
func (j *Job) Has(pid int) (bool, error) {
	return looked(j, func() (bool, error) { return j.Inside.Has(pid) })
}

// Terminated is the code of the last Terminate.
func (j *Job) Terminated() (code int, ok bool, err error) {
	err = j.look(func() error { code, ok, err = j.Inside.Terminated(); return err })
	return code, ok, err
}

// Stats looks at the members.
func (j *Job) Stats() (job.Stats, error) { return looked(j, j.Inside.Stats) }

func looked[T any](j *Job, do func() (T, error)) (v T, err error) {
	err = j.look(func() error { v, err = do(); return err })
	return v, err
}

// Watch calls yield with what happens in the job, until it says false, ctx ends or
// the handle is closed; yield may close it.
func (j *Job) Watch(ctx context.Context, yield func(job.Event) bool) error {
	scene := j.Inside.Watch()
	return job.Repeat(ctx, j.done, func() ([]job.Event, error) { return looked(j, scene.Look) }, yield)
}

// WaitEmpty waits until no process is in the job.
func (j *Job) WaitEmpty(ctx context.Context) error {
	return j.look(func() error { return j.Inside.WaitEmpty(ctx, j.done) })
}

// Wait waits until the job was terminated, or its time is over.
func (j *Job) Wait(ctx context.Context) error {
	if err := j.settle(); err != nil {
		return err
	}
	j.waits.Begin(j.settle)
	defer j.waits.End()
	return j.plain.Wait(ctx)
}

// TryWait is Wait without waiting.
func (j *Job) TryWait() (bool, error) {
	if err := j.settle(); err != nil {
		return false, err
	}
	return j.plain.TryWait()
}

func (j *Job) join() (wait.Target, error) {
	if err := j.settle(); err != nil {
		return wait.Target{}, err
	}
	t, err := j.plain.join()
	if err == nil {
		j.waits.Begin(j.settle)
	}
	return t, err
}

func (j *Job) leave() {
	j.waits.End()
	j.plain.leave()
}

// settle signals the job if its watch has ended it: a watch is no member of the
// directory, and takes no part in waiting.
func (j *Job) settle() error {
	if err := j.begin(0); err != nil {
		return err
	}
	defer j.finish()
	over, err := j.Inside.Over()
	if err != nil || !over || j.att.TryTake() {
		return err
	}
	_, err = j.att.Change(layout.SetManual, nil)
	return err
}
