//go:build linux

package kernel32

import (
	"errors"
	"os/exec"
	"syscall"
	"time"

	"atoll/internal/ending"
	"atoll/internal/job"
)

// childOf is the process of a command that was started, with a handle counted. If it
// fails the process has been ended.
func childOf(cmd *exec.Cmd, pid int, born time.Time) (*process, error) {
	opened, err := ending.Open(pid)
	if stand := cmd.Process.Pid; err != nil && pid != stand {
		pid = stand // which ends as the command did, which is gone
		opened, err = ending.Open(pid)
	}
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	p := &process{Process: opened, handles: 2, born: born, reaped: make(chan struct{})}
	processes.Lock()
	processes.open[pid] = p // who had the number before has ended
	processes.Unlock()
	go p.reap(cmd)
	return p, nil
}

// reap waits for the child, so that it does not stay behind as a zombie, with or
// without handles to it.
func (p *process) reap(cmd *exec.Cmd) {
	ended := make(chan struct{})
	unwatch := p.Watch(func() { close(ended) })
	<-ended
	unwatch()
	p.around = job.Around(p.PID())
	_ = cmd.Wait() // at once; the error is its status
	if cmd.ProcessState != nil {
		p.status, p.taken = cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
	close(p.reaped)
	p.close()
}
