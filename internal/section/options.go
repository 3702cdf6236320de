package section

import (
	"io/fs"
	"os"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
)

// Options say how to create a section.
type Options struct {
	Size       int64
	File       *os.File // nil: a memory section
	Protection access.Protection
	Reserve    bool
	LargePages bool
	Request    access.Request // Access 0: what the protection allows
}

// memoryLimit is where Windows says that a section of memory is too big.
const memoryLimit = 1 << 47

// Valid refuses what no section can be.
//
// # Errors
//
// fs.ErrInvalid (Win32 87), or the number 8: too big.
func (o *Options) Valid() error {
	switch {
	case !o.Protection.Valid():
		return errs.New(fs.ErrInvalid, "no such protection of a section")
	case o.Size < 0:
		return errs.New(fs.ErrInvalid, "a section cannot have %d bytes", o.Size)
	case o.File != nil && o.LargePages:
		return errs.New(fs.ErrInvalid, "a section over a file cannot have large pages")
	case o.File != nil:
		return nil
	case o.Size == 0:
		return errs.New(fs.ErrInvalid, "a section of memory needs a size")
	case o.Size >= memoryLimit:
		return errs.Numbered(errs.NotEnoughMemory, nil, "a section of memory has less than %d bytes", int64(memoryLimit))
	case o.LargePages && o.Reserve:
		return errs.New(fs.ErrInvalid, "large pages cannot be reserved without allocating them")
	case o.LargePages && o.Size%layout.LargePage != 0:
		return errs.New(fs.ErrInvalid, "the size of a section in large pages must be a multiple of %d bytes", layout.LargePage)
	}
	return nil
}
