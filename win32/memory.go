package win32

// VirtualQuery tells about the pages at an address.
func VirtualQuery(address uintptr, buffer *MemoryBasicInformation, length uintptr) (err error) {
	return virtualQuery(address, buffer, length)
}

// VirtualProtect changes what pages allow.
func VirtualProtect(address, size uintptr, protection uint32, old *uint32) (err error) {
	return virtualProtect(address, size, protection, old)
}

// VirtualAlloc reserves or commits pages.
func VirtualAlloc(address, size uintptr, allocationType, protection uint32) (value uintptr, err error) {
	return virtualAlloc(address, size, allocationType, protection)
}

// VirtualFree gives pages back.
func VirtualFree(address, size uintptr, freeType uint32) (err error) {
	return virtualFree(address, size, freeType)
}

// VirtualLock keeps pages in memory.
func VirtualLock(address, length uintptr) (err error) {
	return virtualLock(address, length)
}

// VirtualUnlock undoes VirtualLock.
func VirtualUnlock(address, length uintptr) (err error) {
	return virtualUnlock(address, length)
}

// PrefetchVirtualMemory asks for pages to be read soon.
func PrefetchVirtualMemory(process Handle, ranges []MemoryRangeEntry, flags uint32) (err error) {
	return prefetchVirtualMemory(process, ranges, flags)
}
