//go:build linux

package views

import (
	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Protection is what pages allow, with Windows' numbers.
type Protection uint32

// The protections, and what modifies them.
const (
	NoAccess Protection = 1 << iota
	ReadOnly
	ReadWrite
	WriteCopy
	Execute
	ExecuteRead
	ExecuteReadWrite
	ExecuteWriteCopy
	Guard
	NoCache
	WriteCombine

	modifiers = Guard | NoCache | WriteCombine
)

// What a protection comes to: read, write, execute; a page that is copied when it is
// written counts as one that is read.
const (
	mayRead = 1 << iota
	mayWrite
	mayExecute
)

var meaning = map[Protection]struct {
	may   int         // compared when a protection is changed
	bits  int         // of mprotect
	right access.Mask // on the handle of the section that a view needs
}{
	NoAccess:         {0, unix.PROT_NONE, access.Read},
	ReadOnly:         {mayRead, unix.PROT_READ, access.Read},
	ReadWrite:        {mayRead | mayWrite, unix.PROT_READ | unix.PROT_WRITE, access.Write},
	WriteCopy:        {mayRead, unix.PROT_READ | unix.PROT_WRITE, access.Read},
	Execute:          {mayRead | mayExecute, unix.PROT_READ | unix.PROT_EXEC, access.Read | access.Execute},
	ExecuteRead:      {mayRead | mayExecute, unix.PROT_READ | unix.PROT_EXEC, access.Read | access.Execute},
	ExecuteReadWrite: {mayRead | mayWrite | mayExecute, unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC, access.Write | access.Execute},
	ExecuteWriteCopy: {mayRead | mayExecute, unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC, access.Read | access.Execute},
}

// copies says whether a page is copied when it is written.
func (p Protection) copies() bool { return p == WriteCopy || p == ExecuteWriteCopy }

// written is the protection of a page that was copied because it was written.
func (p Protection) written() Protection {
	switch p {
	case WriteCopy:
		return ReadWrite
	case ExecuteWriteCopy:
		return ExecuteReadWrite
	default:
		return p
	}
}

// within says whether pages of a view that was mapped for most may become p.
func (p Protection) within(most Protection) bool { return meaning[p].may&^meaning[most].may == 0 }

func (p Protection) bits() int { return meaning[p].bits }

// valid refuses what is no protection.
func (p Protection) valid() error {
	if _, known := meaning[p]; !known {
		return errs.Numbered(errs.InvalidParameter, nil, "%#x is no protection of pages", uint32(p))
	}
	return nil
}
