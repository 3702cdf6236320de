//go:build linux

package winfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/lockfile"
)

// What Open does with a file that is there, and with one that is not.
const (
	CreateNew        = 1
	CreateAlways     = 2
	OpenExisting     = 3
	OpenAlways       = 4
	TruncateExisting = 5
)

// Flags of Open.
const (
	ReadOnly         = 0x1
	OpenReparsePoint = 0x00200000
	BackupSemantics  = 0x02000000
	DeleteOnClose    = 0x04000000
	Overlapped       = 0x40000000
	WriteThrough     = 0x80000000
)

// Request is what a file is asked for.
type Request struct {
	Path        string // of Linux, as it is
	Access      access.Mask
	Share       uint32
	Security    *access.Security // of a new file; nil: what the umask leaves
	Disposition uint32
	Flags       uint32
}

// opening is a Request on its way.
type opening struct {
	Request
	rights    access.Mask // specific
	share     fileuse.Rights
	most      bool // as many rights as can be had
	mayDelete bool // not asked for by name, so it need not be had
	anything  bool // pipes and devices, too: only their name is looked at
	readOnly  bool // the mode lets nobody write
}

// Open opens or creates a file, and says what may be done with it, and whether it was
// there.
//
// # Errors
//
// With Windows' numbers, all of them.
func Open(r Request) (f *File, granted access.Mask, existed bool, err error) {
	o, err := r.checked()
	if err != nil {
		return nil, 0, false, err
	}
	f, existed, err = o.open()
	return f, o.rights, existed, numbered(err, r.Path)
}

// checked checks the arguments.
func (r *Request) checked() (*opening, error) {
	if err := checkPath(r.Path); err != nil {
		return nil, err
	}
	asked := r.Access
	if err := (&access.Request{Access: asked}).Valid(access.File); err != nil {
		return nil, err
	}
	if r.Flags&DeleteOnClose != 0 {
		asked |= access.Delete
	}
	o := &opening{
		Request: *r, share: fileuse.Rights(r.Share),
		rights: asked.Specific(access.File)&^access.MaximumAllowed | access.ReadAttributes | access.Wait,
		most:   asked&access.MaximumAllowed != 0, mayDelete: asked&access.Delete == 0,
	}
	switch {
	case r.Disposition < CreateNew || r.Disposition > TruncateExisting, r.Share&^uint32(fileuse.All) != 0:
		return nil, errs.Numbered(errs.InvalidParameter, nil, "no such disposition, or share mode")
	case r.Disposition == TruncateExisting && o.rights&access.WriteData == 0:
		return nil, errs.Numbered(errs.InvalidParameter, nil, "to truncate a file is to write it, which the access does not ask for")
	}
	return o, nil
}

func (o *opening) truncates() bool {
	return o.Disposition == CreateAlways || o.Disposition == TruncateExisting
}

// errGone: the file was removed, or made, before it could be opened.
var errGone = errors.New("somebody else was quicker")

// open opens what is there, or makes it.
func (o *opening) open() (f *File, existed bool, err error) {
	const tries = 40
	for range tries {
		if f, err = o.existing(); !errors.Is(err, unix.ENOENT) {
			return f, true, err
		}
		if o.Disposition == OpenExisting || o.Disposition == TruncateExisting {
			return nil, false, err
		}
		if f, err = o.create(); !errors.Is(err, errGone) {
			return f, false, err
		}
	}
	return nil, false, errs.Numbered(errs.SharingViolation, nil, "the file is made and removed all the time")
}

// existing opens a file that is there. It looks by path only first, so that nothing
// waits at a pipe, and nothing happens to a device.
func (o *opening) existing() (*File, error) {
	nofollow := 0
	if o.Flags&OpenReparsePoint != 0 {
		nofollow = unix.O_NOFOLLOW
	}
	look, err := unix.Open(o.Path, unix.O_PATH|unix.O_CLOEXEC|nofollow, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(look, &st); err == nil {
		err = o.allowed(look, &st)
	}
	if err != nil {
		_ = unix.Close(look)
		return nil, err
	}
	fd, err := o.reopen(look, st.Mode&unix.S_IFMT)
	if fd != look {
		_ = unix.Close(look)
	}
	if err != nil {
		return nil, err
	}
	return o.admit(fd, st.Mode&unix.S_IFMT)
}

// allowed refuses what cannot be opened like this.
func (o *opening) allowed(look int, st *unix.Stat_t) error {
	const writes = access.WriteData | access.AppendData
	kind := st.Mode & unix.S_IFMT
	o.readOnly = kind == unix.S_IFREG && st.Mode&0o222 == 0
	switch {
	case o.Disposition == CreateNew:
		return unix.EEXIST
	case kind == unix.S_IFDIR && (o.Flags&BackupSemantics == 0 || o.truncates()):
		return errs.Numbered(errs.AccessDenied, nil, "a directory is opened with FILE_FLAG_BACKUP_SEMANTICS, and not truncated")
	case kind == unix.S_IFLNK && o.truncates():
		return errs.Numbered(errs.AccessDenied, nil, "a link has no bytes of its own")
	case o.anything:
	case kind == unix.S_IFIFO || kind == unix.S_IFSOCK || kind == unix.S_IFBLK:
		return errs.Numbered(errs.NotSupported, nil, "it is a pipe, a socket or a disk")
	case o.readOnly && (o.rights&writes != 0 || o.truncates() || o.Flags&DeleteOnClose != 0):
		return errs.Numbered(errs.AccessDenied, nil, "the file is read-only: its mode is %#o", st.Mode&0o7777)
	}
	if o.rights&access.Delete == 0 && !o.most {
		return nil
	}
	err := mayUnlink(look, st.Uid)
	switch {
	case err == nil:
		o.rights |= access.Delete
	case !o.mayDelete:
		return err
	default:
		o.rights &^= access.Delete
	}
	return nil
}

// reopen opens the file as the rights need it, which is the descriptor by path itself
// for a file that may not be read, if nothing is to be done with its bytes.
func (o *opening) reopen(look int, kind uint32) (int, error) {
	const writes, reads = access.WriteData | access.AppendData, access.ReadData | access.ExecuteFile
	extra := 0
	if o.Flags&WriteThrough != 0 {
		extra = unix.O_DSYNC
	}
	as := func(mode int) (int, error) { return lockfile.Reopen(look, mode|extra) }
	write := (o.rights&writes != 0 || o.truncates()) && kind != unix.S_IFDIR
	switch {
	case kind == unix.S_IFLNK, o.anything && kind != unix.S_IFREG && kind != unix.S_IFDIR:
		return look, nil
	case o.most:
		if !o.readOnly {
			if fd, err := as(unix.O_RDWR); err == nil {
				o.rights |= access.GenericAll.Specific(access.File) &^ access.Delete
				return fd, nil
			}
		}
		o.rights |= (access.GenericRead | access.GenericExecute).Specific(access.File)
		return as(unix.O_RDONLY)
	case write:
		fd, err := as(unix.O_RDWR)
		if errors.Is(err, unix.EACCES) && o.rights&reads == 0 {
			fd, err = as(unix.O_WRONLY)
		}
		return fd, err
	}
	fd, err := as(unix.O_RDONLY)
	if errors.Is(err, unix.EACCES) && o.rights&reads == 0 {
		return look, nil
	}
	return fd, err
}

// create makes the file.
func (o *opening) create() (*File, error) {
	mode := uint32(0o666)
	if o.Flags&ReadOnly != 0 {
		mode = 0o444
	}
	how := unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK
	fd, err := unix.Open(o.Path, how|unix.O_EXCL, mode)
	if errors.Is(err, unix.EEXIST) {
		// A link that leads nowhere, unless somebody was quicker.
		if _, e := os.Stat(o.Path); e == nil {
			return nil, errGone
		}
		fd, err = unix.Open(o.Path, how, mode)
	}
	if err != nil {
		return nil, err
	}
	if err := o.secure(fd); err != nil {
		_ = unix.Close(fd)
		_ = unix.Unlink(o.Path)
		return nil, err
	}
	if o.most {
		o.rights |= access.GenericAll.Specific(access.File)
	}
	return o.admit(fd, unix.S_IFREG)
}

// secure gives a new file the rights that the attributes say.
func (o *opening) secure(fd int) error {
	s := o.Security
	if s == nil || s.Mode == 0 && s.ACL == nil && s.Owner == nil && s.Group == nil {
		return nil
	}
	r, err := s.FileRights(access.Subject{Kind: access.File}, access.Creator{UID: unix.Geteuid(), GID: unix.Getegid()})
	if err != nil {
		return err
	}
	return lockfile.SetRights(fd, r)
}

// admit makes a file of a descriptor, which it owns, if nobody is against it.
func (o *opening) admit(fd int, kind uint32) (*File, error) {
	_ = unix.SetNonblock(fd, false)
	f := newFile(fd, o.Path, kind, o.Flags&Overlapped != 0)
	f.onClose = o.Flags&DeleteOnClose != 0
	if err := o.enter(f); err != nil {
		_ = f.os.Close()
		return nil, err
	}
	return f, nil
}

// enter says to others what is done with the file, and cuts it off.
func (o *opening) enter(f *File) error {
	if f.kind != unix.S_IFREG && f.kind != unix.S_IFDIR {
		return nil
	}
	u := fileuse.Use{
		Access: uses(o.rights), Share: o.share,
		WriteData:     o.rights&access.WriteData != 0 || o.truncates(),
		DeleteOnClose: f.onClose,
		Truncate:      o.truncates(),
	}
	if err := u.Enter(f.fd); err != nil || !o.truncates() {
		return err
	}
	return f.cut(0)
}
