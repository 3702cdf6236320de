//go:build linux

package backing

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A file system that cannot reserve room: the file grows by what is appended, and
// nobody's bytes are touched.
func TestAppendZeros(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("what was there"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const size = 200_001
	for range 2 { // the second time there is nothing to do
		if err := appendZeros(int(f.Fd()), size); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil || len(b) != size || !bytes.HasPrefix(b, []byte("what was there\x00")) || len(bytes.TrimRight(b, "\x00")) != 14 {
		t.Fatalf("%v, %d bytes", err, len(b))
	}
}
