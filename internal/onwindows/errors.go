//go:build windows

package onwindows

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/windows"

	"atoll/internal/errs"
)

// failed makes an error of Windows one of Atoll: the call is named, the number is the
// one that the call gave, and errors.Is finds what it means. nil stays nil.
func failed(call string, err error) error {
	var number uint32
	if e := syscall.Errno(0); errors.As(err, &e) {
		number = uint32(e)
	}
	if s := windows.NTStatus(0); errors.As(err, &s) {
		number = uint32(s.Errno())
	}
	return errs.Because(err, number, meaning(number), "%s", call)
}

// meaning is what errors.Is finds for a number of Windows; nil if it is nothing more
// than that.
func meaning(number uint32) error {
	switch number {
	case errs.FileNotFound, errs.PathNotFound:
		return fs.ErrNotExist
	case errs.AccessDenied, errs.PrivilegeNotHeld:
		return fs.ErrPermission
	case errs.AlreadyExists, errs.FileExists:
		return fs.ErrExist
	case errs.InvalidName, errs.BadPathname, errs.NameTooLong:
		return errs.ErrBadName
	case errs.InvalidParameter, errs.InvalidAddress, errs.MappedAlignment, errs.FileInvalid, errs.BadExeFormat, errs.BadLength:
		return fs.ErrInvalid
	case errs.NotOwner:
		return errs.ErrNotOwner
	case errs.TooManyPosts:
		return errs.ErrTooManyPosts
	case errs.InPageError:
		return errs.ErrFault
	case errs.NotSupported, uint32(windows.ERROR_CALL_NOT_IMPLEMENTED), uint32(windows.ERROR_PROC_NOT_FOUND), uint32(windows.ERROR_INVALID_FUNCTION):
		return errors.ErrUnsupported
	}
	return nil
}

// opened is failed for a call with a name, where an invalid handle means an object of
// another type.
func opened(call string, err error) error {
	if errors.Is(err, windows.ERROR_INVALID_HANDLE) {
		return errs.Because(err, errs.InvalidHandle, errs.ErrWrongType, "%s", call)
	}
	return failed(call, err)
}
