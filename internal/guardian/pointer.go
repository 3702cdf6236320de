//go:build linux

package guardian

import "unsafe"

// pointer is the address of bytes, for a call that reads them before it returns.
func pointer(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }
