package win32

// CreateSemaphore creates a semaphore with a count of initialCount, which can be
// maximumCount at the most, or opens the one that has the name; then the handle comes
// with ERROR_ALREADY_EXISTS, and attributes' descriptor counts for nothing, nor do the
// counts, which must make sense all the same. "" and [NullName] are no name. The handle
// may do everything (SEMAPHORE_ALL_ACCESS); an existing semaphore must allow that. It
// blocks for nothing.
//
// A semaphore is signaled while its count is above 0; a wait that it ends takes 1. It
// has no owner: whoever took of it and ends gives nothing back.
//
// What was written before a release is seen by whoever takes of the count after it.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: not 0 ≤ initialCount ≤ maximumCount, or maximumCount below 1.
// ERROR_INVALID_HANDLE: the name belongs to another type of object.
// ERROR_ACCESS_DENIED: the semaphore may not be opened so. ERROR_PATH_NOT_FOUND,
// ERROR_INVALID_NAME: no such name can be. ERROR_NO_SYSTEM_RESOURCES and others: out of
// memory, descriptors or handles.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createsemaphorew
func CreateSemaphore(attributes *SecurityAttributes, initialCount, maximumCount int32, name string) (handle Handle, err error) {
	return createSemaphore(attributes, initialCount, maximumCount, name)
}

// CreateSemaphoreEx is [CreateSemaphore] with the access that the handle is to have.
// flags must be 0.
//
// # Errors
//
// As CreateSemaphore. ERROR_INVALID_PARAMETER: a flag. ERROR_PRIVILEGE_NOT_HELD:
// ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createsemaphoreexw
func CreateSemaphoreEx(attributes *SecurityAttributes, initialCount, maximumCount int32, name string, flags, access uint32) (handle Handle, err error) {
	return createSemaphoreEx(attributes, initialCount, maximumCount, name, flags, access)
}

// OpenSemaphore opens a semaphore that exists, with the access asked for. To wait needs
// SYNCHRONIZE, which GENERIC_EXECUTE and GENERIC_ALL bring; to release needs
// SEMAPHORE_MODIFY_STATE. It blocks for nothing.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND: nobody has a handle of an object of this name.
// ERROR_INVALID_HANDLE: it is of another type; or the name is "". ERROR_INVALID_PARAMETER:
// the name is NULL. ERROR_ACCESS_DENIED: the access cannot be had, or has bits that mean
// nothing for a semaphore. ERROR_PRIVILEGE_NOT_HELD: ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-opensemaphorew
func OpenSemaphore(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openSemaphore(access, inheritHandle, name)
}

// ReleaseSemaphore adds releaseCount to the count, which releases as many as wait at the
// most, and tells in previousCount, if it is not nil, what the count was before. It
// blocks for nothing, on Linux for ten seconds at the most if another process was
// stopped while it changed the semaphore.
//
// # Errors
//
// Then nothing is changed, nor previousCount. ERROR_TOO_MANY_POSTS: the count would pass
// its maximum. ERROR_INVALID_PARAMETER: releaseCount is below 1. ERROR_ACCESS_DENIED:
// the handle has no SEMAPHORE_MODIFY_STATE. ERROR_INVALID_HANDLE: no such handle, or of
// another type. On Linux: ERROR_BUSY: the other process is still stopped.
// ERROR_FILE_CORRUPT: some process wrote over it.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-releasesemaphore
func ReleaseSemaphore(semaphore Handle, releaseCount int32, previousCount *int32) (err error) {
	return releaseSemaphore(semaphore, releaseCount, previousCount)
}
