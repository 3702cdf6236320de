//go:build linux

package lockfile

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// folder is a directory of the test's own, on the tmpfs of the tests.
type folder struct {
	t    testing.TB
	path string
	fd   int
}

func newFolder(t testing.TB) *folder {
	t.Helper()
	path, err := os.MkdirTemp(testkit.Base(), "lockfile-")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(fd), os.RemoveAll(path) })
	return &folder{t, path, fd}
}

func (f *folder) join(name string) string { return filepath.Join(f.path, name) }

// file makes an ordinary file and returns a description of it, closed at the end.
func (f *folder) file(name string) int {
	f.t.Helper()
	return f.open(name, unix.O_RDWR|unix.O_CREAT)
}

// open opens a description of its own, closed at the end.
func (f *folder) open(name string, flags int) int {
	f.t.Helper()
	fd, err := unix.Openat(f.fd, name, flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
