//go:build linux

package onlinux

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
	"atoll/internal/space"
	"atoll/internal/transfer"
)

// arrival is a handle that has come from another process, and was checked.
type arrival struct {
	*transfer.Arrival
	// ours: the descriptions were made for this process, and nobody else unlocks
	// them. Else they are those of a handle of another process.
	ours bool
}

// adopt makes a handle of this process of one that has arrived. The descriptors
// stay the caller's: until they are closed the object lives on by them.
func adopt(h *transfer.Handle, ours bool) (Object, error) {
	checked, err := h.Arrive(ours)
	if err != nil {
		return nil, err
	}
	a := &arrival{Arrival: checked, ours: ours}
	if a.Type == layout.Section {
		return a.section()
	}
	return a.synchronisation()
}

// rights decides what the handle may do: no more than is claimed, and than the
// kernel allows on the object's file.
func (a *arrival) rights(inner *namespace.Object) (access.Mask, error) {
	if a.Access == 0 && a.ours {
		return 0, nil
	}
	o := subject(inner, false)
	if a.ours && !a.Writable && a.Access&o.Writes() != 0 {
		return 0, errs.New(errs.ErrCorrupt, "the handle claims the access %s, but its descriptor may only read", a.Access.Text(o.Kind))
	}
	request := access.Request{Access: a.Access}
	return request.Grant(o)
}

// section makes the handle of a section. It need not see the directory that a named
// one lies in.
func (a *arrival) section() (Object, error) {
	var inner *namespace.Object
	var err error
	if s := a.place(); s != nil {
		defer s.Dir.Release()
		inner, err = a.named(s)
	} else {
		inner, err = a.loose()
	}
	if err != nil {
		return nil, backing.Exhausted(err)
	}
	rights, err := a.rights(inner)
	var file int
	if err == nil {
		file, err = duplicateFile(a.Second.FD)
	}
	if err != nil {
		return nil, errors.Join(backing.Exhausted(err), inner.DropHandle())
	}
	return handleOf(inner, nil, rights, file)
}

// synchronisation makes the handle of an object whose owners and waiters are
// members of a directory: this process must be one, too.
func (a *arrival) synchronisation() (Object, error) {
	s, err := a.home()
	if err != nil {
		return nil, err
	}
	defer s.Dir.Release()
	// A member before the object is had: see namespace.LooseNumbers.
	if _, err := s.Join(); err != nil {
		return nil, err
	}
	defer func() { _ = s.Leave() }()
	var inner *namespace.Object
	if a.Header.Name == "" {
		inner, err = a.loose()
	} else {
		inner, err = a.named(s)
	}
	if err != nil {
		return nil, backing.Exhausted(err)
	}
	rights, err := a.rights(inner)
	if err != nil {
		return nil, errors.Join(err, inner.DropHandle())
	}
	return handleOf(inner, s, rights, -1)
}

// home is the directory whose members wait for the object: the one that it lies in;
// of an object without a name the user's own, which must be the sender's.
func (a *arrival) home() (*space.Space, error) {
	if a.Header.Name != "" {
		if s := a.place(); s != nil {
			return s, nil
		}
		return nil, errs.New(fs.ErrPermission, "the %s %q lies in %s, and this process does not see who waits there; use Global\\, or a private namespace that both have open", a.Type, a.Header.Name, a.Folder.Path)
	}
	s, err := space.Of(namespace.Local)
	if err != nil {
		return nil, err
	}
	id, err := s.Members.ID()
	switch {
	case err != nil:
	case a.Second.FD < 0 && a.ours:
		err = errs.New(errs.ErrCorrupt, "the folder of its members did not come with the %s", a.Type)
	case a.Second.FD < 0 || a.Second.ID != id:
		err = errs.New(fs.ErrPermission, "the %s has no name, and belongs to another user or another ATOLL_ROOT, whose processes this one does not see; use a name in Global\\ or in a private namespace between users", a.Type)
	default:
		return s, nil
	}
	s.Dir.Release()
	return nil, err
}

// place finds the directory that a named object lies in, among those that this
// process can use, which a private namespace is that it may enter; nil if it is none
// of them. The caller gives it back with dir.Release.
func (a *arrival) place() *space.Space {
	if a.Header.Name == "" {
		return nil
	}
	for _, scope := range append(space.PrivateScopes(), namespace.Local, namespace.Global) {
		s, err := space.Look(scope)
		if err != nil || s == nil {
			continue
		}
		if s.Dir.Leads(a.nameIn(s), a.Object.ID) {
			return s
		}
		s.Dir.Release()
	}
	if s := space.PrivateAt(a.Folder.Path); s != nil {
		if s.Dir.Leads(a.nameIn(s), a.Object.ID) {
			return s
		}
		s.Dir.Release()
	}
	return nil
}

func (a *arrival) nameIn(s *space.Space) namespace.Name {
	return namespace.Name{Scope: s.Dir.Scope, Base: a.Header.Name}
}

// named opens the object by its name, while what has arrived keeps it alive: so
// this process has a description of its own, with the best rights that it can get.
// Where it may not open the file it uses what has arrived.
func (a *arrival) named(s *space.Space) (*namespace.Object, error) {
	o, err := s.Dir.Open(a.nameIn(s))
	switch {
	case err == nil && o.ID == a.Object.ID:
		return o, nil
	case err == nil:
		return nil, errors.Join(errs.New(fs.ErrNotExist, "the name leads to another object now"), o.DropHandle())
	case errors.Is(err, fs.ErrNotExist):
		return nil, errs.Because(err, 0, fs.ErrNotExist, "nobody holds the object any more, not even what has come")
	case !errors.Is(err, fs.ErrPermission) || !a.ours:
		return nil, err
	}
	fd, err := unix.FcntlInt(uintptr(a.Object.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	o, err = s.Dir.Enter(fd, a.nameIn(s), a.Header, a.Writable)
	if err != nil {
		_ = unix.Close(fd)
	}
	return o, err
}

// loose enters an object that has no name, by a duplicate of the descriptor, or that
// lies in none of this process's directories: that needs a description of its own.
func (a *arrival) loose() (*namespace.Object, error) {
	enter, open := namespace.Unnamed, duplicateFile
	if a.Header.Name != "" {
		enter, open = namespace.Outside, a.lockedAnew
	}
	fd, err := open(a.Object.FD)
	if err != nil {
		return nil, err
	}
	o, err := enter(fd, a.Header, a.Writable)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	o.Share()
	return o, nil
}

// lockedAnew opens the object's file again, and holds it. Where this process may not
// open it, what has arrived must do.
func (a *arrival) lockedAnew(fd int) (int, error) {
	mode := unix.O_RDONLY
	if a.Writable {
		mode = unix.O_RDWR
	}
	again, err := lockfile.Reopen(fd, mode)
	if err != nil && a.ours {
		again, err = duplicateFile(fd)
	}
	if err != nil {
		return -1, fmt.Errorf("open the object's file again: %w", err)
	}
	if held, err := lockfile.TryShared(again, lockfile.Holders); err != nil || !held {
		_ = unix.Close(again)
		return -1, errors.Join(err, errs.New(fs.ErrNotExist, "somebody is just removing the object"))
	}
	return again, nil
}
