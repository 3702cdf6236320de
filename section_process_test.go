//go:build linux

package atoll

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// allocated is how much memory or disk a file has.
func allocated(t testing.TB, f *os.File) int64 {
	t.Helper()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t).Blocks * 512
}

// lockedBytes is how much memory the process keeps from being paged out.
func lockedBytes(t testing.TB) int64 {
	t.Helper()
	_, rest, _ := strings.Cut(string(must1(os.ReadFile("/proc/self/status"))), "VmLck:")
	var kib int64
	must1(fmt.Sscan(rest, &kib))
	return kib << 10
}

// The section agent is a process with one section and one view, which does what a
// test tells it, a line a call. It answers "done", with what it read, or "failed"
// with the error's number and text.
var _ = testkit.Role("section-agent", func(self *testkit.Self) {
	var a sectionAgent
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		answer, err := a.do(strings.Fields(line))
		var e *Error
		switch {
		case errors.As(err, &e):
			self.Say("failed %d %v", e.Win32(), err)
		case err != nil:
			self.Must(err)
		default:
			self.Say("done %s", answer)
		}
	}
})

type sectionAgent struct {
	section *Section
	view    *View
}

func (a *sectionAgent) do(words []string) (answer string, err error) {
	number := func(i int) int64 {
		if i >= len(words) {
			return 0
		}
		return must1(strconv.ParseInt(words[i], 0, 64))
	}
	switch words[0] {
	case "create":
		a.section, err = CreateSection(words[1], SectionOptions{Size: number(2)})
	case "over":
		f, err := os.OpenFile(words[2], os.O_RDWR, 0)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }()
		a.section, err = CreateSection(words[1], SectionOptions{File: f, Size: number(3)})
		return "", err
	case "open":
		a.section, err = OpenSection(words[1], Access(number(2)))
	case "map":
		a.view, err = a.section.Map(Access(number(1)), number(2), number(3))
	case "write":
		_, err = a.view.WriteAt([]byte(words[2]), number(1))
	case "read":
		b := make([]byte, number(2))
		_, err = a.view.ReadAt(b, number(1))
		answer = string(bytes.ReplaceAll(b, []byte{0}, []byte{'.'}))
	case "unmap":
		err = a.view.Close()
	case "close":
		err = a.section.Close()
	}
	return answer, err
}

// tell sends an agent a line and checks the beginning of its answer.
func tell(t testing.TB, c *testkit.Child, want, format string, args ...any) {
	t.Helper()
	c.Tell(format, args...)
	if got := c.Line(); got != want && !strings.HasPrefix(got, want+" ") {
		t.Fatalf("%s: %q, want %q", fmt.Sprintf(format, args...), got, want)
	}
}

// Two processes, one section.
func TestSectionBetweenProcesses(t *testing.T) {
	p1, p2 := testkit.Start(t, "section-agent"), testkit.Start(t, "section-agent")
	tell(t, p1, "done", "create shared 65536")
	tell(t, p2, "failed 183", "create shared 65536")
	tell(t, p2, "done", "open shared")
	t.Run("C180 a reader sees what a writer writes", func(t *testing.T) {
		tell(t, p1, "done", "map %d", Read)
		tell(t, p2, "done", "map %d", Write)
		tell(t, p2, "done", "write 5000 hello")
		tell(t, p1, "done .hello.", "read 4999 7")
		tell(t, p2, "done", "unmap")
	})
	t.Run("C181 but not what a copy is written", func(t *testing.T) {
		tell(t, p2, "done", "map %d", Copy)
		tell(t, p2, "done hello", "read 5000 5")
		tell(t, p2, "done", "write 5000 HELLO")
		tell(t, p2, "done HELLO", "read 5000 5")
		tell(t, p1, "done hello", "read 5000 5")
		tell(t, p2, "done", "unmap")
	})
	t.Run("it lives while one has it", func(t *testing.T) {
		tell(t, p2, "done", "map 0")
		p1.Kill()
		tell(t, p2, "done hello", "read 5000 5")
		s := openTestSection(t, "shared", 0)
		if v := newTestView(t, s, 0, 0, 0); string(v.Bytes()[5000:5005]) != "hello" {
			t.Fatalf("%q", v.Bytes()[5000:5005])
		}
		must(t, s.Close())
		tell(t, p2, "done", "close")
		_, err := OpenSection("shared", 0) // a view in p2 does not keep the name
		isError(t, err, fs.ErrNotExist)
		tell(t, p2, "done hello", "read 5000 5")
	})
	t.Run("killed with a view", func(t *testing.T) {
		p := testkit.Start(t, "section-agent")
		tell(t, p, "done", "create %s 65536", "killed")
		tell(t, p, "done", "map 0")
		p.Kill()
		_, err := OpenSection("killed", 0)
		isError(t, err, fs.ErrNotExist)
		v := newTestView(t, newTestSection(t, "killed", SectionOptions{Size: 4096}), 0, 0, 0)
		if !allZero(v.Bytes()) {
			t.Fatal("the new section has old bytes")
		}
	})
}

// The file of a section is found by any process that may open it, wherever its
// name has gone.
func TestSectionFileIsFoundAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		moved func(t *testing.T, path string)
	}{
		{"in place", func(*testing.T, string) {}},
		{"renamed", func(t *testing.T, path string) { must(t, os.Rename(path, path+"2")) }},
		{"deleted", func(t *testing.T, path string) { must(t, os.Remove(path)) }},
		{"its directory renamed", func(t *testing.T, path string) {
			must(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+"2"))
		}},
		{"replaced by a file", func(t *testing.T, path string) {
			must(t, os.Rename(path, path+"2"))
			must(t, os.WriteFile(path, bytes.Repeat([]byte("X"), 5000), 0o600))
		}},
		{"replaced by a pipe", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, syscall.Mkfifo(path, 0o600))
		}},
		{"replaced by a link to it", func(t *testing.T, path string) {
			must(t, os.Rename(path, path+"2"))
			must(t, os.Symlink(path+"2", path))
		}},
		{"replaced by a link to another", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Symlink("/etc/passwd", path))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dir", "file")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			must(t, os.WriteFile(path, bytes.Repeat([]byte("f"), 5000), 0o600))
			holder := testkit.Start(t, "section-agent")
			tell(t, holder, "done", "over found %s 0", path)
			tell(t, holder, "done", "map 0")
			c.moved(t, path)
			opener := testkit.Start(t, "section-agent")
			tell(t, opener, "done", "open found")
			tell(t, opener, "done", "map 0")
			tell(t, opener, "done fff", "read 4990 3")
			tell(t, opener, "done", "write 4990 new")
			tell(t, holder, "done new", "read 4990 3")
			holder.Kill() // the opener is a holder, too
			s := openTestSection(t, "found", Read)
			if v := newTestView(t, s, 0, 0, 0); string(v.Bytes()[4990:4993]) != "new" {
				t.Fatalf("%q", v.Bytes()[4990:4993])
			}
			must(t, s.Close())
			opener.Kill()
			_, err := OpenSection("found", 0)
			isError(t, err, fs.ErrNotExist)
		})
	}
}

// asRoot skips a test that needs root, and fails it where root is promised.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI must run the tests as root")
	}
	t.Skip("needs root, to mount file systems and to be another user")
}

// inOwnMounts is a child that has mounts of its own.
func inOwnMounts(role string, args ...string) *exec.Cmd {
	cmd := testkit.Command(role, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return cmd
}

// mountTmpfs mounts a file system of memory for a role.
func mountTmpfs(self *testkit.Self, dir, options string) {
	self.Must(syscall.Mount("tmpfs", dir, "tmpfs", 0, options))
}

// want fails a role if a thing is not so.
func want(self *testkit.Self, ok bool, format string, args ...any) {
	if !ok {
		_, _, line, _ := runtime.Caller(1)
		self.Must(fmt.Errorf("line %d: "+format, append([]any{line}, args...)...))
	}
}

// wantNumber fails a role if an error has another number, or its text does not
// mention a word.
func wantNumber(self *testkit.Self, err error, number uint32, text string) {
	var e *Error
	if !errors.As(err, &e) || e.Win32() != number || !strings.Contains(err.Error(), text) {
		_, _, line, _ := runtime.Caller(1)
		self.Must(fmt.Errorf("line %d: error %w, want number %d and %q", line, err, number, text))
	}
}

func freeBytes(self *testkit.Self, dir string) int64 {
	var st syscall.Statfs_t
	self.Must(syscall.Statfs(dir, &st))
	return int64(st.Bavail * uint64(st.Bsize))
}

// inRole runs one test in a child, which must end well.
func inRole(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	c := testkit.StartCommand(t, cmd)
	c.Expect("done")
	c.End()
}

func TestSectionTmpfsFull(t *testing.T) {
	asRoot(t)
	inRole(t, inOwnMounts("tmpfs-full", t.TempDir()))
}

var _ = testkit.Role("tmpfs-full", func(self *testkit.Self) {
	dir := self.Args[0]
	mountTmpfs(self, dir, "size=1m")
	self.Must(os.Setenv("ATOLL_ROOT", dir))
	small, err := CreateSection("small", SectionOptions{Size: 512 << 10})
	self.Must(err)
	before := freeBytes(self, dir)
	for _, size := range []int64{8 << 20, 600 << 10, 128 << 20} {
		_, err = CreateSection("big", SectionOptions{Size: size})
		wantNumber(self, err, 1455, dir)
		want(self, freeBytes(self, dir) == before, "%d bytes free, %d before", freeBytes(self, dir), before)
		want(self, len(testkit.Objects(dir)) == 1, "left: %v", testkit.Objects(dir))
	}
	v, err := small.Map(0, 0, 0)
	self.Must(err)
	_, err = v.WriteAt(bytes.Repeat([]byte("x"), 512<<10), 0) // its memory is its own
	self.Must(err)
	self.Must(errors.Join(v.Close(), small.Close()))
	big, err := CreateSection("big", SectionOptions{Size: 600 << 10}) // there is room again
	self.Must(err)
	self.Must(big.Close())
	reserveOnFullTmpfs(self)
	self.Say("done")
})

// reserveOnFullTmpfs uses more of a reserve section than the file system has.
func reserveOnFullTmpfs(self *testkit.Self) {
	s, err := CreateSection("reserve", SectionOptions{Size: 64 << 20, Reserve: true})
	self.Must(err)
	v, err := s.Map(0, 0, 0)
	self.Must(err)
	wantNumber(self, v.Commit(0, 0), 1455, "")
	self.Must(v.Commit(1<<20, 256<<10))
	n, err := v.WriteAt(bytes.Repeat([]byte("x"), 2<<20), 4<<20) // more than is left
	wantNumber(self, err, 999, "")
	want(self, n > 0 && n < 1<<20, "%d bytes were written", n)
	wantNumber(self, v.Guard(func(b []byte) error { clear(b); return nil }), 999, "")
	_, err = v.WriteAt(bytes.Repeat([]byte("x"), 256<<10), 1<<20) // was committed
	self.Must(err)
	wantNumber(self, v.Commit(8<<20, 256<<10), 1455, "")
	self.Must(errors.Join(v.Close(), s.Close()))
}

func TestSectionNoInodes(t *testing.T) {
	asRoot(t)
	inRole(t, inOwnMounts("no-inodes", t.TempDir()))
}

var _ = testkit.Role("no-inodes", func(self *testkit.Self) {
	dir := self.Args[0]
	mountTmpfs(self, dir, "nr_inodes=8")
	self.Must(os.Setenv("ATOLL_ROOT", dir))
	var all []*Section
	for {
		s, err := CreateSection(fmt.Sprint("s", len(all)), SectionOptions{Size: 1})
		if err != nil {
			wantNumber(self, err, 1455, "inode")
			break
		}
		all = append(all, s)
	}
	want(self, len(all) > 0 && len(testkit.Objects(dir)) == len(all), "%d sections, %v", len(all), testkit.Objects(dir))
	self.Must(all[0].Close())
	again, err := CreateSection("again", SectionOptions{Size: 1})
	self.Must(err)
	self.Must(again.Close())
	for _, s := range all[1:] {
		self.Must(s.Close())
	}
	want(self, len(testkit.Objects(dir)) == 0, "left: %v", testkit.Objects(dir))
	self.Say("done")
})

func TestSectionFewDescriptors(t *testing.T) {
	path := testFile(t, 4096).Name()
	inRole(t, testkit.Command("few-descriptors", path))
}

var _ = testkit.Role("few-descriptors", func(self *testkit.Self) {
	f, err := os.OpenFile(self.Args[0], os.O_RDWR, 0)
	self.Must(err)
	first, err := CreateSection("first", SectionOptions{File: f}) // what is opened once is open
	self.Must(err)
	open := len(testkit.Descriptors())
	for _, o := range []SectionOptions{{Size: 1}, {File: f}} {
		for _, name := range []string{"", "few"} {
			underLimits(self, func() (*Section, error) { return CreateSection(name, o) })
		}
	}
	underLimits(self, func() (*Section, error) { return OpenSection("first", 0) })
	want(self, len(testkit.Descriptors()) == open, "descriptors: %v", testkit.Descriptors())
	self.Must(first.Close())
	want(self, len(testkit.Objects(testkit.Base())) == 0, "left: %v", testkit.Objects(testkit.Base()))
	self.Say("done")
})

// underLimits makes a section with few descriptors, and one more each time: it
// works, or says why not and leaves nothing.
func underLimits(self *testkit.Self, make func() (*Section, error)) {
	const most = 30
	failures := 0
	for limit := 1; limit < most; limit++ {
		setLimit(self, syscall.RLIMIT_NOFILE, uint64(limit))
		s, err := make()
		if err != nil {
			wantNumber(self, err, 4, "descriptor")
			failures++
		} else {
			self.Must(s.Close())
		}
	}
	setLimit(self, syscall.RLIMIT_NOFILE, 1024)
	want(self, failures > 0 && failures < most-1, "%d of %d failed", failures, most)
}

func setLimit(self *testkit.Self, which int, n uint64) {
	var limit syscall.Rlimit
	self.Must(syscall.Getrlimit(which, &limit))
	limit.Cur = n
	self.Must(syscall.Setrlimit(which, &limit))
}

// A file that gets larger than a process may make it is a signal that ends a Go
// program; here it is an error.
func TestSectionFileSizeLimit(t *testing.T) {
	inRole(t, testkit.Command("file-size-limit", testFile(t, 4096).Name()))
}

var _ = testkit.Role("file-size-limit", func(self *testkit.Self) {
	f, err := os.OpenFile(self.Args[0], os.O_RDWR, 0)
	self.Must(err)
	setLimit(self, syscall.RLIMIT_FSIZE, 1<<20)
	for _, name := range []string{"", "limited"} {
		for _, o := range []SectionOptions{
			{Size: 2 << 20}, {Size: 1 << 40, Reserve: true}, {Size: 2 << 20, LargePages: true}, {File: f, Size: 2 << 20},
		} {
			_, err := CreateSection(name, o)
			wantNumber(self, err, 8, "ulimit -f")
		}
		s, err := CreateSection(name, SectionOptions{Size: 1 << 19})
		self.Must(err)
		self.Must(s.Close())
	}
	want(self, len(testkit.Objects(testkit.Base())) == 0, "left: %v", testkit.Objects(testkit.Base()))
	st, err := f.Stat()
	self.Must(err)
	want(self, st.Size() == 4096, "the file has %d bytes", st.Size())
	self.Say("done")
})

func TestMapWithoutAddressSpace(t *testing.T) {
	inRole(t, testkit.Command("little-address-space"))
}

var _ = testkit.Role("little-address-space", func(self *testkit.Self) {
	s, err := CreateSection("", SectionOptions{Size: 8 << 30, Reserve: true})
	self.Must(err)
	var pages int64
	_, err = fmt.Sscan(string(must1(os.ReadFile("/proc/self/statm"))), &pages)
	self.Must(err)
	const rlimitAS = 9
	setLimit(self, rlimitAS, uint64(pages)*uint64(os.Getpagesize())+1<<30)
	before := sectionTraces()
	for range 100 { // nothing is used up by failing
		_, err = s.Map(0, 0, 0)
		wantNumber(self, err, 8, "ulimit -v")
	}
	want(self, sectionTraces() == before, "%s, before %s", sectionTraces(), before)
	v, err := s.Map(0, 0, 1<<20)
	self.Must(err)
	self.Must(errors.Join(v.Close(), s.Close()))
	self.Say("done")
})

var _ = testkit.Role("pin-too-much", func(self *testkit.Self) {
	if os.Geteuid() == 0 {
		self.Must(dropToNobody())
	}
	const rlimitMemlock = 8
	setLimit(self, rlimitMemlock, 1<<16)
	s, err := CreateSection("", SectionOptions{Size: 1 << 20})
	self.Must(err)
	v, err := s.Map(0, 0, 0)
	self.Must(err)
	wantNumber(self, v.Pin(0, 0), 1453, "RLIMIT_MEMLOCK")
	self.Must(v.Pin(0, 1<<15))
	self.Must(errors.Join(v.Close(), s.Close()))
})

const nobody = 65534

// dropToNobody takes root's privileges from the process, for good.
func dropToNobody() error {
	return errors.Join(syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(nobody, nobody, nobody))
}

func TestSectionDiskFull(t *testing.T) {
	asRoot(t)
	t.Run("C122 tmpfs", func(t *testing.T) {
		inRole(t, inOwnMounts("disk-full", "tmpfs", t.TempDir()))
	})
	t.Run("C122 ext4", func(t *testing.T) {
		if _, err := exec.LookPath("mkfs.ext4"); err != nil {
			t.Skip("needs mkfs.ext4")
		}
		dir := t.TempDir()
		image := filepath.Join(dir, "image")
		must(t, os.WriteFile(image, nil, 0o600))
		must(t, os.Truncate(image, 8<<20))
		if out, err := exec.Command("mkfs.ext4", "-q", "-F", image).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		disk := filepath.Join(dir, "disk")
		must(t, os.Mkdir(disk, 0o700))
		inRole(t, inOwnMounts("disk-full", image, disk))
	})
}

var _ = testkit.Role("disk-full", func(self *testkit.Self) {
	source, dir := self.Args[0], self.Args[1]
	if source == "tmpfs" {
		mountTmpfs(self, dir, "size=4m")
	} else {
		out, err := exec.Command("mount", "-o", "loop", source, dir).CombinedOutput()
		want(self, err == nil, "mount: %s", out)
		defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }() // gives the loop device back
	}
	path := filepath.Join(dir, "file")
	self.Must(os.WriteFile(path, bytes.Repeat([]byte("f"), 10000), 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	self.Must(err)
	before := freeBytes(self, dir)
	for _, name := range []string{"", "full"} {
		_, err = CreateSection(name, SectionOptions{File: f, Size: 64 << 20})
		wantNumber(self, err, 112, "no room")
		st, err := f.Stat()
		self.Must(err)
		want(self, st.Size() == 10000, "the file has %d bytes", st.Size())
		self.Must(f.Sync())
		const metadata = 64 << 10 // what the file system may keep for itself
		want(self, freeBytes(self, dir) >= before-metadata, "%d bytes free, %d before", freeBytes(self, dir), before)
	}
	s, err := CreateSection("full", SectionOptions{File: f, Size: 1 << 20})
	self.Must(err)
	v, err := s.Map(0, 0, 0)
	self.Must(err)
	copy(v.Bytes()[1<<20-3:], "end")
	self.Must(v.Flush(0, 0))
	self.Must(errors.Join(v.Close(), s.Close(), f.Close()))
	b, err := os.ReadFile(path)
	self.Must(err)
	want(self, len(b) == 1<<20 && string(b[9999:10001]) == "f\x00" && bytes.HasSuffix(b, []byte("end")), "%d bytes", len(b))
	self.Say("done")
})

func TestSectionNoExec(t *testing.T) {
	asRoot(t)
	inRole(t, inOwnMounts("noexec", t.TempDir()))
}

var _ = testkit.Role("noexec", func(self *testkit.Self) {
	dir := self.Args[0]
	self.Must(syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOEXEC, ""))
	self.Must(os.Setenv("ATOLL_ROOT", dir))
	f, err := os.Create(filepath.Join(dir, "file"))
	self.Must(err)
	self.Must(f.Truncate(4096))
	for _, p := range []Protection{ExecuteRead, ExecuteReadWrite, ExecuteWriteCopy} {
		_, err := CreateSection("x", SectionOptions{Size: 4096, Protection: p})
		wantNumber(self, err, 5, "noexec")
		_, err = CreateSection("x", SectionOptions{File: f, Protection: p})
		wantNumber(self, err, 5, "noexec")
	}
	s, err := CreateSection("x", SectionOptions{Size: 4096})
	self.Must(err)
	self.Must(s.Close())
	self.Say("done")
})

func TestSectionLargePages(t *testing.T) {
	t.Run("size", func(t *testing.T) {
		noSection(t, SectionOptions{Size: 1 << 20, LargePages: true}, 87, fs.ErrInvalid)
		noSection(t, SectionOptions{Size: 2<<20 + 4096, LargePages: true}, 87, fs.ErrInvalid)
		noSection(t, SectionOptions{Size: 2 << 20, LargePages: true, Reserve: true}, 87, fs.ErrInvalid)
	})
	t.Run("allowed", func(t *testing.T) {
		asRoot(t)
		inRole(t, inOwnMounts("large-pages", t.TempDir(), "huge=advise", "allowed"))
		inRole(t, inOwnMounts("large-pages", t.TempDir(), "huge=always", "allowed"))
	})
	t.Run("not allowed", func(t *testing.T) {
		asRoot(t)
		inRole(t, inOwnMounts("large-pages", t.TempDir(), "huge=never", "refused"))
		inRole(t, inOwnMounts("large-pages", t.TempDir(), "", "refused"))
	})
	t.Run("full", func(t *testing.T) {
		asRoot(t)
		inRole(t, inOwnMounts("large-pages", t.TempDir(), "huge=advise,size=6m", "full"))
	})
	t.Run("unnamed", func(t *testing.T) {
		s, err := CreateSection("", SectionOptions{Size: 2 << 20, LargePages: true})
		if err != nil { // as the kernel is set up
			isNumber(t, err, 1450, errors.ErrUnsupported, "shmem_enabled")
			return
		}
		closeLater(t, s)
		if v := newTestView(t, s, 0, 0, 0); largeBytes(v) != 2<<20 {
			t.Fatalf("%d bytes in large pages", largeBytes(v))
		}
	})
}

var _ = testkit.Role("large-pages", func(self *testkit.Self) {
	dir, options, expected := self.Args[0], self.Args[1], self.Args[2]
	mountTmpfs(self, dir, options)
	self.Must(os.Setenv("ATOLL_ROOT", dir))
	const size = 4 << 20
	s, err := CreateSection("large", SectionOptions{Size: size, LargePages: true})
	switch expected {
	case "refused":
		wantNumber(self, err, 1450, "mount -o remount,huge=advise "+dir)
		want(self, errors.Is(err, errors.ErrUnsupported), "%v", err)
		want(self, len(testkit.Objects(dir)) == 0, "left: %v", testkit.Objects(dir))
		self.Say("done")
		return
	case "full":
		if err == nil { // 2 MiB of header and 4 of data may just fit
			self.Must(s.Close())
		}
		_, err = CreateSection("large", SectionOptions{Size: 2 * size, LargePages: true})
		var e *Error
		want(self, errors.As(err, &e) && (e.Win32() == 1450 || e.Win32() == 1455), "8 MiB in 6: %v", err)
		want(self, len(testkit.Objects(dir)) == 0, "left: %v", testkit.Objects(dir))
		self.Say("done")
		return
	}
	self.Must(err)
	other, err := OpenSection("large", 0)
	self.Must(err)
	for _, s := range []*Section{s, other} {
		v, err := s.Map(0, 0, 0)
		self.Must(err)
		want(self, v.Addr()%(2<<20) == 0, "view at %#x", v.Addr())
		v.Bytes()[0], v.Bytes()[size-1] = v.Bytes()[0]+1, 1
		v.Bytes()[size/2] = 1
		want(self, largeBytes(v) == size, "%d bytes in large pages", largeBytes(v))
		part, err := s.Map(0, 1<<20, 2<<20) // small pages at its ends
		self.Must(err)
		want(self, part.Bytes()[1<<20] == 1, "not the section's bytes")
		self.Must(errors.Join(part.Close(), v.Close()))
	}
	self.Must(errors.Join(s.Close(), other.Close()))
	self.Say("done")
})

// largeBytes is how much of a view is mapped by large pages.
func largeBytes(v *View) (bytes int64) {
	smaps := string(must1(os.ReadFile("/proc/self/smaps")))
	_, rest, _ := strings.Cut(smaps, fmt.Sprintf("%x-", v.Addr()))
	_, rest, _ = strings.Cut(rest, "ShmemPmdMapped:")
	var kib int64
	must1(fmt.Sscan(rest, &kib))
	return kib << 10
}

// A peer truncates the file over and over while it is read and written.
func TestViewTruncatedByAPeer(t *testing.T) {
	const pages = 64
	size := pages * os.Getpagesize()
	f := testFile(t, size)
	v := newTestView(t, newTestSection(t, "", SectionOptions{File: f}), 0, 0, 0)
	peer := testkit.Start(t, "truncater", f.Name(), strconv.Itoa(size))
	peer.Expect("begun")
	p := make([]byte, size)
	begin := time.Now()
	for faults, whole := 0, 0; faults < 300 || whole < 3; {
		for _, err := range []error{
			second(v.ReadAt(p, 0)),
			second(v.WriteAt(p, 0)),
			v.Guard(func(b []byte) error { _ = bytes.Count(b, []byte("q")); return nil }),
		} {
			switch {
			case errors.Is(err, ErrFault):
				faults++
			case err == nil:
				whole++
			default:
				t.Fatal(err)
			}
		}
		if time.Since(begin) > testkit.Hang {
			t.Fatalf("%d faults, %d without", faults, whole)
		}
	}
	peer.Kill()
}

// A peer may also truncate what holds a section of memory.
func TestSectionTruncatedByAPeer(t *testing.T) {
	s := newTestSection(t, "truncated", SectionOptions{Size: 1 << 20})
	v := newTestView(t, s, 0, 0, 0)
	object := filepath.Join(testkit.Base(), fmt.Sprintf("atoll-%d", os.Geteuid()), "truncated")
	must(t, os.Truncate(object, 4096))
	p := make([]byte, 10)
	for _, v := range []*View{v, newTestView(t, s, Copy, 1<<16, 0), newTestView(t, s, Read, 0, 10)} {
		_, err := v.ReadAt(p, 0)
		isNumber(t, err, 999, ErrFault)
		must(t, v.Flush(0, 0))
		must(t, v.Commit(0, 0))
		must(t, v.Prefetch(0, 0))
	}
	isNumber(t, v.Pin(0, 0), 1453, nil)
	peer := testkit.Start(t, "section-agent")
	tell(t, peer, "failed 1392", "open truncated")
	must(t, os.Truncate(object, 0))
	tell(t, peer, "failed 1392", "open truncated")
	must(t, s.Close()) // and the name is free
	tell(t, peer, "done", "create truncated 4096")
	peer.End()
}

var _ = testkit.Role("truncater", func(self *testkit.Self) {
	size := must1(strconv.ParseInt(self.Args[1], 10, 64))
	self.Say("begun")
	for {
		self.Must(os.Truncate(self.Args[0], 0))
		self.Must(os.Truncate(self.Args[0], size))
		runtime.Gosched()
	}
})

// A process that is profiled gets a signal many times a second, each of which
// ends an allocation of memory half-way.
func TestSectionUnderSignals(t *testing.T) {
	inRole(t, testkit.Command("profiled"))
}

var _ = testkit.Role("profiled", func(self *testkit.Self) {
	runtime.SetCPUProfileRate(1000)
	time.Sleep(time.Millisecond) // a thread's timer is set when it goes on with a goroutine
	for _, name := range []string{"", "profiled"} {
		s, err := CreateSection(name, SectionOptions{Size: 256 << 20})
		self.Must(err)
		self.Must(s.Close())
	}
	runtime.SetCPUProfileRate(0)
	self.Say("done")
})

// Who made a section says over which file it is. A program with more rights must
// not be led to a file that they could not open.
func TestSectionOfAnotherUser(t *testing.T) {
	asRoot(t)
	dir := filepath.Join(filepath.Dir(testkit.Base()), fmt.Sprintf("atoll-test-users-%d", os.Getpid()))
	must(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "file")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("f"), 4096), 0o600))
	must(t, os.Chown(path, nobody, nobody))
	inBase := func(role string, args ...string) *exec.Cmd {
		cmd := testkit.Command(role, args...)
		cmd.Env = append(cmd.Env, "ATOLL_ROOT="+dir)
		return cmd
	}
	root := testkit.StartCommand(t, inBase("section-agent"))
	tell(t, root, "done", `create Global\prepared 1`) // makes the directory
	cmd := inBase("section-agent")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	creator := testkit.StartCommand(t, cmd)
	tell(t, creator, "done", `over Global\users %s 0`, path)
	tell(t, root, "done", `open Global\users`)
	tell(t, root, "done", "close")
	// The same state that a forged header would make.
	must(t, os.Chown(path, 0, 0))
	tell(t, root, "failed 5", `open Global\users`)
	must(t, os.Chmod(path, 0o644))
	tell(t, root, "failed 5", `open Global\users`)
	tell(t, root, "done", `open Global\users %d`, Read) // everybody may read it
	tell(t, root, "done", "close")
	creator.End()
	root.End()
}

// A holder whose descriptors cannot be seen cannot help to find the file.
func TestSectionFileIsNotFound(t *testing.T) {
	asRoot(t)
	f := testFile(t, 4096)
	newTestSection(t, "hidden", SectionOptions{File: f})
	must(t, os.Rename(f.Name(), f.Name()+"2"))
	cmd := testkit.Command("opens-hidden", f.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Cloneflags: syscall.CLONE_NEWPID}
	inRole(t, cmd)
}

var _ = testkit.Role("opens-hidden", func(self *testkit.Self) {
	self.Must(syscall.Mount("proc", "/proc", "proc", 0, ""))
	_, err := OpenSection("hidden", 0)
	wantNumber(self, err, 2, self.Args[0])
	want(self, errors.Is(err, fs.ErrNotExist) && strings.Contains(err.Error(), "renamed or deleted"), "%v", err)
	self.Must(os.Rename(self.Args[0]+"2", self.Args[0])) // the way out
	s, err := OpenSection("hidden", 0)
	self.Must(err)
	self.Must(s.Close())
	self.Say("done")
})
