//go:build linux

package mapping

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/namespace"
	"atoll/internal/usage"
)

// View is a part of a section in this process's memory. It holds the object by
// itself: the memory stays, also when the handle it was mapped through is closed,
// but not the name.
//
// Nothing but Close unmaps it: a slice of it may be reachable from anywhere.
type View struct {
	usage.Usage
	object *namespace.Object
	bytes  []byte // exactly what was asked for
	pages  []byte // whole pages: what is mapped
	offset int64  // in the section
	can    access.ViewProtection
}

// pageSize is the granularity of views.
var pageSize = int64(os.Getpagesize())

// absurd is a length that no section has, as SIZE_MAX is on Windows.
const absurd = 1 << 62

// Section is what is mapped: an object, the file that has its bytes, which is its own
// or another, and what the handle may do.
type Section struct {
	*namespace.Object
	File   int
	Rights access.Mask
}

// Map maps a part of the section; length 0 reaches to its end. address 0 lets
// the system choose where.
func (s Section) Map(address uintptr, asked access.Mask, offset, length int64) (*View, error) {
	can, err := access.View(access.Protection(s.Header.Protection), s.Rights, asked)
	if err != nil {
		return nil, err
	}
	length, err = s.part(offset, length)
	if err != nil {
		return nil, err
	}
	if int64(address)%pageSize != 0 {
		return nil, misaligned("address %#x", address)
	}
	if err := s.AddView(); err != nil {
		return nil, err
	}
	v := &View{object: s.Object, offset: offset, can: can}
	v.Usage.Init()
	if err := s.mapInto(v, address, length); err != nil {
		return nil, errors.Join(err, s.DropView())
	}
	return v, nil
}

func misaligned(format string, what any) error {
	return errs.Numbered(errs.MappedAlignment, fs.ErrInvalid, format+" is not a multiple of %d, the size of a page", what, pageSize)
}

// part checks the part of the section that a view is to cover, and gives its
// length.
func (s Section) part(offset, length int64) (int64, error) {
	size := s.Header.Size
	switch {
	case offset < 0 || length < 0 || length >= absurd:
		return 0, errs.New(fs.ErrInvalid, "no view can have offset %d and length %d", offset, length)
	case offset%pageSize != 0:
		return 0, misaligned("offset %d", offset)
	case offset >= size || length > size-offset:
		return 0, errs.Numbered(errs.AccessDenied, fs.ErrInvalid, "%d bytes from offset %d are not inside the section of %d bytes", length, offset, size)
	case length == 0:
		length = size - offset
	}
	if length > math.MaxInt-pageSize {
		return 0, errs.Numbered(errs.NotEnoughMemory, nil, "%d bytes do not fit into the address space", length)
	}
	return length, nil
}

// mapInto maps length bytes from the view's offset.
func (s Section) mapInto(v *View, address uintptr, length int64) error {
	flags := unix.MAP_SHARED
	if v.can.CopyOnWrite {
		flags = unix.MAP_PRIVATE
	}
	prot := protectionBits(v.can.Write, v.can.Execute)
	offset := s.Header.DataOffset + v.offset
	mapped := uintptr((length + pageSize - 1) / pageSize * pageSize)
	var m unsafe.Pointer
	var err error
	switch {
	case address != 0:
		m, err = mapAt(s.File, offset, address, mapped, prot, flags)
	case s.Header.Has(layout.FlagLargePages):
		m, err = backing.MapLarge(s.File, offset, mapped, prot, flags)
	default:
		m, err = unix.MmapPtr(s.File, offset, nil, mapped, prot, flags)
	}
	if err != nil {
		return backing.MapFailure(err, address, length, v.can.Execute)
	}
	v.pages = unsafe.Slice((*byte)(m), mapped)
	v.bytes = v.pages[:length:length]
	return nil
}

func protectionBits(write, execute bool) int {
	bits := unix.PROT_READ
	if write {
		bits |= unix.PROT_WRITE
	}
	if execute {
		bits |= unix.PROT_EXEC
	}
	return bits
}

// mapAt maps at an address or not at all. It goes by the bare system call: an
// address that a caller made up must not pass through the garbage collector's
// hands as a pointer.
func mapAt(fd int, offset int64, address, length uintptr, prot, flags int) (unsafe.Pointer, error) {
	if strconv.IntSize < 64 {
		return nil, errors.ErrUnsupported // another system call there; see doc.go: 64-bit systems only
	}
	r, _, e := unix.Syscall6(unix.SYS_MMAP, address, length, uintptr(prot),
		uintptr(flags|unix.MAP_FIXED_NOREPLACE), uintptr(fd), uintptr(offset))
	if e == unix.ENOMEM && fitsElsewhere(length) {
		e = unix.EINVAL // an address that no program can have
	}
	if e != 0 {
		return nil, e
	}
	m := *(*unsafe.Pointer)(unsafe.Pointer(&r))
	if r != address {
		// Linux before 4.17 takes the address for a hint.
		_ = unix.MunmapPtr(m, length)
		return nil, unix.EEXIST
	}
	return m, nil
}

// fitsElsewhere says whether there is address space for length bytes at all.
func fitsElsewhere(length uintptr) bool {
	m, err := unix.MmapPtr(-1, 0, nil, length, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	return err == nil && unix.MunmapPtr(m, length) == nil
}

// Bytes is the view's memory; nil after Close.
func (v *View) Bytes() []byte {
	if v.Ended() {
		return nil
	}
	return v.bytes
}

// Address is where the view begins.
func (v *View) Address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(v.pages))) }

// Size is the length of the view in bytes.
func (v *View) Size() int64 { return int64(len(v.bytes)) }

// Rights are what the view was mapped for.
func (v *View) Rights() access.Mask {
	m := access.Read
	switch {
	case v.can.CopyOnWrite:
		m = access.Copy
	case v.can.Write:
		m |= access.Write
	}
	if v.can.Execute {
		m |= access.Execute
	}
	return m
}

// Close unmaps the view. It waits for the calls that are just inside it.
func (v *View) Close() error {
	if !v.End() {
		return errs.ErrClosed
	}
	err := unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(v.pages)), uintptr(len(v.pages)))
	return errors.Join(err, v.object.DropView())
}

// span gives the whole pages of a part of the view; length 0 reaches to its end.
func (v *View) span(offset, length int64) ([]byte, error) {
	size := v.Size()
	if offset < 0 || length < 0 || offset > size || length > size-offset {
		return nil, errs.Numbered(errs.InvalidAddress, fs.ErrInvalid, "%d bytes from offset %d are not inside the view of %d bytes", length, offset, size)
	}
	if length == 0 {
		length = size - offset
	}
	if length == 0 {
		return nil, nil
	}
	end := (offset + length + pageSize - 1) / pageSize * pageSize
	return v.pages[offset/pageSize*pageSize : end], nil
}

// over calls f with the pages of a part of the view, if there are any.
func (v *View) over(offset, length int64, f func(pages []byte) error) error {
	if !v.Enter() {
		return errs.ErrClosed
	}
	defer v.Leave()
	pages, err := v.span(offset, length)
	if err != nil || len(pages) == 0 {
		return err
	}
	return f(pages)
}

// Flush writes a part of a view to its file and waits for the disk.
func (v *View) Flush(offset, length int64) error {
	return v.over(offset, length, func(pages []byte) error {
		if !v.object.Header.Has(layout.FlagFile) || v.can.CopyOnWrite {
			return nil
		}
		for {
			if err := unix.Msync(pages, unix.MS_SYNC); !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
}

// Prefetch asks the system to read a part of the view soon. What lies outside is
// left out: it is a hint.
func (v *View) Prefetch(offset, length int64) error {
	offset = min(max(offset, 0), v.Size())
	length = min(max(length, 0), v.Size()-offset)
	return v.over(offset, length, func(pages []byte) error {
		_ = unix.Madvise(pages, unix.MADV_WILLNEED) // nobody is promised anything
		return nil
	})
}

// Pin keeps a part of the view in memory.
func (v *View) Pin(offset, length int64) error {
	return v.over(offset, length, func(pages []byte) error {
		err := unix.Mlock(pages)
		if err == nil {
			return nil
		}
		_ = unix.Munlock(pages) // a failed mlock leaves them marked
		return errs.Because(err, errs.WorkingSetQuota, nil, "%d bytes cannot be kept in memory: the limit of locked memory (RLIMIT_MEMLOCK, ulimit -l) is too low, or no memory is left", len(pages))
	})
}

// Unpin undoes Pin, however often it was called.
func (v *View) Unpin(offset, length int64) error {
	return v.over(offset, length, unix.Munlock)
}

// Commit allocates the memory of a part of the section.
func (v *View) Commit(offset, length int64) error {
	return v.over(offset, length, func(pages []byte) error {
		h := &v.object.Header
		switch {
		case h.Has(layout.FlagFile):
			return errs.New(fs.ErrPermission, "the bytes of a file are committed already")
		case !h.Has(layout.FlagReserve):
			return nil
		case !v.object.Writable:
			return errs.New(fs.ErrPermission, "the section's file may only be read by this user")
		}
		first := int64(uintptr(unsafe.Pointer(unsafe.SliceData(pages))) - v.Address())
		start := h.DataOffset + v.offset + first
		// The last page may reach beyond the end of the file, where pages are
		// larger than what sizes are rounded up to.
		return backing.CommitMemory(v.object.FD, true, start, min(int64(len(pages)), h.FileSize()-start))
	})
}

// Protect changes what the pages of a part of the view allow, within what the
// view was mapped for; 0 allows nothing.
func (v *View) Protect(offset, length int64, allowed access.Mask) error {
	if offset >= 0 && offset%pageSize != 0 {
		return misaligned("offset %d", offset)
	}
	bits, err := v.allow(allowed)
	if err != nil {
		return err
	}
	return v.over(offset, length, func(pages []byte) error {
		err := unix.Mprotect(pages, bits)
		if errors.Is(err, unix.ENOMEM) {
			return errs.Because(err, errs.NotEnoughMemory, nil, "too many mappings (sysctl vm.max_map_count), or not enough memory")
		}
		return err
	})
}

// allow turns rights into the bits of mprotect, if the view was mapped for them.
func (v *View) allow(allowed access.Mask) (bits int, err error) {
	write := allowed&(access.Write|access.Copy) != 0
	execute := allowed&access.Execute != 0
	switch {
	case access.Pages(allowed) != nil:
		return 0, access.Pages(allowed)
	case allowed == 0:
		return unix.PROT_NONE, nil
	case allowed == access.Execute:
		return 0, errs.New(fs.ErrInvalid, "pages that can be executed can be read: ask for Read too")
	case allowed&access.Copy != 0 && !v.can.CopyOnWrite:
		return 0, errs.New(errors.ErrUnsupported, "a view that shows the section's own pages cannot become copy-on-write; map another one with Copy")
	case allowed&access.Write != 0 && v.can.CopyOnWrite, write && !v.can.Write, execute && !v.can.Execute:
		return 0, errs.New(fs.ErrInvalid, "the view was mapped for %s, which does not contain %s", v.Rights().Text(access.AView), allowed.Text(access.AView))
	}
	return protectionBits(write, execute), nil
}
