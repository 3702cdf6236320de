//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// about are the findings whose text has a word.
func about(findings []Finding, word string) (some []Finding) {
	for _, f := range findings {
		if strings.Contains(f.What, word) {
			some = append(some, f)
		}
	}
	return some
}

// want checks that exactly one finding has a word, and its level.
func want(t *testing.T, findings []Finding, word string, level Level) {
	t.Helper()
	some := about(findings, word)
	if len(some) != 1 || some[0].Level != level {
		t.Errorf("%q: want one finding of level %d, got %+v", word, level, some)
	}
	for _, f := range some {
		if f.Level != Fine && f.Why == "" {
			t.Errorf("%q does not say why it matters", f.What)
		}
	}
}

func TestExamineChangesNothing(t *testing.T) {
	before := testkit.Descriptors()
	findings := Examine()
	for _, word := range []string{"Linux", "open file descriptions", "robust lists", "futex_waitv", "futex wait of io_uring", "is on tmpfs", "more files", "pid namespace", "mount namespace"} {
		if len(about(findings, word)) != 1 {
			t.Errorf("%q: %+v", word, about(findings, word))
		}
	}
	for _, f := range findings {
		if f.Level == Problem {
			t.Errorf("on a system that runs these tests: %+v", f)
		}
		if f.Topic == "" || f.What == "" || f.Level != Fine && f.Why == "" {
			t.Errorf("incomplete: %+v", f)
		}
	}
	if entries, err := os.ReadDir(testkit.Base()); err != nil || len(entries) != 0 {
		t.Errorf("it made %v, %v", entries, err)
	}
	for fd, target := range testkit.Descriptors() {
		if before[fd] == "" && strings.HasPrefix(target, testkit.Base()) || strings.Contains(target, "io_uring") {
			t.Errorf("left open: %s", target)
		}
	}
}

// What a filter forbids and what a kernel lacks are two things.
func TestForbiddenFeatures(t *testing.T) {
	for _, c := range []struct {
		errno unix.Errno
		what  string
	}{{unix.EPERM, "forbidden"}, {unix.ENOSYS, "this kernel has none"}} {
		child := testkit.Start(t, "forbidden", c.errno.Error())
		for _, feature := range []string{"futex_waitv", "futex wait of io_uring", "robust lists"} {
			if line := child.Line(); !strings.Contains(line, feature) || !strings.Contains(line, c.what) || !strings.Contains(line, "remedy") {
				t.Errorf("%v: %q", c.errno, line)
			}
		}
		child.End()
	}
}

var _ = testkit.Role("forbidden", func(self *testkit.Self) {
	errno := unix.EPERM
	if self.Args[0] == unix.ENOSYS.Error() {
		errno = unix.ENOSYS
	}
	self.Must(testkit.Forbid(errno, unix.SYS_FUTEX_WAITV, unix.SYS_IO_URING_SETUP, unix.SYS_GET_ROBUST_LIST))
	findings := Examine()
	for _, feature := range []string{"futex_waitv", "futex wait of io_uring", "robust lists"} {
		for _, f := range about(findings, feature) {
			self.Say("%s remedy: %s", f.What, f.Remedy)
		}
	}
})

func TestParseMount(t *testing.T) {
	m, ok := parseMount(`25 24 0:23 /a\040b /dev/shm\011x rw,noexec shared:1 master:2 - tmpfs some rw,size=65536k,huge=advise`)
	if !ok || m.dev != unix.Mkdev(0, 23) || m.root != "/a b" || m.point != "/dev/shm\tx" || m.kind != "tmpfs" {
		t.Errorf("%+v, %v", m, ok)
	}
	if v, there := m.option("huge"); v != "advise" || !there {
		t.Errorf("huge: %q, %v", v, there)
	}
	if _, there := m.option("noexec"); !there {
		t.Error("noexec is not seen")
	}
	if _, there := m.option("ro"); there {
		t.Error("ro is seen in rw")
	}
	for _, line := range []string{"", "x", "25 24 0:23 / /dev/shm rw", "a b c d e f - g h i", "25 24 0:23 / /x rw - tmpfs"} {
		if m, ok := parseMount(line); ok {
			t.Errorf("%q is %+v", line, m)
		}
	}
	// The last mount on a point is the one that is seen.
	if m, err := mountOf("self", "/proc/self"); err != nil || m.kind != "proc" {
		t.Errorf("/proc/self: %+v, %v", m, err)
	}
	if device(unix.Mkdev(259, 70000)) != "259:70000" {
		t.Error(device(unix.Mkdev(259, 70000)))
	}
}

func TestLogindSetting(t *testing.T) {
	root := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		full := filepath.Join(root, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want, file string) {
		t.Helper()
		if file != "the default" {
			file = filepath.Join(root, file)
		}
		if got, where := logindSetting(root); got != want || where != file {
			t.Errorf("%q from %s, want %q from %s", got, where, want, file)
		}
	}
	check("yes", "the default")
	write("usr/lib/systemd/logind.conf", "[Login]\n#RemoveIPC=no\n")
	check("yes", "the default")
	write("usr/lib/systemd/logind.conf", "[Login]\nRemoveIPC=no\n")
	check("no", "usr/lib/systemd/logind.conf")
	write("etc/systemd/logind.conf", "[Login]\nRemoveIPC = yes\n")
	check("yes", "etc/systemd/logind.conf")
	write("usr/lib/systemd/logind.conf.d/20-b.conf", "RemoveIPC=no")
	check("no", "usr/lib/systemd/logind.conf.d/20-b.conf")
	write("etc/systemd/logind.conf.d/10-a.conf", "RemoveIPC=yes")
	check("no", "usr/lib/systemd/logind.conf.d/20-b.conf")
	write("etc/systemd/logind.conf.d/20-b.conf", "RemoveIPC=off")
	check("off", "etc/systemd/logind.conf.d/20-b.conf")
}

func TestWholeMap(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "0          0 4294967295": true, "0 1000 1": false, "0 0 65536": false, "0 0 1000\n1000 1000 4294966295": false,
	} {
		if whole(text) != want {
			t.Errorf("%q", text)
		}
	}
}

func TestCompare(t *testing.T) {
	other := testkit.Start(t, "idle")
	other.Expect("here")
	findings, err := Compare(other.PID())
	if err != nil {
		t.Fatal(err)
	}
	want(t, findings, "both use", Fine)
	want(t, findings, "both act as", Fine)
	want(t, findings, "see each other's objects", Fine)
	for _, pid := range []int{0, -1, 1 << 30} {
		if _, err := Compare(pid); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("pid %d: %v", pid, err)
		}
	}
	elsewhere := testkit.Command("idle")
	elsewhere.Env = append(elsewhere.Env, "ATOLL_ROOT="+filepath.Dir(testkit.Base()))
	c := testkit.StartCommand(t, elsewhere)
	c.Expect("here")
	findings, err = Compare(c.PID())
	if err != nil {
		t.Fatal(err)
	}
	if some := about(findings, " uses "); len(some) != 1 || some[0].Level != Problem || !strings.Contains(some[0].Why, "never see each other") {
		t.Errorf("another ATOLL_ROOT: %+v", findings)
	}
	if len(about(findings, "the two see")) != 0 {
		t.Errorf("it says yes in the end: %+v", findings)
	}
	// And of two others.
	if findings, err = ComparePair(other.PID(), other.PID()); err != nil {
		t.Fatal(err)
	}
	want(t, findings, "the two see each other's objects", Fine)
	if findings, err = ComparePair(other.PID(), c.PID()); err != nil {
		t.Fatal(err)
	}
	want(t, findings, fmt.Sprintf("pid %d uses", c.PID()), Problem)
	for _, pids := range [][2]int{{0, c.PID()}, {c.PID(), 1 << 30}} {
		if _, err := ComparePair(pids[0], pids[1]); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("pids %v: %v", pids, err)
		}
	}
}

func TestCompareAcrossUsersAndNamespaces(t *testing.T) {
	testkit.NeedRoot(t)
	start := func(flags uintptr, uid uint32, role string) *testkit.Child {
		cmd := testkit.Command(role)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		c := testkit.StartCommand(t, cmd)
		c.Expect("here")
		return c
	}
	compare := func(c *testkit.Child) []Finding {
		findings, err := Compare(c.PID())
		if err != nil {
			t.Fatal(err)
		}
		return findings
	}
	want(t, compare(start(0, 23001, "idle")), "as uid 23001", Note)
	spaces := compare(start(syscall.CLONE_NEWPID|syscall.CLONE_NEWIPC|syscall.CLONE_NEWNS, 0, "idle"))
	want(t, spaces, "two pid namespaces", Note)
	want(t, spaces, "two ipc namespaces", Fine)
	want(t, spaces, "two mount namespaces", Fine)
	want(t, spaces, "the two see", Fine)
	apart := compare(start(syscall.CLONE_NEWNS, 0, "own-memory"))
	want(t, apart, " is on device ", Problem)
	if f := about(apart, " is on device "); len(f) == 1 && (!strings.Contains(f[0].Why, "two file systems") || f[0].Remedy == "") {
		t.Errorf("%+v", f)
	}
}

var _ = testkit.Role("idle", func(self *testkit.Self) {
	self.Say("here")
	self.Hear()
})

// A process with a /dev/shm of its own, as a container has it.
var _ = testkit.Role("own-memory", func(self *testkit.Self) {
	self.Must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	self.Must(unix.Mount("tmpfs", testkit.Base(), "tmpfs", 0, "size=64m,mode=1777"))
	self.Say("here")
	self.Hear()
})

// What a container's memory is like is told from within it.
func TestExamineInContainers(t *testing.T) {
	testkit.NeedRoot(t)
	for _, c := range []struct {
		options string
		flags   uintptr
		word    string
		level   Level
	}{
		{"size=64m,mode=1777", 0, "is small: 64 MiB", Note},
		{"size=512k,mode=1777", 0, "is full", Problem},
		{"size=64m,mode=1777", unix.MS_RDONLY, "mounted read-only", Problem},
		{"size=64m,mode=1777", unix.MS_NOEXEC, "mounted noexec", Note},
		{"size=1g,mode=1777,huge=advise", 0, "large pages: huge=advise", Fine},
		{"size=1g,nr_inodes=10,mode=1777", 0, "more files of 10", Problem},
		{"size=1g,mode=777", 0, "not sticky", Problem},
		{"size=1g,mode=1777,uid=23001", 0, "belongs to uid 23001", Problem},
	} {
		cmd := testkit.Command("container", c.options, fmt.Sprint(c.flags))
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
		child := testkit.StartCommand(t, cmd)
		var findings []Finding
		for line := child.Line(); line != "end"; line = child.Line() {
			level, what, _ := strings.Cut(line, " ")
			why := "x"
			findings = append(findings, Finding{Level: Level(level[0] - '0'), What: what, Why: why})
		}
		child.End()
		if c.options == "size=1g,mode=1777,huge=advise" && len(about(findings, "mount: ")) > 0 {
			continue // this kernel has no large pages on tmpfs
		}
		want(t, findings, c.word, c.level)
		want(t, findings, "another pid namespace", Note)
	}
}

var _ = testkit.Role("container", func(self *testkit.Self) {
	var flags uintptr
	_, err := fmt.Sscan(self.Args[1], &flags)
	self.Must(err)
	self.Must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	if err := unix.Mount("tmpfs", testkit.Base(), "tmpfs", flags, self.Args[0]); err != nil {
		self.Say("0 mount: %v", err)
	}
	for _, f := range Examine() {
		self.Say("%d %s", f.Level, f.What)
	}
	self.Say("end")
})

func TestLinks(t *testing.T) {
	setting := filepath.Join(t.TempDir(), "protected_hardlinks")
	for text, level := range map[string]Level{"0\n": Note, "1\n": Fine} {
		if err := os.WriteFile(setting, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var r report
		links(&r, setting)
		want(t, r.findings, "make hard links", level)
	}
}

// What jobs lack is noted, and is no problem.
func TestExamineJobs(t *testing.T) {
	t.Setenv("ATOLL_CGROUP", "none")
	want(t, Examine(), "no control groups", Note)
	t.Setenv("ATOLL_CGROUP", "/not/there")
	some := about(Examine(), "/not/there")
	if len(some) != 1 || some[0].Topic != "jobs" || some[0].Remedy == "" {
		t.Errorf("%+v", some)
	}
	for c, why := range without {
		if why == "" {
			t.Errorf("%s: nothing is lost", c)
		}
	}
}
