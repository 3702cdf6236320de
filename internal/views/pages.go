//go:build linux

package views

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// Protect changes what pages of a view or area allow, and gives what the first of them
// allowed before.
func Protect(address, size uintptr, p Protection) (old Protection, err error) {
	if err := (p &^ modifiers).valid(); err != nil {
		return 0, err
	}
	r, from, to, err := enterPages(address, size)
	if err != nil {
		return 0, err
	}
	defer r.Leave()
	if err := r.allows(p); err != nil {
		return 0, err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if at, committed := r.committedFrom(from, to); !committed {
		return 0, errs.Numbered(errs.InvalidAddress, nil, "the page at %#x is not committed", at)
	}
	seen, _ := r.look(from)
	return seen.protect, r.setProtection(from, to, p&^modifiers)
}

// allows refuses a protection that the region cannot have.
func (r *region) allows(p Protection) error {
	switch {
	case p&Guard != 0:
		return errs.Numbered(errs.NotSupported, nil, "Linux has no guard pages")
	case r.shows == nil && p.copies():
		return errs.Numbered(errs.InvalidParameter, nil, "memory of VirtualAlloc cannot be copy-on-write")
	case r.shows != nil && (p&modifiers != 0 || !p.within(r.protect)):
		return errs.Numbered(errs.InvalidParameter, nil, "a view with protection %#x cannot have pages with %#x", uint32(r.protect), uint32(p))
	}
	return nil
}

// committedFrom says whether all of a range is committed, and else which page is not.
func (r *region) committedFrom(from, to uintptr) (at uintptr, committed bool) {
	for at = from; at < to; {
		seen, end := r.look(at)
		if seen.state != Commit {
			return at, false
		}
		at = end
	}
	return to, true
}

// setProtection gives committed pages a protection.
func (r *region) setProtection(from, to uintptr, p Protection) error {
	for _, part := range r.pages.within(from, to) {
		var err error
		switch own := part.value.own; {
		case r.shows != nil && !own && p.copies():
			err = r.show(part.from, part.to, p, true)
		case r.shows != nil && own && !p.copies() && !r.protect.copies():
			err = r.restore(part.from, part.to, p)
		default:
			err = r.permit(part.from, part.to, page{p, own})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// restore shows the section's own pages again, but for those that were written since
// they became copy-on-write: those are the view's own now.
func (r *region) restore(from, to uintptr, p Protection) error {
	for from < to {
		copied, end := copiedTo(from, to)
		var err error
		if copied {
			err = r.permit(from, end, page{p, true})
		} else {
			err = r.show(from, end, p, false)
		}
		if err != nil {
			return err
		}
		from = end
	}
	return nil
}

// permit is mprotect.
func (r *region) permit(from, to uintptr, p page) error {
	err := mprotect(from, to-from, p.protect.bits())
	switch {
	case err == nil:
		r.pages.set(from, to, p)
	case errors.Is(err, unix.ENOMEM):
		number := uint32(errs.NotEnoughMemory)
		if r.shows == nil {
			number = errs.CommitmentLimit
		}
		return errs.Because(err, number, nil, "not enough memory, or too many mappings (sysctl vm.max_map_count)")
	case errors.Is(err, fs.ErrPermission):
		return errs.Because(err, errs.AccessDenied, nil, "the system does not allow it")
	}
	return err
}

// States of pages.
const (
	Commit  = 0x1000
	Reserve = 0x2000
	Free    = 0x10000
)

// seen is what a page is.
type seen struct {
	state   uint32
	protect Protection // without modifiers; 0 if it is not committed
}

// look says what a page of the region is, and up to where, at the least, the same
// holds.
func (r *region) look(at uintptr) (s seen, end uintptr) {
	p, known := r.pages.at(at)
	switch {
	case !known:
		return seen{state: Reserve}, r.end()
	case p.value.protect == 0:
		return seen{state: Reserve}, p.to
	}
	end = p.to
	if r.shows != nil && r.shows.reserved() {
		var committed bool
		if committed, end = r.committed(at, end); !committed {
			return seen{state: Reserve}, end
		}
	}
	s = seen{Commit, p.value.protect}
	if p.value.own && s.protect.copies() {
		var copied bool
		if copied, end = copiedTo(at, end); copied {
			s.protect = s.protect.written()
		}
	}
	return s, end
}

// What the kernel says of a page, in /proc/self/pagemap: it is in memory, it is
// swapped out, and it is of a file or shared.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61
)

// copiedTo says whether a page of a copy-on-write mapping was written, and up to where
// the same holds. Where the kernel does not tell, none was.
func copiedTo(from, to uintptr) (copied bool, end uintptr) {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return false, to
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 8*min(4096, (to-from)/pageSize))
	for at := from; at < to; {
		n, _ := f.ReadAt(b[:min(uintptr(len(b)), (to-at)/pageSize*8)], int64(at/pageSize*8))
		if n < 8 {
			return copied, to
		}
		for i := 0; i+8 <= n; i += 8 {
			word := binary.LittleEndian.Uint64(b[i:])
			is := word&(pagePresent|pageSwapped) != 0 && word&pageOfFile == 0
			if at == from {
				copied = is
			} else if is != copied {
				return copied, at
			}
			at += pageSize
		}
	}
	return copied, to
}
