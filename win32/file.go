package win32

// CreateFile opens or creates a file.
func CreateFile(name string, access, mode uint32, attributes *SecurityAttributes, createMode, flags uint32, template Handle) (handle Handle, err error) {
	return createFile(name, access, mode, attributes, createMode, flags, template)
}

// ReadFile reads from a file.
func ReadFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) {
	return readFile(file, buffer, done, overlapped)
}

// WriteFile writes to a file.
func WriteFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) {
	return writeFile(file, buffer, done, overlapped)
}

// GetFileSizeEx tells the size of a file.
func GetFileSizeEx(file Handle, size *int64) (err error) {
	return getFileSizeEx(file, size)
}

// SetFilePointerEx moves the position of a file.
func SetFilePointerEx(file Handle, distance int64, newPosition *int64, whence uint32) (err error) {
	return setFilePointerEx(file, distance, newPosition, whence)
}

// SetEndOfFile makes a file end at its position.
func SetEndOfFile(file Handle) (err error) {
	return setEndOfFile(file)
}

// FlushFileBuffers writes a file to its device.
func FlushFileBuffers(file Handle) (err error) {
	return flushFileBuffers(file)
}

// SetFileInformationByHandle changes what a file is like.
//
//go:uintptrescapes
func SetFileInformationByHandle(file Handle, class uint32, information uintptr, length uint32) (err error) {
	return setFileInformationByHandle(file, class, information, length)
}

// DeleteFile deletes a file.
func DeleteFile(name string) (err error) {
	return deleteFile(name)
}

// MoveFile renames a file.
func MoveFile(from, to string) (err error) {
	return moveFile(from, to)
}

// CopyFile copies a file.
func CopyFile(from, to string, failIfExists bool) (err error) {
	return copyFile(from, to, failIfExists)
}
