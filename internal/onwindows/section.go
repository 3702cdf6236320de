//go:build windows

package onwindows

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/section"
)

// Section is a handle of a section.
type Section struct {
	*handle
	size       int64
	attributes uint32            // SEC_ flags
	protection access.Protection // of one that was opened: the most that may be, writing apart
	file       windows.Handle    // of a section over a file: its creator's; else 0
}

// Flags of a section, and of views of it.
const (
	secFile       = 0x800000
	secReserve    = 0x4000000
	secCommit     = 0x8000000
	secLargePages = 0x80000000

	mapExecute    = 0x20
	mapLargePages = 0x20000000
)

// pageProtections are Windows' numbers of the protections.
var pageProtections = map[access.Protection]uint32{
	access.ReadWrite: windows.PAGE_READWRITE, access.ReadOnly: windows.PAGE_READONLY, access.WriteCopy: windows.PAGE_WRITECOPY,
	access.ExecuteReadWrite: windows.PAGE_EXECUTE_READWRITE, access.ExecuteRead: windows.PAGE_EXECUTE_READ, access.ExecuteWriteCopy: windows.PAGE_EXECUTE_WRITECOPY,
}

// OpenSection creates or opens a section.
func OpenSection(name string, intent Intent, o section.Options) (s *Section, created bool, err error) {
	if err := o.Request.Valid(access.Section); err != nil {
		return nil, false, err
	}
	wide, err := wideName(name, intent)
	if err != nil {
		return nil, false, err
	}
	if intent == MustOpen {
		s, err = openNamed(wide, o.Request.Access.Specific(access.Section))
		return s, false, err
	}
	return create(wide, intent, o)
}

// openNamed opens a section. For 0 it asks for what the usual protection allows, and
// finds out whether this one does.
func openNamed(name *uint16, asked access.Mask) (*Section, error) {
	rights := asked | access.Query
	if asked == 0 {
		rights = access.Query | access.Read | access.Write
	}
	raw, err := openFileMapping(uint32(rights), false, name)
	if asked == 0 && errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		rights = access.Query | access.Read
		raw, err = openFileMapping(uint32(rights), false, name)
	}
	if err != nil {
		return nil, opened("OpenFileMapping", err)
	}
	s, err := sectionOf(raw, rights)
	if err == nil && asked == 0 && !s.protection.Writable() {
		s.rights &^= access.Write
	}
	return s, err
}

// sectionOf makes the handle of a section that exists, which it closes if it fails.
func sectionOf(raw windows.Handle, rights access.Mask) (*Section, error) {
	s := &Section{handle: newHandle(raw, access.Section, rights), protection: access.ExecuteReadWrite}
	if err := s.learn(); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(raw))
	}
	if rights&access.Write != 0 {
		address, err := windows.MapViewOfFile(raw, windows.FILE_MAP_WRITE, 0, 0, 1)
		if err == nil {
			_ = windows.UnmapViewOfFile(address)
		} else {
			s.protection = access.ExecuteRead
		}
	}
	return s, nil
}

// learn asks Windows what the section is.
func (s *Section) learn() error {
	var info struct {
		base       uintptr
		attributes uint32
		size       int64
	}
	err := ntQuerySection(s.raw, 0, unsafe.Pointer(&info), unsafe.Sizeof(info), nil)
	s.size, s.attributes = info.size, info.attributes
	return failed("NtQuerySection", err)
}

func create(name *uint16, intent Intent, o section.Options) (s *Section, created bool, err error) {
	if err := o.Valid(); err != nil {
		return nil, false, err
	}
	if err := refuseSecurity(o.Request.Security); err != nil {
		return nil, false, err
	}
	file, err := ownFile(o.File)
	if err != nil {
		return nil, false, err
	}
	flags := pageProtections[o.Protection]
	switch {
	case o.LargePages:
		flags |= secLargePages | secCommit
	case o.Reserve && o.File == nil:
		flags |= secReserve
	}
	source := windows.InvalidHandle
	if file != 0 {
		source = file
	}
	raw, err := windows.CreateFileMapping(source, nil, flags, uint32(o.Size>>32), uint32(o.Size), name)
	if created, err = settle(raw, intent, err); err != nil {
		return nil, false, errors.Join(err, closeFile(file))
	}
	if s, err = admit(raw, created, o, file); err != nil {
		return nil, false, errors.Join(err, closeFile(file))
	}
	return s, created, nil
}

// admit makes the handle of what a create gave, with no more rights than were asked for.
func admit(raw windows.Handle, created bool, o section.Options, file windows.Handle) (*Section, error) {
	rights := o.Protection.Usual()
	if asked := o.Request.Access.Specific(access.Section); asked != 0 {
		narrowed, err := duplicateRaw(raw, asked|access.Query, windows.DUPLICATE_CLOSE_SOURCE)
		if err != nil {
			return nil, err
		}
		raw, rights = narrowed, asked
	}
	s, err := sectionOf(raw, rights)
	if err != nil {
		return nil, err
	}
	if created {
		s.protection = o.Protection
	} else if file != 0 {
		if err := s.over(file); err != nil {
			return nil, errors.Join(err, windows.CloseHandle(raw))
		}
	}
	s.file = file
	return s, nil
}

// ownFile is a handle of its own of the caller's file, so that the caller may close
// theirs; 0 if there is no file.
func ownFile(f *os.File) (windows.Handle, error) {
	if f == nil {
		return 0, nil
	}
	info, err := f.Stat()
	switch {
	case errors.Is(err, fs.ErrClosed):
		return 0, errs.New(fs.ErrClosed, "the file is closed")
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, errs.Numbered(errs.BadExeFormat, fs.ErrInvalid, "%s is no regular file", f.Name())
	}
	return duplicateRaw(windows.Handle(f.Fd()), 0, windows.DUPLICATE_SAME_ACCESS)
}

func closeFile(file windows.Handle) error {
	if file == 0 {
		return nil
	}
	return windows.CloseHandle(file)
}

// over says whether the section is one over the file: Windows knows the name of the
// file that a view shows.
func (s *Section) over(file windows.Handle) error {
	address, err := windows.MapViewOfFile(s.raw, windows.FILE_MAP_READ, 0, 0, 1)
	if err != nil {
		return failed("MapViewOfFile, to see which file the section is over", err)
	}
	defer func() { _ = windows.UnmapViewOfFile(address) }()
	shown := make([]uint16, 1<<15)
	if _, err := getMappedFileName(windows.CurrentProcess(), address, &shown[0], uint32(len(shown))); err != nil {
		return errs.New(fs.ErrExist, "the section exists, and is not over a file that Windows knows the name of")
	}
	name := windows.UTF16ToString(shown)
	same, err := leadsTo(name, file)
	if err == nil && !same {
		err = errs.New(fs.ErrExist, "the section exists, but is over %s", name)
	}
	return err
}

// leadsTo says whether a name of the kernel is that of the file.
func leadsTo(name string, file windows.Handle) (bool, error) {
	path := `\\?\GLOBALROOT` + name
	if rest, ok := strings.CutPrefix(name, `\??\`); ok { // as Wine names files
		path = `\\?\` + rest
	}
	wide, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return false, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	found, err := windows.CreateFile(wide, 0, share, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return false, failed("open the section's file, "+path, err)
	}
	defer func() { _ = windows.CloseHandle(found) }()
	var a, b windows.ByHandleFileInformation
	if err := errors.Join(windows.GetFileInformationByHandle(found, &a), windows.GetFileInformationByHandle(file, &b)); err != nil {
		return false, failed("GetFileInformationByHandle", err)
	}
	return a.VolumeSerialNumber == b.VolumeSerialNumber && a.FileIndexHigh == b.FileIndexHigh && a.FileIndexLow == b.FileIndexLow, nil
}

// Size is the section's size in bytes.
func (s *Section) Size() int64 { return s.size }

// DataOffset is where the section's bytes begin in the file that File gives.
func (s *Section) DataOffset() int64 { return 0 }

// File is a file of its own of what is behind the section.
func (s *Section) File() (*os.File, error) {
	if err := s.begin(0); err != nil {
		return nil, err
	}
	defer s.Leave()
	if s.file == 0 {
		return nil, errs.New(errors.ErrUnsupported, "Windows shows no file behind a section of memory, nor one behind a section that was opened by its name; open the file itself")
	}
	file, err := duplicateRaw(s.file, 0, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(file), "section"), nil
}

// Close closes the handle. Views stay.
func (s *Section) Close() error {
	if !s.shut() {
		return errs.ErrClosed
	}
	return errors.Join(failed("CloseHandle", windows.CloseHandle(s.raw)), closeFile(s.file))
}
