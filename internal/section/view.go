package section

import (
	"io/fs"
	"math"
	"os"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/usage"
)

// View is the memory that shows a part of a section. It knows neither what is behind
// its pages nor how they are unmapped.
type View struct {
	usage.Usage
	bytes []byte // exactly what was asked for
	pages []byte // whole pages: what is mapped
	can   access.ViewProtection
}

// PageSize is what the system maps and protects in.
var PageSize = int64(os.Getpagesize())

// pageUp gives the end of the page that n bytes end in.
func pageUp(n int64) int64 { return (n + PageSize - 1) / PageSize * PageSize }

// Place checks where a view is to be: which part of a section of size bytes it is to
// cover, and at which address, 0 for any. It gives the view's length; length 0 reaches
// to the section's end. Views begin at multiples of granularity.
//
// # Errors
//
// fs.ErrInvalid with the numbers 87, 1132 (not such a multiple), 5 (not inside the
// section). The number 8: it does not fit into the address space.
func Place(address uintptr, offset, length, size, granularity int64) (int64, error) {
	const absurd = 1 << 62 // a length that no section has, as SIZE_MAX is on Windows
	switch {
	case offset < 0 || length < 0 || length >= absurd:
		return 0, errs.New(fs.ErrInvalid, "no view can have offset %d and length %d", offset, length)
	case offset%granularity != 0:
		return 0, misaligned("offset %d", offset, granularity, "views")
	case offset >= size || length > size-offset:
		return 0, errs.Numbered(errs.AccessDenied, fs.ErrInvalid, "%d bytes from offset %d are not inside the section of %d bytes", length, offset, size)
	case length == 0:
		length = size - offset
	}
	switch {
	case length > math.MaxInt-PageSize:
		return 0, errs.Numbered(errs.NotEnoughMemory, nil, "%d bytes do not fit into the address space", length)
	case address%uintptr(granularity) != 0:
		return 0, misaligned("address %#x", address, granularity, "views")
	}
	return length, nil
}

func misaligned(format string, what any, unit int64, begin string) error {
	return errs.Numbered(errs.MappedAlignment, fs.ErrInvalid, format+" is not a multiple of %d, where %s begin", what, unit, begin)
}

// Mapped is how many bytes are mapped for a view of length bytes.
func Mapped(length int64) uintptr { return uintptr(pageUp(length)) }

// Show begins the view: its pages are mapped at memory, it has the first length bytes of
// them, and can do that with them.
func (v *View) Show(memory unsafe.Pointer, length int64, can access.ViewProtection) {
	v.Init()
	v.pages = unsafe.Slice((*byte)(memory), Mapped(length))
	v.bytes = v.pages[:length:length]
	v.can = can
}

// Bytes is the view's memory; nil after Close.
func (v *View) Bytes() []byte {
	if v.Ended() {
		return nil
	}
	return v.bytes
}

// Pointer is where the view begins.
func (v *View) Pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(v.pages)) }

// Address is Pointer as a number.
func (v *View) Address() uintptr { return uintptr(v.Pointer()) }

// Size is the length of the view in bytes.
func (v *View) Size() int64 { return int64(len(v.bytes)) }

// Can is what the view was mapped for.
func (v *View) Can() access.ViewProtection { return v.can }

// Rights are what the view was mapped for.
func (v *View) Rights() access.Mask { return v.can.Rights() }

// Over calls f with the whole pages of a part of the view, if there are any; length 0
// reaches to its end.
//
// # Errors
//
// fs.ErrInvalid with the number 487: the part is not inside the view. os.ErrClosed. What
// f returns.
func (v *View) Over(offset, length int64, f func(pages []byte) error) error {
	if !v.Enter() {
		return errs.ErrClosed
	}
	defer v.Leave()
	size := v.Size()
	if offset < 0 || length < 0 || offset > size || length > size-offset {
		return errs.Numbered(errs.InvalidAddress, fs.ErrInvalid, "%d bytes from offset %d are not inside the view of %d bytes", length, offset, size)
	}
	if length == 0 {
		length = size - offset
	}
	if length == 0 {
		return nil
	}
	return f(v.pages[offset/PageSize*PageSize : pageUp(offset+length)])
}

// OverInside is Over for a hint: what lies outside the view is left out.
func (v *View) OverInside(offset, length int64, f func(pages []byte) error) error {
	offset = min(max(offset, 0), v.Size())
	length = min(max(length, 0), v.Size()-offset)
	return v.Over(offset, length, f)
}

// Allow gives the protection that allows what is asked of the pages from an offset, if
// the view was mapped for it. What allows nothing (0) has no protection.
//
// # Errors
//
// Those of access.ViewProtection.Narrow. fs.ErrInvalid with the number 1132: no page
// begins there.
func (v *View) Allow(offset int64, asked access.Mask) (access.ViewProtection, error) {
	if offset >= 0 && offset%PageSize != 0 {
		return access.ViewProtection{}, misaligned("offset %d", offset, PageSize, "pages")
	}
	return v.can.Narrow(asked)
}
