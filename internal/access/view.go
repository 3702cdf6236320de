package access

import (
	"errors"
	"io/fs"

	"atoll/internal/errs"
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

// Usual is what a section's creator asks for who asks for nothing else, and what
// CreateFileMapping asks of a section that exists.
func (p Protection) Usual() Mask {
	m := standard | Query | Read
	if p.Writable() {
		m |= Write
	}
	if p.Executable() {
		m |= Execute
	}
	return m
}

// viewRights are all that a view can be asked for.
const viewRights = Read | Write | Copy | Execute

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
	if err := Check(Section, granted, needed); err != nil {
		return v, err
	}
	if needed&^section.Usual() != 0 {
		return v, errs.New(fs.ErrInvalid, "a %s section has no views with access %s", section, asked.Text(AView))
	}
	return v, nil
}

func viewKind(asked Mask) (v ViewProtection, needed Mask, err error) {
	v.Execute = asked&Execute != 0
	switch kind := asked &^ Execute; {
	case asked&^viewRights != 0:
		return v, 0, errUnknownToViews()
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

// Rights are the access that gives this protection.
func (v ViewProtection) Rights() Mask {
	m := Read
	switch {
	case v.CopyOnWrite:
		m = Copy
	case v.Write:
		m |= Write
	}
	if v.Execute {
		m |= Execute
	}
	return m
}

// Narrow gives the protection for pages of a view with protection v on which what is
// asked is allowed. That no more than nothing (0) is, a protection cannot say: it gives
// that of Read.
//
// # Errors
//
// fs.ErrInvalid: bits that a view does not have, or what the view was not mapped for
// (Win32 87). errors.ErrUnsupported: pages of the section do not become copies.
func (v ViewProtection) Narrow(asked Mask) (ViewProtection, error) {
	n := ViewProtection{Write: asked&(Write|Copy) != 0, CopyOnWrite: v.CopyOnWrite, Execute: asked&Execute != 0}
	switch {
	case asked&^viewRights != 0:
		return v, errUnknownToViews()
	case asked == Execute:
		return v, errs.New(fs.ErrInvalid, "pages that can be executed can be read: ask for Read too")
	case asked&Copy != 0 && !v.CopyOnWrite:
		return v, errs.New(errors.ErrUnsupported, "a view that shows the section's own pages cannot become copy-on-write; map another one with Copy")
	case asked&Write != 0 && v.CopyOnWrite, n.Write && !v.Write, n.Execute && !v.Execute:
		return v, errs.New(fs.ErrInvalid, "the view was mapped for %s, which does not contain %s", v.Rights().Text(AView), asked.Text(AView))
	}
	return n, nil
}

func errUnknownToViews() error {
	return errs.New(fs.ErrInvalid, "the access has bits that a view does not know")
}
