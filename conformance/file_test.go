package conformance

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"atoll/win32"
)

func TestFile(t *testing.T) { run(t, fileLines) }

const (
	shareAll       = win32.FILE_SHARE_READ | win32.FILE_SHARE_WRITE | win32.FILE_SHARE_DELETE
	shareReadWrite = win32.FILE_SHARE_READ | win32.FILE_SHARE_WRITE
	readWrite      = win32.GENERIC_READ | win32.GENERIC_WRITE
)

const noImages = "Linux does not map Windows' programs as images: a section with SEC_IMAGE is refused (193), so none is ever alive"

var fileLines = []line{
	{
		id: "C214", says: "RW section alive → CreateFile(same file, GENERIC_READ, share READ) → −1, 32",
		source: "WT-k/file test_file_sharing (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			f.inBoth(win32.PAGE_READWRITE, func() {
				f.refused(win32.ERROR_SHARING_VIOLATION, win32.GENERIC_READ, win32.FILE_SHARE_READ, win32.OPEN_EXISTING, 0)
				f.refused(win32.ERROR_SHARING_VIOLATION, 0, win32.FILE_SHARE_READ|win32.FILE_SHARE_DELETE, win32.OPEN_EXISTING, 0)
			})
			f.opens(win32.GENERIC_READ, win32.FILE_SHARE_READ, win32.OPEN_EXISTING)
		},
	},
	{
		id: "C216", says: "RW section alive → CreateFile(GENERIC_WRITE, share WRITE) → ok",
		source: "test_file_sharing (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			f.inBoth(win32.PAGE_READWRITE, func() {
				f.opens(win32.GENERIC_WRITE, win32.FILE_SHARE_WRITE, win32.OPEN_EXISTING)
			})
		},
	},
	{
		id: "C217", says: "RO section alive → CreateFile(GENERIC_WRITE, share 0) → ok (no other handles)",
		source: "test_file_sharing (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			for _, protection := range []uint32{win32.PAGE_READONLY, win32.PAGE_WRITECOPY} {
				f.inBoth(protection, func() { f.opens(win32.GENERIC_WRITE, 0, win32.OPEN_EXISTING) })
			}
		},
	},
	{
		id: "C218", says: "data section (RO, WRITECOPY or RW) alive → CreateFile(GENERIC_WRITE, share READ|WRITE, CREATE_ALWAYS) → −1, 1224; SEC_IMAGE instead → −1, 32",
		source: "test_file_sharing (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			for _, protection := range []uint32{win32.PAGE_READONLY, win32.PAGE_WRITECOPY, win32.PAGE_READWRITE} {
				f.inBoth(protection, func() {
					f.refused(win32.ERROR_USER_MAPPED_FILE, win32.GENERIC_WRITE, shareReadWrite, win32.CREATE_ALWAYS, 0)
					f.refused(win32.ERROR_USER_MAPPED_FILE, win32.GENERIC_WRITE, shareReadWrite, win32.TRUNCATE_EXISTING, 0)
					f.sized(0x1000)
				})
			}
			if system() == onLinux { // see C408
				return
			}
			image := t.Image()
			image.hold(win32.PAGE_READONLY | win32.SEC_IMAGE)
			image.refused(win32.ERROR_SHARING_VIOLATION, win32.GENERIC_WRITE, shareReadWrite, win32.CREATE_ALWAYS, 0)
		},
	},
	{
		id: "C220", says: "data section alive → CreateFile(OPEN_ALWAYS, share WRITE) → ok",
		source: "X3 (W via X3)",
		check: func(t *T) {
			f := t.File(0x1000)
			for _, protection := range []uint32{win32.PAGE_READONLY, win32.PAGE_READWRITE} {
				f.inBoth(protection, func() { f.opens(win32.GENERIC_WRITE, win32.FILE_SHARE_WRITE, win32.OPEN_ALWAYS) })
			}
		},
	},
	{
		id: "C221", says: "section handle closed but view mapped → the same refusals; after unmap → ok",
		source: "X3 (W via X3)",
		check: func(t *T) {
			f := t.File(0x1000)
			section := f.section(win32.PAGE_READWRITE)
			view := t.Whole(section, win32.FILE_MAP_READ)
			t.Close(section)
			f.refused(win32.ERROR_SHARING_VIOLATION, win32.GENERIC_READ, win32.FILE_SHARE_READ, win32.OPEN_EXISTING, 0)
			f.refused(win32.ERROR_USER_MAPPED_FILE, win32.GENERIC_WRITE, shareReadWrite, win32.CREATE_ALWAYS, 0)
			t.OK(win32.UnmapViewOfFile(view))
			f.opens(win32.GENERIC_READ, win32.FILE_SHARE_READ, win32.OPEN_EXISTING)
			f.opens(win32.GENERIC_WRITE, shareReadWrite, win32.CREATE_ALWAYS)

			f = t.File(0x1000)
			child := t.Child(fileHolder, f.path, win32.PAGE_READWRITE, "view")
			child.Expect("holds")
			f.refused(win32.ERROR_SHARING_VIOLATION, win32.GENERIC_READ, win32.FILE_SHARE_READ, win32.OPEN_EXISTING, 0)
			f.refused(win32.ERROR_USER_MAPPED_FILE, win32.GENERIC_WRITE, shareReadWrite, win32.CREATE_ALWAYS, 0)
			child.Kill()
			f.opens(win32.GENERIC_READ, win32.FILE_SHARE_READ, win32.OPEN_EXISTING)
			f.opens(win32.GENERIC_WRITE, shareReadWrite, win32.CREATE_ALWAYS)
		},
	},
	{
		id: "C222", says: "file handle open (share READ|WRITE) + RO section → CopyFile2 onto it → 1224; handle open with share READ only → 32",
		source: "WT-k/file test_CopyFile2 (W)",
		check: func(t *T) {
			source := t.File(0x100)
			for share, want := range map[uint32]win32.Errno{
				shareReadWrite:        win32.ERROR_USER_MAPPED_FILE,
				win32.FILE_SHARE_READ: win32.ERROR_SHARING_VIOLATION,
			} {
				f := t.File(0x1000)
				file := t.Handle(win32.CreateFile(f.path, readWrite, share, nil, win32.OPEN_EXISTING, 0, 0))
				section := t.Handle(win32.CreateFileMapping(file, nil, win32.PAGE_READONLY, 0, 0, ""))
				t.Err(want, win32.CopyFile(source.path, f.path, false))
				t.Err(win32.ERROR_FILE_EXISTS, win32.CopyFile(source.path, f.path, true))
				f.sized(0x1000)
				t.Close(section)
				t.Close(file)
				t.Err(0, win32.CopyFile(source.path, f.path, false))
				f.sized(0x100)
			}
		},
	},
	{
		id: "C224", says: "file mapped (view open) → SetEndOfFile(smaller) → FALSE, 1224, view contents unchanged",
		source: "RT:NtMapViewOfSection Test_Truncate (RT)(D)",
		check: func(t *T) {
			f := t.File(0x2000)
			file := t.Handle(win32.CreateFile(f.path, readWrite, shareAll, nil, win32.OPEN_EXISTING, 0, 0))
			view := t.Whole(t.Handle(win32.CreateFileMapping(file, nil, win32.PAGE_READWRITE, 0, 0, "")), win32.FILE_MAP_READ)
			t.OK(win32.SetFilePointerEx(file, 0x800, nil, win32.FILE_BEGIN))
			t.Err(win32.ERROR_USER_MAPPED_FILE, win32.SetEndOfFile(file))
			f.sized(0x2000)
			for at, b := range win32.Bytes(view, 0x2000) {
				if b != content(at) {
					t.Fatalf("byte %d of the view is %d now", at, b)
				}
			}
			t.OK(win32.SetFilePointerEx(file, 0x3000, nil, win32.FILE_BEGIN))
			t.Err(0, win32.SetEndOfFile(file)) // longer: the section does not grow
			f.sized(0x3000)
		},
	},
	{
		id: "C225", says: "same file after unmap and CloseHandle(mapping) → SetEndOfFile(smaller) → TRUE",
		source: "Test_Truncate (RT)",
		check: func(t *T) {
			f := t.File(0x2000)
			file := t.Handle(win32.CreateFile(f.path, readWrite, shareAll, nil, win32.OPEN_EXISTING, 0, 0))
			section := t.Handle(win32.CreateFileMapping(file, nil, win32.PAGE_READWRITE, 0, 0, ""))
			view := t.Whole(section, win32.FILE_MAP_READ)
			t.OK(win32.SetFilePointerEx(file, 0x800, nil, win32.FILE_BEGIN))
			t.Close(section)
			t.Err(win32.ERROR_USER_MAPPED_FILE, win32.SetEndOfFile(file))
			t.OK(win32.UnmapViewOfFile(view))
			t.Err(0, win32.SetEndOfFile(file))
			f.sized(0x800)
			t.Err(0, win32.FlushFileBuffers(file))

			child := t.Child(fileHolder, f.path, win32.PAGE_READONLY, "view")
			child.Expect("holds")
			t.OK(win32.SetFilePointerEx(file, 0, nil, win32.FILE_BEGIN))
			t.Err(win32.ERROR_USER_MAPPED_FILE, win32.SetEndOfFile(file))
			child.Kill()
			t.Err(0, win32.SetEndOfFile(file))
			f.sized(0)
		},
	},
	{
		id: "C404", says: "section handle closed, view alive → marking the file for deletion → FALSE, 5",
		source: "WT-n/file test_file_disposition_information (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			file := f.deleter()
			section := f.section(win32.PAGE_READONLY)
			t.Err(win32.ERROR_ACCESS_DENIED, dispose(file, 1))
			view := t.Whole(section, win32.FILE_MAP_READ)
			t.Close(section)
			t.Err(win32.ERROR_ACCESS_DENIED, dispose(file, 1))
			t.Close(file)
			f.sized(0x1000)
			t.OK(win32.UnmapViewOfFile(view))
		},
	},
	{
		id: "C405", says: "section handle closed, view unmapped → the same call → TRUE; after closing the file handle the name is gone (DeleteFile → 2)",
		source: "test_file_disposition_information (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			file := f.deleter()
			section := f.section(win32.PAGE_READONLY)
			view := t.Whole(section, win32.FILE_MAP_READ)
			t.Close(section)
			t.OK(win32.UnmapViewOfFile(view))
			t.Err(0, dispose(file, 1))
			f.sized(0x1000)
			t.Close(file)
			t.Err(win32.ERROR_FILE_NOT_FOUND, win32.DeleteFile(f.path))
		},
	},
	{
		id: "C406", says: "section alive → FileDispositionInfo FALSE → TRUE",
		source: "test_file_disposition_information (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			file := f.deleter()
			view := t.Whole(f.section(win32.PAGE_READONLY), win32.FILE_MAP_READ)
			t.Err(0, dispose(file, 0))
			t.Close(file)
			f.sized(0x1000)
			t.OK(win32.UnmapViewOfFile(view))
		},
	},
	{
		id: "C408", says: "SEC_IMAGE section alive → CreateFile(FILE_APPEND_DATA) → ok; FILE_WRITE_DATA → −1, 32",
		source: "test_file_sharing (W)",
		not:    gaps{onLinux: noImages},
		check: func(t *T) {
			f := t.Image()
			f.hold(win32.PAGE_READONLY | win32.SEC_IMAGE)
			f.opens(win32.FILE_APPEND_DATA, shareAll, win32.OPEN_EXISTING)
			f.refused(win32.ERROR_SHARING_VIOLATION, win32.FILE_WRITE_DATA, shareAll, win32.OPEN_EXISTING, 0)
			f.refused(win32.ERROR_ACCESS_DENIED, win32.GENERIC_READ|win32.DELETE, shareAll, win32.OPEN_EXISTING, win32.FILE_FLAG_DELETE_ON_CLOSE)
		},
	},
	{
		id: "C409", says: "handle A without SHARE_DELETE + section on it → MoveFile → FALSE, 32; after closing both → TRUE",
		source: "WT-k/file test_MoveFileA (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			file := t.Handle(win32.CreateFile(f.path, win32.GENERIC_READ, shareReadWrite, nil, win32.OPEN_EXISTING, 0, 0))
			section := t.Handle(win32.CreateFileMapping(file, nil, win32.PAGE_READONLY, 0, 0, ""))
			t.Err(win32.ERROR_SHARING_VIOLATION, win32.MoveFile(f.path, f.path+" moved"))
			t.Close(section)
			t.Close(file)

			child := t.Child(fileHolder, f.path, win32.PAGE_READONLY, "file")
			child.Expect("holds")
			t.Err(win32.ERROR_SHARING_VIOLATION, win32.MoveFile(f.path, f.path+" moved"))
			child.Kill()

			t.Err(0, win32.MoveFile(f.path, f.path+" moved"))
			f.refused(win32.ERROR_FILE_NOT_FOUND, 0, shareAll, win32.OPEN_EXISTING, 0)
			f.path += " moved"
			f.sized(0x1000)
		},
	},
	{
		id: "C410", says: "handle opened with FILE_READ_ATTRIBUTES, share 0 → a second open with any access and share mode → ok",
		source: "WT-k/file test_file_sharing (W)",
		check: func(t *T) {
			f := t.File(0x1000)
			t.Handle(win32.CreateFile(f.path, win32.FILE_READ_ATTRIBUTES, 0, nil, win32.OPEN_EXISTING, 0, 0))
			for _, access := range []uint32{
				0, win32.GENERIC_READ, win32.GENERIC_WRITE, readWrite, win32.FILE_EXECUTE,
				win32.FILE_APPEND_DATA, win32.DELETE, win32.GENERIC_READ | win32.DELETE,
			} {
				for share := uint32(0); share <= shareAll; share++ {
					f.opens(access, share, win32.OPEN_EXISTING)
				}
			}
		},
	},
	{
		id: "C412", says: "handle open with SHARE_DELETE → DeleteFile → TRUE; CreateFile of the name → −1, 2 while the handle is still open",
		source: "WT-k/file test_DeleteFileA (W†)",
		gap:    gaps{onWine: "the name stays, and can be opened, until the last handle is closed"},
		check: func(t *T) {
			f := t.File(0x1000)
			file := t.Handle(win32.CreateFile(f.path, win32.GENERIC_READ, shareAll, nil, win32.OPEN_EXISTING, 0, 0))
			t.Err(0, win32.DeleteFile(f.path))
			f.refused(win32.ERROR_FILE_NOT_FOUND, win32.GENERIC_READ, shareAll, win32.OPEN_EXISTING, 0)
			var size int64
			t.OK(win32.GetFileSizeEx(file, &size))
			if size != 0x1000 {
				t.Errorf("the handle leads to %d bytes", size)
			}
		},
	},
}

// fileHolder holds a file for its parent until it is killed: by a handle, by a handle
// and a section, or by nothing but a view.
var fileHolder = newRole("file holder", func(t *T, p *Parent) {
	file := t.Handle(win32.CreateFile(p.Arg(0), readWrite, shareReadWrite, nil, win32.OPEN_EXISTING, 0, 0))
	section := t.Handle(win32.CreateFileMapping(file, nil, uint32(p.Number(1)), 0, 0, ""))
	if p.Arg(2) != "file" {
		t.Close(file)
	}
	if p.Arg(2) == "view" {
		t.Whole(section, win32.FILE_MAP_READ)
		t.Close(section)
	}
	p.Say("holds")
	p.Hear()
})

// aFile is a file that a line does things to.
type aFile struct {
	t    *T
	path string
}

// File makes a file that has no handle, and goes when the line ends. Byte n of it is
// content(n).
func (t *T) File(size int) *aFile {
	dir, err := os.MkdirTemp("", "atoll conformance")
	t.OK(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &aFile{t: t, path: filepath.Join(dir, "file")}
	bytes := make([]byte, size)
	for i := range bytes {
		bytes[i] = content(i)
	}
	t.OK(os.WriteFile(f.path, bytes, 0o600))
	return f
}

func content(at int) byte { return byte(at%251 + 1) }

// Image is a program that can be mapped as an image: a copy of this one.
func (t *T) Image() *aFile {
	f := t.File(0)
	exe, err := os.Executable()
	t.OK(err)
	t.OK(win32.CopyFile(exe, f.path, false))
	return f
}

// section makes a section over the file, whose handle is closed again.
func (f *aFile) section(protection uint32) win32.Handle {
	access := uint32(win32.GENERIC_READ)
	if protection&win32.PAGE_READWRITE != 0 {
		access = readWrite
	}
	file := f.t.Handle(win32.CreateFile(f.path, access, shareAll, nil, win32.OPEN_EXISTING, 0, 0))
	section := f.t.Fresh(win32.CreateFileMapping(file, nil, protection, 0, 0, ""))
	f.t.Close(file)
	return section
}

func (f *aFile) hold(protection uint32) { f.section(protection) }

// inBoth calls check while a section over the file is in this process, and while one is
// in another.
func (f *aFile) inBoth(protection uint32, check func()) {
	section := f.section(protection)
	check()
	f.t.Close(section)

	child := f.t.Child(fileHolder, f.path, protection, "section")
	child.Expect("holds")
	check()
	child.Kill()
}

// refused demands that CreateFile fails, and why.
func (f *aFile) refused(want win32.Errno, access, share, disposition, flags uint32) {
	h, err := win32.CreateFile(f.path, access, share, nil, disposition, flags, 0)
	if h == 0 {
		f.t.Errorf("the handle is 0, want INVALID_HANDLE_VALUE")
	}
	f.t.Refused(want, h, err)
}

// opens demands that CreateFile succeeds, and closes the handle.
func (f *aFile) opens(access, share, disposition uint32) {
	h, err := win32.CreateFile(f.path, access, share, nil, disposition, 0, 0)
	if h == win32.INVALID_HANDLE_VALUE {
		f.t.Errorf("access %#x, share %d: %v", access, share, err)
		return
	}
	f.t.Close(h)
}

// deleter is a handle through which the file can be deleted.
func (f *aFile) deleter() win32.Handle {
	return f.t.Handle(win32.CreateFile(f.path, readWrite|win32.DELETE, shareAll, nil, win32.OPEN_EXISTING, 0, 0))
}

// sized demands a size.
func (f *aFile) sized(want int64) {
	st, err := os.Stat(f.path)
	if err != nil || st.Size() != want {
		f.t.Errorf("%v, %v, want a file of %d bytes", st, err, want)
	}
}

// Whole maps all of a section.
func (t *T) Whole(section win32.Handle, access uint32) uintptr {
	view, err := win32.MapViewOfFile(section, access, 0, 0, 0)
	if view == 0 {
		t.Fatalf("no view: %v", err)
	}
	t.Cleanup(func() { _ = win32.UnmapViewOfFile(view) })
	return view
}

func dispose(file win32.Handle, remove byte) error {
	info := win32.FILE_DISPOSITION_INFO{DeleteFile: remove}
	return win32.SetFileInformationByHandle(file, win32.FileDispositionInfo, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
}
