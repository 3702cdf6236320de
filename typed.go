package atoll

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"sync"
	"unsafe"
)

// This is the only file of the package that uses unsafe: it turns bytes of a view
// into Go values, after it has checked all that can be checked.

// At returns a pointer to a T in the view's memory, offset bytes from its start.
// What is written through it is seen by other views, as with Bytes; sync/atomic
// works on it, also between processes.
//
// T must contain no pointers, which would mean nothing in another process: no
// string, slice, map, channel, function, interface or pointer, at any depth;
// uintptr is a number and allowed. Processes must agree on T's layout, which for
// the same declaration is the same on one architecture, and should use integers
// of a certain size. Other processes may put any bytes there: do not read a bool
// that one may have written something else into.
//
// The pointer must not be used after Close of the view. Writing through a pointer
// into a view that was not mapped for writing ends the program.
//
// # Errors
//
// fs.ErrInvalid: T contains pointers; the value is not inside the view; or it
// would not lie at a multiple of T's alignment. os.ErrClosed.
func At[T any](v *View, offset int64) (*T, error) {
	p, err := place(v, reflect.TypeFor[T](), offset, 1)
	if err != nil {
		return nil, v.fail("typed access to", err)
	}
	return (*T)(p), nil
}

// SliceOf returns a slice of n Ts in the view's memory, offset bytes from its
// start. All that At says holds for each.
//
// # Errors
//
// As At; fs.ErrInvalid also if n is negative.
func SliceOf[T any](v *View, offset int64, n int) ([]T, error) {
	p, err := place(v, reflect.TypeFor[T](), offset, n)
	if err != nil {
		return nil, v.fail("typed access to", err)
	}
	return unsafe.Slice((*T)(p), n), nil
}

// place checks that n values of type t may lie at offset, and gives their
// address.
func place(v *View, t reflect.Type, offset int64, n int) (unsafe.Pointer, error) {
	if err := pointerFree(t); err != nil {
		return nil, err
	}
	b := v.Bytes()
	if b == nil {
		return nil, os.ErrClosed
	}
	size := int64(t.Size())
	room := int64(len(b)) - offset
	switch {
	case n < 0:
		return nil, fmt.Errorf("%d values: %w", n, fs.ErrInvalid)
	case offset < 0 || room < 0 || size > 0 && int64(n) > room/size:
		return nil, fmt.Errorf("%d × %d bytes of %v at offset %d are not inside the view of %d bytes: %w", n, size, t, offset, len(b), fs.ErrInvalid)
	}
	p := unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), offset)
	if align := uintptr(t.Align()); uintptr(p)%align != 0 {
		return nil, fmt.Errorf("%v at offset %d does not lie at a multiple of %d: %w", t, offset, align, fs.ErrInvalid)
	}
	return p, nil
}

// verdicts caches what pointerFree found, by reflect.Type: an error, or nil.
var verdicts sync.Map

// pointerFree says what in a type contains a pointer, if anything does.
func pointerFree(t reflect.Type) error {
	if known, ok := verdicts.Load(t); ok {
		err, _ := known.(error)
		return err
	}
	var err error
	if where := findPointer(t, t.String()); where != "" {
		err = fmt.Errorf("%s contains a pointer, which means nothing in another process: %w", where, fs.ErrInvalid)
	}
	verdicts.Store(t, err)
	return err
}

// findPointer gives the path to a pointer in a type, or "".
func findPointer(t reflect.Type, path string) string {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return ""
	case reflect.Array:
		if t.Len() == 0 {
			return ""
		}
		return findPointer(t.Elem(), path+"[0]")
	case reflect.Struct:
		for f := range t.Fields() {
			if where := findPointer(f.Type, path+"."+f.Name); where != "" {
				return where
			}
		}
		return ""
	}
	return path + " (" + t.Kind().String() + ")"
}
