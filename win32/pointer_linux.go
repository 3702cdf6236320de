package win32

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// deref is what lies at an address that the caller of a call has given as a number;
// nil: nothing is there.
func deref[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// tell stores what a call gives where the caller wants it, which must be somewhere.
func tell[T any](to *T, call func() (T, error)) error {
	if to == nil {
		return ERROR_NOACCESS
	}
	given, err := call()
	if err == nil {
		*to = given
	}
	return errno(err)
}

// touching calls f, which reads or writes at an address of the caller's. If nothing
// is there the caller is told so, as on Windows.
func touching(f func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover(); fault.(type) {
		case nil:
		case runtime.Error:
			err = ERROR_NOACCESS
		default:
			panic(fault)
		}
	}()
	f()
	return nil
}
