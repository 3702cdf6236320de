//go:build linux

package onlinux

import (
	"context"
	"errors"
	"testing"

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

// The only handle ceases to be that between an Unlock's compare-and-swap and its
// second look: the ownership that was inferred is taken back.
func TestSoleEndsDuringUnlock(t *testing.T) {
	m := newSoleMutex(t)
	endSoleNow(m)
	if !isOwner(&m.att.owner, m.id) {
		t.Fatal("what the cell said was not written down")
	}
	if !m.cell.CompareAndSwap(m.owned, 0) {
		t.Fatal("the cell does not say that we own it")
	}
	if err := m.Unlock(true); err != nil {
		t.Fatal(err)
	}
	if isOwner(&m.att.owner, m.id) {
		t.Fatal("it is still the owner")
	}
	if err := m.Close(); err != nil {
		t.Fatal("it had nothing to abandon:", err)
	}
}

// The same between the two of a Lock: it says itself that it is the owner.
func TestSoleEndsDuringLock(t *testing.T) {
	m := newSoleMutex(t)
	if _, sole := m.GiveSole(); !sole {
		t.Fatal("the only handle does not take the fast path")
	}
	endSoleNow(m)
	if !m.cell.CompareAndSwap(0, m.owned) {
		t.Fatal("it is not free")
	}
	if _, err := m.Lock(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	if err := m.Unlock(false); err != nil {
		t.Fatal(err)
	}
	if err := m.Unlock(false); !errors.Is(err, errs.ErrNotOwner) {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
