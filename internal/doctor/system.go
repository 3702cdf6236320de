//go:build linux

package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// system looks at what else of the system takes a hand in it.
func system(r *report, base string) {
	removeIPC(r, base)
	limit(r)
	tracing(r)
	links(r, "/proc/sys/fs/protected_hardlinks")
}

// links reads whether users may make links to files that they may not write.
func links(r *report, setting string) {
	if trimmed(setting) != "0" {
		r.fine("no user can make hard links to another's objects")
		return
	}
	r.add(Note, "any user can give any file in Global\\ a second name, after which nobody can open the object, and no owner's death is found out", "sysctl fs.protected_hardlinks=1, as distributions have it", "users may make hard links to files that they may not write (fs.protected_hardlinks is 0)")
}

// removeIPC reads whether systemd removes a user's files below /dev/shm when the
// user's last session ends (logind.conf(5)).
func removeIPC(r *report, base string) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		r.fine("no systemd, which could remove objects when a session ends")
		return
	}
	switch setting, where := logindSetting("/"); {
	case !contains("/dev/shm", base):
		r.fine("RemoveIPC of logind does not concern %s", base)
	case os.Geteuid() < 1000:
		r.fine("RemoveIPC of logind does not concern system users such as uid %d", os.Geteuid())
	case slices.Contains([]string{"no", "false", "off", "0", "n", "f"}, strings.ToLower(setting)):
		r.fine("RemoveIPC=%s (%s)", setting, where)
	default:
		r.add(Note, "when the last session of this user ends systemd removes the names of all the user's objects, also those that services use", "RemoveIPC=no in /etc/systemd/logind.conf, or a system user for services, or ATOLL_ROOT elsewhere", "RemoveIPC=%s (%s)", setting, where)
	}
}

// logindSetting is RemoveIPC as it stands in logind's configuration below root,
// and where. Files in the .conf.d folders go after the main file, in the order of
// their names, whatever their folder.
func logindSetting(root string) (setting, where string) {
	setting, where = "yes", "the default"
	main := ""
	parts := map[string]string{}
	for _, dir := range []string{"usr/lib/systemd", "usr/local/lib/systemd", "run/systemd", "etc/systemd"} { // later ones go first
		if file := filepath.Join(root, dir, "logind.conf"); exists(file) {
			main = file
		}
		list, _ := filepath.Glob(filepath.Join(root, dir, "logind.conf.d", "*.conf"))
		for _, file := range list {
			parts[filepath.Base(file)] = file
		}
	}
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	files := []string{main}
	for _, name := range names {
		files = append(files, parts[name])
	}
	for _, file := range files {
		for line := range strings.Lines(trimmed(file)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && strings.TrimSpace(key) == "RemoveIPC" && strings.TrimSpace(value) != "" {
				setting, where = strings.TrimSpace(value), file
			}
		}
	}
	return setting, where
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// limit reads the memory limit of the control group.
func limit(r *report) {
	const why, remedy = "objects count as memory of the group of whoever touches their pages first; beyond the limit the kernel kills a process of it", "a higher memory.max of the group, or fewer and smaller objects"
	least, where := uint64(0), ""
	for _, file := range limitFiles() {
		n, err := strconv.ParseUint(trimmed(file), 10, 64)
		// Version 1 says "no limit" with a number near 2^63.
		if err == nil && n < 1<<62 && (where == "" || n < least) {
			least, where = n, file
		}
	}
	if where == "" {
		r.fine("no memory limit of a control group is seen")
		return
	}
	r.add(Note, why, remedy, "this process's control group may use %d MiB of memory (%s)", least>>20, where)
}

// limitFiles are the files that could have a limit for this process, in its
// group and those above.
func limitFiles() (files []string) {
	for line := range strings.Lines(trimmed("/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, name := "/sys/fs/cgroup", "memory.max"
		switch {
		case parts[0] == "0" && parts[1] == "":
		case slices.Contains(strings.Split(parts[1], ","), "memory"):
			root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for dir := filepath.Clean("/" + parts[2]); ; dir = filepath.Dir(dir) {
			files = append(files, filepath.Join(root, dir, name))
			if dir == "/" {
				break
			}
		}
	}
	return files
}

// tracing reads whom DuplicateFrom may take handles from.
func tracing(r *report) {
	const remedy = "sysctl kernel.yama.ptrace_scope=0; or Send and Receive, which need no such right"
	switch scope := trimmed("/proc/sys/kernel/yama/ptrace_scope"); scope {
	case "", "0":
		r.fine("DuplicateFrom works between processes of one user")
	case "1":
		r.add(Note, "DuplicateFrom takes handles from descendants only, or with CAP_SYS_PTRACE", remedy, "yama's ptrace_scope is 1")
	case "2":
		r.add(Note, "DuplicateFrom needs CAP_SYS_PTRACE", remedy, "yama's ptrace_scope is 2")
	default:
		r.add(Note, "DuplicateFrom works for nobody", "a restart with another setting; or Send and Receive, which need no such right", "yama's ptrace_scope is %s", scope)
	}
}
