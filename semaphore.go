package atoll

import (
	"context"

	"atoll/internal/access"
)

// Semaphore is a handle of a semaphore: a count from 0 to a maximum. A wait takes
// one from it, and Release gives back. Nobody owns what he took: any handle may
// release, and what a process took that died is not given back. It is safe for use
// by many goroutines.
//
// Source: https://learn.microsoft.com/windows/win32/sync/semaphore-objects
type Semaphore struct {
	identity
	kernel *kernelSemaphore
}

// SemaphoreOptions say how to create a semaphore. Max must be at least 1, and
// Initial from 0 to Max. When an existing semaphore is opened only Access
// counts, but Max and Initial must be possible.
type SemaphoreOptions struct {
	Initial int32 // the count to begin with
	Max     int32 // the most that the count can be
	// Access asked for; 0 is Wait and Modify.
	Access Access
	// Security of a new object; nil is the creator alone. It is ignored when an
	// existing one is opened.
	Security *Security
}

// CreateSemaphore creates a semaphore under a name that is free.
//
// # Errors
//
// fs.ErrInvalid (87): Initial or Max is not possible. Else as CreateMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-createsemaphorew
func CreateSemaphore(name string, o SemaphoreOptions) (*Semaphore, error) {
	s, _, err := newSemaphore("create", name, mustCreate, o)
	return s, err
}

// OpenSemaphore opens an existing semaphore. access 0 asks for Wait and Modify.
//
// # Errors
//
// As OpenMutex.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-opensemaphorew
func OpenSemaphore(name string, access Access) (*Semaphore, error) {
	s, _, err := newSemaphore("open", name, mustOpen, SemaphoreOptions{Access: access})
	return s, err
}

// CreateOrOpenSemaphore opens the semaphore if it exists and creates it otherwise,
// in one step for all processes that try at the same time.
//
// # Errors
//
// As CreateSemaphore, but for fs.ErrExist.
func CreateOrOpenSemaphore(name string, o SemaphoreOptions) (s *Semaphore, created bool, err error) {
	return newSemaphore("create", name, createOrOpen, o)
}

func newSemaphore(op, name string, i intent, o SemaphoreOptions) (*Semaphore, bool, error) {
	k, created, err := openSemaphore(name, i, request(access.Semaphore, o.Access, o.Security), o.Initial, o.Max)
	if err != nil {
		return nil, false, fail(op, TypeSemaphore, name, err)
	}
	s := &Semaphore{identity: identity{name: name, typ: TypeSemaphore}, kernel: k}
	track(s, &s.identity)
	return s, created, nil
}

// Access returns what this handle may do.
func (s *Semaphore) Access() Access { return accessOf(access.Semaphore, s.kernel.Rights()) }

// Release adds n to the count, which lets n waits end, and returns what the count
// was before. It blocks only while another process is just changing the state. What
// was done before it is seen by those it releases.
//
// # Errors
//
// ErrTooManyPosts (298): the count would pass the maximum; nothing was changed. A
// wait that is about to take its one still counts. fs.ErrInvalid (87): n is less
// than 1. ErrStuck: a stopped process kept the state from being changed for ten
// seconds. fs.ErrPermission (no Modify right), os.ErrClosed, ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-releasesemaphore
func (s *Semaphore) Release(n int32) (previous int32, err error) {
	s.kernel.Publish()
	if n == 1 {
		if previous, ok := s.kernel.QuickRelease(); ok {
			return previous, nil
		}
	}
	return s.release(n)
}

func (s *Semaphore) release(n int32) (previous int32, err error) {
	previous, err = s.kernel.Release(n)
	return previous, s.fail("release", err)
}

// Wait waits until the count is above 0, and takes one. It returns when it has
// (nil), when ctx ends, or when the handle is closed; in the last two cases it took
// nothing. A count above 0 is taken even if ctx has ended.
//
// What was done before a Release is seen after a Wait that it let end.
//
// # Errors
//
// context.Canceled, context.DeadlineExceeded: ctx ended; joined with ErrStuck if
// a stopped process kept the state from being changed. os.ErrClosed,
// fs.ErrPermission (no Wait right), ErrCorrupt.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject
func (s *Semaphore) Wait(ctx context.Context) error {
	if s.kernel.QuickTake() {
		return nil
	}
	return s.fail("wait", s.kernel.Wait(ctx))
}

// TryWait is Wait without waiting; it says whether it took one.
//
// # Errors
//
// As Wait, but for ctx.
func (s *Semaphore) TryWait() (bool, error) {
	if s.kernel.QuickTake() {
		return true, nil
	}
	return s.tryWait()
}

func (s *Semaphore) tryWait() (bool, error) {
	ok, err := s.kernel.TryWait()
	return ok, s.fail("wait", err)
}

// Close closes the handle and ends waits through it with os.ErrClosed; it blocks
// until those calls have ended.
//
// # Errors
//
// os.ErrClosed: it was closed already.
func (s *Semaphore) Close() error {
	s.untrack()
	return s.fail("close", s.kernel.Close())
}
