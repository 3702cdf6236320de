//go:build linux

package kernel32

import (
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/port"
	"atoll/internal/winprocess"
)

// Flags of CreateProcess that mean something here.
const (
	createSuspended = 0x4
	detachedProcess = 0x8
	createNewGroup  = 0x200
	breakaway       = 0x1000000
)

// Launch is what CreateProcess starts, and with what.
type Launch struct {
	Application, CommandLine string
	Process, Thread          *Attributes // of the new handles
	Inherit                  bool
	Listed                   bool // only Handles are inherited
	Handles, Jobs            []Handle
	Flags                    uint32
	Environment              []string // nil: this process's
	Directory                string
	Redirected               bool // the standard files are Standard's
	Standard                 [3]Handle
}

// Started is what CreateProcess gives. Both handles are the caller's to close.
type Started struct {
	Process, Thread Handle
	PID             uint32
}

// CreateProcess starts a program.
func CreateProcess(l *Launch) (s Started, err error) {
	if l.Flags&createSuspended != 0 {
		return s, errs.Numbered(errs.NotSupported, nil, "Linux starts no process suspended")
	}
	cmd, err := l.program().Command()
	if err != nil {
		return s, err
	}
	adopt()
	var left estate
	defer left.Close()
	if err := l.bequeath(&left); err != nil {
		return s, err
	}
	variable, err := left.Variable(3)
	if err != nil {
		return s, err
	}
	cmd.Env, cmd.ExtraFiles = winprocess.Environ(l.Environment, variable), left.Files
	done, err := l.redirect(cmd)
	if err != nil {
		return s, err
	}
	defer done()
	born := time.Now()
	err = port.Coming(func() (pid int, jobs []string, err error) {
		if pid, jobs, err = l.start(cmd); err != nil {
			return 0, nil, winprocess.StartError(err, cmd.Path)
		}
		if s, err = l.admit(cmd, pid, born); err == nil {
			winprocess.Joined(pid, jobs)
		}
		return pid, jobs, err
	})
	return s, err
}

// program is what to start.
func (l *Launch) program() *winprocess.Program {
	return &winprocess.Program{
		Application: createName(l.Application), CommandLine: createName(l.CommandLine), Directory: createName(l.Directory),
		Session: l.Flags&detachedProcess != 0,
		Group:   l.Flags&(createNewGroup|detachedProcess) == createNewGroup,
	}
}

// bequeath puts what is inherited into an estate.
func (l *Launch) bequeath(left *estate) (err error) {
	switch {
	case l.Listed && !l.Inherit:
		return errs.Numbered(errs.InvalidParameter, nil, "a list of handles to inherit, and none is to be inherited")
	case l.Listed:
		for _, h := range l.Handles {
			if err := left.addListed(h); err != nil {
				return err
			}
		}
	case l.Inherit:
		each(func(h Handle, e *entry) {
			if err == nil && e.flags.Load()&Inherit != 0 {
				err = left.add(h, e)
			}
		})
	}
	return err
}

func (s *estate) addListed(h Handle) error {
	if isPseudo(h) {
		return errs.Numbered(errs.InvalidParameter, nil, "pseudo-handles are not inherited")
	}
	e, err := find(h)
	if err != nil {
		return err
	}
	defer e.leave()
	if e.flags.Load()&Inherit == 0 {
		return errs.Numbered(errs.InvalidParameter, nil, "handle %#x is listed and not inheritable", h)
	}
	return s.add(h&^3, e)
}

// redirect gives the child its standard files; done closes them here.
func (l *Launch) redirect(cmd *exec.Cmd) (done func(), err error) {
	descriptors := [3]int{0, 1, 2}
	for i := range descriptors {
		if !l.Redirected {
			if l.Flags&detachedProcess != 0 {
				descriptors[i] = -1
			}
			continue
		}
		fd, leave, err := descriptorOf(l.Standard[i])
		if err != nil {
			return nil, err
		}
		defer leave()
		descriptors[i] = fd
	}
	return winprocess.Redirect(cmd, descriptors)
}

// descriptorOf is the descriptor of a file's handle; -1: there is none, as 0 and
// INVALID_HANDLE_VALUE say.
func descriptorOf(h Handle) (fd int, leave func(), err error) {
	if h == 0 || h == CurrentProcess {
		return -1, func() {}, nil
	}
	f, e, err := use[*file](h, 0)
	if err != nil {
		return -1, nil, err
	}
	return f.Descriptor(), e.leave, nil
}

// admit gives a child that has started its handles, and somebody who looks after it.
func (l *Launch) admit(cmd *exec.Cmd, pid int, born time.Time) (s Started, err error) {
	p, err := winprocess.Child(cmd, pid, born)
	if err != nil {
		return s, err
	}
	s.PID = uint32(p.PID())
	if s.Process, err = insert(process{p}, access.Process, winprocess.AllAccess, l.Process.flags()); err == nil {
		s.Thread, err = insert(thread{process{p.Again()}}, access.Thread, winprocess.AllAccess, l.Thread.flags())
	}
	if err != nil {
		_ = p.Signal(unix.SIGKILL)
		if s.Process != 0 {
			_ = CloseHandle(s.Process)
		}
		return Started{}, err
	}
	return s, nil
}
