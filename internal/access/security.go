package access

import (
	"io/fs"
	"slices"

	"atoll/internal/errs"
)

// Security says who may do what with a new object.
type Security struct {
	Mode         uint32 // permission bits of the object's file
	Owner, Group *int   // nil: the creator's
	// ACL are, with a Mode, users and groups beside those of the mode; without one it
	// is a list as Windows has it, which decides alone, and if it is empty nobody may
	// do anything. nil without a Mode: the creator alone.
	ACL []ACE
}

// ACE is an entry of an access control list.
type ACE struct {
	Deny   bool
	Who    Trustee
	Rights Mask // generic ones are translated by the kind of the object
}

// Trustee is whom an entry is for.
type Trustee struct {
	Kind TrusteeKind
	ID   uint32 // of User and Group
}

// TrusteeKind is a kind of trustee.
type TrusteeKind uint8

// The kinds of trustees.
const (
	Everyone TrusteeKind = iota
	Owner
	OwningGroup
	User
	Group
	System // root, who may everything anyway
)

// FileRights are what the file of an object gets: what the kernel enforces.
type FileRights struct {
	Mode     uint32
	UID, GID int    // -1: the creator's
	ACL      string // value of the attribute; "" is none
	Readers  bool   // somebody may read who may not write
}

// CreatorAlone are the rights of an object without Security.
var CreatorAlone = FileRights{Mode: 0o600, UID: -1, GID: -1}

// Creator is who makes an object.
type Creator struct{ UID, GID int }

// The permission bits that mean something for an object.
const readWriteBits = 0o666

// FileRights decides what the file of an object gets.
//
// # Errors
//
// fs.ErrInvalid: no such mode, user or group. errors.ErrUnsupported: the kernel
// cannot do what is asked for; the text says why, and the way out.
func (s *Security) FileRights(o Subject, by Creator) (FileRights, error) {
	r := CreatorAlone
	if s == nil {
		return r, nil
	}
	if s.Mode&^readWriteBits != 0 {
		return r, errs.New(fs.ErrInvalid, "Mode %#o has bits other than reading and writing (0666)", s.Mode)
	}
	var err error
	if r.UID, err = idOf("Owner", s.Owner); err != nil {
		return r, err
	}
	if r.GID, err = idOf("Group", s.Group); err != nil {
		return r, err
	}
	switch {
	case s.Mode == 0 && s.ACL == nil:
		return r, nil
	case s.Mode == 0:
		return s.fromDescriptor(o, by, r)
	default:
		return s.fromMode(o, by, r)
	}
}

// idOf is the number of a user or group; -1 if it is the creator's.
func idOf(what string, id *int) (int, error) {
	switch {
	case id == nil:
		return -1, nil
	case *id < 0 || int64(*id) >= noID:
		return -1, errs.New(fs.ErrInvalid, "%s %d is no number of a user or group", what, *id)
	}
	return *id, nil
}

// NumberOf is the number of a user or group for a Trustee; one that can be nobody's
// if id cannot be.
func NumberOf(id int) uint32 {
	if id < 0 || int64(id) >= noID {
		return noID
	}
	return uint32(id)
}

// fromMode are the bits of a mode, and what its ACL adds as setfacl does.
func (s *Security) fromMode(o Subject, by Creator, r FileRights) (FileRights, error) {
	r.Mode = s.Mode
	entries := make([]Entry, 0, len(s.ACL)+4)
	for tag, shift := range map[Tag]uint32{TagOwner: 6, TagOwnerGroup: 3, TagOther: 0} {
		p := Perm(s.Mode >> shift & 7)
		if p == 2 {
			return r, errs.New(fs.ErrInvalid, "Mode %#o lets somebody write who may not read: to write memory is to map it, which needs both", r.Mode)
		}
		entries = append(entries, Entry{Tag: tag, Perm: p})
	}
	seen := make(map[Trustee]bool)
	for i := range s.ACL {
		e, err := s.ACL[i].named(o)
		switch {
		case err != nil:
			return r, errs.Because(err, 0, nil, "ACL[%d]", i)
		case seen[s.ACL[i].Who]:
			return r, errs.New(fs.ErrInvalid, "ACL[%d]: %s has an entry already", i, s.ACL[i].Who)
		case e.Tag == TagUser && int(e.ID) == r.owner(by):
			return r, errs.New(fs.ErrInvalid, "ACL[%d]: %s is the owner, whose rights are in Mode", i, s.ACL[i].Who)
		}
		seen[s.ACL[i].Who] = true
		entries = append(entries, e)
	}
	return r.with(entries), nil
}

// named is the entry for a user or a group beside a mode.
func (a *ACE) named(o Subject) (Entry, error) {
	e := Entry{ID: a.Who.ID}
	switch {
	case a.Deny:
		return e, errs.New(fs.ErrInvalid, "an entry beside a Mode cannot deny; give whom you would deny an entry that allows less, or leave Mode 0 and say all in ACL")
	case a.Who.Kind == User:
		e.Tag = TagUser
	case a.Who.Kind == Group:
		e.Tag = TagGroup
	default:
		return e, errs.New(fs.ErrInvalid, "an entry beside a Mode is for a user or a group, not for %s, whose rights are in Mode", a.Who)
	}
	if a.Rights&Unknown != 0 {
		return e, unknownRights(o.Kind)
	}
	if e.ID == noID {
		return e, errs.New(fs.ErrInvalid, "%s is no user or group", a.Who)
	}
	var err error
	e.Perm, err = o.perm(a.Rights.Specific(o.Kind))
	return e, err
}

func unknownRights(k Kind) error {
	return errs.New(fs.ErrInvalid, "it has rights that %s does not know", k.indefinite())
}

// owner is the file's owner.
func (r *FileRights) owner(by Creator) int {
	if r.UID >= 0 {
		return r.UID
	}
	return by.UID
}

// with turns entries for owner, group and other, and those with names, into the mode
// and ACL of the file.
func (r *FileRights) with(entries []Entry) FileRights {
	var class Perm // what the entries of the group's class have together
	named := false
	r.Mode = 0
	for _, e := range entries {
		r.Readers = r.Readers || e.Perm == ReadFile
		switch e.Tag {
		case TagOwner:
			r.Mode |= uint32(e.Perm) << 6
		case TagOther:
			r.Mode |= uint32(e.Perm)
		case TagOwnerGroup:
			class |= e.Perm
		default:
			class |= e.Perm
			named = true
		}
	}
	r.Mode |= uint32(class) << 3
	if named {
		entries = append(entries, Entry{Tag: TagMask, Perm: class})
		sortACL(entries)
		r.ACL = string(EncodeACL(entries))
	}
	return *r
}

// StayGuarded changes rights for a file that others could write until now, and perhaps
// have open for writing: whoever looks at its mode must go on taking it for one that
// others can write, though nobody new can. The bits of the group are the mask of an
// ACL, which allows nobody anything by itself.
func (r *FileRights) StayGuarded() {
	if r.Mode&0o022 != 0 {
		return
	}
	entries := r.entries()
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Tag == TagMask })
	if i < 0 {
		i = len(entries)
		entries = append(entries, Entry{Tag: TagMask})
	}
	entries[i].Perm = WriteFile
	sortACL(entries)
	r.Mode |= uint32(WriteFile) << 3
	r.ACL = string(EncodeACL(entries))
}

// Entries are the rights as an ACL says them, in the attribute's form.
func (r *FileRights) Entries() string { return string(EncodeACL(r.entries())) }

func (r *FileRights) entries() []Entry {
	if r.ACL != "" {
		if entries, err := DecodeACL([]byte(r.ACL)); err == nil { // as we have encoded it
			return entries
		}
	}
	return []Entry{{Tag: TagOwner, Perm: Perm(r.Mode >> 6 & 7)}, {Tag: TagOwnerGroup, Perm: Perm(r.Mode >> 3 & 7)}, {Tag: TagOther, Perm: Perm(r.Mode & 7)}}
}
