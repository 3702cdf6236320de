//go:build linux

package space

import (
	"errors"
	"io/fs"
	"iter"
	"path/filepath"
	"time"

	"atoll/internal/access"
	"atoll/internal/boundary"
	"atoll/internal/errs"
	"atoll/internal/job"
	"atoll/internal/layout"
	"atoll/internal/namespace"
)

// Process is a process that has to do with an object.
type Process = namespace.Process

// Info is what can be seen of an object from outside; the root's type of the same
// name documents the fields.
type Info struct {
	Name       string
	Header     layout.Header
	Protection access.Protection
	Resident   int64
	Signaled   *bool
	Count      *int32     // semaphore
	Due        *time.Time // timer that is active
	Period     time.Duration
	Owner      *Process
	OwnerSince time.Time
	Abandoned  bool
	Busy       *Process
	Waiters    int
	Waiting    []Process
	Alive      bool
	Holders    []Process
	Viewers    []Process
	Mode       fs.FileMode
	UID, GID   int
	ACL        []string
	Created    time.Time
	Path       string
	Problem    error
}

// Look is Of for one who only looks: it returns nil, and makes nothing,
// if there is no such directory, and so no object in it.
func Look(scope namespace.Scope) (*Space, error) {
	if scope.Private() {
		return Of(scope)
	}
	there, err := namespace.Exists(namespace.Base(), scope)
	if err != nil || !there {
		return nil, err
	}
	return Of(scope)
}

// List looks at every file of a scope.
func List(scope namespace.Scope) iter.Seq2[Info, error] {
	if scope == namespace.AllPrivate {
		return listPrivate
	}
	return func(yield func(Info, error) bool) {
		s, err := Look(scope)
		if err != nil {
			yield(Info{}, err)
			return
		}
		if s == nil {
			return
		}
		defer s.Dir.Release()
		sights, err := s.Dir.PeekAll()
		users := namespace.FindUsers(sights)
		for i := range sights {
			if !yield(s.info(&sights[i], users), nil) {
				return
			}
		}
		if err != nil {
			yield(Info{}, err)
		}
	}
}

// Stat looks at the object of a name.
func Stat(text string) (Info, error) {
	if text == "" {
		return Info{}, errs.New(errs.ErrBadName, "an unnamed object cannot be found from outside")
	}
	name, err := namespace.Parse(text)
	if err != nil {
		return Info{}, err
	}
	s, err := Look(name.Scope)
	if err != nil {
		return Info{}, err
	}
	if s == nil {
		return Info{}, errs.New(fs.ErrNotExist, "no such object")
	}
	defer s.Dir.Release()
	sight, err := s.Dir.PeekName(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Info{}, errs.New(fs.ErrNotExist, "no such object")
	case err != nil:
		return Info{}, err
	}
	info := s.info(&sight, namespace.FindUsers([]namespace.Sight{sight}))
	switch {
	case sight.Problem != nil:
		return info, errs.Because(sight.Problem, 0, nil, "%s", info.Path)
	case sight.Header.Name != name.Base:
		return info, errs.New(errs.ErrCorrupt, "%s is the object %q; remove it", info.Path, sight.Header.Name)
	case !sight.Alive:
		return info, errs.New(fs.ErrNotExist, "nobody has a handle to it any more; %s was left by a process that was killed, and goes away with the next use of the name or with: %s", info.Path, s.Dir.Sweeper())
	}
	return info, nil
}

// Sweep removes what killed processes left in a scope.
func Sweep(scope namespace.Scope) (removed int, err error) {
	if scope != namespace.Global {
		// What is left of this user's private namespaces belongs to nobody else.
		removed, err = boundary.Sweep(namespace.Base())
		job.Sweep() // groups, which are no objects
	}
	if scope == namespace.AllPrivate {
		return removed, err
	}
	s, e := Look(scope)
	if e != nil || s == nil {
		return removed, errors.Join(err, e)
	}
	defer s.Dir.Release()
	n, e := s.Dir.Sweep()
	return removed + n, errors.Join(err, e, sweepMembers(s))
}

// sweepMembers removes the files of dead members that no object in the directory
// names any more, and none without a name.
func sweepMembers(s *Space) error {
	local, err := Look(namespace.Local)
	if err != nil {
		return err
	}
	if local == nil {
		_, err := s.Members.SweepDead(nil, s.numbers)
		return err
	}
	defer local.Dir.Release()
	_, err = s.Members.SweepDead(local.Members, func() (map[uint32]bool, bool, error) {
		named, sure, err := s.numbers()
		if err != nil || !sure {
			return named, sure, err
		}
		living, err := local.Members.Living()
		if err != nil {
			return named, false, err
		}
		sure, err = namespace.LooseNumbers(living, named)
		return named, sure, err
	})
	return err
}

// numbers are the member numbers that objects with a name have.
func (s *Space) numbers() (named map[uint32]bool, sure bool, err error) {
	named, sure, err = s.Dir.Numbers()
	if err != nil || !sure || s.Dir.Scope != namespace.Global {
		return named, sure, err
	}
	// What a wait for all over objects of both came to stands in a file of Global.
	if err := numbersInPrivate(named); err != nil {
		return nil, false, err
	}
	local, err := Look(namespace.Local)
	if err != nil || local == nil {
		return named, err == nil, err
	}
	defer local.Dir.Release()
	return named, true, local.Members.Elsewhere(named)
}

// info puts together what is known of a file.
func (s *Space) info(sight *namespace.Sight, users namespace.UserTable) Info {
	h, st := sight.Header, sight.Stat
	i := Info{
		Name:       sight.Name(s.Dir.Scope).String(),
		Header:     h,
		Protection: access.Protection(h.Protection),
		Resident:   st.Blocks * 512,
		Alive:      sight.Alive,
		Holders:    users[sight.ID].Holders,
		Viewers:    users[sight.ID].Viewers,
		Mode:       fs.FileMode(st.Mode & 0o777),
		UID:        int(st.Uid),
		GID:        int(st.Gid),
		ACL:        access.ACLText(sight.ACL),
		Path:       filepath.Join(s.Dir.Path, sight.File),
		Problem:    sight.Problem,
	}
	if h.Created != 0 {
		i.Created = time.Unix(0, h.Created)
	}
	if i.Problem == nil {
		s.state(&i, sight)
	}
	return i
}
