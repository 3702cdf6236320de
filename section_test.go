//go:build linux

package atoll

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// closeLater closes what the test may have closed itself.
func closeLater(t testing.TB, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
}

func newTestSection(t testing.TB, name string, o SectionOptions) *Section {
	t.Helper()
	s, err := CreateSection(name, o)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, s)
	return s
}

func openTestSection(t testing.TB, name string, a Access) *Section {
	t.Helper()
	s, err := OpenSection(name, a)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, s)
	return s
}

func newTestView(t testing.TB, s *Section, a Access, offset, length int64) *View {
	t.Helper()
	v, err := s.Map(a, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, v)
	return v
}

// testFile makes a file of a certain size, whose bytes are all different from
// zero, open for reading and writing.
func testFile(t testing.TB, size int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(bytes.Repeat([]byte{'f'}, size)); err != nil {
		t.Fatal(err)
	}
	return f
}

func reopened(t testing.TB, f *os.File, flag int) *os.File {
	t.Helper()
	g, err := os.OpenFile(f.Name(), flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func sizeOf(t testing.TB, f *os.File) int64 {
	t.Helper()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

// isNumber checks an error's Windows number, and, if there is one, its sentinel.
func isNumber(t testing.TB, err error, number uint32, want error, texts ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want number %d", err, number)
	}
	if e.Win32() != number {
		t.Fatalf("error is %v with number %d, want %d", err, e.Win32(), number)
	}
	if want == nil {
		want = e
	}
	isError(t, err, want, texts...)
}

// noSection checks that a creation fails, with a number, and leaves nothing.
func noSection(t testing.TB, o SectionOptions, number uint32, want error, texts ...string) {
	t.Helper()
	for _, name := range []string{"", t.Name()} {
		s, err := CreateSection(name, o)
		if err == nil {
			_ = s.Close()
			t.Fatalf("creation of %q succeeded", name)
		}
		isNumber(t, err, number, want, texts...)
		if _, err := OpenSection(t.Name(), 0); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("after a failed creation: %v", err)
		}
	}
	for _, path := range testkit.Objects(testkit.Base()) {
		if strings.Contains(path, filepath.Base(t.Name())) {
			t.Fatalf("left behind: %s", path)
		}
	}
}

// permissions are what /proc/self/maps says of a view's first page: "rw-s".
func permissions(t testing.TB, v *View) string {
	t.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for in := bufio.NewScanner(f); in.Scan(); {
		var from, to uintptr
		var perms string
		if n, _ := fmt.Sscanf(in.Text(), "%x-%x %s", &from, &to, &perms); n == 3 && v.Addr() >= from && v.Addr() < to {
			return perms
		}
	}
	return "not mapped"
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func TestSectionSize(t *testing.T) {
	page := int64(os.Getpagesize())
	t.Run("C100 memory needs a size", func(t *testing.T) {
		noSection(t, SectionOptions{}, 87, fs.ErrInvalid)
		noSection(t, SectionOptions{Size: -1}, 87, fs.ErrInvalid)
	})
	t.Run("C101 one byte is a page", func(t *testing.T) {
		for _, c := range []struct{ asked, got int64 }{{1, 4096}, {4090, 4096}, {4096, 4096}, {0x3452, 0x4000}} {
			s := newTestSection(t, "", SectionOptions{Size: c.asked})
			v := newTestView(t, s, 0, 0, 0)
			if s.Size() != c.got || v.Size() != c.got || int64(len(v.Bytes())) != c.got || cap(v.Bytes()) != len(v.Bytes()) {
				t.Errorf("%d bytes: section %d, view %d", c.asked, s.Size(), v.Size())
			}
			if !allZero(v.Bytes()) {
				t.Error("a new section is not zero")
			}
		}
	})
	t.Run("C102 four gigabytes reserved", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 1 << 32, Reserve: true})
		v := newTestView(t, s, 0, 1<<32-page, 0)
		v.Bytes()[page-1] = 1
	})
	t.Run("C228 a view of eight gigabytes", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 8 << 30, Reserve: true})
		v := newTestView(t, s, 0, 0, 0)
		if v.Size() != 8<<30 {
			t.Fatalf("view of %d bytes", v.Size())
		}
		v.Bytes()[v.Size()-3<<30] = 1
	})
	t.Run("C229 128 TiB", func(t *testing.T) {
		noSection(t, SectionOptions{Size: 1 << 47, Reserve: true}, 8, nil)
		noSection(t, SectionOptions{Size: 1<<63 - 1, Reserve: true}, 8, nil)
	})
	t.Run("more than there is", func(t *testing.T) {
		noSection(t, SectionOptions{Size: 1<<47 - 1}, 1455, nil, "no room for")
		noSection(t, SectionOptions{Size: 512 << 30}, 1455, nil, "no room for")
	})
	t.Run("committed memory is there", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 1 << 20})
		f, err := s.File()
		must(t, err)
		defer func() { must(t, f.Close()) }()
		if n := allocated(t, f); n < 1<<20 {
			t.Fatalf("%d bytes of 1 MiB are allocated", n)
		}
	})
	t.Run("reserved memory is not there", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 1 << 20, Reserve: true})
		f, err := s.File()
		must(t, err)
		defer func() { must(t, f.Close()) }()
		if n := allocated(t, f); n >= 1<<20 {
			t.Fatalf("%d bytes are allocated", n)
		}
	})
}

func TestSectionProtection(t *testing.T) {
	names := map[Protection]string{
		ReadWrite: "read-write", ReadOnly: "read-only", WriteCopy: "write-copy",
		ExecuteReadWrite: "execute-read-write", ExecuteRead: "execute-read", ExecuteWriteCopy: "execute-write-copy",
	}
	rights := map[string]struct {
		p    Protection
		want Access
	}{
		"C132 read-only":          {ReadOnly, Read},
		"write-copy":              {WriteCopy, Read},
		"C133 read-write":         {ReadWrite, Read | Write},
		"execute-read":            {ExecuteRead, Read | Execute},
		"execute-write-copy":      {ExecuteWriteCopy, Read | Execute},
		"C134 execute-read-write": {ExecuteReadWrite, Read | Write | Execute},
	}
	for p, name := range names {
		if p.String() != name {
			t.Errorf("%d is %q, want %q", p, p, name)
		}
	}
	for name, c := range rights {
		t.Run(name, func(t *testing.T) {
			s := newTestSection(t, t.Name(), SectionOptions{Size: 1, Protection: c.p})
			if s.Access() != c.want {
				t.Errorf("the creator has %v, want %v", s.Access(), c.want)
			}
			if o := openTestSection(t, t.Name(), 0); o.Access() != c.want {
				t.Errorf("an opener has %v, want %v", o.Access(), c.want)
			}
		})
	}
	t.Run("C094 no such protection", func(t *testing.T) {
		for _, p := range []Protection{ExecuteWriteCopy + 1, 0x40, 1<<32 - 1} {
			noSection(t, SectionOptions{Size: 1, Protection: p}, 87, fs.ErrInvalid)
			if p.String() != "unknown" {
				t.Errorf("%d is %q", p, p)
			}
		}
	})
	t.Run("C138 copy is a way to read", func(t *testing.T) {
		newTestSection(t, t.Name(), SectionOptions{Size: 1})
		if s := openTestSection(t, t.Name(), Copy); s.Access() != Read {
			t.Errorf("access %v", s.Access())
		}
	})
	t.Run("less than usual", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 1, Access: Read})
		if s.Access() != Read {
			t.Errorf("access %v", s.Access())
		}
		_, err := s.Map(Write, 0, 0)
		isNumber(t, err, 5, fs.ErrPermission)
	})
	t.Run("bits of other types", func(t *testing.T) {
		noSection(t, SectionOptions{Size: 1, Access: Wait}, 5, fs.ErrPermission)
		newTestSection(t, t.Name(), SectionOptions{Size: 1})
		_, err := OpenSection(t.Name(), Read|Modify)
		isNumber(t, err, 5, fs.ErrPermission)
	})
}

func TestSectionOverFile(t *testing.T) {
	t.Run("size of the file", func(t *testing.T) {
		f := testFile(t, 0x3456)
		s := newTestSection(t, t.Name(), SectionOptions{File: f})
		if s.Size() != 0x3456 || s.DataOffset() != 0 {
			t.Fatalf("size %#x, offset %d", s.Size(), s.DataOffset())
		}
	})
	t.Run("empty file without a size", func(t *testing.T) {
		noSection(t, SectionOptions{File: testFile(t, 0)}, 1006, fs.ErrInvalid)
	})
	t.Run("C116 an empty file grows", func(t *testing.T) {
		f := testFile(t, 0)
		newTestSection(t, "", SectionOptions{File: f, Size: 100})
		if n := sizeOf(t, f); n != 100 {
			t.Fatalf("the file has %d bytes", n)
		}
	})
	t.Run("C117 a file grows before any view", func(t *testing.T) {
		f := testFile(t, 4096)
		s := newTestSection(t, t.Name(), SectionOptions{File: f, Size: 8192})
		if n := sizeOf(t, f); n != 8192 {
			t.Fatalf("the file has %d bytes", n)
		}
		v := newTestView(t, s, 0, 0, 0)
		if b := v.Bytes(); b[4095] != 'f' || !allZero(b[4096:]) {
			t.Fatal("the old bytes are not kept, or the new not zero")
		}
	})
	t.Run("C118 a file that may not grow", func(t *testing.T) {
		f := testFile(t, 0x3456)
		for _, p := range []Protection{ReadOnly, WriteCopy, ExecuteRead, ExecuteWriteCopy} {
			noSection(t, SectionOptions{File: f, Size: 0x3457, Protection: p}, 8, nil, "cannot let it grow")
		}
		if n := sizeOf(t, f); n != 0x3456 {
			t.Fatalf("the file has %#x bytes", n)
		}
	})
	t.Run("too big", func(t *testing.T) {
		f := testFile(t, 1)
		noSection(t, SectionOptions{File: f, Size: 1 << 54}, 8, nil)
		if n := sizeOf(t, f); n != 1 {
			t.Fatalf("the file has %d bytes", n)
		}
	})
}

func TestSectionOverLongerFile(t *testing.T) {
	t.Run("C120 only the first bytes", func(t *testing.T) {
		f := testFile(t, 12288)
		s := newTestSection(t, "", SectionOptions{File: f, Size: 4096})
		_, err := s.Map(0, 0, 8192)
		isNumber(t, err, 5, fs.ErrInvalid)
		newTestView(t, s, 0, 0, 4096)
	})
	t.Run("C121 a longer file is not truncated", func(t *testing.T) {
		f := testFile(t, 12288)
		s := newTestSection(t, "", SectionOptions{File: f, Size: 4096})
		must(t, newTestView(t, s, 0, 0, 0).Close())
		must(t, s.Close())
		if n := sizeOf(t, f); n != 12288 {
			t.Fatalf("the file has %d bytes", n)
		}
	})
	t.Run("a file that grows does not let the section grow", func(t *testing.T) {
		f := testFile(t, 4096)
		s := newTestSection(t, "", SectionOptions{File: f})
		must(t, f.Truncate(8192))
		_, err := s.Map(0, 0, 8192)
		isNumber(t, err, 5, fs.ErrInvalid)
	})
}

func TestSectionFileOptions(t *testing.T) {
	t.Run("C108 no large pages", func(t *testing.T) {
		noSection(t, SectionOptions{File: testFile(t, 1), Size: 2 << 20, LargePages: true}, 87, fs.ErrInvalid)
	})
	t.Run("C114 C206 reserve has no effect", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{File: testFile(t, 4096), Reserve: true})
		v := newTestView(t, s, 0, 0, 0)
		if v.Bytes()[4095] != 'f' {
			t.Fatal("not the file's bytes")
		}
		isNumber(t, v.Commit(0, 0), 5, fs.ErrPermission, "committed already")
	})
	t.Run("a file in memory that is larger than memory", func(t *testing.T) {
		f, err := os.CreateTemp(testkit.Base(), "file-")
		must(t, err)
		defer func() { must(t, errors.Join(f.Close(), os.Remove(f.Name()))) }()
		noSection(t, SectionOptions{File: f, Size: 1 << 47}, 1455, nil, "no room for")
		if n := sizeOf(t, f); n != 0 {
			t.Fatalf("the file has %d bytes", n)
		}
	})
	t.Run("the caller may close the file", func(t *testing.T) {
		f := testFile(t, 4096)
		s := newTestSection(t, t.Name(), SectionOptions{File: f})
		must(t, f.Close())
		if v := newTestView(t, s, 0, 0, 0); v.Bytes()[0] != 'f' {
			t.Fatal("not the file's bytes")
		}
	})
	t.Run("the file stays as it was", func(t *testing.T) {
		f := testFile(t, 4096)
		if _, err := f.Seek(7, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		newTestSection(t, "", SectionOptions{File: f, Size: 8192})
		if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != 7 {
			t.Fatal(at, err)
		}
	})
}

func TestSectionFileRights(t *testing.T) {
	f := testFile(t, 4096)
	reader, writer := reopened(t, f, os.O_RDONLY), reopened(t, f, os.O_WRONLY)
	t.Run("C124 C125 a reader is enough to read", func(t *testing.T) {
		for _, p := range []Protection{ReadOnly, WriteCopy} {
			s := newTestSection(t, t.Name()+p.String(), SectionOptions{File: reader, Protection: p})
			if v := newTestView(t, s, Copy, 0, 0); v.Bytes()[0] != 'f' {
				t.Fatal("not the file's bytes")
			}
			if v := newTestView(t, s, Read, 0, 0); permissions(t, v) != "r--s" {
				t.Fatal(permissions(t, v))
			}
		}
	})
	t.Run("a reader is not enough to write", func(t *testing.T) {
		noSection(t, SectionOptions{File: reader}, 5, fs.ErrPermission, "open for reading only")
		noSection(t, SectionOptions{File: reader, Protection: ExecuteReadWrite}, 5, fs.ErrPermission)
	})
	t.Run("C128 a writer is never enough", func(t *testing.T) {
		for p := ReadWrite; p <= ExecuteWriteCopy; p++ {
			noSection(t, SectionOptions{File: writer, Protection: p}, 5, fs.ErrPermission, "not open for reading")
		}
	})
	t.Run("C126 Linux has no right to execute on a descriptor", func(t *testing.T) {
		s := newTestSection(t, "", SectionOptions{File: reader, Protection: ExecuteRead})
		if v := newTestView(t, s, Read|Execute, 0, 0); permissions(t, v) != "r-xs" {
			t.Fatal(permissions(t, v))
		}
	})
	t.Run("C129 no regular file", func(t *testing.T) {
		dir, err := os.Open(t.TempDir())
		must(t, err)
		defer func() { must(t, dir.Close()) }()
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		must(t, err)
		defer func() { must(t, null.Close()) }()
		r, w, err := os.Pipe()
		must(t, err)
		defer func() { must(t, errors.Join(r.Close(), w.Close())) }()
		for _, f := range []*os.File{dir, null, r, w} {
			noSection(t, SectionOptions{File: f, Size: 1}, 193, fs.ErrInvalid)
		}
	})
	t.Run("C130 closed", func(t *testing.T) {
		closed := reopened(t, f, os.O_RDWR)
		must(t, closed.Close())
		noSection(t, SectionOptions{File: closed}, 6, os.ErrClosed)
	})
}

func TestSectionCreateAndOpen(t *testing.T) {
	t.Run("exclusive", func(t *testing.T) {
		newTestSection(t, t.Name(), SectionOptions{Size: 1})
		_, err := CreateSection(t.Name(), SectionOptions{Size: 1})
		isNumber(t, err, 183, fs.ErrExist)
		_, err = OpenSection(t.Name()+" not", 0)
		isNumber(t, err, 2, fs.ErrNotExist)
	})
	t.Run("C084 the options of an existing section are ignored", func(t *testing.T) {
		newTestSection(t, t.Name(), SectionOptions{Size: 4096})
		s, created, err := CreateOrOpenSection(t.Name(), SectionOptions{Size: 65536, Protection: ReadOnly})
		must(t, err)
		closeLater(t, s)
		if created || s.Size() != 4096 || s.Access() != Read|Write {
			t.Fatal(created, s.Size(), s.Access())
		}
		_, err = s.Map(0, 0, 65536)
		isNumber(t, err, 5, fs.ErrInvalid)
	})
	t.Run("created or opened", func(t *testing.T) {
		s, created, err := CreateOrOpenSection(t.Name(), SectionOptions{Size: 4096})
		must(t, err)
		closeLater(t, s)
		if !created || s.Name() != t.Name() || s.Type() != TypeSection {
			t.Fatal(created, s.Name(), s.Type())
		}
	})
	t.Run("another type", func(t *testing.T) {
		newTestEvent(t, t.Name(), EventOptions{})
		_, err := OpenSection(t.Name(), 0)
		isNumber(t, err, 6, ErrWrongType)
		_, err = CreateSection(t.Name(), SectionOptions{Size: 1})
		isNumber(t, err, 6, ErrWrongType)
	})
	t.Run("unnamed", func(t *testing.T) {
		_, err := OpenSection("", 0)
		isNumber(t, err, 6, ErrWrongType)
		a, b := newTestSection(t, "", SectionOptions{Size: 1}), newTestSection(t, "", SectionOptions{Size: 1})
		newTestView(t, a, 0, 0, 0).Bytes()[0] = 1
		if newTestView(t, b, 0, 0, 0).Bytes()[0] != 0 {
			t.Fatal("two unnamed sections are one")
		}
	})
}

func TestSectionExistsOverFile(t *testing.T) {
	t.Run("existing over the same file", func(t *testing.T) {
		f := testFile(t, 4096)
		newTestSection(t, t.Name(), SectionOptions{File: f})
		reader := reopened(t, f, os.O_RDONLY)
		s, created, err := CreateOrOpenSection(t.Name(), SectionOptions{File: reader, Protection: ReadOnly})
		must(t, err)
		closeLater(t, s)
		if created || s.Access() != Read|Write {
			t.Fatal(created, s.Access())
		}
		newTestView(t, s, Write, 0, 0).Bytes()[0] = 'w' // opened by its path: the reader could not
		if b := make([]byte, 1); must1(f.ReadAt(b, 0)) != 1 || b[0] != 'w' {
			t.Fatalf("the file has %q", b)
		}
	})
	t.Run("existing over something else", func(t *testing.T) {
		newTestSection(t, t.Name(), SectionOptions{File: testFile(t, 4096)})
		_, _, err := CreateOrOpenSection(t.Name(), SectionOptions{File: testFile(t, 4096)})
		isNumber(t, err, 183, fs.ErrExist, "over another file")
		newTestSection(t, t.Name()+"2", SectionOptions{Size: 4096})
		_, _, err = CreateOrOpenSection(t.Name()+"2", SectionOptions{File: testFile(t, 4096)})
		isNumber(t, err, 183, fs.ErrExist, "one of memory")
		s, created, err := CreateOrOpenSection(t.Name(), SectionOptions{Size: 1})
		must(t, err)
		closeLater(t, s)
		if created || s.Size() != 4096 {
			t.Fatal(created, s.Size())
		}
	})
	t.Run("an existing section does not let the file grow", func(t *testing.T) {
		f := testFile(t, 4096)
		newTestSection(t, t.Name(), SectionOptions{File: f})
		_, err := CreateSection(t.Name(), SectionOptions{File: f, Size: 1 << 20})
		isNumber(t, err, 183, fs.ErrExist)
		if n := sizeOf(t, f); n != 4096 {
			t.Fatalf("the file has %d bytes", n)
		}
	})
}

// must1 is the value of a call that must not fail.
func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSectionFile(t *testing.T) {
	check := func(t *testing.T, s *Section, writes bool) {
		t.Helper()
		f, err := s.File()
		must(t, err)
		defer func() { must(t, f.Close()) }()
		v := newTestView(t, s, Read, 0, 0)
		_, err = f.WriteAt([]byte("written"), s.DataOffset())
		if (err == nil) != writes {
			t.Fatalf("write: %v, want success %v", err, writes)
		}
		b := make([]byte, 7)
		must1(f.ReadAt(b, s.DataOffset()))
		if !bytes.Equal(b, v.Bytes()[:7]) || writes && string(b) != "written" {
			t.Fatalf("file %q, view %q", b, v.Bytes()[:7])
		}
	}
	t.Run("memory", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 4096})
		check(t, s, true)
		check(t, openTestSection(t, t.Name(), Read), false)
	})
	t.Run("unnamed memory", func(t *testing.T) { check(t, newTestSection(t, "", SectionOptions{Size: 1}), true) })
	t.Run("read-only memory", func(t *testing.T) {
		check(t, newTestSection(t, "", SectionOptions{Size: 1, Protection: ReadOnly}), false)
	})
	t.Run("file", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{File: testFile(t, 4096)})
		check(t, s, true)
		check(t, openTestSection(t, t.Name(), Read), false)
	})
	t.Run("its length cannot be changed", func(t *testing.T) {
		f, err := newTestSection(t, "", SectionOptions{Size: 4096}).File()
		must(t, err)
		defer func() { must(t, f.Close()) }()
		if err := f.Truncate(0); err == nil {
			t.Fatal("an unnamed section was truncated")
		}
		if err := f.Truncate(1 << 30); err == nil {
			t.Fatal("an unnamed section was extended")
		}
	})
	t.Run("closed", func(t *testing.T) {
		s := newTestSection(t, "", SectionOptions{Size: 1})
		must(t, s.Close())
		_, err := s.File()
		isError(t, err, os.ErrClosed)
	})
	t.Run("neither reads nor writes", func(t *testing.T) {
		s := newTestSection(t, "", SectionOptions{Size: 1, Access: Execute})
		_, err := s.File()
		isNumber(t, err, 5, fs.ErrPermission)
	})
	t.Run("a name does not live by it", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 1})
		f, err := s.File()
		must(t, err)
		defer func() { must(t, f.Close()) }()
		must(t, s.Close())
		_, err = OpenSection(t.Name(), 0)
		isError(t, err, fs.ErrNotExist)
	})
}

func TestSectionClose(t *testing.T) {
	s := newTestSection(t, t.Name(), SectionOptions{Size: 1})
	must(t, s.Close())
	isNumber(t, s.Close(), 6, os.ErrClosed)
	_, err := s.Map(0, 0, 0)
	isError(t, err, os.ErrClosed)
	if s.Size() != 4096 || s.Access() != Read|Write || s.Name() != t.Name() {
		t.Error("a closed handle does not know what it was")
	}
}

// Handles are mapped, asked and closed by many goroutines at once.
func TestSectionManyGoroutines(t *testing.T) {
	f := testFile(t, 65536)
	for range 20 {
		var handles []*Section
		for range 4 {
			s, _, err := CreateOrOpenSection(t.Name(), SectionOptions{File: f})
			must(t, err)
			handles = append(handles, s)
		}
		done := make(chan error)
		for i := range 16 {
			go func() {
				s := handles[i%4]
				v, err := s.Map(0, 0, 0)
				if err == nil {
					_, err = v.WriteAt([]byte{byte(i)}, int64(i))
					err = errors.Join(err, v.Close())
				}
				if i < 4 {
					runtime.Gosched()
					err = errors.Join(err, s.Close())
				}
				if errors.Is(err, os.ErrClosed) {
					err = nil
				}
				done <- err
			}()
		}
		for range 16 {
			must(t, <-done)
		}
	}
	_, err := OpenSection(t.Name(), 0)
	isError(t, err, fs.ErrNotExist)
}
