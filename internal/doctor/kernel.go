//go:build linux

package doctor

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
	"atoll/internal/lockfile"
	"atoll/internal/park"
)

// feature reports one feature of the kernel. lacking is what its absence means.
func (r *report) feature(name, since string, err error, l Level, lacking, allow string) {
	switch {
	case err == nil:
		r.fine("%s: there", name)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		r.add(l, lacking, allow, "%s: forbidden (%v)", name, err)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		r.add(l, lacking, "a kernel of "+since+" or later", "%s: this kernel has none (%v)", name, err)
	default:
		r.add(l, lacking, "", "%s: %v", name, err)
	}
}

// kernel looks at what the kernel can do.
func kernel(r *report, _ string) {
	r.fine("Linux %s", trimmed("/proc/sys/kernel/osrelease"))
	r.feature("locks of open file descriptions", "Linux 3.15", tryLock(), Problem,
		"they are what keeps objects alive, and tells who is", "a filter (seccomp) that allows fcntl")
	r.feature("robust lists", "Linux 2.6.17", futex.MissingRobustList(), Note,
		"a death is then noticed by the tick, up to a second late", "a filter (seccomp) that allows set_robust_list")
	ring, waitv := park.Missing()
	r.feature("futex_waitv", "Linux 5.16", waitv, Note,
		"without it and io_uring each word that goroutines wait on takes a thread", "a filter (seccomp) that allows futex_waitv")
	allow := "a filter (seccomp) that allows io_uring_setup and io_uring_enter"
	if disabled := trimmed("/proc/sys/kernel/io_uring_disabled"); disabled != "" && disabled != "0" {
		allow = "sysctl kernel.io_uring_disabled=0 (it is " + disabled + ")"
	}
	r.feature("futex wait of io_uring", "Linux 6.7", ring, Note,
		"goroutines that wait then take a thread for up to 127 words", allow)
}

// tryLock tries a lock of an open file description.
func tryLock() error {
	fd, err := unix.MemfdCreate("doctor", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	_, err = lockfile.TryShared(fd, lockfile.Holders)
	return err
}

// trimmed is the text of a file without its newline; "" if it cannot be read.
func trimmed(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
