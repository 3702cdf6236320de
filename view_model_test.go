//go:build linux

package atoll

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// viewModel is what a section's bytes should be, and the views with what each
// should do.
type viewModel struct {
	section *Section
	bytes   []byte
	views   []*modelView
}

type modelView struct {
	*View
	access Access
	offset int
	// own are the pages that a copy-on-write view has written, by number in the
	// section.
	own map[int][]byte
}

// expect is the view's content.
func (m *viewModel) expect(v *modelView) []byte {
	page := os.Getpagesize()
	b := bytes.Clone(m.bytes)
	for n, p := range v.own {
		copy(b[n*page:], p)
	}
	return b[v.offset : v.offset+int(v.Size())]
}

// write applies what a view writes at an offset of its own.
func (m *viewModel) write(v *modelView, p []byte, at int) {
	if v.access != Copy {
		copy(m.bytes[v.offset+at:], p)
		return
	}
	page := os.Getpagesize()
	for i, c := range p {
		place := v.offset + at + i
		n := place / page
		if v.own[n] == nil {
			v.own[n] = bytes.Clone(m.bytes[n*page : min((n+1)*page, len(m.bytes))])
		}
		v.own[n][place%page] = c
	}
}

// mapNumber is the number of the error that a Map should have, or 0.
func mapNumber(size, offset, length int64, granularity int64) uint32 {
	switch {
	case offset < 0 || length < 0 || length >= 1<<62:
		return 87
	case offset%granularity != 0:
		return 1132
	case offset >= size || length > size-offset:
		return 5
	}
	return 0
}

// Random views of one section at random places, and random reads and writes
// through them, do what a model in plain slices does.
func TestViewsByModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		page := os.Getpagesize()
		size := rapid.IntRange(1, 5*page).Draw(t, "size")
		o := SectionOptions{Size: int64(size)}
		if rapid.Bool().Draw(t, "over a file") {
			f, err := os.CreateTemp(dir, "model-")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = f.Close(), os.Remove(f.Name()) }()
			o.File = f
		}
		s, err := CreateSection("", o)
		if err != nil {
			t.Fatal(err)
		}
		m := &viewModel{section: s, bytes: make([]byte, s.Size())}
		defer func() {
			for _, v := range m.views {
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		t.Repeat(map[string]func(*rapid.T){
			"map":   m.doMap,
			"write": m.doWrite,
			"read":  m.doRead,
			"close": m.doClose,
			"":      m.check,
		})
	})
}

// around draws numbers that lie near each other's borders.
func around(t *rapid.T, size int, label string) int64 {
	page := os.Getpagesize()
	end := int64(size)
	return rapid.OneOf(
		rapid.Map(rapid.IntRange(-1, size/page+1), func(n int) int64 { return int64(n * page) }),
		rapid.Int64Range(-2, end+2),
		rapid.SampledFrom([]int64{0, end, end - 1, end + 1, 1<<62 - 1, 1 << 62, 1<<63 - 1, -1 << 63}),
	).Draw(t, label)
}

func (m *viewModel) doMap(t *rapid.T) {
	access := rapid.SampledFrom([]Access{Read, Write, Copy}).Draw(t, "access")
	size := len(m.bytes)
	offset, length := around(t, size, "offset"), around(t, size, "length")
	v, err := m.section.Map(access, offset, length)
	number := mapNumber(int64(size), offset, length, int64(os.Getpagesize()))
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Win32() != number {
			t.Fatalf("%v, want number %d", err, number)
		}
		return
	}
	if number != 0 {
		t.Fatalf("mapped, want number %d", number)
	}
	if length == 0 {
		length = int64(size) - offset
	}
	if v.Size() != length {
		t.Fatalf("view of %d bytes, want %d", v.Size(), length)
	}
	m.views = append(m.views, &modelView{View: v, access: access, offset: int(offset), own: make(map[int][]byte)})
}

// pick draws one of the views; it skips if there is none.
func (m *viewModel) pick(t *rapid.T) *modelView {
	if len(m.views) == 0 {
		t.Skip("no view")
	}
	return rapid.SampledFrom(m.views).Draw(t, "view")
}

func (m *viewModel) doWrite(t *rapid.T) {
	v := m.pick(t)
	p := rapid.SliceOfN(rapid.Byte(), 0, 2*os.Getpagesize()).Draw(t, "bytes")
	at := around(t, int(v.Size()), "at")
	n, err := v.WriteAt(p, at)
	switch {
	case v.access == Read, at < 0:
		if n != 0 || err == nil {
			t.Fatalf("%d, %v", n, err)
		}
		return
	case at+int64(len(p)) > v.Size() || at > v.Size():
		if want := int(max(0, min(int64(len(p)), v.Size()-at))); n != want || len(p) > 0 && !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("%d, %v, want %d", n, err, want)
		}
	case n != len(p) || err != nil:
		t.Fatalf("%d, %v", n, err)
	}
	if n > 0 {
		m.write(v, p[:n], int(at))
	}
}

func (m *viewModel) doRead(t *rapid.T) {
	v := m.pick(t)
	p := make([]byte, rapid.IntRange(0, 2*os.Getpagesize()).Draw(t, "length"))
	at := around(t, int(v.Size()), "at")
	n, err := v.ReadAt(p, at)
	if at < 0 {
		if n != 0 || err == nil {
			t.Fatalf("%d, %v", n, err)
		}
		return
	}
	want, wantErr := bytes.NewReader(m.expect(v)).ReadAt(make([]byte, len(p)), at)
	if len(p) == 0 {
		want, wantErr = 0, nil
	}
	if n != want || err != wantErr { //nolint:errorlint // io.EOF must be bare
		t.Fatalf("%d, %v, want %d, %v", n, err, want, wantErr)
	}
	if n > 0 && !bytes.Equal(p[:n], m.expect(v)[at:at+int64(n)]) {
		t.Fatal("other bytes than the model's")
	}
}

func (m *viewModel) doClose(t *rapid.T) {
	v := m.pick(t)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range m.views {
		if m.views[i] == v {
			m.views = append(m.views[:i:i], m.views[i+1:]...)
			return
		}
	}
}

func (m *viewModel) check(t *rapid.T) {
	for i, v := range m.views {
		if !bytes.Equal(v.Bytes(), m.expect(v)) {
			t.Fatal(fmt.Sprintf("view %d of %v from %d shows other bytes than the model", i, v.access, v.offset))
		}
	}
}
