//go:build linux

package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// unprivileged is a uid that owns nothing.
const unprivileged = 12345

// asNobody is a command that plays a role without any privilege, and can reach
// the directories of the tests.
func asNobody(t *testing.T, role string, args ...string) *testkit.Child {
	t.Helper()
	testkit.NeedRoot(t)
	must(t, os.Chmod(testkit.Base(), 0o711))
	cmd := testkit.Command(role, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged}}
	return testkit.StartCommand(t, cmd)
}

func localPath(base string) string { return filepath.Join(base, "atoll-"+strconv.Itoa(os.Geteuid())) }

func TestOpenDirMakesIt(t *testing.T) {
	base := newBase(t)
	for _, c := range []struct {
		scope Scope
		path  string
		mode  fs.FileMode
	}{
		{Local, localPath(base), fs.ModeDir | 0o700},
		{Global, filepath.Join(base, "atoll"), fs.ModeDir | fs.ModeSticky | 0o777},
	} {
		if c.scope == Global && os.Geteuid() != 0 {
			continue
		}
		for range 2 { // makes it, and finds it
			d := openDir(t, base, c.scope)
			if d.Path != c.path || d.Gone() {
				t.Errorf("%s, gone: %v", d.Path, d.Gone())
			}
			for _, path := range []string{c.path, filepath.Join(c.path, MembersName)} {
				st, err := os.Lstat(path)
				if must(t, err); st.Mode() != c.mode {
					t.Errorf("%s has mode %v, want %v", path, st.Mode(), c.mode)
				}
			}
		}
	}
}

// What is not the directory that it should be is refused, with what was found and
// the way out, and left as it is.
func TestOpenDirRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(path string) error
		is    error
		says  []string
		root  bool
	}{
		"symbolic link": {func(path string) error {
			return errors.Join(os.Mkdir(path+"-elsewhere", 0o700), os.Symlink(path+"-elsewhere", path))
		}, fs.ErrPermission, []string{"is not a directory", "remove it"}, false},
		"dangling symbolic link": {func(path string) error { return os.Symlink(path+"-nowhere", path) }, fs.ErrPermission, []string{"is not a directory"}, false},
		"file":                   {func(path string) error { return os.WriteFile(path, nil, 0o600) }, fs.ErrPermission, []string{"is not a directory"}, false},
		"named pipe":             {func(path string) error { return unix.Mkfifo(path, 0o600) }, fs.ErrPermission, []string{"is not a directory"}, false},
		"mode 0755":              {func(path string) error { return makeDir(path, 0o755) }, fs.ErrPermission, []string{"has mode 0755", "chmod 700"}, false},
		"mode 0777":              {func(path string) error { return makeDir(path, 0o777) }, fs.ErrPermission, []string{"has mode 0777", "chmod 700"}, false},
		"mode 01777":             {func(path string) error { return makeDir(path, fs.ModeSticky|0o777) }, fs.ErrPermission, []string{"has mode 01777", "chmod 700"}, false},
		"another owner": {func(path string) error {
			return errors.Join(makeDir(path, 0o700), os.Chown(path, unprivileged, unprivileged))
		}, fs.ErrPermission, []string{"belongs to uid 12345, it must belong to uid"}, true},
		"members is a link": {func(path string) error {
			return errors.Join(makeDir(path, 0o700), os.Symlink("/etc", filepath.Join(path, MembersName)))
		}, fs.ErrPermission, []string{"/members is not a directory"}, false},
		"members has another mode": {func(path string) error {
			return errors.Join(makeDir(path, 0o700), makeDir(filepath.Join(path, MembersName), 0o777))
		}, fs.ErrPermission, []string{"/members has mode 0777"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root {
				testkit.NeedRoot(t)
			}
			base := newBase(t)
			path := localPath(base)
			must(t, c.plant(path))
			before, err := os.Lstat(path)
			must(t, err)
			fds := len(testkit.Descriptors())
			d, err := OpenDir(base, Local)
			if err == nil {
				t.Fatal("it was taken", d.Close())
			}
			contains(t, err, c.is, append(c.says, path)...)
			after, err := os.Lstat(path)
			if must(t, err); !os.SameFile(before, after) || before.Mode() != after.Mode() {
				t.Errorf("it was changed: %v to %v", before.Mode(), after.Mode())
			}
			if after := len(testkit.Descriptors()); after != fds {
				t.Errorf("%d descriptors, then %d", fds, after)
			}
		})
	}
}

func makeDir(path string, mode fs.FileMode) error {
	return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode))
}

// Its maker was killed between mkdir and chmod: whoever comes next finishes it,
// but only with fewer rights than it must have, so that nobody can have been in it.
func TestHalfMadeDirIsFinished(t *testing.T) {
	for _, mode := range []fs.FileMode{0, 0o400, 0o500, 0o600} {
		base := newBase(t)
		must(t, makeDir(localPath(base), mode))
		d := openDir(t, base, Local)
		st, err := os.Lstat(d.Path)
		if must(t, err); st.Mode().Perm() != 0o700 {
			t.Errorf("mode %#o became %#o", mode, st.Mode().Perm())
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	base := newBase(t)
	must(t, makeDir(filepath.Join(base, "atoll"), 0o700))
	d := openDir(t, base, Global)
	st, err := os.Lstat(d.Path)
	if must(t, err); st.Mode() != fs.ModeDir|fs.ModeSticky|0o777 {
		t.Errorf("Global has mode %v", st.Mode())
	}
}

func TestBaseIsChecked(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		_, err := OpenDir(filepath.Join(newBase(t), "nothing"), Local)
		contains(t, err, fs.ErrNotExist, "nothing")
	})
	t.Run("a file", func(t *testing.T) {
		base := filepath.Join(newBase(t), "file")
		must(t, os.WriteFile(base, nil, 0o600))
		_, err := OpenDir(base, Local)
		contains(t, err, unix.ENOTDIR, base)
	})
	t.Run("not tmpfs", func(t *testing.T) {
		base := t.TempDir()
		var st unix.Statfs_t
		if must(t, unix.Statfs(base, &st)); int64(st.Type) == unix.TMPFS_MAGIC {
			t.Skip("the directory for temporary files is on tmpfs here")
		}
		_, err := OpenDir(base, Local)
		contains(t, err, errors.ErrUnsupported, base, "is not on tmpfs", "ATOLL_ROOT")
		if entries, _ := os.ReadDir(base); len(entries) != 0 {
			t.Error("something was made in it")
		}
	})
	t.Run("others may write", func(t *testing.T) {
		base := newBase(t)
		must(t, os.Chmod(base, 0o777))
		_, err := OpenDir(base, Local)
		contains(t, err, fs.ErrPermission, base, "mode 0777", "chmod +t")
		must(t, os.Chmod(base, 0o770))
		_, err = OpenDir(base, Local)
		contains(t, err, fs.ErrPermission, "mode 0770")
		must(t, os.Chmod(base, fs.ModeSticky|0o777))
		openDir(t, base, Local)
	})
	t.Run("another owner", func(t *testing.T) {
		testkit.NeedRoot(t)
		base := newBase(t)
		must(t, os.Chown(base, unprivileged, unprivileged))
		_, err := OpenDir(base, Local)
		contains(t, err, fs.ErrPermission, base, "belongs to uid 12345")
	})
}

var _ = testkit.Role("open-global", func(self *testkit.Self) {
	_, err := OpenDir(self.Args[0], Global)
	self.Say("%v, not there: %v", err, errors.Is(err, fs.ErrNotExist))
})

// Only root makes Global; the error says how.
func TestGlobalIsMadeByRoot(t *testing.T) {
	base := newBase(t)
	must(t, os.Chmod(base, fs.ModeSticky|0o777))
	child := asNobody(t, "open-global", base)
	path := filepath.Join(base, "atoll")
	if line := child.Line(); !strings.HasSuffix(line, "not there: true") || !strings.Contains(line, fmt.Sprintf("mkdir -m 1777 %s %s/members", path, path)) {
		t.Error(line)
	}
	child.End()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	openDir(t, base, Global)
	child = asNobody(t, "open-global", base)
	child.Expect("<nil>, not there: false")
	child.End()
}

var _ = testkit.Role("first-use", func(self *testkit.Self) {
	mask, err := strconv.ParseInt(self.Args[1], 8, 32)
	self.Must(err)
	syscall.Umask(int(mask))
	d, err := OpenDir(self.Args[0], Local)
	self.Must(err)
	self.Must(d.round(local("x")))
	for _, path := range []string{d.Path, filepath.Join(d.Path, MembersName)} {
		st, err := os.Lstat(path)
		self.Must(err)
		self.Say("%#o", st.Mode().Perm())
	}
})

func TestFirstUseUnderAnyUmask(t *testing.T) {
	for _, mask := range []string{"0", "077", "0777"} {
		for _, root := range []bool{true, false} {
			base := newBase(t)
			var child *testkit.Child
			if root {
				child = testkit.Start(t, "first-use", base, mask)
			} else if os.Geteuid() == 0 {
				must(t, os.Chmod(base, fs.ModeSticky|0o777))
				child = asNobody(t, "first-use", base, mask)
			} else {
				continue
			}
			child.Expect("0700")
			child.Expect("0700")
			child.End()
		}
	}
}

// Many processes at once use a directory that is not there yet.
func TestFirstUseByMany(t *testing.T) {
	for _, mask := range []string{"022", "0777"} {
		base := newBase(t)
		must(t, os.Chmod(base, fs.ModeSticky|0o777))
		var children []*testkit.Child
		for range 8 {
			if os.Geteuid() == 0 {
				children = append(children, asNobody(t, "first-use", base, mask))
			} else {
				children = append(children, testkit.Start(t, "first-use", base, mask))
			}
		}
		for _, c := range children {
			c.Expect("0700")
			c.Expect("0700")
			c.End()
		}
	}
}

var _ = testkit.Role("say-base", func(self *testkit.Self) {
	self.Say("%s as %d", Base(), os.Geteuid())
})

func TestRootMovesTheBase(t *testing.T) {
	if Base() != testkit.Base() {
		t.Errorf("the base is %s, not %s", Base(), testkit.Base())
	}
	t.Setenv(RootVariable, "")
	if Base() != DefaultBase {
		t.Errorf("without the variable the base is %s", Base())
	}
}

// In a program that runs with more rights than its caller has, the caller's
// environment must not move the names.
func TestSetuidIgnoresTheEnvironment(t *testing.T) {
	testkit.NeedRoot(t)
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	// Neither the tests' tmpfs nor the build's folder need allow setuid programs.
	dir, err := os.MkdirTemp("/var/tmp", "atoll-setuid-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	var st unix.Statfs_t
	must(t, unix.Statfs(dir, &st))
	testkit.Need(t, st.Flags&unix.ST_NOSUID == 0, "a /var/tmp that is not mounted nosuid")
	program := filepath.Join(dir, "program")
	must(t, os.WriteFile(program, self, 0o755))
	for _, c := range []struct {
		mode fs.FileMode
		want string
	}{
		{0o755, testkit.Base() + " as 12345"},
		{fs.ModeSetuid | 0o755, DefaultBase + " as 0"},
		{fs.ModeSetgid | 0o755, DefaultBase + " as 12345"},
	} {
		must(t, os.Chmod(program, c.mode))
		cmd := testkit.Command("say-base")
		cmd.Path = program
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged}}
		child := testkit.StartCommand(t, cmd)
		child.Expect(c.want)
		child.End()
	}
}

// The directory is removed under us: what is held keeps working, and whoever asks
// is told that it is gone.
func TestRemovedDir(t *testing.T) {
	d, base := newDir(t)
	o, err := d.create(local("x"))
	must(t, err)
	must(t, os.RemoveAll(filepath.Join(d.Path, MembersName)))
	if !d.Gone() {
		t.Error("the members are gone, unnoticed")
	}
	must(t, os.RemoveAll(d.Path))
	if !d.Gone() {
		t.Error("it is gone, unnoticed")
	}
	_, err = d.Open(local("x"))
	contains(t, err, fs.ErrNotExist)
	if _, err = d.create(local("x")); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("created in a directory that is gone: %v", err)
	}
	fresh := openDir(t, base, Local)
	must(t, fresh.round(local("x")))
	b, err := fresh.create(local("x"))
	must(t, err)
	if n, err := lockReadAt(o); n == 0 || err != nil {
		t.Errorf("what was held is gone: %d, %v", n, err)
	}
	must(t, o.DropHandle())
	must(t, b.sound())
	must(t, b.DropHandle())
	empty(t, fresh)
}

func lockReadAt(o *Object) (int, error) { return unix.Pread(o.FD, make([]byte, 8), 0) }
