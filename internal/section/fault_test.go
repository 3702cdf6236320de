//go:build linux

package section

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// ofFile shows pages of a file.
func ofFile(t *testing.T, pages int64) (*View, *os.File) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("f"), int(pages*PageSize))); err != nil {
		t.Fatal(err)
	}
	length := pages*PageSize - 100
	m, err := unix.MmapPtr(int(f.Fd()), 0, nil, Mapped(length), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(unix.MunmapPtr(m, Mapped(length)), f.Close()); err != nil {
			t.Error(err)
		}
	})
	v := new(View)
	v.Show(m, length, access.ViewProtection{Write: true})
	return v, f
}

// Where the file was truncated what lies before is copied, and the error names the page.
func TestFaultOfATruncatedFile(t *testing.T) {
	const pages = 300 // more than one piece of a copy
	v, f := ofFile(t, pages)
	for _, left := range []int64{0, 1, pages / 2, pages - 1} {
		if err := f.Truncate(left * PageSize); err != nil {
			t.Fatal(err)
		}
		good := int(max(left*PageSize-10, 0))
		p := make([]byte, v.Size())
		n, err := v.ReadAt(p, 10)
		wantFault(t, err, left)
		if n != good || bytes.Count(p, []byte("f")) != good {
			t.Errorf("%d pages are left: read %d, of which %d were there", left, n, bytes.Count(p, []byte("f")))
		}
		if n, err = v.WriteAt(bytes.Repeat([]byte("w"), good+1), 10); n != good {
			t.Errorf("%d pages are left: wrote %d", left, n)
		}
		wantFault(t, err, left)
		if err := f.Truncate(pages * PageSize); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(v.Bytes(), []byte("w")); n != good {
			t.Errorf("%d pages were left: %d bytes were written", left, n)
		}
		copy(v.Bytes(), bytes.Repeat([]byte("f"), int(v.Size())))
	}
}

func wantFault(t *testing.T, err error, page int64) {
	t.Helper()
	if !errors.Is(err, errs.ErrFault) || !strings.Contains(err.Error(), fmt.Sprintf("offset %d ", page*PageSize)) {
		t.Errorf("%v does not name page %d", err, page)
	}
}

// What is not the view's passes through a guard, and faults are no errors behind it.
func TestGuardIsOfItsViewAlone(t *testing.T) {
	v, _ := ofFile(t, 1)
	other, f := ofFile(t, 1)
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	ours, err := other.Guard(func(b []byte) error { return fmt.Errorf("read %d", b[PageSize-101]) })
	if !ours {
		t.Errorf("a fault of its own is not the view's: %v", err)
	}
	wantFault(t, err, 0)
	for name, call := range map[string]func(){
		"Guard":   func() { _, _ = v.Guard(func([]byte) error { other.Bytes()[0]++; return nil }) },
		"ReadAt":  func() { _, _ = v.ReadAt(other.Bytes(), 0) },
		"WriteAt": func() { _, _ = v.WriteAt(other.Bytes(), 0) },
	} {
		func() {
			defer func() {
				fault, ok := recover().(runtime.Error)
				if _, inside := other.locate(faultAddress(fault)); !ok || !inside {
					t.Errorf("%s: %v is not the other view's fault", name, fault)
				}
			}()
			call()
		}()
	}
	for _, want := range []any{"text", errs.ErrClosed} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("%v, want %v", got, want)
				}
			}()
			_, _ = v.Guard(func([]byte) error { panic(want) })
		}()
	}
}
