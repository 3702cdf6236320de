package win32

import (
	"atoll/internal/access"
	"atoll/internal/kernel32"
	"atoll/internal/views"
)

func mapViewOfFile(section Handle, asked, offsetHigh, offsetLow uint32, length uintptr) (uintptr, error) {
	return mapViewOfFileEx(section, asked, offsetHigh, offsetLow, length, 0)
}

func mapViewOfFileEx(section Handle, asked, offsetHigh, offsetLow uint32, length, base uintptr) (uintptr, error) {
	address, err := kernel32.MapViewOfFile(kernel32.Handle(section), access.Mask(asked), joined(offsetHigh, offsetLow), length, base)
	return address, errno(err)
}

func unmapViewOfFile(address uintptr) error { return errno(views.Unmap(address)) }

func flushViewOfFile(address, length uintptr) error { return errno(views.Flush(address, length)) }
