//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// Random calls through several handles of one process, none of which blocks, do
// what a simple model does.

// machineNames makes names that nobody else uses.
var machineNames atomic.Int64

func machineName(kind string) string {
	return fmt.Sprintf("machine-%s%d", kind, machineNames.Add(1))
}

// hasEnded is a context that has ended: a wait with it takes what is there and does
// not wait.
func hasEnded() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// answered checks what a call returned: want nil is success.
func answered(t *rapid.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("%s: %v, want %v", call, err, want)
	}
}

// handles are the handles that a machine has, open and closed.
type handles[H interface{ Close() error }] struct {
	list   []H
	closed []bool
}

// draw draws one of them, by its number; it skips if there is none.
func (h *handles[H]) draw(t *rapid.T) (i int, handle H) {
	if len(h.list) == 0 {
		t.Skip("no handle")
	}
	i = rapid.IntRange(0, len(h.list)-1).Draw(t, "handle")
	return i, h.list[i]
}

func (h *handles[H]) add(handle H) {
	h.list, h.closed = append(h.list, handle), append(h.closed, false)
}

// open is how many are open.
func (h *handles[H]) open() (n int) {
	for _, closed := range h.closed {
		if !closed {
			n++
		}
	}
	return n
}

// close closes one, and says whether it was open.
func (h *handles[H]) close(t *rapid.T, i int) bool {
	if h.closed[i] {
		answered(t, "close again", h.list[i].Close(), os.ErrClosed)
		return false
	}
	answered(t, "close", h.list[i].Close(), nil)
	h.closed[i] = true
	return true
}

func (h *handles[H]) doClose(t *rapid.T) {
	i, _ := h.draw(t)
	h.close(t, i)
}

// fresh checks whether an open that added a handle has created the object.
func (h *handles[H]) fresh(t *rapid.T, created bool, err error) {
	answered(t, "open", err, nil)
	if fresh := h.open() == 0; created != fresh {
		t.Fatalf("created is %v, want %v", created, fresh)
	}
}

func (h *handles[H]) closeAll(t *rapid.T) {
	for i := range h.list {
		h.close(t, i)
	}
}

// mutexMachine is a mutex, and what it should be.
type mutexMachine struct {
	handles[*Mutex]
	name  string
	owner int // a handle's number, or -1
	// abandoned: the last owner closed its handle.
	abandoned bool
}

func (m *mutexMachine) doOpen(t *rapid.T) {
	owned := rapid.Bool().Draw(t, "initially owned")
	handle, created, err := CreateOrOpenMutex(m.name, MutexOptions{InitiallyOwned: owned})
	m.fresh(t, created, err)
	m.add(handle)
	if created {
		m.owner, m.abandoned = -1, false
		if owned {
			m.owner = len(m.list) - 1
		}
	}
}

// took checks what a call said that may take the mutex.
func (m *mutexMachine) took(t *rapid.T, i int, ok bool, previous *Abandoned) {
	if want := m.owner < 0; ok != want {
		t.Fatalf("taken is %v, want %v", ok, want)
	}
	if told := previous != nil; told != (ok && m.abandoned) || told && previous.PID != os.Getpid() {
		t.Fatalf("told of %v; abandoned is %v", previous, m.abandoned)
	}
	if ok {
		m.owner, m.abandoned = i, false
	}
}

func (m *mutexMachine) doLock(t *rapid.T) {
	i, handle := m.draw(t)
	previous, err := handle.Lock(hasEnded())
	switch {
	case m.closed[i]:
		answered(t, "lock", err, os.ErrClosed)
	case m.owner >= 0:
		answered(t, "lock", err, context.Canceled)
	default:
		answered(t, "lock", err, nil)
		m.took(t, i, true, previous)
	}
}

func (m *mutexMachine) doTryLock(t *rapid.T) {
	i, handle := m.draw(t)
	ok, previous, err := handle.TryLock()
	if m.closed[i] {
		answered(t, "trylock", err, os.ErrClosed)
		return
	}
	answered(t, "trylock", err, nil)
	m.took(t, i, ok, previous)
}

func (m *mutexMachine) doUnlock(t *rapid.T) {
	i, handle := m.draw(t)
	err := handle.Unlock()
	switch {
	case m.closed[i]:
		answered(t, "unlock", err, os.ErrClosed)
	case m.owner != i:
		answered(t, "unlock", err, ErrNotOwner)
	default:
		answered(t, "unlock", err, nil)
		m.owner = -1
	}
}

func (m *mutexMachine) doClose(t *rapid.T) {
	i, _ := m.draw(t)
	if m.close(t, i) && m.owner == i {
		m.owner, m.abandoned = -1, true
	}
}

func TestMutexByModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &mutexMachine{name: machineName("m"), owner: -1}
		defer m.closeAll(t)
		m.doOpen(t) // so that every action has a handle to act on
		t.Repeat(map[string]func(*rapid.T){
			"open": m.doOpen, "lock": m.doLock, "trylock": m.doTryLock, "unlock": m.doUnlock, "close": m.doClose,
		})
	})
}

// signalMachine is an event or a timer, and what it should be.
type signalMachine[H interface {
	Close() error
	Wait(ctx context.Context) error
	TryWait() (bool, error)
}] struct {
	handles[H]
	name             string
	manual, signaled bool
}

// change makes a call that changes the object.
func (m *signalMachine[H]) change(call string, do func(H) error, signaled func() bool) func(*rapid.T) {
	return func(t *rapid.T) {
		i, handle := m.draw(t)
		err := do(handle)
		if m.closed[i] {
			answered(t, call, err, os.ErrClosed)
			return
		}
		answered(t, call, err, nil)
		m.signaled = signaled()
	}
}

func always(signaled bool) func() bool { return func() bool { return signaled } }

func (m *signalMachine[H]) doWait(t *rapid.T) {
	i, handle := m.draw(t)
	err := handle.Wait(hasEnded())
	switch {
	case m.closed[i]:
		answered(t, "wait", err, os.ErrClosed)
	case !m.signaled:
		answered(t, "wait", err, context.Canceled)
	default:
		answered(t, "wait", err, nil)
		m.signaled = m.manual
	}
}

func (m *signalMachine[H]) doTryWait(t *rapid.T) {
	i, handle := m.draw(t)
	ok, err := handle.TryWait()
	if m.closed[i] {
		answered(t, "trywait", err, os.ErrClosed)
		return
	}
	answered(t, "trywait", err, nil)
	if ok != m.signaled {
		t.Fatalf("released is %v, want %v", ok, m.signaled)
	}
	m.signaled = m.signaled && m.manual
}

type eventMachine struct{ signalMachine[*Event] }

func (m *eventMachine) doOpen(t *rapid.T) {
	o := EventOptions{ManualReset: rapid.Bool().Draw(t, "manual"), Signaled: rapid.Bool().Draw(t, "signaled")}
	handle, created, err := CreateOrOpenEvent(m.name, o)
	m.fresh(t, created, err)
	m.add(handle)
	if created {
		m.manual, m.signaled = o.ManualReset, o.Signaled
	}
}

func TestEventByModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &eventMachine{}
		m.name = machineName("e")
		defer m.closeAll(t)
		m.doOpen(t) // so that every action has a handle to act on
		t.Repeat(map[string]func(*rapid.T){
			"open": m.doOpen, "wait": m.doWait, "trywait": m.doTryWait, "close": m.doClose,
			"set":   m.change("set", (*Event).Set, always(true)),
			"reset": m.change("reset", (*Event).Reset, always(false)),
		})
	})
}
