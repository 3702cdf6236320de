//go:build windows

package onwindows

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Previous is who did not unlock a mutex; Windows does not say who it was.
type Previous struct {
	PID     int
	Command string
	Since   time.Time
}

// Mutex is a handle of a mutex.
type Mutex struct {
	*handle
	mu    sync.Mutex
	owner *keeper // whose thread owns the mutex for this handle
}

// OpenMutex creates or opens a mutex; owned counts only if it is created.
func OpenMutex(name string, intent Intent, asked access.Request, owned bool) (m *Mutex, created bool, err error) {
	k, err := borrow() // whoever creates a mutex that is owned is its owner
	if err != nil {
		return nil, false, err
	}
	owned = owned && intent != MustOpen
	var flags uint32
	if owned {
		flags = windows.CREATE_MUTEX_INITIAL_OWNER
	}
	var h *handle
	k.do(func() {
		h, created, err = obtain(name, intent, asked, calls{
			kind: access.Mutex,
			open: windows.OpenMutex,
			create: func(name *uint16, rights uint32) (windows.Handle, error) {
				return windows.CreateMutexEx(nil, name, flags, rights)
			},
		})
	})
	if err == nil {
		m = &Mutex{handle: h}
		if owned && created {
			m.own(k)
		}
	}
	k.disown()
	return m, created, err
}

// own makes the handle the owner of what the keeper's thread has taken.
func (m *Mutex) own(k *keeper) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k.owns.Add(1)
	m.owner = k
}

// Lock takes the mutex, and waits while somebody else owns it.
func (m *Mutex) Lock(ctx context.Context, _ bool) (*Previous, error) {
	r, err := waitSeveral(ctx, []Waitable{m}, false)
	return r.Previous, single(err)
}

// TryLock is Lock without waiting.
func (m *Mutex) TryLock(bool) (bool, *Previous, error) {
	r, err := waitSeveral(overCtx, []Waitable{m}, false)
	ok, err := tried(err)
	return ok, r.Previous, err
}

// Unlock gives the mutex up.
func (m *Mutex) Unlock() error {
	if err := m.begin(0); err != nil {
		return err
	}
	defer m.Leave()
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.owner
	if k == nil {
		return errs.ErrNotOwner
	}
	release()
	var err error
	k.do(func() { err = windows.ReleaseMutex(m.raw) })
	if err != nil {
		return failed("ReleaseMutex", err)
	}
	m.owner = nil
	k.disown()
	return nil
}

// Close closes the handle. If it owns the mutex, that is abandoned: at once, unless
// its keeper owns other mutexes that one wait for all has taken with it; then when
// those are given up.
func (m *Mutex) Close() error {
	if !m.shut() {
		return errs.ErrClosed
	}
	m.abandon()
	return failed("CloseHandle", windows.CloseHandle(m.raw))
}

func (m *Mutex) abandon() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.owner; k != nil {
		release()
		m.owner = nil
		k.doomed.Store(true)
		k.disown()
	}
}

// TakeSole and GiveSole are Lock and Unlock where there is a way without the kernel:
// not here.
func (m *Mutex) TakeSole() (taken, sole bool) { return false, false }

// GiveSole is as TakeSole.
func (m *Mutex) GiveSole() bool { return false }
