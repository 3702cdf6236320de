package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func createSemaphore(attributes *SecurityAttributes, initialCount, maximumCount int32, name string) (Handle, error) {
	return made(kernel32.CreateSemaphore(attributes.linux(), name, initialCount, maximumCount, SEMAPHORE_ALL_ACCESS))
}

func createSemaphoreEx(attributes *SecurityAttributes, initialCount, maximumCount int32, name string, flags, asked uint32) (Handle, error) {
	if flags != 0 {
		return 0, ERROR_INVALID_PARAMETER
	}
	return made(kernel32.CreateSemaphore(attributes.linux(), name, initialCount, maximumCount, access.Mask(asked)))
}

func openSemaphore(asked uint32, inheritHandle bool, name string) (Handle, error) {
	return made(kernel32.OpenSemaphore(access.Mask(asked), inheritHandle, name))
}

func releaseSemaphore(semaphore Handle, releaseCount int32, previousCount *int32) error {
	previous, err := kernel32.ReleaseSemaphore(kernel32.Handle(semaphore), releaseCount)
	if err == nil && previousCount != nil {
		*previousCount = previous
	}
	return errno(err)
}
