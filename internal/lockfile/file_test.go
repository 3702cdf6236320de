//go:build linux

package lockfile

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// plants are things that are no object's file, and what Open must say of each.
var plants = map[string]struct {
	plant func(t *testing.T, f *folder)
	text  string
	root  bool // only root can plant it
}{
	"symbolic link":          {func(t *testing.T, f *folder) { must(t, os.Symlink("/etc/passwd", f.join("x"))) }, "is a symbolic link", false},
	"dangling symbolic link": {func(t *testing.T, f *folder) { must(t, os.Symlink(f.join("nothing"), f.join("x"))) }, "is a symbolic link", false},
	"symbolic link loop":     {func(t *testing.T, f *folder) { must(t, os.Symlink("x", f.join("x"))) }, "is a symbolic link", false},
	"named pipe":             {func(t *testing.T, f *folder) { must(t, unix.Mkfifo(f.join("x"), 0o600)) }, "is a named pipe", false},
	"named pipe, write only": {func(t *testing.T, f *folder) { must(t, unix.Mkfifo(f.join("x"), 0o200)) }, "is a named pipe", false},
	"directory":              {func(t *testing.T, f *folder) { must(t, os.Mkdir(f.join("x"), 0o700)) }, "is a directory", false},
	"socket": {func(t *testing.T, f *folder) {
		l, err := net.Listen("unix", f.join("x"))
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
	}, "is a socket", false},
	"hard link": {func(t *testing.T, f *folder) {
		f.file("x")
		must(t, os.Link(f.join("x"), f.join("y")))
	}, "has 2 hard links", false},
	"character device": {func(t *testing.T, f *folder) {
		must(t, unix.Mknod(f.join("x"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))))
	}, "is a device", true},
	"block device": {func(t *testing.T, f *folder) {
		must(t, unix.Mknod(f.join("x"), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 200))))
	}, "is a device", true},
}

func TestOpenRefuses(t *testing.T) {
	for name, p := range plants {
		t.Run(name, func(t *testing.T) {
			if p.root {
				testkit.NeedRoot(t)
			}
			f := newFolder(t)
			p.plant(t, f)
			var before unix.Stat_t
			must(t, unix.Lstat(f.join("x"), &before))
			var err error
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _, _, err = Open(f.fd, "x")
			}()
			testkit.Soon(t, done, "opening it")
			if !errors.Is(err, errs.ErrCorrupt) || !strings.Contains(err.Error(), p.text) {
				t.Errorf("got %v, want ErrCorrupt with %q", err, p.text)
			}
			var after unix.Stat_t
			must(t, unix.Lstat(f.join("x"), &after))
			if after.Ino != before.Ino || after.Mtim != before.Mtim {
				t.Error("it was touched")
			}
		})
	}
}

func TestOpen(t *testing.T) {
	f := newFolder(t)
	if _, _, _, err := Open(f.fd, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	made := f.file("x")
	fd, writable, st, err := Open(f.fd, "x")
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	var want unix.Stat_t
	must(t, unix.Fstat(made, &want))
	if !writable || IdentityOf(&st) != IdentityOf(&want) {
		t.Errorf("writable %v, %+v", writable, st)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if must(t, err); flags&unix.FD_CLOEXEC == 0 {
		t.Error("it would be inherited")
	}
}

// unprivileged is a uid that owns nothing.
const unprivileged = 12345

// asNobody is a command that plays a role without any privilege.
func asNobody(t *testing.T, role string, files []*os.File, args ...string) *testkit.Child {
	t.Helper()
	testkit.NeedRoot(t)
	cmd := testkit.Command(role, args...)
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged}}
	return testkit.StartCommand(t, cmd)
}

var _ = testkit.Role("open-as-nobody", func(self *testkit.Self) {
	fd, writable, _, err := Open(3, self.Args[0])
	switch {
	case errors.Is(err, fs.ErrPermission):
		self.Say("denied: %v", err)
	case err != nil:
		self.Say("failed: %v", err)
	default:
		_ = unix.Close(fd)
		self.Say("writable %v", writable)
	}
})

// Who may only read gets that; who may nothing is told by whom and how the file
// is closed.
func TestOpenWithoutRights(t *testing.T) {
	f := newFolder(t)
	must(t, os.Chmod(f.path, 0o755))
	dir, err := os.Open(f.path)
	must(t, err)
	defer func() { _ = dir.Close() }()
	for mode, want := range map[uint32]string{
		0o666: "writable true",
		0o644: "writable false",
		0o600: "denied: belongs to uid 0 with mode 0600: permission denied",
	} {
		name := strconv.FormatUint(uint64(mode), 8)
		must(t, unix.Fchmod(f.file(name), mode))
		child := asNobody(t, "open-as-nobody", []*os.File{dir}, name)
		child.Expect(want)
		child.End()
	}
}

var _ = testkit.Role("create-under-umask", func(self *testkit.Self) {
	mask, err := strconv.ParseInt(self.Args[1], 8, 32)
	self.Must(err)
	dir, err := unix.Open(self.Args[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
	self.Must(err)
	syscall.Umask(int(mask))
	for _, mode := range []uint32{0o600, 0o644, 0o666, 0o660, 0} {
		fd, _, err := CreateUnnamed(dir, mode)
		self.Must(err)
		self.Must(WriteAt(fd, []byte("x"), 0))
		name := self.Args[1] + "-" + strconv.FormatUint(uint64(mode), 8)
		self.Must(Publish(fd, dir, name))
		var st unix.Stat_t
		self.Must(unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW))
		if st.Mode&0o7777 != mode {
			self.Say("mode %#o under umask %s is %#o", mode, self.Args[1], st.Mode&0o7777)
		}
		if err := Publish(fd, dir, name); !errors.Is(err, fs.ErrExist) {
			self.Say("published twice: %v", err)
		}
	}
	self.Say("done")
})

func TestModeIsExact(t *testing.T) {
	f := newFolder(t)
	must(t, os.Chmod(f.path, 0o777))
	for _, mask := range []string{"0", "077", "0777", "0222"} {
		child := testkit.Start(t, "create-under-umask", f.path, mask)
		child.Expect("done")
		child.End()
		if os.Geteuid() == 0 {
			must(t, os.RemoveAll(f.path))
			must(t, os.Mkdir(f.path, 0o777))
			must(t, os.Chmod(f.path, 0o777))
			child := asNobodyHere(t, "create-under-umask", f.path, mask)
			child.Expect("done")
			child.End()
		}
	}
}

// asNobodyHere is asNobody for a role that reaches the tests' directory by path.
func asNobodyHere(t *testing.T, role string, args ...string) *testkit.Child {
	t.Helper()
	must(t, os.Chmod(testkit.Base(), 0o711))
	t.Cleanup(func() { must(t, os.Chmod(testkit.Base(), 0o700)) })
	return asNobody(t, role, nil, args...)
}

func TestUnpublishedLeavesNothing(t *testing.T) {
	f := newFolder(t)
	fd, _, err := CreateUnnamed(f.fd, 0o600)
	must(t, err)
	entries, err := os.ReadDir(f.path)
	if must(t, err); len(entries) != 0 {
		t.Errorf("a file without a name is listed as %v", entries)
	}
	must(t, unix.Close(fd))
	var st unix.Stat_t
	fd, _, err = CreateUnnamed(f.fd, 0o600)
	must(t, err)
	must(t, unix.Fstat(fd, &st))
	if st.Nlink != 0 || st.Mode&0o7777 != 0o600 {
		t.Errorf("%d links, mode %#o", st.Nlink, st.Mode)
	}
	must(t, unix.Close(fd))
}

var _ = testkit.Role("publish-without-proc", func(self *testkit.Self) {
	dir, err := unix.Open(self.Args[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
	self.Must(err)
	self.Must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	self.Must(unix.Unmount("/proc", unix.MNT_DETACH))
	if _, err := os.Stat("/proc/self"); err == nil {
		self.Say("/proc is still there")
	}
	uid, err := strconv.Atoi(self.Args[1])
	self.Must(err)
	if uid != 0 {
		self.Must(syscall.Setgid(uid))
		self.Must(syscall.Setuid(uid))
	}
	fd, _, err := CreateUnnamed(dir, 0o600)
	self.Must(err)
	self.Must(WriteAt(fd, []byte("whole"), 0))
	if err := Publish(fd, dir, self.Args[1]); err != nil {
		self.Say("publish: %v", err)
		return
	}
	b := make([]byte, 10)
	again, _, _, err := Open(dir, self.Args[1])
	self.Must(err)
	n, err := ReadAt(again, b, 0)
	self.Must(err)
	self.Say("published %q", b[:n])
})

func TestPublishWithoutProc(t *testing.T) {
	testkit.NeedRoot(t)
	f := newFolder(t)
	must(t, os.Chmod(f.path, 0o777))
	for _, uid := range []string{"0", strconv.Itoa(unprivileged)} {
		cmd := testkit.Command("publish-without-proc", f.path, uid)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		child := testkit.StartCommand(t, cmd)
		line := child.Line()
		if uid != "0" && line == "publish: no such file or directory" {
			t.Log("this kernel (before 6.10) links a descriptor only for root")
		} else if line != `published "whole"` {
			t.Errorf("uid %s: %s", uid, line)
		}
		child.End()
	}
}

// Nothing but the file itself is ever removed.
func TestUnlinkLocked(t *testing.T) {
	f := newFolder(t)
	var old, st unix.Stat_t
	must(t, unix.Fstat(f.file("x"), &old))
	check := func(what string, wanted bool) {
		t.Helper()
		got, err := UnlinkLocked(f.fd, "x", IdentityOf(&old))
		want(t, what, got, err, wanted)
	}
	must(t, os.Rename(f.join("x"), f.join("moved")))
	check("no such name", false)
	f.file("x")
	check("another file", false)
	must(t, os.Remove(f.join("x")))
	must(t, os.Symlink("moved", f.join("x")))
	check("a link to it", false)
	must(t, os.Remove(f.join("x")))
	must(t, os.Rename(f.join("moved"), f.join("x")))
	check("the file", true)
	if err := unix.Lstat(f.join("x"), &st); err != unix.ENOENT {
		t.Errorf("it is still there: %v", err)
	}
}

func TestReadAndWriteAt(t *testing.T) {
	f := newFolder(t)
	fd := f.file("x")
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	must(t, WriteAt(fd, data, 100))
	got := make([]byte, len(data)+50)
	n, err := ReadAt(fd, got, 100)
	if err != nil || n != len(data) || !bytes.Equal(got[:n], data) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := ReadAt(fd, got, 1<<40); n != 0 || err != nil {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	if _, err := ReadAt(f.fd, got, 0); err == nil {
		t.Error("a directory can be read")
	}
	if err := WriteAt(f.open("x", unix.O_RDONLY), data, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("written through a reader: %v", err)
	}
}

func TestReserve(t *testing.T) {
	f := newFolder(t)
	fd := f.file("x")
	must(t, Truncate(fd, 1<<20))
	must(t, Reserve(fd, 0, 1<<20))
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	if st.Size != 1<<20 || st.Blocks*512 != 1<<20 {
		t.Errorf("%d bytes, %d blocks", st.Size, st.Blocks)
	}
	if err := Reserve(fd, 0, 1<<62); err == nil {
		t.Error("2^62 bytes were reserved")
	}
	if err := Truncate(fd, -1); err == nil {
		t.Error("truncated to -1")
	}
}
