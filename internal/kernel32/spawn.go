//go:build linux

package kernel32

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/cmdline"
	"atoll/internal/errs"
)

// Flags of CreateProcess that mean something here.
const (
	createSuspended = 0x4
	detachedProcess = 0x8
	createNewGroup  = 0x200
	breakaway       = 0x1000000
)

// Numbers of errors that only this file has.
const (
	errorSharing   = 32
	errorTooLong   = 206
	errorDirectory = 267
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
	cmd, err := l.command()
	if err != nil {
		return s, err
	}
	var left estate
	defer left.close()
	if err := l.bequeath(&left); err != nil {
		return s, err
	}
	variable, err := left.variable(3)
	if err != nil {
		return s, err
	}
	cmd.Env, cmd.ExtraFiles = append(l.environ(), variable), left.files
	done, err := l.redirect(cmd)
	defer done()
	if err != nil {
		return s, err
	}
	born := time.Now()
	pid, jobs, err := l.start(cmd)
	if err != nil {
		return s, startError(err, cmd.Path)
	}
	if s, err = l.admit(cmd, pid, born); err == nil {
		joined(s.PID, jobs)
	}
	return s, err
}

// command is what to start, without what it inherits.
func (l *Launch) command() (*exec.Cmd, error) {
	args := cmdline.Split(l.CommandLine)
	path := l.Application
	var err error
	switch {
	case path != "" && l.CommandLine == "":
		args = []string{path}
	case path != "":
	case strings.Contains(args[0], "/"):
		path = args[0]
	default:
		path, err = search(args[0])
	}
	if err == nil {
		path, err = filepath.Abs(path) // the new process looks from its own directory
	}
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: args, Dir: l.Directory, SysProcAttr: &syscall.SysProcAttr{
		Setsid:  l.Flags&detachedProcess != 0,
		Setpgid: l.Flags&(createNewGroup|detachedProcess) == createNewGroup,
	}}
	if info, err := os.Stat(cmd.Dir); cmd.Dir != "" && (err != nil || !info.IsDir()) {
		return nil, errs.Numbered(errorDirectory, err, "%q is no directory", cmd.Dir)
	}
	return cmd, nil
}

// search looks for a program by its name.
func search(name string) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if name != "" && err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", errs.Numbered(errs.FileNotFound, fs.ErrNotExist, "no program %q is in the PATH", name)
}

// environ is the environment of the child, but for what is said to its package.
func (l *Launch) environ() []string {
	env := l.Environment
	if env == nil {
		env = os.Environ()
	}
	kept := make([]string, 0, len(env)+1)
	for _, line := range env {
		if !strings.HasPrefix(line, inheritVariable+"=") {
			kept = append(kept, line)
		}
	}
	return kept
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
	var files [3]*os.File
	done = func() {
		for _, f := range files {
			_ = f.Close() // nil, too
		}
	}
	for i := range files {
		fd := i
		if l.Redirected {
			var leave func()
			if fd, leave, err = descriptorOf(l.Standard[i]); err != nil {
				return done, err
			}
			defer leave()
		} else if l.Flags&detachedProcess != 0 {
			continue
		}
		// A closed one is /dev/null in the child.
		if again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3); err == nil {
			files[i] = os.NewFile(uintptr(again), "standard")
		} else if !errors.Is(err, unix.EBADF) {
			return done, err
		}
	}
	if files[0] != nil { // an interface with a nil inside is another thing
		cmd.Stdin = files[0]
	}
	if files[1] != nil {
		cmd.Stdout = files[1]
	}
	if files[2] != nil {
		cmd.Stderr = files[2]
	}
	return done, nil
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

// startError is the error of a command that could not be started.
func startError(err error, path string) error {
	number := uint32(0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		number = errs.FileNotFound
		if info, e := os.Stat(filepath.Dir(path)); e != nil || !info.IsDir() {
			number = errs.PathNotFound
		}
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		number = errs.AccessDenied
	case errors.Is(err, unix.ENOEXEC), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ELIBBAD):
		number = errs.BadExeFormat
	case errors.Is(err, unix.E2BIG), errors.Is(err, unix.ENAMETOOLONG):
		number = errorTooLong
	case errors.Is(err, unix.ETXTBSY):
		number = errorSharing
	case errors.Is(err, unix.EAGAIN):
		number = errs.NoResources
	}
	return errs.Because(err, number, nil, "start %s", path)
}

// admit gives a child that has started its handles, and somebody who looks after it.
func (l *Launch) admit(cmd *exec.Cmd, pid int, born time.Time) (s Started, err error) {
	p, err := childOf(cmd, pid, born)
	if err != nil {
		return s, err
	}
	s.PID = uint32(p.PID())
	if s.Process, err = insert(p, access.Process, allOfProcess, l.Process.flags()); err == nil {
		s.Thread, err = insert(thread{p.again()}, access.Thread, allOfProcess, l.Thread.flags())
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
