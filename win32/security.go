package win32

// ConvertStringSecurityDescriptorToSecurityDescriptor reads a security descriptor.
func ConvertStringSecurityDescriptorToSecurityDescriptor(text string, revision uint32, descriptor **SecurityDescriptor, size *uint32) (err error) {
	return convertStringSecurityDescriptorToSecurityDescriptor(text, revision, descriptor, size)
}

// ConvertStringSidToSid reads a SID.
func ConvertStringSidToSid(text string, sid **SID) (err error) {
	return convertStringSidToSid(text, sid)
}

// SetKernelObjectSecurity changes who may do what with an object.
func SetKernelObjectSecurity(handle Handle, information uint32, descriptor *SecurityDescriptor) (err error) {
	return setKernelObjectSecurity(handle, information, descriptor)
}
