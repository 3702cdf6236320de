package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func createMutex(attributes *SecurityAttributes, initialOwner bool, name string) (Handle, error) {
	return made(kernel32.CreateMutex(attributes.linux(), name, initialOwner, MUTEX_ALL_ACCESS))
}

func createMutexEx(attributes *SecurityAttributes, name string, flags, asked uint32) (Handle, error) {
	if flags&^CREATE_MUTEX_INITIAL_OWNER != 0 {
		return 0, ERROR_INVALID_PARAMETER
	}
	return made(kernel32.CreateMutex(attributes.linux(), name, flags&CREATE_MUTEX_INITIAL_OWNER != 0, access.Mask(asked)))
}

func openMutex(asked uint32, inheritHandle bool, name string) (Handle, error) {
	return made(kernel32.OpenMutex(access.Mask(asked), inheritHandle, name))
}

func releaseMutex(mutex Handle) error { return errno(kernel32.ReleaseMutex(kernel32.Handle(mutex))) }
