package access

import (
	"encoding/binary"
	"fmt"
	"slices"

	"atoll/internal/errs"
)

// Tag says whom an entry of a POSIX ACL is for.
type Tag uint16

// The tags, with the numbers that the kernel has for them.
const (
	TagOwner      Tag = 0x01
	TagUser       Tag = 0x02
	TagOwnerGroup Tag = 0x04
	TagGroup      Tag = 0x08
	TagMask       Tag = 0x10
	TagOther      Tag = 0x20
)

// Entry is an entry of a POSIX ACL.
type Entry struct {
	Tag  Tag
	Perm Perm
	ID   uint32 // of TagUser and TagGroup
}

// Perm is what the kernel lets somebody do with a file: the bits of a mode.
type Perm uint16

// What an object's file can allow.
const (
	Nothing   Perm = 0
	ReadFile  Perm = 4
	WriteFile Perm = 6 // and read
)

// String is like getfacl's.
func (p Perm) String() string {
	text := []byte("---")
	for i, c := range []byte("rwx") {
		if p&(4>>i) != 0 {
			text[i] = c
		}
	}
	return string(text)
}

// An ACL as the attribute system.posix_acl_access has it: a version, then for each
// entry tag, permissions and number.
const (
	aclVersion = 2
	aclHeader  = 4
	aclEntry   = 8
	noID       = 1<<32 - 1
)

// EncodeACL returns the value of the attribute.
func EncodeACL(entries []Entry) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, aclVersion)
	for _, e := range entries {
		id := e.ID
		if e.Tag != TagUser && e.Tag != TagGroup {
			id = noID
		}
		b = le.AppendUint16(b, uint16(e.Tag))
		b = le.AppendUint16(b, uint16(e.Perm))
		b = le.AppendUint32(b, id)
	}
	return b
}

// DecodeACL reads the value of the attribute. It accepts any bytes.
//
// # Errors
//
// ErrCorrupt.
func DecodeACL(b []byte) ([]Entry, error) {
	le := binary.LittleEndian
	if len(b) < aclHeader || len(b)%aclEntry != aclHeader || le.Uint32(b) != aclVersion {
		return nil, errs.New(errs.ErrCorrupt, "the file's ACL is of no known form")
	}
	var entries []Entry
	for b = b[aclHeader:]; len(b) > 0; b = b[aclEntry:] {
		e := Entry{Tag: Tag(le.Uint16(b)), Perm: Perm(le.Uint16(b[2:])) & 7, ID: le.Uint32(b[4:])}
		if e.Tag != TagUser && e.Tag != TagGroup {
			e.ID = 0
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// ACLText lists the entries as getfacl does, without the comments; nil for none.
func ACLText(entries []Entry) (lines []string) {
	names := map[Tag]string{TagOwner: "user", TagUser: "user", TagOwnerGroup: "group", TagGroup: "group", TagMask: "mask", TagOther: "other"}
	for _, e := range entries {
		id := ""
		if e.Tag == TagUser || e.Tag == TagGroup {
			id = fmt.Sprint(e.ID)
		}
		lines = append(lines, fmt.Sprintf("%s:%s:%s", names[e.Tag], id, e.Perm))
	}
	return lines
}

// sortACL puts entries in the order that the kernel wants.
func sortACL(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int {
		if a.Tag != b.Tag {
			return int(a.Tag) - int(b.Tag)
		}
		return int(int64(a.ID) - int64(b.ID))
	})
}
