package section

import (
	"io"
	"io/fs"
	"runtime/debug"

	"atoll/internal/errs"
)

// A page of a view can fail: its file was truncated, its disk broke, or a reserve
// section found no memory. Linux then sends SIGBUS, Windows raises an exception: either
// ends a Go program, unless it has asked for a panic instead. Everything here asks.

// ReadAt copies from the view.
func (v *View) ReadAt(p []byte, offset int64) (n int, err error) {
	if !v.Enter() {
		return 0, errs.ErrClosed
	}
	defer v.Leave()
	part, err := v.from(offset, len(p))
	if err != nil {
		return 0, err
	}
	n, err = v.copyPart(offset, part, func(part []byte) { copyCached(p, part) })
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// WriteAt copies into the view.
func (v *View) WriteAt(p []byte, offset int64) (n int, err error) {
	if !v.Enter() {
		return 0, errs.ErrClosed
	}
	defer v.Leave()
	if !v.can.Write {
		return 0, errs.New(fs.ErrPermission, "the view was mapped for reading only")
	}
	part, err := v.from(offset, len(p))
	if err != nil {
		return 0, err
	}
	n, err = v.copyPart(offset, part, func(part []byte) { copyCached(part, p) })
	if err == nil && n < len(p) {
		err = errs.New(io.ErrShortWrite, "%d of %d bytes fit into the view", n, len(p))
	}
	return n, err
}

// from gives at most n bytes of the view from an offset, which may lie behind the
// end.
func (v *View) from(offset int64, n int) ([]byte, error) {
	if offset < 0 {
		return nil, errs.New(fs.ErrInvalid, "negative offset %d", offset)
	}
	rest := v.bytes[min(offset, v.Size()):]
	return rest[:min(n, len(rest))], nil
}

// copyPart copies a part of the view, which begins at offset. If a page of it
// fails, it copies what comes before, so that the caller knows how much came
// over.
func (v *View) copyPart(offset int64, part []byte, move func(part []byte)) (n int, err error) {
	for {
		at, faulted := v.caught(func() { move(part) })
		if !faulted {
			return len(part), err
		}
		err = fault(at)
		good := at/PageSize*PageSize - offset
		if good <= 0 {
			return 0, err
		}
		part = part[:min(good, int64(len(part)-1))]
	}
}

// copyCached is copy, in pieces: from 1 MiB on Go's copies pass the caches by, on amd64.
// What goes into a view or comes out of one is needed soon, by another processor at that.
func copyCached(to, from []byte) {
	const piece = 512 << 10
	n := min(len(to), len(from))
	for at := 0; at < n; at += piece {
		copy(to[at:min(at+piece, n)], from[at:])
	}
}

// Guard calls f with the view's memory, and turns f's faults in it into errors.
// ours says whether the error is the view's and not f's.
func (v *View) Guard(f func(b []byte) error) (ours bool, err error) {
	if !v.Enter() {
		return true, errs.ErrClosed
	}
	defer v.Leave()
	if at, faulted := v.caught(func() { err = f(v.bytes) }); faulted {
		return true, fault(at)
	}
	return false, err
}

// caught calls f, and ends it where it faults in the view: at that offset. A fault
// elsewhere, say in a buffer of the caller's, is the caller's, as other panics are.
func (v *View) caught(f func()) (at int64, faulted bool) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			if at, faulted = v.locate(faultAddress(r)); !faulted {
				panic(r)
			}
		}
	}()
	f()
	return 0, false
}

// faultAddress gives the address that a panic is about, or 0.
func faultAddress(r any) uintptr {
	if fault, ok := r.(interface {
		error
		RuntimeError()
		Addr() uintptr
	}); ok {
		return fault.Addr()
	}
	return 0
}

// locate turns an address into an offset in the view.
func (v *View) locate(address uintptr) (offset int64, inside bool) {
	at := address - v.Address()
	return int64(at), at < uintptr(len(v.pages))
}

func fault(at int64) error {
	return errs.New(errs.ErrFault, "the page at offset %d of the view could not be reached: its file was truncated, its device failed, no memory was left for it, or Protect or the view's access forbids it", at/PageSize*PageSize)
}
