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
	// Door, beside Holders so that one question covers both, is held shared for
	// an instant by an open that is under way.
	Door = 1
	// Viewers is held shared by every process that has a view, so that nobody
	// truncates the memory under it.
	Viewers = 2
	// Editing is held exclusively, for a moment, by who changes what all holders of a
	// job know of it. The bytes from 16 on are guardians', see package guardian.
	Editing = 3
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

// Held says how somebody else holds a byte.
type Held uint8

// The ways.
const (
	Nobody Held = iota
	Shared
	Exclusive
)

// Ask says how another description holds byte b. It needs no right to lock.
func Ask(fd, b int) (Held, error) { return ask(fd, b, 1, unix.F_WRLCK) }

// AskBoth is Ask for the bytes Holders and Door at once: Nobody means that no
// lock was on either at one moment.
func AskBoth(fd int) (Held, error) { return ask(fd, Holders, 2, unix.F_WRLCK) }

// HeldByOther says whether another description has any lock on byte b.
func HeldByOther(fd, b int) (bool, error) {
	h, err := Ask(fd, b)
	return h != Nobody, err
}

// HeldExclusively says whether another description holds byte b exclusively.
func HeldExclusively(fd, b int) (bool, error) {
	h, err := ask(fd, b, 1, unix.F_RDLCK)
	return h != Nobody, err
}

// ask is F_OFD_GETLK: what would be in the way of a lock of a kind?
func ask(fd, first, count int, kind int16) (Held, error) {
	l := unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: int64(first), Len: int64(count)}
	if err := retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l) }); err != nil {
		return Nobody, err
	}
	switch l.Type {
	case unix.F_UNLCK:
		return Nobody, nil
	case unix.F_RDLCK:
		return Shared, nil
	default:
		return Exclusive, nil
	}
}

// retry calls f until it is not interrupted by a signal.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR { //nolint:errorlint // errno straight from the call
			return err
		}
	}
}
