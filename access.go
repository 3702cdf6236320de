package atoll

import (
	"fmt"
	"strings"

	"atoll/internal/access"
)

// Access is a set of rights on a handle or view. 0 asks for all that is usual:
// for a section what its protection allows, for the others Wait and Modify.
//
// Source: https://learn.microsoft.com/windows/win32/sync/synchronization-object-security-and-access-rights
type Access uint32

// The rights. Copy asks a view to be copy-on-write, and as a right on a section
// is the same as Read.
const (
	Read    Access = 1 << iota // sections and views
	Write                      // sections and views
	Copy                       // sections and views
	Execute                    // sections and views
	Wait                       // the others: to wait for it, to lock it
	Modify                     // the others: to set, reset, release it; Query is part of it
	// Query, of all but views, is to see the state, and no more than that: neither
	// to wait nor to map. Of a mutex, as on Windows, Query and Modify are one right,
	// which Access shows as Modify; Unlock needs neither.
	Query
)

// The generic rights stand for others, by the type of the object, as on Windows.
// Only an open can ask for them; no handle has them. GenericRead does not allow to
// wait, GenericExecute does.
const (
	GenericAll     = Access(access.GenericAll)
	GenericExecute = Access(access.GenericExecute)
	GenericWrite   = Access(access.GenericWrite)
	GenericRead    = Access(access.GenericRead)
)

const genericRights = GenericAll | GenericExecute | GenericWrite | GenericRead

// rights pairs each right with what it is for sections and views, and for the other
// types.
var rights = []struct {
	access         Access
	name           string
	section, other access.Mask
}{
	{Read, "read", access.Read, access.Unknown},
	{Write, "write", access.Write, access.Unknown},
	{Copy, "copy", access.Read, access.Unknown},
	{Execute, "execute", access.Execute, access.Unknown},
	{Wait, "wait", access.Unknown, access.Wait},
	{Modify, "modify", access.Unknown, access.Modify | access.Query},
	{Query, "query", access.Query, access.Query},
}

// of are Windows' rights for a; bits that the kind does not have give
// access.Unknown.
func (a Access) of(k access.Kind) access.Mask {
	m := access.Mask(a & genericRights)
	a &^= genericRights
	for _, r := range rights {
		if a&r.access == 0 {
			continue
		}
		a &^= r.access
		switch {
		case k == access.AView && r.access == Copy:
			m |= access.Copy
		case k == access.AView && r.access == Query:
			m |= access.Unknown
		case k == access.Section || k == access.AView:
			m |= r.section
		case k == access.Mutex && r.access == Modify:
			m |= access.Query // the bit that Windows calls MUTEX_MODIFY_STATE
		case k == access.Job && r.access == Modify:
			m |= access.ChangeJob | access.QueryJob
		case k == access.Job && r.access == Query:
			m |= access.QueryJob
		default:
			m |= r.other
		}
	}
	if a != 0 {
		m |= access.Unknown
	}
	return m
}

// accessOf is what a handle's rights are called here. Rights without a name here,
// such as that to delete, which Linux leaves to the file's owner, are not shown.
func accessOf(k access.Kind, m access.Mask) (a Access) {
	for _, r := range rights {
		if bits := r.access.of(k); bits&access.Unknown == 0 && m&bits == bits {
			a |= r.access
		}
	}
	switch {
	case k == access.Section && a&Read != 0:
		a &^= Copy | Query
	case a&Modify != 0:
		a &^= Query
	}
	return a
}

// Win32 returns the access mask that Windows has for a, on an object of type t: the
// generic rights are replaced by what they stand for, and 0, which asks for the
// usual, stays 0. Rights that t does not have set the bit 0x08000000, which every
// open refuses (5).
//
// Source: https://learn.microsoft.com/windows/win32/secauthz/access-mask
func (a Access) Win32(t Type) uint32 {
	k := access.Kind(t)
	return uint32(a.of(k).Specific(k))
}

// String lists the rights in words, such as "read+write".
func (a Access) String() string {
	var list []string
	for _, r := range rights {
		if a&r.access != 0 {
			list = append(list, r.name)
		}
		a &^= r.access
	}
	for i, name := range [...]string{"generic-all", "generic-execute", "generic-write", "generic-read"} {
		if a&(GenericAll<<i) != 0 {
			list = append(list, name)
		}
	}
	if a &^= genericRights; a != 0 {
		list = append(list, fmt.Sprintf("%#x", uint32(a)))
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, "+")
}
