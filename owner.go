package atoll

// OwnerOf says which user's the object behind a handle is: who created it, unless
// root has given it to somebody else. The kernel vouches for it, and it is about the
// object itself, not about whatever its name leads to by now.
//
// In Global\ anybody can be the first to take a name. Who opens an object there, and
// would be harmed by a stranger's, asks for its owner before anything else, and
// closes it if it is not one of those expected. In a private namespace that is not
// needed, as far as all who may create in it are trusted.
//
// # Errors
//
// fs.ErrInvalid (6): o is nil. os.ErrClosed: o is closed.
func OwnerOf(o Object) (uid int, err error) {
	if isNil(o) {
		return 0, fail("find the owner of", 0, "", errNilObject)
	}
	uid, err = kernelOwner(o.object())
	return uid, fail("find the owner of", o.Type(), o.Name(), err)
}
