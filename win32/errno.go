//go:build !windows

package win32

import (
	"errors"
	"io/fs"
	"strconv"
)

// Errno is an error number of Windows. Where the same number means the same,
// errors.Is finds the errors of package fs.
type Errno uintptr

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
		return e == ERROR_ACCESS_DENIED || e == ERROR_PRIVILEGE_NOT_HELD
	case fs.ErrExist:
		return e == ERROR_ALREADY_EXISTS || e == ERROR_FILE_EXISTS
	case fs.ErrNotExist:
		return e == ERROR_FILE_NOT_FOUND || e == ERROR_PATH_NOT_FOUND
	case errors.ErrUnsupported:
		return e == ERROR_NOT_SUPPORTED
	}
	return false
}

var errnoTexts = map[Errno]string{}
