package win32

// WaitForSingleObject waits until the object is signaled, for so many milliseconds at the
// most; [INFINITE]: for ever. 0 never blocks, but takes the object if it is there. It
// returns:
//
//   - WAIT_OBJECT_0: the object was signaled, and has been taken: the calling thread owns
//     a mutex, an auto-reset event or timer is nonsignaled, a semaphore's count is one
//     less;
//   - WAIT_ABANDONED: so it was with a mutex whose owner ended without releasing it: what
//     it protects may be torn;
//   - WAIT_TIMEOUT: the time is over, nothing was taken, and there is no error;
//   - WAIT_FAILED, with an error.
//
// Processes and threads are signaled when they have ended, jobs when they have been
// terminated; what has no signal, as a file or a section, always is. The pseudo-handles of
// [GetCurrentProcess] and [GetCurrentThread] can be waited for. Neither the time that the
// machine sleeps counts, nor does setting the clock matter. A handle that is closed
// meanwhile does not end the wait.
//
// What was done before the object was signaled is seen after the wait.
//
// On Linux a wait blocks no other goroutine. The end of a thread is noticed at once from
// Linux 6.9 on, before within a tenth of a second.
//
// # Errors
//
// ERROR_INVALID_HANDLE: no such handle. ERROR_ACCESS_DENIED: it has no SYNCHRONIZE.
// ERROR_MUTANT_LIMIT_EXCEEDED: the thread owns the mutex 2^31+1 times. On Linux:
// ERROR_BUSY: another process is stopped, or cannot be asked whether it lives, and only it
// can end the wait. ERROR_FILE_CORRUPT: some process wrote over the object.
// ERROR_TOO_MANY_OPEN_FILES: there is no descriptor left for a thread that uses a mutex or
// waits alertably for the first time.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject
func WaitForSingleObject(handle Handle, milliseconds uint32) (event uint32, err error) {
	return waitForSingleObject(handle, milliseconds)
}

// WaitForSingleObjectEx is [WaitForSingleObject], and if it is alertable also ends when
// something has been queued to the calling thread by [QueueUserAPC] or a timer's routine:
// all that is queued is run, in order, and what they queue, too; then it returns
// WAIT_IO_COMPLETION, and has taken nothing. An object that is signaled already is taken
// without that, and what is queued stays so.
//
// On Linux the same holds for an object that becomes signaled at about the time at which
// something is queued: nothing is lost, but either may come first.
//
// # Errors
//
// As WaitForSingleObject.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobjectex
func WaitForSingleObjectEx(handle Handle, milliseconds uint32, alertable bool) (event uint32, err error) {
	return waitForSingleObjectEx(handle, milliseconds, alertable)
}

// WaitForMultipleObjects waits for one of up to [MAXIMUM_WAIT_OBJECTS] objects, or, with
// waitAll, until all of them are signaled at one instant, and takes it or them as
// [WaitForSingleObject] does. It returns WAIT_OBJECT_0 plus the index of what it took, the
// lowest if several were signaled; or WAIT_ABANDONED_0 plus the index. Of a wait for all
// that is WAIT_OBJECT_0, or WAIT_ABANDONED_0 if one of the mutexes was abandoned.
//
// A wait for one may name an object twice. A wait for all takes nothing until it can take
// all; until then others may take any of them. Pseudo-handles cannot be waited for so.
//
// On Linux a wait for all that does not look at the very moment is not released by an event
// that is pulsed, or set and reset; and what lies partly in a private namespace must be
// global for the other part.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: no handles, or too many; or, for all, two handles of one object.
// Of the first handle that is wrong: ERROR_INVALID_HANDLE, ERROR_ACCESS_DENIED: as
// WaitForSingleObject; nothing has been taken then. ERROR_NOT_SUPPORTED (on Linux): objects
// of several namespaces. And as WaitForSingleObject.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjects
func WaitForMultipleObjects(handles []Handle, waitAll bool, milliseconds uint32) (event uint32, err error) {
	return waitForMultipleObjects(handles, waitAll, milliseconds)
}

// WaitForMultipleObjectsEx is [WaitForMultipleObjects], alertable as
// [WaitForSingleObjectEx] is.
//
// # Errors
//
// As WaitForMultipleObjects.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjectsex
func WaitForMultipleObjectsEx(handles []Handle, waitAll bool, milliseconds uint32, alertable bool) (event uint32, err error) {
	return waitForMultipleObjectsEx(handles, waitAll, milliseconds, alertable)
}

// SignalObjectAndWait sets an event, releases a mutex or releases a semaphore by one, and
// waits for another object as [WaitForSingleObjectEx] does. The signal stays given whatever
// becomes of the wait. Others may see it before the wait begins to sleep, but on Linux the
// wait has begun before the signal: a pulse that the signal sets off releases it. Both may
// be one auto-reset event: the wait takes the signal.
//
// # Errors
//
// All are found before anything is signaled. ERROR_INVALID_HANDLE: one of the handles is
// none, or objectToSignal is of another type. ERROR_ACCESS_DENIED: objectToSignal has no
// EVENT_MODIFY_STATE or SEMAPHORE_MODIFY_STATE, or the other no SYNCHRONIZE.
// ERROR_TOO_MANY_POSTS: the semaphore is at its maximum. ERROR_NOT_OWNER: the calling
// thread does not own the mutex. And as WaitForSingleObject.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-signalobjectandwait
func SignalObjectAndWait(objectToSignal, objectToWaitOn Handle, milliseconds uint32, alertable bool) (event uint32, err error) {
	return signalObjectAndWait(objectToSignal, objectToWaitOn, milliseconds, alertable)
}
