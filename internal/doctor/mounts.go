//go:build linux

package doctor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is a line of mountinfo.
type mount struct {
	dev     uint64
	root    string // what of the file system is mounted
	point   string
	options string // of the mount and of the file system, with commas
	kind    string // tmpfs, …
}

// mountOf is the mount that a path lies on, in the mount namespace of a process.
func mountOf(pid, path string) (mount, error) {
	f, err := os.Open(filepath.Join("/proc", pid, "mountinfo"))
	if err != nil {
		return mount{}, err
	}
	defer func() { _ = f.Close() }()
	var best mount
	for in := bufio.NewScanner(f); in.Scan(); {
		m, ok := parseMount(in.Text())
		// Of several on one point the last one covers the others.
		if ok && contains(m.point, path) && len(m.point) >= len(best.point) {
			best = m
		}
	}
	if best.point == "" {
		return best, fmt.Errorf("no mount holds %s: %w", path, os.ErrNotExist)
	}
	return best, nil
}

// contains says whether a path is a directory or lies below it.
func contains(dir, path string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}

// parseMount reads a line such as (proc_pid_mountinfo(5))
//
//	25 24 0:23 / /dev/shm rw,noexec shared:1 - tmpfs tmpfs rw,size=65536k
func parseMount(line string) (mount, bool) {
	left, right, ok := strings.Cut(line, " - ")
	l, r := strings.Fields(left), strings.Fields(right)
	if !ok || len(l) < 6 || len(r) < 3 {
		return mount{}, false
	}
	var major, minor uint32
	if _, err := fmt.Sscanf(l[2], "%d:%d", &major, &minor); err != nil {
		return mount{}, false
	}
	return mount{
		dev: unix.Mkdev(major, minor), root: unescape(l[3]), point: unescape(l[4]),
		options: l[5] + "," + r[2], kind: r[0],
	}, true
}

// unescape undoes the kernel's octal escapes.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// option is an option's value, "" if it has none; there says whether it is set.
func (m *mount) option(name string) (value string, there bool) {
	for o := range strings.SplitSeq(m.options, ",") {
		key, v, _ := strings.Cut(o, "=")
		if key == name {
			value, there = v, true
		}
	}
	return value, there
}
