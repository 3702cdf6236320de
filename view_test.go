//go:build linux

package atoll

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// What a view may do, by the section's protection and what was asked for; the
// table of semantics 2.8. Empty is a refusal with number 5.
func TestViewKinds(t *testing.T) {
	asked := []Access{Copy, Read, Write, Read | Write, Write | Copy, Read | Copy, Execute | Read, Execute | Copy, Execute | Write}
	const none, rx, xc, rwx = "", "r-xs", "rwxp", "rwxs"
	for _, c := range []struct {
		lines string
		p     Protection
		want  []string
	}{
		{"C149 C150", ReadOnly, []string{"rw-p", "r--s", none, none, none, "r--s", none, none, none}},
		{"C152", WriteCopy, []string{"rw-p", "r--s", none, none, none, "r--s", none, none, none}},
		{"C140 C142 C144 C148", ReadWrite, []string{"rw-p", "r--s", "rw-s", "rw-s", "rw-s", "r--s", none, none, none}},
		{"C153 C154", ExecuteRead, []string{"rw-p", "r--s", none, none, none, "r--s", rx, xc, none}},
		{"", ExecuteWriteCopy, []string{"rw-p", "r--s", none, none, none, "r--s", rx, xc, none}},
		{"C156", ExecuteReadWrite, []string{"rw-p", "r--s", "rw-s", "rw-s", "rw-s", "r--s", rx, xc, rwx}},
	} {
		for _, over := range []string{"memory", "file"} {
			t.Run(strings.TrimSpace(c.lines+" "+c.p.String()+" "+over), func(t *testing.T) {
				o := SectionOptions{Size: 4096, Protection: c.p}
				if over == "file" {
					o.File = testFile(t, 4096)
				}
				s := newTestSection(t, t.Name(), o)
				for i, a := range asked {
					v, err := s.Map(a, 0, 0)
					if c.want[i] == none {
						isNumber(t, err, 5, fs.ErrPermission)
						continue
					}
					if err != nil {
						t.Fatalf("%v: %v", a, err)
					}
					if got := permissions(t, v); got != c.want[i] {
						t.Errorf("%v: %s, want %s", a, got, c.want[i])
					}
					must(t, v.Close())
				}
			})
		}
	}
}

func TestViewRights(t *testing.T) {
	newTestSection(t, "view rights", SectionOptions{Size: 4096})
	open := func(a Access) *Section { return openTestSection(t, "view rights", a) }
	t.Run("C141 all that is usual", func(t *testing.T) {
		v := newTestView(t, open(0), 0, 0, 0)
		if permissions(t, v) != "rw-s" || v.Access() != Read|Write {
			t.Fatal(permissions(t, v), v.Access())
		}
		if v := newTestView(t, open(Read), 0, 0, 0); permissions(t, v) != "r--s" || v.Access() != Read {
			t.Fatal(permissions(t, v), v.Access())
		}
		if v := newTestView(t, open(0), Copy, 0, 0); v.Access() != Copy {
			t.Fatal(v.Access())
		}
	})
	t.Run("C157 a reader does not write", func(t *testing.T) {
		_, err := open(Read).Map(Write, 0, 0)
		isNumber(t, err, 5, fs.ErrPermission, "has read, needs write")
	})
	t.Run("C158 a writer does not read", func(t *testing.T) {
		s := open(Write)
		_, err := s.Map(Read, 0, 0)
		isNumber(t, err, 5, fs.ErrPermission)
		v := newTestView(t, s, Write, 0, 0) // but what it writes it can read
		v.Bytes()[0]++
	})
	t.Run("C160 a writer has no copy", func(t *testing.T) {
		_, err := open(Write).Map(Copy, 0, 0)
		isNumber(t, err, 5, fs.ErrPermission)
	})
	t.Run("C164 the protection has the last word", func(t *testing.T) {
		s := open(Read | Write | Execute)
		_, err := s.Map(Execute|Write, 0, 0)
		isNumber(t, err, 87, fs.ErrInvalid)
		newTestSection(t, t.Name(), SectionOptions{Size: 1, Protection: ReadOnly})
		s = openTestSection(t, t.Name(), Read|Write)
		_, err = s.Map(Write, 0, 0)
		isNumber(t, err, 87, fs.ErrInvalid)
		newTestView(t, s, 0, 0, 0)
	})
	t.Run("C146 no kind of view", func(t *testing.T) {
		for _, a := range []Access{Execute, Wait, Read | Modify, 1 << 20} {
			_, err := open(0).Map(a, 0, 0)
			isNumber(t, err, 87, fs.ErrInvalid)
		}
	})
}

func TestViewPlace(t *testing.T) {
	page := int64(os.Getpagesize())
	s := newTestSection(t, "view place", SectionOptions{Size: 1 << 17})
	file := newTestSection(t, "", SectionOptions{File: testFile(t, 0x3452)})
	refused := func(t *testing.T, s *Section, offset, length int64, number uint32) {
		t.Helper()
		_, err := s.Map(0, offset, length)
		isNumber(t, err, number, fs.ErrInvalid)
	}
	t.Run("C165 misaligned offset", func(t *testing.T) {
		refused(t, s, 1, 0, 1132)
		refused(t, s, page-1, 1, 1132)
		refused(t, s, 65537, 1, 1132)
		_, err := s.Map(0, 1, 0)
		isNumber(t, err, 1132, fs.ErrInvalid, fmt.Sprint(page))
	})
	t.Run("C166 any page", func(t *testing.T) {
		if v := newTestView(t, s, 0, page, 0); v.Size() != 1<<17-page {
			t.Fatal(v.Size())
		}
	})
	t.Run("C168 a byte too many", func(t *testing.T) {
		refused(t, file, 0, 0x3453, 5)
		refused(t, s, 0, 1<<17+1, 5)
		refused(t, s, 1<<16, 1<<16+1, 5)
	})
	t.Run("C169 the whole rest", func(t *testing.T) {
		if v := newTestView(t, file, 0, 0, 0); v.Size() != 0x3452 {
			t.Fatal(v.Size())
		}
		if v := newTestView(t, s, 0, 1<<16, 0); v.Size() != 1<<16 {
			t.Fatal(v.Size())
		}
	})
	t.Run("C170 behind the end", func(t *testing.T) {
		refused(t, s, 1<<17, 0, 5)
		refused(t, s, 1<<17, 1, 5)
		refused(t, s, 1<<40, 0, 5)
		refused(t, file, 0x4000, 1, 5)
	})
	t.Run("C233 absurd", func(t *testing.T) {
		refused(t, s, 0, -1, 87)
		refused(t, s, 0, 1<<63-1, 87)
		refused(t, s, -1, 1, 87)
		refused(t, s, -1<<63, 0, 87)
		refused(t, s, 1<<62, 1<<62-1, 5) // their sum would overflow
	})
	t.Run("exactly what was asked for", func(t *testing.T) {
		v := newTestView(t, s, 0, page, 100)
		if b := v.Bytes(); len(b) != 100 || cap(b) != 100 || v.Size() != 100 {
			t.Fatal(len(b), cap(b), v.Size())
		}
	})
	t.Run("C178 two views", func(t *testing.T) {
		a, b := newTestView(t, s, 0, 0, 0), newTestView(t, s, 0, 0, 0)
		if a.Addr() == b.Addr() {
			t.Fatal("one address")
		}
		copy(a.Bytes()[1000:], "seen")
		if string(b.Bytes()[1000:1004]) != "seen" {
			t.Fatal("not coherent")
		}
	})
	t.Run("C177 alignment", func(t *testing.T) {
		if v := newTestView(t, s, 0, 0, 1); v.Addr()%uintptr(page) != 0 {
			t.Fatalf("%#x", v.Addr())
		}
	})
}

func TestMapAt(t *testing.T) {
	s := newTestSection(t, t.Name(), SectionOptions{Size: 1 << 17})
	v := newTestView(t, s, 0, 0, 0)
	free := v.Addr()
	must(t, v.Close())
	at := func(t *testing.T, addr uintptr) *View {
		t.Helper()
		v, err := s.MapAt(addr, 0, 1<<16, 0)
		must(t, err)
		closeLater(t, v)
		return v
	}
	refused := func(t *testing.T, addr uintptr, number uint32) {
		t.Helper()
		_, err := s.MapAt(addr, 0, 0, 0)
		isNumber(t, err, number, fs.ErrInvalid)
	}
	t.Run("C172 exactly there", func(t *testing.T) {
		v := at(t, free)
		if v.Addr() != free {
			t.Fatalf("at %#x, want %#x", v.Addr(), free)
		}
		must(t, v.Close())
	})
	t.Run("C173 in use", func(t *testing.T) {
		v := newTestView(t, s, 0, 0, 0)
		v.Bytes()[0] = 'k'
		refused(t, v.Addr(), 487)
		refused(t, v.Addr()+1<<16, 487) // partly
		if v.Bytes()[0] != 'k' {
			t.Fatal("the old view was harmed")
		}
	})
	t.Run("C174 misaligned", func(t *testing.T) {
		refused(t, free+42, 1132)
		refused(t, 1, 1132)
	})
	t.Run("C176 anywhere", func(t *testing.T) { at(t, 0) })
	t.Run("not for programs", func(t *testing.T) {
		refused(t, ^uintptr(0)&^0xFFFF, 487)
		refused(t, ^uintptr(0)>>1+1, 487)
		if os.Geteuid() != 0 {
			refused(t, 4096, 487) // vm.mmap_min_addr does not hold for root
		}
	})
	t.Run("in the heap", func(t *testing.T) {
		b := make([]byte, 1<<20)
		heap := reflect.ValueOf(b).Pointer() &^ 0xFFFF
		refused(t, heap, 487)
		runtime.GC()
		runtime.KeepAlive(b)
	})
}

func TestViewCopyOnWrite(t *testing.T) {
	page := os.Getpagesize()
	f := testFile(t, 2*page)
	for name, s := range map[string]*Section{
		"memory":        newTestSection(t, "", SectionOptions{Size: int64(2 * page)}),
		"C186 file":     newTestSection(t, "", SectionOptions{File: f}),
		"C150 readonly": newTestSection(t, "", SectionOptions{File: f, Protection: ReadOnly}),
	} {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(newTestView(t, s, Read, 0, 0).Bytes())
			a, b := newTestView(t, s, Copy, 0, 0), newTestView(t, s, Copy, 0, 0)
			a.Bytes()[0] = 'x'
			must1(a.WriteAt([]byte("y"), 1))
			must(t, a.Flush(0, 0))
			if string(a.Bytes()[:2]) != "xy" {
				t.Fatal("the view does not have its own writes")
			}
			if !bytes.Equal(b.Bytes(), before) || !bytes.Equal(newTestView(t, s, Read, 0, 0).Bytes(), before) {
				t.Fatal("others see them")
			}
			must(t, a.Close())
			if !bytes.Equal(newTestView(t, s, Copy, 0, 0).Bytes(), before) {
				t.Fatal("they outlive the view")
			}
			if got := must1(os.ReadFile(f.Name())); !bytes.Equal(got, bytes.Repeat([]byte{'f'}, 2*page)) {
				t.Fatal("the file has changed")
			}
		})
	}
	t.Run("C185 page by page", func(t *testing.T) {
		s := newTestSection(t, "", SectionOptions{Size: int64(2 * page)})
		shared, own := newTestView(t, s, 0, 0, 0), newTestView(t, s, Copy, 0, 0)
		own.Bytes()[0] = 1
		shared.Bytes()[1], shared.Bytes()[page] = 2, 3
		if own.Bytes()[1] != 0 || own.Bytes()[page] != 3 {
			t.Fatal("a page is the view's own from its first write on, and the section's before")
		}
	})
}

func TestViewOfFile(t *testing.T) {
	t.Run("C182 two sections over one file", func(t *testing.T) {
		f := testFile(t, 4096)
		a := newTestView(t, newTestSection(t, "", SectionOptions{File: f}), 0, 0, 0)
		b := newTestView(t, newTestSection(t, "", SectionOptions{File: reopened(t, f, os.O_RDWR)}), 0, 0, 0)
		copy(a.Bytes(), "one")
		if string(b.Bytes()[:3]) != "one" {
			t.Fatal("not coherent")
		}
		must1(f.WriteAt([]byte("two"), 0))
		if string(b.Bytes()[:3]) != "two" {
			t.Fatal("not coherent with write")
		}
	})
	t.Run("C184 what was written is in the file", func(t *testing.T) {
		f := testFile(t, 100)
		s := newTestSection(t, "", SectionOptions{File: f})
		v := newTestView(t, s, Write, 0, 0)
		copy(v.Bytes()[97:], "end")
		must(t, v.Close())
		must(t, s.Close())
		if b := must1(os.ReadFile(f.Name())); len(b) != 100 || !bytes.HasSuffix(b, []byte("fend")) {
			t.Fatalf("the file ends with %q", b[90:])
		}
	})
	t.Run("C225 truncated after Close", func(t *testing.T) {
		f := testFile(t, 8192)
		s := newTestSection(t, "", SectionOptions{File: f})
		must(t, newTestView(t, s, 0, 0, 0).Close())
		must(t, s.Close())
		must(t, f.Truncate(1))
	})
	t.Run("a hole", func(t *testing.T) {
		f := testFile(t, 0)
		must(t, f.Truncate(1<<20))
		s := newTestSection(t, "", SectionOptions{File: f})
		v := newTestView(t, s, 0, 0, 0)
		if !allZero(v.Bytes()) {
			t.Fatal("a hole is not zero")
		}
		v.Bytes()[1<<19] = 1
	})
}

func TestViewReadWriteAt(t *testing.T) {
	page := os.Getpagesize()
	s := newTestSection(t, "", SectionOptions{Size: int64(page)})
	v := newTestView(t, s, 0, 0, int64(page-6)) // not whole pages
	size := page - 6
	p := make([]byte, 10)
	for _, c := range []struct {
		offset int64
		n      int
		read   error
		write  error
	}{
		{0, 10, nil, nil},
		{int64(size - 10), 10, nil, nil},
		{int64(size - 9), 9, io.EOF, io.ErrShortWrite},
		{int64(size - 1), 1, io.EOF, io.ErrShortWrite},
		{int64(size), 0, io.EOF, io.ErrShortWrite},
		{int64(size + 1), 0, io.EOF, io.ErrShortWrite},
		{1<<63 - 1, 0, io.EOF, io.ErrShortWrite},
		{-1, 0, fs.ErrInvalid, fs.ErrInvalid},
	} {
		copy(p, "0123456789")
		if n, err := v.WriteAt(p, c.offset); n != c.n || !errors.Is(err, c.write) {
			t.Errorf("write at %d: %d, %v", c.offset, n, err)
		}
		clear(p)
		n, err := v.ReadAt(p, c.offset)
		if n != c.n || !errors.Is(err, c.read) || c.read == io.EOF && err != io.EOF { //nolint:errorlint // must be bare
			t.Errorf("read at %d: %d, %v", c.offset, n, err)
		}
		if string(p[:n]) != "0123456789"[:n] {
			t.Errorf("read %q", p[:n])
		}
	}
	if n, err := v.ReadAt(nil, int64(size)); n != 0 || err != nil {
		t.Errorf("nothing at the end: %d, %v", n, err)
	}
	all, err := io.ReadAll(io.NewSectionReader(v, 0, v.Size()))
	if err != nil || len(all) != size {
		t.Errorf("read all: %d, %v", len(all), err)
	}
	reader := newTestView(t, s, Read, 0, 0)
	_, err = reader.WriteAt(p, 0)
	isNumber(t, err, 5, fs.ErrPermission)
}

func TestViewReadAtAllocatesNothing(t *testing.T) {
	v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 4096}), 0, 0, 0)
	p := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		must1(v.WriteAt(p, 0))
		must1(v.ReadAt(p, 0))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestViewGuard(t *testing.T) {
	page := os.Getpagesize()
	f := testFile(t, 4*page)
	s := newTestSection(t, "", SectionOptions{File: f})
	v := newTestView(t, s, 0, 0, 0)
	t.Run("passes on", func(t *testing.T) {
		mine := errors.New("mine")
		if err := v.Guard(func([]byte) error { return mine }); err != mine { //nolint:errorlint // as it is
			t.Fatal(err)
		}
		must(t, v.Guard(func(b []byte) error {
			if len(b) != 4*page {
				return errors.New("not the view")
			}
			return nil
		}))
	})
	t.Run("other panics pass through", func(t *testing.T) {
		for _, want := range []any{"text", errors.New("error")} {
			func() {
				defer func() {
					if got := recover(); got != want {
						t.Fatalf("%v, want %v", got, want)
					}
				}()
				_ = v.Guard(func([]byte) error { panic(want) })
			}()
		}
		func() {
			defer func() {
				if _, ok := recover().(runtime.Error); !ok {
					t.Fatal("not the index error")
				}
			}()
			_ = v.Guard(func(b []byte) error { b[len(b)]++; return nil })
		}()
	})
	t.Run("a fault elsewhere passes through", func(t *testing.T) {
		other := newTestView(t, s, Read, 0, 0)
		func() {
			defer func() {
				if _, ok := recover().(runtime.Error); !ok {
					t.Fatal("not the fault")
				}
			}()
			_ = v.Guard(func([]byte) error { other.Bytes()[0] = 1; return nil })
		}()
	})
}

func TestViewFault(t *testing.T) {
	page := os.Getpagesize()
	f := testFile(t, 4*page)
	s := newTestSection(t, "", SectionOptions{File: f})
	v := newTestView(t, s, 0, 0, 0)
	t.Run("C188 a write to a view that reads", func(t *testing.T) {
		reader := newTestView(t, s, Read, 0, 0)
		err := reader.Guard(func(b []byte) error { b[0] = 1; return nil })
		isNumber(t, err, 999, ErrFault)
		if v.Bytes()[0] != 'f' {
			t.Fatal("it was written")
		}
	})
	t.Run("Goexit", func(t *testing.T) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = v.Guard(func([]byte) error { runtime.Goexit(); return nil })
		}()
		testkit.Soon(t, done, "Goexit")
	})
	t.Run("faults are as before afterwards", func(t *testing.T) {
		cmd := testkit.Command("fault-after-guard")
		var text bytes.Buffer
		cmd.Stderr = &text
		c := testkit.StartCommand(t, cmd)
		c.Expect("guarded")
		c.Expect("") // the end
		if err := c.Wait(); err == nil || !strings.Contains(text.String(), "fault") {
			t.Fatalf("%v: %s", err, &text)
		}
	})
	t.Run("C224 truncated", func(t *testing.T) {
		must(t, f.Truncate(int64(page)))
		err := v.Guard(func(b []byte) error { _ = bytes.Count(b, []byte("x")); return nil })
		isNumber(t, err, 999, ErrFault, fmt.Sprintf("offset %d ", page))
		p := make([]byte, 4*page)
		n, err := v.ReadAt(p, 10)
		if n != page-10 || !errors.Is(err, ErrFault) || bytes.Count(p[:n], []byte("f")) != n {
			t.Fatalf("%d bytes, %v: what lies before the fault is read", n, err)
		}
		n, err = v.WriteAt(bytes.Repeat([]byte("w"), 4*page), 10)
		if n != page-10 || !errors.Is(err, ErrFault) || v.Bytes()[page-1] != 'w' {
			t.Fatalf("%d bytes, %v: what lies before the fault is written", n, err)
		}
		if n, err = v.ReadAt(p, int64(page)); n != 0 || !errors.Is(err, ErrFault) {
			t.Fatal(n, err)
		}
		must(t, f.Truncate(int64(4*page)))
		must1(v.ReadAt(p, 0)) // it is whole again
	})
}

// A guard does not change what faults do to the program outside it.
var _ = testkit.Role("fault-after-guard", func(self *testkit.Self) {
	s, err := CreateSection("", SectionOptions{Size: 4096})
	self.Must(err)
	v, err := s.Map(Read, 0, 0)
	self.Must(err)
	if err := v.Guard(func(b []byte) error { b[0] = 1; return nil }); !errors.Is(err, ErrFault) {
		self.Must(fmt.Errorf("no fault: %w", err))
	}
	self.Say("guarded")
	v.Bytes()[0] = 1
	self.Say("alive")
})

func TestViewCloseWaits(t *testing.T) {
	v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 4096}), 0, 0, 0)
	inside, leave := make(chan struct{}), make(chan struct{})
	go func() {
		_ = v.Guard(func(b []byte) error {
			close(inside)
			<-leave
			b[0] = 1 // still mapped
			return nil
		})
	}()
	<-inside
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}()
	testkit.Blocked(t, closed, "Close")
	_, err := v.ReadAt(make([]byte, 1), 0) // no wait behind Close
	isError(t, err, os.ErrClosed)
	isError(t, v.Close(), os.ErrClosed)
	close(leave)
	testkit.Soon(t, closed, "Close")
}

func TestViewClosed(t *testing.T) {
	v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 4096}), 0, 0, 0)
	must(t, v.Close())
	for name, err := range map[string]error{
		"Close": v.Close(), "Flush": v.Flush(0, 0), "Prefetch": v.Prefetch(0, 0), "Pin": v.Pin(0, 0),
		"Unpin": v.Unpin(0, 0), "Commit": v.Commit(0, 0), "Protect": v.Protect(0, 0, Read),
		"Guard":   v.Guard(func([]byte) error { return errors.New("called") }),
		"ReadAt":  second(v.ReadAt(make([]byte, 1), 0)),
		"WriteAt": second(v.WriteAt(make([]byte, 1), 0)),
		"At":      second(At[byte](v, 0)),
		"SliceOf": second(SliceOf[byte](v, 0, 1)),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v.Bytes() != nil || v.Size() != 4096 || v.Access() != Read|Write {
		t.Error("not what a closed view is")
	}
}

func second[T any](_ T, err error) error { return err }

func TestViewOutlivesItsHandle(t *testing.T) {
	for name, o := range map[string]SectionOptions{
		"C196 memory": {Size: 4096},
		"C196 file":   {File: testFile(t, 4096)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestSection(t, t.Name(), o)
			v := newTestView(t, s, 0, 0, 0)
			copy(v.Bytes(), "old")
			must(t, s.Close())
			if b := v.Bytes(); string(b[:3]) != "old" {
				t.Fatalf("%q", b[:3])
			}
			must1(v.WriteAt([]byte("new"), 0))
			must(t, v.Flush(0, 0))
			if o.File == nil {
				must(t, v.Commit(0, 0))
			}
			must(t, v.Close())
		})
	}
	t.Run("C077 the name is free", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 4096})
		newTestView(t, s, 0, 0, 0)
		must(t, s.Close())
		_, err := OpenSection(t.Name(), 0)
		isNumber(t, err, 2, fs.ErrNotExist)
	})
	t.Run("C078 a new object under the name", func(t *testing.T) {
		s := newTestSection(t, t.Name(), SectionOptions{Size: 4096})
		old := newTestView(t, s, 0, 0, 0)
		copy(old.Bytes(), "old")
		must(t, s.Close())
		v := newTestView(t, newTestSection(t, t.Name(), SectionOptions{Size: 4096}), 0, 0, 0)
		if !allZero(v.Bytes()) {
			t.Fatal("the new object has the old bytes")
		}
		copy(v.Bytes(), "new")
		if string(old.Bytes()[:3]) != "old" {
			t.Fatal("the old view shows the new object")
		}
	})
	t.Run("C197 both orders", func(t *testing.T) {
		for _, viewFirst := range []bool{false, true} {
			s := newTestSection(t, t.Name(), SectionOptions{Size: 4096})
			v := newTestView(t, s, 0, 0, 0)
			if viewFirst {
				must(t, errors.Join(v.Close(), s.Close()))
			} else {
				must(t, errors.Join(s.Close(), v.Close()))
			}
		}
	})
}

func TestViewFlush(t *testing.T) {
	t.Run("C198 memory", func(t *testing.T) {
		v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 4096}), 0, 0, 0)
		must(t, v.Flush(0, 0))
	})
	s := newTestSection(t, "", SectionOptions{File: testFile(t, 3*os.Getpagesize())})
	t.Run("C200 any place", func(t *testing.T) {
		v := newTestView(t, s, 0, 0, 0)
		for _, c := range [][2]int64{{5, 1}, {0, 0}, {4095, 2}, {v.Size() - 1, 1}, {v.Size(), 0}, {0, v.Size()}} {
			must(t, v.Flush(c[0], c[1]))
		}
		must(t, newTestView(t, s, Read, 0, 0).Flush(0, 0))
		must(t, newTestView(t, s, Copy, 0, 0).Flush(0, 0))
	})
	t.Run("C201 C230 outside the view", func(t *testing.T) {
		v := newTestView(t, s, 0, 0, 4096)
		for _, c := range [][2]int64{{-1, 1}, {0, -1}, {4097, 0}, {0, 4097}, {4096, 1}, {1, 1<<63 - 1}} {
			isNumber(t, v.Flush(c[0], c[1]), 487, fs.ErrInvalid)
			isNumber(t, v.Commit(c[0], c[1]), 487, fs.ErrInvalid)
			isNumber(t, v.Pin(c[0], c[1]), 487, fs.ErrInvalid)
			isNumber(t, v.Unpin(c[0], c[1]), 487, fs.ErrInvalid)
		}
		isNumber(t, v.Protect(int64(2*os.Getpagesize()), 1, Read), 487, fs.ErrInvalid)
		isNumber(t, v.Protect(-1, 1, Read), 487, fs.ErrInvalid)
	})
}

func TestViewPrefetch(t *testing.T) {
	v := newTestView(t, newTestSection(t, "", SectionOptions{File: testFile(t, 10000)}), 0, 0, 0)
	t.Run("C212 a hint", func(t *testing.T) {
		for _, c := range [][2]int64{{0, 0}, {1, 1}, {5000, 100}, {0, 1 << 40}, {1 << 40, 1}, {-5, 10}, {0, -1}, {1<<63 - 1, 1<<63 - 1}} {
			must(t, v.Prefetch(c[0], c[1]))
		}
	})
}

func TestViewPin(t *testing.T) {
	page := int64(os.Getpagesize())
	v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 4 * page}), 0, 0, 0)
	t.Run("C213 not counted", func(t *testing.T) {
		before := lockedBytes(t)
		must(t, v.Pin(1, 1))
		must(t, v.Pin(0, page))
		if got := lockedBytes(t) - before; got != page {
			t.Fatalf("%d bytes locked", got)
		}
		must(t, v.Unpin(0, 0))
		if got := lockedBytes(t) - before; got != 0 {
			t.Fatalf("%d bytes still locked", got)
		}
		must(t, v.Unpin(0, 0)) // of what is not pinned
	})
	t.Run("too much", func(t *testing.T) {
		testkit.Start(t, "pin-too-much").End()
	})
}

func TestViewCommit(t *testing.T) {
	v := newTestView(t, newTestSection(t, "", SectionOptions{Size: 1 << 20}), 0, 0, 0)
	must(t, v.Commit(0, 0)) // it is there already
	s := newTestSection(t, t.Name(), SectionOptions{Size: 1 << 20, Reserve: true})
	v = newTestView(t, s, Read, 1<<16, 0)
	f, err := s.File()
	must(t, err)
	defer func() { must(t, f.Close()) }()
	before := allocated(t, f)
	must(t, v.Commit(1<<16+5, 1<<16))
	if n := allocated(t, f) - before; n != 1<<16+int64(os.Getpagesize()) {
		t.Fatalf("%d bytes were allocated", n)
	}
	other := newTestView(t, openTestSection(t, t.Name(), 0), 0, 1<<17, 1<<16)
	other.Bytes()[0] = 1
	if n := allocated(t, f) - before; n != 1<<16+int64(os.Getpagesize()) {
		t.Fatalf("after a touch of what was committed %d bytes are allocated", n)
	}
	must(t, v.Commit(0, 0))
	if n := allocated(t, f); n < 1<<20-1<<16 {
		t.Fatalf("%d bytes are allocated", n)
	}
}

func TestViewProtect(t *testing.T) {
	page := int64(os.Getpagesize())
	s := newTestSection(t, "", SectionOptions{Size: 4 * page, Protection: ExecuteReadWrite})
	all := []Access{0, Read, Write, Read | Write, Copy, Execute | Read, Execute | Write, Execute | Copy}
	for _, c := range []struct {
		lines  string
		mapped Access
		want   []string // by all; empty: refused
	}{
		{"C208 read", Read, []string{"---s", "r--s", "", "", "unsupported", "", "", "unsupported"}},
		{"C209 write", Write, []string{"---s", "r--s", "rw-s", "rw-s", "unsupported", "", "", "unsupported"}},
		{"copy", Copy, []string{"---p", "r--p", "", "", "rw-p", "", "", ""}},
		{"execute read", Execute | Read, []string{"---s", "r--s", "", "", "unsupported", "r-xs", "", "unsupported"}},
		{"execute write", Execute | Write, []string{"---s", "r--s", "rw-s", "rw-s", "unsupported", "r-xs", "rwxs", "unsupported"}},
		{"execute copy", Execute | Copy, []string{"---p", "r--p", "", "", "rw-p", "r-xp", "", "rwxp"}},
	} {
		t.Run(c.lines, func(t *testing.T) {
			v := newTestView(t, s, c.mapped, 0, 0)
			for i, a := range all {
				err := v.Protect(0, page, a)
				switch c.want[i] {
				case "":
					isNumber(t, err, 87, fs.ErrInvalid)
				case "unsupported":
					isNumber(t, err, 50, errors.ErrUnsupported)
				default:
					must(t, err)
					if got := permissions(t, v); got != c.want[i] {
						t.Errorf("%v: %s, want %s", a, got, c.want[i])
					}
				}
			}
			must(t, v.Protect(0, 0, c.mapped)) // what was taken can be given back
		})
	}
	t.Run("C210 no possible access", func(t *testing.T) {
		v := newTestView(t, s, 0, 0, 0)
		for _, a := range []Access{Execute, Wait, Read | Modify, 1 << 20} {
			isNumber(t, v.Protect(0, 0, a), 87, fs.ErrInvalid)
		}
	})
	t.Run("C209 nothing is allowed", func(t *testing.T) {
		v := newTestView(t, s, 0, 0, 0)
		v.Bytes()[0], v.Bytes()[page] = 1, 2
		must(t, v.Protect(0, 1, 0))
		_, err := v.ReadAt(make([]byte, 1), 0)
		isError(t, err, ErrFault)
		if v.Bytes()[page] != 2 {
			t.Fatal("more than the page was protected")
		}
		must(t, v.Protect(0, 1, Read|Write))
		if v.Bytes()[0] != 1 {
			t.Fatal("what was there is lost")
		}
	})
	t.Run("C205 to read only", func(t *testing.T) {
		v := newTestView(t, s, 0, 0, 0)
		must(t, v.Protect(page, page, Read))
		n, err := v.WriteAt(make([]byte, 3*page), 0)
		if n != int(page) || !errors.Is(err, ErrFault) {
			t.Fatal(n, err)
		}
		other := newTestView(t, s, 0, 0, 0)
		must1(other.WriteAt(make([]byte, 3*page), 0)) // it is this view's alone
	})
	t.Run("misaligned", func(t *testing.T) {
		v := newTestView(t, s, 0, 0, 0)
		isNumber(t, v.Protect(1, 1, Read), 1132, fs.ErrInvalid)
	})
}
