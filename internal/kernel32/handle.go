//go:build linux

package kernel32

import (
	"atoll/internal/access"
	"atoll/internal/errs"
)

// CloseHandle closes a handle. Pseudo-handles have nothing to close.
func CloseHandle(h Handle) error {
	if isPseudo(h) {
		return nil
	}
	e, err := take(h)
	if err != nil {
		return err
	}
	e.letGo()
	return nil
}

// pseudo are what the pseudo-handles lead to, for the thread that asks. Who has such
// objects says so.
var pseudo = map[Handle]func() (*entry, error){}

func isPseudo(h Handle) bool { return h == CurrentProcess || h == CurrentThread }

// look is find that knows pseudo-handles, too.
func look(h Handle) (*entry, error) {
	if !isPseudo(h) {
		return find(h)
	}
	adopt()
	if of := pseudo[h]; of != nil {
		return of()
	}
	return nil, errInvalidHandle
}

// HandleInformation tells the flags of a handle.
func HandleInformation(h Handle) (flags uint32, err error) {
	if isPseudo(h) {
		return 0, nil
	}
	e, err := find(h)
	if err != nil {
		return 0, err
	}
	defer e.leave()
	return e.flags.Load(), nil
}

// SetHandleInformation sets those flags of a handle that the mask names.
func SetHandleInformation(h Handle, mask, flags uint32) error {
	switch {
	case mask&^(Inherit|ProtectFromClose) != 0:
		return errs.Numbered(errs.InvalidParameter, nil, "a handle has no flags %#x", mask&^(Inherit|ProtectFromClose))
	case isPseudo(h) && mask != 0:
		return errs.Numbered(errs.AccessDenied, nil, "a pseudo-handle has no flags")
	case isPseudo(h):
		return nil
	}
	e, err := find(h)
	if err != nil {
		return err
	}
	defer e.leave()
	e.setFlags(mask, flags)
	return nil
}

// setFlags is under the table's lock, as is what looks whether a handle may be closed.
func (e *entry) setFlags(mask, flags uint32) {
	table.Lock()
	defer table.Unlock()
	e.flags.Store(e.flags.Load()&^mask | flags&mask)
}

// CompareObjectHandles says whether two handles lead to one object, with an error if
// not.
func CompareObjectHandles(a, b Handle) error {
	first, err := look(a)
	if err != nil {
		return err
	}
	defer first.leave()
	second, err := look(b)
	if err != nil {
		return err
	}
	defer second.leave()
	if !first.object.same(second.object) {
		return errs.Numbered(errs.NotSameObject, nil, "the handles are of two objects")
	}
	return nil
}

// BasicInformation is what a handle and its object are.
type BasicInformation struct {
	Attributes, GrantedAccess, HandleCount uint32
}

// Attributes of handles, as OBJECT_ATTRIBUTES have them.
const (
	attributeProtect = 1
	attributeInherit = 2
)

// ObjectInformation tells what a handle and its object are. It counts the handles of
// this process.
func ObjectInformation(h Handle) (i BasicInformation, err error) {
	e, err := look(h)
	if err != nil {
		return i, err
	}
	defer e.leave()
	i.GrantedAccess = uint32(e.granted)
	flags := e.flags.Load()
	if flags&Inherit != 0 {
		i.Attributes |= attributeInherit
	}
	if flags&ProtectFromClose != 0 {
		i.Attributes |= attributeProtect
	}
	each(func(_ Handle, other *entry) {
		if e.object.same(other.object) {
			i.HandleCount++
		}
	})
	return i, nil
}

// Options of DuplicateHandle.
const (
	CloseSource uint32 = 1 << iota
	SameAccess
	SameAttributes
)

// DuplicateHandle makes another handle of the source's object, in this process or
// another. target nil: nobody is told its value.
func DuplicateHandle(sourceProcess, source, targetProcess Handle, target *Handle, asked access.Mask, inherit bool, options uint32) error {
	if target != nil {
		*target = 0
	}
	from, err := sideOf(sourceProcess)
	if err != nil {
		return err
	}
	defer from.leave()
	to, err := sideOf(targetProcess)
	if targetProcess == 0 && target == nil && options&CloseSource != 0 {
		to, err = side{leave: func() {}}, nil // nothing is made there
	}
	if err != nil {
		return err
	}
	defer to.leave()
	w := request(asked, inherit, options)
	var h Handle
	if from.here() && to.here() {
		h, err = duplicateHere(source, w, target != nil)
	} else {
		h, err = duplicateBetween(from, source, to, w, target != nil)
	}
	if target != nil {
		*target = h
	}
	return err
}

// wanted is the handle that DuplicateHandle is to make.
type wanted struct {
	access  access.Request
	flags   uint32
	options uint32
}

func request(asked access.Mask, inherit bool, options uint32) wanted {
	w := wanted{access: access.Request{Access: asked, Exact: true}, flags: inheriting(inherit), options: options}
	if options&SameAccess != 0 {
		w.access = access.Request{}
	}
	return w
}

// of makes what the handle leads to.
func (w *wanted) of(source *entry) (*entry, error) {
	o, granted, err := source.object.duplicate(w.access, source.granted)
	if err != nil {
		return nil, err
	}
	if w.options&SameAttributes != 0 {
		w.flags = source.flags.Load()
	}
	return newEntry(o, source.kind, granted, w.flags), nil
}

// duplicateHere makes a handle of this process of one of this process. The source is
// closed, if that is wanted, whatever happens, and the new one gets its value; not if
// it is protected. Where nobody would be told of the new one, and the source goes,
// none is made.
func duplicateHere(source Handle, w wanted, told bool) (Handle, error) {
	e, err := look(source)
	if err != nil {
		return 0, err
	}
	defer e.leave()
	goes := w.options&CloseSource != 0 && !isPseudo(source)
	made, err := w.of(e)
	if err == nil && goes && told && exchange(source, e, made) {
		e.letGo()
		return source &^ 3, nil
	}
	if err == nil && (told || !goes) {
		h := putLowest(made)
		if h != 0 {
			return h, nil // the source stays, is protected, or was closed meanwhile
		}
		err = errTooMany
	}
	if made != nil {
		made.letGo()
	}
	if goes && exchange(source, e, nil) {
		e.letGo()
	}
	return 0, err
}
