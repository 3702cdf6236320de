package win32

// CreateJobObject creates a job without processes and limits, or opens the one that has
// the name. attributes nil: the creator alone, and no child inherits the handle. The
// handle has [JOB_OBJECT_ALL_ACCESS].
//
// On Linux a job is a control group where this process may make one, else its processes
// are kept together by this program, started again; docs/PLATFORMS.md says what differs.
//
// # Errors
//
// [ERROR_ALREADY_EXISTS], beside a valid handle: it was there. [ERROR_INVALID_HANDLE]:
// the name is that of an object of another type. [ERROR_ACCESS_DENIED],
// [ERROR_PATH_NOT_FOUND], [ERROR_INVALID_NAME], [ERROR_BAD_PATHNAME]: as all that create
// objects.
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-createjobobjectw
func CreateJobObject(attributes *SecurityAttributes, name string) (handle Handle, err error) {
	return createJobObject(attributes, name)
}

// OpenJobObject opens a job that exists, with the access asked for.
//
// # Errors
//
// [ERROR_FILE_NOT_FOUND]: there is none. [ERROR_INVALID_HANDLE]: the object is of another
// type. [ERROR_ACCESS_DENIED]: the access is not granted, or 0.
// [ERROR_INVALID_PARAMETER]: [NullName].
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-openjobobjectw
func OpenJobObject(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openJobObject(access, inheritHandle, name)
}

// AssignProcessToJobObject puts a process that runs into a job, for good. What it has
// started before stays where it is. If the process is in a job already this one becomes
// nested in that, with its first process. Where the job has as many processes as it may
// have, the process is ended. It needs [JOB_OBJECT_ASSIGN_PROCESS] of the job, and
// [PROCESS_SET_QUOTA] and [PROCESS_TERMINATE] of the process.
//
// On Linux it needs a control group: where none can be made only CreateProcess puts
// processes into jobs, by [PROC_THREAD_ATTRIBUTE_JOB_LIST].
//
// # Errors
//
// [ERROR_ACCESS_DENIED]: the process has ended; it is in another job, and this one had
// processes outside that; a right is missing. [ERROR_NOT_ENOUGH_QUOTA]: a limit; the
// process was ended. [ERROR_NOT_SUPPORTED]: there is no control group.
// [ERROR_INVALID_HANDLE].
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-assignprocesstojobobject
func AssignProcessToJobObject(job, process Handle) (err error) {
	return assignProcessToJobObject(job, process)
}

// TerminateJobObject ends all processes of a job, and of those nested in it, and signals
// it, for good. It needs [JOB_OBJECT_TERMINATE]. It returns when they run no more code of
// their own; on Windows it does not wait for that.
//
// On Linux code is told as that of [TerminateProcess] is.
//
// # Errors
//
// [ERROR_INVALID_HANDLE], [ERROR_ACCESS_DENIED].
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-terminatejobobject
func TerminateJobObject(job Handle, code uint32) (err error) {
	return terminateJobObject(job, code)
}

// IsProcessInJob says whether a process is in a job or one nested in it; job 0: in any
// job. It needs [PROCESS_QUERY_LIMITED_INFORMATION], and [JOB_OBJECT_QUERY] of the job.
// One that has ended was in the jobs that it is still said to be in; on Linux that is
// known of children of this process, of processes that it has put into jobs, and of those
// whose parent has not yet waited for them.
//
// # Errors
//
// [ERROR_INVALID_HANDLE], [ERROR_ACCESS_DENIED].
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi/nf-jobapi-isprocessinjob
func IsProcessInJob(process, job Handle, result *bool) (err error) {
	return isProcessInJob(process, job, result)
}

// SetInformationJobObject changes the limits of a job, for the processes that are in it,
// too, or gives it a completion port; class says which structure of how many bytes lies
// at information: [JOBOBJECT_BASIC_LIMIT_INFORMATION], [JOBOBJECT_EXTENDED_LIMIT_INFORMATION],
// [JOBOBJECT_END_OF_JOB_TIME_INFORMATION], [JOBOBJECT_BASIC_UI_RESTRICTIONS],
// [JOBOBJECT_ASSOCIATE_COMPLETION_PORT] or [JOBOBJECT_CPU_RATE_CONTROL_INFORMATION]. ret is 1
// if it succeeds. It needs [JOB_OBJECT_SET_ATTRIBUTES]; the port the
// right to modify it (0x2), which its maker has.
//
// On Linux there are no limits of working sets, scheduling classes and windows, no
// notifications and no rates but hard caps; docs/PLATFORMS.md says how exactly the
// others are kept. A port is told by this process, as long as it lives.
//
// # Errors
//
// [ERROR_INVALID_PARAMETER]: no such class; the structure means nothing; the job has a
// port already. [ERROR_BAD_LENGTH]. [ERROR_NOT_SUPPORTED]: Linux has no such limit, or
// not here. [ERROR_NOACCESS]: nothing can be read at information.
// [ERROR_INVALID_HANDLE], [ERROR_ACCESS_DENIED].
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-setinformationjobobject
//
//go:uintptrescapes
func SetInformationJobObject(job Handle, class uint32, information uintptr, length uint32) (ret int, err error) {
	return setInformationJobObject(job, class, information, length)
}

// QueryInformationJobObject tells about a job, 0: the innermost one that this process is
// in. class says which structure of how many bytes is filled in at information: those of
// [SetInformationJobObject] but for the port, [JOBOBJECT_BASIC_ACCOUNTING_INFORMATION],
// [JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION] or [JOBOBJECT_BASIC_PROCESS_ID_LIST], which may
// be longer. returned, unless nil, is how many bytes were. It needs [JOB_OBJECT_QUERY].
//
// On Linux TotalProcesses counts those that CreateProcess with a list of jobs and
// AssignProcessToJobObject brought in, and not what members start.
//
// # Errors
//
// [ERROR_MORE_DATA]: the list is too short for all processes; it has those that fit.
// [ERROR_BAD_LENGTH]: also of a list without room for one. [ERROR_INVALID_PARAMETER]: no
// such class. [ERROR_NOT_SUPPORTED]: Linux has nothing of the kind.
// [ERROR_ACCESS_DENIED]: this process is in no job; a right is missing.
// [ERROR_NOACCESS], [ERROR_INVALID_HANDLE].
//
// Source: https://learn.microsoft.com/windows/win32/api/jobapi2/nf-jobapi2-queryinformationjobobject
//
//go:uintptrescapes
func QueryInformationJobObject(job Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) {
	return queryInformationJobObject(job, class, information, length, returned)
}
