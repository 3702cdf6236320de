//go:build linux

package cgroup

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Place is a mount of the unified hierarchy.
type Place struct {
	Mount string // where it is mounted
	Root  string // which group that is
}

// ErrNoHierarchy says that no hierarchy of version 2 is mounted.
var ErrNoHierarchy = errors.New("no cgroup2 file system is mounted")

// Find looks for the unified hierarchy, which in hybrid layouts stands beside
// those of version 1.
//
// # Errors
//
// ErrNoHierarchy. The system's, if there is no /proc.
func Find() (Place, error) {
	text, err := read(unix.AT_FDCWD, "/proc/self/mountinfo")
	if err != nil {
		return Place{}, err
	}
	return parseMounts(text)
}

// parseMounts reads lines such as
//
//	41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
func parseMounts(text string) (Place, error) {
	for line := range strings.Lines(text) {
		mount, fs, ok := strings.Cut(line, " - ")
		f := strings.Fields(mount)
		if !ok || len(f) < 5 || !strings.HasPrefix(fs, "cgroup2 ") {
			continue
		}
		return Place{Mount: unescape(f[4]), Root: unescape(f[3])}, nil
	}
	return Place{}, ErrNoHierarchy
}

// unescape replaces \040 and the like.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Of returns the group of a process, from the root of the hierarchy as this
// process's cgroup namespace shows it; 0 is this process.
//
// # Errors
//
// unix.ENOENT, unix.ESRCH: there is no such process. ErrNoHierarchy: the kernel has
// no hierarchy of version 2.
func Of(pid int) (string, error) {
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	text, err := read(unix.AT_FDCWD, "/proc/"+who+"/cgroup")
	if err != nil {
		return "", err
	}
	return parseOwn(text)
}

func parseOwn(text string) (string, error) {
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return strings.TrimSuffix(path, " (deleted)"), nil
		}
	}
	return "", ErrNoHierarchy
}

// Dir is where the group lies in the file system; false if the mount does not show
// it.
func (p Place) Dir(group string) (string, bool) {
	rest := group
	if p.Root != "/" {
		var below bool
		rest, below = strings.CutPrefix(group+"/", p.Root+"/")
		if !below {
			return "", false
		}
		rest = "/" + strings.TrimSuffix(rest, "/")
	}
	if rest != "/" && !cleanPath(rest) || group == "" {
		return "", false
	}
	return strings.TrimSuffix(p.Mount+rest, "/"), true
}

// cleanPath says whether a path begins with a slash and leads nowhere but down.
func cleanPath(path string) bool {
	for i, element := range strings.Split(path, "/") {
		if (element == "") != (i == 0) || element == "." || element == ".." {
			return false
		}
	}
	return true
}

// read returns the content of a file, which may be one of the kernel's.
func read(dir int, name string) (string, error) {
	fd, err := openAt(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	var text []byte
	for buffer := make([]byte, 16<<10); ; {
		n, err := unix.Read(fd, buffer)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return "", err
		case n <= 0:
			return string(text), nil
		default:
			text = append(text, buffer[:n]...)
		}
	}
}

func openAt(dir int, name string, flags int) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
