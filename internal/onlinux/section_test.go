//go:build linux

package onlinux

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// A container may have less memory than its machine.
func TestGroupLeft(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "self")
	group := func(path, limit, current, stat string) {
		write(t, filepath.Join(dir, "fs", path, "memory.max"), limit)
		write(t, filepath.Join(dir, "fs", path, "memory.current"), current)
		write(t, filepath.Join(dir, "fs", path, "memory.stat"), stat)
	}
	left := func(want int64, wantGroup string) {
		t.Helper()
		if n, name := groupLeft(self, filepath.Join(dir, "fs")); n != want || name != wantGroup {
			t.Fatalf("%d in %q, want %d in %q", n, name, want, wantGroup)
		}
	}
	left(math.MaxInt64, "") // no control groups
	write(t, self, "12:memory:/old\n0::/a/b\n")
	left(math.MaxInt64, "")
	group("a", "max\n", "500\n", "")
	group("a/b", "1000\n", "400\n", "anon 300\nfile 90\ninactive_file 50\nactive_file 40\n")
	left(690, "/a/b")
	group("a", "800\n", "500\n", "inactive_file 0\n") // the parent has less
	left(300, "/a")
	group("", "100\n", "500\n", "") // over its limit already
	left(0, "/")
	group("", "nonsense", "500", "")
	left(300, "/a")
}

func TestHugeOption(t *testing.T) {
	var st unix.Stat_t
	if err := unix.Stat("/dev/shm", &st); err != nil {
		t.Fatal(err)
	}
	if point, _, ok := hugeOption(st.Dev); !ok || point != "/dev/shm" {
		t.Errorf("/dev/shm is mounted at %q (%v)", point, ok)
	}
	if _, _, ok := hugeOption(unix.Mkdev(4000, 1)); ok {
		t.Error("a device that does not exist is mounted")
	}
	if word := selected(filepath.Join(t.TempDir(), "nothing")); word != "" {
		t.Errorf("selected %q", word)
	}
}

func TestSelected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "switch")
	write(t, path, "always within_size [advise] never deny force\n")
	if word := selected(path); word != "advise" {
		t.Errorf("selected %q", word)
	}
	write(t, path, "no bracket")
	if word := selected(path); word != "" {
		t.Errorf("selected %q", word)
	}
}

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
	tail := v.pages[6:]
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

func TestExhausted(t *testing.T) {
	detail := errs.Because(unix.ENOSPC, errs.DiskFull, nil, "known")
	for _, c := range []struct {
		err  error
		want uint32
	}{
		{nil, 0},
		{unix.EMFILE, errs.TooManyOpenFiles},
		{unix.ENFILE, errs.TooManyOpenFiles},
		{unix.ENOSPC, errs.CommitmentLimit},
		{unix.ENOMEM, errs.NotEnoughMemory},
		{detail, errs.DiskFull},
		{unix.EIO, errs.GenFailure},
	} {
		if n := errs.Number(exhausted(c.err)); n != c.want {
			t.Errorf("%v: %d, want %d", c.err, n, c.want)
		}
	}
}

func TestMapFailure(t *testing.T) {
	for _, c := range []struct {
		err     error
		address uintptr
		execute bool
		want    uint32
	}{
		{unix.EEXIST, 1, false, errs.InvalidAddress},
		{unix.EPERM, 1, false, errs.InvalidAddress},
		{unix.EPERM, 1, true, errs.AccessDenied},
		{unix.EPERM, 0, true, errs.AccessDenied},
		{unix.EACCES, 0, false, errs.AccessDenied},
		{unix.ENOMEM, 0, false, errs.NotEnoughMemory},
		{unix.EAGAIN, 0, false, errs.WorkingSetQuota},
		{unix.ENODEV, 0, false, errs.NotSupported},
		{unix.EIO, 0, false, errs.GenFailure},
	} {
		if n := errs.Number(mapFailure(c.err, c.address, 1, c.execute)); n != c.want {
			t.Errorf("%v: %d, want %d", c.err, n, c.want)
		}
	}
}
