//go:build linux

package space

import (
	"io/fs"
	"sync"

	"atoll/internal/errs"
	"atoll/internal/liveness"
	"atoll/internal/namespace"
	"atoll/internal/wait"
)

// Space is one directory of names with its members.
type Space struct {
	Dir     *namespace.Dir
	Members *liveness.Folder
	tidied  sync.Once
	private *private // nil: Local or Global
}

// manyMembers is how many member files of a user must have piled up before a process that
// joins sweeps those of the dead, which costs a look at every object.
const manyMembers = 64

// Join makes this process a member of the directory, which has a number. Leave ends that.
func (s *Space) Join() (uint32, error) {
	s.Dir.Retain()
	me, err := s.Members.Join()
	if err != nil {
		s.Dir.Release()
		return 0, err
	}
	s.tidied.Do(func() {
		if many, err := s.Members.Many(manyMembers); err == nil && many {
			_ = sweepMembers(s) // a join must not fail because a sweep did
		}
	})
	return me, nil
}

// Leave ends one Join.
func (s *Space) Leave() error {
	err := s.Members.Leave()
	if s.Members.Self() == 0 {
		wait.Forget(s.Members)
	}
	s.Dir.Release()
	return err
}

// Stay makes the membership last until the process ends, and with it the
// directory.
func (s *Space) Stay() {
	s.Dir.Retain()
	s.Members.Stay()
}

// spaces are the directories this process has opened, each once.
var spaces = struct {
	sync.Mutex
	open map[namespace.Scope]*Space
}{open: map[namespace.Scope]*Space{}}

// Of opens the directory of a scope, or opens it anew if somebody has
// removed it under us; objects that are still held stay in the old one. The caller
// gives it back with Dir.Release.
func Of(scope namespace.Scope) (s *Space, err error) {
	spaces.Lock()
	defer spaces.Unlock()
	defer func() {
		if err == nil {
			s.Dir.Retain()
		}
	}()
	s = spaces.open[scope]
	switch {
	case s != nil && !s.Dir.Gone():
		return s, nil
	case s != nil && scope.Private():
		return nil, errs.Numbered(errs.PathNotFound, fs.ErrNotExist, "somebody has removed %s, the directory of the private namespace", s.Dir.Path)
	case scope.Private():
		return nil, errs.Numbered(errs.PathNotFound, fs.ErrNotExist, "the private namespace is closed in this process")
	}
	dir, err := namespace.OpenDir(namespace.Base(), scope)
	if err != nil {
		return nil, err
	}
	s = newSpace(dir)
	spaces.open[scope] = s
	return s, nil
}

func newSpace(dir *namespace.Dir) *Space {
	s := &Space{Dir: dir, Members: liveness.OpenFolder(dir.MembersFD())}
	if dir.Scope != namespace.Global {
		s.Members.LookIn(globalMembers)
	}
	return s
}

// globalMembers is the folder of Global's members, nil if there is none.
func globalMembers() *liveness.Folder {
	s, err := Look(namespace.Global)
	if s == nil || err != nil {
		return nil
	}
	defer s.Dir.Release() // Global stays
	return s.Members
}
