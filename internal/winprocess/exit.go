//go:build linux

package winprocess

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/ending"
	"atoll/internal/errs"
	"atoll/internal/job"
)

// Child is the process of a command that was started, with a handle counted. If it
// fails the process has been ended.
func Child(cmd *exec.Cmd, pid int, born time.Time) (*Process, error) {
	opened, err := ending.Open(pid)
	if stand := cmd.Process.Pid; err != nil && pid != stand {
		var fd int
		if fd, err = unix.PidfdOpen(stand, 0); err == nil { // it ends as the command did, which is gone
			opened, err = ending.Of(fd, pid)
		}
	}
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	p := &Process{Process: opened, handles: 2, born: born, reaped: make(chan struct{})}
	processes.Lock()
	processes.open[pid] = p // who had the number before has ended
	processes.Unlock()
	go p.reap(cmd)
	return p, nil
}

// reap waits for the child, so that it does not stay behind as a zombie, with or
// without handles to it.
func (p *Process) reap(cmd *exec.Cmd) {
	ended := make(chan struct{})
	unwatch := p.Watch(func() { close(ended) })
	<-ended
	unwatch()
	p.around = job.Around(p.PID())
	_ = cmd.Wait() // at once; the error is its status
	if cmd.ProcessState != nil {
		p.status, p.taken = cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
	p.Release() // before anybody hears of it, who may look what is left
	close(p.reaped)
}

// StillActive is the exit code of a process that runs.
const StillActive = 259

// ExitCode tells how it ended.
func (p *Process) ExitCode() (uint32, error) {
	if ended, err := p.Ready(); err != nil || !ended {
		return StillActive, err
	}
	status, known, err := p.howEnded()
	condemned := p.condemned.Load()
	switch {
	case condemned != 0 && (!known || status.Signal() == unix.SIGKILL):
		return uint32(condemned), nil
	case err != nil:
		return 0, err
	case !known:
		return 0, errs.New(errors.ErrUnsupported, "process %d has ended, and this kernel does not tell how, unless to its parent: Linux 6.15 does", p.PID())
	}
	return CodeOf(status), nil
}

func (p *Process) howEnded() (ending.Status, bool, error) {
	if p.reaped != nil {
		<-p.reaped // which is soon, as it has ended
		if p.taken {
			return p.status, true, nil
		}
	}
	return p.Status()
}

// CodeOf is the exit code that Windows would have: of what a signal ended, the status
// of the exception that it stands for, else 128 and its number, as in a shell.
func CodeOf(s ending.Status) uint32 {
	if s.Exited() {
		return uint32(s.ExitStatus())
	}
	switch s.Signal() { //nolint:exhaustive // the others
	case unix.SIGSEGV, unix.SIGBUS:
		return 0xC0000005 // STATUS_ACCESS_VIOLATION
	case unix.SIGILL:
		return 0xC000001D // STATUS_ILLEGAL_INSTRUCTION
	case unix.SIGFPE:
		return 0xC0000094 // STATUS_INTEGER_DIVIDE_BY_ZERO
	case unix.SIGINT:
		return 0xC000013A // STATUS_CONTROL_C_EXIT
	}
	return 128 + uint32(s.Signal())
}

// Terminate ends the process. Whoever has a handle to it sees the code, if its process
// uses package win32; others see that it was killed.
func (p *Process) Terminate(code uint32) error {
	if p.PID() == os.Getpid() {
		unix.Exit(int(code))
	}
	if ended, err := p.Ready(); err != nil || ended {
		return errs.Because(errors.Join(err, unix.ESRCH), errs.AccessDenied, nil, "process %d has ended", p.PID())
	}
	if p.Condemn(code) {
		Proclaim(code, p.PID())
	}
	err := p.Signal(unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return errs.Because(err, errs.AccessDenied, nil, "process %d has ended", p.PID())
	}
	return err
}

// Condemn says by which code the process is about to be ended. The first counts.
func (p *Process) Condemn(code uint32) (first bool) {
	return p.condemned.CompareAndSwap(0, 1<<32|uint64(code))
}
