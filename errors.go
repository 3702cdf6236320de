package atoll

import (
	"strconv"

	"atoll/internal/errs"
)

// The errors of this package, for errors.Is. Besides them calls return
// fs.ErrExist, fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid (an argument),
// os.ErrClosed, context.Canceled, context.DeadlineExceeded and
// errors.ErrUnsupported, all wrapped in *Error.
var (
	// ErrWrongType: the name belongs to an object of another type, or the handle
	// that has come is of another type (ERROR_INVALID_HANDLE).
	ErrWrongType = errs.ErrWrongType
	// ErrBadName: the text cannot be a name (ERROR_INVALID_NAME,
	// ERROR_BAD_PATHNAME).
	ErrBadName = errs.ErrBadName
	// ErrNotOwner: an Unlock through a handle that does not own the mutex
	// (ERROR_NOT_OWNER).
	ErrNotOwner = errs.ErrNotOwner
	// ErrTooManyPosts: a semaphore would pass its maximum; nothing was changed
	// (ERROR_TOO_MANY_POSTS).
	ErrTooManyPosts = errs.ErrTooManyPosts
	// ErrStuck: another process, named in the text, holds something it should
	// hold for an instant only, because it was stopped (ERROR_BUSY); or it cannot
	// be told whether an owner is alive, because somebody removed its member
	// file.
	ErrStuck = errs.ErrStuck
	// ErrCorrupt: what lies under the name, or in an object's shared state, is
	// not what Atoll put there; or somebody who may write the object's file has
	// truncated it, and it is lost (ERROR_FILE_CORRUPT).
	ErrCorrupt = errs.ErrCorrupt
	// ErrVersion: the object was made by an incompatible version of Atoll
	// (ERROR_REVISION_MISMATCH).
	ErrVersion = errs.ErrVersion
	// ErrFault: a page of a view could not be read or written, because its file
	// was truncated or its device failed (the counterpart of
	// EXCEPTION_IN_PAGE_ERROR).
	ErrFault = errs.ErrFault
)

// Error is what the calls of this package return when they fail. Where io.EOF, or an
// error of the caller's own, comes back bare, the call says so.
type Error struct {
	Op   string // the call: "create", "open", "map", "lock", …
	Type Type   // of the object the call was about; 0 if it was about no certain one
	Name string // its name as the caller gave it; empty if it has none
	Err  error  // what happened, and the way out
}

// Error names the operation, the object and what happened.
func (e *Error) Error() string {
	text := "atoll: " + e.Op
	if e.Type != 0 {
		text += " " + e.Type.String()
	}
	if e.Name != "" {
		text += " " + strconv.Quote(shorten(e.Name))
	}
	return text + ": " + e.Err.Error()
}

// shorten cuts a name that would hide the rest of a message.
func shorten(name string) string {
	const enough = 100
	if runes := []rune(name); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return name
}

// Unwrap returns Err, so that errors.Is and errors.As see what happened.
func (e *Error) Unwrap() error { return e.Err }

// Win32 returns the number that Windows has for the error, such as 183 for
// ERROR_ALREADY_EXISTS; 31 (ERROR_GEN_FAILURE) if it has none.
func (e *Error) Win32() uint32 { return errs.Number(e.Err) }

// fail wraps an error for the caller; nil stays nil.
func fail(op string, t Type, name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Type: t, Name: name, Err: err}
}
