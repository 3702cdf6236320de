// Package errs holds the errors that every row of Atoll may return, so that the
// lowest package and the public API mean the same value. The root package
// re-exports the sentinels; nobody else should need this package.
package errs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// The sentinels of the public API. Each is documented where the root package
// re-exports it.
var (
	ErrWrongType    = errors.New("the name belongs to an object of another type")
	ErrNotOwner     = errors.New("the mutex is not owned through this handle")
	ErrTooManyPosts = errors.New("the semaphore would pass its maximum")
	ErrStuck        = errors.New("stuck behind another process")
	ErrCorrupt      = errors.New("not a sound Atoll object")
	ErrVersion      = errors.New("made by an incompatible version of Atoll")
	ErrFault        = errors.New("a page of the view could not be read or written")
	ErrBadName      = errors.New("not a valid object name")
)

// ErrClosed is what calls through a closed handle or view say.
var ErrClosed = New(fs.ErrClosed, "it is closed")

// Win32 error numbers, as far as Atoll reports them
// (https://learn.microsoft.com/windows/win32/debug/system-error-codes).
const (
	FileNotFound     = 2
	PathNotFound     = 3
	TooManyOpenFiles = 4
	AccessDenied     = 5
	InvalidHandle    = 6
	NotEnoughMemory  = 8
	BadLength        = 24
	NotSameDevice    = 17
	WriteProtect     = 19
	SharingViolation = 32
	HandleEOF        = 38
	NotSupported     = 50
	InvalidParameter = 87
	FileExists       = 80
	BrokenPipe       = 109
	DiskFull         = 112
	InvalidName      = 123
	NegativeSeek     = 131
	DirNotEmpty      = 145
	NotLocked        = 158
	BadPathname      = 161
	Busy             = 170
	AlreadyExists    = 183
	BadExeFormat     = 193
	NameTooLong      = 206
	WaitTimeout      = 258
	NotOwner         = 288
	TooManyPosts     = 298
	InvalidAddress   = 487
	MutantLimit      = 587
	NoAccess         = 998
	InPageError      = 999
	FileInvalid      = 1006
	DeviceError      = 1117
	MappedAlignment  = 1132
	Cancelled        = 1223
	UserMappedFile   = 1224
	RevisionMismatch = 1306
	PrivilegeNotHeld = 1314
	FileCorrupt      = 1392
	NoResources      = 1450
	WorkingSetQuota  = 1453
	CommitmentLimit  = 1455
	NotSameObject    = 1656
	NotEnoughQuota   = 1816
	CannotResolve    = 1921
	GenFailure       = 31
)

// Detail is an error with a text that names what was found and the way out, the
// sentinel it belongs to, and the Win32 number where it is not the sentinel's own.
type Detail struct {
	Sentinel error  // what errors.Is finds
	Number   uint32 // 0: the number of Sentinel
	Text     string
	Cause    error // the system's own error, or nil
}

// New returns a Detail without a number of its own.
func New(sentinel error, format string, args ...any) error {
	return &Detail{Sentinel: sentinel, Text: fmt.Sprintf(format, args...)}
}

// Numbered returns a Detail with a Win32 number of its own.
func Numbered(number uint32, sentinel error, format string, args ...any) error {
	return &Detail{Sentinel: sentinel, Number: number, Text: fmt.Sprintf(format, args...)}
}

// Because returns a Detail that also wraps the system's error. A cause of nil
// gives nil, so that a call's result can be passed through.
func Because(cause error, number uint32, sentinel error, format string, args ...any) error {
	if cause == nil {
		return nil
	}
	return &Detail{Sentinel: sentinel, Number: number, Text: fmt.Sprintf(format, args...), Cause: cause}
}

func (d *Detail) Error() string {
	if d.Cause == nil {
		return d.Text
	}
	return d.Text + ": " + d.Cause.Error()
}

// Unwrap gives errors.Is both the sentinel and the system's error.
func (d *Detail) Unwrap() []error {
	var list []error
	if d.Sentinel != nil {
		list = append(list, d.Sentinel)
	}
	if d.Cause != nil {
		list = append(list, d.Cause)
	}
	return list
}

// numbers pairs the sentinels, and what the system says when it has no more, with
// their Win32 numbers; the first match counts.
var numbers = []struct {
	err    error
	number uint32
}{
	{ErrWrongType, InvalidHandle},
	{ErrNotOwner, NotOwner},
	{ErrTooManyPosts, TooManyPosts},
	{ErrStuck, Busy},
	{ErrCorrupt, FileCorrupt},
	{ErrVersion, RevisionMismatch},
	{ErrFault, InPageError},
	{ErrBadName, InvalidName},
	{fs.ErrExist, AlreadyExists},
	{fs.ErrNotExist, FileNotFound},
	{fs.ErrPermission, AccessDenied},
	{fs.ErrClosed, InvalidHandle},
	{fs.ErrInvalid, InvalidParameter},
	{context.DeadlineExceeded, WaitTimeout},
	{context.Canceled, Cancelled},
	{syscall.EMFILE, TooManyOpenFiles},
	{syscall.ENFILE, TooManyOpenFiles},
	{syscall.ENOMEM, NotEnoughMemory},
	{syscall.ENOSPC, DiskFull},
	{syscall.EDQUOT, DiskFull},
	{errors.ErrUnsupported, NotSupported},
}

// Number returns the Win32 number of an error: the first that its tree has, from
// the outside to the inside, where a Detail has the number that it names, else
// that of its sentinel, else that of its cause. ERROR_GEN_FAILURE if there is
// none; 0 for nil.
func Number(err error) uint32 {
	if err == nil {
		return 0
	}
	if n := numberIn(err); n != 0 {
		return n
	}
	return GenFailure
}

// numberIn is Number, but 0 if there is none.
func numberIn(err error) uint32 {
	if d, ok := err.(*Detail); ok && d.Number != 0 { //nolint:errorlint // this node; the loop goes on inward
		return d.Number
	}
	switch inner := err.(type) { //nolint:errorlint // walks the tree itself
	case interface{ Unwrap() []error }:
		for _, e := range inner.Unwrap() {
			if n := numberIn(e); n != 0 {
				return n
			}
		}
	case interface{ Unwrap() error }:
		if e := inner.Unwrap(); e != nil {
			if n := numberIn(e); n != 0 {
				return n
			}
		}
	}
	for _, n := range numbers {
		if errors.Is(err, n.err) {
			return n.number
		}
	}
	return 0
}
