//go:build linux

package kernel32

import (
	"errors"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/onlinux"
)

// Parts of a descriptor.
const (
	OwnerPart uint32 = 1 << iota
	GroupPart
	ListPart
	AuditPart
	LabelPart
)

// SetObjectSecurity changes who may open an object from now on.
func SetObjectSecurity(h Handle, parts uint32, s *access.Security) error {
	if s == nil {
		return errs.Numbered(errs.NoAccess, nil, "there is no descriptor")
	}
	e, err := find(h)
	if err != nil {
		return err
	}
	defer e.leave()
	if err := e.maySecure(parts); err != nil {
		return err
	}
	k, ok := e.object.(interface{ kernel() onlinux.Object })
	switch {
	case parts&ListPart == 0:
		return nil
	case !ok:
		return errs.New(errors.ErrUnsupported, "who may open a %s is not for its handle to say on Linux", e.kind)
	}
	return secure(k.kernel(), s)
}

// maySecure says whether a handle may change parts of its object's descriptor, as far
// as Linux can.
func (e *entry) maySecure(parts uint32) error {
	var needed access.Mask
	if parts&ListPart != 0 {
		needed |= access.WriteDAC
	}
	if parts&(OwnerPart|GroupPart|LabelPart) != 0 {
		needed |= access.WriteOwner
	}
	if err := e.may(needed); err != nil {
		return err
	}
	switch {
	case parts&AuditPart != 0:
		return errs.Numbered(errs.PrivilegeNotHeld, nil, "Linux keeps no audit list in an object")
	case parts&^ListPart != 0:
		return errs.New(errors.ErrUnsupported, "owner and group are for the one to say who creates the object, and Linux has no integrity labels: only the list can be changed")
	}
	return nil
}

// secure changes the rights of an object's file.
func secure(o onlinux.Object, s *access.Security) error {
	fd, h := int(o.Descriptor()), o.Header()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	of := access.Subject{Kind: access.Kind(h.Type), ManualReset: h.Has(layout.FlagManualReset)}
	list := access.Security{Mode: s.Mode, ACL: s.ACL}
	rights, err := list.FileRights(of, access.Creator{UID: int(st.Uid), GID: int(st.Gid)})
	if err != nil {
		return err
	}
	const others = 0o022
	switch {
	case st.Mode&others == 0 && rights.Mode&others != 0:
		return errs.New(errors.ErrUnsupported, "nobody but its owner could write the object until now, and who has it open relies on that; let others write when it is created")
	case of.ManualReset && rights.Readers && !h.Has(layout.FlagReaders):
		return errs.New(errors.ErrUnsupported, "the object was created for nobody who may only read it, so that nobody would wake them; let somebody read when it is created")
	case st.Mode&others != 0:
		rights.StayGuarded()
	}
	if st.Mode&backing.Signature != 0 {
		rights.Mode |= backing.Signature
	}
	return lockfile.ChangeRights(fd, rights)
}
