package win32

// VirtualQuery tells about the pages from an address on that are all the same: whether
// they are committed, reserved or free, what they allow, and with what they were
// allocated. length is the size of buffer. It blocks for nothing.
//
// A page of a copy-on-write view that was written shows PAGE_READWRITE (or
// PAGE_EXECUTE_READWRITE): it is the view's own now. Of a section with SEC_RESERVE a
// page is MEM_COMMIT once any view in any process has committed it.
//
// On Linux memory that this package did not allocate is described as the kernel shows
// it: MEM_MAPPED what is of a file, MEM_PRIVATE the rest. PAGE_NOCACHE and
// PAGE_WRITECOMBINE are shown for views through the handle of the section's creator,
// and its duplicates. Which copied pages there are is unknown where /proc is missing.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: no program can have the address. ERROR_BAD_LENGTH: length
// is less than buffer's. ERROR_NOACCESS: buffer is nil.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualquery
func VirtualQuery(address uintptr, buffer *MemoryBasicInformation, length uintptr) (err error) {
	return virtualQuery(address, buffer, length)
}

// VirtualProtect changes what the pages of a range allow, all pages that it touches,
// and stores in old what the first of them allowed. The range must be inside one view,
// or what one VirtualAlloc allocated, and committed. It blocks for nothing.
//
// A view can be given what it was mapped for and less: so one that reads can become
// PAGE_WRITECOPY, and one that writes everything that is not executed. A page that was
// written while it was PAGE_WRITECOPY stays the view's own.
//
// It is no barrier: what other threads do with the pages meanwhile happens before or
// after, for each page.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: no protection, several at once, more than the view was
// mapped for, or a size of 0. ERROR_INVALID_ADDRESS: not inside one allocation, or not
// committed. ERROR_NOACCESS: old is nil. ERROR_NOT_ENOUGH_MEMORY: too many pieces.
//
// On Linux only views and what VirtualAlloc allocated can be changed; the rest belongs
// to Go's runtime (ERROR_INVALID_ADDRESS). There is no PAGE_GUARD (ERROR_NOT_SUPPORTED).
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualprotect
func VirtualProtect(address, size uintptr, protection uint32, old *uint32) (err error) {
	return virtualProtect(address, size, protection, old)
}

// VirtualAlloc commits pages of a view, or allocates memory of this process's own, and
// returns where it begins.
//
// MEM_COMMIT in a view of a section with SEC_RESERVE commits the pages that the range
// touches for all views in all processes, each with its own protection; here they get
// protection. In other views of memory, and for pages that are committed, it changes
// the protection, as [VirtualProtect] does.
//
// MEM_RESERVE, alone or with MEM_COMMIT, allocates: at address, rounded down to a
// multiple of 64 KiB, or anywhere if that is 0. What lies behind it up to the next
// multiple of 64 KiB nobody else gets. MEM_COMMIT then commits a part. MEM_RESET says
// that the content is not needed any more.
//
// It blocks for nothing but the system, which clears the memory.
//
// # Errors
//
// ERROR_ACCESS_DENIED: a view of a file, whose pages are committed.
// ERROR_INVALID_ADDRESS: the range reaches past the end of the allocation, or is none;
// to reserve, something is there already. ERROR_INVALID_PARAMETER: no possible size,
// type or protection, or more than the view was mapped for. ERROR_COMMITMENT_LIMIT,
// ERROR_NOT_ENOUGH_MEMORY: not so much memory. ERROR_USER_MAPPED_FILE: MEM_RESET in a
// view of a file. ERROR_PRIVILEGE_NOT_HELD: MEM_LARGE_PAGES.
//
// On Linux there is no PAGE_GUARD (ERROR_NOT_SUPPORTED).
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualalloc
func VirtualAlloc(address, size uintptr, allocationType, protection uint32) (value uintptr, err error) {
	return virtualAlloc(address, size, allocationType, protection)
}

// VirtualFree gives back what [VirtualAlloc] has allocated: with MEM_RELEASE, size 0 and
// the first address all of it, with MEM_DECOMMIT the memory of the pages that the range
// touches. It blocks until no other call uses the memory.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: the address is in a view; a range that reaches past the end;
// MEM_RELEASE with a size; no possible type. ERROR_INVALID_ADDRESS: not the first
// address, or not allocated by VirtualAlloc.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualfree
func VirtualFree(address, size uintptr, freeType uint32) (err error) {
	return virtualFree(address, size, freeType)
}

// VirtualLock reads the pages that a range touches into memory, and keeps them there
// until [VirtualUnlock], or until they are unmapped. It waits for the disk.
//
// # Errors
//
// ERROR_NOACCESS: a page is not committed, or PAGE_NOACCESS. ERROR_WORKING_SET_QUOTA:
// more than the process may keep in memory (RLIMIT_MEMLOCK on Linux).
// ERROR_INVALID_PARAMETER: no possible range.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtuallock
func VirtualLock(address, length uintptr) (err error) {
	return virtualLock(address, length)
}

// VirtualUnlock undoes [VirtualLock], however often that was called, for the pages that
// a range touches. It blocks for nothing.
//
// # Errors
//
// ERROR_NOT_LOCKED: a page of the range is not locked. ERROR_INVALID_PARAMETER: no
// possible range.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualunlock
func VirtualUnlock(address, length uintptr) (err error) {
	return virtualUnlock(address, length)
}

// PrefetchVirtualMemory asks the system to read ranges soon, of any alignment, and does
// not wait for it. It is a hint: what is not mapped is passed over. flags must be 0.
//
// On Linux ranges of another process are passed over.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: no range, one of no bytes, or flags. ERROR_INVALID_HANDLE:
// process is none.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-prefetchvirtualmemory
func PrefetchVirtualMemory(process Handle, ranges []MemoryRangeEntry, flags uint32) (err error) {
	return prefetchVirtualMemory(process, ranges, flags)
}
