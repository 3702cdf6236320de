//go:build linux

package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// Identity tells one file from every other that exists at the same time.
type Identity struct{ Dev, Ino uint64 }

// IdentityOf is the identity in a stat result.
func IdentityOf(st *unix.Stat_t) Identity { return Identity{st.Dev, st.Ino} }

// IdentityAt is the identity of what a path leads to. It asks no file system, as some
// never answer: with a dead server behind it, or a process that somebody made to be in
// the way.
func IdentityAt(path string) (Identity, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st)
	return Identity{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, err
}

// CreateUnnamed makes an empty file that has no name yet, on the file system of
// dir, readable and writable, with exactly the mode given, and says what it is. If the
// process dies before Publish, nothing is left.
func CreateUnnamed(dir int, mode uint32) (fd int, st unix.Stat_t, err error) {
	err = retry(func() error {
		fd, err = unix.Openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return -1, st, fmt.Errorf("create file: %w", err)
	}
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&0o7777 != mode {
		// The umask has taken bits away, or the directory's default ACL.
		if err = unix.Fchmod(fd, mode); err == nil {
			err = unix.Fstat(fd, &st)
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, st, fmt.Errorf("set mode: %w", err)
	}
	return fd, st, nil
}

// byPathOnly: the kernel does not take the descriptor itself from this process.
var byPathOnly atomic.Bool

// Publish gives the unnamed file its name, in one step.
//
// # Errors
//
// unix.EEXIST: the name leads to something already.
func Publish(fd, dir int, name string) error {
	if !byPathOnly.Load() {
		// The kernel takes the descriptor itself from whoever opened it (6.10) or has
		// CAP_DAC_READ_SEARCH, which is quicker and needs no /proc.
		if err := unix.Linkat(fd, "", dir, name, unix.AT_EMPTY_PATH); err != unix.ENOENT {
			return err
		}
	}
	err := unix.Linkat(unix.AT_FDCWD, procPath(fd), dir, name, unix.AT_SYMLINK_FOLLOW)
	if err == nil {
		byPathOnly.Store(true)
	}
	return err
}

func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// Reopen opens the file behind a descriptor again: a description of its own,
// with its own locks.
func Reopen(fd, flags int) (dup int, err error) {
	err = retry(func() error {
		dup, err = unix.Open(procPath(fd), flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		return err
	})
	return dup, err
}

// Chmod sets the mode of what a descriptor leads to, which may be one by path only.
func Chmod(fd int, mode uint32) error { return unix.Chmod(procPath(fd), mode) }

// Open opens a name in dir without following or blocking on anything that may
// have been planted there, for writing if that is allowed, else for reading, and
// checks that it is a regular file with one name.
//
// # Errors
//
// fs.ErrNotExist: nothing there. fs.ErrPermission. ErrCorrupt: something else
// than an ordinary file with one name; the text says what.
func Open(dir int, name string) (fd int, writable bool, st unix.Stat_t, err error) {
	const tries = 20
	for range tries {
		fd, writable, st, err = openOnce(dir, name)
		if !errors.Is(err, errReplaced) {
			return fd, writable, st, err
		}
	}
	return -1, false, st, errs.New(errs.ErrCorrupt, "is replaced by something else all the time")
}

// errReplaced: what could not be opened was replaced before it could be looked at.
var errReplaced = errors.New("replaced")

func openOnce(dir int, name string) (fd int, writable bool, st unix.Stat_t, err error) {
	const flags = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY
	open := func(mode int) (int, error) {
		var fd int
		err := retry(func() (err error) { fd, err = unix.Openat(dir, name, flags|mode, 0); return err })
		return fd, err
	}
	writable = true
	if fd, err = open(unix.O_RDWR); errors.Is(err, fs.ErrPermission) {
		writable = false
		fd, err = open(unix.O_RDONLY)
	}
	if err != nil {
		return -1, false, st, explain(dir, name, err)
	}
	if err = unix.Fstat(fd, &st); err == nil {
		err = ordinary(&st)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, false, st, err
	}
	return fd, writable, st, nil
}

// explain says what an open that failed has met.
func explain(dir int, name string, cause error) error {
	if errors.Is(cause, unix.ENOENT) {
		return cause
	}
	// What an open says of something that is no regular file.
	strange := errors.Is(cause, unix.ELOOP) || errors.Is(cause, unix.EISDIR) ||
		errors.Is(cause, unix.ENXIO) || errors.Is(cause, unix.ENODEV)
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil {
		if err := ordinary(&st); err != nil {
			return err
		}
	}
	switch {
	case strange:
		return errReplaced
	case err == nil && errors.Is(cause, fs.ErrPermission):
		return errs.Because(cause, 0, fs.ErrPermission, "belongs to uid %d with mode %#o", st.Uid, st.Mode&0o7777)
	}
	return cause
}

// ordinary refuses what is not a regular file with at most one name. No name at
// all is not refused: it was unlinked while we opened it, which the caller finds
// by SamePath.
func ordinary(st *unix.Stat_t) error {
	if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink <= 1 {
		return nil
	}
	kind := map[uint32]string{
		unix.S_IFLNK: "a symbolic link", unix.S_IFDIR: "a directory", unix.S_IFIFO: "a named pipe",
		unix.S_IFSOCK: "a socket", unix.S_IFCHR: "a device", unix.S_IFBLK: "a device",
	}[st.Mode&unix.S_IFMT]
	switch {
	case kind != "":
		return errs.New(errs.ErrCorrupt, "is %s, not an Atoll object; remove it", kind)
	case st.Nlink > 1:
		return errs.New(errs.ErrCorrupt, "has %d hard links, an Atoll object has one; remove the others", st.Nlink)
	}
	return nil
}

// SamePath says whether the name in dir still leads to the file id.
func SamePath(dir int, name string, id Identity) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return IdentityOf(&st) == id, nil
}

// UnlinkLocked removes the name if it still leads to the file id, which the
// caller holds exclusively: every removal of a name by Atoll is this. It says
// whether it removed it.
func UnlinkLocked(dir int, name string, id Identity) (bool, error) {
	same, err := SamePath(dir, name, id)
	if err != nil || !same {
		return false, err
	}
	err = unix.Unlinkat(dir, name, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ReadAt reads into b from the start of the file, as far as it goes.
func ReadAt(fd int, b []byte, offset int64) (n int, err error) {
	for n < len(b) {
		var m int
		err = retry(func() error { m, err = unix.Pread(fd, b[n:], offset+int64(n)); return err })
		if err != nil || m == 0 {
			return n, err
		}
		n += m
	}
	return n, nil
}

// WriteAt writes all of b.
func WriteAt(fd int, b []byte, offset int64) error {
	for len(b) > 0 {
		var m int
		err := retry(func() (err error) { m, err = unix.Pwrite(fd, b, offset); return err })
		if err != nil {
			return err
		}
		b, offset = b[m:], offset+int64(m)
	}
	return nil
}

// Fill writes all bytes of a new file, which allocates them, so that touching them
// cannot fail later.
//
// # Errors
//
// unix.EFBIG, as Truncate.
func Fill(fd int, b []byte) error {
	if err := belowLimit(int64(len(b))); err != nil {
		return err
	}
	return WriteAt(fd, b, 0)
}

// Reserve allocates the bytes from offset to offset+length, so that touching
// them cannot fail later.
func Reserve(fd int, offset, length int64) error { return Allocate(fd, 0, offset, length) }

// smallestPiece is what Allocate goes down to when it is interrupted: about a
// millisecond's work.
const smallestPiece = 1 << 20

// Allocate calls fallocate. tmpfs gives back all that it has allocated when a
// signal comes, so that a process that gets them regularly, because it is
// profiled for one, would never come to an end: after each interruption we ask
// for smaller pieces.
//
// # Errors
//
// unix.EFBIG, as Truncate.
func Allocate(fd int, mode uint32, offset, length int64) error {
	if err := belowLimit(offset + length); err != nil {
		return err
	}
	piece := length
	for length > 0 {
		n := min(piece, length)
		err := unix.Fallocate(fd, mode, offset, n)
		switch {
		case err == unix.EINTR:
			piece = max(n/2, smallestPiece)
		case err != nil:
			return err
		default:
			offset, length = offset+n, length-n
		}
	}
	return nil
}

// Truncate sets the file's size.
//
// # Errors
//
// unix.EFBIG: larger than the process's files may be (RLIMIT_FSIZE), or than the
// file system has any.
func Truncate(fd int, size int64) error {
	if err := belowLimit(size); err != nil {
		return err
	}
	return retry(func() error { return unix.Ftruncate(fd, size) })
}

// belowLimit compares a size with the limit of the process's files. The kernel
// would send a signal, SIGXFSZ, that ends a Go program.
func belowLimit(size int64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if uint64(size) > limit.Cur {
		return unix.EFBIG
	}
	return nil
}
