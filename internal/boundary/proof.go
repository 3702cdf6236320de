//go:build linux

package boundary

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// A directory proves who its owner is in this way. Of a user it is the owner.
// Of each group there is an empty file of the owner's that has this group, the
// set-group-id bit and the right to execute for the group. The kernel lets only a
// member of the group give a file both bits: whoever is none, and makes a file in
// a set-group-id directory, gets the group, but not the bits, and chmod takes the
// bit away from them.
const proofMode = unix.S_ISGID | 0o010

func proofName(group uint32) string { return "group-" + strconv.FormatUint(uint64(group), 10) }

// prove puts the proof of one group into the directory dir of this process.
func prove(dir int, group uint32) error {
	fd, _, err := lockfile.CreateUnnamed(dir, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Fchown(fd, -1, int(group)); err != nil {
		return fmt.Errorf("give a file to group %d: %w", group, err)
	}
	if err := unix.Fchmod(fd, proofMode); err != nil {
		return fmt.Errorf("mark a file of group %d: %w", group, err)
	}
	return lockfile.Publish(fd, dir, proofName(group))
}

// proves says whether the directory dir, of the user uid, proves that its owner is
// inside the boundary.
//
// # Errors
//
// fs.ErrPermission: it does not; the text says what is missing.
func (b *Boundary) proves(dir int, uid uint32) error {
	for _, user := range b.Users {
		if user != uid {
			return errs.New(fs.ErrPermission, "it belongs to uid %d, not to uid %d", uid, user)
		}
	}
	for _, group := range b.Groups {
		var st unix.Stat_t
		err := unix.Fstatat(dir, proofName(group), &st, unix.AT_SYMLINK_NOFOLLOW)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return errs.New(fs.ErrPermission, "nothing proves that its owner, uid %d, is a member of group %d", uid, group)
		case err != nil:
			return err
		case st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != uid || st.Gid != group || st.Mode&proofMode != proofMode || !namespace.Mapped("gid", group):
			return errs.New(fs.ErrPermission, "its proof that uid %d is a member of group %d is none: mode %#o, uid %d, gid %d", uid, group, st.Mode&0o7777, st.Uid, st.Gid)
		}
	}
	return nil
}
