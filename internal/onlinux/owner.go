//go:build linux

package onlinux

// OwnerOf is the user to whom the object's file belongs: the kernel lets nobody but
// root give a file to another user.
func OwnerOf(o Object) (int, error) {
	if err := o.pin(); err != nil {
		return 0, err
	}
	defer o.unpin()
	return o.parts().inner.Owner()
}
