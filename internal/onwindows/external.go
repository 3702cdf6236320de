//go:build windows

package onwindows

import (
	"errors"
	"io/fs"
	"math"
	"reflect"
	"runtime"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// External is something of this process that can be waited for: a channel.
type External interface {
	// Ready says whether it is there, and Take takes it then.
	Ready() (bool, error)
	Take() (bool, error)
	// Watch begins a wait, which unwatch ends. In between poke is called when Ready
	// may have changed.
	Watch(poke func()) (unwatch func())
	// Channel is received from while the wait sleeps. What comes is given to Received.
	Channel() reflect.Value
	Received(v reflect.Value, ok bool)
}

// ProcessWait lets a wait end with a process.
type ProcessWait struct{ *handle }

// WaitProcess opens the process that has the pid now.
func WaitProcess(pid int) (*ProcessWait, error) {
	if pid <= 0 || int64(pid) > math.MaxUint32 {
		return nil, errs.New(fs.ErrNotExist, "no process has the pid %d", pid)
	}
	raw, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil, errs.Because(err, errs.FileNotFound, fs.ErrNotExist, "no process has the pid %d", pid)
	}
	if err != nil {
		return nil, failed("OpenProcess", err)
	}
	p := &ProcessWait{newHandle(raw, access.Process, access.Wait)}
	runtime.AddCleanup(p, func(raw windows.Handle) { _ = windows.CloseHandle(raw) }, raw)
	return p, nil
}

func (p *ProcessWait) target() target { return target{handle: p.handle} }

// ChannelWait lets a wait end with a value from a channel.
type ChannelWait struct{ External }

func (c ChannelWait) target() target { return target{external: c.External} }
