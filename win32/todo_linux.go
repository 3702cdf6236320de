package win32

func createJobObject(attributes *SecurityAttributes, name string) (handle Handle, err error) {
	return 0, errTodo
}

func openJobObject(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return 0, errTodo
}

func assignProcessToJobObject(job, process Handle) (err error) { return errTodo }

func terminateJobObject(job Handle, code uint32) (err error) { return errTodo }

func isProcessInJob(process, job Handle, result *bool) (err error) { return errTodo }

func setInformationJobObject(job Handle, class uint32, information uintptr, length uint32) (ret int, err error) {
	return 0, errTodo
}

func queryInformationJobObject(job Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) {
	return errTodo
}

func createIoCompletionPort(file, existing Handle, key uintptr, threads uint32) (port Handle, err error) {
	return 0, errTodo
}

func getQueuedCompletionStatus(port Handle, bytes *uint32, key, overlapped *uintptr, milliseconds uint32) (err error) {
	return errTodo
}

func postQueuedCompletionStatus(port Handle, bytes uint32, key, overlapped uintptr) (err error) {
	return errTodo
}

const errTodo = Errno(120)
