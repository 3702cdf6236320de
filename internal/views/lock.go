//go:build linux

package views

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// locked is what Lock keeps in memory. The kernel does not tell what is, and does not
// mind whether it was.
var locked struct {
	sync.Mutex
	pages spans[bool]
}

// Lock keeps pages in memory.
func Lock(address, size uintptr) error {
	from, to, err := pagesOf(address, size)
	if err != nil {
		return err
	}
	var copies bool
	for at := from; at < to; {
		i, err := Query(at)
		if err != nil || i.State != Commit || i.Protect == NoAccess {
			return errs.Numbered(errs.NoAccess, nil, "the page at %#x is not committed, or cannot be accessed", at)
		}
		copies = copies || i.Protect.copies()
		at += i.Size
	}
	locked.Lock()
	defer locked.Unlock()
	if err := lock(from, to, copies); err != nil {
		for _, gap := range gaps(locked.pages, from, to) {
			_ = munlock(gap.from, gap.to) // a failed mlock leaves them marked
		}
		return errs.Because(err, errs.WorkingSetQuota, nil, "%d bytes cannot be kept in memory: the limit of locked memory (RLIMIT_MEMLOCK, ulimit -l) is too low, or no memory is left", to-from)
	}
	locked.pages.set(from, to, true)
	return nil
}

// lock is mlock. Pages that are copied when they are written would be copied by it; so
// they are locked as they come in, and read.
func lock(from, to uintptr, copies bool) error {
	if !copies {
		return call(unix.SYS_MLOCK, from, to-from, 0)
	}
	if err := call(unix.SYS_MLOCK2, from, to-from, unix.MLOCK_ONFAULT); err != nil {
		return err
	}
	err := madvise(from, to-from, unix.MADV_POPULATE_READ)
	if errors.Is(err, unix.EINVAL) {
		return nil // before Linux 5.14: they come in when they are touched
	}
	return err
}

func munlock(from, to uintptr) error { return call(unix.SYS_MUNLOCK, from, to-from, 0) }

// gaps are what of a range has no piece.
func gaps(s spans[bool], from, to uintptr) (list []span[bool]) {
	for _, p := range s.within(from, to) {
		if p.from > from {
			list = append(list, span[bool]{from: from, to: p.from})
		}
		from = p.to
	}
	if from < to {
		list = append(list, span[bool]{from: from, to: to})
	}
	return list
}

// Unlock undoes Lock, however often it was called.
func Unlock(address, size uintptr) error {
	from, to, err := pagesOf(address, size)
	if err != nil {
		return err
	}
	locked.Lock()
	defer locked.Unlock()
	if len(gaps(locked.pages, from, to)) != 0 {
		return errs.Numbered(errs.NotLocked, nil, "not all of the %d bytes at %#x are locked", size, address)
	}
	locked.pages.clear(from, to)
	return munlock(from, to)
}

// relock locks pages of a range that was locked and has been mapped anew.
func relock(from, to uintptr) error {
	locked.Lock()
	defer locked.Unlock()
	for _, p := range locked.pages.within(from, to) {
		if err := lock(p.from, p.to, true); err != nil {
			locked.pages.clear(p.from, p.to)
		}
	}
	return nil
}

// forget is called for pages that go away, and the kernel's lock with them.
func forget(from, to uintptr) {
	locked.Lock()
	defer locked.Unlock()
	locked.pages.clear(from, to)
}

// Prefetch asks the system to read pages soon. It is a hint: what is nowhere is passed
// over.
func Prefetch(address, size uintptr) error {
	if size == 0 {
		return errs.Numbered(errs.InvalidParameter, nil, "a range of no bytes")
	}
	if from, to, err := pagesOf(address, size); err == nil {
		_ = madvise(from, to-from, unix.MADV_WILLNEED) // nobody is promised anything
	}
	return nil
}

// pagesOf are the pages of a range.
func pagesOf(address, size uintptr) (from, to uintptr, err error) {
	if size == 0 || address+size < address || address+size > top() {
		return 0, 0, errs.Numbered(errs.InvalidParameter, nil, "there are no %d bytes at %#x", size, address)
	}
	return pageDown(address), pageUp(address + size), nil
}
