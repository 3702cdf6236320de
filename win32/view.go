package win32

import "unsafe"

// MapViewOfFile shows a part of a section in this process's memory, and returns where.
// Each call maps a view of its own, at a multiple of 64 KiB; up to the next multiple
// behind it nobody else gets the address space. [Bytes] is its memory.
//
// access with FILE_MAP_WRITE gives pages that can be read and written; else with
// FILE_MAP_READ such as can be read. FILE_MAP_COPY, and no other of these, gives
// copy-on-write: a page shows what others write until the view writes there, and what
// the view writes nobody else sees. FILE_MAP_EXECUTE may be added to each. Everything
// else, and 0, gives a view that cannot be touched.
//
// The offset, in two halves, must be a multiple of 64 KiB. length 0 reaches to the end of
// the section; whole pages are mapped, and behind the end of a file they are zero.
//
// The view keeps the section's memory, or its file, also when all handles are closed,
// but not its name. What is written through a view is seen by other views of the section
// and of the same file at once, in no certain order: use a mutex or event, or atomic
// operations. It blocks for nothing.
//
// # Errors
//
// ERROR_ACCESS_DENIED: the handle has not the right: of reading, for what does not write;
// of writing alone, for what does; of executing; or the part is not inside the section.
// ERROR_INVALID_PARAMETER: the handle may, but the section's protection does not allow
// it; or a length that nothing has. ERROR_MAPPED_ALIGNMENT: the offset.
// ERROR_INVALID_HANDLE: no handle of a section. ERROR_NOT_ENOUGH_MEMORY: no address
// space, or too many mappings.
//
// On Linux a page of a SEC_RESERVE section that is not committed faults when it is
// touched, as on Windows, if the kernel lets the process have a userfaultfd; else the
// touch commits it. Whoever cuts a file off without this package makes views fault.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffile
func MapViewOfFile(section Handle, access, offsetHigh, offsetLow uint32, length uintptr) (address uintptr, err error) {
	return mapViewOfFile(section, access, offsetHigh, offsetLow, length)
}

// MapViewOfFileEx is [MapViewOfFile] at an address, a multiple of 64 KiB; 0 is any. It
// never replaces what is there, and never maps elsewhere.
//
// # Errors
//
// ERROR_INVALID_ADDRESS: something is there, or programs may have nothing there.
// ERROR_MAPPED_ALIGNMENT: base or the offset. Otherwise as MapViewOfFile.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffileex
func MapViewOfFileEx(section Handle, access, offsetHigh, offsetLow uint32, length, base uintptr) (address uintptr, err error) {
	return mapViewOfFileEx(section, access, offsetHigh, offsetLow, length, base)
}

// UnmapViewOfFile unmaps a view, all of it; address may be any inside. It blocks until no
// other call of this package uses the view. What [Bytes] gave must not be used any more.
//
// # Errors
//
// ERROR_INVALID_ADDRESS: the address is in no view.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-unmapviewoffile
func UnmapViewOfFile(address uintptr) (err error) {
	return unmapViewOfFile(address)
}

// FlushViewOfFile writes what was written to a part of a view to its file, in whole
// pages. address may be any inside the view; length 0 reaches to its end. Of views of
// memory, and of copied pages, there is nothing to write. Others see what was written
// without it.
//
// It waits for the disk; on Windows it need not have everything when this returns, and
// [FlushFileBuffers] waits for that.
//
// # Errors
//
// ERROR_INVALID_ADDRESS: the address is in no view. ERROR_SWAPERROR: the disk failed.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-flushviewoffile
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
