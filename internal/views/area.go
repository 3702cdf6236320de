//go:build linux

package views

import (
	"errors"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// What Alloc can be asked for, beside Commit and Reserve.
const (
	Reset     = 0x80000
	ResetUndo = 0x1000000
	TopDown   = 0x100000 // a hint that means nothing here
	large     = 0x20000000
)

// What ReleasePages can be asked for.
const (
	Decommit = 0x4000
	Release  = 0x8000
)

// Alloc reserves memory, commits it, or says that what it holds is not needed.
func Alloc(address, size uintptr, kind uint32, p Protection) (uintptr, error) {
	if err := (p &^ modifiers).valid(); err != nil {
		return 0, err
	}
	kind &^= TopDown
	switch {
	case kind&large != 0:
		return 0, errs.Numbered(errs.PrivilegeNotHeld, nil, "large pages are for sections (SEC_LARGE_PAGES)")
	case kind == Reset, kind == ResetUndo:
		return reset(address, size, kind)
	case kind == Commit && address != 0:
		return commitAt(address, size, p)
	case kind == Reserve, kind == Commit, kind == Reserve|Commit:
		return newArea(address, size, kind, p)
	}
	return 0, errs.Numbered(errs.InvalidParameter, nil, "%#x is no type of allocation", kind)
}

// newArea makes an area; its pages are committed at once if kind says so.
func newArea(address, size uintptr, kind uint32, p Protection) (uintptr, error) {
	r := &region{protect: p &^ modifiers, modifier: p & modifiers}
	if err := r.allows(p); err != nil {
		return 0, err
	}
	if size == 0 || absurd(size) || absurd(address) {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "there are no %d bytes at %#x", size, address)
	}
	base := address &^ (Granularity - 1)
	if address != 0 && base == 0 {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "nothing can be allocated at %#x", address)
	}
	r.size = pageUp(address + size - base)
	r.room = granularUp(r.size)
	var err error
	if r.base, err = reserve(base, r.room, Granularity, 0); err != nil {
		return 0, occupied(err, base, r.room)
	}
	r.pages.set(r.base, r.end(), page{})
	if kind&Commit != 0 {
		if err := r.permit(r.base, r.end(), page{protect: r.protect}); err != nil {
			return 0, errors.Join(err, munmap(r.base, r.room))
		}
	}
	r.insert()
	return r.base, nil
}

// commitAt commits pages of an area, or of all views of a reserve section. Pages that
// are committed get the protection.
func commitAt(address, size uintptr, p Protection) (uintptr, error) {
	r, from, to, err := enterPages(address, size)
	if err != nil {
		return 0, err
	}
	defer r.Leave()
	if r.shows != nil && r.shows.file != nil {
		return 0, errs.Numbered(errs.AccessDenied, nil, "the bytes of a file are committed already")
	}
	if err := r.allows(p); err != nil {
		return 0, err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if r.shows == nil {
		return from, r.permit(from, to, page{protect: p &^ modifiers})
	}
	if r.shows.reserved() {
		if err := r.commit(from, to); err != nil {
			return 0, err
		}
	}
	if err := r.setProtection(from, to, p); err != nil {
		return 0, err
	}
	return from, nil
}

// reset says that the kernel may forget what pages hold, where it can.
func reset(address, size uintptr, kind uint32) (uintptr, error) {
	r, from, to, err := enterPages(address, size)
	if err != nil {
		return 0, err
	}
	defer r.Leave()
	switch {
	case r.shows != nil && r.shows.file != nil:
		return 0, errs.Numbered(errs.UserMappedFile, nil, "the pages are those of a file")
	case r.shows == nil && kind == Reset:
		_ = madvise(from, to-from, unix.MADV_FREE) // a hint
	}
	return from, nil
}

// ReleasePages gives pages of an area back, or the whole area. Views know neither.
func ReleasePages(address, size uintptr, kind uint32) error {
	if kind != Decommit && kind != Release || kind == Release && size != 0 {
		return errs.Numbered(errs.InvalidParameter, nil, "%#x with %d bytes is no way to free memory", kind, size)
	}
	isArea := func(r *region) error {
		switch {
		case r.shows != nil:
			return errs.Numbered(errs.InvalidParameter, nil, "address %#x is in a view; UnmapViewOfFile unmaps it", address)
		case size == 0 && address != r.base:
			return errs.Numbered(errs.InvalidAddress, nil, "address %#x is not the beginning, which is %#x", address, r.base)
		case size > r.end()-address:
			return errs.Numbered(errs.InvalidParameter, nil, "the %d bytes at %#x reach past the end", size, address)
		}
		return nil
	}
	if kind == Release {
		r, err := take(address, isArea)
		if err != nil {
			return err
		}
		return r.giveBack()
	}
	r := enter(address)
	if r == nil {
		return notAllocated(address)
	}
	defer r.Leave()
	if err := isArea(r); err != nil {
		return err
	}
	if size == 0 {
		size = r.size
	}
	return r.decommit(pageDown(address), pageUp(address+size))
}

func (r *region) decommit(from, to uintptr) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_FIXED
	if _, err := mmap(from, to-from, unix.PROT_NONE, flags, -1, 0); err != nil {
		return occupied(err, 0, to-from)
	}
	forget(from, to)
	r.pages.set(from, to, page{})
	return nil
}
