//go:build linux

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// removed looks for objects that live, and whose files somebody has removed: in the
// descriptors of those processes that this user may look into.
func removed(r *report, base string) {
	found := map[[2]uint64]string{}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		// Reading the link touches no file system that could hang.
		target, err := os.Readlink(fd)
		name := strings.TrimSuffix(target, " (deleted)")
		if err != nil || name == target || !strings.HasPrefix(name, filepath.Join(base, "atoll")) || filepath.Base(filepath.Dir(name)) == "members" {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(fd, &st) == nil && st.Nlink == 0 && holds(strings.Replace(fd, "/fd/", "/fdinfo/", 1)) {
			found[[2]uint64{st.Dev, st.Ino}] = fmt.Sprintf("%s, of pid %s", name, strings.Split(fd, "/")[2])
		}
	}
	for _, example := range found {
		r.add(Problem, "who has them open goes on, but nobody can open them by name any more, and another can have the name", "end the processes that hold them, and find out who removes files below "+base,
			"%d objects that are in use have lost their files, such as %s", len(found), example)
		return
	}
}

// holds says whether a description has the lock by which an object lives: the first
// byte, shared.
func holds(fdinfo string) bool {
	for line := range strings.Lines(trimmed(fdinfo)) {
		// lock:	1: OFDLCK ADVISORY  READ -1 00:1b:22 0 0
		f := strings.Fields(line)
		if len(f) == 9 && f[0] == "lock:" && f[2] == "OFDLCK" && f[4] == "READ" && f[7] == "0" {
			return true
		}
	}
	return false
}
