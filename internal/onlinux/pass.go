//go:build linux

package onlinux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/transfer"
)

// pack makes what a process of the user uid needs to have a handle like o:
// descriptors of its own, which the caller must close. They keep the object alive
// wherever they go.
//
// The description of a named object's file is a new one with a lock of its own,
// because whoever unlocks a description does it for all who have it. Nobody unlocks
// this one: its lock ends with its last descriptor.
//
// Meanwhile this process holds the object, also if the handle is closed: so whoever
// is the last to hold it is there to remove its name. The caller calls release when
// the descriptors are closed.
func pack(o Object, asked access.Request, uid uint32) (h *transfer.Handle, release func(), err error) {
	if err := o.pin(); err != nil {
		return nil, nil, err
	}
	defer o.unpin()
	p := o.parts()
	rights, err := asked.Regrant(subject(p.inner, false), p.rights)
	if err != nil {
		return nil, nil, err
	}
	h = &transfer.Handle{
		Type: p.inner.Header.Type, Access: rights,
		Object: transfer.None, Second: transfer.None,
	}
	h.Folder.Path, h.Folder.ID = p.inner.Folder()
	if err := p.describe(h, uid); err != nil {
		h.Close()
		return nil, nil, backing.Exhausted(err)
	}
	release, err = o.hold()
	if err != nil {
		h.Close()
		return nil, nil, err
	}
	p.inner.Share()
	return h, release, nil
}

func (s *Section) hold() (release func(), err error) {
	return func() { _ = s.inner.DropHandle() }, s.inner.AddHandle()
}

// hold keeps this process a member, too: whoever opens the object in it meanwhile
// finds what it was to the handle that has been closed, also its number.
func (h *syncHandle) hold() (release func(), err error) {
	if _, err := h.space.Join(); err != nil {
		return nil, err
	}
	if err := h.inner.AddHandle(); err != nil {
		return nil, errors.Join(err, h.space.Leave())
	}
	return func() { _ = h.letGo(h.inner.DropHandle) }, nil
}

// describe fills in the descriptors.
func (p *parts) describe(h *transfer.Handle, uid uint32) (err error) {
	mode := p.mode(h.Access)
	if mode == unix.O_RDWR {
		if err := p.trusts(uid); err != nil {
			return err
		}
	}
	if h.Object, err = p.object(mode); err != nil {
		return err
	}
	switch {
	case p.file >= 0:
		h.Second, err = p.fileAs(h.Access)
	case p.inner.Header.Name == "" && h.Type != layout.Section:
		if err := p.staysWith(uid); err != nil {
			return err
		}
		h.Second, err = p.heldFolder()
	}
	return err
}

// mode is how the object's file must be open for the rights. Who waits needs to
// write, too, if the object was not created for those who may only read.
func (p *parts) mode(rights access.Mask) int {
	o, h := subject(p.inner, false), &p.inner.Header
	waits := h.Type != layout.Section && rights&access.Wait != 0 && !h.Has(layout.FlagReaders)
	if p.inner.Writable && (rights&o.Writes() != 0 || waits) {
		return unix.O_RDWR
	}
	return unix.O_RDONLY
}

// trusts refuses to give a descriptor that can write a named object to a user who may
// not open it so. That user could truncate the state under all who wait, who would not
// be on their guard; and say of a section over a file that it is over another one,
// which its owner would be believed. (Of sections of memory it is known that whoever
// may write them can truncate them.)
func (p *parts) trusts(uid uint32) error {
	var st unix.Stat_t
	h := &p.inner.Header
	if h.Name == "" || h.Type == layout.Section && !h.Has(layout.FlagFile) {
		return nil
	}
	if err := unix.Fstat(p.inner.FD, &st); err != nil || uid == st.Uid || uid == 0 || st.Mode&0o022 != 0 {
		return err
	}
	return errs.New(fs.ErrPermission, "%s may not write the object's file, which belongs to uid %d and has mode %#o, and so cannot get this access to it; create the %s with a Security that lets that user write", userText(uid), st.Uid, st.Mode&0o7777, h.Type)
}

// staysWith refuses to give an object without a name to another user, who could not
// use it, as its members are this user's; and who could lock their folder, which goes
// with it, for good.
func (p *parts) staysWith(uid uint32) error {
	if me := uint32(os.Geteuid()); uid != me && uid != 0 {
		return errs.New(fs.ErrPermission, "it is of type %s and has no name, so %s, who does not see whose processes wait for it, cannot have it from uid %d; use a name in Global\\ or in a private namespace between users", p.inner.Header.Type, userText(uid), me)
	}
	return nil
}

// userText names who gets something, for people.
func userText(uid uint32) string {
	if uid == transfer.Unknown {
		return "the receiver, who is unknown (of datagrams the kernel does not say to whom they go: connect a stream, or SOCK_SEQPACKET),"
	}
	return fmt.Sprintf("user %d", uid)
}

// object opens the object's file again.
func (p *parts) object(mode int) (transfer.File, error) {
	fd, err := lockfile.Reopen(p.inner.FD, mode)
	named := p.inner.Header.Name != ""
	if err != nil && !named {
		// Nothing is locked, so the description may be shared, if it is the right one.
		fd, err = reopenAs(p.inner.FD, mode)
	}
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = errs.Because(err, 0, fs.ErrPermission, "this process has the object from another user, and may not open its file itself as this access needs, so it cannot pass it on")
		}
		return transfer.None, err
	}
	f := transfer.File{FD: fd, ID: p.inner.ID}
	if !named && p.inner.Header.Type != layout.Job { // which has a guard that waits for its last holder
		return f, nil
	}
	if held, err := lockfile.TryShared(fd, lockfile.Holders); err != nil || !held {
		_ = unix.Close(fd)
		return transfer.None, errors.Join(err, errors.New("the object's file is locked"))
	}
	return f, nil
}

// fileAs opens the file of a section over a file again.
func (p *parts) fileAs(rights access.Mask) (transfer.File, error) {
	mode := unix.O_RDONLY
	if rights&access.Write != 0 && access.Protection(p.inner.Header.Protection).Writable() {
		mode = unix.O_RDWR
	}
	fd, err := reopenAs(p.file, mode)
	if err != nil {
		return transfer.None, err
	}
	h := &p.inner.Header
	return transfer.File{FD: fd, ID: lockfile.Identity{Dev: h.FileDev, Ino: h.FileIno}}, nil
}

// heldFolder holds the folder of the members that the object may name.
func (p *parts) heldFolder() (f transfer.File, err error) {
	if f.ID, err = p.space.Members.ID(); err != nil {
		return transfer.None, err
	}
	f.FD, err = p.space.Members.Hold()
	return f, err
}
