//go:build linux

package guardian

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Variable tells this program to be a guardian, together with its name and role in
// its arguments.
const Variable = "ATOLL_GUARDIAN"

// The roles, each followed by its arguments, with numbers in decimal.
const (
	RoleGuard  = "guard"  // FILE GROUP PARENT READY OFFSET NAME: see guard.go
	RoleWatch  = "watch"  // FILE GROUP READY OFFSET: GROUP -1 for trees; OFFSET of the job's region
	RoleTree   = "tree"   // see tree.go
	RoleLaunch = "launch" // see launch.go
	RoleProxy  = "proxy"  // see package proxy
)

// statuses of a guardian that fails.
const statusFailed = 125

func init() {
	args := Arguments()
	if len(args) == 0 {
		return
	}
	switch role, rest := args[0], args[1:]; role {
	case RoleGuard:
		guard(rest)
	case RoleWatch:
		watch(rest)
	case RoleTree:
		tree(rest)
	case RoleLaunch:
		launch(rest)
	default: // package proxy's
		return
	}
	unix.Exit(0)
}

// Arguments are the role and its arguments, if this process is to be a guardian.
func Arguments() []string { return arguments }

var arguments = readArguments()

// readArguments looks for a role. A program whose rights the kernel raised above its
// caller's has none: the caller could have it do anything.
func readArguments() []string {
	if _, ok := unix.Getenv(Variable); !ok || Raised() {
		return nil
	}
	text, err := readFile("/proc/self/cmdline")
	if err != nil {
		return nil
	}
	args := strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
	if len(args) < 2 || args[0] != Name {
		return nil
	}
	_ = unix.Unsetenv(Variable)
	setName()
	return args[1:]
}

func setName() {
	name := append([]byte(Name), 0)
	_ = unix.Prctl(unix.PR_SET_NAME, pointer(name), 0, 0, 0)
}

// Raised says whether the kernel has raised this program's rights above its caller's,
// so that the caller's environment must not steer it.
func Raised() bool {
	const atSecure = 23
	auxv, err := unix.Auxv()
	if err != nil {
		return unix.Getuid() != unix.Geteuid() || unix.Getgid() != unix.Getegid()
	}
	for _, entry := range auxv {
		if entry[0] == atSecure {
			return entry[1] != 0
		}
	}
	return false
}

// integers reads the leading arguments.
func integers(args []string, count int) []int {
	if len(args) < count {
		unix.Exit(statusFailed)
	}
	list := make([]int, count)
	for i := range list {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			unix.Exit(statusFailed)
		}
		list[i] = n
	}
	return list
}

// alone frees a guardian from all that it came by, but for some descriptors.
func alone(keep ...int) {
	_, _ = unix.Setsid()
	closeBut(keep)
}

// closeBut closes all descriptors but some, and gives the standard ones to nobody.
func closeBut(keep []int) {
	_ = unix.Chdir("/")
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		for fd := range 3 {
			_ = unix.Dup3(null, fd, 0)
		}
		_ = unix.Close(null)
	}
	for _, fd := range numbers("/proc/self/fd") {
		if fd > 2 && !slices.Contains(keep, fd) && !runtimes(fd) {
			_ = unix.Close(fd)
		}
	}
}

// runtimes says whether a descriptor may be one that Go's runtime opened itself.
func runtimes(fd int) bool {
	b := make([]byte, 64)
	n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), b)
	return err == nil && strings.HasPrefix(string(b[:n]), "anon_inode:[event")
}

// say writes to whoever started this guardian, and closes.
func say(fd int, text string) {
	_, _ = unix.Write(fd, []byte(text))
	_ = unix.Close(fd)
}
