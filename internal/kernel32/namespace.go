//go:build linux

package kernel32

import (
	"sync"
	"sync/atomic"

	"atoll/internal/access"
	"atoll/internal/boundary"
	"atoll/internal/errs"
	"atoll/internal/sddl"
	"atoll/internal/space"
)

// boundaries are the boundary descriptors of this process. They are no handles: a
// value is one that no handle has.
var boundaries = struct {
	sync.Mutex
	made map[Handle]*limits
	last Handle
}{made: make(map[Handle]*limits), last: blockSlots * maxBlocks << 2}

// limits is a boundary that is being put together.
type limits struct {
	name          string
	users, groups []int
	everyone      bool // says nothing, but says something
}

func (l *limits) boundary() (boundary.Boundary, error) {
	if l.everyone && len(l.users)+len(l.groups) == 0 {
		// It keeps nobody out, as it would on Windows.
		return boundary.Open(l.name)
	}
	return boundary.New(l.name, l.users, l.groups)
}

// addsAppContainer is a flag of CreateBoundaryDescriptor: of what Linux has nothing.
const addsAppContainer = 1

// CreateBoundaryDescriptor begins a boundary.
func CreateBoundaryDescriptor(name string, flags uint32) (Handle, error) {
	if flags&^addsAppContainer != 0 || name == NullName {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "a boundary has a name, and no flags %#x", flags&^addsAppContainer)
	}
	boundaries.Lock()
	defer boundaries.Unlock()
	boundaries.last += 4
	boundaries.made[boundaries.last] = &limits{name: createName(name)}
	return boundaries.last, nil
}

// AddSIDToBoundary adds whom it is for.
func AddSIDToBoundary(h Handle, sid string) error {
	who, err := sddl.Trustee(sid)
	if err != nil {
		return err
	}
	boundaries.Lock()
	defer boundaries.Unlock()
	l := boundaries.made[h]
	switch {
	case l == nil:
		return errNoBoundary
	case who.Kind == access.Everyone:
		l.everyone = true
	case who.Kind == access.System:
		l.users = append(l.users, 0)
	case who.Kind == access.User:
		l.users = append(l.users, int(who.ID))
	case who.Kind == access.Group:
		l.groups = append(l.groups, int(who.ID))
	default:
		return errs.Numbered(errs.InvalidParameter, nil, "a boundary is of users and groups, not of %s", who)
	}
	return nil
}

var errNoBoundary = errs.Numbered(errs.InvalidParameter, nil, "no such boundary in this process")

// DeleteBoundaryDescriptor forgets a boundary.
func DeleteBoundaryDescriptor(h Handle) {
	boundaries.Lock()
	defer boundaries.Unlock()
	delete(boundaries.made, h)
}

func boundaryOf(h Handle) (boundary.Boundary, error) {
	boundaries.Lock()
	defer boundaries.Unlock()
	l := boundaries.made[h]
	if l == nil {
		return boundary.Boundary{}, errNoBoundary
	}
	return l.boundary()
}

// privateNamespace is one that this process has open: the alias is a prefix as long as
// there is a handle.
type privateNamespace struct {
	*space.PrivateNamespace
	more atomic.Int32 // handles besides the first
}

func (p *privateNamespace) retire() {
	if p.more.Add(-1) < 0 {
		_ = p.Close()
	}
}

func (p *privateNamespace) close() {}

func (p *privateNamespace) same(other object) bool {
	o, ok := other.(*privateNamespace)
	return ok && o.Path() == p.Path()
}

func (p *privateNamespace) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	rights, err := asked.Regrant(access.Subject{Kind: access.Namespace, Writable: true}, granted)
	if err != nil {
		return nil, 0, err
	}
	p.more.Add(1)
	return p, rights, nil
}

// allOfNamespace is what a handle of a private namespace may do.
const allOfNamespace access.Mask = 0xF000F

// CreatePrivateNamespace founds the namespace of a boundary and an alias.
func CreatePrivateNamespace(a *Attributes, of Handle, alias string) (Handle, error) {
	return withBoundary(of, alias, a.flags(), func(b boundary.Boundary, alias string) (*space.PrivateNamespace, error) {
		return space.NewPrivateNamespace(b, alias, a.security())
	})
}

// OpenPrivateNamespace opens the namespace of a boundary and an alias.
func OpenPrivateNamespace(of Handle, alias string) (Handle, error) {
	return withBoundary(of, alias, 0, space.OpenPrivateNamespace)
}

func withBoundary(of Handle, alias string, flags uint32, open func(boundary.Boundary, string) (*space.PrivateNamespace, error)) (Handle, error) {
	if alias == NullName {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "a private namespace needs an alias")
	}
	b, err := boundaryOf(of)
	if err != nil {
		return 0, err
	}
	p, err := open(b, createName(alias))
	if err != nil {
		return 0, err
	}
	return insert(&privateNamespace{PrivateNamespace: p}, access.Namespace, allOfNamespace, flags)
}

// destroys is a flag of ClosePrivateNamespace: nobody shall open it any more, which
// the founder's close says in any case, and no other can.
const destroys = 1

// ClosePrivateNamespace closes a handle of a private namespace.
func ClosePrivateNamespace(h Handle, flags uint32) error {
	_, e, err := use[*privateNamespace](h, 0)
	if err != nil {
		return err
	}
	defer e.leave()
	if flags&^destroys != 0 {
		return errs.Numbered(errs.InvalidParameter, nil, "there are no flags %#x", flags&^destroys)
	}
	return CloseHandle(h)
}
