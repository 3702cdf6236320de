package win32

// CreateSemaphore creates a semaphore, or opens the one that has the name.
func CreateSemaphore(attributes *SecurityAttributes, initialCount, maximumCount int32, name string) (handle Handle, err error) {
	return createSemaphore(attributes, initialCount, maximumCount, name)
}

// CreateSemaphoreEx is CreateSemaphore with the access asked for.
func CreateSemaphoreEx(attributes *SecurityAttributes, initialCount, maximumCount int32, name string, flags, access uint32) (handle Handle, err error) {
	return createSemaphoreEx(attributes, initialCount, maximumCount, name, flags, access)
}

// OpenSemaphore opens a semaphore that exists.
func OpenSemaphore(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openSemaphore(access, inheritHandle, name)
}

// ReleaseSemaphore adds to the count of a semaphore.
func ReleaseSemaphore(semaphore Handle, releaseCount int32, previousCount *int32) (err error) {
	return releaseSemaphore(semaphore, releaseCount, previousCount)
}
