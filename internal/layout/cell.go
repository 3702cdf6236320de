package layout

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// Cell is the state of one synchronisation object: 64 bits that are changed by
// one compare-and-swap. The lower half is the futex word that sleepers sleep on,
// the upper half the gate.
//
//	bits 0–31   word   meaning by type, below; bit 31: somebody sleeps on it
//	bits 32–63  gate   0: open; else the number of the member that holds it
//
// The fast path of every operation is one CompareAndSwap that needs the gate
// open and nobody asleep. Everything else (waking, repair) happens with the gate
// held, and opening the gate and waking are one call of the kernel, so that no
// kill falls between them.
//
// The kernel and other languages see the halves at their addresses: the word at
// +0 and the gate at +4 (little-endian processors only).
type Cell struct{ v atomic.Uint64 }

// State is a value of a Cell.
type State uint64

// MakeState puts the halves together.
func MakeState(word, gate uint32) State { return State(uint64(gate)<<32 | uint64(word)) }

// Word is the lower half.
func (s State) Word() uint32 { return uint32(s) }

// Gate is the upper half: 0, or who holds it.
func (s State) Gate() uint32 { return uint32(s >> 32) }

// Load reads the cell.
func (c *Cell) Load() State { return State(c.v.Load()) }

// CompareAndSwap changes the cell from old to next, or not at all.
func (c *Cell) CompareAndSwap(old, next State) bool {
	return c.v.CompareAndSwap(uint64(old), uint64(next))
}

// StoreUnderGate writes the word while the caller holds the gate, which keeps
// every other process from changing the cell.
func (c *Cell) StoreUnderGate(word, gate uint32) { c.v.Store(uint64(MakeState(word, gate))) }

// The bits of a word.
const (
	// SleepersBit: somebody sleeps on the word, or did. It is set only by a
	// compare-and-swap of the whole cell with the gate open, and cleared only
	// under the gate just before everybody is woken: so a word without it has
	// no sleepers, and a change of such a word needs no wake.
	SleepersBit = 1 << 31

	// Mutex: bits 0–29 are the number of the owning member, 0 if it is free.
	// With AbandonedBit the owner is the one who left it without unlocking while
	// its process lived on: the mutex is free, and the next owner is told.
	OwnerMask    = 1<<30 - 1
	AbandonedBit = 1 << 30

	// Event: bit 0 is the signal, bits 1–30 the generation, which moves with
	// every change from reset to set. A waiter on a manual-reset event is
	// released by the signal, now or when it began, or by another generation
	// than it began with: so Set followed by Reset releases all who waited.
	SignaledBit    = 1
	generationStep = 2
	generationMask = SleepersBit - generationStep
)

// Kind selects the rules of a word.
type Kind uint8

// The kinds of words.
const (
	MutexWord Kind = iota
	ManualEventWord
	AutoEventWord
)

// Sound says whether a state can occur at all. A state that is not sound was
// written by nobody who follows the rules.
func (k Kind) Sound(s State) bool {
	if s.Gate() > OwnerMask {
		return false
	}
	w := s.Word()
	return k != MutexWord || w&OwnerMask != 0 || w&AbandonedBit == 0
}

// Verdict is what Take says.
type Verdict uint8

// The verdicts.
const (
	Blocked   Verdict = iota // it cannot be had now
	Taken                    // it can: store next
	Inherited                // as Taken, but the one who had it before left without unlocking
)

// Claim is a wait for one object: by whom, and since when.
type Claim struct {
	Kind  Kind
	Me    uint32 // the waiter's member number
	Start uint32 // the word when the wait began
}

// Take says whether a waiter can have the object in this state of its word, and
// what the word is afterwards. It keeps the sleepers bit.
func (c Claim) Take(word uint32) (next uint32, v Verdict) {
	switch c.Kind {
	case MutexWord:
		switch {
		case word&OwnerMask == 0:
			return word&SleepersBit | c.Me, Taken
		case word&AbandonedBit != 0:
			return word&SleepersBit | c.Me, Inherited
		}
	case AutoEventWord:
		if word&SignaledBit != 0 {
			return word &^ SignaledBit, Taken
		}
	case ManualEventWord:
		// Signaled when the wait began is enough: a Set that came since may have
		// found it signaled, and moved nothing, before a Reset.
		if (word|c.Start)&SignaledBit != 0 || (word^c.Start)&generationMask != 0 {
			return word, Taken
		}
	}
	return word, Blocked
}

// TakeOver is Take for a mutex whose owner is known to be dead: what the word
// becomes.
func (c Claim) TakeOver(word uint32) (next uint32) { return word&SleepersBit | c.Me }

// Owner returns who owns the mutex and must be alive for a waiter to wait; 0 if
// there is no such process.
func (k Kind) Owner(word uint32) uint32 {
	if k == MutexWord && word&AbandonedBit == 0 {
		return word & OwnerMask
	}
	return 0
}

// Unlocked is the word of a mutex after its owner unlocked it.
func Unlocked(word uint32) uint32 { return word & SleepersBit }

// Abandon is the word of a mutex after its owner left it without unlocking.
func Abandon(word uint32) uint32 { return word | AbandonedBit }

// SetEvent is the word of an event after Set.
func SetEvent(word uint32) uint32 {
	if word&SignaledBit != 0 {
		return word
	}
	generation := (word + generationStep) & generationMask
	return word&SleepersBit | generation | SignaledBit
}

// ResetEvent is the word of an event after Reset.
func ResetEvent(word uint32) uint32 { return word &^ SignaledBit }

// NewEvent is the word of an event that nobody has used.
func NewEvent(signaled bool) uint32 {
	if signaled {
		return SignaledBit
	}
	return 0
}

// FutexWord is the lower half as the kernel sees it.
func (c *Cell) FutexWord() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(c)) }

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
