package section

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"strings"
	"testing"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// Where a view can be, with the granularity of Windows.
func TestPlace(t *testing.T) {
	const granularity, size = 64 << 10, 3<<16 + 100
	for _, c := range []struct {
		address        uintptr
		offset, length int64
		want           int64
		number         uint32
	}{
		{0, 0, 0, size, 0},
		{0, 0, size, size, 0},
		{0, 3 << 16, 0, 100, 0},
		{0, 1 << 16, 1, 1, 0},
		{granularity, 0, 1, 1, 0},
		{0, 0, size + 1, 0, 5},
		{0, 1 << 16, size - 1<<16 + 1, 0, 5},
		{0, 4 << 16, 0, 0, 5},
		{0, 1 << 62, 1<<62 - 1, 0, 5}, // their sum would overflow
		{0, 1, 0, 0, 1132},
		{0, 4096, 0, 0, 1132},
		{4096, 0, 0, 0, 1132},
		{^uintptr(0), 0, 0, 0, 1132},
		{0, -1, 0, 0, 87},
		{0, 0, -1, 0, 87},
		{0, 0, math.MaxInt64, 0, 87},
	} {
		got, err := Place(c.address, c.offset, c.length, size, granularity)
		if got != c.want || errs.Number(err) != c.number {
			t.Errorf("%d bytes from %d at %#x: %d, %v, want %d and number %d", c.length, c.offset, c.address, got, err, c.want, c.number)
		}
	}
	if n, err := Place(0, 0, 1<<62-1, 1<<62, granularity); n != 1<<62-1 && errs.Number(err) != 8 {
		t.Errorf("more than some processors' addresses: %d, %v", n, err)
	}
	if _, err := Place(0, 1, 0, size, granularity); err == nil || !strings.Contains(err.Error(), "65536") {
		t.Errorf("%v does not say what an offset is a multiple of", err)
	}
}

// shown is a view of pages of this process's own, of which it leaves out the last 100
// bytes.
func shown(pages int64, can access.ViewProtection) *View {
	memory := make([]byte, (pages+1)*PageSize)
	begin := -uintptr(unsafe.Pointer(unsafe.SliceData(memory))) & uintptr(PageSize-1)
	v := new(View)
	v.Show(unsafe.Pointer(&memory[begin]), pages*PageSize-100, can)
	return v
}

func TestViewPages(t *testing.T) {
	v := shown(3, access.ViewProtection{})
	size := v.Size()
	if size != 3*PageSize-100 || int64(len(v.Bytes())) != size || cap(v.Bytes()) != len(v.Bytes()) || Mapped(size) != uintptr(3*PageSize) {
		t.Fatalf("%d bytes, %d of %d, %d mapped", size, len(v.Bytes()), cap(v.Bytes()), Mapped(size))
	}
	for _, c := range []struct {
		offset, length int64
		first, pages   int64
		number         uint32
	}{
		{0, 0, 0, 3, 0},
		{0, 1, 0, 1, 0},
		{PageSize - 1, 2, 0, 2, 0},
		{PageSize, PageSize, 1, 1, 0},
		{size - 1, 1, 2, 1, 0},
		{PageSize, 0, 1, 2, 0},
		{size, 0, 0, 0, 0},
		{size, 1, 0, 0, 487},
		{size + 1, 0, 0, 0, 487},
		{0, size + 1, 0, 0, 487},
		{-1, 1, 0, 0, 487},
		{1, -1, 0, 0, 487},
		{math.MaxInt64, math.MaxInt64, 0, 0, 487},
	} {
		first, pages := int64(0), int64(0)
		err := v.Over(c.offset, c.length, func(p []byte) error {
			first = int64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))-v.Address()) / PageSize
			pages = int64(len(p)) / PageSize
			return nil
		})
		if errs.Number(err) != c.number || first != c.first || pages != c.pages {
			t.Errorf("%d bytes from %d: %d pages from %d, %v, want %d from %d and number %d", c.length, c.offset, pages, first, err, c.pages, c.first, c.number)
		}
	}
	hinted := 0
	count := func(p []byte) error { hinted = len(p); return nil }
	if err := v.OverInside(2*PageSize, math.MaxInt64, count); err != nil || int64(hinted) != PageSize {
		t.Errorf("a hint that reaches out: %d bytes, %v", hinted, err)
	}
	mine := errors.New("mine")
	if err := v.Over(0, 0, func([]byte) error { return mine }); err != mine { //nolint:errorlint // as it is
		t.Error(err)
	}
}

func TestViewAllow(t *testing.T) {
	v := shown(2, access.ViewProtection{Write: true})
	if can, err := v.Allow(PageSize, access.Read); err != nil || can.Write {
		t.Errorf("%+v, %v", can, err)
	}
	_, err := v.Allow(1, access.Read)
	if errs.Number(err) != errs.MappedAlignment {
		t.Errorf("in the middle of a page: %v", err)
	}
	_, err = v.Allow(0, access.Execute|access.Read)
	if errs.Number(err) != errs.InvalidParameter {
		t.Errorf("more than it was mapped for: %v", err)
	}
}

// Copies end where the view does, and what is long comes over whole, in pieces.
func TestViewCopies(t *testing.T) {
	const pages = 1 << 10
	v := shown(pages, access.ViewProtection{Write: true})
	sent, got := make([]byte, v.Size()), make([]byte, v.Size()+1)
	for i := range sent {
		sent[i] = byte(i>>12 + i)
	}
	if n, err := v.WriteAt(sent, 0); n != len(sent) || err != nil {
		t.Fatal(n, err)
	}
	if n, err := v.ReadAt(got, 0); n != len(sent) || !errors.Is(err, io.EOF) || !bytes.Equal(got[:n], sent) {
		t.Fatalf("%d bytes, %v, as they were written: %v", n, err, bytes.Equal(got[:n], sent))
	}
	if n, err := v.WriteAt(sent, 10); n != len(sent)-10 || !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(n, err)
	}
	if n, err := v.ReadAt(got, v.Size()+5); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatal(n, err)
	}
	if n, err := v.ReadAt(got, -1); n != 0 || !errors.Is(err, fs.ErrInvalid) {
		t.Fatal(n, err)
	}
	if n, err := shown(1, access.ViewProtection{}).WriteAt(sent[:1], 0); n != 0 || !errors.Is(err, fs.ErrPermission) {
		t.Fatal(n, err)
	}
}

func TestViewEnded(t *testing.T) {
	v := shown(1, access.ViewProtection{Write: true})
	v.End()
	_, read := v.ReadAt(make([]byte, 1), 0)
	_, written := v.WriteAt(make([]byte, 1), 0)
	_, guarded := v.Guard(func([]byte) error { return nil })
	for _, err := range []error{read, written, guarded, v.Over(0, 0, func([]byte) error { return nil })} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
	}
	if v.Bytes() != nil || v.Size() != PageSize-100 || v.Rights() != access.Read|access.Write {
		t.Error("not what a closed view is")
	}
}
