//go:build !windows

package win32

import (
	"errors"
	"io/fs"
	"strconv"
)

// Errno is an error number of Windows, as [syscall.Errno] is there: errors.Is finds
// fs.ErrPermission, fs.ErrExist, fs.ErrNotExist and errors.ErrUnsupported in the
// numbers that mean them. Which numbers a call gives is in its documentation; the
// texts are not those of Windows.
type Errno uintptr

// Error is what the number means, in a few words.
func (e Errno) Error() string {
	if text, ok := errnoTexts[e]; ok {
		return text
	}
	return "winapi error #" + strconv.Itoa(int(e))
}

// Is says whether the number means a common error.
func (e Errno) Is(target error) bool {
	switch target {
	case fs.ErrPermission:
		return e == ERROR_ACCESS_DENIED
	case fs.ErrExist:
		return e == ERROR_ALREADY_EXISTS || e == ERROR_FILE_EXISTS || e == ERROR_DIR_NOT_EMPTY
	case fs.ErrNotExist:
		return e == ERROR_FILE_NOT_FOUND || e == ERROR_PATH_NOT_FOUND
	case errors.ErrUnsupported:
		return e == ERROR_NOT_SUPPORTED
	}
	return false
}

// Timeout says whether time ran out.
func (e Errno) Timeout() bool { return e == WAIT_TIMEOUT }

// Temporary says whether the same call may succeed a little later.
func (e Errno) Temporary() bool { return e == ERROR_TOO_MANY_OPEN_FILES || e.Timeout() }

// errnoTexts are short, and of our own.
var errnoTexts = map[Errno]string{
	WAIT_TIMEOUT:                "the time ran out",
	ERROR_SUCCESS:               "success",
	ERROR_FILE_NOT_FOUND:        "there is no such file or object",
	ERROR_PATH_NOT_FOUND:        "there is no such path or name space",
	ERROR_TOO_MANY_OPEN_FILES:   "too many files are open",
	ERROR_ACCESS_DENIED:         "access is denied",
	ERROR_INVALID_HANDLE:        "the handle, or the type of its object, is wrong",
	ERROR_NOT_ENOUGH_MEMORY:     "there is not enough memory for that",
	ERROR_WRITE_PROTECT:         "the medium is write-protected",
	ERROR_NOT_SAME_DEVICE:       "the two are on different file systems",
	ERROR_BAD_LENGTH:            "the length is not the right one",
	ERROR_GEN_FAILURE:           "the system failed in a way that has no number",
	ERROR_SHARING_VIOLATION:     "another handle of the file does not share that",
	ERROR_LOCK_VIOLATION:        "another process has locked a part of the file",
	ERROR_HANDLE_EOF:            "the end of the file",
	ERROR_NOT_SUPPORTED:         "this system does not support it",
	ERROR_FILE_EXISTS:           "the file exists",
	ERROR_INVALID_PARAMETER:     "an argument is wrong",
	ERROR_NOT_LOCKED:            "the pages are not locked",
	ERROR_BROKEN_PIPE:           "the other end of the pipe is closed",
	ERROR_DISK_FULL:             "the disk is full",
	ERROR_INSUFFICIENT_BUFFER:   "the buffer is too small",
	ERROR_INVALID_NAME:          "the name cannot be one",
	ERROR_NEGATIVE_SEEK:         "there is nothing before the beginning of a file",
	ERROR_DIR_NOT_EMPTY:         "the directory is not empty",
	ERROR_BAD_PATHNAME:          "the path of the name cannot be one",
	ERROR_BUSY:                  "it is in use",
	ERROR_ALREADY_EXISTS:        "it exists already",
	ERROR_BAD_EXE_FORMAT:        "the file cannot be used for that",
	ERROR_FILENAME_EXCED_RANGE:  "the name is too long",
	ERROR_MORE_DATA:             "there is more than fits",
	ERROR_DIRECTORY:             "it is no directory",
	ERROR_NOT_OWNER:             "the thread does not own the mutex",
	ERROR_TOO_MANY_POSTS:        "the semaphore would pass its maximum",
	ERROR_PARTIAL_COPY:          "only a part was done",
	ERROR_INVALID_ADDRESS:       "the address is not one that this can be done at",
	ERROR_MUTANT_LIMIT_EXCEEDED: "the thread owns the mutex too many times",
	ERROR_OBJECT_NAME_EXISTS:    "that is there already",
	ERROR_ABANDONED_WAIT_0:      "what was waited on has been closed",
	ERROR_NOACCESS:              "nothing can be read or written at the address",
	ERROR_SWAPERROR:             "a page could not be read or written",
	ERROR_FILE_INVALID:          "the file is empty, or has been changed, so that it cannot be used",
	ERROR_IO_DEVICE:             "the device failed",
	ERROR_MAPPED_ALIGNMENT:      "the offset or the address is no multiple of what it must be",
	ERROR_CANCELLED:             "it was cancelled",
	ERROR_USER_MAPPED_FILE:      "the file has a section that is in use",
	ERROR_UNKNOWN_REVISION:      "the revision is not known",
	ERROR_REVISION_MISMATCH:     "the revisions do not go together",
	ERROR_PRIVILEGE_NOT_HELD:    "a privilege is missing",
	ERROR_INVALID_SID:           "it is no security identifier",
	ERROR_FILE_CORRUPT:          "what is stored is corrupt",
	ERROR_NO_SYSTEM_RESOURCES:   "the system has no more of what that needs",
	ERROR_WORKING_SET_QUOTA:     "the process may not have more memory in use",
	ERROR_COMMITMENT_LIMIT:      "all memory has been promised",
	ERROR_NOT_SAME_OBJECT:       "the handles are of two objects",
	ERROR_NOT_ENOUGH_QUOTA:      "a quota does not allow it",
	ERROR_CANT_RESOLVE_FILENAME: "the name leads in circles",
}
