package win32

// CreateWaitableTimer creates a waitable timer, or opens the one that has the name; then
// the handle comes with ERROR_ALREADY_EXISTS, and attributes' descriptor and manualReset
// count for nothing. "" and [NullName] are no name. The handle may do everything
// (TIMER_ALL_ACCESS); an existing timer must allow that. It blocks for nothing.
//
// A new timer is inactive and not signaled. manualReset: once it is due it stays signaled
// until it is set again, and ends all waits. Otherwise it ends one wait, which takes its
// signal.
//
// # Errors
//
// ERROR_INVALID_HANDLE: the name belongs to another type of object.
// ERROR_ACCESS_DENIED: the timer may not be opened so. ERROR_PATH_NOT_FOUND,
// ERROR_INVALID_NAME: no such name can be. ERROR_NO_SYSTEM_RESOURCES and others: out of
// memory, descriptors or handles.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createwaitabletimerw
func CreateWaitableTimer(attributes *SecurityAttributes, manualReset bool, name string) (handle Handle, err error) {
	return createWaitableTimer(attributes, manualReset, name)
}

// CreateWaitableTimerEx is [CreateWaitableTimer] with the access that the handle is to
// have. flags can be CREATE_WAITABLE_TIMER_MANUAL_RESET and, on Linux without effect,
// because all are, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION.
//
// # Errors
//
// As CreateWaitableTimer. ERROR_INVALID_PARAMETER: another flag.
// ERROR_PRIVILEGE_NOT_HELD: ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createwaitabletimerexw
func CreateWaitableTimerEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return createWaitableTimerEx(attributes, name, flags, access)
}

// OpenWaitableTimer opens a timer that exists, with the access asked for. To wait needs
// SYNCHRONIZE, to set and to cancel TIMER_MODIFY_STATE. It blocks for nothing, and changes
// nothing of the timer.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND: nobody has a handle of an object of this name.
// ERROR_INVALID_HANDLE: it is of another type; or the name is "". ERROR_INVALID_PARAMETER:
// the name is NULL. ERROR_ACCESS_DENIED: the access cannot be had, or has bits that mean
// nothing for a timer. ERROR_PRIVILEGE_NOT_HELD: ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openwaitabletimerw
func OpenWaitableTimer(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openWaitableTimer(access, inheritHandle, name)
}

// SetWaitableTimer makes a timer due, and takes its signal away until then. dueTime counts
// 100 ns: a time of day since 1601 (UTC), which follows the clock, or, if it is negative,
// from now, whatever becomes of the clock. What is past is due at once. With a period, in
// milliseconds, a timer is due again each period: one that is auto-reset is signaled again,
// once, however many periods nobody waited. Who waits for the timer goes on waiting. It
// blocks for nothing, on Linux for a few seconds at the most if another process was stopped
// while it changed the timer.
//
// routine, if not 0, is called each time that the timer becomes due, with argument and the
// time as two halves of a FILETIME, by the thread that calls SetWaitableTimer, in an
// alertable wait; a call that still waits for that stands for those that come meanwhile.
// Setting the timer anew, in whatever process, or canceling it takes the call back. If the
// thread ends, the timer is canceled. The goroutine is locked to its thread
// (runtime.LockOSThread).
//
// resume: the machine is to wake up. Linux does not, as a machine under Windows that
// cannot, whose answer is success with ERROR_NOT_SUPPORTED as the last error; a call that
// succeeds returns no error here, on both.
//
// On Linux the routine also ends with the process's last handle of the timer, even if
// other processes have some; and a process that is killed cancels nothing.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: dueTime is nil, period is negative, or (on Linux) routine was
// not made by [NewTimerAPCRoutine]. ERROR_ACCESS_DENIED: the handle has no
// TIMER_MODIFY_STATE. ERROR_INVALID_HANDLE: no such handle, or of another type. On Linux:
// ERROR_TOO_MANY_OPEN_FILES: there is no descriptor left for the routine's clock.
// ERROR_BUSY: the other process is still stopped. ERROR_FILE_CORRUPT: some process wrote
// over the timer.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setwaitabletimer
func SetWaitableTimer(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, resume bool) (err error) {
	return setWaitableTimer(timer, dueTime, period, routine, argument, resume)
}

// SetWaitableTimerEx is [SetWaitableTimer] for a timer that may be late by so many
// milliseconds, which Linux makes no use of, and that wakes the machine if there is a
// wakeContext, which Linux does not.
//
// # Errors
//
// As SetWaitableTimer.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setwaitabletimerex
func SetWaitableTimerEx(timer Handle, dueTime *int64, period int32, routine TimerAPCRoutine, argument uintptr, wakeContext *ReasonContext, tolerableDelay uint32) (err error) {
	return setWaitableTimerEx(timer, dueTime, period, routine, argument, wakeContext, tolerableDelay)
}

// CancelWaitableTimer makes a timer inactive, and takes back the call of its routine. What
// is signaled stays so, and who waits goes on waiting. It blocks as [SetWaitableTimer].
//
// # Errors
//
// ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE, ERROR_BUSY, ERROR_FILE_CORRUPT: as
// SetWaitableTimer.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-cancelwaitabletimer
func CancelWaitableTimer(timer Handle) (err error) {
	return cancelWaitableTimer(timer)
}

// NewTimerAPCRoutine makes a completion routine of a Go function, for [SetWaitableTimer].
// It lasts as long as the process, and Windows has room for some thousand of such
// functions: make one for each purpose, not for each call.
func NewTimerAPCRoutine(routine func(argument uintptr, timeLow, timeHigh uint32)) TimerAPCRoutine {
	return newTimerAPCRoutine(routine)
}
