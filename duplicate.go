package atoll

import (
	"errors"
	"reflect"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// SameAccess asks for a handle that may do what its source may; it is 0. (It is
// DUPLICATE_SAME_ACCESS; on Windows 0 gives a handle that may do nothing.)
const SameAccess Access = 0

// Duplicate makes another handle of the object behind o, in this process. It does
// not wait for anybody.
//
// access is what the new handle may do: less than o, or as much (SameAccess), or
// more as far as the object itself allows it, which is what an Open by this
// process could have. For a section that is what its protection allows, if this
// process may write the object's file.
//
// The two handles are independent: closing one leaves the other. A mutex that o
// owns stays owned by o, and the new handle cannot unlock it. Views of a section
// and waits belong to the handle they were made with.
//
// # Errors
//
// fs.ErrPermission (5): more access than o and the object allow, or bits of access
// that the type does not have. fs.ErrInvalid (6): o is nil. os.ErrClosed: o is
// closed. The number 4: no descriptor left.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle
func Duplicate[T Object](o T, access Access) (T, error) {
	return another[T]("duplicate", o, access)
}

func another[T Object](op string, o Object, asked Access) (t T, err error) {
	if isNil(o) {
		return t, fail(op, 0, "", errNilObject)
	}
	k, err := kernelDuplicate(o.object(), request(access.Kind(o.Type()), asked, nil))
	if err != nil {
		return t, fail(op, o.Type(), o.Name(), err)
	}
	return handleAs[T](op, o.Name(), k)
}

// SameObject says whether two handles lead to one object, whatever they may do. It
// is false if one of them is closed or nil.
//
// Source: https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-compareobjecthandles
func SameObject(a, b Object) bool {
	return !isNil(a) && !isNil(b) && kernelSame(a.object(), b.object())
}

// typeOf is the type of object that a handle type is for; 0 if it is for any.
func typeOf[T Object]() Type {
	var t T
	switch any(t).(type) {
	case *Section:
		return TypeSection
	case *Mutex:
		return TypeMutex
	case *Event:
		return TypeEvent
	case *Semaphore:
		return TypeSemaphore
	case *Timer:
		return TypeTimer
	}
	return 0
}

// handleAs makes a handle of this package around one of the kernel, if it is of
// the type that the caller wants; else it closes that.
func handleAs[T Object](op, name string, k kernelObject) (t T, err error) {
	o := newHandle(name, k)
	if t, ok := o.(T); ok {
		return t, nil
	}
	err = errs.New(errs.ErrWrongType, "the handle is of type %s, not %s", o.Type(), reflect.TypeFor[T]())
	return t, fail(op, o.Type(), name, errors.Join(err, o.Close()))
}

// newHandle makes a handle of this package around one of the kernel.
func newHandle(name string, k kernelObject) Object {
	id := func(typ Type) identity { return identity{name: name, typ: typ} }
	switch k := k.(type) {
	case *kernelSection:
		s := &Section{identity: id(TypeSection), kernel: k}
		track(s, &s.identity)
		return s
	case *kernelMutex:
		m := &Mutex{identity: id(TypeMutex), kernel: k}
		track(m, &m.identity)
		return m
	case *kernelEvent:
		e := &Event{identity: id(TypeEvent), kernel: k}
		track(e, &e.identity)
		return e
	case *kernelSemaphore:
		s := &Semaphore{identity: id(TypeSemaphore), kernel: k}
		track(s, &s.identity)
		return s
	case *kernelTimer:
		t := &Timer{identity: id(TypeTimer), kernel: k}
		track(t, &t.identity)
		return t
	case *kernelJob:
		return wrapJob(name, k)
	}
	panic("atoll: a handle of no known type") // the kernel makes no others
}

func (s *Section) object() kernelObject   { return s.kernel }
func (m *Mutex) object() kernelObject     { return m.kernel }
func (e *Event) object() kernelObject     { return e.kernel }
func (s *Semaphore) object() kernelObject { return s.kernel }
func (t *Timer) object() kernelObject     { return t.kernel }
func (j *Job) object() kernelObject       { return j.kernel }

// Descriptor returns the number of the file descriptor behind the handle; see
// Object.
func (s *Section) Descriptor() uintptr { return s.kernel.Descriptor() }

// Descriptor returns the number of the file descriptor behind the handle; see
// Object.
func (m *Mutex) Descriptor() uintptr { return m.kernel.Descriptor() }

// Descriptor returns the number of the file descriptor behind the handle; see
// Object.
func (e *Event) Descriptor() uintptr { return e.kernel.Descriptor() }

// Descriptor returns the number of the file descriptor behind the handle; see
// Object.
func (s *Semaphore) Descriptor() uintptr { return s.kernel.Descriptor() }

// Descriptor returns the number of the file descriptor behind the handle; see
// Object.
func (t *Timer) Descriptor() uintptr { return t.kernel.Descriptor() }

// Descriptor returns the number of the file descriptor behind the handle; see
// Object.
func (j *Job) Descriptor() uintptr { return j.kernel.Descriptor() }
