package access

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"atoll/internal/errs"
)

// A Windows descriptor is a list of entries. Who wants rights goes through it in
// order, and each right is decided by the first entry that names it and is for the
// user or any of its groups; what no entry names is denied. So what a user and all
// of its groups are allowed adds up.
//
// The kernel does not add up. Of a POSIX ACL one kind of entry counts, the first of:
// the owner's, the user's own, those of its groups (of which one must allow all that
// is wanted), other. So most descriptors can be put into an ACL, but only if it
// makes no difference in which groups the owner and the users with entries of their
// own are, and if what any two groups allow together is what one of them allows.
// For more groups than two it follows: the entry that decides a right comes from one
// of them, and has been compared with each other.

// token is somebody who wants rights: a user with groups. The user nobody is one
// with no entry.
type token struct {
	user   int
	groups []uint32
}

const nobody = -1

// descriptor is a list, and whose object it is for.
type descriptor struct {
	acl          []ACE
	of           Subject
	owner, group int
}

// matches says whether an entry is for the token.
func (d *descriptor) matches(who Trustee, t token) bool {
	switch who.Kind {
	case Everyone:
		return true
	case Owner:
		return t.user == d.owner
	case OwningGroup:
		return slices.Contains(t.groups, uint32(d.group))
	case User:
		return t.user == int(who.ID)
	case Group:
		return slices.Contains(t.groups, who.ID)
	case System:
		return t.user == 0
	}
	return false
}

// allowed is what Windows' rule gives the token.
func (d *descriptor) allowed(t token) Mask {
	var decided, allowed Mask
	for _, a := range d.acl {
		if !d.matches(a.Who, t) {
			continue
		}
		rights := a.Rights.Specific(d.of.Kind) &^ decided
		decided |= rights
		if !a.Deny {
			allowed |= rights
		}
	}
	return allowed
}

func (s *Security) fromDescriptor(o Subject, by Creator, r FileRights) (FileRights, error) {
	if r.GID < 0 {
		r.GID = by.GID // whatever the directory would give it
	}
	d := descriptor{acl: s.ACL, of: o, owner: r.owner(by), group: r.GID}
	entries, err := d.entries()
	if err != nil {
		return r, err
	}
	return r.with(entries), nil
}

// entries are those of the POSIX ACL that allows what the descriptor does.
//
// # Errors
//
// fs.ErrInvalid, errors.ErrUnsupported.
func (d *descriptor) entries() ([]Entry, error) {
	for i, a := range d.acl {
		switch {
		case a.Rights&Unknown != 0:
			return nil, errs.Because(unknownRights(d.of.Kind), 0, nil, "ACL[%d]", i)
		case a.Who.Kind > System:
			return nil, errs.New(fs.ErrInvalid, "ACL[%d]: there is no kind of trustee %d", i, a.Who.Kind)
		case a.Who.ID == noID:
			return nil, errs.New(fs.ErrInvalid, "ACL[%d]: %s is no user or group", i, a.Who)
		case a.Deny && (a.Who.Kind == System || a.Who == Trustee{User, 0}):
			return nil, errs.New(errors.ErrUnsupported, "ACL[%d] denies root something, which Linux cannot", i)
		}
	}
	users, groups := d.named()
	list := []Entry{{Tag: TagOther}}
	for _, g := range groups {
		tag := TagGroup
		if int(g) == d.group {
			tag = TagOwnerGroup
		}
		list = append(list, Entry{Tag: tag, ID: g})
	}
	perms := make(map[uint32]Perm)
	for i := range list {
		t := token{user: nobody}
		if list[i].Tag != TagOther {
			t.groups = []uint32{list[i].ID}
		}
		var err error
		if list[i].Perm, err = d.perm(t); err != nil {
			return nil, err
		}
		if t.groups != nil {
			perms[list[i].ID] = list[i].Perm
		}
	}
	if err := d.groupsAgree(groups, perms); err != nil {
		return nil, err
	}
	for _, u := range users {
		e, err := d.user(u, groups)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// named are the users and groups that get entries.
func (d *descriptor) named() (users []int, groups []uint32) {
	users, groups = []int{d.owner}, []uint32{uint32(d.group)}
	for _, a := range d.acl {
		switch id := a.Who.ID; {
		case a.Who.Kind == User && id != 0 && !slices.Contains(users, int(id)):
			users = append(users, int(id))
		case a.Who.Kind == Group && !slices.Contains(groups, id):
			groups = append(groups, id)
		}
	}
	return users, groups
}

// user is the entry of a user, whose rights must not depend on its groups.
func (d *descriptor) user(u int, groups []uint32) (Entry, error) {
	e := Entry{Tag: TagUser, ID: uint32(u)}
	if u == d.owner {
		e.Tag = TagOwner
	}
	var err error
	if e.Perm, err = d.perm(token{user: u}); err != nil {
		return e, err
	}
	for _, g := range groups {
		as, err := d.perm(token{u, []uint32{g}})
		if err != nil {
			return e, err
		}
		if as != e.Perm {
			return e, errs.New(errors.ErrUnsupported, "user %d would have %s, but %s if it is in group %d: Windows adds up what a user and its groups are allowed, where Linux looks at the entry of the user alone; give the user what the group has, before any entry that denies", u, e.Perm, as, g)
		}
	}
	return e, nil
}

// groupsAgree checks that what two groups allow together is what one of them does.
func (d *descriptor) groupsAgree(groups []uint32, perms map[uint32]Perm) error {
	for i, g := range groups {
		for _, h := range groups[:i] {
			both, err := d.perm(token{nobody, []uint32{h, g}})
			if err != nil {
				return err
			}
			if want := max(perms[g], perms[h]); both != want {
				return errs.New(errors.ErrUnsupported, "a user in the groups %d and %d would have %s on Windows and %s on Linux, where an entry that denies one group takes nothing from a member of another (group %d is the object's own, if the list does not name it); leave out what denies a group", h, g, both, want, d.group)
			}
		}
	}
	return nil
}

// perm is what the token's rights come to for the file.
func (d *descriptor) perm(t token) (Perm, error) {
	p, err := d.of.perm(d.allowed(t))
	if err != nil {
		return p, errs.Because(err, 0, nil, "%s", t)
	}
	return p, nil
}

// perm is what rights on an object come to for its file: nothing, reading, or
// writing too. What cannot be told apart there must go together.
//
// # Errors
//
// errors.ErrUnsupported.
func (o *Subject) perm(m Mask) (Perm, error) {
	refuse := func(need string) (Perm, error) {
		return Nothing, errs.New(errors.ErrUnsupported, "to %s the access %s does not go without %s on Linux, where the kernel knows reading and writing of a file alone; add it", o.Kind.indefinite(), (m &^ standard).Text(o.Kind), need)
	}
	const sync = Wait | Modify
	switch m &= kinds[o.Kind].most &^ standard; {
	case o.Kind == Section:
		m &^= Wait // means nothing
		switch {
		case m == 0:
			return Nothing, nil
		case m&Read == 0:
			return refuse("read")
		case m&Write == 0:
			return ReadFile, nil
		}
		return WriteFile, nil
	case m == 0:
		return Nothing, nil
	case o.Kind == File:
		const write = WriteData | AppendData
		switch {
		case m&(ReadData|write) == 0:
			return Nothing, nil
		case m&ReadData == 0:
			return refuse("read")
		case m&write == 0:
			return ReadFile, nil
		}
		return WriteFile, nil
	case o.Kind == Mutex:
		if m&Wait == 0 {
			return ReadFile, nil
		}
		return WriteFile, nil
	case m&sync == sync:
		return WriteFile, nil
	case o.ManualReset && m&Wait == 0, !o.ManualReset && m&Modify != 0:
		return refuse("wait")
	case o.ManualReset:
		return ReadFile, nil
	case m&Wait != 0 && o.Kind != Semaphore:
		return refuse("modify (unless it is manual-reset)")
	case m&Wait != 0:
		return refuse("modify")
	}
	return ReadFile, nil
}

// String names the token for people.
func (t token) String() string {
	who := "everybody else"
	if t.user != nobody {
		who = fmt.Sprintf("user %d", t.user)
	}
	if len(t.groups) > 0 {
		who += fmt.Sprintf(" in groups %d", t.groups)
	}
	return who
}

// String names the trustee for people.
func (t Trustee) String() string {
	switch t.Kind {
	case Everyone:
		return "everyone"
	case Owner:
		return "the owner"
	case OwningGroup:
		return "the owner's group"
	case User:
		return fmt.Sprintf("user %d", t.ID)
	case Group:
		return fmt.Sprintf("group %d", t.ID)
	case System:
		return "root"
	}
	return "nobody"
}
