package win32

// LocalFree frees memory that a call has given:
// [ConvertStringSecurityDescriptorToSecurityDescriptor] and [ConvertStringSidToSid] do.
// On Linux that is Go's own, which needs no freeing, and LocalFree does nothing.
//
//	_, _ = win32.LocalFree(win32.Handle(unsafe.Pointer(descriptor)))
//
// It returns 0, or, with an error, what it was given.
//
// # Errors
//
// [ERROR_INVALID_HANDLE], on Windows: it was not given by such a call, or is free.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-localfree
func LocalFree(memory Handle) (handle Handle, err error) {
	return localFree(memory)
}
