package win32

// CreateJobObject creates a job, or opens the one that has the name.
func CreateJobObject(attributes *SecurityAttributes, name string) (handle Handle, err error) {
	return createJobObject(attributes, name)
}

// OpenJobObject opens a job that exists.
func OpenJobObject(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openJobObject(access, inheritHandle, name)
}

// AssignProcessToJobObject puts a process into a job.
func AssignProcessToJobObject(job, process Handle) (err error) {
	return assignProcessToJobObject(job, process)
}

// TerminateJobObject ends all processes of a job.
func TerminateJobObject(job Handle, code uint32) (err error) {
	return terminateJobObject(job, code)
}

// IsProcessInJob says whether a process is in a job.
func IsProcessInJob(process, job Handle, result *bool) (err error) {
	return isProcessInJob(process, job, result)
}

// SetInformationJobObject sets the limits of a job.
//
//go:uintptrescapes
func SetInformationJobObject(job Handle, class uint32, information uintptr, length uint32) (ret int, err error) {
	return setInformationJobObject(job, class, information, length)
}

// QueryInformationJobObject tells about a job.
//
//go:uintptrescapes
func QueryInformationJobObject(job Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) {
	return queryInformationJobObject(job, class, information, length, returned)
}
