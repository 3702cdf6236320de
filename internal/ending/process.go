//go:build linux

package ending

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// Process is a process, or a thread, whose end can be waited for.
type Process struct {
	pid int
	// file is a pidfd, which Go's poller watches. Of a thread, on a kernel that has
	// none for threads, it is its folder in /proc, which the ticker looks into. The
	// garbage collector closes it, or Close.
	file  *os.File
	fd    int
	ticks bool

	// turning is held while following begins or ends.
	turning sync.Mutex
	stopped chan struct{} // closed when the goroutine that follows is gone

	mu       sync.Mutex
	watchers map[*func()]struct{} // of the waits that are under way
	told     bool                 // they know that it has ended
}

// Open opens the process that has the pid now.
func Open(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL):
		return nil, errs.Because(err, 0, fs.ErrNotExist, "no process has the pid %d", pid)
	case err != nil:
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	return Of(fd, pid)
}

// Of takes over a descriptor of a process, which is closed if it fails.
func Of(fd, pid int) (*Process, error) {
	if err := unix.SetNonblock(fd, true); err != nil { // for Go's poller
		return nil, errors.Join(err, unix.Close(fd))
	}
	return newProcess(fd, pid), nil
}

func newProcess(fd, pid int) *Process {
	return &Process{pid: pid, fd: fd, file: os.NewFile(uintptr(fd), "process"), watchers: make(map[*func()]struct{})}
}

// PID is the number of the process, or of the thread.
func (p *Process) PID() int { return p.pid }

// Close gives the descriptor back at once. Nobody may be waiting.
func (p *Process) Close() { _ = p.file.Close() }

// Lasting says yes: a process that has ended stays so.
func (p *Process) Lasting() bool { return true }

// Ready says whether the process has ended.
func (p *Process) Ready() (bool, error) {
	ended := false
	err := p.Control(func(uintptr) { ended = p.Ended() })
	return ended, err
}

// Control calls f with the descriptor, which stays open meanwhile.
func (p *Process) Control(f func(fd uintptr)) error {
	conn, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(f)
}

// Ended is Ready without care: nobody may close the Process meanwhile.
func (p *Process) Ended() bool {
	defer runtime.KeepAlive(p)
	if p.ticks {
		return leftProc(p.fd)
	}
	return hasEnded(uintptr(p.fd))
}

// hasEnded asks a pidfd, which never blocks, so that Go's scheduler need not know.
func hasEnded(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	var now unix.Timespec
	n, _, _ := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n == 1
}

// Take takes nothing: all who wait see the end.
func (p *Process) Take() (bool, error) { return p.Ready() }

// Watch has poke called when the process ends.
func (p *Process) Watch(poke func()) (unwatch func()) {
	p.turning.Lock()
	defer p.turning.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watchers[&poke] = struct{}{}
	switch {
	case len(p.watchers) == 1:
		p.told = false
		p.begin()
	case p.told: // those who came before
		go p.tellLate(&poke)
	}
	return func() { p.unwatch(&poke) }
}

func (p *Process) begin() {
	if p.ticks {
		ticker.add(p)
		return
	}
	_ = p.file.SetReadDeadline(time.Time{})
	p.stopped = make(chan struct{})
	go p.follow(p.stopped)
}

func (p *Process) unwatch(poke *func()) {
	p.turning.Lock()
	defer p.turning.Unlock()
	p.mu.Lock()
	delete(p.watchers, poke)
	last := len(p.watchers) == 0
	p.mu.Unlock()
	switch {
	case !last:
	case p.ticks:
		ticker.remove(p)
	default:
		_ = p.file.SetReadDeadline(time.Unix(1, 0))
		<-p.stopped
	}
}

// follow waits in Go's poller, without a thread.
func (p *Process) follow(stopped chan struct{}) {
	defer close(stopped)
	conn, err := p.file.SyscallConn()
	if err != nil {
		return
	}
	if err := conn.Read(hasEnded); err != nil {
		return
	}
	p.tell()
}

// tell pokes who watches; they may not end their watch then and there.
func (p *Process) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = true
	for poke := range p.watchers {
		(*poke)()
	}
}

// tellLate pokes one who began to watch when the others had been told.
func (p *Process) tellLate(poke *func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, still := p.watchers[poke]; still {
		(*poke)()
	}
}

// Channel is none.
func (p *Process) Channel() reflect.Value { return reflect.Value{} }

// Received is never called.
func (p *Process) Received(reflect.Value, bool) {}
