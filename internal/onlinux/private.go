//go:build linux

package onlinux

import (
	"io/fs"
	"maps"
	"reflect"
	"sync/atomic"

	"atoll/internal/access"
	"atoll/internal/boundary"
	"atoll/internal/errs"
	"atoll/internal/namespace"
)

// private is what a space of a private namespace has besides.
type private struct {
	key     boundary.Key
	place   *boundary.Place
	handles int // under spaces
}

// PrivateNamespace is a handle of a private namespace.
type PrivateNamespace struct {
	Scope   namespace.Scope
	space   *space
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
		place.Retire()
		place.Release()
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
	p, err := another(key, place)
	if p != nil || err != nil {
		place.Release() // the process has it, or something else
		return p, err
	}
	if p, err = enter(key, place); err != nil {
		place.Release()
		return nil, err
	}
	return p, nil
}

// another gives another handle of a namespace that this process has open; nil if
// it has none under this alias.
func another(key boundary.Key, place *boundary.Place) (*PrivateNamespace, error) {
	spaces.Lock()
	defer spaces.Unlock()
	for scope, s := range spaces.open {
		if s.private == nil || s.private.key.Alias != key.Alias {
			continue
		}
		if !reflect.DeepEqual(s.private.key, key) || s.private.place.Name() != place.Name() {
			return nil, errs.New(fs.ErrExist, "this process has another private namespace open under the alias %q; close that first", key.Alias)
		}
		s.private.handles++
		s.dir.Retain()
		return &PrivateNamespace{Scope: scope, space: s}, nil
	}
	return nil, nil
}

// enter makes the alias a prefix of this process, that leads to place. It takes
// place over, if it succeeds.
func enter(key boundary.Key, place *boundary.Place) (*PrivateNamespace, error) {
	spaces.Lock()
	defer spaces.Unlock()
	scope, err := namespace.Admit(key.Alias)
	if err != nil {
		return nil, err
	}
	dir, err := place.Names(scope)
	if err != nil {
		namespace.Dismiss(scope)
		return nil, err
	}
	s := newSpace(dir)
	s.private = &private{key: key, place: place, handles: 1}
	dir.Retain()
	dir.WhenUnused(func() {
		s.members.Forget()
		_ = dir.Close()
		place.Release()
	})
	spaces.open[scope] = s
	return &PrivateNamespace{Scope: scope, space: s}, nil
}

// Close closes the handle. If it is the founder's, nobody can open the namespace
// any more; if it is this process's last, the alias means nothing in it any more.
func (p *PrivateNamespace) Close() error {
	if p.closed.Swap(true) {
		return errClosed
	}
	spaces.Lock()
	if p.founder {
		p.space.private.place.Retire()
	}
	p.space.private.handles--
	if p.space.private.handles == 0 {
		delete(spaces.open, p.Scope)
		namespace.Dismiss(p.Scope)
	}
	spaces.Unlock()
	p.space.dir.Release()
	return nil
}

// Path is the directory of the objects.
func (p *PrivateNamespace) Path() string { return p.space.dir.Path }

// privateScopes are the private namespaces that this process has open.
func privateScopes() (list []namespace.Scope) {
	spaces.Lock()
	defer spaces.Unlock()
	for scope := range spaces.open {
		if scope.Private() {
			list = append(list, scope)
		}
	}
	return list
}

// numbersInPrivate adds the numbers of Global's members that objects of private
// namespaces name, as far as this user may enter them: what a wait for all over
// objects of both came to stands in a file of Global.
func numbersInPrivate(named map[uint32]bool) error {
	return boundary.All(namespace.Base(), func(dir *namespace.Dir) error {
		more, _, err := dir.Numbers()
		maps.Copy(named, more)
		return err
	})
}
