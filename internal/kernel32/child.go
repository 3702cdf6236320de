//go:build linux

package kernel32

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/errs"
	"atoll/internal/job"
	"atoll/internal/parley"
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

func init() {
	unpackers[access.Process] = unpackProcess
	unpackers[access.Thread] = func(descriptors []int, text string) (object, error) {
		p, err := unpackProcess(descriptors, text)
		if err != nil {
			return nil, err
		}
		return thread{p.(*process)}, nil
	}
}

// pack gives a descriptor of the process, and its number.
func (p *process) pack() (descriptors []int, text string, err error) {
	again := -1
	e := p.Control(func(fd uintptr) { again, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(e, err); err != nil {
		return nil, "", err
	}
	return []int{again}, strconv.Itoa(p.PID()), nil
}

// unpackProcess makes a process of what pack gave: it is the one that has the number
// here, or had it.
func unpackProcess(descriptors []int, text string) (object, error) {
	pid, err := strconv.Atoi(text)
	if err != nil || len(descriptors) != 1 || !leadsTo(descriptors[0], pid) {
		note := parley.Note{Descriptors: descriptors}
		note.Discard()
		return nil, errs.New(errs.ErrCorrupt, "what has come as a process is none, or not number %q here", text)
	}
	opened, err := ending.Of(descriptors[0], pid)
	if err != nil {
		return nil, err
	}
	p := &process{Process: opened, handles: 1}
	processes.Lock()
	defer processes.Unlock()
	if known := processes.open[pid]; known != nil && known.There() && p.There() {
		opened.Close()
		known.handles++
		return known, nil
	}
	processes.open[pid] = p
	return p, nil
}

// leadsTo says whether a descriptor is of the process pid. One that has ended and was
// waited for has the number -1, and is known by what it is.
func leadsTo(fd, pid int) bool {
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(name) == "Pid" {
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			return err == nil && (n == pid || n == -1) && pid > 0
		}
	}
	return false
}
