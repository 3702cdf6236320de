// Package access decides who may do what with a handle. It is the only place
// that compares a right.
package access

import (
	"io/fs"

	"atoll/internal/errs"
)

// Mask is a set of rights on a handle.
type Mask uint32

// The rights. Sections and views have the first four, the other types the last
// two.
const (
	Read Mask = 1 << iota
	Write
	Copy
	Execute
	Wait
	Modify
)

// Protection of a section: the most that its views may do.
type Protection uint32

// The protections, with the numbers that a header stores.
const (
	ReadWrite Protection = 1 + iota
	ReadOnly
	WriteCopy
	ExecuteReadWrite
	ExecuteRead
	ExecuteWriteCopy
)

var protectionNames = [...]string{"unknown", "read-write", "read-only", "write-copy", "execute-read-write", "execute-read", "execute-write-copy"}

func (p Protection) String() string {
	if p < Protection(len(protectionNames)) {
		return protectionNames[p]
	}
	return protectionNames[0]
}

// Valid says whether p is one of the protections.
func (p Protection) Valid() bool { return p >= ReadWrite && p <= ExecuteWriteCopy }

// Writable says whether views may change what others see.
func (p Protection) Writable() bool { return p == ReadWrite || p == ExecuteReadWrite }

// Executable says whether views may be executed.
func (p Protection) Executable() bool { return p >= ExecuteReadWrite }

// Creator is what the handle of a section's creator may do; an open that asks
// for 0 gets the same. Copy is not a right of its own: whoever may read may have
// a copy-on-write view.
func (p Protection) Creator() Mask {
	m := Read
	if p.Writable() {
		m |= Write
	}
	if p.Executable() {
		m |= Execute
	}
	return m
}

// Synchronization is what the creator of any other object may do.
const Synchronization = Wait | Modify

// Grant turns what an open asked for into what the handle has. For a section
// Copy asks for Read, as FILE_MAP_COPY does.
//
// # Errors
//
// fs.ErrInvalid: bits that the type does not have.
func Grant(asked, usual, all Mask) (Mask, error) {
	if asked == 0 {
		return usual, nil
	}
	if asked&^all != 0 {
		return 0, errs.New(fs.ErrInvalid, "access %#x has bits that this type does not know", uint32(asked))
	}
	if asked&Copy != 0 {
		asked = asked&^Copy | Read
	}
	return asked, nil
}

// Regrant turns what a duplicate of a handle asked for into what it has; 0 asks
// for what the source has. It may have more than that as far as the object itself
// allows it, which usual says.
//
// # Errors
//
// fs.ErrInvalid: as Grant. fs.ErrPermission: more than source and object allow.
func Regrant(asked, source, usual, all Mask) (Mask, error) {
	rights, err := Grant(asked, source, all)
	if err != nil {
		return 0, err
	}
	if rights&^(source|usual) != 0 {
		return 0, errs.New(fs.ErrPermission, "neither the handle's access, %s, nor the object, with %s, allows %s", source, usual, rights)
	}
	return rights, nil
}

// SectionAll are all the rights that a section knows.
const SectionAll = Read | Write | Copy | Execute

// Check says whether a handle with the rights granted may do what needs them.
//
// # Errors
//
// fs.ErrPermission.
func Check(granted, needed Mask) error {
	if needed&^granted == 0 {
		return nil
	}
	return errs.New(fs.ErrPermission, "the handle's access does not allow it (has %s, needs %s)", granted, needed)
}

// String lists the rights in words.
func (m Mask) String() string {
	names := [...]string{"read", "write", "copy", "execute", "wait", "modify"}
	text := ""
	for i, name := range names {
		if m&(1<<i) == 0 {
			continue
		}
		if text != "" {
			text += "+"
		}
		text += name
	}
	if text == "" {
		return "none"
	}
	return text
}

// ViewProtection is what the pages of a view allow.
type ViewProtection struct {
	Write       bool // shared with everybody, or, with CopyOnWrite, the view's own
	CopyOnWrite bool
	Execute     bool
}

// View turns the access asked for a view into the protection of its pages, by
// the rule of MapViewOfFile: Copy alone is copy-on-write, else Write gives
// read-write, else Read gives read-only. It checks first the handle's rights,
// then the section's protection.
//
// # Errors
//
// fs.ErrPermission: the handle has not the right (Win32 5). fs.ErrInvalid: the
// section's protection does not allow it, or the access names no kind of view
// (Win32 87).
func View(section Protection, granted, asked Mask) (ViewProtection, error) {
	if asked == 0 {
		asked = granted & (Read | Write)
		if !section.Writable() {
			asked &^= Write
		}
	}
	v, needed, err := viewKind(asked)
	if err != nil {
		return v, err
	}
	if err := Check(granted, needed); err != nil {
		return v, err
	}
	if needed&^section.Creator() != 0 {
		return v, errs.New(fs.ErrInvalid, "a %s section has no views with access %s", section, asked)
	}
	return v, nil
}

func viewKind(asked Mask) (v ViewProtection, needed Mask, err error) {
	v.Execute = asked&Execute != 0
	switch kind := asked &^ Execute; {
	case asked&^SectionAll != 0:
		return v, 0, errs.New(fs.ErrInvalid, "access %#x has bits that a view does not know", uint32(asked))
	case kind == Copy:
		v.Write, v.CopyOnWrite, needed = true, true, Read
	case kind&Write != 0:
		v.Write, needed = true, Write
	case kind&Read != 0:
		needed = Read
	default:
		return v, 0, errs.New(fs.ErrInvalid, "a view needs Read, Write or Copy")
	}
	if v.Execute {
		needed |= Execute
	}
	return v, needed, nil
}
