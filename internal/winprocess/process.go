//go:build linux

package winprocess

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/errs"
)

// Process is a process that handles of this one lead to, one for all of them.
type Process struct {
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
	open map[int]*Process
}{open: make(map[int]*Process)}

// With gives the process that has a number, with a handle counted. That one which has
// ended, and to which there are handles, is found, too, as on Windows, until the system
// gives the number to another one.
func With(pid int) (*Process, error) {
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
	p := &Process{Process: opened, handles: 1}
	processes.open[pid] = p
	return p, nil
}

// Known gives the process to which there are handles, with one more counted; nil: there
// are none.
func Known(pid int) *Process {
	processes.Lock()
	defer processes.Unlock()
	p := processes.open[pid]
	if p != nil {
		p.handles++
	}
	return p
}

// All are the processes to which there are handles, with one more counted each.
func All() (list []*Process) {
	processes.Lock()
	defer processes.Unlock()
	for _, p := range processes.open {
		p.handles++
		list = append(list, p)
	}
	return list
}

// Again counts one handle more.
func (p *Process) Again() *Process {
	processes.Lock()
	defer processes.Unlock()
	p.handles++
	return p
}

// Release gives a handle back.
func (p *Process) Release() {
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

// AllAccess are all rights of a process, and of a thread.
const AllAccess access.Mask = 0x1FFFFF

// permitted are the rights that this process can have to another: all, if it may send
// it signals; that it exists, and how it ended, is no secret.
func (p *Process) permitted() access.Mask {
	if errors.Is(p.Signal(0), unix.EPERM) {
		return access.QueryLimited | access.Wait
	}
	return AllAccess
}

// Grant decides which rights a handle gets.
func (p *Process) Grant(asked access.Mask) (access.Mask, error) {
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

// Regrant decides which rights a duplicate gets of a handle with the rights granted.
func (p *Process) Regrant(asked access.Request, granted access.Mask) (access.Mask, error) {
	rights, err := asked.Regrant(access.Subject{Kind: access.Process, Writable: true}, granted)
	if err == nil && rights&^(granted|p.permitted()) != 0 {
		err = errs.New(fs.ErrPermission, "process %d belongs to another user", p.PID())
	}
	return rights, err
}
