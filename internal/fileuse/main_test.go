//go:build linux

package fileuse

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// aFile makes a file of the test's own.
func aFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 1<<13), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// open gives a description of its own, closed at the end.
func open(t testing.TB, path string, mode int) int {
	t.Helper()
	fd, err := unix.Open(path, mode|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// number demands Windows' number of an error.
func number(t testing.TB, want uint32, err error) {
	t.Helper()
	if got := errs.Number(err); got != want {
		t.Fatalf("error %d, %v, want %d", got, err, want)
	}
}

// alone is a use that goes with no other.
var alone = Use{Access: Read | Write, WriteData: true}
