//go:build linux

package winfile

import (
	"cmp"
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
func toDelete(path string) (*File, error) {
	o := &opening{
		Request: Request{Path: path, Disposition: OpenExisting, Flags: BackupSemantics | OpenReparsePoint},
		rights:  access.Delete | access.ReadAttributes, share: fileuse.All, anything: true,
	}
	return o.existing()
}

// Delete removes the name of a file. Who has the file open keeps it.
func Delete(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	f, err := toDelete(path)
	if err != nil {
		return numbered(err, path)
	}
	defer func() { _ = f.Close() }()
	var st unix.Stat_t
	switch err := unix.Fstat(f.fd, &st); {
	case err != nil:
		return numbered(err, path)
	case f.kind == unix.S_IFDIR:
		return errs.Numbered(errs.AccessDenied, nil, "it is a directory")
	}
	if err := deletable(f.fd, &st); err != nil {
		return err
	}
	if err := fileuse.Removable(f.fd); err != nil {
		return err
	}
	return numbered(f.remove(path), path)
}

// Move renames a file or a directory; a file also to another file system.
func Move(from, to string) error {
	if err := cmp.Or(checkPath(from), checkPath(to)); err != nil {
		return err
	}
	f, err := toDelete(from)
	if err != nil {
		return numbered(err, from)
	}
	defer func() { _ = f.Close() }()
	if filepath.Clean(from) == filepath.Clean(to) {
		return nil
	}
	err = rename(from, to)
	switch {
	case errors.Is(err, unix.EEXIST):
		return errs.Because(err, errs.AlreadyExists, nil, "%s", to)
	case errors.Is(err, unix.ENOENT):
		return numbered(err, to)
	case errors.Is(err, unix.EXDEV) && f.kind == unix.S_IFREG:
		if err := Copy(f.path(), to, CreateNew); err != nil {
			return err
		}
		return numbered(f.remove(from), from)
	}
	return numbered(err, from)
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

// Copy copies bytes, and the mode to a file that is new, which it must be for CreateNew.
// What cannot be copied whole is removed.
func Copy(from, to string, disposition uint32) error {
	if err := cmp.Or(checkPath(from), checkPath(to)); err != nil {
		return err
	}
	source := &opening{
		Request: Request{Path: from, Disposition: OpenExisting},
		rights:  access.GenericRead.Specific(access.File), share: fileuse.All,
	}
	in, err := source.existing()
	if err != nil {
		return numbered(err, from)
	}
	defer func() { _ = in.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(in.fd, &st); err != nil {
		return numbered(err, from)
	}
	var there unix.Stat_t
	if disposition != CreateNew && unix.Stat(to, &there) == nil && lockfile.IdentityOf(&there) == lockfile.IdentityOf(&st) {
		return errs.Numbered(errs.SharingViolation, nil, "%s and %s are one file", from, to)
	}
	target := &opening{
		Request: Request{Path: to, Disposition: disposition},
		rights:  access.GenericWrite.Specific(access.File), share: fileuse.All,
	}
	out, existed, err := target.open()
	if err != nil {
		return numbered(err, to)
	}
	defer func() { _ = out.Close() }()
	if err = out.room(nil, false, 0, st.Size); err == nil {
		_, err = io.Copy(out.os, in.os)
	}
	if err == nil && !existed {
		err = unix.Fchmod(out.fd, st.Mode&0o777)
	}
	if err != nil {
		_ = out.unlink()
	}
	return numbered(err, to)
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
