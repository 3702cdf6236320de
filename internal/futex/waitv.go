//go:build linux

package futex

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Watch is one word that a sleeper looks at.
type Watch struct {
	Word     *Word
	Expected uint32
	Private  bool // the word is not in a shared file
}

// MaxWatches is the most that the kernel takes in one call.
const MaxWatches = 128

// waitv is the kernel's struct futex_waitv.
type waitv struct {
	value    uint64
	addr     uint64
	flags    uint32
	reserved uint32
}

// timespec is the kernel's struct __kernel_timespec, which newer calls take: of 64
// bits each also on systems of 32 bits, unlike unix.Timespec.
type timespec struct{ seconds, nanoseconds int64 }

const (
	size32      = 2   // FUTEX2_SIZE_U32
	flagPrivate = 128 // FUTEX2_PRIVATE
)

// forced makes HasWaitAny answer no, for tests of the fallback.
var forced atomic.Bool

// ForbidWaitAny makes this process behave as on a kernel without futex_waitv.
func ForbidWaitAny(forbid bool) { forced.Store(forbid) }

// probe asks once.
var probe = sync.OnceValue(func() bool { return MissingWaitAny() == nil })

// MissingWaitAny is what the kernel says if WaitAny cannot be used. A call without
// words says EINVAL where futex_waitv exists; ENOSYS (an old kernel) and EPERM (a
// filter) both mean that it does not.
func MissingWaitAny() error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_FUTEX_WAITV, 0, 0, 0, 0, 0, 0); errno != unix.EINVAL {
		return errno
	}
	return nil
}

// HasWaitAny says whether WaitAny can be used: Linux 5.16 and not forbidden.
func HasWaitAny() bool { return !forced.Load() && probe() }

// WaitAny sleeps while every word has its expected value, until a wake of any,
// or timeout if that is not negative. As Wait, it may return without either.
//
// # Errors
//
// As Wait.
func WaitAny(watches []Watch, timeout time.Duration) error {
	if len(watches) > few {
		var buffer [MaxWatches]waitv
		return waitAny(buffer[:0], watches, timeout)
	}
	var buffer [few]waitv
	return waitAny(buffer[:0], watches, timeout)
}

// few is what the usual wait has, which need not clear room for the most.
const few = 4

func waitAny(list []waitv, watches []Watch, timeout time.Duration) error {
	for _, w := range watches {
		flags := uint32(size32)
		if w.Private {
			flags |= flagPrivate
		}
		list = append(list, waitv{value: uint64(w.Expected), addr: uint64(uintptr(unsafe.Pointer(w.Word))), flags: flags})
	}
	var until *timespec
	if timeout >= 0 {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return err
		}
		end := now.Nano() + timeout.Nanoseconds()
		until = &timespec{end / int64(time.Second), end % int64(time.Second)}
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)), 0,
		uintptr(unsafe.Pointer(until)), unix.CLOCK_MONOTONIC, 0)
	return woken(errno)
}
