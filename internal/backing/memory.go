//go:build linux

package backing

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// BuildMemory completes the file of a memory section: header and data. Unless it
// is a reserve section all its memory is allocated now, so that touching it
// cannot fail later.
func BuildMemory(fd int, h layout.Header) error {
	if err := BuildHeader(fd, h, h.FileSize()); err != nil {
		return err
	}
	switch {
	case h.Has(layout.FlagReserve):
	case h.Has(layout.FlagLargePages):
		if err := reserveLarge(fd, h); err != nil {
			return err
		}
	default:
		if err := ReserveMemory(fd, h.DataOffset, h.Size); err != nil {
			return err
		}
	}
	if h.Protection == 0 || !protectionOf(h).Executable() {
		return nil
	}
	return tryExecute(fd)
}

// BuildHeader makes the object's file as long as it must be and writes the
// header.
func BuildHeader(fd int, h layout.Header, size int64) error {
	if err := lockfile.Truncate(fd, size); err != nil {
		return NoSpace(err, size)
	}
	b := h.Encode()
	if err := lockfile.Reserve(fd, 0, int64(len(b))); err != nil {
		return NoSpace(err, size)
	}
	return lockfile.WriteAt(fd, b, 0)
}

// ReserveMemory allocates memory of an object's file. What obviously is not there
// is refused before: the kernel would take it from other processes, or kill one.
func ReserveMemory(fd int, offset, size int64) error {
	if err := checkRoom(fd, size); err != nil {
		return err
	}
	if err := lockfile.Reserve(fd, offset, size); err != nil {
		return NoSpace(err, size)
	}
	return nil
}

// CommitMemory allocates memory of an object's file, and has the kernel touch it: what
// is only allocated counts as a hole to who asks the file what it has. For who may not
// write the file it touches alone, which allocates, too, if there is room.
func CommitMemory(fd int, writable bool, offset, size int64) error {
	if writable {
		if err := ReserveMemory(fd, offset, size); err != nil {
			return err
		}
	}
	const most = 256 << 20 // of address space, at a time
	for size > 0 {
		length := min(size, most)
		m, err := unix.MmapPtr(fd, offset, nil, uintptr(length), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			return MapFailure(err, 0, length, false)
		}
		_ = unix.MunmapPtr(m, uintptr(length))
		offset, size = offset+length, size-length
	}
	return nil
}

// checkFrom is the size from which on checkRoom looks: for less it would cost
// more than the allocation.
const checkFrom = 64 << 20

// checkRoom compares a size with what the file system, the machine and the
// control groups of this process have left. It is a look, not a promise: others
// may take it a moment later.
func checkRoom(fd int, size int64) error {
	if size < checkFrom {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return err
	}
	if left := int64(st.Bavail) * int64(st.Bsize); st.Blocks != 0 && size > left {
		return errs.Because(unix.ENOSPC, errs.CommitmentLimit, nil, "no room for %d bytes: the file system of shared memory has %d left (df %s)", size, left, namespace.Base())
	}
	return checkMemory(size)
}

// checkMemory is checkRoom for memory alone.
func checkMemory(size int64) error {
	if size < checkFrom {
		return nil
	}
	if left := memoryLeft(); size > left {
		return errs.Because(unix.ENOMEM, errs.CommitmentLimit, nil, "no room for %d bytes: the machine has %d left, with swap", size, left)
	}
	if left, group := groupLeft("/proc/self/cgroup", "/sys/fs/cgroup"); size > left {
		return errs.Because(unix.ENOMEM, errs.CommitmentLimit, nil, "no room for %d bytes: the control group %s allows %d more", size, group, left)
	}
	return nil
}

// memoryLeft is the memory that can be had without hurting others, and free swap,
// in bytes; without /proc, no limit.
func memoryLeft() int64 {
	values := readFields("/proc/meminfo")
	available, known := values["MemAvailable:"]
	if !known {
		return math.MaxInt64
	}
	return (available + values["SwapFree:"]) << 10
}

// groupLeft is what the memory limits of this process's control groups (version
// 2) leave, and which group leaves the least. Cached files count as free: the
// kernel gives them up first.
func groupLeft(self, root string) (left int64, group string) {
	left = math.MaxInt64
	b, err := os.ReadFile(self)
	if err != nil {
		return left, ""
	}
	for line := range strings.Lines(string(b)) {
		path, unified := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for ; unified; path = filepath.Dir(path) {
			if n := oneGroupLeft(filepath.Join(root, path)); n < left {
				left, group = n, path
			}
			if path == "/" || path == "." {
				break
			}
		}
	}
	return left, group
}

func oneGroupLeft(dir string) int64 {
	limit, ok := readNumber(filepath.Join(dir, "memory.max"))
	current, ok2 := readNumber(filepath.Join(dir, "memory.current"))
	if !ok || !ok2 {
		return math.MaxInt64
	}
	stat := readFields(filepath.Join(dir, "memory.stat"))
	return max(0, limit-current+stat["inactive_file"]+stat["active_file"])
}

func readNumber(path string) (int64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}

// readFields reads a file of lines "name number …".
func readFields(path string) map[string]int64 {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	values := make(map[string]int64)
	for in := bufio.NewScanner(f); in.Scan(); {
		if fields := strings.Fields(in.Text()); len(fields) >= 2 {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				values[fields[0]] = n
			}
		}
	}
	return values
}

// tryExecute says whether the file may be mapped executable. Linux has no
// execute right on a descriptor: the mount decides, and the security modules.
func tryExecute(fd int) error {
	page := uintptr(os.Getpagesize())
	p, err := unix.MmapPtr(fd, 0, nil, page, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	switch {
	case err == nil:
		return unix.MunmapPtr(p, page)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return errs.Because(err, 0, fs.ErrPermission, "the system does not let it be executed; most often its file system is mounted noexec (findmnt -T shows), which mount -o remount,exec changes")
	}
	return fmt.Errorf("map executable: %w", err)
}
