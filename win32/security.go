package win32

// ConvertStringSecurityDescriptorToSecurityDescriptor reads a security descriptor in
// its text form, of revision [SDDL_REVISION_1]. size, which may be nil, becomes the
// descriptor's size. An empty list, "D:", lets nobody open the object; the text
// without a list gives what no descriptor gives, the default; "D:NO_ACCESS_CONTROL"
// lets everybody do everything.
//
// On Windows the descriptor is memory of the system's, to be freed with LocalFree. On
// Linux the garbage collector does that, and the text can name these: WD and AU,
// everybody; CO and OW, the object's owner; CG, its group; SY and BA, root;
// S-1-22-1-UID and S-1-22-2-GID, a user and a group. Whether Linux can have the list
// depends on the kind of the object, and is decided by the call that creates it
// (ERROR_NOT_SUPPORTED).
//
// # Errors
//
// ERROR_INVALID_PARAMETER: not a descriptor. ERROR_UNKNOWN_REVISION. On Linux
// ERROR_NOT_SUPPORTED: labels, audit entries, and whom Linux does not have.
//
// Source: https://learn.microsoft.com/windows/win32/api/sddl/nf-sddl-convertstringsecuritydescriptortosecuritydescriptorw
func ConvertStringSecurityDescriptorToSecurityDescriptor(text string, revision uint32, descriptor **SecurityDescriptor, size *uint32) (err error) {
	return convertStringSecurityDescriptorToSecurityDescriptor(text, revision, descriptor, size)
}

// ConvertStringSidToSid reads a SID, S-1-AUTHORITY-NUMBER-…, or the letters that stand
// for one. On Linux a user is S-1-22-1-UID, and a group S-1-22-2-GID.
//
// # Errors
//
// ERROR_INVALID_SID.
//
// Source: https://learn.microsoft.com/windows/win32/api/sddl/nf-sddl-convertstringsidtosidw
func ConvertStringSidToSid(text string, sid **SID) (err error) {
	return convertStringSidToSid(text, sid)
}

// SetKernelObjectSecurity changes who may open an object from now on. Handles that
// exist keep what they may. information says which parts of the descriptor count:
// [DACL_SECURITY_INFORMATION], the list, for which the handle needs WRITE_DAC;
// [OWNER_SECURITY_INFORMATION], [GROUP_SECURITY_INFORMATION] and
// [LABEL_SECURITY_INFORMATION], for which it needs WRITE_OWNER.
//
// On Linux the list alone can be changed, by the owner of the object and root. It
// cannot let others write what nobody but the owner could write before: those who
// have the object open rely on that. Let others write when the object is created; then
// it can be taken from them, and given back.
//
// # Errors
//
// ERROR_INVALID_HANDLE. ERROR_ACCESS_DENIED: the handle lacks the right, or, on Linux,
// the object is another user's. ERROR_NOT_SUPPORTED: what Linux cannot.
// ERROR_PRIVILEGE_NOT_HELD: an audit list.
//
// Source: https://learn.microsoft.com/windows/win32/api/securitybaseapi/nf-securitybaseapi-setkernelobjectsecurity
func SetKernelObjectSecurity(handle Handle, information uint32, descriptor *SecurityDescriptor) (err error) {
	return setKernelObjectSecurity(handle, information, descriptor)
}
