//go:build linux

package winprocess

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"atoll/internal/cmdline"
	"atoll/internal/errs"
)

// Numbers of errors that only this file has.
const (
	errorSharing   = 32
	errorTooLong   = 206
	errorDirectory = 267
)

// Program is a program to be started, as CreateProcess is told of it.
type Program struct {
	Application, CommandLine string // the one may be empty, or the other
	Directory                string
	Session, Group           bool // a new one
}

// Command is the program as a command, without what it inherits.
//
// # Errors
//
// The numbers 2: there is no such program; 267: no such directory.
func (p *Program) Command() (*exec.Cmd, error) {
	args := cmdline.Split(p.CommandLine)
	path := p.Application
	var err error
	switch {
	case path != "" && p.CommandLine == "":
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
	cmd := &exec.Cmd{Path: path, Args: args, Dir: p.Directory, SysProcAttr: &syscall.SysProcAttr{
		Setsid:  p.Session,
		Setpgid: p.Group,
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

// Environ is the environment of a child, nil this process's, with one line in the place
// of those for the same variable.
func Environ(given []string, line string) []string {
	if given == nil {
		given = os.Environ()
	}
	name, _, _ := strings.Cut(line, "=")
	kept := make([]string, 0, len(given)+1)
	for _, other := range given {
		other, _, _ = strings.Cut(other, "\x00") // where text ends on Windows
		if !strings.HasPrefix(other, name+"=") {
			kept = append(kept, other)
		}
	}
	return append(kept, line)
}

// Redirect gives a command its standard files by descriptors, of which -1 is none; done
// closes what it has for that. A descriptor that is closed is none, too.
func Redirect(cmd *exec.Cmd, descriptors [3]int) (done func(), err error) {
	var files [3]*os.File
	done = func() {
		for _, f := range files {
			_ = f.Close() // nil, too
		}
	}
	for i, fd := range descriptors {
		again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err == nil {
			files[i] = os.NewFile(uintptr(again), "standard")
		} else if !errors.Is(err, unix.EBADF) {
			done()
			return nil, err
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

// StartError is the error of a command that could not be started.
func StartError(err error, path string) error {
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
