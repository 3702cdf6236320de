//go:build linux

package kernel32

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
)

// process is a process that handles of this one lead to, one for all of them.
type process struct {
	*ending.Process
	handles int // guarded by processes; also whoever looks after a child has one

	born   time.Time     // of a child of CreateProcess; zero of others
	reaped chan struct{} // of such a child: closed when its status was taken
	status ending.Status // then, if taken is true
	taken  bool
	around string   // then: the group that it was in
	jobs   []string // that it is known to be in, by name; guarded by processes

	condemned atomic.Uint64 // 1<<32, and the code by which TerminateProcess ended it
}

// processes are those that handles lead to, by their numbers.
var processes = struct {
	sync.Mutex
	open map[int]*process
}{open: make(map[int]*process)}

func (p *process) retire() {}

func (p *process) close() {
	processes.Lock()
	p.handles--
	last := p.handles == 0
	if last && processes.open[p.PID()] == p {
		delete(processes.open, p.PID())
	}
	processes.Unlock()
	if last {
		p.Close()
	}
}

// again counts one handle more.
func (p *process) again() *process {
	processes.Lock()
	defer processes.Unlock()
	p.handles++
	return p
}

func (p *process) same(other object) bool { return other == object(p) }

func (p *process) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	rights, err := asked.Regrant(access.Subject{Kind: access.Process, Writable: true}, granted)
	if err == nil && rights&^(granted|p.permitted()) != 0 {
		err = errs.New(fs.ErrPermission, "process %d belongs to another user", p.PID())
	}
	if err != nil {
		return nil, 0, err
	}
	return p.again(), rights, nil
}

func init() {
	pseudo[CurrentProcess] = func() (*entry, error) {
		p, err := processWith(os.Getpid())
		if err != nil {
			return nil, err
		}
		return newEntry(p, access.Process, allOfProcess, 0), nil
	}
}

// waitable is the process as something to wait for.
func (p *process) waitable() onlinux.Waitable { return &onlinux.ProcessWait{Process: p.Process} }

// thread is the first thread of a process, which lasts as long as that.
type thread struct{ *process }

func (t thread) same(other object) bool { return other == object(t) }

func (t thread) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	_, rights, err := t.process.duplicate(asked, granted)
	if err != nil {
		return nil, 0, err
	}
	return t, rights, nil
}

// processWith gives the process that has a number, with a handle counted. That one
// which has ended, and to which there are handles, is found, too, as on Windows, until
// the system gives the number to another one.
func processWith(pid int) (*process, error) {
	processes.Lock()
	defer processes.Unlock()
	known := processes.open[pid]
	if known != nil && known.There() {
		known.handles++
		return known, nil
	}
	opened, err := ending.Open(pid)
	switch {
	case known != nil && errors.Is(err, fs.ErrNotExist):
		known.handles++
		return known, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, errs.Because(err, errs.InvalidParameter, nil, "no such process")
	case err != nil:
		return nil, err
	}
	p := &process{Process: opened, handles: 1}
	processes.open[pid] = p
	return p, nil
}

// permitted are the rights that this process can have to another: all, if it may send
// it signals; that it exists, and how it ended, is no secret.
func (p *process) permitted() access.Mask {
	if errors.Is(p.Signal(0), unix.EPERM) {
		return access.QueryLimited | access.Wait
	}
	return allOfProcess
}

const allOfProcess access.Mask = 0x1FFFFF

// grant decides which rights a handle gets.
func (p *process) grant(asked access.Mask) (access.Mask, error) {
	request := access.Request{Access: asked}
	if err := request.Valid(access.Process); err != nil {
		return 0, err
	}
	permitted := p.permitted()
	asked = asked.Specific(access.Process)
	if asked&access.MaximumAllowed != 0 {
		asked = asked&^access.MaximumAllowed | permitted
	}
	if asked&access.QueryProcess != 0 {
		asked |= access.QueryLimited
	}
	if asked == 0 || asked&^permitted != 0 {
		return 0, errs.New(fs.ErrPermission, "process %d belongs to another user, or no right was asked for", p.PID())
	}
	return asked, nil
}

// OpenProcess opens a process.
func OpenProcess(asked access.Mask, inherit bool, pid uint32) (Handle, error) {
	if pid == 0 || pid > 1<<31-1 {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "no process has the number %d", pid)
	}
	p, err := processWith(int(pid))
	if err != nil {
		return 0, err
	}
	granted, err := p.grant(asked)
	if err != nil {
		p.close()
		return 0, err
	}
	return insert(p, access.Process, granted, inheriting(inherit))
}

// useProcess is use for a process, which may be the current one.
func useProcess(h Handle, needed access.Mask) (p *process, leave func(), err error) {
	if h == CurrentProcess {
		p, err := processWith(os.Getpid())
		if err != nil {
			return nil, nil, err
		}
		return p, p.close, nil
	}
	p, e, err := use[*process](h, needed)
	if err != nil {
		return nil, nil, err
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

// stillActive is the exit code of a process that runs.
const stillActive = 259

// GetExitCodeProcess tells how a process ended.
func GetExitCodeProcess(h Handle) (code uint32, err error) {
	p, leave, err := useProcess(h, access.QueryLimited)
	if err != nil {
		return 0, err
	}
	defer leave()
	if ended, err := p.Ready(); err != nil || !ended {
		return stillActive, err
	}
	return p.exitCode()
}

// exitCode tells how it ended, after it has.
func (p *process) exitCode() (uint32, error) {
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
	return codeOf(status), nil
}

func (p *process) howEnded() (ending.Status, bool, error) {
	if p.reaped != nil {
		<-p.reaped // which is soon, as it has ended
		if p.taken {
			return p.status, true, nil
		}
	}
	return p.Status()
}

// codeOf is the exit code that Windows would have: of what a signal ended, the status
// of the exception that it stands for, else 128 and its number, as in a shell.
func codeOf(s ending.Status) uint32 {
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

// TerminateProcess ends a process. Whoever has a handle to it sees the code, if its
// process uses this package; others see that it was killed.
func TerminateProcess(h Handle, code uint32) error {
	p, leave, err := useProcess(h, access.TerminateProcess)
	if err != nil {
		return err
	}
	defer leave()
	if p.PID() == os.Getpid() {
		unix.Exit(int(code))
	}
	if ended, err := p.Ready(); err != nil || ended {
		return errs.Because(errors.Join(err, unix.ESRCH), errs.AccessDenied, nil, "process %d has ended", p.PID())
	}
	if p.condemn(code) {
		proclaim(code, p.PID())
	}
	err = p.Signal(unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return errs.Because(err, errs.AccessDenied, nil, "process %d has ended", p.PID())
	}
	return err
}

// condemn says by which code the process is about to be ended. The first counts.
func (p *process) condemn(code uint32) (first bool) {
	return p.condemned.CompareAndSwap(0, 1<<32|uint64(code))
}
