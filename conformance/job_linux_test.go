package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// grouped says whether this process can make control groups for jobs: its own group of
// version 2, or that of ATOLL_CGROUP, can be written.
func grouped() bool {
	group := os.Getenv("ATOLL_CGROUP")
	own, err := os.ReadFile("/proc/self/cgroup")
	if group == "" && err == nil {
		for line := range strings.Lines(string(own)) {
			if path, ok := strings.CutPrefix(line, "0::"); ok {
				group = strings.TrimSpace(path)
			}
		}
	}
	mount, err := exec.Command("findmnt", "-n", "-t", "cgroup2", "-o", "TARGET", "--first-only").Output()
	if err != nil || group == "" || group == "none" {
		return false
	}
	procs, err := os.OpenFile(filepath.Join(strings.TrimSpace(string(mount)), group, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	return procs.Close() == nil
}
