//go:build linux

package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// Pull duplicates a descriptor of another process, whose pidfd the caller has.
//
// # Errors
//
// fs.ErrPermission: this process may not trace that one; the text says why.
// fs.ErrNotExist: it has ended. fs.ErrInvalid: it has no such descriptor.
// errors.ErrUnsupported.
func Pull(process, pid int, descriptor uintptr) (fd int, err error) {
	if descriptor > 1<<31-1 {
		return -1, errs.Numbered(errs.InvalidHandle, fs.ErrInvalid, "%#x is no descriptor; it is what Descriptor returns in process %d", descriptor, pid)
	}
	fd, err = unix.PidfdGetfd(process, int(descriptor), 0) // which sets FD_CLOEXEC
	switch {
	case errors.Is(err, unix.EBADF):
		return -1, errs.Because(err, errs.InvalidHandle, fs.ErrInvalid, "process %d has no descriptor %d", pid, descriptor)
	case errors.Is(err, unix.ESRCH):
		return -1, errs.Because(err, 0, fs.ErrNotExist, "process %d has ended", pid)
	case errors.Is(err, unix.EPERM):
		return -1, errs.Because(err, 0, fs.ErrPermission, "the system does not let this process trace process %d, %s; let its owner Send the handle", pid, whyNot(pid))
	case errors.Is(err, unix.ENOSYS):
		return -1, errs.Because(err, 0, errors.ErrUnsupported, "pidfd_getfd needs Linux 5.6, and a container that allows it")
	case err != nil:
		return -1, fmt.Errorf("duplicate descriptor %d of process %d: %w", descriptor, pid, err)
	}
	return fd, nil
}

// whyNot says what most likely forbids to trace a process.
func whyNot(pid int) string {
	var st unix.Stat_t
	if unix.Stat(fmt.Sprintf("/proc/%d", pid), &st) == nil && st.Uid != uint32(os.Geteuid()) {
		return fmt.Sprintf("which is uid %d's, or has raised its rights, without CAP_SYS_PTRACE", st.Uid)
	}
	scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	switch strings.TrimSpace(string(scope)) {
	case "1":
		return "which is no child of it (Yama's kernel.yama.ptrace_scope is 1) and has not allowed it (PR_SET_PTRACER), without CAP_SYS_PTRACE"
	case "2", "3":
		return fmt.Sprintf("because Yama's kernel.yama.ptrace_scope is %s", strings.TrimSpace(string(scope)))
	}
	if err != nil {
		return "which may have more capabilities, or a security module forbids it"
	}
	return "which may have more capabilities, or be in another user namespace, or a security module forbids it"
}

// HasOpen says whether a process has a folder of members open, as far as this one may
// look.
func HasOpen(pid int, id lockfile.Identity) bool {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		target, err := os.Readlink(dir + e.Name())
		if err != nil || !strings.HasSuffix(target, "/"+namespace.MembersName) {
			return false
		}
		found, err := lockfile.IdentityAt(dir + e.Name())
		return err == nil && found == id
	})
}
