//go:build linux

package lockfile

import (
	"errors"

	"golang.org/x/sys/unix"
)

// The bytes of an object's file that are locked.
const (
	// Holders is held shared by every process that has a handle: the object
	// exists as long as anybody holds it. A member holds it exclusively.
	Holders = 0
	// Viewers is held shared by every process that has a view, so that nobody
	// truncates the memory under it.
	Viewers = 1
)

// TryShared takes byte b shared. false: somebody holds it exclusively. A lock
// that this description already has on the byte is converted.
func TryShared(fd, b int) (bool, error) { return try(fd, b, unix.F_RDLCK) }

// TryExclusive takes byte b exclusively. false: somebody else holds it.
func TryExclusive(fd, b int) (bool, error) { return try(fd, b, unix.F_WRLCK) }

// Unlock drops this description's lock on byte b, for every descriptor and
// mapping of it.
func Unlock(fd, b int) error {
	_, err := try(fd, b, unix.F_UNLCK)
	return err
}

func try(fd, b int, kind int16) (bool, error) {
	l := unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: int64(b), Len: 1}
	err := retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// HeldByOther says whether another description has any lock on byte b. It
// needs no right to lock.
func HeldByOther(fd, b int) (bool, error) { return conflicts(fd, b, unix.F_WRLCK) }

// HeldExclusively says whether another description holds byte b exclusively.
func HeldExclusively(fd, b int) (bool, error) { return conflicts(fd, b, unix.F_RDLCK) }

func conflicts(fd, b int, kind int16) (bool, error) {
	l := unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: int64(b), Len: 1}
	if err := retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l) }); err != nil {
		return false, err
	}
	return l.Type != unix.F_UNLCK, nil
}

// retry calls f until it is not interrupted by a signal.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR { //nolint:errorlint // errno straight from the call
			return err
		}
	}
}
