package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// grouped says whether this process can make control groups for jobs: its own group of
// version 2, or that of ATOLL_CGROUP, can be written.
var grouped = sync.OnceValue(func() bool {
	group := os.Getenv("ATOLL_CGROUP")
	if own, err := os.ReadFile("/proc/self/cgroup"); group == "" && err == nil {
		_, after, _ := strings.Cut("\n"+string(own), "\n0::")
		group, _, _ = strings.Cut(after, "\n")
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	before, _, found := strings.Cut(string(mounts), " - cgroup2 ")
	line := strings.Fields(before[strings.LastIndexByte(before, '\n')+1:])
	if err != nil || group == "" || group == "none" || !found || len(line) < 5 {
		return false
	}
	procs, err := os.OpenFile(filepath.Join(line[4], group, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	return procs.Close() == nil
})
