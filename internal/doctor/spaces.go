//go:build linux

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// kinds are the kinds of Linux' namespaces that matter here, or that people ask
// about, with the inode that the first one of the kind has in every kernel.
var kinds = []struct {
	file, name string
	first      uint64 // 0: none is fixed
	inner      string // what it means not to be in the first one; "" nothing
}{
	{"user", "user", 0xEFFFFFFD, "users that are not mapped into it are all shown as one, and nothing of theirs is accepted"},
	{"mnt", "mount", 0, "it may have a /dev/shm of its own, in which no process outside sees anything"},
	{"pid", "pid", 0xEFFFFFFC, "pids that are shown mean something inside only; who is alive does not depend on them"},
	{"ipc", "ipc", 0xEFFFFFFF, ""}, // System V only
	{"time", "time", 0xEFFFFFFA, "clocks differ; timers allow for that"},
}

// spaceID is the inode of a process's namespace of a kind; 0 if it cannot be read.
func spaceID(pid, file string) uint64 {
	target, err := os.Readlink(filepath.Join("/proc", pid, "ns", file))
	if err != nil {
		return 0
	}
	_, id, _ := strings.Cut(strings.TrimSuffix(target, "]"), "[")
	n, _ := strconv.ParseUint(id, 10, 64)
	return n
}

// namespaces compares the namespaces of this process with those of pid 1, or with
// the first ones of the system.
func namespaces(r *report, _ string) {
	for _, k := range kinds {
		mine, first := spaceID("self", k.file), spaceID("1", k.file)
		switch {
		case mine == 0:
			r.fine("no %s namespaces here", k.name)
		case k.first != 0 && mine == k.first:
			r.fine("in the system's own %s namespace", k.name)
		case first == 0 && k.first == 0:
			r.fine("the %s namespace of pid 1 may not be seen", k.name)
		case k.first == 0 && mine == first:
			r.fine("in the %s namespace of pid 1", k.name)
		case k.inner == "":
			r.fine("in another %s namespace than the system's, which does not matter here", k.name)
		default:
			r.add(Note, k.inner, "", "in another %s namespace than the system's", k.name)
		}
	}
	r.unmapped()
}

// unmapped reports how ids that are not mapped are shown.
func (r *report) unmapped() {
	for _, which := range []string{"uid", "gid"} {
		overflow := trimmed("/proc/sys/kernel/overflow" + which)
		if whole(trimmed("/proc/self/" + which + "_map")) {
			r.fine("every %s is known here", which)
			continue
		}
		r.add(Note, "files of theirs, and directories, are refused", "to share objects with them, map them into the user namespace",
			"%ss that are not mapped into this user namespace are shown as %s", which, overflow)
	}
}

// whole says whether a map is that of the first user namespace: all to themselves.
func whole(text string) bool {
	f := strings.Fields(text)
	return text == "" || len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == fmt.Sprint(uint32(1<<32-1))
}
