package atoll

import (
	"context"
	"fmt"
	"sync"
	"time"

	"atoll/internal/access"
)

// Mutex is a handle of a mutex. It is safe for use by many goroutines.
//
// The owner is the handle, not a goroutine: any goroutine may Unlock through the
// handle that locked, no other handle can, also none of the same process. It is
// not recursive: a second Lock through the owning handle waits. Closing the
// owning handle, or the death of its process, abandons the mutex: the next
// owner is told.
//
// Windows: mutexes belong to threads and are recursive there
// (https://learn.microsoft.com/windows/win32/sync/mutex-objects); package win32
// will have that.
type Mutex struct {
	identity
	kernel *kernelMutex
}

// MutexOptions say how to create a mutex; the zero value is a free one.
type MutexOptions struct {
	// InitiallyOwned makes the new handle the owner. It is ignored when an
	// existing mutex is opened.
	InitiallyOwned bool
	// Access asked for; 0 is Wait and Modify.
	Access Access
	// Security of a new object; nil is the creator alone. It is ignored when an
	// existing one is opened.
	Security *Security
}

// Abandoned says who left a mutex without unlocking it. What the mutex protects
// may be half written. Fields that are not known are zero.
type Abandoned struct {
	PID     int       // the process, in its own pid namespace
	Command string    // its program's base name
	Since   time.Time // when this process found out
}

// String names the process and how long ago it was.
func (a *Abandoned) String() string {
	if a.PID == 0 {
		return "abandoned by an unknown process"
	}
	return fmt.Sprintf("abandoned by pid %d, %s, %v ago", a.PID, a.Command, time.Since(a.Since).Round(time.Millisecond))
}

// CreateMutex creates a mutex under a name that is free.
//
// # Errors
//
// fs.ErrExist: a mutex of that name exists. ErrWrongType: an object of another
// type does. What Security says of its own. ErrBadName, fs.ErrPermission,
// ErrCorrupt, ErrVersion, ErrStuck, and the system's errors when memory or
// descriptors run out; then nothing is left behind.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createmutexw
func CreateMutex(name string, o MutexOptions) (*Mutex, error) {
	m, _, err := newMutex("create", name, mustCreate, o)
	return m, err
}

// OpenMutex opens an existing mutex. access 0 asks for Wait and Modify.
//
// # Errors
//
// fs.ErrNotExist: no process has a handle to a mutex of that name. fs.ErrPermission:
// this user may not open it, or only with less access, which the text says; or access
// has bits that the type does not know. Otherwise as CreateMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openmutexw
func OpenMutex(name string, access Access) (*Mutex, error) {
	m, _, err := newMutex("open", name, mustOpen, MutexOptions{Access: access})
	return m, err
}

// CreateOrOpenMutex opens the mutex if it exists and creates it otherwise, in one
// step for all processes that try at the same time: exactly one creates it.
//
// # Errors
//
// As CreateMutex, but for fs.ErrExist.
func CreateOrOpenMutex(name string, o MutexOptions) (m *Mutex, created bool, err error) {
	return newMutex("create", name, createOrOpen, o)
}

func newMutex(op, name string, i intent, o MutexOptions) (*Mutex, bool, error) {
	k, created, err := openMutex(name, i, request(access.Mutex, o.Access, o.Security), o.InitiallyOwned)
	if err != nil {
		return nil, false, fail(op, TypeMutex, name, err)
	}
	m := &Mutex{identity: identity{name: name, typ: TypeMutex}, kernel: k}
	track(m, &m.identity)
	return m, created, nil
}

// Access returns what this handle may do.
func (m *Mutex) Access() Access { return accessOf(access.Mutex, m.kernel.Rights()) }

// Lock takes the mutex, and waits while somebody else owns it. It returns when
// this handle owns it (err == nil), when ctx ends, or when the handle is closed;
// in the last two cases it does not own it. A mutex that is free is taken even
// if ctx has ended.
//
// If previous is not nil, whoever owned the mutex before did not unlock it: its
// process died, or closed the handle. Exactly one Lock, or wait for several objects,
// takes each such mutex; if that one dies in turn, the next is told of it and not of
// the first.
//
// What was done before the last Unlock, in any process, is seen after Lock; what
// a dead owner did is seen as far as it got.
//
// # Errors
//
// context.Canceled, context.DeadlineExceeded: ctx ended. Joined with ErrStuck if
// a stopped process kept the mutex's state from being changed. ErrStuck alone:
// the owner's member file was removed, so nobody can tell whether it lives.
// os.ErrClosed, fs.ErrPermission (no Wait right), ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject
func (m *Mutex) Lock(ctx context.Context) (previous *Abandoned, err error) {
	taken, sole := m.kernel.TakeSole()
	if !sole {
		return m.lock(ctx, taken)
	}
	return nil, nil
}

func (m *Mutex) lock(ctx context.Context, taken bool) (*Abandoned, error) {
	p, err := m.kernel.Lock(ctx, taken)
	if err != nil {
		return nil, m.fail("lock", err)
	}
	return abandoned(p), nil
}

// TryLock takes the mutex if nobody owns it, or its owner is dead, and says
// whether it did. previous is as for Lock. It does not wait for an owner.
//
// # Errors
//
// As Lock, but for ctx.
func (m *Mutex) TryLock() (ok bool, previous *Abandoned, err error) {
	taken, sole := m.kernel.TakeSole()
	if !sole {
		return m.tryLock(taken)
	}
	return true, nil, nil
}

func (m *Mutex) tryLock(taken bool) (bool, *Abandoned, error) {
	ok, p, err := m.kernel.TryLock(taken)
	if err != nil {
		return false, nil, m.fail("lock", err)
	}
	return ok, abandoned(p), nil
}

func abandoned(p *kernelPrevious) *Abandoned {
	if p == nil {
		return nil
	}
	return &Abandoned{PID: p.PID, Command: p.Command, Since: p.Since}
}

// Unlock gives the mutex to whoever wants it next. It blocks only while another
// process is just changing the mutex's state. What was done before it is seen by
// the next owner.
//
// # Errors
//
// ErrNotOwner: this handle does not own the mutex; nothing changed. (Two Unlocks
// at the same time through one handle are a mistake that may go unnoticed.)
// ErrStuck: a stopped process kept the state from being changed for ten seconds;
// this handle still owns the mutex, try again. ErrCorrupt, os.ErrClosed.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-releasemutex
func (m *Mutex) Unlock() error {
	if !m.kernel.GiveSole() {
		return m.unlock()
	}
	return nil
}

func (m *Mutex) unlock() error { return m.fail("unlock", m.kernel.Unlock()) }

// Close closes the handle and ends waits through it with os.ErrClosed; it blocks
// until those calls have ended. If the handle owns the mutex, that is abandoned.
// Close and Unlock of the same handle must not run at the same time.
//
// # Errors
//
// os.ErrClosed: it was closed already.
func (m *Mutex) Close() error {
	m.untrack()
	return m.fail("close", m.kernel.Close())
}

// Locker returns a sync.Locker on the mutex, for code that wants one. Its Lock
// has no way to report: it panics with the *Error if it cannot lock, and if the
// mutex was abandoned it owns it and goes on as if nothing had happened. Use Lock
// where what the mutex protects must be repaired. Its Unlock panics with the
// *Error where Unlock returns one.
func (m *Mutex) Locker() sync.Locker { return locker{m} }

type locker struct{ m *Mutex }

func (l locker) Lock() {
	if _, err := l.m.Lock(context.Background()); err != nil {
		panic(err)
	}
}

func (l locker) Unlock() {
	if err := l.m.Unlock(); err != nil {
		panic(err)
	}
}
