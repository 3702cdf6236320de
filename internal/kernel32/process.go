//go:build linux

package kernel32

import (
	"os"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
	"atoll/internal/winprocess"
)

type process struct{ *winprocess.Process }

func (p process) retire() {}

func (p process) close() { p.Release() }

func (p process) same(other object) bool { return other == object(p) }

func (p process) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	rights, err := p.Regrant(asked, granted)
	if err != nil {
		return nil, 0, err
	}
	return process{p.Again()}, rights, nil
}

// waitable is the process as something to wait for.
func (p process) waitable() onlinux.Waitable {
	return &onlinux.ProcessWait{Process: p.Process.Process}
}

// thread is the first thread of a process, which lasts as long as that.
type thread struct{ process }

func (t thread) same(other object) bool { return other == object(t) }

func (t thread) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	_, rights, err := t.process.duplicate(asked, granted)
	if err != nil {
		return nil, 0, err
	}
	return t, rights, nil
}

func init() {
	pseudo[CurrentProcess] = func() (*entry, error) {
		p, err := winprocess.With(os.Getpid())
		if err != nil {
			return nil, err
		}
		return newEntry(process{p}, access.Process, winprocess.AllAccess, 0), nil
	}
}

// OpenProcess opens a process.
func OpenProcess(asked access.Mask, inherit bool, pid uint32) (Handle, error) {
	if pid == 0 || pid > 1<<31-1 {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "no process has the number %d", pid)
	}
	p, err := winprocess.With(int(pid))
	if err != nil {
		return 0, err
	}
	granted, err := p.Grant(asked)
	if err != nil {
		p.Release()
		return 0, err
	}
	return insert(process{p}, access.Process, granted, inheriting(inherit))
}

// useProcess is use for a process, which may be the current one.
func useProcess(h Handle, needed access.Mask) (p process, leave func(), err error) {
	if h == CurrentProcess {
		p, err := winprocess.With(os.Getpid())
		if err != nil {
			return process{}, nil, err
		}
		return process{p}, p.Release, nil
	}
	p, e, err := use[process](h, needed)
	if err != nil {
		return process{}, nil, err
	}
	return p, e.leave, nil
}

// GetCurrentProcessID is the number of this process.
func GetCurrentProcessID() uint32 { return uint32(os.Getpid()) }

// GetProcessID tells the number of a process.
func GetProcessID(h Handle) (uint32, error) {
	if h == CurrentProcess {
		return uint32(os.Getpid()), nil
	}
	p, leave, err := useProcess(h, access.QueryLimited)
	if err != nil {
		return 0, err
	}
	defer leave()
	return uint32(p.PID()), nil
}

// GetExitCodeProcess tells how a process ended.
func GetExitCodeProcess(h Handle) (code uint32, err error) {
	p, leave, err := useProcess(h, access.QueryLimited)
	if err != nil {
		return 0, err
	}
	defer leave()
	return p.ExitCode()
}

// TerminateProcess ends a process.
func TerminateProcess(h Handle, code uint32) error {
	p, leave, err := useProcess(h, access.TerminateProcess)
	if err != nil {
		return err
	}
	defer leave()
	return p.Terminate(code)
}
