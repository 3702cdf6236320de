package win32

// CreateFileMapping creates a section: bytes that views in any process can show. If an
// object has the name already, and is a section, that one is opened.
//
// file is what the section is over, or [INVALID_HANDLE_VALUE] for memory, which begins
// all zero. So the handle of a CreateFile that failed, if nobody looks at it, makes
// memory. The section keeps the file open by itself: its handle may be closed at once.
//
// protection is the most that views may do: one of PAGE_READONLY, PAGE_READWRITE,
// PAGE_WRITECOPY, and PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY.
// With it goes SEC_COMMIT, which is what counts if nothing is said, or SEC_RESERVE: no
// page of the memory can be used before [VirtualAlloc] commits it. SEC_NOCACHE and
// SEC_WRITECOMBINE may go with one of these; SEC_LARGE_PAGES with SEC_COMMIT, for
// memory in pages of 2 MiB. Over a file SEC_COMMIT and SEC_RESERVE make no difference.
//
// The size is in bytes, in two halves. Memory is rounded up to a multiple of 4096. Over
// a file 0 is the file's size; a file that is shorter grows, before the call returns,
// if protection lets views write. The size never changes afterwards.
//
// The handle's access goes by protection: 0xF0005 for what is read, and 2 more for
// PAGE_READWRITE and PAGE_EXECUTE_READWRITE, 8 more for those with EXECUTE. Of a
// section that exists that much is asked for; its own size and protection stay, and
// file and attributes' descriptor are ignored.
//
// It does not wait for other processes, but for the system to allocate memory or disk.
//
// # Errors
//
// [ERROR_ALREADY_EXISTS], beside a valid handle: the section was there.
//
// ERROR_INVALID_PARAMETER: no possible protection or attributes; memory of size 0; with
// SEC_LARGE_PAGES a size that is no multiple of 2 MiB. ERROR_INVALID_HANDLE: file is no
// handle of a file; or the name belongs to an object of another type.
// ERROR_ACCESS_DENIED: file was not opened as protection needs (always for reading), or
// the section that exists does not allow the access. ERROR_BAD_EXE_FORMAT: no regular
// file; SEC_IMAGE. ERROR_FILE_INVALID: the file is empty and the size 0.
// ERROR_NOT_ENOUGH_MEMORY: a file that is shorter, and protection does not let it grow;
// or a size that nothing has. ERROR_DISK_FULL: no room to let it grow.
// ERROR_COMMITMENT_LIMIT: not so much memory. ERROR_NO_SYSTEM_RESOURCES: no large pages
// here. For the name: ERROR_PATH_NOT_FOUND, ERROR_BAD_PATHNAME, ERROR_INVALID_NAME.
//
// On Linux execution is the mount's business, too: on one that is noexec sections that
// can be executed are refused with ERROR_ACCESS_DENIED. SEC_IMAGE is refused for all
// files. Who opens a section over a file by its name opens the file anew, with their own
// rights.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw
func CreateFileMapping(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string) (handle Handle, err error) {
	return createFileMapping(file, attributes, protection, maximumSizeHigh, maximumSizeLow, name)
}

// CreateFileMappingNuma is [CreateFileMapping] with a preferred node of memory; that of
// [NUMA_NO_PREFERRED_NODE] is CreateFileMapping.
//
// On Linux the node counts for memory that the call allocates, which is all but that of
// SEC_RESERVE, where the kernel allows to ask for it. Another node gives what the
// preferred one has not.
//
// # Errors
//
// ERROR_INVALID_PARAMETER: the machine has no such node. Otherwise as
// CreateFileMapping.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingnumaw
func CreateFileMappingNuma(file Handle, attributes *SecurityAttributes, protection, maximumSizeHigh, maximumSizeLow uint32, name string, node uint32) (handle Handle, err error) {
	return createFileMappingNuma(file, attributes, protection, maximumSizeHigh, maximumSizeLow, name, node)
}

// OpenFileMapping opens a section that has a name.
//
// access is FILE_MAP_ rights, or SECTION_ and generic ones; FILE_MAP_COPY alone asks for
// reading, which is what a copy-on-write view needs, and FILE_MAP_EXECUTE for
// SECTION_MAP_EXECUTE. More than the section's protection allows may be asked for, and
// fails when a view is mapped. It blocks for nothing.
//
// # Errors
//
// ERROR_FILE_NOT_FOUND: nobody has a section of that name, or, on Linux, its file is
// not to be found any more. ERROR_INVALID_HANDLE: the name belongs to an object of
// another type, or is "". ERROR_INVALID_PARAMETER: [NullName]. ERROR_ACCESS_DENIED: not
// with this access, or with none.
//
// Source: https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-openfilemappingw
func OpenFileMapping(access uint32, inheritHandle bool, name string) (handle Handle, err error) {
	return openFileMapping(access, inheritHandle, name)
}
