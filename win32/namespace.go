package win32

// CreateBoundaryDescriptor begins a boundary: it has a name, and is for nobody until
// [AddSIDToBoundaryDescriptor] has said for whom. It is no handle of an object;
// [DeleteBoundaryDescriptor] frees it. flags is 0, or 1, which is for packages of
// applications and means nothing on Linux.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: [NullName], or other flags.
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-createboundarydescriptorw
func CreateBoundaryDescriptor(name string, flags uint32) (boundary Handle, err error) {
	return createBoundaryDescriptor(name, flags)
}

// AddSIDToBoundaryDescriptor adds to a boundary somebody whom its namespace's creator
// must be: a user, or a group that the creator is in. boundary is a pointer, because
// on Windows the boundary may move.
//
// On Linux a user is S-1-22-1-UID and a group S-1-22-2-GID; S-1-1-0, everybody, keeps
// nobody out.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: no such boundary, or a SID that is no user's and no
// group's. ERROR_NOT_SUPPORTED: on Linux, a SID of nobody there.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-addsidtoboundarydescriptor
func AddSIDToBoundaryDescriptor(boundary *Handle, sid *SID) (err error) {
	return addSIDToBoundaryDescriptor(boundary, sid)
}

// DeleteBoundaryDescriptor frees a boundary. Namespaces that were created or opened
// with it stay.
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-deleteboundarydescriptor
func DeleteBoundaryDescriptor(boundary Handle) {
	deleteBoundaryDescriptor(boundary)
}

// CreatePrivateNamespace creates the namespace of a boundary and an alias, which only
// those can who are inside the boundary. In this process alias\name then names an
// object in it, until its last handle is closed. It waits for others who are just
// about to create the same one, for some seconds at the most.
//
// On Linux, without a descriptor in attributes, the creator's user alone may open it,
// or the group's members if the boundary is one group. A process has one namespace
// under an alias at a time.
//
// # Errors
//
// ERROR_ALREADY_EXISTS, with no handle: it exists, or, on Linux, this process has
// another one under the alias. ERROR_ACCESS_DENIED: this user is outside the boundary.
// ERROR_INVALID_PARAMETER: no such boundary, or one for nobody, or [NullName].
// ERROR_INVALID_NAME: the alias. On Linux ERROR_BUSY: a process that was about to
// create it seems to be stopped.
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-createprivatenamespacew
func CreatePrivateNamespace(attributes *SecurityAttributes, boundary Handle, alias string) (handle Handle, err error) {
	return createPrivateNamespace(attributes, boundary, alias)
}

// OpenPrivateNamespace opens the namespace of a boundary and an alias that another
// process, or this one, has created and has still open. It blocks for nothing.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND or ERROR_PATH_NOT_FOUND: there is none. ERROR_ACCESS_DENIED:
// it lets this user not in. Else as [CreatePrivateNamespace].
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-openprivatenamespacew
func OpenPrivateNamespace(boundary Handle, alias string) (handle Handle, err error) {
	return openPrivateNamespace(boundary, alias)
}

// ClosePrivateNamespace closes a handle of a private namespace. When its creator
// closes it nobody can open it any more; objects in it go on. With the last handle of
// the process the alias means nothing here any more. flags is 0, or
// [PRIVATE_NAMESPACE_FLAG_DESTROY], which on Linux adds nothing.
//
// # Errors
//
// ERROR_INVALID_HANDLE. ERROR_INVALID_PARAMETER: other flags.
//
// Source: https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-closeprivatenamespace
func ClosePrivateNamespace(handle Handle, flags uint32) (err error) {
	return closePrivateNamespace(handle, flags)
}
