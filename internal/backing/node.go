//go:build linux

package backing

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

// NoNode is NUMA_NO_PREFERRED_NODE.
const NoNode = 1<<32 - 1

// OnNode calls f, and memory that f allocates comes from a node of the machine if that
// has any left and the kernel allows to ask for it.
func OnNode(node uint32, f func() error) error {
	if node == NoNode {
		return f()
	}
	if node > lastNode() {
		return errs.Numbered(errs.InvalidParameter, nil, "the machine has no node %d", node)
	}
	const preferred, normal = 1, 0 // MPOL_ of set_mempolicy(2)
	var mask [16]uint64
	mask[node/64%16] = 1 << (node % 64)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _, e := unix.Syscall(unix.SYS_SET_MEMPOLICY, preferred, uintptr(unsafe.Pointer(&mask)), 8*unsafe.Sizeof(mask))
	if e == 0 {
		defer func() { _, _, _ = unix.Syscall(unix.SYS_SET_MEMPOLICY, normal, 0, 0) }()
	}
	return f()
}

// lastNode is the highest number of a node that the machine can have.
func lastNode() uint32 {
	b, err := os.ReadFile("/sys/devices/system/node/possible")
	text := strings.TrimSpace(string(b))
	last, e := strconv.ParseUint(text[strings.LastIndexAny(text, "-,")+1:], 10, 10)
	if err != nil || e != nil {
		return 0
	}
	return uint32(last)
}
