package win32

import (
	"atoll/internal/errs"
	"atoll/internal/kernel32"
)

// errno is the number of an error that a package below gave.
func errno(err error) error {
	if err == nil {
		return nil
	}
	return Errno(errs.Number(err))
}

// made passes on what a call gave that makes a handle, which may be one although there
// is an error.
func made(h kernel32.Handle, err error) (Handle, error) { return Handle(h), errno(err) }

func (a *SecurityAttributes) linux() *kernel32.Attributes {
	if a == nil {
		return nil
	}
	given := &kernel32.Attributes{Inherit: a.InheritHandle != 0}
	if a.SecurityDescriptor != nil {
		given.Security = a.SecurityDescriptor.security
	}
	return given
}
