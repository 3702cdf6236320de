package win32

import (
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func init() { kernel32.Begin() }

func openProcess(asked uint32, inheritHandle bool, processID uint32) (Handle, error) {
	return made(kernel32.OpenProcess(access.Mask(asked), inheritHandle, processID))
}

func getCurrentProcess() Handle { return Handle(kernel32.CurrentProcess) }

func getCurrentProcessId() uint32 { return kernel32.GetCurrentProcessID() }

func getProcessId(process Handle) (uint32, error) {
	id, err := kernel32.GetProcessID(kernel32.Handle(process))
	return id, errno(err)
}

func getExitCodeProcess(process Handle, code *uint32) error {
	return tell(code, func() (uint32, error) { return kernel32.GetExitCodeProcess(kernel32.Handle(process)) })
}

func terminateProcess(process Handle, code uint32) error {
	return errno(kernel32.TerminateProcess(kernel32.Handle(process), code))
}

func createProcess(application, commandLine string, processAttributes, threadAttributes *SecurityAttributes, inheritHandles bool, flags uint32, environment []string, directory string, startup *StartupInfo, information *ProcessInformation) error {
	if information == nil {
		return ERROR_INVALID_PARAMETER
	}
	launch := &kernel32.Launch{
		Application: application, CommandLine: commandLine,
		Process: processAttributes.linux(), Thread: threadAttributes.linux(),
		Inherit: inheritHandles, Flags: flags, Environment: environment, Directory: directory,
	}
	if startup != nil {
		launch.Redirected = startup.Flags&STARTF_USESTDHANDLES != 0
		launch.Standard = [3]kernel32.Handle{
			kernel32.Handle(startup.StdInput), kernel32.Handle(startup.StdOutput), kernel32.Handle(startup.StdErr),
		}
		if flags&EXTENDED_STARTUPINFO_PRESENT != 0 {
			if uintptr(startup.Cb) != unsafe.Sizeof(StartupInfoEx{}) {
				return ERROR_INVALID_PARAMETER
			}
			startup.attributes().to(launch)
		}
	}
	started, err := kernel32.CreateProcess(launch)
	if err != nil {
		return errno(err)
	}
	*information = ProcessInformation{
		Process: Handle(started.Process), Thread: Handle(started.Thread),
		ProcessId: started.PID, ThreadId: started.PID,
	}
	return nil
}

// attributes are those of the StartupInfoEx that this one is the beginning of.
func (s *StartupInfo) attributes() *ProcThreadAttributeList {
	return (*StartupInfoEx)(unsafe.Pointer(s)).ProcThreadAttributeList //nolint:gosec // the flag says so
}

func (l *ProcThreadAttributeList) to(launch *kernel32.Launch) {
	if l == nil {
		return
	}
	list, listed := l.lists[PROC_THREAD_ATTRIBUTE_HANDLE_LIST]
	launch.Listed, launch.Handles = listed, kernel(list)
	launch.Jobs = kernel(l.lists[PROC_THREAD_ATTRIBUTE_JOB_LIST])
}

func kernel(handles []Handle) (list []kernel32.Handle) {
	for _, h := range handles {
		list = append(list, kernel32.Handle(h))
	}
	return list
}
