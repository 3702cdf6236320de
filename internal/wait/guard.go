//go:build linux

package wait

import (
	"errors"
	"io/fs"
	"runtime/debug"
	"unsafe"

	"atoll/internal/errs"
	"atoll/internal/layout"
)

// The page of an object whose file somebody else may write can vanish at any
// instruction: its file is truncated, and what touches the page faults, which ends
// a Go program. So whoever enters this package by way of such an object does it
// under a guard, which turns the fault into an error. The object is lost then,
// whatever its state was; what must be right afterwards is everything else: our
// locks, our counts, and the other objects of a wait.
//
// Objects that only this user may write pay a comparison.

// Writers says who else may write an object's file.
type Writers struct {
	UID  uint32 // its owner
	Mode uint32
}

// guard runs f, which touches the page.
func (s *Slot) guard(f func() error) (err error) {
	if s.writers == nil {
		return f()
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = s.lost(r)
			s.Recall() // the others who wait find it out, too
		}
	}()
	return f()
}

// lost turns a fault in the page into an error. Any other panic goes on.
func (s *Slot) lost(r any) error {
	if !s.faulted(r) {
		panic(r)
	}
	return errs.New(errs.ErrCorrupt, "the object's file was truncated while it was in use, by somebody who may write it (it belongs to uid %d and has mode %#o); the object is lost: close it, and create it anew", s.writers.UID, s.writers.Mode&0o7777)
}

func (s *Slot) faulted(r any) bool {
	var fault interface {
		error
		Addr() uintptr
	}
	err, ok := r.(error)
	if !ok || !errors.As(err, &fault) {
		return false
	}
	page := uintptr(unsafe.Pointer(s.page)) &^ (layout.StateMapSize - 1)
	return fault.Addr()-page < layout.StateMapSize
}

// guard is Slot.guard for what touches the pages of all the waiter's objects.
func (w *Waiter) guard(f func() error) (err error) {
	if !w.guarded {
		return f()
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		for _, e := range w.entries {
			if e.slot.writers != nil && e.slot.faulted(r) {
				err = e.slot.lost(r)
				e.slot.Recall()
				return
			}
		}
		panic(r)
	}()
	return f()
}

// MayChange refuses what a reader cannot do.
//
// # Errors
//
// fs.ErrPermission.
func (s *Slot) MayChange() error {
	if s.reader {
		return errs.New(fs.ErrPermission, "the object's file may only be read by this user, which allows to wait for it, but not to change it: open it with the access Wait")
	}
	return nil
}

// nobodys is a cell on which every fast path fails: its gate is held.
var nobodys = func() *layout.Cell {
	c := new(layout.Cell)
	c.StoreUnderGate(0, layout.OwnerMask)
	return c
}()

// Fast is the object's cell for fast paths, which touch it without a guard. Of an
// object that needs one it is another, on which they all fail.
func (s *Slot) Fast() *layout.Cell { return s.fast }

// FastPage is the object's page for fast paths by which anybody is signaled or takes,
// nil where there are none: what may be there only to be read, or be read by those
// who cannot say that they sleep, or vanish.
func (s *Slot) FastPage() *layout.Page {
	if !s.HasFast() || s.reader || s.readers || s.kind.IsTimer() {
		return nil
	}
	return s.page
}

// QuickStep is how far a quick signal moves the state.
func (s *Slot) QuickStep() layout.State { return s.kind.QuickStep() }

// Quick says whether the fast paths can start from a state.
func (s *Slot) Quick(low layout.State) bool {
	return s.kind.Quick(low, s.limit)
}

// HasFast says whether the object's own cell is the one for fast paths.
func (s *Slot) HasFast() bool { return s.fast == s.cell }

// Change applies next to the object's word, and returns the word before. Whoever
// it releases is woken. It blocks only while another process holds the gate.
//
// allowed is asked first, with the word; it may be nil.
//
// # Errors
//
// What allowed says. ErrStuck: another process holds the gate and does not let
// go of it. ErrCorrupt. fs.ErrPermission: the page may only be read.
func (s *Slot) Change(next layout.Change, allowed func(word uint32) error) (old uint32, err error) {
	if s.writers == nil && !s.reader {
		return s.change(next, allowed)
	}
	err = s.modify(func() (err error) { old, err = s.change(next, allowed); return err })
	return old, err
}

// Retract applies next without waking anybody: a change that releases no waiter.
//
// # Errors
//
// As Change.
func (s *Slot) Retract(next layout.Change) error {
	return s.modify(func() error { return s.retract(next) })
}

// ChangeTimer changes a timer's setting, and has everybody who waits look again.
// It blocks only while another process holds the gate.
//
// # Errors
//
// As Change.
func (s *Slot) ChangeTimer(next func(s layout.Schedule, now int64) layout.Schedule) error {
	return s.modify(func() error { return s.changeTimer(next) })
}

// Setting is a timer's setting as it is now.
//
// # Errors
//
// ErrCorrupt.
func (s *Slot) Setting() (now layout.Schedule, err error) {
	err = s.guard(func() (err error) { now, err = s.setting(); return err })
	return now, err
}

func (s *Slot) modify(f func() error) error {
	if err := s.MayChange(); err != nil {
		return err
	}
	return s.guard(f)
}

// Try takes the object if it can be had now.
//
// # Errors
//
// ErrStuck: another process holds the gate and does not let go of it. ErrCorrupt.
func (s *Slot) Try() (out Outcome, taken bool, err error) {
	if s.writers == nil {
		return s.try()
	}
	err = s.guard(func() (err error) { out, taken, err = s.try(); return err })
	return out, taken && err == nil, err
}

// Retire takes the process's waits for the object out of the kernel, when its last
// handle is closed and nobody waits any more.
func (s *Slot) Retire() {
	s.wakes.Clear()
	s.gate.Clear()
	_ = s.guard(func() error { s.vacate(); return nil }) // a page that is gone shows nobody
}
