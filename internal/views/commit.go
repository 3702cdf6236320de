//go:build linux

package views

import (
	"errors"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/backing"
	"atoll/internal/errs"
)

// A page of a reserve section is committed when the object's file has it: that is so
// for all views in all processes at once, and the kernel tells by SEEK_DATA.

// committed says whether a page of a reserve section is, and up to where the same
// holds.
func (r *region) committed(at, to uintptr) (is bool, end uintptr) {
	s := r.shows
	offset := s.offset + int64(at-r.base)
	data, err := unix.Seek(s.object.FD, offset, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return false, to // no more data
	case err != nil:
		return true, to // a file system that does not tell
	case data > offset:
		return false, min(to, pageDown(at+uintptr(data-offset)))
	}
	hole, err := unix.Seek(s.object.FD, offset, unix.SEEK_HOLE)
	if err != nil || hole <= offset {
		return true, at + pageSize
	}
	return true, min(to, pageUp(at+uintptr(hole-offset)))
}

// commit commits pages of a reserve section.
func (r *region) commit(from, to uintptr) error {
	o := r.shows.object
	offset := r.shows.offset + int64(from-r.base)
	length := min(int64(to-from), o.Header.FileSize()-offset) // pages may be larger than 4096
	if err := backing.CommitMemory(o.FD, o.Writable, offset, length); err != nil {
		return err
	}
	for at := from; at < to; {
		var is bool
		if is, at = r.committed(at, to); !is {
			return errs.Numbered(errs.CommitmentLimit, nil, "not enough memory for %d bytes", length)
		}
	}
	return nil
}

// Touching a page of a reserve section would commit it. Where the kernel lets this
// process have a userfaultfd it ends in SIGBUS instead, as on Windows in an access
// violation. The descriptor is this process's for good, once it has mapped a view of a
// reserve section.
var faults struct {
	sync.Once
	fd int // -1: a touch commits
}

// Numbers of userfaultfd, which golang.org/x/sys does not have.
const (
	userModeOnly    = 1
	apiVersion      = 0xAA
	featureSigbus   = 1 << 7
	ioctlAPI        = 0xC018AA3F
	ioctlRegister   = 0xC020AA00
	registerMissing = 1
)

func openFaults() {
	faults.fd = -1
	const flags = unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, _, e := unix.Syscall(unix.SYS_USERFAULTFD, flags|userModeOnly, 0, 0)
	if e == unix.EINVAL { // before Linux 5.11
		fd, _, e = unix.Syscall(unix.SYS_USERFAULTFD, flags, 0, 0)
	}
	if e != 0 {
		return
	}
	api := struct{ version, features, ioctls uint64 }{version: apiVersion, features: featureSigbus}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, fd, ioctlAPI, uintptr(unsafe.Pointer(&api))); e != 0 {
		_ = unix.Close(int(fd))
		return
	}
	faults.fd = int(fd)
}

// trap has touches of pages that are not committed end in SIGBUS, if the kernel can.
func trap(from, to uintptr) {
	faults.Do(openFaults)
	if faults.fd < 0 {
		return
	}
	area := struct{ start, length, mode, ioctls uint64 }{start: uint64(from), length: uint64(to - from), mode: registerMissing}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(faults.fd), ioctlRegister, uintptr(unsafe.Pointer(&area)))
}
