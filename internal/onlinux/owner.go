//go:build linux

package onlinux

import "golang.org/x/sys/unix"

// OwnerOf is the user to whom the object's file belongs: the kernel lets nobody but
// root give a file to another user.
func OwnerOf(o Object) (int, error) {
	if err := o.pin(); err != nil {
		return 0, err
	}
	defer o.unpin()
	var st unix.Stat_t
	if err := unix.Fstat(o.parts().inner.FD, &st); err != nil {
		return 0, err
	}
	return int(st.Uid), nil
}
