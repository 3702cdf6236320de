//go:build linux

package backing

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
)

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
		if n := errs.Number(Exhausted(c.err)); n != c.want {
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
		if n := errs.Number(MapFailure(c.err, c.address, 1, c.execute)); n != c.want {
			t.Errorf("%v: %d, want %d", c.err, n, c.want)
		}
	}
}
