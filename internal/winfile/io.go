//go:build linux

package winfile

import (
	"errors"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/lockfile"
)

// AtEnd is the offset that means the end of the file, wherever that is.
const AtEnd = -1

// Read fills b as far as the file goes, from its position or, if at is not nil, from
// there; the position moves, too.
func (f *File) Read(b []byte, at *int64) (n int, err error) {
	n, err = f.read(b, at)
	return n, numbered(err, f.os.Name())
}

// Write is Read for writing all of b. With end true it goes to the end.
func (f *File) Write(b []byte, at *int64, end bool) (n int, err error) {
	n, err = f.write(b, at, end || at != nil && *at == AtEnd)
	return n, numbered(err, f.os.Name())
}

// read fills b as far as the file goes.
func (f *File) read(b []byte, at *int64) (n int, err error) {
	for n < len(b) {
		var m int
		if at != nil {
			m, err = unix.Pread(f.fd, b[n:], *at+int64(n))
		} else {
			m, err = unix.Read(f.fd, b[n:])
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || m == 0 {
			break
		}
		n += m
		if f.kind != unix.S_IFREG {
			break
		}
	}
	if n > 0 {
		err = nil
	}
	if err == nil && n == 0 && len(b) > 0 && (f.kind == unix.S_IFIFO || f.kind == unix.S_IFSOCK) {
		return 0, unix.EPIPE
	}
	if err == nil && n == 0 && len(b) > 0 && at != nil {
		return 0, errs.Numbered(errs.HandleEOF, nil, "the file ends before %d", *at)
	}
	return n, f.moved(at, n, err)
}

// write writes all of b. Of a write at the end the kernel finds out where that is.
func (f *File) write(b []byte, at *int64, end bool) (n int, err error) {
	for n < len(b) {
		if err := f.room(at, end, n, int64(len(b)-n)); err != nil {
			return n, err
		}
		var m int
		switch {
		case end:
			m, err = unix.Pwritev2(f.fd, [][]byte{b[n:]}, -1, unix.RWF_APPEND)
		case at != nil:
			m, err = unix.Pwrite(f.fd, b[n:], *at+int64(n))
		default:
			m, err = unix.Write(f.fd, b[n:])
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return n, err
		}
		n += m
	}
	if end {
		at = nil // the kernel has moved it
	}
	return n, f.moved(at, n, nil)
}

// room refuses to write more than files may have (ulimit -f), for which the kernel
// would end the program.
func (f *File) room(at *int64, end bool, done int, more int64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil || limit.Cur > 1<<63 {
		return err
	}
	var where int64
	switch {
	case end:
		var st unix.Stat_t
		if err := unix.Fstat(f.fd, &st); err != nil {
			return err
		}
		where = st.Size
	case at != nil:
		where = *at + int64(done)
	default:
		var err error
		if where, err = unix.Seek(f.fd, 0, unix.SEEK_CUR); err != nil {
			return nil //nolint:nilerr // what has no position has no end either
		}
	}
	if uint64(where)+uint64(more) > limit.Cur {
		return unix.EFBIG
	}
	return nil
}

// moved moves the position to behind what was read or written somewhere else.
func (f *File) moved(at *int64, n int, err error) error {
	if err != nil || at == nil || f.overlapped || n == 0 {
		return err
	}
	_, _ = unix.Seek(f.fd, *at+int64(n), unix.SEEK_SET)
	return nil
}

// Size is the size in bytes.
func (f *File) Size() (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(f.fd, &st)
	return st.Size, numbered(err, f.os.Name())
}

// Position moves the position, and says where it is.
func (f *File) Position(distance int64, whence uint32) (int64, error) {
	if whence > unix.SEEK_END {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "no such place to count from: %d", whence)
	}
	now, err := unix.Seek(f.fd, distance, int(whence))
	if errors.Is(err, unix.EINVAL) {
		return 0, errs.Numbered(errs.NegativeSeek, nil, "there is no position before the beginning")
	}
	return now, numbered(err, f.os.Name())
}

// Cut makes the file end somewhere, unless it would become shorter and a section is over
// it.
func (f *File) Cut(size int64) error {
	if size < 0 {
		return errs.Numbered(errs.InvalidParameter, nil, "no file has %d bytes", size)
	}
	return numbered(f.cut(size), f.os.Name())
}

// cut sets the size of a file, unless a section keeps it from being made shorter.
func (f *File) cut(size int64) error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	if size >= st.Size {
		return lockfile.Truncate(f.fd, size)
	}
	return fileuse.Cut(f.fd, func() error { return lockfile.Truncate(f.fd, size) })
}

// Flush returns when the file is on its device.
func (f *File) Flush() error { return numbered(unix.Fsync(f.fd), f.os.Name()) }

// Doom says that the file is deleted when it is closed.
func (f *File) Doom() error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return numbered(err, f.os.Name())
	}
	if err := deletable(f.fd, &st); err != nil {
		return err
	}
	if err := fileuse.Pend(f.fd); err != nil {
		return err
	}
	f.doomed.Store(true)
	return nil
}

// Spare takes Doom back.
func (f *File) Spare() {
	f.doomed.Store(false)
	fileuse.Unpend(f.fd)
}

// deletable refuses files that are read-only, and directories that have something.
func deletable(fd int, st *unix.Stat_t) error {
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o222 == 0:
		return errs.Numbered(errs.AccessDenied, nil, "the file is read-only: its mode is %#o", st.Mode&0o7777)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR && !empty(fd):
		return errs.Numbered(errs.DirNotEmpty, nil, "there is something in the directory")
	}
	return nil
}
