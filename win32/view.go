package win32

import "unsafe"

// MapViewOfFile maps a part of a section.
func MapViewOfFile(section Handle, access, offsetHigh, offsetLow uint32, length uintptr) (address uintptr, err error) {
	return mapViewOfFile(section, access, offsetHigh, offsetLow, length)
}

// MapViewOfFileEx maps a part of a section at an address.
func MapViewOfFileEx(section Handle, access, offsetHigh, offsetLow uint32, length, base uintptr) (address uintptr, err error) {
	return mapViewOfFileEx(section, access, offsetHigh, offsetLow, length, base)
}

// UnmapViewOfFile unmaps a view.
func UnmapViewOfFile(address uintptr) (err error) {
	return unmapViewOfFile(address)
}

// FlushViewOfFile writes a part of a view to its file.
func FlushViewOfFile(address, length uintptr) (err error) {
	return flushViewOfFile(address, length)
}

// Bytes is the memory of a view, or of a part of one, as Go has memory. It must not be
// used once the view is unmapped. A byte that cannot be read or written, by the view's
// protection or because the file ends before it, is a fault, which ends the program
// unless runtime/debug.SetPanicOnFault turns it into a panic.
//
// This is no call of Windows: programs in C use the address as it is.
//
//go:noinline
func Bytes(address, length uintptr) []byte {
	// Inlined into a copy of bytes, this makes the compiler of Go 1.26 stumble.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), length)
}
