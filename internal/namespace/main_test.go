//go:build linux

package namespace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newBase is a base directory of the test's own, on tmpfs.
func newBase(t testing.TB) string {
	t.Helper()
	base, err := os.MkdirTemp(testkit.Base(), "base-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(base)) })
	return base
}

// newDir is an empty directory of names.
func newDir(t testing.TB) (d *Dir, base string) {
	t.Helper()
	base = newBase(t)
	return openDir(t, base, Local), base
}

func openDir(t testing.TB, base string, scope Scope) *Dir {
	t.Helper()
	d, err := OpenDir(base, scope)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

func (d *Dir) at(file string) string { return filepath.Join(d.Path, file) }

// files lists what is in the directory, without members.
func files(t testing.TB, d *Dir) (list []string) {
	t.Helper()
	must(t, d.Names(func(file string) bool { list = append(list, file); return true }))
	return list
}

func empty(t testing.TB, d *Dir) {
	t.Helper()
	if left := files(t, d); len(left) != 0 {
		t.Fatalf("%d files are left, such as %q", len(left), left[0])
	}
}

// The objects of these tests carry a payload, written before they have a name:
// a random number and its checksum. Whoever holds an object finds both, or has
// seen a half-made one.
const payloadOffset = layout.StateOffset + 64

func newHeader(name Name) layout.Header {
	return layout.Header{Type: layout.Event, UID: uint32(os.Geteuid()), PID: uint32(os.Getpid()), Created: time.Now().UnixNano(), Name: name.Base}
}

// build makes an object in as many steps as the real ones.
func build(h layout.Header) Build {
	return func(fd int) error {
		if err := lockfile.Truncate(fd, h.FileSize()); err != nil {
			return err
		}
		if err := lockfile.WriteAt(fd, h.Encode(), 0); err != nil {
			return err
		}
		b := make([]byte, 12)
		binary.LittleEndian.PutUint64(b, uint64(h.Created)^uint64(h.PID)<<48)
		binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[:8]))
		return lockfile.WriteAt(fd, b, payloadOffset)
	}
}

func (d *Dir) create(name Name) (*Object, error) {
	h := newHeader(name)
	return d.Create(name, h, access.CreatorAlone, build(h))
}

// obtain creates or opens, as the kernel above does.
func (d *Dir) obtain(name Name) (o *Object, created bool, err error) {
	for range 10000 {
		o, err = d.Open(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return o, false, err
		}
		o, err = d.create(name)
		if !errors.Is(err, fs.ErrExist) {
			return o, true, err
		}
	}
	return nil, false, fmt.Errorf("neither there nor not there: %w", err)
}

// sound checks an object that this process holds: it is whole, its name leads to
// it, and it was not destroyed.
func (o *Object) sound() error {
	b := make([]byte, 12)
	if n, err := lockfile.ReadAt(o.FD, b, payloadOffset); err != nil || n != len(b) {
		return fmt.Errorf("payload: %d bytes, %w", n, err)
	}
	if binary.LittleEndian.Uint32(b[8:]) != crc32.ChecksumIEEE(b[:8]) {
		return fmt.Errorf("half-made: payload % x", b)
	}
	var st unix.Stat_t
	if err := unix.Fstat(o.FD, &st); err != nil {
		return err
	}
	same, err := lockfile.SamePath(o.dir.fd, o.file, o.ID)
	if err != nil || !same || st.Nlink != 1 {
		return fmt.Errorf("held, but destroyed: %d links, name leads to it: %v, %w", st.Nlink, same, err)
	}
	return nil
}

// round creates or opens, looks, and closes.
func (d *Dir) round(name Name) error {
	o, _, err := d.obtain(name)
	if err != nil {
		return err
	}
	if err := o.sound(); err != nil {
		return errors.Join(err, o.DropHandle())
	}
	if o.Header.Name != name.Base {
		return errors.Join(fmt.Errorf("got %q, not %q", o.Header.Name, name.Base), o.DropHandle())
	}
	err = o.sound()
	return errors.Join(err, o.DropHandle())
}

// litter leaves the file of an object whose holders were all killed.
func litter(d *Dir, name Name) error {
	h := newHeader(name)
	fd, _, err := lockfile.CreateUnnamed(d.fd, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := build(h)(fd); err != nil {
		return err
	}
	return lockfile.Publish(fd, d.fd, name.FileName())
}

func local(base string) Name { return Name{Local, base} }

func contains(t testing.TB, err error, is error, parts ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("got %v, want %v", err, is)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
