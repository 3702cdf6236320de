package layout

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// Cell is the state of one synchronisation object: 64 bits that are changed by
// one compare-and-swap.
//
//	bits 0–31   word   meaning by type, see words.go
//	bits 32–63  gate   0:         open, nobody sleeps
//	                   oneBit|N:  open, only goroutines of member N sleep
//	                   Many:      open, several processes sleep
//	                   N:         closed, held by member N
//	                   Many|N:    closed, held by member N in a wait for all
//	                   Many|oneBit|N: the same, and somebody sleeps on the gate
//
// The fast path of every operation is one CompareAndSwap that needs the gate
// open and nobody asleep. Everything else (waking other processes, repair)
// happens with the gate held, and opening the gate and waking are one call of the
// kernel, so that no kill falls between them. Only a gate that is held in a wait for
// all can be opened without the kernel, if nobody sleeps: whoever is about to sleep
// on it marks it first.
//
// The kernel and other languages see the halves at their addresses: the word at
// +0 and the gate at +4 (little-endian processors only).
type Cell struct{ v atomic.Uint64 }

// State is a value of a Cell.
type State uint64

// The values of an open gate that are not 0. They are set only by a
// compare-and-swap of the whole cell with the gate open, and cleared only under
// the gate just before everybody is woken; the one process that sleeps may clear
// its own when nobody sleeps in it any more.
const (
	oneBit = 1 << 30
	Many   = 1 << 31
)

// OwnerMask is the highest number of a member.
const OwnerMask = 1<<30 - 1

// MakeState puts the halves together.
func MakeState(word, gate uint32) State { return State(uint64(gate)<<32 | uint64(word)) }

// Word is the lower half.
func (s State) Word() uint32 { return uint32(s) }

// Gate is the upper half.
func (s State) Gate() uint32 { return uint32(s >> 32) }

// Holder is who holds the gate, 0 if it is open.
func (s State) Holder() uint32 {
	if s.Gate()>>30 == oneBit>>30 {
		return 0
	}
	return s.Gate() & OwnerMask
}

// HeldForAll is the state with its gate held by member me in a wait for all.
func (s State) HeldForAll(me uint32) State { return MakeState(s.Word(), Many|me) }

// IsForAll says whether the gate is held in a wait for all.
func (s State) IsForAll() bool { return s.Gate()&Many != 0 && s.Holder() != 0 }

// Marked is the state that says that somebody sleeps on the gate, if its holder has
// to be told.
func (s State) Marked() State {
	if s.IsForAll() {
		return s | oneBit<<32
	}
	return s
}

// Sleeper is the one member that sleeps, 0 if nobody or several do, or if the gate
// is closed, which hides it.
func (s State) Sleeper() uint32 {
	if gate := s.Gate(); gate>>30 == oneBit>>30 {
		return gate &^ oneBit
	}
	return 0
}

// With is the state with another word and the same gate.
func (s State) With(word uint32) State { return MakeState(word, s.Gate()) }

// soundGate says whether the upper half is one of those above.
func (s State) soundGate() bool {
	return s.Gate()&oneBit == 0 || s.Gate()&OwnerMask != 0
}

// Load reads the cell.
func (c *Cell) Load() State { return State(c.v.Load()) }

// CompareAndSwap changes the cell from old to next, or not at all.
func (c *Cell) CompareAndSwap(old, next State) bool {
	return c.v.CompareAndSwap(uint64(old), uint64(next))
}

// StoreUnderGate writes the word while the caller holds the gate, which keeps
// every other process from changing the cell.
func (c *Cell) StoreUnderGate(word, gate uint32) { c.v.Store(uint64(MakeState(word, gate))) }

// GateWord is the upper half as the kernel sees it.
func (c *Cell) GateWord() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Add(unsafe.Pointer(c), 4)) }

// PutState writes the first state into the bytes of a file that is being made.
func PutState(file []byte, s State) {
	binary.LittleEndian.PutUint64(file[StateOffset:], uint64(s))
}

// GetState reads a state out of the bytes of a file, for inspection; false if
// they do not reach that far.
func GetState(file []byte) (State, bool) {
	if len(file) < StateOffset+8 {
		return 0, false
	}
	return State(binary.LittleEndian.Uint64(file[StateOffset:])), true
}
