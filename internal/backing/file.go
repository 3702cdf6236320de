//go:build linux

package backing

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// OwnDescriptor opens the caller's file again, without touching how the caller uses
// it: what a section says of its use of the file belongs to the description, and must
// end with the section. A file that may not be opened again, which somebody with more
// rights has opened, is duplicated, and nothing is said of it.
func OwnDescriptor(f *os.File, p access.Protection) (fd int, err error) {
	closed := errs.New(fs.ErrClosed, "the file is closed")
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, closed
	}
	var e error
	if raw.Control(func(n uintptr) { fd, e = again(int(n), p) }) != nil {
		return -1, closed
	}
	if errors.Is(e, unix.EBADF) {
		return -1, closed
	}
	if e != nil {
		return -1, fmt.Errorf("duplicate the file's descriptor: %w", e)
	}
	return fd, nil
}

func again(fd int, p access.Protection) (int, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && flags&unix.O_PATH == 0 {
		if own, err := lockfile.Reopen(fd, flags&unix.O_ACCMODE); err == nil {
			fileuse.Hold(own, kindOf(p))
			return own, nil
		}
	}
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}

// kindOf is what a section is to those who use its file.
func kindOf(p access.Protection) fileuse.Sections {
	if p.Writable() {
		return fileuse.Data | fileuse.Writable
	}
	return fileuse.Data
}

// fileLimit is where Windows says that a section over a file is too big.
const fileLimit = 1 << 54

func protectionOf(h layout.Header) access.Protection { return access.Protection(h.Protection) }

// FileHeader checks that a section of size bytes (0: the file's) can be made over
// the file, and fills in the header. The file is not changed yet.
func FileHeader(fd int, size int64, h *layout.Header) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errs.Numbered(errs.BadExeFormat, fs.ErrInvalid, "a section needs a regular file")
	}
	if err := fileRights(fd, protectionOf(*h)); err != nil {
		return err
	}
	switch {
	case size == 0 && st.Size == 0:
		return errs.Numbered(errs.FileInvalid, fs.ErrInvalid, "the file is empty; give a size to let it grow")
	case size == 0:
		size = st.Size
	}
	switch {
	case size >= fileLimit:
		return errs.Numbered(errs.NotEnoughMemory, nil, "a section over a file has less than %d bytes", int64(fileLimit))
	case size > st.Size && !protectionOf(*h).Writable():
		return errs.Numbered(errs.NotEnoughMemory, nil, "the file has %d bytes, %d were asked for, and a %s section cannot let it grow", st.Size, size, protectionOf(*h))
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return fmt.Errorf("path of the file: %w", err)
	}
	h.Flags |= layout.FlagFile
	h.Size, h.Path = size, path
	id := lockfile.IdentityOf(&st)
	h.FileDev, h.FileIno = id.Dev, id.Ino
	return nil
}

// fileRights compares what the descriptor may do with what the protection needs.
func fileRights(fd int, protection access.Protection) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	mode := flags & unix.O_ACCMODE
	switch {
	case flags&unix.O_PATH != 0 || mode == unix.O_WRONLY:
		return errs.New(fs.ErrPermission, "the file is not open for reading, which every section needs")
	case protection.Writable() && mode != unix.O_RDWR:
		return errs.New(fs.ErrPermission, "the file is open for reading only; a %s section needs it open for reading and writing", protection)
	case protection.Executable():
		return tryExecute(fd)
	}
	return nil
}

// GrowFile makes the file at least size bytes long, with room on the disk for
// the new ones. It never makes it shorter, whatever others do to it meanwhile.
func GrowFile(fd int, size int64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Size >= size {
		return nil
	}
	err := growInRoom(fd, st.Size, size)
	var known *errs.Detail
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return errs.Because(err, errs.DiskFull, nil, "no room to let the file grow from %d to %d bytes", st.Size, size)
	case errors.Is(err, unix.EFBIG):
		return errs.Because(err, errs.NotEnoughMemory, nil, "the file system has no files of %d bytes, or this process may not make them (ulimit -f)", size)
	}
	return fmt.Errorf("let the file grow from %d to %d bytes: %w", st.Size, size, err)
}

// growInRoom first takes the room behind the end of the file and then moves the
// end: a file system may move the end part of the way before it finds that it is
// full. What it has taken by then it keeps until the file is truncated; and to
// truncate it here could cut off what somebody has just appended. So the file
// system is asked first.
func growInRoom(fd int, old, size int64) error {
	var system unix.Statfs_t
	if err := unix.Fstatfs(fd, &system); err != nil {
		return err
	}
	if system.Type == unix.TMPFS_MAGIC {
		if err := checkMemory(size - old); err != nil {
			return err
		}
	}
	if system.Blocks != 0 && uint64(size-old)/uint64(system.Bsize) > system.Bavail {
		return unix.ENOSPC
	}
	err := lockfile.Allocate(fd, unix.FALLOC_FL_KEEP_SIZE, old, size-old)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return appendZeros(fd, size)
	case err != nil:
		return err
	}
	return lockfile.Allocate(fd, 0, old, size-old)
}

// appendZeros lets a file grow on a file system that cannot reserve. Each write
// goes to where the end is then, so it meets nobody else's bytes; of two who do
// it at once the file may become longer than either asked for.
func appendZeros(fd int, size int64) error {
	end, err := lockfile.Reopen(fd, unix.O_WRONLY|unix.O_APPEND)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(end) }()
	zeros := make([]byte, 64<<10)
	for {
		var st unix.Stat_t
		if err := unix.Fstat(end, &st); err != nil || st.Size >= size {
			return err
		}
		_, err := unix.Write(end, zeros[:min(int64(len(zeros)), size-st.Size)])
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// FileOf gives the descriptor for a handle of a section that exists. own
// is the caller's file, or -1 if there is none; it is closed if it is not what
// is returned, but for an error, when it stays the caller's to close.
func FileOf(o *namespace.Object, own int, write bool) (int, error) {
	h := &o.Header
	want := wantedFile{path: h.Path, id: lockfile.Identity{Dev: h.FileDev, Ino: h.FileIno}, mode: unix.O_RDONLY}
	if write {
		want.mode = unix.O_RDWR
	}
	if own >= 0 {
		if err := sameFile(h, own, want.id); err != nil {
			return own, err
		}
		flags, err := unix.FcntlInt(uintptr(own), unix.F_GETFL, 0)
		if err == nil && (!write || flags&unix.O_ACCMODE == unix.O_RDWR) {
			fileuse.Rehold(own, kindOf(protectionOf(*h)))
			return own, nil
		}
	}
	if !h.Has(layout.FlagFile) {
		return -1, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(o.FD, &st); err != nil {
		return own, err
	}
	want.creator, want.signed = st.Uid, st.Mode&Signature != 0
	fd, err := want.find()
	if err != nil {
		return own, err
	}
	Close(own)
	fileuse.Hold(fd, kindOf(protectionOf(*h)))
	return fd, nil
}

// sameFile refuses an existing section that is over something else than the
// caller's file.
func sameFile(h *layout.Header, own int, id lockfile.Identity) error {
	if !h.Has(layout.FlagFile) {
		return errs.New(fs.ErrExist, "the section exists, and is one of memory, not over a file")
	}
	var st unix.Stat_t
	if err := unix.Fstat(own, &st); err != nil {
		return err
	}
	if lockfile.IdentityOf(&st) != id {
		return errs.New(fs.ErrExist, "the section exists, over another file (%s when it was created)", h.Path)
	}
	return nil
}

// wantedFile is the file of a section that somebody else has created.
type wantedFile struct {
	path    string // where it was then
	id      lockfile.Identity
	mode    int    // O_RDONLY or O_RDWR
	creator uint32 // of the section
	signed  bool   // the creator says that this is the file; else anybody may have
}

// find opens the file: by the path it had, or, if it was renamed or deleted
// since, by a descriptor of a process that holds it. Every holder of the section
// has one.
func (w *wantedFile) find() (int, error) {
	fd, err := w.open(w.path)
	if !errors.Is(err, errElsewhere) {
		return fd, err
	}
	fd, err = w.openHeld()
	if !errors.Is(err, errElsewhere) {
		return fd, err
	}
	return -1, errs.New(fs.ErrNotExist, "the section exists, but its file, %s when it was created, was renamed or deleted, and no process whose descriptors you may see has it open; rename it back, or let a process of the holder's user open it", w.path)
}

// errElsewhere: the path does not lead to the file.
var errElsewhere = errors.New("not there")

// open opens a path if it leads to the file. It looks without opening first, so
// that nothing happens to what may have been put there instead.
func (w *wantedFile) open(path string) (int, error) {
	look, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) {
		return -1, err
	}
	if err != nil {
		return -1, errElsewhere
	}
	defer func() { _ = unix.Close(look) }()
	var st unix.Stat_t
	if err := unix.Fstat(look, &st); err != nil || lockfile.IdentityOf(&st) != w.id || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return -1, errElsewhere
	}
	if !w.trusts(look, &st) {
		return -1, w.distrust(path, &st)
	}
	fd, err := lockfile.Reopen(look, w.mode)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return -1, errs.Because(err, 0, fs.ErrPermission, "the section's file %s may not be opened as this access needs", path)
	case err != nil:
		return -1, fmt.Errorf("open the section's file %s: %w", path, err)
	}
	return fd, nil
}

// openHeld looks for the file among the descriptors of all processes that we may
// look at.
func (w *wantedFile) openHeld() (int, error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return -1, errElsewhere
	}
	for _, process := range processes {
		if strings.Trim(process.Name(), "0123456789") != "" {
			continue
		}
		dir := filepath.Join("/proc", process.Name(), "fd")
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // not ours to look at, or just gone
		}
		for _, entry := range entries {
			path := filepath.Join(dir, entry.Name())
			if id, err := lockfile.IdentityAt(path); err != nil || id != w.id {
				continue
			}
			if fd, err := w.open(path); !errors.Is(err, errElsewhere) {
				return fd, err
			}
		}
	}
	return -1, errElsewhere
}

// Close closes a descriptor, if there is one.
func Close(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}
