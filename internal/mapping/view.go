//go:build linux

package mapping

import (
	"errors"
	"io/fs"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/namespace"
	"atoll/internal/section"
)

// View is a part of a section in this process's memory. It holds the object by
// itself: the memory stays, also when the handle it was mapped through is closed,
// but not the name.
//
// Nothing but Close unmaps it: a slice of it may be reachable from anywhere.
type View struct {
	section.View
	object *namespace.Object
	offset int64 // in the section
}

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
	length, err = section.Place(address, offset, length, s.Header.Size, section.PageSize)
	if err != nil {
		return nil, err
	}
	if err := s.AddView(); err != nil {
		return nil, err
	}
	m, err := s.mapPages(can, address, offset, length)
	if err != nil {
		return nil, errors.Join(err, s.DropView())
	}
	v := &View{object: s.Object, offset: offset}
	v.Show(m, length, can)
	return v, nil
}

// mapPages maps length bytes of the section from an offset.
func (s Section) mapPages(can access.ViewProtection, address uintptr, offset, length int64) (m unsafe.Pointer, err error) {
	flags := unix.MAP_SHARED
	if can.CopyOnWrite {
		flags = unix.MAP_PRIVATE
	}
	prot, mapped := protectionBits(can), section.Mapped(length)
	offset += s.Header.DataOffset
	switch {
	case address != 0:
		m, err = mapAt(s.File, offset, address, mapped, prot, flags)
	case s.Header.Has(layout.FlagLargePages):
		m, err = backing.MapLarge(s.File, offset, mapped, prot, flags)
	default:
		m, err = unix.MmapPtr(s.File, offset, nil, mapped, prot, flags)
	}
	if err != nil {
		return nil, backing.MapFailure(err, address, length, can.Execute)
	}
	return m, nil
}

func protectionBits(can access.ViewProtection) int {
	bits := unix.PROT_READ
	if can.Write {
		bits |= unix.PROT_WRITE
	}
	if can.Execute {
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

// Close unmaps the view. It waits for the calls that are just inside it.
func (v *View) Close() error {
	if !v.End() {
		return errs.ErrClosed
	}
	err := unix.MunmapPtr(v.Pointer(), section.Mapped(v.Size()))
	return errors.Join(err, v.object.DropView())
}

// Flush writes a part of a view to its file and waits for the disk.
func (v *View) Flush(offset, length int64) error {
	return v.Over(offset, length, func(pages []byte) error {
		if !v.object.Header.Has(layout.FlagFile) || v.Can().CopyOnWrite {
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
	return v.OverInside(offset, length, func(pages []byte) error {
		_ = unix.Madvise(pages, unix.MADV_WILLNEED) // nobody is promised anything
		return nil
	})
}

// Pin keeps a part of the view in memory.
func (v *View) Pin(offset, length int64) error {
	return v.Over(offset, length, func(pages []byte) error {
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
	return v.Over(offset, length, unix.Munlock)
}

// Commit allocates the memory of a part of the section.
func (v *View) Commit(offset, length int64) error {
	return v.Over(offset, length, func(pages []byte) error {
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
	can, err := v.Allow(offset, allowed)
	if err != nil {
		return err
	}
	bits := unix.PROT_NONE
	if allowed != 0 {
		bits = protectionBits(can)
	}
	return v.Over(offset, length, func(pages []byte) error {
		err := unix.Mprotect(pages, bits)
		if errors.Is(err, unix.ENOMEM) {
			return errs.Because(err, errs.NotEnoughMemory, nil, "too many mappings (sysctl vm.max_map_count), or not enough memory")
		}
		return err
	})
}
