package win32

// CreateBoundaryDescriptor makes a boundary.
func CreateBoundaryDescriptor(name string, flags uint32) (boundary Handle, err error) {
	return createBoundaryDescriptor(name, flags)
}

// AddSIDToBoundaryDescriptor adds to a boundary whom it is for.
func AddSIDToBoundaryDescriptor(boundary *Handle, sid *SID) (err error) {
	return addSIDToBoundaryDescriptor(boundary, sid)
}

// DeleteBoundaryDescriptor frees a boundary.
func DeleteBoundaryDescriptor(boundary Handle) {
	deleteBoundaryDescriptor(boundary)
}

// CreatePrivateNamespace creates a private namespace.
func CreatePrivateNamespace(attributes *SecurityAttributes, boundary Handle, alias string) (handle Handle, err error) {
	return createPrivateNamespace(attributes, boundary, alias)
}

// OpenPrivateNamespace opens a private namespace that exists.
func OpenPrivateNamespace(boundary Handle, alias string) (handle Handle, err error) {
	return openPrivateNamespace(boundary, alias)
}

// ClosePrivateNamespace closes a private namespace.
func ClosePrivateNamespace(handle Handle, flags uint32) (err error) {
	return closePrivateNamespace(handle, flags)
}
