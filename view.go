package atoll

import (
	"errors"
	"io"

	"atoll/internal/access"
)

// View is a part of a section in this process's memory. It is safe for use by
// many goroutines, as far as the bytes themselves are: those are ordinary memory.
//
// It outlives the handle it was mapped through, but does not keep the section's
// name. Only Close unmaps it; one that is forgotten stays mapped until the
// process ends, because a slice of it may still be in use.
//
// # Faults
//
// A page of a view cannot be reached when somebody has truncated the file, when
// its disk fails, or when a Reserve section finds no memory. Through ReadAt,
// WriteAt and Guard that is an ErrFault. Through Bytes, At and SliceOf it ends
// the program, as does a write to a view that may only be read. Sections that
// only this user's processes can reach, and that none of them truncates, do not
// fault unless they are Reserve; unnamed ones nobody can truncate.
//
// # Memory order
//
// What is written through a view is seen by other views at once, but in no
// certain order: use a Mutex or Event, or atomic operations on words of the view.
//
// Source: https://learn.microsoft.com/windows/win32/memory/file-mapping
type View struct {
	id     identity
	kernel *kernelView
}

// Interfaces that a view has.
var (
	_ io.ReaderAt = (*View)(nil)
	_ io.WriterAt = (*View)(nil)
	_ io.Closer   = (*View)(nil)
)

// Bytes returns the view's memory, exactly as long as was asked for, or nil after
// Close. The slice, and all slices of it, must not be used after Close: that
// memory may then be anything. Of a view that was not mapped for writing the
// slice must not be written; that ends the program.
func (v *View) Bytes() []byte { return v.kernel.Bytes() }

// Access returns what the view was mapped for: Read, Read and Write, or Copy,
// each perhaps with Execute.
func (v *View) Access() Access { return accessOf(access.AView, v.kernel.Rights()) }

// Size returns the view's length in bytes, also after Close.
func (v *View) Size() int64 { return v.kernel.Size() }

// Addr returns the address where the view begins, for MapAt in other processes.
func (v *View) Addr() uintptr { return v.kernel.Address() }

// ReadAt copies from the view, as io.ReaderAt says: if fewer than len(p) bytes
// lie behind off, it copies those and returns io.EOF. It waits only for the disk.
//
// # Errors
//
// io.EOF, bare. ErrFault: a page could not be reached; n bytes before it were
// copied. fs.ErrInvalid: off is negative. os.ErrClosed.
func (v *View) ReadAt(p []byte, off int64) (n int, err error) {
	n, err = v.kernel.ReadAt(p, off)
	if err == io.EOF { //nolint:errorlint // io.ReaderAt's callers compare
		return n, io.EOF
	}
	return n, v.fail("read", err)
}

// WriteAt copies into the view, as io.WriterAt says. It waits only for the disk. Much
// is copied sooner than by Go's copy, which passes the caches by from 1 MiB on (on
// amd64).
//
// # Errors
//
// io.ErrShortWrite: only n bytes of p fit before the end of the view. ErrFault: a
// page could not be reached; n bytes before it were written. fs.ErrPermission:
// the view was not mapped for writing. fs.ErrInvalid: off is negative.
// os.ErrClosed.
func (v *View) WriteAt(p []byte, off int64) (n int, err error) {
	n, err = v.kernel.WriteAt(p, off)
	return n, v.fail("write", err)
}

// Guard calls f with the view's memory. If f touches a page that cannot be
// reached, f is ended at that point and Guard returns ErrFault; so it is if f
// writes to pages that may only be read. Other panics of f pass through, as does
// what f does in goroutines that it starts. Else Guard returns f's error, as it
// is. f must not keep b, and must not close the view: Close waits for f.
//
// # Errors
//
// ErrFault, os.ErrClosed, and what f returns.
//
// Source: https://learn.microsoft.com/windows/win32/memory/reading-and-writing-from-a-file-view
func (v *View) Guard(f func(b []byte) error) error {
	ours, err := v.kernel.Guard(f)
	if ours {
		return v.fail("access", err)
	}
	return err
}

// Flush writes what was written to a part of the view to its file, and waits
// until the disk has it. length 0 reaches to the end of the view; whole pages are
// written. Other views and readers of the file see what was written without it.
// For views of memory and copy-on-write views there is nothing to do.
//
// Windows: FlushViewOfFile does not wait for the disk's cache, and needs
// FlushFileBuffers behind it; Flush does not.
//
// # Errors
//
// fs.ErrInvalid with the number 487: the part is not inside the view. The
// system's error if the disk failed. os.ErrClosed.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-flushviewoffile
func (v *View) Flush(offset, length int64) error {
	return v.fail("flush", v.kernel.Flush(offset, length))
}

// Prefetch asks the system to have a part of the view in memory soon, and does
// not wait for it. length 0 reaches to the end. It is a hint: what lies outside
// the view is left out, and it does not fail.
//
// # Errors
//
// os.ErrClosed.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-prefetchvirtualmemory
func (v *View) Prefetch(offset, length int64) error {
	return v.fail("prefetch", v.kernel.Prefetch(offset, length))
}

// Pin reads the pages of a part of the view into memory and keeps them there
// until Unpin or Close. length 0 reaches to the end. Pins are not counted: one
// Unpin undoes them all.
//
// # Errors
//
// The number 1453 (ERROR_WORKING_SET_QUOTA): more than the process may keep
// (RLIMIT_MEMLOCK), or not enough memory. fs.ErrInvalid with 487: the part is not
// inside the view. os.ErrClosed.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtuallock
func (v *View) Pin(offset, length int64) error {
	return v.fail("pin", v.kernel.Pin(offset, length))
}

// Unpin undoes Pin for a part of the view. length 0 reaches to the end.
//
// # Errors
//
// fs.ErrInvalid with the number 487: the part is not inside the view.
// os.ErrClosed.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualunlock
func (v *View) Unpin(offset, length int64) error {
	return v.fail("unpin", v.kernel.Unpin(offset, length))
}

// Commit allocates the memory behind a part of a view of a Reserve section, for
// all views of the section in all processes, so that touching it cannot fail
// later. length 0 reaches to the end. For other sections of memory, and for
// memory that is there already, there is nothing to do. It waits for the system
// to clear the memory.
//
// Windows: a page that was not committed faults when it is touched; here it is
// allocated then.
//
// # Errors
//
// The number 1455 (ERROR_COMMITMENT_LIMIT): not so much memory. fs.ErrPermission:
// the section is over a file, whose bytes are committed. fs.ErrInvalid with 487:
// the part is not inside the view. os.ErrClosed.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc
func (v *View) Commit(offset, length int64) error {
	return v.fail("commit", v.kernel.Commit(offset, length))
}

// Protect changes what the pages of a part of the view allow, for this view
// alone: to Read; to Write, or of a copy-on-write view to Copy; each perhaps with
// Execute; or to 0, nothing. It cannot allow what the view was not mapped for,
// but can give back what it took. offset must be a multiple of the page size;
// length 0 reaches to the end.
//
// # Errors
//
// fs.ErrInvalid (87): more than the view was mapped for, or no possible access;
// with the number 1132: offset is no multiple of the page size; with 487: the
// part is not inside the view. errors.ErrUnsupported: Copy for a view that is not
// copy-on-write. The number 8: too many pieces. os.ErrClosed.
//
// Windows: a view that reads can become copy-on-write there.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualprotect
func (v *View) Protect(offset, length int64, a Access) error {
	return v.fail("protect", v.kernel.Protect(offset, length, a.of(access.AView)))
}

// Close unmaps the view, after the calls that are just inside it: it waits for
// Guard to return, and so must not be called by what Guard calls. What Bytes, At
// and SliceOf returned must not be used any more.
//
// # Errors
//
// os.ErrClosed: it was closed already.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-unmapviewoffile
func (v *View) Close() error {
	v.id.untrack()
	return v.fail("close", v.kernel.Close())
}

func (v *View) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return v.id.fail(op+" a view of", err)
}

var _ = errors.ErrUnsupported // named in the comments above
