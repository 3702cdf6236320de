package win32

// CloseHandle closes a handle: its value means nothing afterwards, and may soon mean
// something else. With an object's last handle its name goes, at once and in all
// processes. It blocks for nothing. A thread that waits through the handle goes on
// waiting, and what it waits for lives as long. A mutex that the thread owns stays
// owned. A pseudo-handle has nothing to close.
//
// # Errors
//
// ERROR_INVALID_HANDLE: no such handle, or one with HANDLE_FLAG_PROTECT_FROM_CLOSE.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-closehandle
func CloseHandle(handle Handle) (err error) {
	return closeHandle(handle)
}

// DuplicateHandle makes another handle of the source's object: source is a handle in
// sourceProcess, and target becomes one in targetProcess, whose handles need
// PROCESS_DUP_HANDLE. It blocks for nothing within a process. On Linux the other
// process must use this package, and be this user's, or the caller root's; it is waited
// for 5 s, a child of [CreateProcess] that has just begun for 10.
//
// access is what the new handle may do, generic rights included; it is ignored with
// DUPLICATE_SAME_ACCESS. 0 is no right at all. It may be more than the source has,
// if the object's rights allow that; never for a file. inheritHandle says whether
// children inherit the new handle; with DUPLICATE_SAME_ATTRIBUTES the source's flags
// are copied instead. With DUPLICATE_CLOSE_SOURCE the source is closed, even if the
// call fails, unless it is protected; within one process the new handle then has the
// value that the source had. A pseudo-handle gives a real one.
//
// target nil: nobody is told the new handle's value; with DUPLICATE_CLOSE_SOURCE none
// is made, so that this closes a handle of another process. If the call fails target
// is 0.
//
// # Errors
//
// ERROR_INVALID_HANDLE: one of the handles. ERROR_ACCESS_DENIED: more rights than can
// be had, or bits that are none; or a process's handle without PROCESS_DUP_HANDLE.
// ERROR_NO_SYSTEM_RESOURCES: 2^24 handles. Of another process: ERROR_ACCESS_DENIED, too,
// if it has ended, or if the object cannot be its user's; on Linux ERROR_NOT_SUPPORTED: it
// does not use this package; ERROR_BUSY: it does not answer, as it is stopped.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle
func DuplicateHandle(sourceProcess, source, targetProcess Handle, target *Handle, access uint32, inheritHandle bool, options uint32) (err error) {
	return duplicateHandle(sourceProcess, source, targetProcess, target, access, inheritHandle, options)
}

// GetHandleInformation tells the flags of a handle, HANDLE_FLAG_INHERIT and
// HANDLE_FLAG_PROTECT_FROM_CLOSE. Pseudo-handles have none. It needs no right.
//
// # Errors
//
// ERROR_INVALID_HANDLE: no such handle.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-gethandleinformation
func GetHandleInformation(handle Handle, flags *uint32) (err error) {
	return getHandleInformation(handle, flags)
}

// SetHandleInformation sets those flags of a handle that mask names, and leaves the
// others. Children that exist keep what they inherited. It needs no right.
//
// # Errors
//
// ERROR_INVALID_HANDLE: no such handle. ERROR_INVALID_PARAMETER: a flag that handles
// do not have. ERROR_ACCESS_DENIED: a pseudo-handle.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-sethandleinformation
func SetHandleInformation(handle Handle, mask, flags uint32) (err error) {
	return setHandleInformation(handle, mask, flags)
}

// CompareObjectHandles says whether two handles lead to one object: nil if they do.
// Handles of one name do, and duplicates; two handles that CreateFile gave do not,
// even of one file, nor two sections over one file. It needs no right, and takes
// handles of any types, and pseudo-handles.
//
// # Errors
//
// ERROR_NOT_SAME_OBJECT: they are of two objects. ERROR_INVALID_HANDLE: one of them
// is none.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-compareobjecthandles
func CompareObjectHandles(first, second Handle) (err error) {
	return compareObjectHandles(first, second)
}

// NtQueryObject tells what the system knows of a handle: for class
// [ObjectBasicInformation] information is the address of an
// [OBJECT_BASIC_INFORMATION], and length its size. returned, which may be nil, becomes
// the size of what there is to tell. Of use is GrantedAccess, which says what the
// handle may do. It needs no right.
//
// On Linux HandleCount and PointerCount count the handles of this process, and what
// else the struct has is 0.
//
// # Errors
//
// ERROR_INVALID_HANDLE: no such handle. ERROR_BAD_LENGTH: another length.
// ERROR_INVALID_PARAMETER: another class, on Linux. ERROR_NOACCESS: nothing is at
// the address.
//
// Source: https://learn.microsoft.com/windows/win32/api/winternl/nf-winternl-ntqueryobject
//
//go:uintptrescapes
func NtQueryObject(handle Handle, class int32, information uintptr, length uint32, returned *uint32) (err error) {
	return ntQueryObject(handle, class, information, length, returned)
}
