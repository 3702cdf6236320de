//go:build linux

package ending

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// OpenThread opens the thread that has the number now, of any process. One that has
// ended is none.
//
// From Linux 6.9 on the kernel tells of a thread's end. Before, or where a filter forbids
// that, the ticker asks.
func OpenThread(tid int) (*Process, error) {
	if tid <= 0 {
		return nil, errs.New(fs.ErrNotExist, "no thread has the number %d", tid)
	}
	p, err := openThread(tid)
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.ENOENT):
		return nil, errs.Because(err, 0, fs.ErrNotExist, "no thread has the number %d", tid)
	case err != nil:
		return nil, fmt.Errorf("open thread %d: %w", tid, err)
	case p.Ended():
		p.Close()
		return nil, errs.New(fs.ErrNotExist, "the thread %d has ended", tid)
	}
	return p, nil
}

func openThread(tid int) (*Process, error) {
	if !WithoutThreads.Load() {
		fd, err := unix.PidfdOpen(tid, unix.PIDFD_THREAD)
		if err == nil {
			return Of(fd, tid)
		}
		if !withoutPidfds(err) {
			return nil, err
		}
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(tid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	p := newProcess(fd, tid)
	p.ticks = true
	return p, nil
}

// withoutPidfds says whether a kernel has none, at least for threads, or a filter
// forbids them.
func withoutPidfds(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM)
}

// leftProc says whether the thread of a folder in /proc has ended: there is nothing
// in it any more, and never will be, whoever gets the number.
func leftProc(fd int) bool {
	var st unix.Stat_t
	err := unix.Fstatat(fd, "comm", &st, 0)
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
}

// Ticks says whether the kernel does not tell of this end.
func (p *Process) Ticks() bool { return p.ticks }
