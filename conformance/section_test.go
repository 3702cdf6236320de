package conformance

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestSections(t *testing.T) { run(t, sections) }

var sections = []line{
	{
		id: "C092", says: "PAGE_NOACCESS → NULL, 87", source: "test_CreateFileMapping_protection (W)(D)",
		check: func(t *T) { refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_NOACCESS) },
	},
	{
		id: "C093", says: "PAGE_EXECUTE → NULL, 87", source: "test_CreateFileMapping_protection (W)(D)",
		check: func(t *T) { refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_EXECUTE) },
	},
	{
		id: "C094", says: "PAGE_READONLY|PAGE_READWRITE → NULL, 87", source: "test_CreateFileMapping_protection (W)",
		check: func(t *T) { refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READONLY|win32.PAGE_READWRITE) },
	},
	{
		id: "C096", says: "PAGE_EXECUTE_READ|PAGE_EXECUTE → NULL, 87", source: "test_CreateFileMapping_protection (W)",
		check: func(t *T) {
			refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_EXECUTE_READ|win32.PAGE_EXECUTE)
		},
	},
	{
		id: "C097", says: "PAGE_READWRITE|PAGE_GUARD → NULL, 87", source: "w32:memory-protection-constants (D)",
		check: func(t *T) { refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READWRITE|win32.PAGE_GUARD) },
	},
	{
		id: "C098", says: "PAGE_READWRITE|PAGE_NOCACHE → NULL, 87", source: "memory-protection-constants (D)",
		check: func(t *T) { refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READWRITE|win32.PAGE_NOCACHE) },
	},
	{
		id: "C100", says: "-1, size 0 → NULL, 87", source: "w32:Memory/sharing-files-and-memory (D)(I)",
		check: func(t *T) {
			h, err := win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 0, "")
			t.Refused(win32.ERROR_INVALID_PARAMETER, h, err)
		},
	},
	{
		id: "C101", says: "-1, size 1 → success; VirtualQuery of view: RegionSize 4096", source: "test_MapViewOfFile 4090 (W)",
		check: func(t *T) {
			v := t.View(win32.MapViewOfFile(memory(t, win32.PAGE_READWRITE, 1), win32.FILE_MAP_WRITE, 0, 0, 0))
			t.Same(page, query(t, v).RegionSize)
		},
	},
	{
		id: "C102", says: "-1, size high=1 low=0, SEC_RESERVE → success (4 GiB)", source: "sdk (D)",
		check: func(t *T) {
			t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE|win32.SEC_RESERVE, 1, 0, ""))
		},
	},
	{
		id: "C104", says: "-1, SEC_NOCACHE alone → NULL, 87; with SEC_COMMIT → success", source: "test_CreateFileMapping (W)(D)",
		check: func(t *T) {
			refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READWRITE|win32.SEC_NOCACHE)
			memory(t, win32.PAGE_READWRITE|win32.SEC_NOCACHE|win32.SEC_COMMIT, 4096)
		},
	},
	{
		id: "C105", says: "-1, SEC_WRITECOMBINE alone → NULL, 87; with SEC_RESERVE → success", source: "test_CreateFileMapping (W)(D)",
		check: func(t *T) {
			refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READWRITE|win32.SEC_WRITECOMBINE)
			memory(t, win32.PAGE_READWRITE|win32.SEC_WRITECOMBINE|win32.SEC_RESERVE, 4096)
		},
	},
	{
		id: "C106", says: "-1, SEC_LARGE_PAGES alone → NULL, 87", source: "test_CreateFileMapping (W)",
		check: func(t *T) {
			refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READWRITE|win32.SEC_LARGE_PAGES)
		},
	},
	{
		id: "C108", says: "file, SEC_COMMIT|SEC_LARGE_PAGES → NULL, 87", source: "test_CreateFileMapping (W)(D)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			h, err := win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE|win32.SEC_COMMIT|win32.SEC_LARGE_PAGES, 0, 0, "")
			t.Refused(win32.ERROR_INVALID_PARAMETER, h, err)
		},
	},
	{
		id: "C109", says: "-1, SEC_IMAGE → NULL, 193", source: "test_CreateFileMapping (W)",
		check: func(t *T) { refusedSection(t, win32.ERROR_BAD_EXE_FORMAT, win32.PAGE_READWRITE|win32.SEC_IMAGE) },
	},
	{
		id: "C110", says: "-1, SEC_IMAGE|SEC_COMMIT → NULL, 87", source: "test_CreateFileMapping (W)",
		check: func(t *T) {
			refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READWRITE|win32.SEC_IMAGE|win32.SEC_COMMIT)
		},
	},
	{
		id: "C112", says: "empty file, SEC_IMAGE → NULL, 193", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 0), win32.GENERIC_READ)
			h, err := win32.CreateFileMapping(f, nil, win32.PAGE_READONLY|win32.SEC_IMAGE, 0, 0, "")
			t.Refused(win32.ERROR_BAD_EXE_FORMAT, h, err)
		},
	},
	{
		id: "C113", says: "-1 or file, SEC_FILE (0x800000) in any combination → NULL, 87", source: "test_CreateFileMapping (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			for _, with := range []uint32{0, win32.SEC_COMMIT, win32.SEC_RESERVE, win32.SEC_IMAGE, win32.SEC_NOCACHE, win32.SEC_WRITECOMBINE, win32.SEC_LARGE_PAGES} {
				refusedSection(t, win32.ERROR_INVALID_PARAMETER, win32.PAGE_READWRITE|win32.SEC_FILE|with)
				h, err := win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE|win32.SEC_FILE|with, 0, 4096, "")
				t.Refused(win32.ERROR_INVALID_PARAMETER, h, err)
			}
		},
	},
	{
		id: "C114", says: "file, SEC_RESERVE → success, behaves as committed", source: "test_CreateFileMapping (W)(D)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE|win32.SEC_RESERVE, 0, 0, ""))
			v := t.View(win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0))
			t.Same(win32.MEM_COMMIT, query(t, v).State)
		},
	},
	{
		id: "C116", says: "empty file, size 100, PAGE_READWRITE → success; file size 100", source: "w32:creating-a-file-mapping-object (D)",
		check: func(t *T) {
			path := tempFile(t, 0)
			f := open(t, path, win32.GENERIC_READ|win32.GENERIC_WRITE)
			t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 100, ""))
			t.Same(100, sizeOf(t, path))
		},
	},
	{
		id: "C117", says: "file 4096, size 8192, PAGE_READWRITE → success; GetFileSize 8192 before any view", source: "test_MapViewOfFile (W)(D)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ|win32.GENERIC_WRITE)
			t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 8192, ""))
			var size int64
			t.OK(win32.GetFileSizeEx(f, &size))
			t.Same(8192, size)
		},
	},
	{
		id: "C118", says: "file 0x3456, size 0x3457, PAGE_READONLY → NULL, 8", source: "test_MapViewOfFile (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 0x3456), win32.GENERIC_READ)
			h, err := win32.CreateFileMapping(f, nil, win32.PAGE_READONLY, 0, 0x3457, "")
			t.Refused(win32.ERROR_NOT_ENOUGH_MEMORY, h, err)
		},
	},
	{
		id: "C120", says: "file 12288, size 4096 → success; view of offset 0 length 8192 → NULL, 5", source: "2.9 (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 12288), win32.GENERIC_READ|win32.GENERIC_WRITE)
			s := t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 4096, ""))
			t.NoView(win32.ERROR_ACCESS_DENIED)(win32.MapViewOfFile(s, win32.FILE_MAP_READ, 0, 0, 8192))
		},
	},
	{
		id: "C121", says: "file 12288, size 4096, all closed → file size still 12288", source: "sdk (D)",
		check: func(t *T) {
			path := tempFile(t, 12288)
			f, err := openFile(path, win32.GENERIC_READ|win32.GENERIC_WRITE)
			t.OK(err)
			s, err := win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 4096, "")
			t.OK(err)
			v, err := win32.MapViewOfFile(s, win32.FILE_MAP_WRITE, 0, 0, 0)
			t.OK(err)
			bytes(v, 1)[0] = 1
			t.OK(win32.UnmapViewOfFile(v))
			t.Close(s)
			t.Close(f)
			t.Same(12288, sizeOf(t, path))
		},
	},
	{
		id: "C122", says: "volume full → CreateFileMapping larger than file → NULL, 112", source: "sdk:createfilemappingw (D)",
		gap: gaps{onWine: "the file system refuses a file of that size (EFBIG), which Wine takes for a lack of memory; a size that it does not refuse gives a sparse file"},
		check: func(t *T) {
			path := tempFile(t, 4096)
			f := open(t, path, win32.GENERIC_READ|win32.GENERIC_WRITE)
			h, err := win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 1<<13, 0, "") // 32 TiB
			t.Refused(win32.ERROR_DISK_FULL, h, err)
			t.Same(4096, sizeOf(t, path))
		},
	},
	{
		id: "C124", says: "file GENERIC_READ, PAGE_WRITECOPY → success", source: "test_mapping (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ)
			t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_WRITECOPY, 0, 0, ""))
		},
	},
	{
		id: "C125", says: "file GENERIC_READ, PAGE_READONLY → success", source: "test_mapping (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ)
			t.Fresh(win32.CreateFileMapping(f, nil, win32.PAGE_READONLY, 0, 0, ""))
		},
	},
	{
		id: "C126", says: "file GENERIC_READ, PAGE_EXECUTE_READ → NULL, 5", source: "test_mapping (W†)",
		gap: gaps{onWine: "Wine does not look at the right to execute (W†)"},
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_READ)
			h, err := win32.CreateFileMapping(f, nil, win32.PAGE_EXECUTE_READ, 0, 0, "")
			t.Refused(win32.ERROR_ACCESS_DENIED, h, err)
		},
	},
	{
		id: "C128", says: "file GENERIC_WRITE only, PAGE_READWRITE → NULL, 5", source: "sdk: needs READ (D) code (inf)",
		check: func(t *T) {
			f := open(t, tempFile(t, 4096), win32.GENERIC_WRITE)
			h, err := win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0, 0, "")
			t.Refused(win32.ERROR_ACCESS_DENIED, h, err)
		},
	},
	{
		id: "C129", says: "hFile = event handle → NULL, 6", source: "0.4 map (inf)",
		check: func(t *T) {
			e := t.Fresh(win32.CreateEvent(nil, 0, 0, ""))
			h, err := win32.CreateFileMapping(e, nil, win32.PAGE_READWRITE, 0, 4096, "")
			t.Refused(win32.ERROR_INVALID_HANDLE, h, err)
		},
	},
	{
		id: "C130", says: "hFile closed value → NULL, 6", source: "0.4 map (inf)",
		check: func(t *T) {
			h, err := win32.CreateFileMapping(t.Stale(), nil, win32.PAGE_READWRITE, 0, 4096, "")
			t.Refused(win32.ERROR_INVALID_HANDLE, h, err)
		},
	},
	{
		id: "C132", says: "handle from PAGE_READONLY mapping has access 0xF0005", source: "WT-a/security test_filemap_security (W)",
		check: func(t *T) { t.Same(0xF0005, granted(t, memory(t, win32.PAGE_READONLY, 4096))) },
	},
	{
		id: "C133", says: "handle from PAGE_READWRITE mapping has access 0xF0007 (not EXECUTE, not EXTEND)", source: `WT-a/security test_filemap_security (W≠D: doc "full access")`,
		check: func(t *T) { t.Same(0xF0007, granted(t, memory(t, win32.PAGE_READWRITE, 4096))) },
	},
	{
		id: "C134", says: "handle from PAGE_EXECUTE_READWRITE has access 0xF000F", source: "WT-a/security test_filemap_security (W)",
		check: func(t *T) { t.Same(0xF000F, granted(t, memory(t, win32.PAGE_EXECUTE_READWRITE, 4096))) },
	},
	{
		id: "C136", says: "OpenFileMapping(GENERIC_WRITE) → granted 0x20002", source: "WT-a/security test_filemap_security (W)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, n))
			t.Same(0x20002, granted(t, t.Handle(win32.OpenFileMapping(win32.GENERIC_WRITE, false, n))))
		},
	},
	{
		id: "C137", says: "OpenFileMapping(GENERIC_ALL) → granted 0xF001F", source: "WT-a/security test_filemap_security (W)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, n))
			t.Same(0xF001F, granted(t, t.Handle(win32.OpenFileMapping(win32.GENERIC_ALL, false, n))))
		},
	},
	{
		id: "C138", says: "OpenFileMapping(FILE_MAP_COPY) → granted SECTION_MAP_READ (0x4)", source: "WT-a/security test_filemap_security (W)",
		check: func(t *T) {
			n := t.Name()
			t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 4096, n))
			t.Same(win32.SECTION_MAP_READ, granted(t, t.Handle(win32.OpenFileMapping(win32.FILE_MAP_COPY, false, n))))
		},
	},
	{
		id: "C420", says: "file handle, RW mapping of an empty file, size 0x80000000_00000000 → NULL (error number varies: not asserted)", source: "WT-k/file test_MapFile (W)",
		check: func(t *T) {
			f := open(t, tempFile(t, 0), win32.GENERIC_READ|win32.GENERIC_WRITE)
			h, err := win32.CreateFileMapping(f, nil, win32.PAGE_READWRITE, 0x80000000, 0, "")
			if h != 0 || err == nil {
				t.Errorf("handle %#x, %v, want none", h, err)
			}
		},
	},
}

// memory makes a section of memory.
func memory(t *T, protection, size uint32) win32.Handle {
	return t.Fresh(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, protection, 0, size, ""))
}

// refusedSection demands that no section of memory has the protection.
func refusedSection(t *T, want win32.Errno, protection uint32) {
	h, err := win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, protection, 0, 4096, "")
	t.Refused(want, h, err)
}

// tempFile makes a file of zeros, and removes it when the line ends.
func tempFile(t *T, size int64) (path string) {
	dir, err := os.MkdirTemp("", "atoll-conformance-")
	t.OK(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "file")
	t.OK(os.WriteFile(path, make([]byte, size), 0o777))
	return path
}

// openFile opens a file that others may use in all ways.
func openFile(path string, access uint32) (win32.Handle, error) {
	const all = win32.FILE_SHARE_READ | win32.FILE_SHARE_WRITE | win32.FILE_SHARE_DELETE
	return win32.CreateFile(path, access, all, nil, win32.OPEN_EXISTING, 0, 0)
}

// open is openFile for a file that is closed when the line ends.
func open(t *T, path string, access uint32) win32.Handle { return t.Fresh(openFile(path, access)) }

// sizeOf is a file's size.
func sizeOf(t *T, path string) int64 {
	info, err := os.Stat(path)
	t.OK(err)
	return info.Size()
}

// granted is what a handle may do.
func granted(t *T, h win32.Handle) uint32 {
	var info win32.OBJECT_BASIC_INFORMATION
	t.OK(win32.NtQueryObject(h, win32.ObjectBasicInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil))
	return info.GrantedAccess
}
