//go:build linux

package boundary

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Admission says who may enter the folder of objects: the bits of reading let
// somebody in, those of writing let them create.
type Admission access.FileRights

// Usual is the admission of a boundary that says nothing else: of one group, that
// group's members; of anything else, which one directory cannot express, or which
// is one user, the founder alone.
func (b *Boundary) Usual() Admission {
	a := Admission(access.CreatorAlone)
	if len(b.Users) == 0 && len(b.Groups) == 1 {
		a.Mode, a.GID = 0o660, int(b.Groups[0])
	}
	return a
}

// Admit is the admission that a security says.
//
// # Errors
//
// fs.ErrInvalid: another owner than the founder. As Security.FileRights.
func Admit(s *access.Security) (Admission, error) {
	// As for memory that one can read and write.
	o := access.Subject{Kind: access.Section, Protection: access.ReadWrite}
	r, err := s.FileRights(o, access.Creator{UID: os.Geteuid(), GID: os.Getegid()})
	if err != nil {
		return Admission{}, err
	}
	if r.UID >= 0 && r.UID != os.Geteuid() {
		return Admission{}, errs.New(fs.ErrInvalid, "a private namespace belongs to its creator, uid %d, not to uid %d", os.Geteuid(), r.UID)
	}
	r.UID = -1
	return Admission(r), nil
}

// forMembers is the admission of the folder of members: who may enter may become one.
func (a Admission) forMembers() Admission {
	return a.each(func(p uint32) uint32 { return p | p&4>>1 })
}

// folder are the rights of the directory: whoever may read it may search it, and
// where others may write it is sticky, so that they cannot remove each other's files.
func (a Admission) folder() access.FileRights {
	a = a.each(func(p uint32) uint32 { return p | p&4>>2 })
	if a.Mode&0o022 != 0 {
		a.Mode |= unix.S_ISVTX
	}
	return access.FileRights(a)
}

// each changes the bits for everybody whom the admission names.
func (a Admission) each(f func(bits uint32) uint32) Admission {
	a.Mode = f(a.Mode>>6&7)<<6 | f(a.Mode>>3&7)<<3 | f(a.Mode&7)
	if a.ACL == "" {
		return a
	}
	entries, err := access.DecodeACL([]byte(a.ACL))
	if err != nil {
		return Admission(access.CreatorAlone) // never: we have encoded it
	}
	for i := range entries {
		entries[i].Perm = access.Perm(f(uint32(entries[i].Perm)))
	}
	a.ACL = string(access.EncodeACL(entries))
	return a
}
