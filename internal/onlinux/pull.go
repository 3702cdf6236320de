//go:build linux

package onlinux

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/backing"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
	"atoll/internal/space"
	"atoll/internal/transfer"
)

// DuplicateFrom makes a handle of an object that another process has open by a
// descriptor. want is its type, 0 any; asked gives the access for a kind of object.
func DuplicateFrom(pid int, descriptor uintptr, asked func(access.Kind) access.Request, want layout.Type) (Object, error) {
	process, err := unix.PidfdOpen(pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL):
		return nil, errs.Because(err, 0, fs.ErrNotExist, "no process has the pid %d", pid)
	case err != nil:
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(process) }()
	folder, err := sharedFolder(pid)
	if err != nil {
		return nil, err
	}
	h := &transfer.Handle{Object: transfer.None, Second: folder}
	defer h.Close()
	if h.Object.FD, err = transfer.Pull(process, pid, descriptor); err != nil {
		return nil, backing.Exhausted(err)
	}
	if err := claim(h, asked); err != nil {
		return nil, err
	}
	if err := wanted(h.Type, want); err != nil {
		return nil, err
	}
	return adopt(h, false)
}

// sharedFolder holds the folder of this user's members, if the other process uses
// it, too: as long as it is held, an object without a name may go from there to
// here.
func sharedFolder(pid int) (transfer.File, error) {
	s, err := space.Look(namespace.Local)
	if err != nil || s == nil {
		return transfer.None, err
	}
	defer s.Dir.Release()
	id, err := s.Members.ID()
	if err != nil || !transfer.HasOpen(pid, id) {
		return transfer.None, err
	}
	fd, err := s.Members.Hold()
	return transfer.File{FD: fd, ID: id}, err
}

// claim describes what was pulled, whose owner does not say anything of it.
func claim(h *transfer.Handle, asked func(access.Kind) access.Request) error {
	if !transfer.InMemory(h.Object.FD) {
		return errs.Numbered(errs.InvalidHandle, errs.ErrCorrupt, "the descriptor is no handle: it leads to no file of memory")
	}
	var st unix.Stat_t
	if err := unix.Fstat(h.Object.FD, &st); err != nil {
		return err
	}
	h.Object.ID = lockfile.IdentityOf(&st)
	if _, err := h.Object.Check(unix.S_IFREG); err != nil {
		return errs.Because(err, errs.InvalidHandle, nil, "the descriptor is no handle")
	}
	header, err := namespace.ReadHeader(h.Object.FD)
	if err != nil {
		return errs.Because(err, errs.InvalidHandle, nil, "the descriptor is no handle: its file")
	}
	h.Type, h.Access = header.Type, asked(access.Kind(header.Type)).Access
	if header.Name != "" || h.Type == layout.Section {
		h.Second.Close()
		h.Second = transfer.None
	}
	return nil
}
