package win32

// CreateProcess starts a program, and gives two handles in information: of the process
// and of its first thread. Both must be closed; the process runs on.
//
// application is the program's file, as an absolute path or one from the current
// directory. If it is "" the program is the first word of commandLine: a path if that
// has a slash, else a name that is searched for in the PATH of the calling process.
// The arguments of the new program are those that commandLine means by the rules of
// Microsoft's C runtime; if it is "" the application is the only one. environment has a
// "NAME=value" for each variable, nil is the caller's. directory is the current
// directory of the new process, "" the caller's. startup may be the StartupInfo of a
// [StartupInfoEx] if flags has [EXTENDED_STARTUPINFO_PRESENT]; nil is one of zeros.
//
// If inheritHandles is true the new process has a handle for each inheritable one of
// this process: with the same value, access and flags, of whatever type. With an
// attribute [PROC_THREAD_ATTRIBUTE_HANDLE_LIST] it has only those listed. The handles
// are the child's from its birth, and keep their objects until it closes them or ends,
// whether it calls this package or not. Ownership of mutexes is not inherited, nor are
// views. Standard input, output and error are this process's, or with
// [STARTF_USESTDHANDLES] the files that startup has, of which 0 is none.
//
// Flags: [CREATE_BREAKAWAY_FROM_JOB], [EXTENDED_STARTUPINFO_PRESENT];
// [CREATE_NEW_PROCESS_GROUP] makes a group of processes, [DETACHED_PROCESS] a session,
// on Linux. [CREATE_UNICODE_ENVIRONMENT], [CREATE_NO_WINDOW] and [CREATE_NEW_CONSOLE]
// mean nothing there.
//
// On Linux the child's status is taken by this package: the program must not wait for
// all of its children (wait4 with -1); it may for those of os/exec. A name is not
// given an extension, and a name with a blank must be quoted: Windows tries what is
// before each blank. A process in a job starts others in the job.
//
// # Errors
//
// [ERROR_FILE_NOT_FOUND], [ERROR_PATH_NOT_FOUND]: there is no such program, or no such
// folder that it would be in. [ERROR_DIRECTORY]: directory is none. [ERROR_ACCESS_DENIED]:
// it cannot be executed by this user; or CREATE_BREAKAWAY_FROM_JOB, and the job does not
// allow it; or the jobs listed cannot be nested. [ERROR_BAD_EXE_FORMAT]: it is no
// program. [ERROR_INVALID_PARAMETER]: a handle of the list is not inheritable, or
// inheritHandles is false beside a list; information is nil. [ERROR_INVALID_HANDLE]: a
// handle of the list, a job or a standard handle is none. [ERROR_FILENAME_EXCED_RANGE]:
// the command line and the environment are too long. [ERROR_NOT_SUPPORTED], on Linux:
// [CREATE_SUSPENDED].
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw
func CreateProcess(application, commandLine string, processAttributes, threadAttributes *SecurityAttributes, inheritHandles bool, flags uint32, environment []string, directory string, startup *StartupInfo, information *ProcessInformation) (err error) {
	return createProcess(application, commandLine, processAttributes, threadAttributes, inheritHandles, flags, environment, directory, startup, information)
}

// NewProcThreadAttributeList makes a list of up to maximum attributes for
// [CreateProcess]. Its method Update sets one, from memory that must stay as it is until
// the list is used: [PROC_THREAD_ATTRIBUTE_HANDLE_LIST] and
// [PROC_THREAD_ATTRIBUTE_JOB_LIST] are arrays of handles. Its method List is what
// [StartupInfoEx] takes, and Delete ends it.
//
// # Errors
//
// Of Update: [ERROR_BAD_LENGTH]: the size is 0 or no multiple of a handle's.
// [ERROR_NOT_SUPPORTED]: there is no such attribute, or not on Linux.
// [ERROR_GEN_FAILURE]: there are maximum attributes already.
// [ERROR_OBJECT_NAME_EXISTS]: this one is there already.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-updateprocthreadattribute
func NewProcThreadAttributeList(maximum uint32) (list *ProcThreadAttributeListContainer, err error) {
	return newProcThreadAttributeList(maximum)
}

// OpenProcess opens a process that runs, or that has ended and is still known, because
// this process has a handle to it or, on Linux, its parent has not waited for it. A
// handle with SYNCHRONIZE can be waited for: it is signaled when the process has ended.
//
// On Linux who may send the process signals gets any access; everybody else
// [PROCESS_QUERY_LIMITED_INFORMATION] and [SYNCHRONIZE].
//
// # Errors
//
// [ERROR_INVALID_PARAMETER]: there is no such process. [ERROR_ACCESS_DENIED]: it is
// another user's, or access is 0 or has bits that processes do not know.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-openprocess
func OpenProcess(access uint32, inheritHandle bool, processID uint32) (handle Handle, err error) {
	return openProcess(access, inheritHandle, processID)
}

// GetCurrentProcess returns the pseudo-handle of the calling process, which has all
// rights and need not be closed.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentprocess
func GetCurrentProcess() (pseudoHandle Handle) {
	return getCurrentProcess()
}

// GetCurrentProcessId returns the number of the calling process.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentprocessid
func GetCurrentProcessId() (id uint32) {
	return getCurrentProcessId()
}

// GetProcessId returns the number of a process.
//
// # Errors
//
// [ERROR_INVALID_HANDLE]; [ERROR_ACCESS_DENIED]: the handle lacks
// [PROCESS_QUERY_LIMITED_INFORMATION].
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getprocessid
func GetProcessId(process Handle) (id uint32, err error) {
	return getProcessId(process)
}

// GetExitCodeProcess tells how a process ended; of one that runs the code is
// [STILL_ACTIVE], which a process can also end with.
//
// On Linux a process ends with a number of 8 bits, or by a signal. The code of one that
// [TerminateProcess] or [TerminateJobObject] ended is the number given, in full, in all
// processes of this user that use this package; others see SIGKILL. Other signals are
// what Windows has for them: SIGSEGV and SIGBUS 0xC0000005, SIGILL 0xC000001D, SIGFPE
// 0xC0000094, SIGINT 0xC000013A; the rest is 128 and the signal's number.
//
// # Errors
//
// [ERROR_INVALID_HANDLE]; [ERROR_ACCESS_DENIED]: the handle lacks
// [PROCESS_QUERY_LIMITED_INFORMATION]. [ERROR_NOT_SUPPORTED], on Linux before 6.15: the
// process was no child of this one, and its parent has waited for it.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getexitcodeprocess
func GetExitCodeProcess(process Handle, code *uint32) (err error) {
	return getExitCodeProcess(process, code)
}

// TerminateProcess ends a process at once, with the code given. It returns before that
// has happened: wait for the process. On Linux it gets SIGKILL, after all processes that
// use this package were told the code; one that does not hear it is waited for 2 s, unless
// it is stopped. If it is the calling process it ends with the low 8 bits of code.
//
// # Errors
//
// [ERROR_INVALID_HANDLE]; [ERROR_ACCESS_DENIED]: the handle lacks [PROCESS_TERMINATE],
// or the process has ended.
//
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-terminateprocess
func TerminateProcess(process Handle, code uint32) (err error) {
	return terminateProcess(process, code)
}
