package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
)

func createEvent(attributes *SecurityAttributes, manualReset, initialState uint32, name string) (Handle, error) {
	return made(kernel32.CreateEvent(attributes.linux(), name, manualReset != 0, initialState != 0, EVENT_ALL_ACCESS))
}

func createEventEx(attributes *SecurityAttributes, name string, flags, asked uint32) (Handle, error) {
	if flags&^(CREATE_EVENT_MANUAL_RESET|CREATE_EVENT_INITIAL_SET) != 0 {
		return 0, ERROR_INVALID_PARAMETER
	}
	return made(kernel32.CreateEvent(attributes.linux(), name,
		flags&CREATE_EVENT_MANUAL_RESET != 0, flags&CREATE_EVENT_INITIAL_SET != 0, access.Mask(asked)))
}

func openEvent(asked uint32, inheritHandle bool, name string) (Handle, error) {
	return made(kernel32.OpenEvent(access.Mask(asked), inheritHandle, name))
}

func setEvent(event Handle) error { return errno(kernel32.SetEvent(kernel32.Handle(event))) }

func resetEvent(event Handle) error { return errno(kernel32.ResetEvent(kernel32.Handle(event))) }

func pulseEvent(event Handle) error { return errno(kernel32.PulseEvent(kernel32.Handle(event))) }
