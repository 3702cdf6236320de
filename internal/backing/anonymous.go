//go:build linux

package backing

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/namespace"
)

// seals of an unnamed object: nobody changes its size, and nobody seals it
// further.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// CreateUnnamed makes an object in a file that has no name and goes away with
// the last descriptor or mapping of it; build completes the file.
func CreateUnnamed(h layout.Header, build func(fd int, h layout.Header) error) (*namespace.Object, error) {
	fd, err := memfd("atoll:" + h.Type.String())
	if err != nil {
		return nil, fmt.Errorf("create unnamed file: %w", err)
	}
	var o *namespace.Object
	if err = finishUnnamed(fd, h, build); err == nil {
		o, err = namespace.Unnamed(fd, h, true)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return o, nil
}

func finishUnnamed(fd int, h layout.Header, build func(fd int, h layout.Header) error) error {
	if err := unix.Fchmod(fd, 0o600); err != nil {
		return err
	}
	if err := build(fd, h); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// memfd makes an anonymous file. It may be mapped executable, but not be started
// as a program, which some systems ask for (sysctl vm.memfd_noexec); kernels
// before 6.3 do not know the flag.
func memfd(name string) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	return fd, err
}

// NoSpace explains a failed reservation of memory on tmpfs.
func NoSpace(cause error, size int64) error {
	switch {
	case errors.Is(cause, unix.ENOSPC):
		return errs.Because(cause, errs.CommitmentLimit, nil, "no room for %d bytes; the file system of shared memory is full (df -h %s), or mounted too small", size, namespace.Base())
	case errors.Is(cause, unix.ENOMEM):
		return errs.Because(cause, errs.CommitmentLimit, nil, "not enough memory for %d bytes", size)
	case errors.Is(cause, unix.EFBIG):
		return errs.Because(cause, errs.NotEnoughMemory, nil, "this process may not make files of %d bytes (ulimit -f)", size)
	}
	return fmt.Errorf("reserve %d bytes: %w", size, cause)
}
