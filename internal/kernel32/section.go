//go:build linux

package kernel32

import (
	"errors"
	"io/fs"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
	"atoll/internal/views"
)

type section struct {
	kernelObject
	section *onlinux.Section
	// modifier is shown by VirtualQuery of views that are mapped through this object;
	// no object's file has a place for it.
	modifier views.Protection
}

func sectionOf(s *onlinux.Section, modifier views.Protection) section {
	return section{kernelObject{s}, s, modifier}
}

func (s section) duplicate(asked access.Request, _ access.Mask) (object, access.Mask, error) {
	another, err := onlinux.Duplicate(s.Object, asked)
	if err != nil {
		return nil, 0, err
	}
	return sectionOf(another.(*onlinux.Section), s.modifier), another.Rights(), nil
}

// Attributes of a section, beside the protection of its pages.
const (
	secImage        = 0x01000000
	secReserve      = 0x04000000
	secCommit       = 0x08000000
	secNoCache      = 0x10000000
	secWriteCombine = 0x40000000
	secLargePages   = 0x80000000
	secMask         = 0xFF800000
)

// protections are those that a section can have.
var protections = map[uint32]access.Protection{
	uint32(views.ReadOnly):         access.ReadOnly,
	uint32(views.ReadWrite):        access.ReadWrite,
	uint32(views.WriteCopy):        access.WriteCopy,
	uint32(views.ExecuteRead):      access.ExecuteRead,
	uint32(views.ExecuteReadWrite): access.ExecuteReadWrite,
	uint32(views.ExecuteWriteCopy): access.ExecuteWriteCopy,
}

// Mapping is what CreateFileMapping is asked for.
type Mapping struct {
	File       Handle // CurrentProcess, which is INVALID_HANDLE_VALUE: memory
	Attributes *Attributes
	Protection uint32 // with SEC_ attributes
	Size       uint64
	Name       string
	Node       uint32
}

// CreateFileMapping creates or opens a section.
func CreateFileMapping(m Mapping) (h Handle, err error) {
	o, modifier, err := m.options()
	if err != nil {
		return 0, err
	}
	if m.File != CurrentProcess {
		f, e, err := sectionFile(m.File, o.Protection)
		if err != nil {
			return 0, err
		}
		defer e.leave()
		if m.Protection&secImage != 0 {
			return 0, errNoImage
		}
		o.File = f
	}
	return m.create(o, modifier)
}

// options checks what can be checked without the file, in Windows' order.
func (m *Mapping) options() (o onlinux.SectionOptions, modifier views.Protection, err error) {
	p, possible := protections[m.Protection&^secMask]
	if !possible {
		return o, 0, errs.Numbered(errs.InvalidParameter, nil, "%#x is no protection of a section", m.Protection&^secMask)
	}
	attributes, memory := m.Protection&secMask, m.File == CurrentProcess
	if attributes == 0 {
		attributes = secCommit
	}
	switch {
	case memory && m.Size == 0:
		return o, 0, errs.Numbered(errs.InvalidParameter, nil, "a section of memory needs a size")
	case !possibleAttributes(attributes, memory):
		return o, 0, errs.Numbered(errs.InvalidParameter, nil, "no section has the attributes %#x", attributes)
	case memory && attributes&secImage != 0:
		return o, 0, errNoImage
	case m.Size > 1<<62:
		return o, 0, errs.Numbered(errs.NotEnoughMemory, nil, "no section has %d bytes", m.Size)
	}
	if attributes&secNoCache != 0 {
		modifier = views.NoCache
	} else if attributes&secWriteCombine != 0 {
		modifier = views.WriteCombine
	}
	return onlinux.SectionOptions{
		Size: int64(m.Size), Protection: p,
		Reserve: attributes&secReserve != 0 && memory, LargePages: attributes&secLargePages != 0,
		Request: exactly(p.Usual(), m.Attributes),
	}, modifier, nil
}

var errNoImage = errs.Numbered(errs.BadExeFormat, nil, "it is no file that could be mapped so")

// possibleAttributes: an image is nothing else; what is none is committed or reserved;
// large pages are committed memory, and have their own way to the cache.
func possibleAttributes(attributes uint32, memory bool) bool {
	switch attributes {
	case secImage, secImage | secNoCache,
		secCommit, secCommit | secNoCache, secCommit | secWriteCombine,
		secReserve, secReserve | secNoCache, secReserve | secWriteCombine:
		return true
	case secCommit | secLargePages:
		return memory
	}
	return false
}

// create makes the section, or opens the one that has the name, whatever that is over.
func (m *Mapping) create(o onlinux.SectionOptions, modifier views.Protection) (Handle, error) {
	var s *onlinux.Section
	var created bool
	name := createName(m.Name)
	err := backing.OnNode(m.Node, func() (err error) {
		s, created, err = onlinux.OpenSection(name, onlinux.CreateOrOpen, o)
		for tries := 0; errors.Is(err, fs.ErrExist) && tries < 100; tries++ {
			s, created, err = openOrCreate(name, o)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return admit(sectionOf(s, modifier), s, created, m.Attributes.flags())
}

// openOrCreate is for a name that belongs to a section over another file, which is
// nothing to Windows. It may be gone meanwhile.
func openOrCreate(name string, o onlinux.SectionOptions) (s *onlinux.Section, created bool, err error) {
	s, created, err = onlinux.OpenSection(name, onlinux.MustOpen, onlinux.SectionOptions{Request: o.Request})
	if errors.Is(err, fs.ErrNotExist) {
		return onlinux.OpenSection(name, onlinux.CreateOrOpen, o)
	}
	return s, created, err
}

// Rights of views that mean something else on a handle.
const (
	mapCopy    access.Mask = 0x1
	mapExecute access.Mask = 0x20
)

// OpenFileMapping opens a section.
func OpenFileMapping(asked access.Mask, inherit bool, name string) (Handle, error) {
	name, err := openName(name)
	if err != nil {
		return 0, err
	}
	switch {
	case asked == mapCopy:
		asked = access.Read
	case asked&mapExecute != 0:
		asked = asked&^mapExecute | access.Execute
	}
	s, _, err := onlinux.OpenSection(name, onlinux.MustOpen, onlinux.SectionOptions{Request: exactly(asked, nil)})
	if err != nil {
		return 0, err
	}
	return admit(sectionOf(s, 0), s, true, inheriting(inherit))
}
