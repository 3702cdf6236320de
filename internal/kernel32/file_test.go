//go:build linux

package kernel32

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/winfile"
)

const (
	sharing      = 7
	readAndWrite = access.GenericRead | access.GenericWrite
)

// closing closes a handle at the end of the test.
func closing(t testing.TB, h Handle, err error) Handle {
	t.Helper()
	if h == InvalidHandle || h == 0 {
		t.Fatalf("no handle: %v", err)
	}
	t.Cleanup(func() { _ = CloseHandle(h) })
	return h
}

func openFile(t testing.TB, path string, asked access.Mask, share, disposition, flags uint32) Handle {
	t.Helper()
	h, err := CreateFile(path, asked, share, nil, disposition, flags)
	return closing(t, h, err)
}

// refusedFile demands that CreateFile fails, and why.
func refusedFile(t testing.TB, want uint32, path string, asked access.Mask, share, disposition, flags uint32) {
	t.Helper()
	h, err := CreateFile(path, asked, share, nil, disposition, flags)
	if h != InvalidHandle {
		_ = CloseHandle(h)
	}
	if h != InvalidHandle || errs.Number(err) != want {
		t.Errorf("%q: handle %#x, %v, want error %d", path, h, err, want)
	}
}

func write(t testing.TB, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t testing.TB, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); string(b) != want || err != nil {
		t.Errorf("%s has %q, %v, want %q", path, b, err, want)
	}
}

// What each disposition does with a file that is there, and with one that is not.
func TestDispositions(t *testing.T) {
	for disposition, want := range map[uint32]struct {
		there, missing uint32 // the number; a handle comes with 0 and AlreadyExists
		left           string // of a file that was there
	}{
		winfile.CreateNew:        {errs.FileExists, 0, "text"},
		winfile.CreateAlways:     {errs.AlreadyExists, 0, ""},
		winfile.OpenExisting:     {0, errs.FileNotFound, "text"},
		winfile.OpenAlways:       {errs.AlreadyExists, 0, "text"},
		winfile.TruncateExisting: {0, errs.FileNotFound, ""},
	} {
		t.Run(fmt.Sprint(disposition), func(t *testing.T) {
			there := write(t, filepath.Join(t.TempDir(), "there"), "text", 0o666)
			missing := filepath.Join(t.TempDir(), "missing")
			for path, want := range map[string]uint32{there: want.there, missing: want.missing} {
				h, err := CreateFile(path, access.GenericWrite, sharing, nil, disposition, 0)
				if got := errs.Number(err); got != want || (h == InvalidHandle) != (want != 0 && want != errs.AlreadyExists) {
					t.Errorf("%s: %#x, %v, want %d", path, h, err, want)
				}
				if h != InvalidHandle {
					number(t, 0, CloseHandle(h))
				}
			}
			contents(t, there, want.left)
			if _, err := os.Stat(missing); (err == nil) != (want.missing == 0) {
				t.Errorf("the missing file: %v", err)
			}
		})
	}
}

// Paths and arguments that cannot be right.
func TestCreateFileRefuses(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), "text", 0o666)
	number(t, 0, os.Symlink("circle", filepath.Join(dir, "circle")))
	for name, c := range map[string]struct {
		want               uint32
		path               string
		asked              access.Mask
		disposition, flags uint32
	}{
		"no name":                {errs.PathNotFound, "", access.GenericRead, winfile.OpenExisting, 0},
		"NULL":                   {errs.PathNotFound, NullName, access.GenericRead, winfile.OpenExisting, 0},
		"no directory":           {errs.PathNotFound, filepath.Join(dir, "none", "file"), access.GenericWrite, winfile.CreateNew, 0},
		"a file for a directory": {errs.PathNotFound, filepath.Join(file, "x"), access.GenericWrite, winfile.OpenAlways, 0},
		"a part too long":        {errs.InvalidName, filepath.Join(dir, strings.Repeat("x", 256)), access.GenericWrite, winfile.OpenAlways, 0},
		"too long":               {errs.NameTooLong, strings.Repeat("/x", 3000), access.GenericWrite, winfile.OpenAlways, 0},
		"a circle of links":      {errs.CannotResolve, filepath.Join(dir, "circle"), access.GenericRead, winfile.OpenExisting, 0},
		"a directory":            {errs.AccessDenied, dir, access.GenericRead, winfile.OpenExisting, 0},
		"a directory, made new":  {errs.AccessDenied, dir, access.GenericRead, winfile.CreateAlways, winfile.BackupSemantics},
		"disposition 0":          {errs.InvalidParameter, file, access.GenericRead, 0, 0},
		"disposition 6":          {errs.InvalidParameter, file, access.GenericRead, 6, 0},
		"truncate, reading":      {errs.InvalidParameter, file, access.GenericRead, winfile.TruncateExisting, 0},
		"unknown rights":         {errs.AccessDenied, file, access.Unknown, winfile.OpenExisting, 0},
	} {
		t.Run(name, func(t *testing.T) {
			refusedFile(t, c.want, c.path, c.asked, sharing, c.disposition, c.flags)
		})
	}
	refusedFile(t, errs.InvalidParameter, file, access.GenericRead, 8, winfile.OpenExisting, 0)
	contents(t, file, "text")
	openFile(t, dir, access.GenericRead, sharing, winfile.OpenExisting, winfile.BackupSemantics)
	openFile(t, file+"\x00behind the end of the name", access.GenericRead, sharing, winfile.OpenExisting, 0)
}

// Pipes, sockets and devices: nothing hangs, and nothing is done to them.
func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket")
	number(t, 0, unix.Mkfifo(pipe, 0o666))
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	number(t, 0, err)
	defer func() { _ = unix.Close(fd) }()
	number(t, 0, unix.Bind(fd, &unix.SockaddrUnix{Name: socket}))
	for _, path := range []string{pipe, socket} {
		for _, asked := range []access.Mask{0, access.GenericRead, access.GenericWrite, readAndWrite, access.Delete} {
			refusedFile(t, errs.NotSupported, path, asked, sharing, winfile.OpenExisting, 0)
		}
		refusedFile(t, errs.NotSupported, path, access.GenericWrite, sharing, winfile.CreateAlways, 0)
		moved := path + " moved"
		number(t, 0, MoveFile(path, moved))
		number(t, 0, DeleteFile(moved))
	}
	var n uint32
	b := []byte("text")
	number(t, 0, WriteFile(openFile(t, "/dev/null", access.GenericWrite, 0, winfile.OpenExisting, 0), b, &n, nil))
	null := openFile(t, "/dev/null", access.GenericRead, 0, winfile.OpenExisting, 0)
	number(t, 0, ReadFile(null, b, &n, nil))
	if n != 0 {
		t.Errorf("%d bytes of nothing", n)
	}
}

// Links are followed, where the name itself is meant they are not.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), "text", 0o666)
	link, nowhere := filepath.Join(dir, "link"), filepath.Join(dir, "nowhere")
	number(t, 0, os.Symlink("file", link))
	number(t, 0, os.Symlink("yet to come", nowhere))

	h := openFile(t, link, access.GenericRead, 1, winfile.OpenExisting, 0)
	refusedFile(t, errs.SharingViolation, file, access.GenericWrite, sharing, winfile.OpenExisting, 0)
	number(t, 0, MoveFile(link, link+" moved")) // its own file is not the one that is open
	number(t, 0, DeleteFile(link+" moved"))
	number(t, errs.SharingViolation, DeleteFile(file))
	number(t, 0, CloseHandle(h))
	contents(t, file, "text")

	refusedFile(t, errs.FileNotFound, nowhere, access.GenericRead, sharing, winfile.OpenExisting, 0)
	h, err := CreateFile(nowhere, access.GenericWrite, sharing, nil, winfile.OpenAlways, 0)
	number(t, 0, err)
	number(t, 0, CloseHandle(h))
	contents(t, filepath.Join(dir, "yet to come"), "")

	number(t, 0, os.Symlink("file", link))
	h = openFile(t, link, access.Delete, sharing, winfile.OpenExisting, winfile.DeleteOnClose|winfile.OpenReparsePoint)
	number(t, 0, CloseHandle(h))
	contents(t, file, "text")
	if _, err := os.Lstat(link); err == nil {
		t.Error("the link is still there")
	}
}

// A file that lets nobody write is read-only for root, too.
func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	h := openFile(t, path, access.GenericWrite, sharing, winfile.CreateNew, winfile.ReadOnly)
	var n uint32
	number(t, 0, WriteFile(h, []byte("text"), &n, nil))
	number(t, 0, CloseHandle(h))
	for _, asked := range []access.Mask{access.GenericWrite, access.WriteData, access.AppendData, access.GenericAll} {
		refusedFile(t, errs.AccessDenied, path, asked, sharing, winfile.OpenExisting, 0)
	}
	refusedFile(t, errs.AccessDenied, path, access.GenericWrite, sharing, winfile.CreateAlways, 0)
	refusedFile(t, errs.AccessDenied, path, access.GenericRead, sharing, winfile.OpenExisting, winfile.DeleteOnClose)
	number(t, errs.AccessDenied, DeleteFile(path))
	h = openFile(t, path, access.GenericRead|access.Delete, sharing, winfile.OpenExisting, 0)
	number(t, errs.AccessDenied, disposition(h, 1))
	number(t, errs.AccessDenied, WriteFile(h, []byte("more"), &n, nil))
	number(t, errs.AccessDenied, SetEndOfFile(h))
	number(t, errs.AccessDenied, FlushFileBuffers(h))
	contents(t, path, "text")
	number(t, 0, CloseHandle(h))
}

func disposition(h Handle, gone byte) error {
	return SetFileInformationByHandle(h, fileDispositionInfo, uintptr(unsafe.Pointer(&gone)), 1)
}

// The position is the file's, not the handle's; with an offset it moves, too.
func TestPosition(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	h := openFile(t, path, readAndWrite, sharing, winfile.CreateNew, 0)
	var other Handle
	number(t, 0, DuplicateHandle(CurrentProcess, h, CurrentProcess, &other, 0, false, SameAccess))
	defer func() { number(t, 0, CloseHandle(other)) }()
	var n uint32
	var at, size int64
	number(t, 0, WriteFile(h, []byte("0123456789"), &n, nil))
	number(t, 0, SetFilePointerEx(other, -4, &at, unix.SEEK_CUR))
	b := make([]byte, 3)
	number(t, 0, ReadFile(h, b, &n, nil))
	if at != 6 || n != 3 || string(b) != "678" {
		t.Errorf("at %d: %d bytes, %q", at, n, b)
	}
	number(t, 0, ReadFile(h, b, &n, &Overlapped{Offset: 1}))
	number(t, 0, SetFilePointerEx(other, 0, &at, unix.SEEK_CUR))
	if n != 3 || string(b) != "123" || at != 4 {
		t.Errorf("%d bytes, %q, then at %d", n, b, at)
	}
	number(t, errs.HandleEOF, ReadFile(h, b, &n, &Overlapped{Offset: 10}))
	number(t, errs.HandleEOF, ReadFile(h, b, &n, &Overlapped{OffsetHigh: 1}))
	number(t, errs.NegativeSeek, SetFilePointerEx(h, -1, nil, unix.SEEK_SET))
	number(t, errs.InvalidParameter, SetFilePointerEx(h, 0, nil, 3))
	number(t, 0, SetFilePointerEx(h, 5, &at, unix.SEEK_END))
	number(t, 0, ReadFile(h, b, &n, nil)) // behind the end: nothing, and no error
	if at != 15 || n != 0 {
		t.Errorf("at %d, %d bytes", at, n)
	}
	number(t, 0, SetEndOfFile(other))
	number(t, 0, GetFileSizeEx(h, &size))
	if size != 15 {
		t.Errorf("%d bytes", size)
	}
	number(t, 0, FlushFileBuffers(h))
	var bare Handle // any handle is enough
	number(t, 0, DuplicateHandle(CurrentProcess, h, CurrentProcess, &bare, 0, false, 0))
	size = 0
	number(t, 0, GetFileSizeEx(bare, &size))
	if size != 15 {
		t.Errorf("%d bytes by a handle that may do nothing", size)
	}
	number(t, 0, CloseHandle(bare))
}

// Who may only append writes at the end, wherever that is and whatever the offset says;
// and so does the offset of all ones.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	h := openFile(t, path, access.GenericWrite, sharing, winfile.CreateNew, 0)
	log := openFile(t, path, access.AppendData, sharing, winfile.OpenExisting, 0)
	var n uint32
	number(t, 0, WriteFile(log, []byte("one "), &n, nil))
	number(t, 0, WriteFile(h, []byte("ONE"), &n, nil))
	number(t, 0, WriteFile(log, []byte("two "), &n, &Overlapped{}))
	number(t, 0, WriteFile(h, []byte("three "), &n, &Overlapped{Offset: 1<<32 - 1, OffsetHigh: 1<<32 - 1}))
	number(t, 0, WriteFile(log, []byte("four"), &n, nil))
	contents(t, path, "ONE two three four")
	number(t, errs.AccessDenied, SetEndOfFile(log))
	number(t, errs.AccessDenied, ReadFile(h, make([]byte, 1), &n, nil))
}

// With FILE_FLAG_OVERLAPPED there is no position, and the event is set.
func TestOverlapped(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "file"), "0123456789", 0o666)
	h := openFile(t, path, readAndWrite, sharing, winfile.OpenExisting, winfile.Overlapped)
	var n uint32
	b := make([]byte, 4)
	number(t, errs.InvalidParameter, ReadFile(h, b, &n, nil))
	e, err := CreateEvent(nil, "", true, false, access.GenericAll)
	closing(t, e, err)
	o := Overlapped{Offset: 3, Event: e}
	number(t, 0, ReadFile(h, b, nil, &o))
	if string(b) != "3456" || o.InternalHigh != 4 {
		t.Errorf("%q, %d bytes", b, o.InternalHigh)
	}
	number(t, errs.InvalidHandle, ReadFile(h, b, nil, &Overlapped{Event: h}))
	if b, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON); err == nil {
		number(t, errs.NoAccess, ReadFile(h, b, &n, &Overlapped{}))
		number(t, errs.NoAccess, WriteFile(h, b, &n, &Overlapped{}))
		_ = unix.Munmap(b)
	}
}

// A file that is to go goes with the last duplicate of the handle, and meanwhile nobody
// opens it.
func TestDisposition(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "file"), "text", 0o666)
	h := openFile(t, path, access.GenericRead|access.Delete, sharing, winfile.OpenExisting, 0)
	number(t, 0, disposition(h, 1))
	refusedFile(t, errs.AccessDenied, path, 0, sharing, winfile.OpenExisting, 0)
	number(t, 0, disposition(h, 0))
	number(t, 0, CloseHandle(openFile(t, path, access.GenericRead, sharing, winfile.OpenExisting, 0)))
	number(t, 0, disposition(h, 1))
	number(t, 0, os.Rename(path, path+" moved")) // the name that it has in the end
	var other Handle
	number(t, 0, DuplicateHandle(CurrentProcess, h, CurrentProcess, &other, 0, false, SameAccess))
	number(t, 0, CloseHandle(h))
	contents(t, path+" moved", "text")
	number(t, 0, CloseHandle(other))
	if _, err := os.Stat(path + " moved"); err == nil {
		t.Error("it is still there")
	}

	full := filepath.Join(dir, "full")
	number(t, 0, os.Mkdir(full, 0o777))
	inside := write(t, filepath.Join(full, "file"), "", 0o666)
	h = openFile(t, full, access.Delete, sharing, winfile.OpenExisting, winfile.BackupSemantics)
	number(t, errs.DirNotEmpty, disposition(h, 1))
	number(t, 0, DeleteFile(inside))
	number(t, 0, disposition(h, 1))
	number(t, 0, CloseHandle(h))
	if _, err := os.Stat(full); err == nil {
		t.Error("the directory is still there")
	}
	h = openFile(t, path, access.GenericRead, sharing, present(t, path), 0)
	number(t, errs.AccessDenied, disposition(h, 1))
	for _, bad := range []struct{ class, length, want uint32 }{{99, 8, 87}, {fileEndOfFileInfo, 4, 24}, {fileDispositionInfo, 0, 24}} {
		number(t, bad.want, SetFileInformationByHandle(h, bad.class, uintptr(unsafe.Pointer(&bad)), bad.length))
	}
	number(t, errs.NoAccess, SetFileInformationByHandle(h, fileEndOfFileInfo, 0, 8))
}

// present makes the file, so that it is there.
func present(t testing.TB, path string) uint32 {
	t.Helper()
	write(t, path, "", 0o666)
	return winfile.OpenExisting
}

// FILE_FLAG_DELETE_ON_CLOSE: all who open the file meanwhile share its deletion.
func TestDeleteOnClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	h := openFile(t, path, readAndWrite, sharing, winfile.CreateNew, winfile.DeleteOnClose)
	refusedFile(t, errs.SharingViolation, path, access.GenericRead, 3, winfile.OpenExisting, 0)
	other := openFile(t, path, access.GenericRead, sharing, winfile.OpenExisting, 0)
	number(t, 0, CloseHandle(h))
	refusedFile(t, errs.FileNotFound, path, access.GenericRead, sharing, winfile.OpenExisting, 0)
	var size int64
	number(t, 0, GetFileSizeEx(other, &size))
}

func TestSizes(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "file"), "0123456789", 0o666)
	h := openFile(t, path, access.GenericWrite, sharing, winfile.OpenExisting, 0)
	set := func(class uint32, size int64) error {
		return SetFileInformationByHandle(h, class, uintptr(unsafe.Pointer(&size)), 8)
	}
	number(t, 0, set(fileAllocationInfo, 100))
	contents(t, path, "0123456789")
	number(t, 0, set(fileAllocationInfo, 5))
	contents(t, path, "01234")
	number(t, 0, set(fileEndOfFileInfo, 7))
	contents(t, path, "01234\x00\x00")
	number(t, errs.InvalidParameter, set(fileEndOfFileInfo, -1))
}

func TestMoveAndCopy(t *testing.T) {
	dir, far := t.TempDir(), t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "atoll-far-"); err == nil {
		far = shm
		defer func() { _ = os.RemoveAll(shm) }()
	}
	text := string(bytes.Repeat([]byte("text"), 100_000))
	a, b := write(t, filepath.Join(dir, "a"), text, 0o640), filepath.Join(dir, "b")
	number(t, 0, CopyFile(a, b, true))
	contents(t, b, text)
	if st, err := os.Stat(b); err != nil || st.Mode() != 0o640 {
		t.Errorf("%v, %v", st, err)
	}
	number(t, errs.FileExists, CopyFile(a, b, true))
	number(t, errs.SharingViolation, CopyFile(a, a, false))
	number(t, errs.FileExists, CopyFile(a, a, true))
	number(t, errs.FileNotFound, CopyFile(a+"x", b, false))
	number(t, errs.PathNotFound, CopyFile(a, filepath.Join(dir, "x", "y"), false))
	number(t, errs.AccessDenied, CopyFile(a, dir, false))
	number(t, errs.AlreadyExists, MoveFile(a, b))
	number(t, 0, MoveFile(a, a))
	number(t, errs.FileNotFound, MoveFile(a+"x", b))
	number(t, errs.PathNotFound, MoveFile(a, filepath.Join(dir, "x", "y")))
	number(t, 0, MoveFile(a, filepath.Join(far, "a")))
	contents(t, filepath.Join(far, "a"), text)
	number(t, errs.FileNotFound, DeleteFile(a))

	folder := filepath.Join(dir, "folder")
	number(t, 0, os.Mkdir(folder, 0o777))
	number(t, errs.AccessDenied, DeleteFile(folder))
	h := openFile(t, folder, access.GenericRead, 3, winfile.OpenExisting, winfile.BackupSemantics)
	number(t, errs.SharingViolation, MoveFile(folder, folder+" moved"))
	number(t, 0, CloseHandle(h))
	number(t, 0, MoveFile(folder, folder+" moved"))

	var st unix.Stat_t
	var other unix.Stat_t
	if unix.Stat(dir, &st) == nil && unix.Stat(far, &other) == nil && st.Dev != other.Dev {
		number(t, errs.NotSameDevice, MoveFile(folder+" moved", filepath.Join(far, "folder")))
	}
}

// MAXIMUM_ALLOWED is what can be had; a descriptor becomes the mode of a new file.
func TestFileRights(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	a := &Attributes{Security: &access.Security{Mode: 0o640}}
	h, err := CreateFile(path, access.MaximumAllowed, sharing, a, winfile.CreateNew, 0)
	closing(t, h, err)
	granted := func(h Handle, want access.Mask) {
		t.Helper()
		if i, err := ObjectInformation(h); access.Mask(i.GrantedAccess) != want || err != nil {
			t.Errorf("it may %#x, %v, want %#x", i.GrantedAccess, err, uint32(want))
		}
	}
	granted(h, 0x1F01FF)
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o640 {
		t.Errorf("%v, %v", st, err)
	}
	granted(openFile(t, path, 0, 0, winfile.OpenExisting, 0), 0x100080)
	granted(openFile(t, path, access.MaximumAllowed, sharing, winfile.OpenExisting, 0), 0x1F01FF)
	granted(openFile(t, path, access.GenericRead, sharing, winfile.OpenExisting, 0), 0x120089)
	number(t, 0, CloseHandle(h))
	number(t, 0, os.Chmod(path, 0o440))
	granted(openFile(t, path, access.MaximumAllowed, sharing, winfile.OpenExisting, 0), 0x1300A9)
	for _, s := range []*access.Security{{Mode: 0o200}, {ACL: []access.ACE{{Rights: access.GenericWrite}}}} {
		refused := path + " refused"
		if h, err := CreateFile(refused, access.GenericRead, sharing, &Attributes{Security: s}, winfile.CreateNew, 0); h != InvalidHandle || err == nil {
			t.Errorf("%v: %#x, %v", s, h, err)
		}
		if _, err := os.Stat(refused); err == nil {
			t.Error("it was made all the same")
		}
	}
}
