//go:build linux

package liveness

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Decision is a word in this process's own member file. Storing its sequence
// there decides a wait for all objects, once and for everybody: whoever repairs
// what a killed decider left looks at it.
type Decision struct {
	folder   *Folder
	word     *atomic.Uint64
	slot     int
	number   uint32
	sequence uint32
}

// decider lends the decision words of a folder's member.
type decider struct {
	free chan int
	last [layout.Decisions]uint32 // the sequences used last
}

func newDecider() *decider {
	d := &decider{free: make(chan int, layout.Decisions)}
	for slot := range layout.Decisions {
		d.free <- slot
	}
	return d
}

// Decision lends a decision word; the caller is a member and stays one until End.
// It blocks while all words are lent, each of which is for the length of one
// commit. The member's file stays the one it is until End.
func (f *Folder) Decision() *Decision {
	slot := <-f.decider.free
	f.deciding.RLock()
	f.mu.Lock()
	defer f.mu.Unlock()
	sequence := f.decider.last[slot]%layout.OwnerMask + 1
	f.decider.last[slot] = sequence
	return &Decision{folder: f, word: f.self.decision(slot), slot: slot, number: f.self.number, sequence: sequence}
}

// Tag names the decision in an object of this folder's directory, or of another
// one, where the folder is Global's.
func (d *Decision) Tag(f *Folder) layout.Tag {
	return layout.MakeTag(d.number, f != d.folder, d.slot, d.sequence)
}

// Decide decides.
func (d *Decision) Decide() { d.word.Store(uint64(d.sequence)) }

// End gives the word back. No object refers to the decision any more.
func (d *Decision) End() {
	d.folder.deciding.RUnlock()
	d.folder.decider.free <- d.slot
}

func (m *membership) decision(slot int) *atomic.Uint64 {
	at := unix.Getpagesize() + layout.MemberDecisions + 8*slot
	return (*atomic.Uint64)(unsafe.Add(m.ring.base, at))
}

// copyDecisions lets a member file that replaces another say what that one said.
func (m *membership) copyDecisions(from *membership) {
	for slot := range layout.Decisions {
		m.decision(slot).Store(from.decision(slot).Load())
	}
}

// Decided says whether the decision that an object names was made. The answer
// counts only with the status Dead: nobody but a decider who is alive changes it.
func (f *Folder) Decided(t layout.Tag) (decided bool, status Status) {
	if t.Global() && f.global != nil {
		f = f.global()
	}
	if f == nil {
		return false, Unknown
	}
	fd, _, err := f.open(t.Number())
	if err != nil {
		return false, Unknown
	}
	defer func() { _ = unix.Close(fd) }()
	held, err := lockfile.HeldExclusively(fd, lockfile.Holders)
	if err != nil {
		return false, Unknown
	}
	if held {
		return false, Alive
	}
	b := make([]byte, layout.MemberSize)
	if n, err := lockfile.ReadAt(fd, b, 0); err != nil || n < len(b) {
		return false, Unknown
	}
	return layout.Decided(b, t.Slot()) == uint64(t.Sequence()), Dead
}

// IsGlobal says whether this is the folder of Global.
func (f *Folder) IsGlobal() bool { return f.global == nil }

// LookIn says where the members of Global are found: an object of this folder's
// directory may name a decision of one of them.
func (f *Folder) LookIn(global func() *Folder) { f.global = global }
