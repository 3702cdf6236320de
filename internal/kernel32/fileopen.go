//go:build linux

package kernel32

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/lockfile"
)

// What CreateFile does with a file that is there, and with one that is not.
const (
	createNew        = 1
	createAlways     = 2
	openExisting     = 3
	openAlways       = 4
	truncateExisting = 5
)

// Flags of CreateFile that mean something here.
const (
	attributeReadOnly    = 0x1
	flagOpenReparsePoint = 0x00200000
	flagBackupSemantics  = 0x02000000
	flagDeleteOnClose    = 0x04000000
	flagOverlapped       = 0x40000000
	flagWriteThrough     = 0x80000000
)

// opening is a call of CreateFile.
type opening struct {
	path        string
	rights      access.Mask
	most        bool // as many rights as can be had
	mayDelete   bool // not asked for by name, so it need not be had
	anything    bool // pipes and devices, too: only their name is looked at
	share       fileuse.Rights
	attributes  *Attributes
	disposition uint32
	flags       uint32
}

// CreateFile opens or creates a file.
func CreateFile(name string, asked access.Mask, share uint32, a *Attributes, disposition, flags uint32) (Handle, error) {
	o, err := opened(name, asked, share, a, disposition, flags)
	if err != nil {
		return InvalidHandle, err
	}
	f, existed, err := o.open()
	if err != nil {
		return InvalidHandle, fileError(err, o.path)
	}
	h, err := insert(f, access.File, o.rights, a.flags())
	switch {
	case err != nil:
		return InvalidHandle, err
	case existed && (disposition == createAlways || disposition == openAlways):
		return h, errAlreadyExists
	}
	return h, nil
}

// opened checks the arguments of a call.
func opened(name string, asked access.Mask, share uint32, a *Attributes, disposition, flags uint32) (*opening, error) {
	path, err := pathOf(name)
	if err != nil {
		return nil, err
	}
	if err := (&access.Request{Access: asked}).Valid(access.File); err != nil {
		return nil, err
	}
	o := &opening{
		path: path, share: fileuse.Rights(share), attributes: a, disposition: disposition, flags: flags,
		rights: asked.Specific(access.File)&^access.MaximumAllowed | access.ReadAttributes | access.Wait,
		most:   asked&access.MaximumAllowed != 0,
	}
	if o.flags&flagDeleteOnClose != 0 {
		o.rights |= access.Delete
		asked |= access.Delete
	}
	o.mayDelete = asked&access.Delete == 0
	switch {
	case disposition < createNew || disposition > truncateExisting, share&^uint32(fileuse.All) != 0:
		return nil, errs.Numbered(errs.InvalidParameter, nil, "no such disposition, or share mode")
	case disposition == truncateExisting && o.rights&access.WriteData == 0:
		return nil, errs.Numbered(errs.InvalidParameter, nil, "to truncate a file is to write it, which the access does not ask for")
	}
	return o, nil
}

func (o *opening) truncates() bool {
	return o.disposition == createAlways || o.disposition == truncateExisting
}

// errGone: the file was removed, or made, before it could be opened.
var errGone = errors.New("somebody else was quicker")

// open opens what is there, or makes it.
func (o *opening) open() (f *file, existed bool, err error) {
	const tries = 40
	for range tries {
		if f, err = o.existing(); !errors.Is(err, unix.ENOENT) {
			return f, true, err
		}
		if o.disposition == openExisting || o.disposition == truncateExisting {
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
func (o *opening) existing() (*file, error) {
	nofollow := 0
	if o.flags&flagOpenReparsePoint != 0 {
		nofollow = unix.O_NOFOLLOW
	}
	look, err := unix.Open(o.path, unix.O_PATH|unix.O_CLOEXEC|nofollow, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(look, &st); err == nil {
		err = o.allowed(&st)
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
func (o *opening) allowed(st *unix.Stat_t) error {
	const writes = access.WriteData | access.AppendData
	kind := st.Mode & unix.S_IFMT
	switch {
	case o.disposition == createNew:
		return unix.EEXIST
	case kind == unix.S_IFDIR && (o.flags&flagBackupSemantics == 0 || o.truncates()):
		return errs.Numbered(errs.AccessDenied, nil, "a directory is opened with FILE_FLAG_BACKUP_SEMANTICS, and not truncated")
	case o.anything:
	case kind == unix.S_IFIFO || kind == unix.S_IFSOCK || kind == unix.S_IFBLK:
		return errs.Numbered(errs.NotSupported, nil, "it is a pipe, a socket or a disk")
	case kind == unix.S_IFREG && st.Mode&0o222 == 0 && (o.rights&writes != 0 || o.truncates() || o.flags&flagDeleteOnClose != 0):
		return errs.Numbered(errs.AccessDenied, nil, "the file is read-only: its mode is %#o", st.Mode&0o7777)
	}
	if o.rights&access.Delete == 0 {
		return nil
	}
	if err := mayUnlink(o.path, st.Uid); err != nil {
		if !o.mayDelete {
			return err
		}
		o.rights &^= access.Delete
	}
	return nil
}

// reopen opens the file as the rights need it, which is the descriptor by path itself
// for a file that may not be read, if nothing is to be done with its bytes.
func (o *opening) reopen(look int, kind uint32) (int, error) {
	const writes, reads = access.WriteData | access.AppendData, access.ReadData | access.ExecuteFile
	extra := 0
	if o.flags&flagWriteThrough != 0 {
		extra = unix.O_DSYNC
	}
	as := func(mode int) (int, error) { return lockfile.Reopen(look, mode|extra) }
	write := (o.rights&writes != 0 || o.truncates()) && kind != unix.S_IFDIR
	switch {
	case kind == unix.S_IFLNK, o.anything && kind != unix.S_IFREG && kind != unix.S_IFDIR:
		return look, nil
	case o.most:
		if fd, err := as(unix.O_RDWR); err == nil {
			o.rights |= access.GenericAll.Specific(access.File) &^ access.Delete
			return fd, nil
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
func (o *opening) create() (*file, error) {
	mode := uint32(0o666)
	if o.flags&attributeReadOnly != 0 {
		mode = 0o444
	}
	how := unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK
	fd, err := unix.Open(o.path, how|unix.O_EXCL, mode)
	if errors.Is(err, unix.EEXIST) {
		// A link that leads nowhere, unless somebody was quicker.
		if _, e := os.Stat(o.path); e == nil {
			return nil, errGone
		}
		fd, err = unix.Open(o.path, how, mode)
	}
	if err != nil {
		return nil, err
	}
	if err := o.secure(fd); err != nil {
		_ = unix.Close(fd)
		_ = unix.Unlink(o.path)
		return nil, err
	}
	if o.most {
		o.rights |= access.GenericAll.Specific(access.File)
	}
	return o.admit(fd, unix.S_IFREG)
}

// secure gives a new file the rights that the attributes say.
func (o *opening) secure(fd int) error {
	s := o.attributes.security()
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
func (o *opening) admit(fd int, kind uint32) (*file, error) {
	f := &file{fd: fd, kind: kind, overlapped: o.flags&flagOverlapped != 0, onClose: o.flags&flagDeleteOnClose != 0}
	_ = unix.SetNonblock(fd, false)
	f.File = os.NewFile(uintptr(fd), o.path)
	if err := o.enter(f); err != nil {
		_ = f.File.Close()
		return nil, err
	}
	return f, nil
}

// enter says to others what is done with the file, and cuts it off.
func (o *opening) enter(f *file) error {
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
