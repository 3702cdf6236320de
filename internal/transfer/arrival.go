//go:build linux

package transfer

import (
	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// Arrival is a handle that has come from another process, and that is what it claims
// to be.
type Arrival struct {
	*Handle
	Header   layout.Header
	Writable bool // the object's descriptor can write
}

// Arrive compares a handle that has come with its descriptors. complete says that all
// must have come that belongs to it; of a handle that was taken out of another
// process only the object has.
//
// # Errors
//
// ErrCorrupt, ErrVersion: it is not what it claims; the text says what was found. The
// system's.
func (h *Handle) Arrive(complete bool) (*Arrival, error) {
	a := &Arrival{Handle: h}
	if !InMemory(h.Object.FD) {
		return nil, errs.New(errs.ErrCorrupt, "the object's descriptor leads to no file of memory")
	}
	var err error
	if a.Writable, err = h.Object.Check(unix.S_IFREG); err != nil {
		return nil, err
	}
	if a.Header, err = namespace.ReadHeader(h.Object.FD); err != nil {
		return nil, errs.Because(err, 0, nil, "the object's file")
	}
	if a.Header.Type != h.Type {
		return nil, errs.New(errs.ErrCorrupt, "the object is of type %s, not %s", a.Header.Type, h.Type)
	}
	if a.Header.Name == "" {
		const needed = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
		if seals, err := unix.FcntlInt(uintptr(h.Object.FD), unix.F_GET_SEALS, 0); err != nil || seals&needed != needed {
			return nil, errs.New(errs.ErrCorrupt, "the object has no name, and its file is not sealed (%#x), as those of such objects are: somebody could truncate it", seals)
		}
	}
	return a, a.checkSecond(complete)
}

// checkSecond compares the second descriptor with what the object needs.
func (a *Arrival) checkSecond(complete bool) error {
	there := a.Second.FD >= 0
	switch overFile := a.Header.Has(layout.FlagFile); {
	case overFile && !there && complete:
		return errs.New(errs.ErrCorrupt, "the section is over a file, which did not come with it")
	case overFile && there:
		return a.checkFile()
	case !there:
		return nil
	case a.Type == layout.Section || a.Header.Name != "":
		return errs.New(errs.ErrCorrupt, "a second descriptor came along, which this object does not have")
	}
	_, err := a.Second.Check(unix.S_IFDIR)
	return err
}

func (a *Arrival) checkFile() error {
	writable, err := a.Second.Check(unix.S_IFREG)
	switch {
	case err != nil:
		return err
	case a.Second.ID != lockfile.Identity{Dev: a.Header.FileDev, Ino: a.Header.FileIno}:
		return errs.New(errs.ErrCorrupt, "the section is over another file than the one that came with it")
	case a.Access&access.Write != 0 && access.Protection(a.Header.Protection).Writable() && !writable:
		return errs.New(errs.ErrCorrupt, "the handle may write, but its file was opened for reading")
	}
	return nil
}
