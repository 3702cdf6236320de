//go:build linux

package winfile

import (
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/fileuse"
	"atoll/internal/lockfile"
)

// File is an open file. Its position, and what it forbids others, belong to the
// description, and so to all duplicates, in whatever process they are.
type File struct {
	os         *os.File
	fd         int
	kind       uint32      // unix.S_IFREG and so on
	overlapped bool        // has no position
	onClose    bool        // was opened to be deleted
	doomed     atomic.Bool // is to be deleted
}

// Own makes a file of a descriptor that came from somewhere else, a pipe's too, and takes
// it over, also if it fails.
func Own(fd int, overlapped bool) (*File, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return newFile(fd, procPath(fd), st.Mode&unix.S_IFMT, overlapped), nil
}

func newFile(fd int, path string, kind uint32, overlapped bool) *File {
	return &File{os: os.NewFile(uintptr(fd), path), fd: fd, kind: kind, overlapped: overlapped}
}

// OS is the file for who needs one, not to be closed.
func (f *File) OS() *os.File { return f.os }

// Descriptor is the file's descriptor, which is not to be closed.
func (f *File) Descriptor() int { return f.fd }

// Overlapped says whether the file has no position.
func (f *File) Overlapped() bool { return f.overlapped }

// Regular says whether it has bytes that can be mapped.
func (f *File) Regular() bool { return f.kind == unix.S_IFREG }

// Directory says whether it has none at all.
func (f *File) Directory() bool { return f.kind == unix.S_IFDIR }

// Close closes the file, and removes its name if it was to go.
func (f *File) Close() error {
	if f.onClose || f.doomed.Load() {
		_ = f.unlink()
	}
	return f.os.Close()
}

// unlink removes the name that the file has now.
func (f *File) unlink() error {
	path, err := os.Readlink(f.path())
	if err != nil {
		return err
	}
	return f.remove(path)
}

// remove removes a name, if it still leads to the file.
func (f *File) remove(path string) error {
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
