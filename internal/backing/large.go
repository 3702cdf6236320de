//go:build linux

package backing

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/layout"
)

// Large pages are 2 MiB pages of tmpfs. They need a mount that allows them and
// memory in one piece, so a section gets all of them when it is created, or is
// not created.

const hugeSwitch = "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

// reserveLarge allocates the data of a section in large pages. fallocate would
// take small ones where the mount says huge=advise, so the pages are touched by a
// mapping that asks for large ones.
func reserveLarge(fd int, h layout.Header) error {
	if err := largeAllowed(fd); err != nil {
		return err
	}
	if err := checkRoom(fd, h.Size); err != nil {
		return err
	}
	m, err := MapLarge(fd, h.DataOffset, uintptr(h.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return MapFailure(err, 0, h.Size, false)
	}
	defer func() { _ = unix.MunmapPtr(m, uintptr(h.Size)) }()
	err = unix.Madvise(unsafe.Slice((*byte)(m), h.Size), unix.MADV_POPULATE_WRITE)
	switch {
	case errors.Is(err, unix.EINVAL):
		return errs.Because(err, errs.NoResources, errors.ErrUnsupported, "large pages need Linux 5.14 or newer")
	case errors.Is(err, unix.EFAULT):
		return NoSpace(unix.ENOSPC, h.Size) // the fault was a SIGBUS
	case err != nil:
		return NoSpace(err, h.Size)
	}
	if large := largeMapped(uintptr(m)); large < h.Size {
		return errs.Numbered(errs.NoResources, nil, "only %d of %d bytes can be had in large pages: memory is fragmented, or the file system nearly full (echo 1 > /proc/sys/vm/compact_memory may help)", large, h.Size)
	}
	return nil
}

// largeAllowed says whether the file system of fd gives large pages to who asks.
func largeAllowed(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	point, huge, mounted := hugeOption(st.Dev)
	global := selected(hugeSwitch)
	if !mounted {
		// The kernel's own mount, where unnamed objects lie.
		point, huge = "", global
	}
	if global == "deny" {
		huge = "never"
	} else if global == "force" {
		huge = "always"
	}
	switch {
	case huge == "advise", huge == "always", huge == "within_size":
		return nil
	case global == "" || global == "deny":
		return errs.Numbered(errs.NoResources, errors.ErrUnsupported, "this kernel gives no large pages to shared memory (%s says %q)", hugeSwitch, global)
	case point == "":
		return errs.Numbered(errs.NoResources, errors.ErrUnsupported, "unnamed memory gets no large pages here; as root, run: echo advise > %s", hugeSwitch)
	}
	return errs.Numbered(errs.NoResources, errors.ErrUnsupported, "%s is mounted without large pages; as root, run: mount -o remount,huge=advise %s", point, point)
}

// hugeOption finds a mount by its device, and its option about large pages.
func hugeOption(dev uint64) (point, huge string, mounted bool) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", "", false
	}
	defer func() { _ = f.Close() }()
	want := fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
	for in := bufio.NewScanner(f); in.Scan(); {
		before, after, _ := strings.Cut(in.Text(), " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(super) < 3 || fields[2] != want {
			continue
		}
		for option := range strings.SplitSeq(super[2], ",") {
			if value, found := strings.CutPrefix(option, "huge="); found {
				huge = value
			}
		}
		return fields[4], huge, true
	}
	return "", "", false
}

// selected is the word in brackets in a file like "always [advise] never".
func selected(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// largeMapped counts the bytes of the mapping at address that are mapped by large
// pages.
func largeMapped(address uintptr) (bytes int64) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	start, inside := fmt.Sprintf("%x-", address), false
	for in := bufio.NewScanner(f); in.Scan(); {
		line := in.Text()
		name, rest, _ := strings.Cut(line, ":")
		if strings.Contains(name, "-") && strings.Contains(name, " ") {
			inside = strings.HasPrefix(line, start)
		}
		if inside && (name == "ShmemPmdMapped" || name == "FilePmdMapped") {
			var kib int64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				bytes += kib << 10
			}
		}
	}
	return bytes
}

// MapLarge maps a part of a file where large pages of the file are large pages of
// the address space, and asks for them.
func MapLarge(fd int, offset int64, length uintptr, prot, flags int) (unsafe.Pointer, error) {
	const large = layout.LargePage
	room := length + large
	area, err := unix.MmapPtr(-1, 0, nil, room, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	skip := (uintptr(offset) - uintptr(area)) % large
	m, err := unix.MmapPtr(fd, offset, unsafe.Add(area, skip), length, prot, flags|unix.MAP_FIXED)
	if err != nil {
		_ = unix.MunmapPtr(area, room)
		return nil, err
	}
	if skip > 0 {
		_ = unix.MunmapPtr(area, skip)
	}
	if rest := room - skip - length; rest > 0 {
		_ = unix.MunmapPtr(unsafe.Add(area, skip+length), rest)
	}
	_ = unix.Madvise(unsafe.Slice((*byte)(m), length), unix.MADV_HUGEPAGE) // a kernel without them maps small ones
	return m, nil
}
