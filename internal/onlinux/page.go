//go:build linux

package onlinux

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
	"weak"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/namespace"
)

// statePage is the first page of an object's file, mapped. It is unmapped when
// nothing refers to it any more.
type statePage struct {
	at    unsafe.Pointer
	key   attachmentKey
	users atomic.Int32 // attachments that have handles
}

// mapped are the pages of objects that this process has let go of and others have
// not. To unmap a page and map it again costs more than all else that an open does, so
// an object that is opened again before the collector has come gets the page that is
// still there. It is the same file's: the mapping keeps the file's number from going to
// another one. And it says nothing of the object but what a new mapping would, so an
// open decides without it whether the object exists, and what this process may do.
var mapped = struct {
	sync.Mutex
	pages map[attachmentKey]weak.Pointer[statePage]
}{pages: map[attachmentKey]weak.Pointer[statePage]{}}

// pageOf maps an object's page, or finds it.
func pageOf(o *namespace.Object) (*statePage, error) {
	k := keyOf(o)
	mapped.Lock()
	p := mapped.pages[k].Value()
	mapped.Unlock()
	if p != nil {
		return p, nil
	}
	protection := unix.PROT_READ
	if o.Writable {
		protection |= unix.PROT_WRITE
	}
	at, err := unix.MmapPtr(o.FD, 0, nil, layout.StateMapSize, protection, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map state: %w", err)
	}
	idle.pages.Add(1)
	p = &statePage{at: at, key: k}
	runtime.AddCleanup(p, func(at unsafe.Pointer) { unmap(k, at) }, at)
	return p, nil
}

// keep has the next open of the object find the page.
func (p *statePage) keep() {
	mapped.Lock()
	defer mapped.Unlock()
	mapped.pages[p.key] = weak.Make(p)
}

// unmap ends a page that was collected. Its object may have been opened again
// meanwhile, and have another.
func unmap(k attachmentKey, at unsafe.Pointer) {
	mapped.Lock()
	if w, ok := mapped.pages[k]; ok && w.Value() == nil {
		delete(mapped.pages, k)
	}
	mapped.Unlock()
	dead.Lock()
	defer dead.Unlock()
	if dead.pages = append(dead.pages, at); len(dead.pages) == 1 {
		go unmapDead()
	}
}

// dead are pages that are to be unmapped. The collector finds many at once, most of
// which lie side by side: one call for all of them interrupts the other processors once.
var dead struct {
	sync.Mutex
	pages []unsafe.Pointer
}

// manyDead is how many pages are unmapped at once.
const manyDead = 256

func unmapDead() {
	var pages []unsafe.Pointer
	for seen := -1; pages == nil; runtime.Gosched() { // the collector's goroutine has more
		dead.Lock()
		if n := len(dead.pages); n == seen || n >= manyDead {
			pages, dead.pages = dead.pages, nil
		} else {
			seen = n
		}
		dead.Unlock()
	}
	slices.SortFunc(pages, func(a, b unsafe.Pointer) int { return cmp.Compare(uintptr(a), uintptr(b)) })
	for len(pages) > 0 {
		n := 1
		for n < len(pages) && pages[n] == unsafe.Add(pages[0], n*layout.StateMapSize) {
			n++
		}
		_ = unix.MunmapPtr(pages[0], uintptr(n)*layout.StateMapSize)
		idle.pages.Add(-int64(n))
		pages = pages[n:]
	}
}

// use counts the attachments that use the page, and itself among the idle ones.
func (p *statePage) use(n int32) {
	switch users := p.users.Add(n); {
	case n > 0 && users == 1:
		idle.pages.Add(-1)
	case users == 0:
		idle.pages.Add(1)
	}
}
