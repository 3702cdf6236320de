//go:build linux

package kernel32

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/lockfile"
)

// Overlapped is where to read or write, and what is told of it.
type Overlapped struct {
	Internal, InternalHigh uintptr
	Offset, OffsetHigh     uint32
	Event                  Handle
}

// atEnd is the offset that means the end of the file, wherever that is.
const atEnd = -1

func (o *Overlapped) offset() int64 { return int64(o.OffsetHigh)<<32 | int64(o.Offset) }

// begin resets the event; the call fails if that is none.
func (o *Overlapped) begin() error {
	if o == nil || o.Event == 0 {
		return nil
	}
	return ResetEvent(o.Event)
}

// end tells how much was done. As nothing is ever pending, there is no packet for a
// port, and nobody has waited.
func (o *Overlapped) end(n int) error {
	if o == nil {
		return nil
	}
	o.Internal, o.InternalHigh = 0, uintptr(n)
	if o.Event == 0 {
		return nil
	}
	return SetEvent(o.Event)
}

// ReadFile reads from a file: at its position, or where overlapped says, and moves the
// position there, too.
func ReadFile(h Handle, b []byte, done *uint32, at *Overlapped) error {
	return transferFile(h, access.ReadData, b, done, at, (*file).read)
}

// WriteFile writes to a file. With the right to append alone it writes at the end.
func WriteFile(h Handle, b []byte, done *uint32, at *Overlapped) error {
	return transferFile(h, access.WriteData|access.AppendData, b, done, at, (*file).write)
}

// transferFile is what reading and writing have in common. One of the rights is enough.
func transferFile(h Handle, rights access.Mask, b []byte, done *uint32, at *Overlapped, do func(f *file, b []byte, at *int64, granted access.Mask) (int, error)) error {
	if done != nil {
		*done = 0
	}
	f, e, err := use[*file](h, 0)
	if err != nil {
		return err
	}
	defer e.leave()
	switch {
	case e.granted&rights == 0:
		return e.may(rights)
	case f.kind == unix.S_IFDIR, f.overlapped && at == nil:
		return errs.Numbered(errs.InvalidParameter, nil, "a directory has no bytes, and an overlapped file no position")
	}
	if err := at.begin(); err != nil {
		return err
	}
	var offset *int64
	if at != nil {
		where := at.offset()
		offset = &where
	}
	n, err := do(f, b, offset, e.granted)
	if done != nil {
		*done = uint32(n)
	}
	if err == nil {
		err = at.end(n)
	}
	return fileError(err, f.Name())
}

// read fills b as far as the file goes.
func (f *file) read(b []byte, at *int64, _ access.Mask) (n int, err error) {
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
	if err == nil && n == 0 && len(b) > 0 && at != nil {
		return 0, errs.Numbered(errs.HandleEOF, nil, "the file ends before %d", *at)
	}
	return n, f.moved(at, n, err)
}

// write writes all of b. Of a write at the end the kernel finds out where that is.
func (f *file) write(b []byte, at *int64, granted access.Mask) (n int, err error) {
	end := granted&access.WriteData == 0 || at != nil && *at == atEnd
	for n < len(b) {
		if err := f.room(at, end, n, len(b)-n); err != nil {
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
func (f *file) room(at *int64, end bool, done, more int) error {
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
func (f *file) moved(at *int64, n int, err error) error {
	if err != nil || at == nil || f.overlapped || n == 0 {
		return err
	}
	_, _ = unix.Seek(f.fd, *at+int64(n), unix.SEEK_SET)
	return nil
}

// GetFileSizeEx tells the size of a file.
func GetFileSizeEx(h Handle, size *int64) error {
	f, e, err := use[*file](h, access.ReadAttributes)
	if err != nil {
		return err
	}
	defer e.leave()
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return fileError(err, f.Name())
	}
	*size = st.Size
	return nil
}

// SetFilePointerEx moves the position of a file.
func SetFilePointerEx(h Handle, distance int64, position *int64, whence uint32) error {
	f, e, err := use[*file](h, 0)
	if err != nil {
		return err
	}
	defer e.leave()
	if whence > unix.SEEK_END {
		return errs.Numbered(errs.InvalidParameter, nil, "no such place to count from: %d", whence)
	}
	now, err := unix.Seek(f.fd, distance, int(whence))
	if errors.Is(err, unix.EINVAL) {
		return errs.Numbered(errs.NegativeSeek, nil, "there is no position before the beginning")
	}
	if err == nil && position != nil {
		*position = now
	}
	return fileError(err, f.Name())
}

// SetEndOfFile makes a file end at its position.
func SetEndOfFile(h Handle) error {
	f, e, err := use[*file](h, access.WriteData)
	if err != nil {
		return err
	}
	defer e.leave()
	at, err := unix.Seek(f.fd, 0, unix.SEEK_CUR)
	if err == nil {
		err = f.cut(at)
	}
	return fileError(err, f.Name())
}

// cut sets the size of a file, unless a section keeps it from being made shorter.
func (f *file) cut(size int64) error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	if size >= st.Size {
		return lockfile.Truncate(f.fd, size)
	}
	return fileuse.Cut(f.fd, func() error { return lockfile.Truncate(f.fd, size) })
}

// FlushFileBuffers writes a file to its device.
func FlushFileBuffers(h Handle) error {
	f, e, err := use[*file](h, 0)
	if err != nil {
		return err
	}
	defer e.leave()
	if e.granted&(access.WriteData|access.AppendData) == 0 {
		return e.may(access.WriteData)
	}
	return fileError(unix.Fsync(f.fd), f.Name())
}

// Classes of SetFileInformationByHandle.
const (
	fileDispositionInfo = 4
	fileAllocationInfo  = 5
	fileEndOfFileInfo   = 6
)

// SetFileInformationByHandle changes what a file is like.
func SetFileInformationByHandle(h Handle, class uint32, information uintptr, length uint32) error {
	size := map[uint32]uint32{fileDispositionInfo: 1, fileAllocationInfo: 8, fileEndOfFileInfo: 8}[class]
	switch {
	case size == 0:
		return errs.Numbered(errs.InvalidParameter, nil, "information of class %d cannot be set", class)
	case length < size:
		return errs.Numbered(errs.BadLength, nil, "information of class %d has %d bytes", class, size)
	case information == 0:
		return errs.Numbered(errs.NoAccess, nil, "the information is at NULL")
	}
	bytes := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&information))), size) // the caller keeps it
	if class == fileDispositionInfo {
		return setDisposition(h, bytes[0] != 0)
	}
	return setSize(h, class, int64(binary.NativeEndian.Uint64(bytes)))
}

// setSize sets where a file ends, or, for an allocation, where it ends at most: Linux
// gives a file room as it is written.
func setSize(h Handle, class uint32, size int64) error {
	f, e, err := use[*file](h, access.WriteData)
	if err != nil {
		return err
	}
	defer e.leave()
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return fileError(err, f.Name())
	}
	switch {
	case size < 0:
		return errs.Numbered(errs.InvalidParameter, nil, "no file has %d bytes", size)
	case class == fileAllocationInfo && size >= st.Size:
		return nil
	}
	return fileError(f.cut(size), f.Name())
}

// setDisposition says whether a file is deleted when its handle is closed.
func setDisposition(h Handle, gone bool) error {
	f, e, err := use[*file](h, access.Delete)
	if err != nil {
		return err
	}
	defer e.leave()
	if !gone {
		f.doomed.Store(false)
		fileuse.Unpend(f.fd)
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return fileError(err, f.Name())
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
