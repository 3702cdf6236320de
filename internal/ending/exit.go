//go:build linux

package ending

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Status is how a process ended: as the system has it for whoever waits for a child.
type Status = syscall.WaitStatus

// Signal sends a signal to the process; 0 only asks whether that is possible.
func (p *Process) Signal(signal unix.Signal) (err error) {
	e := p.Control(func(fd uintptr) { err = unix.PidfdSendSignal(int(fd), signal, nil, 0) })
	return errors.Join(e, err)
}

// There says whether the process still has its number: it runs, or nobody has taken
// its status yet.
func (p *Process) There() bool { return !errors.Is(p.Signal(0), unix.ESRCH) }

// Status says how the process ended, if the system tells: the process must be a child
// of this one, or not have been waited for yet and be traceable, or the kernel be
// Linux 6.15 or newer. It takes the status away from nobody.
func (p *Process) Status() (s Status, known bool, err error) {
	e := p.Control(func(fd uintptr) {
		for _, ask := range []func(int) (Status, bool, error){asParent, fromKernel, p.asTracer, fromKernel} {
			if s, known, err = ask(int(fd)); known || err != nil {
				return
			}
		}
	})
	return s, known, errors.Join(e, err)
}

// asParent asks for the status of a child, and leaves it for who waits for it.
func asParent(fd int) (Status, bool, error) {
	var info struct {
		signal, errno, code int32
		_                   [unsafe.Sizeof(uintptr(0)) - 4]byte
		_, _                uint32 // pid, uid
		status              int32
		_                   [100]byte
	}
	for {
		_, _, errno := unix.Syscall6(unix.SYS_WAITID, unix.P_PIDFD, uintptr(fd), uintptr(unsafe.Pointer(&info)),
			unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		return statusOf(info.code, info.status), errno == 0 && info.signal != 0, nil
	}
}

// statusOf is the status that waitid tells of in two numbers.
func statusOf(code, status int32) Status {
	const exited, dumped = 1, 3
	switch code {
	case exited:
		return Status(status&0xFF) << 8
	case dumped:
		return Status(status&0x7F | 0x80)
	}
	return Status(status & 0x7F)
}

// silent remembers that the kernel does not tell how processes ended.
var silent atomic.Bool

// fromKernel asks the descriptor of a process whose status has been taken.
func fromKernel(fd int) (Status, bool, error) {
	const (
		getInfo = 0xC040FF0B // PIDFD_GET_INFO, with the first version of the struct
		exit    = 1 << 3     // PIDFD_INFO_EXIT
	)
	info := struct {
		mask, _ uint64
		_       [11]uint32
		status  int32
	}{mask: exit}
	if silent.Load() {
		return 0, false, nil
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getInfo, uintptr(unsafe.Pointer(&info)))
	if errno == unix.ENOTTY || errno == unix.EINVAL {
		silent.Store(true)
	}
	return Status(info.status), errno == 0 && info.mask&exit != 0, nil
}

// asTracer reads what /proc says of a process whose status nobody has taken yet.
func (p *Process) asTracer(fd int) (Status, bool, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/stat")
	if err != nil {
		return 0, false, nil //nolint:nilerr // it is gone, or not to be seen: not known
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const state, code = 0, 52 - 3
	if len(fields) <= code || fields[state] != "Z" || !p.visible() || unix.PidfdSendSignal(fd, 0, nil, 0) == unix.ESRCH {
		return 0, false, nil
	}
	n, err := strconv.Atoi(fields[code])
	return Status(n), err == nil, nil
}

// visible says whether this process may look into the other: who may not is shown 0
// instead of a status.
func (p *Process) visible() bool {
	_, err := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/ns/pid")
	return !errors.Is(err, fs.ErrPermission)
}
