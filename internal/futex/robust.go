//go:build linux

package futex

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel does with a word on a thread's robust list when the thread
// dies: if the lower 30 bits are the thread's TID, it keeps Waiters, sets
// OwnerDied, clears the TID, and, with Waiters, wakes one sleeper.
const (
	Waiters   = 1 << 31
	OwnerDied = 1 << 30
)

// RobustHead is the kernel's struct robust_list_head. It and the nodes lie in
// private memory that is never unmapped while the thread lives.
type RobustHead struct {
	Next    uintptr // address of the first node; of the head itself if there is none
	Offset  uintptr // from a node to its word; the same for all
	Pending uintptr // never used here
}

// MissingRobustList is what the kernel says if there are no robust lists.
func MissingRobustList() error {
	var head, size uintptr
	_, _, errno := unix.RawSyscall(unix.SYS_GET_ROBUST_LIST, 0, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return errno
	}
	return nil
}

// SetRobustList registers the list of the calling thread, in place of any that
// the C library may have registered for it.
//
// # Errors
//
// ENOSYS: a kernel without robust futexes, or forbidden.
func SetRobustList(head *RobustHead) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SET_ROBUST_LIST, uintptr(unsafe.Pointer(head)), unsafe.Sizeof(*head), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
