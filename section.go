package atoll

import (
	"os"

	"atoll/internal/access"
	"atoll/internal/section"
)

// Section is a handle of a section: bytes that views in any process can show, of
// a file or of memory alone. It is safe for use by many goroutines.
//
// A section of memory lives as long as any process has a handle to it or a view
// of it; its name only as long as any process has a handle. It begins all zero.
// A section over a file is a way to the file: what views write is in the file,
// and seen by every view of the file, also through other sections, and by read
// and write, at once.
//
// Windows: a section keeps others from truncating and deleting its file. On Linux it
// keeps programs from that which use package win32; other programs nothing does. A view
// of a file that somebody has truncated faults. See View. While the section or a view is
// there the file has shared locks behind its end, which an exclusive lock on the whole
// file (lockf) would have to wait for.
//
// Source: https://learn.microsoft.com/windows/win32/memory/section-objects
type Section struct {
	identity
	kernel *kernelSection
}

// Protection of a section is the most that its views may do.
type Protection uint32

// The protections. All of them allow copy-on-write views. On Linux those with
// Execute need a file, or for sections of memory a file system, that the system
// lets programs execute; one that is mounted noexec refuses them.
const (
	ReadWrite        Protection = iota // views that read and write
	ReadOnly                           // views that read
	WriteCopy                          // the same as ReadOnly
	ExecuteReadWrite                   // as ReadWrite, and views that are executed
	ExecuteRead                        // as ReadOnly, and views that are executed
	ExecuteWriteCopy                   // the same as ExecuteRead
)

// String returns "read-write", "read-only" and so on.
func (p Protection) String() string { return p.mask().String() }

func (p Protection) mask() access.Protection {
	if p > ExecuteWriteCopy {
		return 0
	}
	return access.Protection(p) + 1
}

// SectionOptions say how to create a section. The zero value is not enough: it
// needs a Size or a File. They are checked in any case; but when an existing
// section is opened only Access counts, and File, which must be the file that the
// section is over.
type SectionOptions struct {
	// Size in bytes. Of a section of memory it is rounded up to a multiple of
	// 4096. 0 with a File is the file's size. With a File that is shorter and a
	// protection that allows writing, the file grows to Size before the call
	// returns; if the file is longer, views reach only the first Size bytes.
	Size int64
	// File makes a section over a file, which must be open for reading, and for
	// writing too if the protection allows that. The section has a descriptor of
	// its own: the caller may close File at once. nil makes a section of memory.
	File *os.File
	// Protection is the most that views may do; 0 is ReadWrite.
	Protection Protection
	// Reserve makes a section of memory whose pages are not allocated before
	// Commit or the first touch. So it can be larger than the memory there is,
	// and a touch can fail: see View. Without Reserve all memory is allocated by
	// the call. With a File it has no effect.
	Reserve bool
	// LargePages makes a section of memory in pages of 2 MiB, of which Size must
	// be a multiple. A named one needs its file system (/dev/shm) mounted with
	// huge=advise, within_size or always.
	LargePages bool
	// Access asked for; 0 is what the protection allows. More than that may be
	// asked for, and fails at Map.
	Access Access
	// Security of a new object; nil is the creator alone. It is ignored when an
	// existing one is opened.
	Security *Security
}

// CreateSection creates a section under a name that is free, or an unnamed one.
// It does not wait for other processes, but for the system to allocate memory or
// disk.
//
// # Errors
//
// fs.ErrExist: a section of that name exists. ErrWrongType: an object of another
// type does.
//
// fs.ErrInvalid (87): no possible Size, Protection or Security; LargePages with a
// File, with Reserve, or with a Size that is no multiple of 2 MiB. fs.ErrInvalid
// with the number 1006: File is empty and Size 0; with 193: File is no regular
// file. fs.ErrPermission: File is not open as the protection needs; or Access has
// bits that a section does not know.
// os.ErrClosed: File is closed.
//
// With the number 8 (ERROR_NOT_ENOUGH_MEMORY): File is shorter than Size and the
// protection does not allow writing; or Size is 128 TiB or more, over a file 16
// PiB or more. 112 (ERROR_DISK_FULL): no room to let File grow. 1455
// (ERROR_COMMITMENT_LIMIT): not so much memory. errors.ErrUnsupported with the
// number 1450: no large pages here; the text says how to get them. 4: no
// descriptor left.
//
// ErrBadName, ErrCorrupt, ErrVersion, ErrStuck. When it fails nothing is left
// behind, except that File may have grown.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw
func CreateSection(name string, o SectionOptions) (*Section, error) {
	s, _, err := newSection("create", name, mustCreate, o)
	return s, err
}

// OpenSection opens an existing section. access 0 asks for what the section's
// protection allows. More may be asked for, and fails at Map.
//
// The file of a section over a file is opened again, by the path it had when the
// section was created; if it was renamed or deleted since, by way of a process
// that has it open. So the caller needs rights on the file.
//
// # Errors
//
// fs.ErrNotExist: no process has a handle to a section of that name; or its file
// is not to be found any more, then the text says so. fs.ErrPermission: this user
// may not open it, or only with less access, which the text says; or access has bits
// that a section does not know. Otherwise as CreateSection.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-openfilemappingw
func OpenSection(name string, access Access) (*Section, error) {
	s, _, err := newSection("open", name, mustOpen, SectionOptions{Access: access})
	return s, err
}

// CreateOrOpenSection opens the section if it exists and creates it otherwise, in
// one step for all processes that try at the same time: exactly one creates it.
//
// # Errors
//
// fs.ErrExist: the section exists, but is not over o.File. Otherwise as
// CreateSection and OpenSection.
func CreateOrOpenSection(name string, o SectionOptions) (s *Section, created bool, err error) {
	return newSection("create", name, createOrOpen, o)
}

func newSection(op, name string, i intent, o SectionOptions) (*Section, bool, error) {
	k, created, err := openSection(name, i, section.Options{
		Size: o.Size, File: o.File, Protection: o.Protection.mask(),
		Reserve: o.Reserve, LargePages: o.LargePages, Request: request(access.Section, o.Access, o.Security),
	})
	if err != nil {
		return nil, false, fail(op, TypeSection, name, err)
	}
	s := &Section{identity: identity{name: name, typ: TypeSection}, kernel: k}
	track(s, &s.identity)
	return s, created, nil
}

// Access returns what this handle may do. Copy is part of Read.
func (s *Section) Access() Access { return accessOf(access.Section, s.kernel.Rights()) }

// Size returns the section's size in bytes, which never changes: of a section
// over a file exactly what was asked for, of one of memory a multiple of 4096.
func (s *Section) Size() int64 { return s.kernel.Size() }

// DataOffset returns where the section's first byte lies in the file that File
// returns: 0 if the section is over a file.
func (s *Section) DataOffset() int64 { return s.kernel.DataOffset() }

// File returns a descriptor of its own of the file behind the section, for other
// libraries: the file itself, or what holds a section of memory, whose bytes
// begin at DataOffset. It can write if this handle may. The caller must close it.
// It does not keep the section's name alive.
//
// Before DataOffset lies what Atoll needs to know the object: whoever writes there,
// or changes the length of the file, breaks the section for everybody. (An
// unnamed section's length cannot be changed.)
//
// # Errors
//
// os.ErrClosed. fs.ErrPermission: the handle may neither read nor write, or the
// file's mode has changed. The number 4: no descriptor left.
func (s *Section) File() (*os.File, error) {
	f, err := s.kernel.File()
	if err != nil {
		return nil, s.fail("file of", err)
	}
	return f, nil
}

// Map shows a part of the section in this process's memory. length 0 reaches to
// the end of the section. Any number of views may be mapped, also of the same
// part.
//
// access with Write makes a view that reads and writes; else, with Read, one that
// reads; Copy alone makes one whose writes nobody else sees, page by page: a page
// shows what others write until the view writes there. Execute may be added to
// each. 0 is what the handle and the protection allow, of reading and writing.
//
// offset must be a multiple of the page size (os.Getpagesize).
//
// # Errors
//
// fs.ErrPermission (5): the handle has not the access, or the system does not
// allow it. fs.ErrInvalid (87): the section's protection does not allow it; or
// no possible access, offset or length. fs.ErrInvalid with the number 1132
// (ERROR_MAPPED_ALIGNMENT): offset is no multiple of the page size; with 5: the
// part is not inside the section. The number 8: no address space or memory, or
// too many mappings. os.ErrClosed.
//
// Windows: offset must be a multiple of 64 KiB there; multiples of 64 KiB are
// right on both systems.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffile
func (s *Section) Map(access Access, offset, length int64) (*View, error) {
	return newView(s, 0, access, offset, length)
}

// MapAt is Map at an address, which must be a multiple of the page size; 0 is
// any address, as Map. It never replaces what is there. Processes that map at the
// same address may exchange addresses, but nothing promises that an address that
// is free in one is free in another.
//
// # Errors
//
// fs.ErrInvalid with the number 487 (ERROR_INVALID_ADDRESS): something is mapped
// there, or may not be; with 1132: addr or offset is no multiple of the page size.
// Otherwise as Map.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffileex
func (s *Section) MapAt(addr uintptr, access Access, offset, length int64) (*View, error) {
	return newView(s, addr, access, offset, length)
}

func newView(s *Section, addr uintptr, a Access, offset, length int64) (*View, error) {
	k, err := s.kernel.Map(addr, a.of(access.AView), offset, length)
	if err != nil {
		return nil, s.fail("map", err)
	}
	v := &View{id: identity{name: s.name, typ: TypeSection}, kernel: k}
	track(v, &v.id)
	return v, nil
}

// Close closes the handle, after the calls that are just inside it. Views stay
// as they are. If no process has another handle, the name is free when Close
// returns.
//
// # Errors
//
// os.ErrClosed: it was closed already.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-closehandle
func (s *Section) Close() error {
	s.untrack()
	return s.fail("close", s.kernel.Close())
}
