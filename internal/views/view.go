//go:build linux

package views

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/mapping"
	"atoll/internal/namespace"
)

// shown is what a view shows: an object, which it holds by itself, and where in which
// file it begins.
type shown struct {
	object *namespace.Object
	file   *file // of a section over a file
	offset int64
}

func (s *shown) descriptor() int {
	if s.file != nil {
		return s.file.fd
	}
	return s.object.FD
}

// reserved says whether pages may be there that nobody has committed.
func (s *shown) reserved() bool {
	return s.object.Header.Has(layout.FlagReserve) && s.file == nil
}

func (s *shown) close() error {
	if s.file != nil {
		s.file.close()
	}
	return s.object.DropView()
}

// file is the descriptor of a file for all views of this process that show it through
// one section: pages that become copy-on-write, or stop to be, are mapped anew. It is
// a duplicate, so what is locked through the section's stays locked.
type file struct {
	fd, views int
	key       fileKey
}

type fileKey struct {
	object *namespace.Object
	write  bool
}

var files struct {
	sync.Mutex
	open map[fileKey]*file
}

func openFile(object *namespace.Object, fd int) (*file, error) {
	mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return nil, err
	}
	key := fileKey{object, mode&unix.O_ACCMODE == unix.O_RDWR}
	files.Lock()
	defer files.Unlock()
	f := files.open[key]
	if f == nil {
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("duplicate the file's descriptor: %w", err)
		}
		if files.open == nil {
			files.open = make(map[fileKey]*file)
		}
		f = &file{fd: fd, key: key}
		files.open[key] = f
	}
	f.views++
	return f, nil
}

func (f *file) close() {
	files.Lock()
	defer files.Unlock()
	if f.views--; f.views == 0 {
		delete(files.open, f.key)
		_ = unix.Close(f.fd)
	}
}

// absurd says whether nothing has such a length or address.
func absurd(n uintptr) bool { return uint64(n) >= addressSpace }

// Wanted is a view that somebody asks for.
type Wanted struct {
	Protection Protection
	Modifier   Protection // NoCache or WriteCombine: shown by Query, without effect
	Base       uintptr    // 0: anywhere
	Offset     uint64     // a multiple of Granularity
	Length     uintptr    // 0: to the end
}

// Map shows a part of a section.
func Map(s mapping.Section, w Wanted) (base uintptr, err error) {
	length, err := w.check(s)
	if err != nil {
		return 0, err
	}
	if err := s.AddView(); err != nil {
		return 0, err
	}
	r := &region{
		size: pageUp(length), room: granularUp(pageUp(length)),
		protect: w.Protection, modifier: w.Modifier,
		shows: &shown{object: s.Object, offset: s.Header.DataOffset + int64(w.Offset)},
	}
	if err := r.place(s.File, w.Base); err != nil {
		return 0, errors.Join(err, r.shows.close())
	}
	r.insert()
	return r.base, nil
}

// check refuses what Windows does, in its order: rights, alignment, protection, size.
func (w *Wanted) check(s mapping.Section) (length uintptr, err error) {
	p := access.Protection(s.Header.Protection)
	size, right := uint64(s.Header.Size), meaning[w.Protection].right
	if err := w.Protection.valid(); err != nil {
		return 0, err
	}
	if absurd(w.Length) {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "no view has %d bytes", w.Length)
	}
	if err := access.Check(access.Section, s.Rights, right); err != nil {
		return 0, err
	}
	switch {
	case absurd(w.Base):
		return 0, errs.Numbered(errs.InvalidParameter, nil, "no program has address %#x", w.Base)
	case w.Base%Granularity != 0:
		return 0, errs.Numbered(errs.MappedAlignment, nil, "address %#x is not a multiple of %d", w.Base, Granularity)
	case w.Offset%Granularity != 0:
		return 0, errs.Numbered(errs.MappedAlignment, nil, "offset %d is not a multiple of %d", w.Offset, Granularity)
	case right&^p.Usual() != 0:
		return 0, errs.Numbered(errs.InvalidParameter, nil, "a %s section has no such views", p)
	case w.Offset >= size || uint64(w.Length) > size-w.Offset:
		return 0, errs.Numbered(errs.AccessDenied, nil, "%d bytes from offset %d are not inside the section of %d bytes", w.Length, w.Offset, size)
	case w.Length != 0:
		return w.Length, nil
	case size-w.Offset >= addressSpace:
		return 0, errs.Numbered(errs.NotEnoughMemory, nil, "%d bytes do not fit into the address space", size-w.Offset)
	}
	return uintptr(size - w.Offset), nil
}

// place maps the view.
func (r *region) place(fd int, base uintptr) (err error) {
	s := r.shows
	if s.object.Header.Has(layout.FlagFile) {
		if s.file, err = openFile(s.object, fd); err != nil {
			return err
		}
	}
	align, phase := uintptr(Granularity), uintptr(0)
	if s.object.Header.Has(layout.FlagLargePages) {
		align, phase = layout.LargePage, uintptr(s.offset)%layout.LargePage
	}
	if r.base, err = reserve(base, r.room, align, phase); err != nil {
		return occupied(err, base, r.room)
	}
	if err := r.show(r.base, r.end(), r.protect, r.protect.copies()); err != nil {
		_ = munmap(r.base, r.room)
		return err
	}
	return nil
}

// show maps pages of the section into the view: the section's own, or such as are
// copied when they are written.
func (r *region) show(from, to uintptr, p Protection, own bool) error {
	flags := unix.MAP_SHARED
	if own {
		flags = unix.MAP_PRIVATE
	}
	s := r.shows
	_, err := mmap(from, to-from, p.bits(), flags|unix.MAP_FIXED, s.descriptor(), s.offset+int64(from-r.base))
	if err != nil {
		return backing.MapFailure(err, 0, int64(to-from), p.bits()&unix.PROT_EXEC != 0)
	}
	if s.object.Header.Has(layout.FlagLargePages) {
		_ = madvise(from, to-from, unix.MADV_HUGEPAGE) // a kernel without them maps small ones
	}
	if s.reserved() {
		trap(from, to)
	}
	r.pages.set(from, to, page{p, own})
	return relock(from, to)
}

// Unmap unmaps the view at an address, which may be any inside it.
func Unmap(address uintptr) error {
	r, err := take(address, func(r *region) error {
		if r.shows == nil {
			return errs.Numbered(errs.InvalidAddress, nil, "address %#x is of VirtualAlloc, and in no view", address)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.giveBack()
}

// Flush writes what was written to a view from an address on to its file, and waits
// for the disk. length 0, and what is too long, reaches to the end of the view.
func Flush(address, length uintptr) error {
	r := enter(address)
	if r == nil {
		return notAllocated(address)
	}
	defer r.Leave()
	switch {
	case r.shows == nil:
		return errs.Numbered(errs.InvalidAddress, nil, "address %#x is of VirtualAlloc, and in no view", address)
	case r.shows.file == nil:
		return nil
	case length == 0 || length > r.end()-address:
		length = r.end() - address
	}
	from := pageDown(address)
	err := call(unix.SYS_MSYNC, from, pageUp(address+length)-from, unix.MS_SYNC)
	return errs.Because(err, errs.InPageError, nil, "the system could not write the pages")
}
