//go:build linux

package space

import (
	"errors"
	"path/filepath"
	"sync/atomic"

	"atoll/internal/access"
	"atoll/internal/boundary"
	"atoll/internal/errs"
	"atoll/internal/liveness"
	"atoll/internal/namespace"
)

// private is what a space of a private namespace has besides.
type private struct {
	place   *boundary.Place
	handles int // under spaces; 0: no name leads here, but objects are held
}

// PrivateNamespace is a handle of a private namespace.
type PrivateNamespace struct {
	Scope   namespace.Scope
	space   *Space
	founder bool
	closed  atomic.Bool
}

// NewPrivateNamespace founds the namespace of a boundary and an alias. A nil security
// lets in whom the boundary usually does.
func NewPrivateNamespace(b boundary.Boundary, alias string, security *access.Security) (*PrivateNamespace, error) {
	if err := namespace.CheckAlias(alias); err != nil {
		return nil, err
	}
	key := boundary.Key{Alias: alias, Boundary: b}
	admission := b.Usual()
	if security != nil {
		var err error
		if admission, err = boundary.Admit(security); err != nil {
			return nil, err
		}
	}
	place, err := boundary.Found(namespace.Base(), key, admission)
	if err != nil {
		return nil, err
	}
	p, err := enter(key, place)
	if err != nil {
		return nil, err
	}
	p.founder = true
	return p, nil
}

// OpenPrivateNamespace opens the namespace of a boundary and an alias.
func OpenPrivateNamespace(b boundary.Boundary, alias string) (*PrivateNamespace, error) {
	if err := namespace.CheckAlias(alias); err != nil {
		return nil, err
	}
	key := boundary.Key{Alias: alias, Boundary: b}
	place, err := boundary.Find(namespace.Base(), key)
	if err != nil {
		return nil, err
	}
	return enter(key, place)
}

// enter makes the alias a prefix of this process, that leads to place, which it takes
// over.
func enter(key boundary.Key, place *boundary.Place) (*PrivateNamespace, error) {
	s, err := spaceAt(place)
	if err != nil {
		return nil, err
	}
	defer s.Dir.Release()
	spaces.Lock()
	defer spaces.Unlock()
	if s.private.handles == 0 {
		if err := namespace.Admit(key.Alias, s.Dir.Scope); err != nil {
			return nil, err
		}
	}
	s.private.handles++
	s.Dir.Retain()
	return &PrivateNamespace{Scope: s.Dir.Scope, space: s}, nil
}

// spaceAt is the space of a private namespace's directory, of which a process has
// one at the most. It takes place over. The caller gives it back with Dir.Release.
func spaceAt(place *boundary.Place) (*Space, error) {
	s, fresh, err := findPrivate(place)
	if !fresh {
		place.Release()
	}
	return s, err
}

func findPrivate(place *boundary.Place) (s *Space, fresh bool, err error) {
	spaces.Lock()
	defer spaces.Unlock()
	for _, s := range spaces.open {
		if s.private != nil && s.private.place.Name() == place.Name() {
			s.Dir.Retain()
			return s, false, nil
		}
	}
	dir, err := place.Names(namespace.NewScope())
	if err != nil {
		return nil, false, err
	}
	s = newSpace(dir)
	s.private = &private{place: place}
	dir.Retain()
	dir.WhenUnused(s.closePrivate)
	spaces.open[dir.Scope] = s
	return s, true, nil
}

// closePrivate closes the directory of a private namespace, if still nobody uses it.
func (s *Space) closePrivate() {
	spaces.Lock()
	unused := spaces.open[s.Dir.Scope] == s && !s.Dir.InUse()
	if unused {
		delete(spaces.open, s.Dir.Scope)
	}
	spaces.Unlock()
	if !unused {
		return
	}
	s.Members.Forget()
	_ = s.Dir.Close()
	s.private.place.Release()
}

// PrivateAt is the space of the private namespace that a path says, of the folder of
// its objects, if this user may enter it; nil if not. The caller gives it back with
// Dir.Release.
func PrivateAt(path string) *Space {
	dir, _ := filepath.Split(filepath.Clean(path))
	base, name := filepath.Split(filepath.Clean(dir))
	if filepath.Clean(base) != filepath.Clean(namespace.Base()) {
		return nil
	}
	place, err := boundary.Enter(namespace.Base(), name)
	if err != nil {
		return nil
	}
	s, err := spaceAt(place)
	if err != nil {
		return nil
	}
	return s
}

// Close closes the handle. If it is the founder's, nobody can open the namespace
// any more; if it is this process's last, the alias means nothing in it any more.
func (p *PrivateNamespace) Close() error {
	if p.closed.Swap(true) {
		return errs.ErrClosed
	}
	spaces.Lock()
	if p.founder {
		p.space.private.place.Retire()
	}
	p.space.private.handles--
	if p.space.private.handles == 0 {
		namespace.Dismiss(p.Scope)
	}
	spaces.Unlock()
	p.space.Dir.Release()
	return nil
}

// Path is the directory of the objects.
func (p *PrivateNamespace) Path() string { return p.space.Dir.Path }

// PrivateScopes are the private namespaces that this process has open.
func PrivateScopes() (list []namespace.Scope) {
	spaces.Lock()
	defer spaces.Unlock()
	for scope := range spaces.open {
		if scope.Private() {
			list = append(list, scope)
		}
	}
	return list
}

// numbersInPrivate adds the numbers of Global's members that members of private
// namespaces name, as far as this user may enter them: what a wait for all over
// objects of both came to stands in a file of Global.
func numbersInPrivate(named map[uint32]bool) error {
	var failures []error
	err := boundary.All(namespace.Base(), func(_ string, dir *namespace.Dir) bool {
		failures = append(failures, liveness.OpenFolder(dir.MembersFD()).Elsewhere(named))
		return true
	})
	return errors.Join(append(failures, err)...)
}

// listPrivate looks at every file of the private namespaces that this user may enter.
func listPrivate(yield func(Info, error) bool) {
	stopped := false
	err := boundary.All(namespace.Base(), func(alias string, dir *namespace.Dir) bool {
		s := newSpace(dir)
		defer s.Members.Forget()
		sights, err := dir.PeekAll()
		users := namespace.FindUsers(sights)
		for i := range sights {
			info := s.info(&sights[i], users)
			info.Name = namespace.Prefixed(alias, info.Name)
			if stopped = !yield(info, nil); stopped {
				return false
			}
		}
		stopped = err != nil && !yield(Info{}, err)
		return !stopped
	})
	if err != nil && !stopped {
		yield(Info{}, err)
	}
}
