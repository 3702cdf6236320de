//go:build linux

package views

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// Granularity is what everything begins at a multiple of.
const Granularity = 64 << 10

// pageSize is a multiple of Windows', 4096.
var pageSize = uintptr(os.Getpagesize())

func pageDown(address uintptr) uintptr { return address &^ (pageSize - 1) }

func pageUp(address uintptr) uintptr { return pageDown(address + pageSize - 1) }

func granularUp(n uintptr) uintptr { return (n + Granularity - 1) &^ (Granularity - 1) }

// The calls below are the bare system calls: an address that a caller made up must not
// pass through the garbage collector's hands as a pointer.

func mmap(address, length uintptr, prot, flags, fd int, offset int64) (uintptr, error) {
	if strconv.IntSize < 64 {
		return 0, errors.ErrUnsupported // another system call there
	}
	r, _, e := unix.Syscall6(unix.SYS_MMAP, address, length, uintptr(prot), uintptr(flags), uintptr(fd), uintptr(offset))
	if e != 0 {
		return 0, e
	}
	return r, nil
}

func munmap(address, length uintptr) error { return call(unix.SYS_MUNMAP, address, length, 0) }

func mprotect(address, length uintptr, bits int) error {
	return call(unix.SYS_MPROTECT, address, length, uintptr(bits))
}

func madvise(address, length uintptr, advice int) error {
	return call(unix.SYS_MADVISE, address, length, uintptr(advice))
}

func call(number, a, b, c uintptr) error {
	for {
		if _, _, e := unix.Syscall(number, a, b, c); e != unix.EINTR {
			if e == 0 {
				return nil
			}
			return e
		}
	}
}

// reserve takes address space that nobody else gets: at an address, or, if that is 0,
// where address and phase are the same modulo align.
func reserve(address, length, align, phase uintptr) (uintptr, error) {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	if address != 0 {
		at, err := mmap(address, length, unix.PROT_NONE, flags|unix.MAP_FIXED_NOREPLACE, -1, 0)
		if err == nil && at != address { // Linux before 4.17 takes the address for a hint
			_ = munmap(at, length)
			err = unix.EEXIST
		}
		return at, err
	}
	at, err := mmap(0, length, unix.PROT_NONE, flags, -1, 0)
	if err != nil || (phase-at)%align == 0 {
		return at, err
	}
	_ = munmap(at, length)
	at, err = mmap(0, length+align, unix.PROT_NONE, flags, -1, 0)
	if err != nil {
		return 0, err
	}
	skip := (phase - at) % align
	if skip > 0 {
		_ = munmap(at, skip)
	}
	if rest := align - skip; rest > 0 {
		_ = munmap(at+skip+length, rest)
	}
	return at + skip, nil
}

// occupied explains why there was no address space.
func occupied(cause error, address, length uintptr) error {
	if address == 0 {
		return errs.Because(cause, errs.NotEnoughMemory, nil, "no address space for %d bytes, or too many mappings (sysctl vm.max_map_count)", length)
	}
	return errs.Because(cause, errs.InvalidAddress, nil, "the %d bytes at %#x are in use, or not for programs", length, address)
}
