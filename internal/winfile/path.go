//go:build linux

package winfile

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// checkPath refuses what leads nowhere.
func checkPath(path string) error {
	switch {
	case path == "":
		return errs.Numbered(errs.PathNotFound, nil, "a file needs a path")
	case len(path) >= unix.PathMax:
		return errs.Numbered(errs.NameTooLong, nil, "a path has less than %d bytes", unix.PathMax)
	}
	return nil
}

// parent opens the directory that a path ends in, by path only.
func parent(path string) (dir int, name string, err error) {
	trimmed := strings.TrimRight(path, "/")
	if trimmed == "" {
		return -1, "", unix.EBUSY
	}
	at, name := filepath.Split(trimmed)
	if at == "" {
		at = "."
	}
	dir, err = unix.Open(at, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return dir, name, err
}

// mayUnlink says whether this process may remove the name that a descriptor was found by,
// behind all links.
func mayUnlink(fd int, owner uint32) error {
	path, err := os.Readlink(procPath(fd))
	if err != nil {
		return err
	}
	dir, _, err := parent(path)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return err
	}
	if me := uint32(unix.Geteuid()); st.Mode&unix.S_ISVTX != 0 && me != 0 && me != owner && me != st.Uid {
		return unix.EPERM
	}
	return unix.Faccessat(unix.AT_FDCWD, procPath(dir), unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}

func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func (f *File) path() string { return procPath(f.fd) }

// numbers are Windows' numbers for what Linux says of files.
var numbers = []struct {
	err    unix.Errno
	number uint32
}{
	{unix.EBADF, errs.AccessDenied}, // it came from another process
	{unix.ENOTDIR, errs.PathNotFound},
	{unix.EACCES, errs.AccessDenied},
	{unix.EPERM, errs.AccessDenied},
	{unix.EISDIR, errs.AccessDenied},
	{unix.EBUSY, errs.AccessDenied},
	{unix.EXDEV, errs.NotSameDevice},
	{unix.EROFS, errs.WriteProtect},
	{unix.EEXIST, errs.FileExists},
	{unix.ETXTBSY, errs.SharingViolation},
	{unix.EPIPE, errs.BrokenPipe},
	{unix.ENAMETOOLONG, errs.InvalidName}, // a part of it: pathOf knows the whole
	{unix.ELOOP, errs.CannotResolve},
	{unix.ENOTEMPTY, errs.DirNotEmpty},
	{unix.EMFILE, errs.TooManyOpenFiles},
	{unix.ENFILE, errs.TooManyOpenFiles},
	{unix.ENOMEM, errs.NotEnoughMemory},
	{unix.ENOSPC, errs.DiskFull},
	{unix.EDQUOT, errs.DiskFull},
	{unix.EFBIG, errs.DiskFull},
	{unix.EFAULT, errs.NoAccess},
	{unix.EINVAL, errs.InvalidParameter},
	{unix.EIO, errs.DeviceError},
	{unix.ENXIO, errs.NotSupported},
	{unix.ENODEV, errs.NotSupported},
}

// numbered gives the error of a call that went by a path its number; path may be "".
func numbered(err error, path string) error {
	known := (*errs.Detail)(nil)
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, unix.ENOENT) {
		number := uint32(errs.FileNotFound)
		if dir, _, e := parent(path); e != nil {
			number = errs.PathNotFound
		} else {
			_ = unix.Close(dir)
		}
		return errs.Because(err, number, nil, "%s", path)
	}
	for _, e := range numbers {
		if errors.Is(err, e.err) {
			return errs.Because(err, e.number, nil, "%s", path)
		}
	}
	return err
}
