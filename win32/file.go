package win32

// CreateFile opens a file, or creates it, as createMode says: CREATE_NEW, CREATE_ALWAYS
// (which makes a file that is there empty), OPEN_EXISTING, OPEN_ALWAYS, or
// TRUNCATE_EXISTING. A failure gives [INVALID_HANDLE_VALUE], not 0. CREATE_ALWAYS and
// OPEN_ALWAYS give ERROR_ALREADY_EXISTS beside the handle of a file that was there. It
// blocks for nothing but the file system, and for others who open the file at the same
// moment.
//
// access is what the handle may do, generic rights included; FILE_READ_ATTRIBUTES and
// SYNCHRONIZE are always there. 0 is enough to ask for the size. With FILE_APPEND_DATA
// and not FILE_WRITE_DATA all that is written goes to the end. MAXIMUM_ALLOWED is as
// much as can be had.
//
// mode is what others may do meanwhile, FILE_SHARE_ flags: nobody opens the file, in any
// process, to do what a handle does not share, and a handle is not made that does not
// share what others have the file open for. A handle that can neither read, execute,
// write nor delete is left out of this. Sections over the file, and their views, are in
// the way, too: a writable one of each open that does not share writing, and any one of
// createMode CREATE_ALWAYS and TRUNCATE_EXISTING.
//
// attributes nil: children do not inherit the handle. flags are FILE_FLAG_ and
// FILE_ATTRIBUTE_ ones. FILE_FLAG_DELETE_ON_CLOSE deletes the file with the last handle;
// FILE_FLAG_BACKUP_SEMANTICS opens directories, too; with FILE_FLAG_OVERLAPPED the file
// has no position, and each [ReadFile] and [WriteFile] says where. template is ignored.
//
// # Linux
//
// name is a path of Linux, as it is: no drive, no backslash, and letters of either case
// differ. Links are followed, unless with FILE_FLAG_OPEN_REPARSE_POINT. A new file has
// the mode that the umask leaves of 0666, of 0444 with FILE_ATTRIBUTE_READONLY, or what
// the security descriptor comes to; whose mode lets nobody write is read-only. Share
// modes bind all programs that use this package, and sections those of package atoll,
// too; programs that use neither know nothing of them. See docs/PLATFORMS.md. Pipes,
// sockets and disks cannot be opened.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND: no such file. ERROR_PATH_NOT_FOUND: no such directory, or no
// name. ERROR_FILE_EXISTS: CREATE_NEW, and it is there. ERROR_ACCESS_DENIED: the rights
// cannot be had; a directory; a read-only file and a right to write; a file that is
// marked for deletion. ERROR_SHARING_VIOLATION: other handles, or a section.
// ERROR_USER_MAPPED_FILE: a file under a section is not made empty.
// ERROR_INVALID_PARAMETER: createMode or mode; TRUNCATE_EXISTING without the right to
// write. ERROR_INVALID_NAME, ERROR_FILENAME_EXCED_RANGE: a part of the name is too long,
// or all of it. ERROR_CANT_RESOLVE_FILENAME: links in a circle. ERROR_WRITE_PROTECT,
// ERROR_DISK_FULL, ERROR_TOO_MANY_OPEN_FILES. ERROR_NOT_SUPPORTED, on Linux: what cannot
// be opened, or a descriptor that the kernel cannot enforce.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew
func CreateFile(name string, access, mode uint32, attributes *SecurityAttributes, createMode, flags uint32, template Handle) (handle Handle, err error) {
	return createFile(name, access, mode, attributes, createMode, flags, template)
}

// ReadFile reads from a file, which needs FILE_READ_DATA, and says in done how many bytes
// it was; fewer than buffer has only where the file ends. overlapped nil reads at the
// position, which all duplicates of the handle share, and moves it; there, at the end of
// the file, no bytes and no error. Else it reads where overlapped says, and moves the
// position to behind that if the file has one.
//
// It blocks until the bytes are there, also with FILE_FLAG_OVERLAPPED: on Linux nothing
// is ever pending. The event in overlapped is reset before and set afterwards.
//
// # Errors
//
// ERROR_INVALID_HANDLE: the handle, or overlapped's event. ERROR_ACCESS_DENIED: the
// handle may not read. ERROR_HANDLE_EOF: overlapped begins where the file has ended.
// ERROR_INVALID_PARAMETER: a directory; no overlapped for a file opened with
// FILE_FLAG_OVERLAPPED. ERROR_NOACCESS: buffer is memory that cannot be written.
// ERROR_BROKEN_PIPE: a pipe that came by inheritance, whose other end is closed.
// ERROR_IO_DEVICE.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile
func ReadFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) {
	return readFile(file, buffer, done, overlapped)
}

// WriteFile writes all of buffer to a file, which needs FILE_WRITE_DATA or
// FILE_APPEND_DATA, and says in done how many bytes it was. Where it writes, and what
// becomes of the position and of overlapped's event, is as with [ReadFile]; but with
// FILE_APPEND_DATA alone, and with 0xFFFFFFFF in both halves of the offset, it writes
// where the file ends at that moment. A file grows as it must, also under a section,
// which does not grow. Views see what is written at once.
//
// # Errors
//
// ERROR_DISK_FULL: no room, or more than files may have (ulimit -f); done says how much
// was written. Others as [ReadFile].
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-writefile
func WriteFile(file Handle, buffer []byte, done *uint32, overlapped *Overlapped) (err error) {
	return writeFile(file, buffer, done, overlapped)
}

// GetFileSizeEx tells the size of a file in bytes. Any handle of it is enough. It blocks
// for nothing.
//
// # Errors
//
// ERROR_INVALID_HANDLE.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-getfilesizeex
func GetFileSizeEx(file Handle, size *int64) (err error) {
	return getFileSizeEx(file, size)
}

// SetFilePointerEx moves the position of a file by a distance in bytes from where whence
// says: FILE_BEGIN, FILE_CURRENT or FILE_END. newPosition, unless it is nil, is told
// where that is, which may be behind the end. All duplicates of the handle share the
// position, in all processes. It blocks for nothing.
//
// # Errors
//
// ERROR_INVALID_HANDLE. ERROR_INVALID_PARAMETER: whence. ERROR_NEGATIVE_SEEK: before the
// beginning; the position stays.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-setfilepointerex
func SetFilePointerEx(file Handle, distance int64, newPosition *int64, whence uint32) (err error) {
	return setFilePointerEx(file, distance, newPosition, whence)
}

// SetEndOfFile makes a file end at its position, be that shorter or longer; it needs
// FILE_WRITE_DATA. What is new in it is zero.
//
// # Errors
//
// ERROR_INVALID_HANDLE. ERROR_ACCESS_DENIED: the handle may not write.
// ERROR_USER_MAPPED_FILE: it would become shorter, and there is a section over it, or a
// view of one; nothing is changed. ERROR_DISK_FULL.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-setendoffile
func SetEndOfFile(file Handle) (err error) {
	return setEndOfFile(file)
}

// FlushFileBuffers returns when all of a file is on its device, what was written through
// views and flushed ([FlushViewOfFile]) included; it needs a right to write.
//
// # Errors
//
// ERROR_INVALID_HANDLE. ERROR_ACCESS_DENIED: the handle may not write. ERROR_IO_DEVICE,
// ERROR_DISK_FULL: what was written before is not safe.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers
func FlushFileBuffers(file Handle) (err error) {
	return flushFileBuffers(file)
}

// SetFileInformationByHandle changes what a file is like: information is the address of
// a struct of length bytes that the class says.
//
// [FileDispositionInfo], a [FILE_DISPOSITION_INFO]: the file is deleted when the
// handle, and its duplicates in this process, are closed; until then nobody can open it.
// Or it is not, if it was to be. It needs DELETE. [FileEndOfFileInfo], a
// [FILE_END_OF_FILE_INFO]: the size, as [SetEndOfFile]. [FileAllocationInfo], a
// [FILE_ALLOCATION_INFO]: what is behind that goes; room is not taken before it is written.
// On Linux there are no other classes.
//
// # Linux
//
// The name goes with the handle that the call was made through, also if others have the
// file open: who has it keeps it, as with FILE_DISPOSITION_FLAG_POSIX_SEMANTICS. If the
// process is killed the file stays.
//
// # Errors
//
// ERROR_INVALID_HANDLE. ERROR_ACCESS_DENIED: the handle has not the right; or, to delete
// a file: it is read-only, or there is a section over it, or a view of one.
// ERROR_DIR_NOT_EMPTY. ERROR_USER_MAPPED_FILE: as [SetEndOfFile].
// ERROR_INVALID_PARAMETER: the class, or a negative size. ERROR_BAD_LENGTH: length.
// ERROR_NOACCESS: information is NULL.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-setfileinformationbyhandle
//
//go:uintptrescapes
func SetFileInformationByHandle(file Handle, class uint32, information uintptr, length uint32) (err error) {
	return setFileInformationByHandle(file, class, information, length)
}

// DeleteFile removes a file's name at once; who has the file open, which must share
// deletion, keeps it. A link goes itself, not what it leads to.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND. ERROR_ACCESS_DENIED: a directory, or a
// read-only file; the directory may not be written; a section over the file, or a view of
// one. ERROR_SHARING_VIOLATION: a handle does not share deletion.
//
// Source: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-deletefilew
func DeleteFile(name string) (err error) {
	return deleteFile(name)
}

// MoveFile gives a file or a directory another name, which nobody may have. A file can
// go to another file system, by being copied; a directory cannot. Sections over the file
// are not in the way, and go with it.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND. ERROR_ALREADY_EXISTS: the new name.
// ERROR_SHARING_VIOLATION: a handle does not share deletion. ERROR_ACCESS_DENIED: one of
// the directories may not be written. ERROR_NOT_SAME_DEVICE: a directory, to another
// file system. ERROR_DISK_FULL.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-movefilew
func MoveFile(from, to string) (err error) {
	return moveFile(from, to)
}

// CopyFile copies the bytes of a file, and its mode if the copy is new. What was at the
// new name is written over, unless failIfExists. What cannot be copied whole is removed.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND. ERROR_FILE_EXISTS: failIfExists, and it
// does. ERROR_SHARING_VIOLATION: a handle does not share reading the one or writing the
// other; or both are one file. ERROR_USER_MAPPED_FILE: a section over what would be
// written over. ERROR_ACCESS_DENIED, ERROR_DISK_FULL, ERROR_IO_DEVICE.
//
// Source: https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-copyfilew
func CopyFile(from, to string, failIfExists bool) (err error) {
	return copyFile(from, to, failIfExists)
}
