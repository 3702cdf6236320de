package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

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
	ended, err := kernel32.GetExitCodeProcess(kernel32.Handle(process))
	if err == nil {
		*code = ended
	}
	return errno(err)
}

func terminateProcess(process Handle, code uint32) error {
	return errno(kernel32.TerminateProcess(kernel32.Handle(process), code))
}
