package win32

// CreateProcess starts a program.
func CreateProcess(application, commandLine string, processAttributes, threadAttributes *SecurityAttributes, inheritHandles bool, flags uint32, environment []string, directory string, startup *StartupInfo, information *ProcessInformation) (err error) {
	return createProcess(application, commandLine, processAttributes, threadAttributes, inheritHandles, flags, environment, directory, startup, information)
}

// NewProcThreadAttributeList makes a list of attributes for CreateProcess.
func NewProcThreadAttributeList(maximum uint32) (list *ProcThreadAttributeListContainer, err error) {
	return newProcThreadAttributeList(maximum)
}

// OpenProcess opens a process.
func OpenProcess(access uint32, inheritHandle bool, processID uint32) (handle Handle, err error) {
	return openProcess(access, inheritHandle, processID)
}

// GetCurrentProcess returns the pseudo-handle of the calling process.
func GetCurrentProcess() (pseudoHandle Handle) {
	return getCurrentProcess()
}

// GetCurrentProcessId returns the number of the calling process.
func GetCurrentProcessId() (id uint32) {
	return getCurrentProcessId()
}

// GetProcessId returns the number of a process.
func GetProcessId(process Handle) (id uint32, err error) {
	return getProcessId(process)
}

// GetExitCodeProcess tells how a process ended.
func GetExitCodeProcess(process Handle, code *uint32) (err error) {
	return getExitCodeProcess(process, code)
}

// TerminateProcess ends a process.
func TerminateProcess(process Handle, code uint32) (err error) {
	return terminateProcess(process, code)
}
