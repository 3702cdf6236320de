//go:build linux

package kernel32

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/lockfile"
)

// toDelete opens what a path leads to itself, be it a link, as the calls do that remove
// or change a name: it must be shared for deletion.
func toDelete(path string) (*file, error) {
	o := &opening{
		path: path, rights: access.Delete | access.ReadAttributes, share: fileuse.All,
		disposition: openExisting, flags: flagBackupSemantics | flagOpenReparsePoint, anything: true,
	}
	return o.existing()
}

// DeleteFile removes the name of a file. Who has the file open keeps it.
func DeleteFile(name string) error {
	path, err := pathOf(name)
	if err != nil {
		return err
	}
	f, err := toDelete(path)
	if err != nil {
		return fileError(err, path)
	}
	defer f.close()
	var st unix.Stat_t
	switch err := unix.Fstat(f.fd, &st); {
	case err != nil:
		return fileError(err, path)
	case f.kind == unix.S_IFDIR:
		return errs.Numbered(errs.AccessDenied, nil, "it is a directory")
	}
	if err := deletable(f.fd, &st); err != nil {
		return err
	}
	if err := fileuse.Removable(f.fd); err != nil {
		return err
	}
	return fileError(f.remove(path), path)
}

// MoveFile renames a file or a directory; a file also to another file system.
func MoveFile(from, to string) error {
	from, err := pathOf(from)
	if err != nil {
		return err
	}
	if to, err = pathOf(to); err != nil {
		return err
	}
	f, err := toDelete(from)
	if err != nil {
		return fileError(err, from)
	}
	defer f.close()
	if filepath.Clean(from) == filepath.Clean(to) {
		return nil
	}
	err = rename(from, to)
	switch {
	case errors.Is(err, unix.EEXIST):
		return errs.Because(err, errs.AlreadyExists, nil, "%s", to)
	case errors.Is(err, unix.ENOENT):
		return fileError(err, to)
	case errors.Is(err, unix.EXDEV) && f.kind == unix.S_IFREG:
		if err := copyFile(f.path(), to, createNew); err != nil {
			return err
		}
		return fileError(f.remove(from), from)
	}
	return fileError(err, from)
}

// rename renames, but never over something. On file systems that cannot do both at once
// a file gets its new name before it loses the old one.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	var st unix.Stat_t
	if !errors.Is(err, unix.EINVAL) || unix.Lstat(from, &st) != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return err
	}
	if err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, to, 0); err != nil {
		return err
	}
	return unix.Unlink(from)
}

// CopyFile copies a file.
func CopyFile(from, to string, failIfExists bool) error {
	from, err := pathOf(from)
	if err != nil {
		return err
	}
	if to, err = pathOf(to); err != nil {
		return err
	}
	if failIfExists {
		return copyFile(from, to, createNew)
	}
	return copyFile(from, to, createAlways)
}

// copyFile copies bytes and mode. What cannot be copied whole is removed.
func copyFile(from, to string, disposition uint32) error {
	source := &opening{path: from, rights: access.GenericRead.Specific(access.File), share: fileuse.All, disposition: openExisting}
	in, err := source.existing()
	if err != nil {
		return fileError(err, from)
	}
	defer in.close()
	var st unix.Stat_t
	if err := unix.Fstat(in.fd, &st); err != nil {
		return fileError(err, from)
	}
	var there unix.Stat_t
	if unix.Stat(to, &there) == nil && lockfile.IdentityOf(&there) == lockfile.IdentityOf(&st) {
		return errs.Numbered(errs.SharingViolation, nil, "%s and %s are one file", from, to)
	}
	target := &opening{path: to, rights: access.GenericWrite.Specific(access.File), share: fileuse.All, disposition: disposition}
	out, existed, err := target.open()
	if err != nil {
		return fileError(err, to)
	}
	defer out.close()
	if err = out.room(nil, false, 0, int(st.Size)); err == nil {
		_, err = io.Copy(out.File, in.File)
	}
	if err == nil && !existed {
		err = unix.Fchmod(out.fd, st.Mode&0o777)
	}
	if err != nil {
		_ = out.unlink()
	}
	return fileError(err, to)
}

// empty says whether a directory has nothing.
func empty(fd int) bool {
	again, err := lockfile.Reopen(fd, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return true // rmdir finds out
	}
	d := os.NewFile(uintptr(again), "")
	defer func() { _ = d.Close() }()
	_, err = d.Readdirnames(1)
	return err != nil
}
