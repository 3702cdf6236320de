package win32

// CloseHandle closes a handle.
func CloseHandle(handle Handle) (err error) {
	return closeHandle(handle)
}

// DuplicateHandle makes another handle of an object, in this process or another.
func DuplicateHandle(sourceProcess, source, targetProcess Handle, target *Handle, access uint32, inheritHandle bool, options uint32) (err error) {
	return duplicateHandle(sourceProcess, source, targetProcess, target, access, inheritHandle, options)
}

// GetHandleInformation tells the flags of a handle.
func GetHandleInformation(handle Handle, flags *uint32) (err error) {
	return getHandleInformation(handle, flags)
}

// SetHandleInformation sets the flags of a handle.
func SetHandleInformation(handle Handle, mask, flags uint32) (err error) {
	return setHandleInformation(handle, mask, flags)
}

// CompareObjectHandles says whether two handles lead to one object.
func CompareObjectHandles(first, second Handle) (err error) {
	return compareObjectHandles(first, second)
}

// NtQueryObject tells what the system knows of a handle.
//
//go:uintptrescapes
func NtQueryObject(handle Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) {
	return ntQueryObject(handle, class, information, length, returned)
}
