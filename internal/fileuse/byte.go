//go:build linux

package fileuse

import (
	"math/bits"

	"golang.org/x/sys/unix"
)

// base is where the bytes begin: no file is so long, and no lock of a program that
// locks parts of its file gets there.
const base = 1 << 62

// The bytes, as far from base. Of does and forbids, and of these from deciding on,
// there is one for each of the Rights.
const (
	does       = 0
	forbids    = 3
	deciding   = 6 // whoever does not know yet whether it may
	sections   = 12
	pending    = 15 // the file is about to be deleted
	cutting    = 16 // the file is just made shorter
	everything = 1<<17 - 1
)

// at are the bytes of rights.
func (r Rights) at(first int) uint32 { return uint32(r) << first }

func bit(b int) uint32 { return 1 << b }

// lock takes bytes, each for itself of those that it has. Locks that cannot be had, as
// the description or the file system has none, or as somebody who knows nothing of
// this has locked the whole file, impose nothing.
func lock(fd int, bytes uint32) { each(bytes, func(l *unix.Flock_t) { set(fd, l, unix.F_RDLCK) }) }

func unlock(fd int, bytes uint32) { each(bytes, func(l *unix.Flock_t) { set(fd, l, unix.F_UNLCK) }) }

func set(fd int, l *unix.Flock_t, kind int16) {
	l.Type = kind
	_ = retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, l) })
}

// anybody says whether another description has one of the bytes.
func anybody(fd int, bytes uint32) (found bool) {
	each(bytes, func(l *unix.Flock_t) {
		l.Type = unix.F_WRLCK
		if found || retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, l) }) != nil {
			return
		}
		found = ours(l)
	})
	return found
}

// ours says whether a lock was made by this package: one over the whole file says
// nothing of sharing.
func ours(l *unix.Flock_t) bool {
	return l.Type == unix.F_RDLCK && l.Start >= base && l.Len > 0 && l.Start+l.Len <= base+int64(bits.Len32(everything))
}

// each calls f with the locks that cover bytes, one for those that lie together.
func each(bytes uint32, f func(*unix.Flock_t)) {
	for bytes != 0 {
		first := bits.TrailingZeros32(bytes)
		count := bits.TrailingZeros32(^(bytes >> first))
		f(&unix.Flock_t{Whence: unix.SEEK_SET, Start: base + int64(first), Len: int64(count)})
		bytes &^= (1<<count - 1) << first
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
