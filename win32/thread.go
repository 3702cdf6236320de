package win32

// SleepEx sleeps for so many milliseconds, [INFINITE]: for ever, and returns 0. If it is
// alertable it ends with APCs, as [WaitForSingleObjectEx] does, and returns
// WAIT_IO_COMPLETION.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-sleepex
func SleepEx(milliseconds uint32, alertable bool) (ret uint32) {
	return sleepEx(milliseconds, alertable)
}

// QueueUserAPC queues a function to a thread, which calls it with data in its next
// alertable wait, behind what was queued before. It blocks for nothing. What was done
// before is seen by the function. If the thread ends first the function is never called.
//
// The thread is one of the operating system's: a goroutine that waits for APCs is locked
// to its own (runtime.LockOSThread).
//
// # Errors
//
// ERROR_GEN_FAILURE: the thread has ended. ERROR_INVALID_HANDLE: no such handle, or of
// another type. ERROR_ACCESS_DENIED: it has no THREAD_SET_CONTEXT. On Linux:
// ERROR_INVALID_PARAMETER: apc was not made by [NewAPCProc]. ERROR_NOT_SUPPORTED: the
// thread is another process's, which cannot be made to call a function.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-queueuserapc
func QueueUserAPC(apc APCProc, thread Handle, data uintptr) (err error) {
	return queueUserAPC(apc, thread, data)
}

// NewAPCProc makes an APC of a Go function, for [QueueUserAPC]. It lasts as long as the
// process, and Windows has room for some thousand of such functions: make one for each
// purpose, not for each call.
func NewAPCProc(apc func(data uintptr)) APCProc {
	return newAPCProc(apc)
}

// GetCurrentThread returns the pseudo-handle of the calling thread, which may do
// everything, and means another thread wherever it is used. [DuplicateHandle] makes a
// handle of it that others can use.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentthread
func GetCurrentThread() (pseudoHandle Handle) {
	return getCurrentThread()
}

// GetCurrentThreadId returns the number of the calling thread, which no other thread of
// the system has until it ends.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentthreadid
func GetCurrentThreadId() (id uint32) {
	return getCurrentThreadId()
}

// OpenThread opens the thread that has the number now. The handle can be waited for, with
// SYNCHRONIZE: it is signaled when the thread has ended. What the thread left, it has
// abandoned by then, if it was of this process. It blocks for nothing.
//
// On Linux the first thread of a Go program ends with the process only.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: no thread has the number. ERROR_ACCESS_DENIED: the thread is
// another user's, which leaves SYNCHRONIZE and THREAD_QUERY_LIMITED_INFORMATION; or the
// access is 0, or has bits that mean nothing. On Linux: ERROR_TOO_MANY_OPEN_FILES.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-openthread
func OpenThread(access uint32, inheritHandle bool, threadID uint32) (handle Handle, err error) {
	return openThread(access, inheritHandle, threadID)
}
