//go:build windows

package onwindows

import (
	"errors"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/section"
)

// View is a part of a section in this process's memory. Nothing but Close unmaps it.
type View struct {
	section.View
	reserve bool
	isFile  bool
	file    windows.Handle // to flush it; 0 if the section was opened by its name
}

// granularity is what views begin at multiples of.
const granularity = 64 << 10

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
	length, err = section.Place(address, offset, length, s.size, granularity)
	if err != nil {
		return nil, err
	}
	v := &View{reserve: s.attributes&secReserve != 0, isFile: s.attributes&secFile != 0}
	if s.file != 0 {
		if v.file, err = duplicateRaw(s.file, 0, windows.DUPLICATE_SAME_ACCESS); err != nil {
			return nil, err
		}
	}
	base, err := mapViewOfFileEx(s.raw, s.viewFlags(can), uint32(offset>>32), uint32(offset), uintptr(length), address)
	if err != nil {
		return nil, errors.Join(failed("MapViewOfFileEx", err), closeFile(v.file))
	}
	v.Show(*(*unsafe.Pointer)(unsafe.Pointer(&base)), length, can)
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

// Close unmaps the view. It waits for the calls that are just inside it.
func (v *View) Close() error {
	if !v.End() {
		return errs.ErrClosed
	}
	return errors.Join(failed("UnmapViewOfFile", windows.UnmapViewOfFile(v.Address())), closeFile(v.file))
}

// calling is what a view goes over its pages with: a call of Windows.
func calling(name string, call func(address, size uintptr) error) func(pages []byte) error {
	return func(pages []byte) error {
		return failed(name, call(uintptr(unsafe.Pointer(unsafe.SliceData(pages))), uintptr(len(pages))))
	}
}

// Flush writes a part of a view to its file, and waits for the disk where there is a
// handle of the file.
func (v *View) Flush(offset, length int64) error {
	return v.Over(offset, length, calling("FlushViewOfFile", func(address, size uintptr) error {
		if !v.isFile || v.Can().CopyOnWrite {
			return nil
		}
		err := windows.FlushViewOfFile(address, size)
		if err == nil && v.file != 0 && v.Can().Write {
			err = windows.FlushFileBuffers(v.file)
		}
		return err
	}))
}

// memoryRange is a WIN32_MEMORY_RANGE_ENTRY.
type memoryRange struct{ address, size uintptr }

// Prefetch asks the system to read a part of the view soon. What lies outside is left
// out: it is a hint.
func (v *View) Prefetch(offset, length int64) error {
	return v.OverInside(offset, length, calling("PrefetchVirtualMemory", func(address, size uintptr) error {
		_ = prefetchVirtualMemory(windows.CurrentProcess(), 1, &memoryRange{address, size}, 0) // nobody is promised anything
		return nil
	}))
}

// Pin keeps a part of the view in memory.
func (v *View) Pin(offset, length int64) error {
	return v.Over(offset, length, calling("VirtualLock", windows.VirtualLock))
}

// Unpin undoes Pin, however often it was called.
func (v *View) Unpin(offset, length int64) error {
	return v.Over(offset, length, calling("VirtualUnlock", func(address, size uintptr) error {
		err := windows.VirtualUnlock(address, size)
		if errors.Is(err, windows.ERROR_NOT_LOCKED) {
			return nil
		}
		return err
	}))
}

// Commit allocates the memory of a part of a reserve section.
func (v *View) Commit(offset, length int64) error {
	if v.isFile {
		return errs.New(fs.ErrPermission, "the bytes of a file are committed already")
	}
	return v.Over(offset, length, calling("VirtualAlloc", func(address, size uintptr) error {
		if !v.reserve {
			return nil
		}
		_, err := windows.VirtualAlloc(address, size, windows.MEM_COMMIT, pagesThat(v.Can()))
		return err
	}))
}

// Protect changes what the pages of a part of the view allow, within what the view was
// mapped for; 0 allows nothing.
func (v *View) Protect(offset, length int64, allowed access.Mask) error {
	can, err := v.Allow(offset, allowed)
	if err != nil {
		return err
	}
	protection := uint32(windows.PAGE_NOACCESS)
	if allowed != 0 {
		protection = pagesThat(can)
	}
	return v.Over(offset, length, calling("VirtualProtect", func(address, size uintptr) error {
		var old uint32
		return windows.VirtualProtect(address, size, protection, &old)
	}))
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
