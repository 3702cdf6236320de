//go:build linux

package onlinux

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
	"atoll/internal/wait"
)

// space is one directory of names with its members.
type space struct {
	dir     *namespace.Dir
	members *liveness.Folder
	tidied  sync.Once
	private *private // nil: Local or Global
}

// manyMembers is how many member files of a user must have piled up before a process that
// joins sweeps those of the dead, which costs a look at every object.
const manyMembers = 64

// join makes this process a member of the directory. leave ends that.
func (s *space) join() (uint32, error) {
	s.dir.Retain()
	me, err := s.members.Join()
	if err != nil {
		s.dir.Release()
		return 0, err
	}
	s.tidied.Do(func() {
		if many, err := s.members.Many(manyMembers); err == nil && many {
			_ = sweepMembers(s) // a join must not fail because a sweep did
		}
	})
	return me, nil
}

func (s *space) leave() error {
	err := s.members.Leave()
	if s.members.Self() == 0 {
		wait.Forget(s.members)
	}
	s.dir.Release()
	return err
}

// stay makes the membership last until the process ends, and with it the
// directory.
func (s *space) stay() {
	s.dir.Retain()
	s.members.Stay()
}

// spaces are the directories this process has opened, each once.
var spaces = struct {
	sync.Mutex
	open map[namespace.Scope]*space
}{open: map[namespace.Scope]*space{}}

// spaceOf opens the directory of a scope, or opens it anew if somebody has
// removed it under us; objects that are still held stay in the old one. The caller
// gives it back with dir.Release.
func spaceOf(scope namespace.Scope) (s *space, err error) {
	spaces.Lock()
	defer spaces.Unlock()
	defer func() {
		if err == nil {
			s.dir.Retain()
		}
	}()
	s = spaces.open[scope]
	switch {
	case s != nil && !s.dir.Gone():
		return s, nil
	case s != nil && scope.Private():
		return nil, errs.Numbered(errs.PathNotFound, fs.ErrNotExist, "somebody has removed %s, the directory of the private namespace", s.dir.Path)
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

func newSpace(dir *namespace.Dir) *space {
	s := &space{dir: dir, members: liveness.OpenFolder(dir.MembersFD())}
	if dir.Scope != namespace.Global {
		s.members.LookIn(globalMembers)
	}
	return s
}

// Intent is what a call wants of a name.
type Intent uint8

// The intents.
const (
	MustCreate   Intent = iota // fs.ErrExist if it is there
	MustOpen                   // fs.ErrNotExist if it is not
	CreateOrOpen               // either
)

// target is where a name leads: a directory and a name in it, or nowhere for an
// unnamed object.
type target struct {
	space   *space // nil for an unnamed object
	name    namespace.Name
	unnamed bool
}

// resolve finds the directory of a name. The empty name is an unnamed object. The
// caller calls release.
func resolve(name string, intent Intent) (target, error) {
	if name == "" {
		if intent == MustOpen {
			return target{}, errs.New(errs.ErrWrongType, "an unnamed object cannot be opened (the empty name is the directory itself)")
		}
		return target{unnamed: true}, nil
	}
	parsed, err := namespace.Parse(name)
	if err != nil {
		return target{}, err
	}
	s, err := spaceOf(parsed.Scope)
	if err != nil && intent != MustOpen && errors.Is(err, fs.ErrNotExist) {
		// Where nobody has prepared the directory nothing exists; but to a create
		// that means that it is not allowed.
		err = errs.New(fs.ErrPermission, "%v", err)
	}
	return target{space: s, name: parsed}, err
}

func (t target) release() {
	if t.space != nil {
		t.space.dir.Release()
	}
}

// plan is how to make an object, if one is to be made.
type plan struct {
	header   layout.Header
	security *access.Security
	rights   access.FileRights // what security comes to
	// build completes the object's file.
	build func(fd int, h layout.Header) error
}

// obtain creates or opens the object of a name. In the end the caller has one
// handle, which it must drop.
func (t target) obtain(intent Intent, p plan) (o *namespace.Object, created bool, err error) {
	if t.unnamed {
		o, err := obtainUnnamed(p)
		return o, true, err
	}
	return t.space.obtain(t.name, intent, p)
}

func obtainUnnamed(p plan) (*namespace.Object, error) {
	if err := p.stamp(""); err != nil {
		return nil, err
	}
	o, err := backing.CreateUnnamed(p.header, p.build)
	if err != nil {
		return nil, err
	}
	if err := lockfile.SetRights(o.FD, p.rights); err != nil {
		return nil, errors.Join(err, o.DropHandle())
	}
	return o, nil
}

// stamp completes the header with who made it, decides who may do what, and places
// the data.
func (p *plan) stamp(name string) (err error) {
	o := access.Subject{Kind: access.Kind(p.header.Type), ManualReset: p.header.Has(layout.FlagManualReset)}
	by := access.Creator{UID: os.Geteuid(), GID: os.Getegid()}
	if p.rights, err = p.security.FileRights(o, by); err != nil {
		return err
	}
	p.rights.Mode = backing.SignedMode(p.header, p.rights.Mode)
	if o.ManualReset && p.rights.Readers {
		p.header.Flags |= layout.FlagReaders
	}
	p.header.Name = name
	p.header.UID = uint32(os.Geteuid())
	p.header.PID = uint32(os.Getpid())
	p.header.Created = time.Now().UnixNano()
	if p.header.Type == layout.Section && !p.header.Has(layout.FlagFile) {
		p.header.PlaceData()
	}
	return nil
}

// subject is an object as its rights go.
func subject(o *namespace.Object, created bool) access.Subject {
	s := access.Subject{
		Kind: access.Kind(o.Header.Type), ManualReset: o.Header.Has(layout.FlagManualReset),
		Protection: access.Protection(o.Header.Protection), Created: created, Writable: o.Writable,
	}
	var st unix.Stat_t
	if !s.Writable && unix.Fstat(o.FD, &st) == nil {
		s.UID, s.Mode = st.Uid, st.Mode&0o7777
	}
	return s
}

// obtainTries bounds how often an object may come and go between our looks.
const obtainTries = 1000

func (s *space) obtain(name namespace.Name, intent Intent, p plan) (*namespace.Object, bool, error) {
	var left error // what lies there, dead, if this user cannot remove it
	for range obtainTries {
		// Look first, also to create: making a large section only to find that the
		// name is taken would be a waste.
		o, err := s.open(name, p.header.Type)
		switch {
		case err == nil && intent == MustCreate:
			return nil, false, errors.Join(
				errs.New(fs.ErrExist, "an object of type %s has this name already", o.Header.Type), o.DropHandle())
		case err == nil:
			return o, false, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, false, err
		case intent == MustOpen:
			return nil, false, errs.New(fs.ErrNotExist, "no process has a handle to an object of this name")
		}
		if found := (*errs.Detail)(nil); errors.As(err, &found) {
			if left != nil {
				return nil, false, errs.New(fs.ErrPermission, "%v", left)
			}
			left = err
		}
		if err := p.stamp(name.Base); err != nil {
			return nil, false, err
		}
		o, err = s.dir.Create(name, p.header, p.rights, func(fd int) error { return p.build(fd, p.header) })
		if err == nil {
			return o, true, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, false, err
		}
	}
	return nil, false, errs.New(errs.ErrStuck, "%s: other processes created and closed it %d times while this one tried", name, obtainTries)
}

func (s *space) open(name namespace.Name, typ layout.Type) (*namespace.Object, error) {
	o, err := s.dir.Open(name)
	if err != nil {
		return nil, err
	}
	if o.Header.Type != typ {
		return nil, errors.Join(
			errs.New(errs.ErrWrongType, "the name belongs to an object of type %s, not %s", o.Header.Type, typ), o.DropHandle())
	}
	return o, nil
}

// globalMembers is the folder of Global's members, nil if there is none.
func globalMembers() *liveness.Folder {
	s, err := lookSpace(namespace.Global)
	if s == nil || err != nil {
		return nil
	}
	defer s.dir.Release() // Global stays
	return s.members
}
