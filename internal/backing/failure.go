//go:build linux

package backing

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/namespace"
)

// MapFailure explains a failed mmap.
func MapFailure(err error, address uintptr, length int64, execute bool) error {
	switch {
	case address != 0 && (errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) && !execute):
		return errs.Because(err, errs.InvalidAddress, fs.ErrInvalid, "the %d bytes at address %#x are in use, or not for programs", length, address)
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EOVERFLOW):
		return errs.Because(err, errs.NotEnoughMemory, nil, "no address space for %d bytes (ulimit -v), too many mappings (sysctl vm.max_map_count), or, for a copy-on-write view, not enough memory", length)
	case errors.Is(err, unix.EAGAIN):
		return errs.Because(err, errs.WorkingSetQuota, nil, "the process locks all its memory, and may not lock %d bytes more (ulimit -l)", length)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return errs.Because(err, 0, fs.ErrPermission, "the system does not allow this view")
	case errors.Is(err, unix.ENODEV):
		return errs.Because(err, 0, errors.ErrUnsupported, "the file system cannot map files")
	}
	return err
}

// Exhausted names what the system has run out of, if nobody has yet.
func Exhausted(err error) error {
	var known *errs.Detail
	switch {
	case err == nil || errors.As(err, &known):
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return errs.Because(err, errs.TooManyOpenFiles, nil, "no descriptor is left (ulimit -n shows the limit)")
	case errors.Is(err, unix.ENOSPC):
		return errs.Because(err, errs.CommitmentLimit, nil, "the file system of shared memory has no inode or no memory left (df -i %s; df %s)", namespace.Base(), namespace.Base())
	case errors.Is(err, unix.ENOMEM):
		return errs.Because(err, errs.NotEnoughMemory, nil, "not enough memory")
	}
	return err
}
