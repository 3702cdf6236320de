//go:build windows

package onwindows

import (
	"errors"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/namespace"
)

// Intent says what a call with a name wants.
type Intent uint8

// The intents.
const (
	MustCreate Intent = iota
	MustOpen
	CreateOrOpen
)

// calls are those that make and open an object of a type.
type calls struct {
	kind   access.Kind
	create func(name *uint16, access uint32) (windows.Handle, error)
	open   func(access uint32, inherit bool, name *uint16) (windows.Handle, error)
}

// ownership are the rights that only an owner has, which are not worth a refusal where
// nobody asked for them.
const ownership = access.Delete | access.WriteDAC | access.WriteOwner

// obtain creates or opens an object.
func obtain(name string, intent Intent, asked access.Request, c calls) (h *handle, created bool, err error) {
	rights, err := asked.Grant(access.Subject{Kind: c.kind, Writable: true})
	if err != nil {
		return nil, false, err
	}
	if asked.Access == 0 {
		rights &^= ownership
	}
	wide, err := wideName(name, intent)
	if err != nil {
		return nil, false, err
	}
	if intent == MustOpen {
		raw, err := c.open(uint32(rights), false, wide)
		if err != nil {
			return nil, false, opened("open", err)
		}
		return newHandle(raw, c.kind, rights), false, nil
	}
	if err := refuseSecurity(asked.Security); err != nil {
		return nil, false, err
	}
	raw, err := c.create(wide, uint32(rights))
	if created, err = settle(raw, intent, err); err != nil {
		return nil, false, err
	}
	return newHandle(raw, c.kind, rights), created, nil
}

// settle says what came of a Create, which gives a handle also of an object that was
// there.
func settle(raw windows.Handle, intent Intent, err error) (created bool, _ error) {
	switch found := errors.Is(err, windows.ERROR_ALREADY_EXISTS); {
	case raw == 0:
		return false, opened("create", err)
	case found && intent == MustCreate:
		return false, errors.Join(failed("create", err), windows.CloseHandle(raw))
	default:
		return !found, nil
	}
}

// wideName checks a name and has it as Windows does; nil for an object without one.
// Which prefixes there are, besides Local and Global, Windows knows.
func wideName(name string, intent Intent) (*uint16, error) {
	if name == "" && intent != MustOpen {
		return nil, nil
	}
	if _, err := namespace.Parse(name); err != nil && errs.Number(err) != errs.PathNotFound {
		return nil, err
	}
	wide, err := windows.UTF16PtrFromString(name)
	return wide, failed("name", err)
}

// refuseSecurity refuses rights that are numbers of Unix. Without, Windows' default
// counts: this user and the system.
func refuseSecurity(s *access.Security) error {
	if s == nil || s.Mode == 0 && s.ACL == nil && s.Owner == nil && s.Group == nil {
		return nil
	}
	return errs.New(errors.ErrUnsupported, "a Security has modes, users and groups of Unix, which Windows does not know; leave it nil, or create the object by package win32 with a descriptor, and open it here")
}
