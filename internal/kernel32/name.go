//go:build linux

package kernel32

import (
	"strings"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// NullName stands for a name that is the NULL pointer.
const NullName = "\x00NULL"

// Attributes are security attributes: who may do what with a new object, and
// whether children inherit the handle. nil: the creator, and no.
type Attributes struct {
	Security *access.Security
	Inherit  bool
}

func (a *Attributes) security() *access.Security {
	if a == nil {
		return nil
	}
	return a.Security
}

func (a *Attributes) flags() uint32 { return inheriting(a != nil && a.Inherit) }

func inheriting(inherit bool) uint32 {
	if inherit {
		return Inherit
	}
	return 0
}

// createName is the name that a Create goes by: text ends at its first NUL, and NULL
// is no name.
func createName(name string) string {
	if name == NullName {
		return ""
	}
	name, _, _ = strings.Cut(name, "\x00")
	return name
}

// openName is the name that an Open goes by.
func openName(name string) (string, error) {
	if name == NullName {
		return "", errs.Numbered(errs.InvalidParameter, nil, "an object is opened by its name, and there is none")
	}
	return createName(name), nil
}
