package win32

// CreateEvent creates an event, or opens the one that has the name.
func CreateEvent(attributes *SecurityAttributes, manualReset, initialState uint32, name string) (handle Handle, err error) {
	return createEvent(attributes, manualReset, initialState, name)
}

// CreateEventEx is CreateEvent with the access asked for.
func CreateEventEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return createEventEx(attributes, name, flags, access)
}

// OpenEvent opens an event that exists.
func OpenEvent(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openEvent(access, inheritHandle, name)
}

// SetEvent signals an event.
func SetEvent(event Handle) (err error) {
	return setEvent(event)
}

// ResetEvent takes the signal of an event away.
func ResetEvent(event Handle) (err error) {
	return resetEvent(event)
}

// PulseEvent releases who waits now, and leaves the event nonsignaled.
func PulseEvent(event Handle) (err error) {
	return pulseEvent(event)
}
