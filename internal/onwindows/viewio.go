//go:build windows

package onwindows

import (
	"io"
	"io/fs"
	"runtime/debug"

	"atoll/internal/errs"
)

// A page of a view can fail: its file was truncated, its disk broke, or a reserve
// section found no memory. Windows then raises an exception, which ends a Go program,
// unless it has asked for a panic instead. Everything here asks.

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
	n, err = v.copyPart(offset, part, func(part []byte) uintptr { return v.copyCaught(p, part) })
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
	n, err = v.copyPart(offset, part, func(part []byte) uintptr { return v.copyCaught(part, p) })
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
func (v *View) copyPart(offset int64, part []byte, move func(part []byte) uintptr) (n int, err error) {
	for {
		address := move(part)
		if address == 0 {
			return len(part), err
		}
		at, _ := v.locate(address)
		err = v.fault(at)
		good := at/pageSize*pageSize - offset
		if good <= 0 {
			return 0, err
		}
		part = part[:min(good, int64(len(part)-1))]
	}
}

// copyCaught copies and gives the address of a fault in the view, or 0. A fault in
// the caller's buffer is the caller's.
func (v *View) copyCaught(to, from []byte) (address uintptr) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			address = faultAddress(r)
			if _, inside := v.locate(address); !inside {
				panic(r)
			}
		}
	}()
	copy(to, from)
	return 0
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

func (v *View) fault(at int64) error {
	return errs.New(errs.ErrFault, "the page at offset %d of the view could not be reached: its file was truncated, its device failed, no memory was left for it, or Protect or the view's access forbids it", at/pageSize*pageSize)
}

// Guard calls f with the view's memory, and turns f's faults in it into errors.
// ours says whether the error is the view's and not f's.
func (v *View) Guard(f func(b []byte) error) (ours bool, err error) {
	if !v.Enter() {
		return true, errs.ErrClosed
	}
	defer v.Leave()
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		r := recover()
		if r == nil {
			return
		}
		at, inside := v.locate(faultAddress(r))
		if !inside {
			panic(r)
		}
		ours, err = true, v.fault(at)
	}()
	return false, f(v.bytes)
}
