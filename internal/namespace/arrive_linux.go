package namespace

import (
	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// An object that somebody else has passed to this process arrives as a descriptor
// whose description has byte 0 locked, so that it lives until this process holds it
// by itself.

// ReadHeader reads the header of an object's file, and checks the file's length.
//
// # Errors
//
// ErrCorrupt, ErrVersion, the system's.
func ReadHeader(fd int) (layout.Header, error) {
	header, err := readHeader(fd)
	if err != nil {
		return header, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return header, err
	}
	if st.Size != header.FileSize() {
		return header, errs.New(errs.ErrCorrupt, "is %d bytes long, its header says %d: somebody has truncated it", st.Size, header.FileSize())
	}
	return header, nil
}

// Leads says whether the name leads to the file.
func (d *Dir) Leads(name Name, id lockfile.Identity) bool {
	same, err := lockfile.SamePath(d.fd, name.FileName(), id)
	return err == nil && same
}

// Enter makes the object behind fd one that this process holds in the directory,
// without opening it by its name, which this process may not. The description is
// nobody else's, and fd belongs to the object from now on.
//
// # Errors
//
// fs.ErrNotExist: somebody is just removing it. The system's. Then fd stays the
// caller's.
func (d *Dir) Enter(fd int, name Name, header layout.Header, writable bool) (*Object, error) {
	o := &Object{Header: header, FD: fd, Writable: writable, dir: d, file: name.FileName(), handles: 1}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	o.ID = lockfile.IdentityOf(&st)
	o.belongs(&st)
	if held, err := lockfile.TryShared(fd, lockfile.Holders); err != nil {
		return nil, err
	} else if !held {
		return nil, unix.ENOENT
	}
	return d.enter(o), nil
}

// FullName is the name by which this process can open the object; of one outside
// its directories what its own have; empty if it has none.
func (o *Object) FullName() string {
	if o.dir == nil {
		return o.Header.Name
	}
	return Name{Scope: o.dir.Scope, Base: o.Header.Name}.String()
}

// Folder is the directory that the object lies in: its path, and what it is.
func (o *Object) Folder() (path string, id lockfile.Identity) {
	if o.dir == nil {
		return "", id
	}
	return o.dir.Path, o.dir.id
}

// SecureExecution says whether the caller's environment must not steer this
// program, because the kernel has raised its rights above the caller's.
func SecureExecution() bool { return secureExecution() }
