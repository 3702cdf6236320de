//go:build linux

package onlinux

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/layout"
	"atoll/internal/namespace"
	"atoll/internal/space"
)

// Object is a handle of any type.
type Object interface {
	Rights() access.Mask
	Header() layout.Header
	Descriptor() uintptr
	Close() error
	// Retire comes before Close, if it comes.
	Retire() error

	// pin keeps the handle from being closed until unpin.
	pin() error
	unpin()
	// hold has this process hold the object as a handle does, until release.
	hold() (release func(), err error)
	parts() parts
}

// parts are what the handles of all types are made of.
type parts struct {
	*handle
	space *space.Space // of a synchronisation object
	file  int          // of a file section; else -1
}

func (s *Section) pin() error {
	if !s.Enter() {
		return errClosed
	}
	return nil
}

func (s *Section) unpin() { s.Leave() }

func (s *Section) parts() parts { return parts{handle: s.handle, file: s.file} }

func (h *syncHandle) pin() error { return h.begin(0) }

func (h *syncHandle) unpin() { h.finish() }

func (h *syncHandle) parts() parts { return parts{handle: h.handle, space: h.space, file: -1} }

// noDescriptor is what os.File has for one that is closed.
const noDescriptor = ^uintptr(0)

// Descriptor is the descriptor of the object's file, which all handles of the
// process share.
func (h *handle) Descriptor() uintptr {
	if h.closed.Load() {
		return noDescriptor
	}
	return uintptr(h.inner.Descriptor())
}

// Same says whether both are handles of one object, and open.
func Same(a, b Object) bool {
	x, y := a.parts(), b.parts()
	return !x.closed.Load() && !y.closed.Load() && x.inner.ID == y.inner.ID
}

// Duplicate makes another handle of the object; asked Access 0 gives it the same rights.
func Duplicate(o Object, asked access.Request) (Object, error) {
	if err := o.pin(); err != nil {
		return nil, err
	}
	defer o.unpin()
	p := o.parts()
	rights, err := asked.Regrant(subject(p.inner, false), p.rights)
	if err != nil {
		return nil, err
	}
	file, err := duplicateFile(p.file)
	if err != nil {
		return nil, backing.Exhausted(err)
	}
	if err := p.inner.AddHandle(); err != nil {
		backing.Close(file)
		return nil, err
	}
	return handleOf(p.inner, p.space, rights, file)
}

func duplicateFile(fd int) (int, error) {
	if fd < 0 {
		return -1, nil
	}
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("duplicate the file's descriptor: %w", err)
	}
	return again, nil
}

// handleOf makes a handle of an object that this process has, with one count of
// handles for it, which is given back if it fails, as file is closed: a descriptor
// of the file of a file section.
func handleOf(inner *namespace.Object, s *space.Space, rights access.Mask, file int) (Object, error) {
	if inner.Header.Type == layout.Section {
		section, err := admitSection(inner, false, file, rights)
		if err != nil {
			return nil, errors.Join(backing.Exhausted(err), inner.DropHandle())
		}
		return section, nil
	}
	entered := false
	h, err := makeSync(s,
		func(uint32) (*namespace.Object, access.Mask, error) { entered = true; return inner, rights, nil },
		func(*namespace.Object) {})
	if err != nil {
		if !entered {
			err = errors.Join(err, inner.DropHandle())
		}
		return nil, backing.Exhausted(err)
	}
	switch inner.Header.Type {
	case layout.Mutex:
		return mutexOf(h, false), nil
	case layout.Event:
		return eventOf(h), nil
	case layout.Semaphore:
		return semaphoreOf(h), nil
	case layout.Job:
		j, err := jobOf(h)
		if err != nil {
			return nil, err
		}
		return j, nil
	default:
		return timerOf(h), nil
	}
}
