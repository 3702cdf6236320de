package win32

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
