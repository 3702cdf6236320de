//go:build linux

package futex

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Word is a futex word. Shared words lie in mapped files, private ones anywhere.
type Word = atomic.Uint32

// futex(2) operations and their encodings.
const (
	opWait        = 0
	opWake        = 1
	opWakeOp      = 5
	opPrivate     = 128
	wakeOpSet     = 0  // FUTEX_OP_SET
	wakeOpArg     = 28 // shift of the operation
	wakeOpCmp     = 24 // shift of the comparison
	wakeOpNotZero = 1  // FUTEX_OP_CMP_NE, compared with 0
	all           = math.MaxInt32
)

// Wait sleeps while *w == expected, until a wake, or timeout if that is not
// negative. It may return without either: the caller looks at the word again.
//
// # Errors, all turned into a plain return because the caller looks again
//
// EAGAIN: the word had another value. ETIMEDOUT. EINTR: a signal, also Go's own.
//
// # Errors that are returned
//
// EFAULT: the word is not mapped, or its file was truncated. ENOSYS, EPERM: the
// call is forbidden here.
func Wait(w *Word, expected uint32, timeout time.Duration) error {
	var ts *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(timeout.Nanoseconds())
		ts = &t
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), opWait, uintptr(expected),
		uintptr(unsafe.Pointer(ts)), 0, 0)
	return woken(errno)
}

// woken sorts the errors of a wait into those that mean "look again" (nil) and
// the others.
func woken(errno unix.Errno) error {
	switch errno {
	case 0, unix.EAGAIN, unix.ETIMEDOUT, unix.EINTR:
		return nil
	}
	return errno
}

// Wake wakes everybody who sleeps on a shared word. It cannot fail but for a
// word that is not mapped; then nobody can be asleep on it.
func Wake(w *Word) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), opWake, all, 0, 0, 0)
}

// WakePrivate is Wake for a word of this process that is not in a file.
func WakePrivate(w *Word) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), opWake|opPrivate, all, 0, 0, 0)
}

// OpenAndWake stores 0 in gate and wakes everybody who sleeps on word, and
// everybody on gate if it was not 0: all in one call (FUTEX_WAKE_OP), so that
// no kill falls between the store and the wake.
//
// # Errors
//
// EFAULT: the words are not mapped, or their file was truncated.
func OpenAndWake(word, gate *Word) error {
	const op = wakeOpSet<<wakeOpArg | wakeOpNotZero<<wakeOpCmp
	_, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), opWakeOp, all, all,
		uintptr(unsafe.Pointer(gate)), op)
	if errno != 0 {
		return errno
	}
	return nil
}

// Yield lets those run first who wait for the processor. It does not give the Go
// scheduler this thread's place: whoever yields is to go on as soon as it can.
func Yield() {
	_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // cannot fail
}
