//go:build linux

package liveness

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
)

// An object without a name is in no directory, so a sweep finds it only in the
// processes that have it. While one is on its way to another process it may be in
// none. So it travels together with a hold of the folder of its members, a lock on
// the folder itself (flock), and the sweep freezes the folder: nothing travels while
// it looks, and while anything travels it removes nothing.

// ID tells the folder from every other.
func (f *Folder) ID() (lockfile.Identity, error) {
	var st unix.Stat_t
	err := unix.Fstat(f.fd, &st)
	return lockfile.IdentityOf(&st), err
}

// Hold keeps the files of dead members from being removed until the descriptor that
// it returns is closed, in whatever process that is then.
//
// # Errors
//
// ErrStuck: a process that was stopped is sweeping. The system's.
func (f *Folder) Hold() (fd int, err error) {
	const tries = 5000 // five seconds: a sweep of a machine with very many descriptors takes one
	for range tries {
		fd, ok, err := f.lock(unix.LOCK_SH)
		if ok || err != nil {
			return fd, err
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // rare, and the lock is held for the time of a sweep
	}
	return -1, errs.New(errs.ErrStuck, "a process that seems to be stopped is sweeping the members")
}

// freeze has nothing held until the descriptor is closed, unless something is.
func (f *Folder) freeze() (fd int, frozen bool, err error) { return f.lock(unix.LOCK_EX) }

func (f *Folder) lock(how int) (fd int, ok bool, err error) {
	fd, err = lockfile.OpenDirectory(f.fd, ".", 0)
	if err != nil {
		return -1, false, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(fd, how|unix.LOCK_NB)
	}
	if err == nil {
		return fd, true, nil
	}
	_ = unix.Close(fd)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = nil
	}
	return -1, false, err
}

// Living lists the files of the members that are alive.
//
// # Errors
//
// The system's; a file that cannot be looked at is one: whose it is cannot be told.
func (f *Folder) Living() (list []lockfile.Identity, err error) {
	var failures []error
	err = lockfile.Names(f.fd, func(name string) bool {
		if parseFileName(name) == 0 {
			return true
		}
		fd, _, st, err := lockfile.Open(f.fd, name)
		if errors.Is(err, unix.ENOENT) {
			return true
		}
		if err != nil {
			failures = append(failures, err)
			return true
		}
		defer func() { _ = unix.Close(fd) }()
		if held, err := lockfile.HeldExclusively(fd, lockfile.Holders); err != nil || held {
			list = append(list, lockfile.IdentityOf(&st))
		}
		return true
	})
	return list, errors.Join(append(failures, err)...)
}
