//go:build linux

package onlinux

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/mapping"
	"atoll/internal/namespace"
	"atoll/internal/section"
	"atoll/internal/space"
	"atoll/internal/usage"
)

// Section is a handle of a section. A memory section's bytes lie in the object's
// own file; a file section has a descriptor of the file beside it, one for each
// handle.
type Section struct {
	*handle
	usage.Usage
	file int // the file of a file section; -1 for a memory section
}

// SectionOptions say how to create a section.
type SectionOptions = section.Options

// memoryPage is what the size of a section of memory is rounded up to.
const memoryPage = 4096

// OpenSection creates or opens a section; of an existing one only Access and,
// with CreateOrOpen, File count.
func OpenSection(name string, intent Intent, o SectionOptions) (s *Section, created bool, err error) {
	s, created, err = openSection(name, intent, o)
	return s, created, backing.Exhausted(err)
}

func openSection(name string, intent Intent, o SectionOptions) (s *Section, created bool, err error) {
	p, file := space.Plan{Header: layout.Header{Type: layout.Section}}, -1
	if intent != MustOpen {
		if err := o.Request.Valid(access.Section); err != nil {
			return nil, false, err
		}
		if p, file, err = planOf(&o); err != nil {
			return nil, false, err
		}
		p.Security = o.Request.Security
	}
	t, err := space.Resolve(name, intent)
	defer t.Release()
	var inner *namespace.Object
	if err == nil {
		inner, created, err = t.Obtain(intent, p)
	}
	if err != nil {
		backing.Close(file)
		return nil, false, err
	}
	rights, err := o.Request.Grant(subject(inner, created))
	if err != nil {
		backing.Close(file)
		return nil, false, errors.Join(err, inner.DropHandle())
	}
	s, err = admitSection(inner, created, file, rights)
	if err != nil {
		return nil, false, errors.Join(err, inner.DropHandle())
	}
	return s, created, nil
}

// planOf checks the options and says how to make the section. file is a descriptor
// of its own of the file, if there is one.
func planOf(o *SectionOptions) (p space.Plan, file int, err error) {
	if err := o.Valid(); err != nil {
		return p, -1, err
	}
	p.Header = layout.Header{Type: layout.Section, Protection: uint32(o.Protection)}
	if o.File != nil {
		return planFile(p, o)
	}
	p.Header.Size = (o.Size + memoryPage - 1) &^ (memoryPage - 1)
	if o.Reserve {
		p.Header.Flags |= layout.FlagReserve
	}
	if o.LargePages {
		p.Header.Flags |= layout.FlagLargePages
	}
	p.Build = backing.BuildMemory
	return p, -1, nil
}

// planFile has a descriptor of its own of the caller's file, so that the caller
// may close theirs.
func planFile(p space.Plan, o *SectionOptions) (space.Plan, int, error) {
	fd, err := backing.OwnDescriptor(o.File, o.Protection)
	if err != nil {
		return p, -1, err
	}
	if err := backing.FileHeader(fd, o.Size, &p.Header); err != nil {
		_ = unix.Close(fd)
		return p, -1, err
	}
	p.Build = func(objectFD int, h layout.Header) error {
		if err := backing.BuildHeader(objectFD, h, h.FileSize()); err != nil {
			return err
		}
		return backing.GrowFile(fd, h.Size)
	}
	return p, fd, nil
}

// admitSection makes the handle of an object that was created or opened. It owns
// file, also if it fails.
func admitSection(inner *namespace.Object, created bool, file int, rights access.Mask) (*Section, error) {
	protection := access.Protection(inner.Header.Protection)
	var err error
	if !created {
		file, err = backing.FileOf(inner, file, protection.Writable() && rights&access.Write != 0)
	}
	if err != nil {
		backing.Close(file)
		return nil, err
	}
	s := &Section{handle: &handle{inner: inner, rights: rights}, file: file}
	s.Usage.Init()
	return s, nil
}

// Size is the section's size in bytes.
func (s *Section) Size() int64 { return s.inner.Header.Size }

// DataOffset is where the section's bytes begin in the file that File gives.
func (s *Section) DataOffset() int64 { return s.inner.Header.DataOffset }

func (s *Section) protection() access.Protection {
	return access.Protection(s.inner.Header.Protection)
}

// source is the file to map: the real one, or the object's own.
func (s *Section) source() int {
	if s.file >= 0 {
		return s.file
	}
	return s.inner.FD
}

// View is a part of a section in this process's memory.
type View = mapping.View

// Map maps a part of the section.
func (s *Section) Map(address uintptr, asked access.Mask, offset, length int64) (v *View, err error) {
	err = s.With(func(m mapping.Section) error {
		v, err = m.Map(address, asked, offset, length)
		return err
	})
	return v, err
}

// With calls f with what can be mapped, which is not closed meanwhile.
func (s *Section) With(f func(mapping.Section) error) error {
	if !s.Enter() {
		return errClosed
	}
	defer s.Leave()
	return f(mapping.Section{Object: s.inner, File: s.source(), Rights: s.rights})
}

// File opens the file behind the section again, with no more rights than the
// handle has.
func (s *Section) File() (*os.File, error) {
	if !s.Enter() {
		return nil, errClosed
	}
	defer s.Leave()
	if err := access.Check(access.Section, s.rights, access.Read); err != nil && s.rights&access.Write == 0 {
		return nil, err
	}
	mode := unix.O_RDONLY
	if s.rights&access.Write != 0 && s.protection().Writable() {
		mode = unix.O_RDWR
	}
	fd, err := reopenAs(s.source(), mode)
	if err != nil {
		return nil, backing.Exhausted(err)
	}
	name := s.inner.Header.Path
	if name == "" {
		name = "atoll section " + s.inner.Header.Name
	}
	return os.NewFile(uintptr(fd), name), nil
}

// reopenAs opens the file of a descriptor again. Where the file's mode forbids
// what the descriptor, which came from somebody else, may do, it is duplicated.
func reopenAs(fd, mode int) (int, error) {
	again, err := lockfile.Reopen(fd, mode)
	if err == nil {
		return again, nil
	}
	if flags, e := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); e == nil && flags&unix.O_ACCMODE == mode {
		return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	}
	return -1, fmt.Errorf("open the section's file again: %w", err)
}

// Close closes the handle. It waits for the calls that are just inside it.
func (s *Section) Close() error {
	if !s.End() {
		return errClosed
	}
	s.shut()
	// The file last: as long as the section exists, a holder's descriptor keeps
	// the file's number from going to another file.
	err := s.inner.DropHandle()
	if s.file >= 0 {
		err = errors.Join(err, unix.Close(s.file))
	}
	return err
}
