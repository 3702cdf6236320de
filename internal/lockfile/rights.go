//go:build linux

package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
)

const aclAttribute = "system.posix_acl_access"

// SetRights gives a file that nobody else can reach yet its owner, group and
// mode, whatever the umask and the default ACL of its directory say. A file fresh
// from CreateUnnamed with mode 0600 has access.CreatorAlone already.
//
// # Errors
//
// fs.ErrPermission: only root may give that owner, or that group. fs.ErrInvalid: this
// user namespace has no such user or group. errors.ErrUnsupported: no ACLs here.
func SetRights(fd int, r access.FileRights) error {
	if r == access.CreatorAlone {
		return nil
	}
	// The owner first: a change of owner can take bits of the mode away.
	if r.UID >= 0 || r.GID >= 0 {
		if err := unix.Fchown(fd, r.UID, r.GID); err != nil {
			if errors.Is(err, unix.EINVAL) {
				return errs.Because(err, 0, fs.ErrInvalid, "%s: this user namespace does not have them (cat /proc/self/uid_map)", given(r))
			}
			return errs.Because(err, 0, permissionOf(err), "%s: a program that is not root's can give an object no other owner, and no group that it is not in", given(r))
		}
	}
	if r.ACL == "" {
		// An ACL that the directory has passed on would come to count with the bits
		// of the group.
		err := unix.Fremovexattr(fd, aclAttribute)
		if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("remove inherited ACL: %w", err)
		}
	}
	if err := unix.Fchmod(fd, r.Mode); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	if r.ACL == "" {
		return nil
	}
	return setACL(fd, r.ACL)
}

// ChangeRights gives a file that others can reach another mode and ACL, in one step,
// so that at no moment somebody has more than before and after. What the mode has
// besides the bits of reading, writing and execution stays.
//
// # Errors
//
// fs.ErrPermission: only the owner may, and root. errors.ErrUnsupported: no ACLs here.
func ChangeRights(fd int, r access.FileRights) error {
	err := setACL(fd, r.Entries())
	if r.ACL != "" || !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	return unix.Fchmod(fd, st.Mode&0o7000|r.Mode&0o777)
}

// given says which owner and group were to be given.
func given(r access.FileRights) string {
	text := func(id int) string {
		if id < 0 {
			return "the creator's"
		}
		return strconv.Itoa(id)
	}
	return "owner " + text(r.UID) + ", group " + text(r.GID)
}

func setACL(fd int, acl string) error {
	err := unix.Fsetxattr(fd, aclAttribute, []byte(acl), 0)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return errs.Because(err, 0, errors.ErrUnsupported, "the file system of shared memory keeps no ACLs here (a kernel built without CONFIG_TMPFS_POSIX_ACL); only a Mode can be had")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, fs.ErrPermission):
		return err
	case err != nil:
		return errs.Because(err, 0, fs.ErrInvalid, "set ACL (does it name a user or group that this user namespace does not have?)")
	}
	return nil
}

// ACL reads the ACL of a file; nil if its mode says all.
func ACL(fd int) ([]access.Entry, error) {
	b := make([]byte, 1024)
	for {
		n, err := unix.Fgetxattr(fd, aclAttribute, b)
		switch {
		case errors.Is(err, unix.ERANGE) && len(b) < 1<<16:
			b = make([]byte, 2*len(b))
			continue
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("read ACL: %w", err)
		}
		return access.DecodeACL(b[:n])
	}
}

// permissionOf is the sentinel of a refusal, nil for other errors.
func permissionOf(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fs.ErrPermission
	}
	return nil
}
