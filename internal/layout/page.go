package layout

import (
	"sync/atomic"
	"unsafe"
)

// Page is the state of a synchronisation object as it lies in the mapped file,
// from StateOffset on. Cell decides everything; what else is here is written
// under the gate, or is for people only.
type Page struct {
	Cell Cell
	// Wakes counts, under the gate, how often everybody was woken. It is what
	// sleepers sleep on: one that read it before it registered cannot fall asleep
	// after a wake that took its registration away, whatever the word is by then.
	Wakes atomic.Uint32
	// Waiters counts those who wait for an auto-reset event, from before they join
	// until after they have left. Those who were killed are counted for ever: then
	// a Set gives grants that nobody takes.
	Waiters atomic.Uint32
	_       [48]byte // a cache line of its own

	Pending Pending
	_       [48]byte

	// Since when an owner has been seen owning the mutex, by the first who had
	// to wait for it. For people.
	Since      atomic.Int64 // nanoseconds since 1970
	SinceOwner atomic.Uint32
	_          [52]byte

	// Settings are a timer's; the word says which of the two counts.
	Settings [2]Setting

	// Waiting says which processes wait, and how many goroutines of each. For
	// people: what is wrong here deceives nobody but them.
	Waiting [Seats]Waiting
}

// Seats is how many waiting processes an object can show.
const Seats = 31

// Waiting is one process that waits.
type Waiting struct {
	Number atomic.Uint32 // of the member; 0: free
	Count  atomic.Uint32
}

// Pending is what an object becomes when the wait for all objects that holds its
// gate has been decided.
type Pending struct {
	Word atomic.Uint32
	_    [4]byte
	Tag  atomic.Uint64 // a Tag; 0: nothing is pending
}

// Tag names a decision: a word in the file of a member.
//
//	bits 0–29   sequence, never 0
//	bits 30–32  slot
//	bit 33      the member is one of Global, not of the object's own directory
//	bits 34–63  number of the member
type Tag uint64

// MakeTag puts one together.
func MakeTag(number uint32, global bool, slot int, sequence uint32) Tag {
	t := Tag(number)<<34 | Tag(slot)<<30 | Tag(sequence&OwnerMask)
	if global {
		t |= 1 << 33
	}
	return t
}

// Number is the member's.
func (t Tag) Number() uint32 { return uint32(t >> 34) }

// Global says in which directory the member is to be looked up.
func (t Tag) Global() bool { return t>>33&1 != 0 }

// Slot is which of the member's decision words.
func (t Tag) Slot() int { return int(t >> 30 & (Decisions - 1)) }

// Sequence is what the word says if it has been decided.
func (t Tag) Sequence() uint32 { return uint32(t & OwnerMask) }

// The places of the fields, for the layout's signature and for readers of files.
const (
	wakesOffset    = unsafe.Offsetof(Page{}.Wakes)
	waitersOffset  = unsafe.Offsetof(Page{}.Waiters)
	pendingOffset  = unsafe.Offsetof(Page{}.Pending)
	sinceOffset    = unsafe.Offsetof(Page{}.Since)
	settingsOffset = unsafe.Offsetof(Page{}.Settings)
	serialOffset   = unsafe.Offsetof(Setting{}.serial)
	waitingOffset  = unsafe.Offsetof(Page{}.Waiting)
	pageSize       = unsafe.Sizeof(Page{})
)

// PageOf interprets the bytes of a file's state region, which must be StateSize
// long and aligned to 8.
func PageOf(region unsafe.Pointer) *Page { return (*Page)(region) }

// ReadPage copies the state out of the beginning of a file; false if it does not
// reach that far.
func ReadPage(file []byte) (*Page, bool) {
	if len(file) < StateOffset+StateSize {
		return nil, false
	}
	p := new(Page)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(p)), pageSize), file[StateOffset:])
	return p, true
}
