package win32

import "atoll/internal/kernel32"

func createBoundaryDescriptor(name string, flags uint32) (Handle, error) {
	return made(kernel32.CreateBoundaryDescriptor(name, flags))
}

func addSIDToBoundaryDescriptor(boundary *Handle, sid *SID) error {
	if boundary == nil || sid == nil {
		return ERROR_INVALID_PARAMETER
	}
	return errno(kernel32.AddSIDToBoundary(kernel32.Handle(*boundary), sid.text))
}

func deleteBoundaryDescriptor(boundary Handle) {
	kernel32.DeleteBoundaryDescriptor(kernel32.Handle(boundary))
}

func createPrivateNamespace(attributes *SecurityAttributes, boundary Handle, alias string) (Handle, error) {
	return made(kernel32.CreatePrivateNamespace(attributes.linux(), kernel32.Handle(boundary), alias))
}

func openPrivateNamespace(boundary Handle, alias string) (Handle, error) {
	return made(kernel32.OpenPrivateNamespace(kernel32.Handle(boundary), alias))
}

func closePrivateNamespace(handle Handle, flags uint32) error {
	return errno(kernel32.ClosePrivateNamespace(kernel32.Handle(handle), flags))
}
