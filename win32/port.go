package win32

// CreateIoCompletionPort makes a completion port: a queue of packets, which
// [PostQueuedCompletionStatus] puts in, or which tell what happens in a job (see
// [SetInformationJobObject]). file is [INVALID_HANDLE_VALUE] and existing 0; key and
// threads say nothing then. The handle is not inherited.
//
// On Linux no file has a port: files are read and written at once.
//
// # Errors
//
// [ERROR_NOT_SUPPORTED], on Linux: a file. [ERROR_INVALID_PARAMETER]: an existing port and
// no file.
//
// Source: https://learn.microsoft.com/windows/win32/fileio/createiocompletionport
func CreateIoCompletionPort(file, existing Handle, key uintptr, threads uint32) (port Handle, err error) {
	return createIoCompletionPort(file, existing, key, threads)
}

// GetQueuedCompletionStatus takes the oldest packet from a completion port. If there is
// none it blocks until one comes, the milliseconds are over ([INFINITE]: never) or the
// port is closed. Of several that wait who came last is served first. overlapped becomes
// 0 if there is no packet.
//
// A message about a job has its number in bytes ([JOB_OBJECT_MSG_NEW_PROCESS] …), the key
// of the association, and in overlapped the number of a process, or 0.
//
// What was done before a packet was posted is seen by who takes it.
//
// # Errors
//
// [WAIT_TIMEOUT]: none came. [ERROR_ABANDONED_WAIT_0]: the port was closed meanwhile.
// [ERROR_INVALID_HANDLE], [ERROR_ACCESS_DENIED].
//
// Source: https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatus
func GetQueuedCompletionStatus(port Handle, bytes *uint32, key, overlapped *uintptr, milliseconds uint32) (err error) {
	return getQueuedCompletionStatus(port, bytes, key, overlapped, milliseconds)
}

// PostQueuedCompletionStatus puts a packet into a completion port, with three numbers
// that mean what who takes it makes of them.
//
// # Errors
//
// [ERROR_INVALID_HANDLE], [ERROR_ACCESS_DENIED].
//
// Source: https://learn.microsoft.com/windows/win32/fileio/postqueuedcompletionstatus
func PostQueuedCompletionStatus(port Handle, bytes uint32, key, overlapped uintptr) (err error) {
	return postQueuedCompletionStatus(port, bytes, key, overlapped)
}
