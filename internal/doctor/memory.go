//go:build linux

package doctor

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// little is how many bytes are so few that a Create may soon fail.
const little = 1 << 20

// memory looks at the file system that the objects lie on.
func memory(r *report, base string) {
	real, err := filepath.EvalSymlinks(base)
	if err != nil {
		r.add(Problem, "all objects lie there", "mount a tmpfs there, or set ATOLL_ROOT to a directory on one: mount -t tmpfs -o mode=1777 tmpfs "+base, "%v", err)
		return
	}
	m, err := mountOf("self", real)
	if err != nil {
		r.add(Note, "what is mounted there cannot be told", "", "%v", err)
	} else {
		r.mounted(base, &m)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(real, &fs); err != nil {
		r.add(Problem, "all objects lie there", "", "%s: %v", base, err)
		return
	}
	r.room(base, &fs)
}

// mounted reports kind and options of the mount.
func (r *report) mounted(base string, m *mount) {
	if m.kind != "tmpfs" {
		r.add(Problem, "on a disk every change of an object would wait for it, and objects would survive a restart; so it is refused",
			"mount -t tmpfs -o mode=1777 tmpfs "+base+", or set ATOLL_ROOT to a directory on tmpfs", "%s is on %s (mounted at %s)", base, m.kind, m.point)
		return
	}
	r.fine("%s is on tmpfs, mounted at %s (%s)", base, m.point, m.options)
	if _, readOnly := m.option("ro"); readOnly {
		r.add(Problem, "nothing can be created", "mount -o remount,rw "+m.point, "%s is mounted read-only", m.point)
	}
	if _, noexec := m.option("noexec"); noexec {
		r.add(Note, "executable sections of memory are refused (5)", "mount -o remount,exec "+m.point+", if they are wanted", "%s is mounted noexec", m.point)
	}
	_, enabled, _ := strings.Cut(trimmed("/sys/kernel/mm/transparent_hugepage/shmem_enabled"), "[")
	enabled, _, _ = strings.Cut(enabled, "]")
	if huge, set := m.option("huge"); set && huge != "never" {
		r.fine("large pages: huge=%s", huge)
	} else {
		r.add(Note, "named sections with LargePages are refused (1450)", "mount -o remount,huge=advise "+m.point+", if they are wanted", "no large pages on %s (shmem_enabled: %s)", m.point, enabled)
	}
}

// room reports size and what is left of it.
func (r *report) room(base string, fs *unix.Statfs_t) {
	size, free := fs.Blocks*uint64(fs.Bsize), fs.Bavail*uint64(fs.Bsize)
	const why, remedy = "Create fails where there is no room (1455)", "atoll sweep, or a larger mount (in containers often --shm-size), or ATOLL_ROOT elsewhere"
	switch {
	case fs.Blocks == 0:
		r.fine("%s has no limit of size", base)
	case free < little:
		r.add(Problem, why, remedy, "%s is full: %d of %d bytes are free", base, free, size)
	case size <= 64<<20:
		r.add(Note, why, remedy, "%s is small: %d MiB, of which %d are free", base, size>>20, free>>20)
	default:
		r.fine("%s has %d MiB, of which %d are free", base, size>>20, free>>20)
	}
	switch {
	case fs.Files == 0:
		r.fine("%s has no limit of files", base)
	case fs.Ffree < 16:
		r.add(Problem, "every object is a file", "atoll sweep, or mount -o remount,nr_inodes=…", "%s has room for %d more files of %d", base, fs.Ffree, fs.Files)
	default:
		r.fine("%s has room for %d more files of %d", base, fs.Ffree, fs.Files)
	}
}
