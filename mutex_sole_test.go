//go:build linux

package atoll

import (
	"context"
	"sync"
	"testing"
)

// As long as a process has had one handle of a mutex, nothing but the cell says that
// it is the owner. These tests are about the end of that time.

func TestMutexSecondHandleFindsTheOwner(t *testing.T) {
	first := newTestMutex(t, "sole", MutexOptions{})
	mustLock(t, first, false)
	second := openTestMutex(t, "sole")
	isError(t, second.Unlock(), ErrNotOwner)
	mustUnlock(t, first)
	isError(t, first.Unlock(), ErrNotOwner)
	mustLock(t, second, false)
	isError(t, first.Unlock(), ErrNotOwner)
	must(t, first.Close())
	mustUnlock(t, second)
}

func TestMutexSecondHandleIsToldOfTheFirst(t *testing.T) {
	first := newTestMutex(t, "sole", MutexOptions{})
	mustLock(t, first, false)
	second := openTestMutex(t, "sole")
	must(t, first.Close())
	mustLock(t, second, true)
	mustUnlock(t, second)
}

func TestMutexSecondHandleOfAnOwnedOne(t *testing.T) {
	first := newTestMutex(t, "sole", MutexOptions{InitiallyOwned: true})
	second := openTestMutex(t, "sole")
	isError(t, second.Unlock(), ErrNotOwner)
	mustUnlock(t, first)
	mustLock(t, second, false)
	mustUnlock(t, second)
}

// A second handle comes at any moment of Locks and Unlocks through the first: none
// of them fails, both exclude each other, and in the end nobody owns the mutex.
func TestMutexSecondHandleAtAnyMoment(t *testing.T) {
	const rounds, locks = 300, 200
	for range rounds {
		first := newTestMutex(t, "sole", MutexOptions{})
		ctx, inside := context.Background(), 0
		use := func(m *Mutex) {
			previous, err := m.Lock(ctx)
			if err != nil || previous != nil {
				t.Error(previous, err)
			}
			inside++
			if err := m.Unlock(); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for range locks {
					use(first)
				}
			})
		}
		second := openTestMutex(t, "sole")
		for range locks {
			use(second)
		}
		wg.Wait()
		if inside != 3*locks {
			t.Fatalf("%d were inside, want %d", inside, 3*locks)
		}
		mustLock(t, second, false)
		isError(t, first.Unlock(), ErrNotOwner)
		must(t, first.Close())
		mustUnlock(t, second)
		mustLock(t, second, false)
		mustUnlock(t, second)
		must(t, second.Close())
	}
}
