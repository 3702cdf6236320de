package access

import (
	"io/fs"

	"atoll/internal/errs"
)

// Request is what a call that creates or opens an object asks for.
type Request struct {
	Access   Mask      // 0: the usual
	Exact    bool      // 0 asks for no right at all
	Security *Security // of a new object; nil: the creator alone
}

// Subject is the object that a handle is asked for.
type Subject struct {
	Kind        Kind
	ManualReset bool       // event, timer
	Protection  Protection // section
	Created     bool       // by this very call
	Writable    bool       // the kernel lets this process write the object's file
	UID, Mode   uint32     // of the file, for people, if it is not writable
}

// usual is what a request for 0 asks for.
func (o *Subject) usual() Mask {
	if o.Kind == Section {
		return o.Protection.Usual()
	}
	return kinds[o.Kind].all
}

// Writes are the rights that need the object's file to be writable: to map a
// section for writing, to change an object, and to wait for one whose signal the
// wait takes. What Linux leaves to the owner counts, too.
func (o *Subject) Writes() Mask {
	switch {
	case o.Kind == Section:
		return Write | Extend | ownership
	case o.ManualReset:
		return Modify | ownership
	case o.Kind == Mutex:
		return Wait | ownership
	case o.Kind == Job:
		return Wait | ChangeJob | ownership
	default:
		return Wait | Modify | ownership
	}
}

// Valid refuses what no object of the kind can be asked for, before one is made.
//
// # Errors
//
// fs.ErrPermission (5): bits that the kind does not have; with the number 1314:
// the right to audit.
func (q *Request) Valid(k Kind) error {
	asked := q.Access.Specific(k) &^ MaximumAllowed
	switch {
	case asked&^SystemSecurity&^kinds[k].most != 0:
		return errs.New(fs.ErrPermission, "the access has bits that %s does not know", k.indefinite())
	case asked&SystemSecurity != 0:
		return errs.Numbered(errs.PrivilegeNotHeld, fs.ErrPermission, "the access asks for ACCESS_SYSTEM_SECURITY: Linux keeps no audit list in an object")
	}
	return nil
}

// Grant decides what a handle may do. The creator gets what it asks for; whoever
// opens gets it if the kernel allows it on the object's file.
//
// # Errors
//
// fs.ErrPermission (5), and as Valid.
func (q *Request) Grant(o Subject) (Mask, error) {
	if err := q.Valid(o.Kind); err != nil {
		return 0, err
	}
	asked := q.Access.Specific(o.Kind)
	forbidden := o.Writes()
	if o.Created || o.Writable {
		forbidden = 0
	}
	switch {
	case asked == 0 && q.Exact && !o.Created:
		return 0, errs.New(fs.ErrPermission, "the call asks for no right at all")
	case asked == 0 && !q.Exact:
		// What only an owner can do is not worth a refusal.
		asked = o.usual() &^ (forbidden & ownership)
	case asked&MaximumAllowed != 0:
		asked = (asked&^MaximumAllowed | kinds[o.Kind].all&^forbidden)
	}
	if asked&forbidden == 0 {
		return asked, nil
	}
	return 0, errs.New(fs.ErrPermission, "its file, which belongs to uid %d and has mode %#o, may only be read by this user, which does not allow %s; %s", o.UID, o.Mode, (asked & forbidden).Text(o.Kind), o.wayOut())
}

// Regrant decides what a duplicate of a handle may do; Access 0, unless Exact, asks
// for what the source has. It may have more than that where the object allows it.
//
// # Errors
//
// fs.ErrPermission (5): more than source and object allow; and as Valid.
func (q *Request) Regrant(o Subject, source Mask) (Mask, error) {
	if q.Access == 0 && !q.Exact {
		return source, nil
	}
	if err := q.Valid(o.Kind); err != nil {
		return 0, err
	}
	usual := o.usual()
	if o.Kind == Section {
		usual |= Extend
	}
	if q.Exact {
		usual = kinds[o.Kind].all // as Windows has it: a section's protection bounds its views
	}
	if !o.Writable {
		usual &^= o.Writes()
	}
	asked := q.Access.Specific(o.Kind)
	if asked&MaximumAllowed != 0 {
		asked = asked&^MaximumAllowed | source | usual
	}
	if o.Kind == Section && q.Exact {
		usual |= Wait // a section has it only for who names it
	}
	if more := asked &^ (source | usual); more != 0 {
		return 0, errs.New(fs.ErrPermission, "neither the handle's access, %s, nor the object allows %s", source.Text(o.Kind), more.Text(o.Kind))
	}
	return asked, nil
}

// wayOut says what a reader can ask for.
func (o *Subject) wayOut() string {
	switch {
	case o.Kind == Section:
		return "open it with the access Read"
	case o.ManualReset:
		return "open it with the access Wait"
	default:
		return "it is enough for the access Query, and for manual-reset events and timers also with the access Wait"
	}
}

// Check says whether a handle with the rights granted may do what needs them.
//
// # Errors
//
// fs.ErrPermission.
func Check(k Kind, granted, needed Mask) error {
	if needed&^granted == 0 {
		return nil
	}
	return errs.New(fs.ErrPermission, "the handle's access does not allow it (has %s, needs %s)", granted.Text(k), needed.Text(k))
}
