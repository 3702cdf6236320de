//go:build linux

package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// rootVariable is the library's variable for the base directory.
const rootVariable = "ATOLL_ROOT"

// Main runs a package's tests: in a child process the role it was started for,
// otherwise the tests, with a base directory of their own on tmpfs. After the
// tests nothing may be left: no object, no open descriptor, and nothing that
// after reports. Call it from TestMain.
func Main(m *testing.M, after ...func() error) {
	playRole()
	os.Exit(runTests(m, after))
}

func runTests(m *testing.M, after []func() error) int {
	base, err := os.MkdirTemp("/dev/shm", "atoll-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testkit: the tests need a tmpfs at /dev/shm:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(base) }()
	if err := os.Setenv(rootVariable, base); err != nil {
		fmt.Fprintln(os.Stderr, "testkit:", err)
		return 1
	}
	before := Descriptors()
	code := m.Run()
	if code != 0 {
		return code
	}
	for _, f := range after {
		if err := f(); err != nil {
			fmt.Fprintln(os.Stderr, "testkit:", err)
			code = 1
		}
	}
	return max(code, reportLeaks(base, before))
}

// reportLeaks says what the tests of a package left behind.
func reportLeaks(base string, before map[int]string) int {
	code := 0
	// What only the garbage collector gives back: state pages and memberships.
	runtime.GC()
	time.Sleep(Quiet)
	for _, path := range Objects(base) {
		fmt.Fprintln(os.Stderr, "testkit: left behind:", path)
		code = 1
	}
	for fd, target := range Descriptors() {
		if before[fd] == target || expected(target, base) {
			continue
		}
		fmt.Fprintf(os.Stderr, "testkit: descriptor %d left open: %s\n", fd, target)
		code = 1
	}
	return code
}

// expected says whether a descriptor may be open at the end: the directories
// that the library opens once, the member file of a process that abandoned
// something, and what Go's runtime and testing open.
func expected(target, base string) bool {
	dir := strings.TrimPrefix(target, base)
	return dir != target && (filepath.Dir(dir) == "/" || strings.Contains(dir, "/members")) ||
		strings.HasPrefix(target, "anon_inode:[event") || strings.HasPrefix(target, "pipe:") ||
		strings.HasPrefix(target, "/dev/") && !strings.HasPrefix(target, "/dev/shm") ||
		strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/") || strings.HasPrefix(target, "anon_inode:[pidfd]") || strings.HasPrefix(target, "anon_inode:[userfaultfd]")
}

// Objects lists the files of objects below a base directory, without members.
func Objects(base string) (paths []string) {
	dirs, _ := filepath.Glob(filepath.Join(base, "atoll*"))
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Name() != "members" {
				paths = append(paths, filepath.Join(dir, e.Name()))
			}
		}
	}
	return paths
}

// Descriptors lists this process's open descriptors and what they lead to.
func Descriptors() map[int]string {
	list := make(map[int]string)
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil {
			continue // the descriptor of the listing itself
		}
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil {
			list[fd] = target
		}
	}
	return list
}

// Base is the base directory of the running tests.
func Base() string { return os.Getenv(rootVariable) }
