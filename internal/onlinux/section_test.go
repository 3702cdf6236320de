//go:build linux

package onlinux

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The bytes between the end of a file and the end of its last page are zero, and
// what is written there does not reach the file.
func TestBytesBehindTheEndOfFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("sixsix"); err != nil {
		t.Fatal(err)
	}
	s, _, err := OpenSection("", MustCreate, SectionOptions{File: f, Protection: access.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Map(0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	tail := unsafe.Slice(unsafe.SliceData(v.Bytes()), os.Getpagesize())[6:]
	t.Run("C226", func(t *testing.T) {
		for i, c := range tail {
			if c != 0 {
				t.Fatalf("byte %d behind the end is %d", i, c)
			}
		}
	})
	tail[0] = 'x'
	if err := errors.Join(v.Flush(0, 0), v.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(f.Name()); err != nil || string(b) != "sixsix" {
		t.Fatalf("%q, %v", b, err)
	}
}
