//go:build windows

package onwindows

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/usage"
)

// View is a part of a section in this process's memory. Nothing but Close unmaps it.
type View struct {
	usage.Usage
	bytes   []byte // exactly what was asked for
	pages   []byte // whole pages
	can     access.ViewProtection
	reserve bool
	isFile  bool
	file    windows.Handle // to flush it; 0 if the section was opened by its name
}

// Views begin at multiples of granularity, and cover whole pages.
const granularity = 64 << 10

var pageSize = int64(os.Getpagesize())

// Map maps a part of the section; length 0 reaches to its end. address 0 lets the
// system choose where.
func (s *Section) Map(address uintptr, asked access.Mask, offset, length int64) (*View, error) {
	if err := s.begin(0); err != nil {
		return nil, err
	}
	defer s.Leave()
	can, err := access.View(s.protection, s.rights, asked)
	if err != nil {
		return nil, err
	}
	if length, err = s.part(offset, length); err != nil {
		return nil, err
	}
	if address%granularity != 0 {
		return nil, misaligned("address %#x", address, granularity)
	}
	v := &View{can: can, reserve: s.attributes&secReserve != 0, isFile: s.attributes&secFile != 0}
	v.Init()
	if s.file != 0 {
		if v.file, err = duplicateRaw(s.file, 0, windows.DUPLICATE_SAME_ACCESS); err != nil {
			return nil, err
		}
	}
	base, err := mapViewOfFileEx(s.raw, s.viewFlags(can), uint32(offset>>32), uint32(offset), uintptr(length), address)
	if err != nil {
		return nil, errors.Join(failed("MapViewOfFileEx", err), closeFile(v.file))
	}
	whole := (length + pageSize - 1) / pageSize * pageSize
	v.pages = unsafe.Slice(*(**byte)(unsafe.Pointer(&base)), whole)
	v.bytes = v.pages[:length:length]
	return v, nil
}

func (s *Section) viewFlags(can access.ViewProtection) uint32 {
	flags := uint32(windows.FILE_MAP_READ)
	switch {
	case can.CopyOnWrite:
		flags = windows.FILE_MAP_COPY
	case can.Write:
		flags = windows.FILE_MAP_WRITE
	}
	if can.Execute {
		flags |= mapExecute
	}
	if s.attributes&secLargePages != 0 {
		flags |= mapLargePages
	}
	return flags
}

func misaligned(format string, what any, unit int64) error {
	return errs.Numbered(errs.MappedAlignment, fs.ErrInvalid, format+" is not a multiple of %d", what, unit)
}

// part checks the part of the section that a view is to cover, and gives its length.
func (s *Section) part(offset, length int64) (int64, error) {
	const absurd = 1 << 62 // a length that no section has
	switch {
	case offset < 0 || length < 0 || length >= absurd:
		return 0, errs.New(fs.ErrInvalid, "no view can have offset %d and length %d", offset, length)
	case offset%granularity != 0:
		return 0, misaligned("offset %d", offset, granularity)
	case offset >= s.size || length > s.size-offset:
		return 0, errs.Numbered(errs.AccessDenied, fs.ErrInvalid, "%d bytes from offset %d are not inside the section of %d bytes", length, offset, s.size)
	case length == 0:
		length = s.size - offset
	}
	if length > math.MaxInt-pageSize {
		return 0, errs.Numbered(errs.NotEnoughMemory, nil, "%d bytes do not fit into the address space", length)
	}
	return length, nil
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
	return errors.Join(failed("UnmapViewOfFile", windows.UnmapViewOfFile(v.Address())), closeFile(v.file))
}

// over calls f with the pages of a part of the view, if there are any.
func (v *View) over(call string, offset, length int64, f func(address, size uintptr) error) error {
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
	first := offset / pageSize * pageSize
	end := (offset + length + pageSize - 1) / pageSize * pageSize
	return failed(call, f(v.Address()+uintptr(first), uintptr(end-first)))
}

// Flush writes a part of a view to its file, and waits for the disk where there is a
// handle of the file.
func (v *View) Flush(offset, length int64) error {
	return v.over("FlushViewOfFile", offset, length, func(address, size uintptr) error {
		if !v.isFile || v.can.CopyOnWrite {
			return nil
		}
		err := windows.FlushViewOfFile(address, size)
		if err == nil && v.file != 0 && v.can.Write {
			err = windows.FlushFileBuffers(v.file)
		}
		return err
	})
}

// memoryRange is a WIN32_MEMORY_RANGE_ENTRY.
type memoryRange struct{ address, size uintptr }

// Prefetch asks the system to read a part of the view soon. What lies outside is left
// out: it is a hint.
func (v *View) Prefetch(offset, length int64) error {
	offset = min(max(offset, 0), v.Size())
	length = min(max(length, 0), v.Size()-offset)
	return v.over("PrefetchVirtualMemory", offset, length, func(address, size uintptr) error {
		_ = prefetchVirtualMemory(windows.CurrentProcess(), 1, &memoryRange{address, size}, 0) // nobody is promised anything
		return nil
	})
}

// Pin keeps a part of the view in memory.
func (v *View) Pin(offset, length int64) error {
	return v.over("VirtualLock", offset, length, windows.VirtualLock)
}

// Unpin undoes Pin, however often it was called.
func (v *View) Unpin(offset, length int64) error {
	return v.over("VirtualUnlock", offset, length, func(address, size uintptr) error {
		err := windows.VirtualUnlock(address, size)
		if errors.Is(err, windows.ERROR_NOT_LOCKED) {
			return nil
		}
		return err
	})
}

// Commit allocates the memory of a part of a reserve section.
func (v *View) Commit(offset, length int64) error {
	if v.isFile {
		return errs.New(fs.ErrPermission, "the bytes of a file are committed already")
	}
	return v.over("VirtualAlloc", offset, length, func(address, size uintptr) error {
		if !v.reserve {
			return nil
		}
		_, err := windows.VirtualAlloc(address, size, windows.MEM_COMMIT, pagesThat(v.can))
		return err
	})
}

// Protect changes what the pages of a part of the view allow, within what the view was
// mapped for; 0 allows nothing.
func (v *View) Protect(offset, length int64, allowed access.Mask) error {
	if offset >= 0 && offset%pageSize != 0 {
		return misaligned("offset %d", offset, pageSize)
	}
	protection, err := v.allow(allowed)
	if err != nil {
		return err
	}
	return v.over("VirtualProtect", offset, length, func(address, size uintptr) error {
		var old uint32
		return windows.VirtualProtect(address, size, protection, &old)
	})
}

// allow turns rights into a protection of pages, if the view was mapped for them.
func (v *View) allow(allowed access.Mask) (uint32, error) {
	write := allowed&(access.Write|access.Copy) != 0
	execute := allowed&access.Execute != 0
	switch {
	case access.Pages(allowed) != nil:
		return 0, access.Pages(allowed)
	case allowed == 0:
		return windows.PAGE_NOACCESS, nil
	case allowed == access.Execute:
		return 0, errs.New(fs.ErrInvalid, "pages that can be executed can be read: ask for Read too")
	case allowed&access.Copy != 0 && !v.can.CopyOnWrite:
		return 0, errs.New(errors.ErrUnsupported, "a view that shows the section's own pages does not become copy-on-write; map another one with Copy")
	case allowed&access.Write != 0 && v.can.CopyOnWrite, write && !v.can.Write, execute && !v.can.Execute:
		return 0, errs.New(fs.ErrInvalid, "the view was mapped for %s, which does not contain %s", v.Rights().Text(access.AView), allowed.Text(access.AView))
	}
	return pagesThat(access.ViewProtection{Write: write, CopyOnWrite: v.can.CopyOnWrite, Execute: execute}), nil
}

// pagesThat is Windows' number of a protection of pages.
func pagesThat(can access.ViewProtection) uint32 {
	protection := uint32(windows.PAGE_READONLY)
	switch {
	case can.Write && can.CopyOnWrite:
		protection = windows.PAGE_WRITECOPY
	case can.Write:
		protection = windows.PAGE_READWRITE
	}
	if can.Execute {
		protection <<= 4 // PAGE_EXECUTE_READ and so on
	}
	return protection
}
