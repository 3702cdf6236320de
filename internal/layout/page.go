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
	// Pending is what the word becomes if the wait for all has been decided that holds
	// the gate. Only its holder writes it, and only who finds that one dead reads it:
	// so it needs no atomic instruction.
	Pending uint32
	_       [108]byte

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
