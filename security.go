package atoll

import (
	"io/fs"

	"atoll/internal/access"
	"atoll/internal/sddl"
)

// Security says who may do what with an object that is created; it is ignored
// when an existing one is opened. The kernel enforces it, by the object's file:
// who may read the file may map a section for reading, wait for a manual-reset
// event or timer, and see the state of any object; all else needs the right to
// read and write. root may everything. What is finer than that cannot be had, and
// a create that asks for it is refused.
//
// A Local object can be reached by its own user alone, whatever its rights say; share
// with others in Global, or in a private namespace.
//
// Rights are looked at when a handle is made. Handles that exist go on when the
// rights of the file change, and the creator's handle may all that it asks for.
//
// A nil *Security, and the zero value, let the creator's user alone read and write.
//
// # Errors
//
// A create with a Security also fails with fs.ErrInvalid (87): no possible Mode,
// Owner, Group or ACL; errors.ErrUnsupported (50): Linux cannot do what the ACL says,
// or keeps none in this file system; fs.ErrPermission (5): not an owner or group that
// this user can give.
//
// Source: https://learn.microsoft.com/windows/win32/sync/synchronization-object-security-and-access-rights
type Security struct {
	// Mode has the bits of reading and writing for the owner, the group and
	// everybody else, as chmod has, whatever the umask. Who may write must be
	// allowed to read. 0 is 0600 if ACL is nil, else ACL decides alone.
	Mode fs.FileMode
	// Owner and Group are numbers of a user and a group; nil is the creator's. Only
	// root can name another owner, and a group that it is not in.
	Owner, Group *int
	// ACL with a Mode adds users and groups, as setfacl does: what an entry allows
	// is all that its user, or a member of its group, may do.
	//
	// ACL without a Mode is a list as on Windows, which says all, for the owner too:
	// each right is decided by the first entry that names it and is for the user or
	// one of its groups, and what no entry allows is denied. If it is not nil but
	// empty, nobody may do anything, until the last handle is closed. Lists that
	// Linux would understand in another way are refused.
	ACL []ACE
}

// ACE is an entry of an access control list.
type ACE struct {
	// Deny takes the rights away from the trustee, where no entry before allows them.
	Deny bool
	// Who the entry is for.
	Who Trustee
	// Access of the entry; 0 is none. The generic rights stand for others by the type
	// of the object.
	Access Access
	// Mask has more rights, as Windows numbers them.
	Mask uint32
}

// Trustee is whom an entry of an access control list is for.
type Trustee struct {
	Kind TrusteeKind
	ID   int // number of the user or group; else 0
}

// TrusteeKind is a kind of trustee.
type TrusteeKind uint8

// The kinds of trustees.
const (
	TrusteeEveryone    = TrusteeKind(access.Everyone)
	TrusteeOwner       = TrusteeKind(access.Owner)       // the owner of the object's file
	TrusteeOwningGroup = TrusteeKind(access.OwningGroup) // its group
	TrusteeUser        = TrusteeKind(access.User)
	TrusteeGroup       = TrusteeKind(access.Group)
	TrusteeSystem      = TrusteeKind(access.System) // root, who may everything in any case
)

// ParseSDDL reads a Windows security descriptor in its text form. It knows owner
// (O:), group (G:) and list (D:), with entries that allow (A) or deny (D), all
// rights, and these trustees:
//
//	S-1-22-1-UID, S-1-22-2-GID   a user, a group of Unix (as Samba calls them)
//	WD, AU                       everyone: here whoever has a process has a user
//	OW, CO                       the owner of the object
//	CG                           its group
//	SY, BA                       root
//
// What a right means depends on the type of the object, so whether Linux can have
// the list is decided when an object is created with it. Without D: the creator
// alone has rights; D: without entries is for nobody, D:NO_ACCESS_CONTROL for
// everyone.
//
// # Errors
//
// fs.ErrInvalid (87): not a descriptor. errors.ErrUnsupported (50): integrity labels,
// audit entries, conditions, other trustees; the text says why, and the way out.
//
// Source: https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format
func ParseSDDL(s string) (*Security, error) {
	k, err := sddl.Parse(s)
	if err != nil {
		return nil, fail("parse security descriptor", 0, s, err)
	}
	security := &Security{Owner: k.Owner, Group: k.Group}
	if k.ACL != nil {
		security.ACL = make([]ACE, len(k.ACL))
	}
	for i, a := range k.ACL {
		security.ACL[i] = ACE{Deny: a.Deny, Who: Trustee{TrusteeKind(a.Who.Kind), int(a.Who.ID)}, Mask: uint32(a.Rights)}
	}
	return security, nil
}

// kernel is the security as the kernel's row has it, for an object of a kind.
func (s *Security) kernel(k access.Kind) *access.Security {
	if s == nil {
		return nil
	}
	security := &access.Security{Mode: uint32(s.Mode), Owner: s.Owner, Group: s.Group}
	if s.ACL != nil {
		security.ACL = make([]access.ACE, len(s.ACL))
	}
	for i, a := range s.ACL {
		security.ACL[i] = access.ACE{
			Deny: a.Deny, Rights: a.Access.of(k) | access.Mask(a.Mask),
			Who: access.Trustee{Kind: access.TrusteeKind(a.Who.Kind), ID: access.NumberOf(a.Who.ID)},
		}
	}
	return security
}

// request is what an open or create asks for.
func request(k access.Kind, a Access, s *Security) access.Request {
	return access.Request{Access: a.of(k), Security: s.kernel(k)}
}
