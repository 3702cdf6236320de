//go:build linux

package views

import (
	"errors"
	"slices"
	"sort"
	"sync"

	"atoll/internal/errs"
	"atoll/internal/usage"
)

// region is a view or an area: what one call has allocated. Who works on it counts
// itself in, so that nothing is unmapped under a call.
type region struct {
	usage.Usage
	base, size uintptr
	room       uintptr    // what it keeps others from allocating: size up to 64 KiB
	protect    Protection // when it was allocated
	modifier   Protection // of all its pages
	shows      *shown     // of a view

	changing sync.Mutex
	pages    spans[page]
}

// page is the state of a page.
type page struct {
	protect Protection // 0: reserved, in an area
	// own: of a view, the page is copied when it is written, or was.
	own bool
}

func (r *region) end() uintptr { return r.base + r.size }

// regions are all views and areas of this process, by address.
var regions struct {
	sync.RWMutex
	list []*region
}

// position is where the first region is that ends behind an address. Under the lock.
func position(address uintptr) int {
	return sort.Search(len(regions.list), func(i int) bool { return regions.list[i].end() > address })
}

func (r *region) insert() {
	r.Init()
	regions.Lock()
	defer regions.Unlock()
	regions.list = slices.Insert(regions.list, position(r.base), r)
}

// enter finds the region at an address and counts the caller in; nil: there is none.
func enter(address uintptr) *region {
	regions.RLock()
	defer regions.RUnlock()
	i := position(address)
	if i == len(regions.list) || regions.list[i].base > address || !regions.list[i].Enter() {
		return nil
	}
	return regions.list[i]
}

// enterPages is enter for a range of which every page must be in the region.
func enterPages(address, size uintptr) (r *region, from, to uintptr, err error) {
	if from, to, err = pagesOf(address, size); err != nil {
		return nil, 0, 0, err
	}
	r = enter(address)
	if r == nil {
		return nil, 0, 0, notAllocated(address)
	}
	if to > r.end() {
		r.Leave()
		return nil, 0, 0, errs.Numbered(errs.InvalidAddress, nil, "the %d bytes at %#x reach past the end, at %#x", size, address, r.end())
	}
	return r, from, to, nil
}

// take removes the region at an address, of which is must be true, and waits for who
// is inside. The caller gives its address space back.
func take(address uintptr, is func(*region) error) (*region, error) {
	r, err := remove(address, is)
	if err != nil {
		return nil, err
	}
	r.End()
	return r, nil
}

func remove(address uintptr, is func(*region) error) (*region, error) {
	regions.Lock()
	defer regions.Unlock()
	i := position(address)
	if i == len(regions.list) || regions.list[i].base > address {
		return nil, notAllocated(address)
	}
	r := regions.list[i]
	if err := is(r); err != nil {
		return nil, err
	}
	regions.list = slices.Delete(regions.list, i, i+1)
	return r, nil
}

// giveBack unmaps a region that nobody finds any more.
func (r *region) giveBack() error {
	forget(r.base, r.end())
	err := munmap(r.base, r.room)
	if r.shows != nil {
		err = errors.Join(err, r.shows.close())
	}
	return err
}

func notAllocated(address uintptr) error {
	return errs.Numbered(errs.InvalidAddress, nil, "address %#x is in no view, and not of VirtualAlloc", address)
}
