package win32

// CreateMutex creates a mutex, or opens the one that has the name.
func CreateMutex(attributes *SecurityAttributes, initialOwner bool, name string) (handle Handle, err error) {
	return createMutex(attributes, initialOwner, name)
}

// CreateMutexEx is CreateMutex with the access asked for.
func CreateMutexEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return createMutexEx(attributes, name, flags, access)
}

// OpenMutex opens a mutex that exists.
func OpenMutex(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openMutex(access, inheritHandle, name)
}

// ReleaseMutex gives one level of ownership back.
func ReleaseMutex(mutex Handle) (err error) {
	return releaseMutex(mutex)
}
