//go:build linux

package kernel32

import (
	"sync"
	"sync/atomic"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Handle is a handle of this process: four times the number of a slot in the table,
// so that the low two bits are free, as on Windows.
type Handle uintptr

// Pseudo-handles.
const (
	CurrentProcess = ^Handle(0)
	CurrentThread  = ^Handle(1)
)

// Flags of a handle.
const (
	Inherit uint32 = 1 << iota
	ProtectFromClose
)

// object is what handles lead to.
type object interface {
	// retire ends what lasts only as long as the handle, as a name does; calls that
	// are inside may go on.
	retire()
	// close gives the object back; nobody is inside any more.
	close()
	// same says whether the other leads to the same thing.
	same(other object) bool
	// duplicate makes another of it for a handle, whose rights it says, by those of
	// the handle that there is.
	duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error)
}

// entry is one handle: an object, and what may be done with it through this handle.
//
// A call that uses it counts itself in, so that CloseHandle takes nothing away from
// a thread that waits: the object is given back by whoever leaves last.
type entry struct {
	object  object
	kind    access.Kind
	granted access.Mask
	flags   atomic.Uint32
	uses    atomic.Int64 // the table's, and one for each call inside
}

// enter counts a call in; false: the handle has been closed, and nobody is inside.
func (e *entry) enter() bool {
	for {
		n := e.uses.Load()
		if n == 0 {
			return false
		}
		if e.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (e *entry) leave() {
	if e.uses.Add(-1) == 0 {
		e.object.close()
	}
}

// Slots are found without a lock: blocks of them never move.
const (
	blockSlots = 1 << 10
	maxBlocks  = 1 << 14 // 2^24 handles, as Windows has
)

type block struct {
	slots [blockSlots]atomic.Pointer[entry]
	used  int // under the table's lock
}

// table is the handles of this process. Slot 0 stays empty: no handle is 0.
var table struct {
	blocks [maxBlocks]atomic.Pointer[block]
	sync.Mutex
	lowest int // no slot below it is free
}

var (
	errInvalidHandle = errs.Numbered(errs.InvalidHandle, nil, "no such handle in this process")
	errTooMany       = errs.Numbered(errs.NoResources, nil, "this process has %d handles already", blockSlots*maxBlocks-1)
)

// slot is where a handle's entry is; nil: nowhere.
func slot(h Handle) *atomic.Pointer[entry] {
	n := uint64(h >> 2)
	if n == 0 || n >= blockSlots*maxBlocks {
		return nil
	}
	b := table.blocks[n/blockSlots].Load()
	if b == nil {
		return nil
	}
	return &b.slots[n%blockSlots]
}

// find counts the caller into the entry of a handle, who must leave it.
func find(h Handle) (*entry, error) {
	adopt()
	if s := slot(h); s != nil {
		if e := s.Load(); e != nil && e.enter() {
			return e, nil
		}
	}
	return nil, errInvalidHandle
}

// use is find for a call that needs an object of type T, and rights. As on Windows,
// another type is noticed before a missing right.
func use[T object](h Handle, needed access.Mask) (o T, e *entry, err error) {
	if e, err = find(h); err != nil {
		return o, nil, err
	}
	o, ok := e.object.(T)
	if !ok {
		e.leave()
		return o, nil, errs.Numbered(errs.InvalidHandle, nil, "the handle is of another type: %s", e.kind)
	}
	if err := e.may(needed); err != nil {
		e.leave()
		return o, nil, err
	}
	return o, e, nil
}

func (e *entry) may(needed access.Mask) error {
	if needed&^e.granted == 0 {
		return nil
	}
	return access.Check(e.kind, e.granted, needed)
}

func newEntry(o object, kind access.Kind, granted access.Mask, flags uint32) *entry {
	e := &entry{object: o, kind: kind, granted: granted}
	e.flags.Store(flags)
	e.uses.Store(1)
	return e
}

// insert gives the lowest free handle to an object, which it closes if it fails.
func insert(o object, kind access.Kind, granted access.Mask, flags uint32) (Handle, error) {
	adopt()
	h := putLowest(newEntry(o, kind, granted, flags))
	if h == 0 {
		o.retire()
		o.close()
		return 0, errTooMany
	}
	return h, nil
}

// putLowest puts an entry into the lowest slot that is free; 0: none is.
func putLowest(e *entry) Handle {
	table.Lock()
	defer table.Unlock()
	for n := max(table.lowest, 1); n < blockSlots*maxBlocks; n++ {
		b := blockOf(n)
		if b.used == blockSlots {
			n |= blockSlots - 1 // on to the next block
			continue
		}
		if b.slots[n%blockSlots].Load() != nil {
			continue
		}
		b.slots[n%blockSlots].Store(e)
		b.used++
		table.lowest = n + 1
		return Handle(n << 2)
	}
	table.lowest = blockSlots * maxBlocks
	return 0
}

// blockOf is the block of a slot, under the table's lock. Slot 0 counts as used.
func blockOf(n int) *block {
	at := &table.blocks[n/blockSlots]
	if at.Load() == nil {
		b := new(block)
		if n < blockSlots {
			b.used = 1
		}
		at.Store(b)
	}
	return at.Load()
}

// place puts an entry at a handle of the caller's choice, where none is: what was
// inherited has the value that it had in the parent. false: there is one, or there
// can be none; the object stays the caller's.
func place(h Handle, o object, kind access.Kind, granted access.Mask, flags uint32) bool {
	n := uint64(h >> 2)
	if n == 0 || n >= blockSlots*maxBlocks {
		return false
	}
	table.Lock()
	defer table.Unlock()
	b := blockOf(int(n))
	if !b.slots[n%blockSlots].CompareAndSwap(nil, newEntry(o, kind, granted, flags)) {
		return false
	}
	b.used++
	return true
}

// take removes a handle's entry from the table, unless it is protected. The caller
// must let it go.
func take(h Handle) (*entry, error) {
	adopt()
	table.Lock()
	defer table.Unlock()
	s := slot(h)
	if s == nil || s.Load() == nil {
		return nil, errInvalidHandle
	}
	e := s.Load()
	if !change(h, e, nil) {
		return nil, errs.Numbered(errs.InvalidHandle, nil, "the handle is protected from being closed")
	}
	return e, nil
}

// exchange puts an entry, or none, in the place of one that is still there and not
// protected, and which the caller must let go then.
func exchange(h Handle, old, by *entry) bool {
	table.Lock()
	defer table.Unlock()
	return change(h, old, by)
}

// change is exchange under the table's lock.
func change(h Handle, old, by *entry) bool {
	if old.protected() || !slot(h).CompareAndSwap(old, by) {
		return false
	}
	if n := int(h >> 2); by == nil {
		blockOf(n).used--
		table.lowest = min(table.lowest, n)
	}
	return true
}

// protected, too, is decided under the table's lock.
func (e *entry) protected() bool { return e.flags.Load()&ProtectFromClose != 0 }

// letGo ends the table's use of an entry that take has removed.
func (e *entry) letGo() {
	e.object.retire()
	e.leave()
}

// each calls f with every handle there is. It is also called while what was inherited
// is taken over, and so does not ask for that.
func each(f func(Handle, *entry)) {
	for i := range table.blocks {
		b := table.blocks[i].Load()
		if b == nil {
			continue // what was inherited can lie far behind
		}
		for j := range b.slots {
			if e := b.slots[j].Load(); e != nil && e.enter() {
				f(Handle((i*blockSlots+j)<<2), e)
				e.leave()
			}
		}
	}
}

// adoption is how this process takes over what its parent gave it, before anything
// else is done with the table.
var adoption struct {
	sync.Once
	inherit func() // set by what reads it; nil: nothing
}

func adopt() {
	adoption.Do(func() {
		if adoption.inherit != nil {
			adoption.inherit()
		}
	})
}
