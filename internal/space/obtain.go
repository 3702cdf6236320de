//go:build linux

package space

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// Intent is what a call wants of a name.
type Intent uint8

// The intents.
const (
	MustCreate   Intent = iota // fs.ErrExist if it is there
	MustOpen                   // fs.ErrNotExist if it is not
	CreateOrOpen               // either
)

// Target is where a name leads: a directory and a name in it, or nowhere for an
// unnamed object.
type Target struct {
	Space   *Space // nil for an unnamed object
	Unnamed bool
	name    namespace.Name
}

// Resolve finds the directory of a name. The empty name is an unnamed object. The
// caller calls Release.
func Resolve(name string, intent Intent) (Target, error) {
	if name == "" {
		if intent == MustOpen {
			return Target{}, errs.New(errs.ErrWrongType, "an unnamed object cannot be opened (the empty name is the directory itself)")
		}
		return Target{Unnamed: true}, nil
	}
	parsed, err := namespace.Parse(name)
	if err != nil {
		return Target{}, err
	}
	s, err := Of(parsed.Scope)
	if err != nil && intent != MustOpen && errors.Is(err, fs.ErrNotExist) {
		// Where nobody has prepared the directory nothing exists; but to a create
		// that means that it is not allowed.
		err = errs.New(fs.ErrPermission, "%v", err)
	}
	return Target{Space: s, name: parsed}, err
}

// Release gives the directory back.
func (t Target) Release() {
	if t.Space != nil {
		t.Space.Dir.Release()
	}
}

// Plan is how to make an object, if one is to be made.
type Plan struct {
	Header   layout.Header
	Security *access.Security
	// Build completes the object's file.
	Build func(fd int, h layout.Header) error

	rights access.FileRights // what Security comes to
}

// Obtain creates or opens the object of a name. In the end the caller has one
// handle, which it must drop.
func (t Target) Obtain(intent Intent, p Plan) (o *namespace.Object, created bool, err error) {
	if t.Unnamed {
		o, err := obtainUnnamed(p)
		return o, true, err
	}
	return t.Space.obtain(t.name, intent, p)
}

func obtainUnnamed(p Plan) (*namespace.Object, error) {
	if err := p.stamp(""); err != nil {
		return nil, err
	}
	return backing.CreateUnnamed(p.Header, func(fd int, h layout.Header) error {
		if err := p.Build(fd, h); err != nil {
			return err
		}
		return lockfile.SetRights(fd, p.rights)
	})
}

// stamp completes the header with who made it, decides who may do what, and places
// the data.
func (p *Plan) stamp(name string) (err error) {
	o := access.Subject{Kind: access.Kind(p.Header.Type), ManualReset: p.Header.Has(layout.FlagManualReset)}
	by := access.Creator{UID: os.Geteuid(), GID: os.Getegid()}
	if p.rights, err = p.Security.FileRights(o, by); err != nil {
		return err
	}
	p.rights.Mode = backing.SignedMode(p.Header, p.rights.Mode)
	if o.ManualReset && p.rights.Readers {
		p.Header.Flags |= layout.FlagReaders
	}
	p.Header.Name = name
	p.Header.UID = uint32(by.UID)
	p.Header.PID = uint32(os.Getpid())
	p.Header.Created = time.Now().UnixNano()
	if p.Header.Type == layout.Section && !p.Header.Has(layout.FlagFile) {
		p.Header.PlaceData()
	}
	return nil
}

// obtainTries bounds how often an object may come and go between our looks.
const obtainTries = 1000

func (s *Space) obtain(name namespace.Name, intent Intent, p Plan) (*namespace.Object, bool, error) {
	var left error // what lies there, dead, if this user cannot remove it
	for range obtainTries {
		// Look first, also to create: making a large section only to find that the
		// name is taken would be a waste.
		o, err := s.open(name, p.Header.Type)
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
		o, err = s.Dir.Create(name, p.Header, p.rights, func(fd int) error { return p.Build(fd, p.Header) })
		if err == nil {
			return o, true, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, false, err
		}
	}
	return nil, false, errs.New(errs.ErrStuck, "%s: other processes created and closed it %d times while this one tried", name, obtainTries)
}

func (s *Space) open(name namespace.Name, typ layout.Type) (*namespace.Object, error) {
	o, err := s.Dir.Open(name)
	if err != nil {
		return nil, err
	}
	if o.Header.Type != typ {
		return nil, errors.Join(
			errs.New(errs.ErrWrongType, "the name belongs to an object of type %s, not %s", o.Header.Type, typ), o.DropHandle())
	}
	return o, nil
}
