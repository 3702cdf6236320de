package win32

// CreateEvent creates an event, or opens the one that has the name; then the handle
// comes with ERROR_ALREADY_EXISTS, and attributes' descriptor, manualReset and
// initialState count for nothing. "" and [NullName] are no name. The handle may do
// everything (EVENT_ALL_ACCESS); an existing event must allow that. It blocks for
// nothing.
//
// manualReset not 0: once it is set, the event stays so until it is reset, and ends all
// waits. 0: a set event ends one wait, which resets it. initialState not 0: it begins
// set.
//
// What was written before [SetEvent] or [PulseEvent] is seen by whoever that releases.
//
// # Errors
//
// ERROR_INVALID_HANDLE: the name belongs to another type of object.
// ERROR_ACCESS_DENIED: the event may not be opened so. ERROR_PATH_NOT_FOUND,
// ERROR_INVALID_NAME: no such name can be. ERROR_NO_SYSTEM_RESOURCES and others: out of
// memory, descriptors or handles.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createeventw
func CreateEvent(attributes *SecurityAttributes, manualReset, initialState uint32, name string) (handle Handle, err error) {
	return createEvent(attributes, manualReset, initialState, name)
}

// CreateEventEx is [CreateEvent] with the access that the handle is to have. flags can be
// CREATE_EVENT_MANUAL_RESET and CREATE_EVENT_INITIAL_SET.
//
// # Errors
//
// As CreateEvent. ERROR_INVALID_PARAMETER: another flag. ERROR_PRIVILEGE_NOT_HELD:
// ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createeventexw
func CreateEventEx(attributes *SecurityAttributes, name string, flags, access uint32) (handle Handle, err error) {
	return createEventEx(attributes, name, flags, access)
}

// OpenEvent opens an event that exists, with the access asked for. To wait needs
// SYNCHRONIZE, which GENERIC_EXECUTE and GENERIC_ALL bring; to set, reset and pulse needs
// EVENT_MODIFY_STATE. It blocks for nothing.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND: nobody has a handle of an object of this name.
// ERROR_INVALID_HANDLE: it is of another type; or the name is "". ERROR_INVALID_PARAMETER:
// the name is NULL. ERROR_ACCESS_DENIED: the access cannot be had, or has bits that mean
// nothing for an event. ERROR_PRIVILEGE_NOT_HELD: ACCESS_SYSTEM_SECURITY was asked for.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openeventw
func OpenEvent(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openEvent(access, inheritHandle, name)
}

// SetEvent signals an event: all who wait for one that is manual-reset are released, and
// whoever waits later; of those who wait for one that is auto-reset one is, or else who
// waits next. To set one that is set changes nothing. It blocks for nothing, on Linux for
// ten seconds at the most if another process was stopped while it changed the event.
//
// # Errors
//
// ERROR_ACCESS_DENIED: the handle has no EVENT_MODIFY_STATE. ERROR_INVALID_HANDLE: no such
// handle, or of another type. On Linux: ERROR_BUSY: the other process is still stopped.
// ERROR_FILE_CORRUPT: some process wrote over it.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setevent
func SetEvent(event Handle) (err error) {
	return setEvent(event)
}

// ResetEvent takes the signal of an event away, if it has one. Who was released before
// stays so. It blocks as SetEvent.
//
// # Errors
//
// As SetEvent.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-resetevent
func ResetEvent(event Handle) (err error) {
	return resetEvent(event)
}

// PulseEvent releases those who wait now, all if the event is manual-reset, else one at
// the most, and leaves it nonsignaled, whatever it was. Whoever waits for all of several
// objects is released only if the others are signaled at this instant. A thread that is
// about to wait, or is briefly taken out of its wait, misses the pulse, on every system:
// prefer SetEvent. It blocks as SetEvent.
//
// # Errors
//
// As SetEvent.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-pulseevent
func PulseEvent(event Handle) (err error) {
	return pulseEvent(event)
}
