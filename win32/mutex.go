package win32

// CreateMutex creates a mutex, or opens the one that has the name; then the handle
// comes with ERROR_ALREADY_EXISTS, and attributes' descriptor and initialOwner count
// for nothing. initialOwner: the calling thread owns the new mutex, once. "" and
// [NullName] are no name. The handle may do everything (MUTEX_ALL_ACCESS); an existing
// mutex must allow that. It blocks for nothing.
//
// A mutex belongs to a thread of the operating system: lock the goroutine to its own
// (runtime.LockOSThread) from before it takes the mutex until it has released it. Whoever
// owns it gets it again without waiting, through any handle, and must release it as
// often. A thread that ends, or whose process ends, however it does, abandons all that
// it owns: the next owner's wait returns WAIT_ABANDONED, once. Closing a handle
// releases nothing.
//
// What a thread wrote before it released the mutex, or ended, is seen by the next owner.
//
// On Linux a goroutine that is locked to the first thread of the process leaves it
// asleep when it ends, so that what it owned stays owned; one that returns from main
// ends the process. Handles of package atoll and threads can own the same mutex in turn.
//
// # Errors
//
// ERROR_INVALID_HANDLE: the name belongs to another type of object.
// ERROR_ACCESS_DENIED: the mutex may not be opened so. ERROR_PATH_NOT_FOUND,
// ERROR_INVALID_NAME: no such name can be. ERROR_NO_SYSTEM_RESOURCES and others: out of
// memory, descriptors or handles.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createmutexw
func CreateMutex(attributes *SecurityAttributes, initialOwner bool, name string) (handle Handle, err error) {
	return createMutex(attributes, initialOwner, name)
}

// CreateMutexEx is [CreateMutex] with the access that the handle is to have. flags is
// CREATE_MUTEX_INITIAL_OWNER or 0.
//
// # Errors
//
// As CreateMutex. ERROR_INVALID_PARAMETER: another flag. ERROR_PRIVILEGE_NOT_HELD:
// ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createmutexexw
func CreateMutexEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return createMutexEx(attributes, name, flags, access)
}

// OpenMutex opens a mutex that exists, with the access asked for. To wait needs
// SYNCHRONIZE, which GENERIC_EXECUTE and GENERIC_ALL bring; to release needs nothing. It
// blocks for nothing.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND: nobody has a handle of an object of this name.
// ERROR_INVALID_HANDLE: it is of another type; or the name is "". ERROR_INVALID_PARAMETER:
// the name is NULL. ERROR_ACCESS_DENIED: the access cannot be had, or has bits that mean
// nothing for a mutex. ERROR_PRIVILEGE_NOT_HELD: ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openmutexw
func OpenMutex(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openMutex(access, inheritHandle, name)
}

// ReleaseMutex gives back one level of what the calling thread owns, through whatever
// handle of the mutex, and needs no right. With the last level the mutex is free, and one
// who waits gets it. It blocks for nothing, on Linux for ten seconds at the most if
// another process was stopped while it changed the mutex.
//
// # Errors
//
// ERROR_NOT_OWNER: the calling thread does not own it. ERROR_INVALID_HANDLE: no such
// handle, or of another type. On Linux: ERROR_BUSY: the other process is still stopped,
// and the thread still owns it. ERROR_FILE_CORRUPT: some process wrote over it.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-releasemutex
func ReleaseMutex(mutex Handle) (err error) {
	return releaseMutex(mutex)
}
