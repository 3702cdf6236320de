//go:build linux

package kernel32

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/winfile"
)

// InvalidHandle is what a file that is not there has for a handle.
const InvalidHandle = ^Handle(0)

// file is what the duplicates of a handle share in this process.
type file struct {
	*winfile.File
	more atomic.Int32 // handles besides the first
}

func (f *file) retire() {}

func (f *file) close() {
	if f.more.Add(-1) < 0 {
		_ = f.Close()
	}
}

func (f *file) same(other object) bool { return other == object(f) }

// duplicate gives no more than the handle has: that was decided when it was opened.
func (f *file) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	if !asked.Exact {
		f.more.Add(1)
		return f, granted, nil
	}
	if err := asked.Valid(access.File); err != nil {
		return nil, 0, err
	}
	rights := asked.Access.Specific(access.File)
	if rights&access.MaximumAllowed != 0 {
		rights = rights&^access.MaximumAllowed | granted
	}
	if err := access.Check(access.File, granted, rights); err != nil {
		return nil, 0, err
	}
	f.more.Add(1)
	return f, rights, nil
}

// sectionFile gives the file for a section with a protection. The caller must leave
// the entry when the section has a descriptor of its own.
func sectionFile(h Handle, p access.Protection) (*os.File, *entry, error) {
	needed := access.ReadData
	if p.Writable() {
		needed |= access.WriteData
	}
	if p.Executable() {
		needed |= access.ExecuteFile
	}
	f, e, err := use[*file](h, needed)
	if err != nil {
		return nil, nil, err
	}
	if !f.Regular() {
		e.leave()
		return nil, nil, errs.Numbered(errs.BadExeFormat, nil, "a section needs a regular file")
	}
	return f.OS(), e, nil
}

// pathOf is the path that a name means: as it is, to its first NUL.
func pathOf(name string) string {
	if name == NullName {
		return ""
	}
	return createName(name)
}

// CreateFile opens or creates a file.
func CreateFile(name string, asked access.Mask, share uint32, a *Attributes, disposition, flags uint32) (Handle, error) {
	f, granted, existed, err := winfile.Open(winfile.Request{
		Path: pathOf(name), Access: asked, Share: share, Security: a.security(), Disposition: disposition, Flags: flags,
	})
	if err != nil {
		return InvalidHandle, err
	}
	h, err := insert(&file{File: f}, access.File, granted, a.flags())
	switch {
	case err != nil:
		return InvalidHandle, err
	case existed && (disposition == winfile.CreateAlways || disposition == winfile.OpenAlways):
		return h, errAlreadyExists
	}
	return h, nil
}

// Overlapped is where to read or write, and what is told of it.
type Overlapped struct {
	Internal, InternalHigh uintptr
	Offset, OffsetHigh     uint32
	Event                  Handle
}

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
	return transferFile(h, access.ReadData, done, at, func(f *file, at *int64, _ access.Mask) (int, error) { return f.Read(b, at) })
}

// WriteFile writes to a file. With the right to append alone it writes at the end.
func WriteFile(h Handle, b []byte, done *uint32, at *Overlapped) error {
	return transferFile(h, access.WriteData|access.AppendData, done, at, func(f *file, at *int64, granted access.Mask) (int, error) {
		return f.Write(b, at, granted&access.WriteData == 0)
	})
}

// transferFile is what reading and writing have in common. One of the rights is enough.
func transferFile(h Handle, rights access.Mask, done *uint32, at *Overlapped, do func(f *file, at *int64, granted access.Mask) (int, error)) error {
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
	case f.Directory(), f.Overlapped() && at == nil:
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
	n, err := do(f, offset, e.granted)
	if done != nil {
		*done = uint32(n)
	}
	if err != nil {
		return err
	}
	return at.end(n)
}

func withFile(h Handle, needed access.Mask, do func(*file) error) error {
	f, e, err := use[*file](h, needed)
	if err != nil {
		return err
	}
	defer e.leave()
	return do(f)
}

// GetFileSizeEx tells the size of a file.
func GetFileSizeEx(h Handle, size *int64) error {
	return withFile(h, 0, func(f *file) error {
		n, err := f.Size()
		if err == nil {
			*size = n
		}
		return err
	})
}

// SetFilePointerEx moves the position of a file.
func SetFilePointerEx(h Handle, distance int64, position *int64, whence uint32) error {
	return withFile(h, 0, func(f *file) error {
		now, err := f.Position(distance, whence)
		if err == nil && position != nil {
			*position = now
		}
		return err
	})
}

// SetEndOfFile makes a file end at its position.
func SetEndOfFile(h Handle) error {
	return withFile(h, access.WriteData, func(f *file) error {
		at, err := f.Position(0, unix.SEEK_CUR)
		if err != nil {
			return err
		}
		return f.Cut(at)
	})
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
	return f.Flush()
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
	return withFile(h, access.WriteData, func(f *file) error {
		now, err := f.Size()
		if err != nil || class == fileAllocationInfo && size >= now {
			return err
		}
		return f.Cut(size)
	})
}

// setDisposition says whether a file is deleted when its handle is closed.
func setDisposition(h Handle, gone bool) error {
	return withFile(h, access.Delete, func(f *file) error {
		if gone {
			return f.Doom()
		}
		f.Spare()
		return nil
	})
}

// DeleteFile removes the name of a file.
func DeleteFile(name string) error { return winfile.Delete(pathOf(name)) }

// MoveFile renames a file or a directory.
func MoveFile(from, to string) error { return winfile.Move(pathOf(from), pathOf(to)) }

// CopyFile copies a file.
func CopyFile(from, to string, failIfExists bool) error {
	disposition := uint32(winfile.CreateAlways)
	if failIfExists {
		disposition = winfile.CreateNew
	}
	return winfile.Copy(pathOf(from), pathOf(to), disposition)
}
