package win32

import (
	"unsafe"

	"atoll/internal/kernel32"
	"atoll/internal/views"
)

func virtualQuery(address uintptr, buffer *MemoryBasicInformation, length uintptr) error {
	if length < unsafe.Sizeof(*buffer) {
		return ERROR_BAD_LENGTH
	}
	if buffer == nil {
		return ERROR_NOACCESS
	}
	i, err := views.Query(address)
	if err != nil {
		return errno(err)
	}
	*buffer = MemoryBasicInformation{
		BaseAddress: i.Base, RegionSize: i.Size,
		AllocationBase: i.AllocationBase, AllocationProtect: uint32(i.AllocationProtect),
		State: i.State, Protect: uint32(i.Protect), Type: i.Type,
	}
	return nil
}

func virtualProtect(address, size uintptr, protection uint32, old *uint32) error {
	if old == nil {
		return ERROR_NOACCESS
	}
	before, err := views.Protect(address, size, views.Protection(protection))
	if err != nil {
		return errno(err)
	}
	*old = uint32(before)
	return nil
}

func virtualAlloc(address, size uintptr, allocationType, protection uint32) (uintptr, error) {
	base, err := views.Alloc(address, size, allocationType, views.Protection(protection))
	return base, errno(err)
}

func virtualFree(address, size uintptr, freeType uint32) error {
	return errno(views.ReleasePages(address, size, freeType))
}

func virtualLock(address, length uintptr) error { return errno(views.Lock(address, length)) }

func virtualUnlock(address, length uintptr) error { return errno(views.Unlock(address, length)) }

func prefetchVirtualMemory(process Handle, ranges []MemoryRangeEntry, flags uint32) error {
	list := make([][2]uintptr, len(ranges))
	for i, r := range ranges {
		list[i] = [2]uintptr{r.VirtualAddress, r.NumberOfBytes}
	}
	return errno(kernel32.PrefetchVirtualMemory(kernel32.Handle(process), list, flags))
}
