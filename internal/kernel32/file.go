//go:build linux

package kernel32

import (
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/lockfile"
)

// InvalidHandle is what a file that is not there has for a handle.
const InvalidHandle = ^Handle(0)

// file is an open file. Its position, and what it forbids others, belong to the
// description, and so to all duplicates, in whatever process they are.
type file struct {
	*os.File
	fd         int
	kind       uint32      // unix.S_IFREG and so on
	overlapped bool        // has no position
	onClose    bool        // was opened to be deleted
	doomed     atomic.Bool // is to be deleted

	more atomic.Int32 // handles besides the first
}

func (f *file) retire() {}

// close removes the name of a file that was to go with its last handle.
func (f *file) close() {
	if f.more.Add(-1) >= 0 {
		return
	}
	if f.onClose || f.doomed.Load() {
		_ = f.unlink()
	}
	_ = f.File.Close()
}

func (f *file) same(other object) bool { return other == object(f) }

// duplicate gives no more than the handle has: that was decided when it was opened.
func (f *file) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	if !asked.Exact {
		f.more.Add(1)
		return f, granted, nil
	}
	if err := asked.Valid(access.File); err != nil {
		return nil, 0, err
	}
	rights := asked.Access.Specific(access.File)
	if rights&access.MaximumAllowed != 0 {
		rights = rights&^access.MaximumAllowed | granted
	}
	if err := access.Check(access.File, granted, rights); err != nil {
		return nil, 0, err
	}
	f.more.Add(1)
	return f, rights, nil
}

// unlink removes the name that the file has now.
func (f *file) unlink() error {
	path, err := os.Readlink(f.path())
	if err != nil {
		return err
	}
	return f.remove(path)
}

// remove removes a name, if it still leads to the file.
func (f *file) remove(path string) error {
	dir, name, err := parent(path)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	same, err := lockfile.SamePath(dir, name, lockfile.IdentityOf(&st))
	switch {
	case err != nil:
		return err
	case !same:
		return unix.ENOENT
	case f.kind == unix.S_IFDIR:
		return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	}
	return unix.Unlinkat(dir, name, 0)
}

// sectionFile gives the file for a section with a protection. The caller must leave
// the entry when the section has a descriptor of its own.
func sectionFile(h Handle, p access.Protection) (*os.File, *entry, error) {
	needed := access.ReadData
	if p.Writable() {
		needed |= access.WriteData
	}
	if p.Executable() {
		needed |= access.ExecuteFile
	}
	f, e, err := use[*file](h, needed)
	if err != nil {
		return nil, nil, err
	}
	if f.kind != unix.S_IFREG {
		e.leave()
		return nil, nil, errs.Numbered(errs.BadExeFormat, nil, "a section needs a regular file")
	}
	return f.File, e, nil
}

// uses is what share modes know of rights.
func uses(m access.Mask) (r fileuse.Rights) {
	if m&(access.ReadData|access.ExecuteFile) != 0 {
		r |= fileuse.Read
	}
	if m&(access.WriteData|access.AppendData) != 0 {
		r |= fileuse.Write
	}
	if m&access.Delete != 0 {
		r |= fileuse.Delete
	}
	return r
}
