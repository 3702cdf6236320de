package win32

// CreateIoCompletionPort makes a completion port.
func CreateIoCompletionPort(file, existing Handle, key uintptr, threads uint32) (port Handle, err error) {
	return createIoCompletionPort(file, existing, key, threads)
}

// GetQueuedCompletionStatus takes a message from a completion port, or waits for one.
func GetQueuedCompletionStatus(port Handle, bytes *uint32, key, overlapped *uintptr, milliseconds uint32) (err error) {
	return getQueuedCompletionStatus(port, bytes, key, overlapped, milliseconds)
}

// PostQueuedCompletionStatus puts a message into a completion port.
func PostQueuedCompletionStatus(port Handle, bytes uint32, key, overlapped uintptr) (err error) {
	return postQueuedCompletionStatus(port, bytes, key, overlapped)
}
