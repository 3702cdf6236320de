//go:build linux

package onlinux

import (
	"context"
	"errors"
	"testing"
	"time"

	"atoll/internal/access"
	"atoll/internal/errs"
)

func newSoleMutex(t *testing.T) *Mutex {
	t.Helper()
	m, _, err := OpenMutex("", MustCreate, access.Request{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if taken, sole := m.TakeSole(); !taken || !sole {
		t.Fatal("the only handle does not take the fast path")
	}
	return m
}

// endSoleNow is what a second handle does when it comes.
func endSoleNow(m *Mutex) {
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	m.att.endSole()
}

// The only handle ceases to be that just before an Unlock's compare-and-swap: that
// fails, and the Unlock ends the ownership that was written down.
func TestSoleEndsDuringUnlock(t *testing.T) {
	m := newSoleMutex(t)
	endSoleNow(m)
	if !isOwner(&m.att.owner, m.id) {
		t.Fatal("what the cell said was not written down")
	}
	if m.cell.CompareAndSwap(m.owned, 0) {
		t.Fatal("an Unlock that is under way does not notice")
	}
	if err := m.Unlock(); err != nil {
		t.Fatal(err)
	}
	if isOwner(&m.att.owner, m.id) {
		t.Fatal("it is still the owner")
	}
	if m.cell.Load() != 0 {
		t.Fatalf("the fast paths do not fit the cell any more: %#x", m.cell.Load())
	}
	if err := m.Close(); err != nil {
		t.Fatal("it had nothing to abandon:", err)
	}
}

// The same just after it, when another goroutine has locked again through the handle
// and has seen that it was the only one: that one stays the owner.
func TestSoleEndsBehindUnlock(t *testing.T) {
	m := newSoleMutex(t)
	if !m.GiveSole() {
		t.Fatal("the only handle does not take the fast path")
	}
	if taken, sole := m.TakeSole(); !taken || !sole {
		t.Fatal("it cannot be taken again")
	}
	endSoleNow(m)
	if err := m.Unlock(); err != nil {
		t.Fatal("the owner cannot unlock:", err)
	}
	if err := m.Unlock(); !errors.Is(err, errs.ErrNotOwner) {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// A waiter that gives up meanwhile, and has said that this process sleeps, does not
// make the cell fit an Unlock that is under way.
func TestSoleEndsBesideWaiter(t *testing.T) {
	m := newSoleMutex(t)
	second, err := Duplicate(m, access.Request{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := second.(*Mutex).Lock(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if m.cell.CompareAndSwap(m.owned, 0) {
		t.Fatal("an Unlock that is under way does not notice")
	}
	if err := errors.Join(m.Unlock(), m.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
}

// The same between the two of a Lock: it says itself that it is the owner.
func TestSoleEndsDuringLock(t *testing.T) {
	m := newSoleMutex(t)
	if !m.GiveSole() {
		t.Fatal("the only handle does not take the fast path")
	}
	endSoleNow(m)
	if !m.cell.CompareAndSwap(0, m.owned) {
		t.Fatal("it is not free")
	}
	if _, err := m.Lock(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	if err := m.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := m.Unlock(); !errors.Is(err, errs.ErrNotOwner) {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
