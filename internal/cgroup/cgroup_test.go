//go:build linux

package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const hybrid = `23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/uni\040fied rw,relatime shared:4 - cgroup2 cgroup2 rw
`

func TestParseMounts(t *testing.T) {
	for _, c := range []struct {
		text string
		want Place
		err  error
	}{
		{hybrid, Place{"/sys/fs/cgroup/uni fied", "/"}, nil},
		{"41 31 0:38 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", Place{"/sys/fs/cgroup", "/box"}, nil},
		{"", Place{}, ErrNoHierarchy},
		{"31 23 0:28 / /x rw - cgroup cgroup rw\nshort - cgroup2 x\n", Place{}, ErrNoHierarchy},
	} {
		got, err := parseMounts(c.text)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

func TestParseOwn(t *testing.T) {
	for text, want := range map[string]string{
		"9:name=systemd:/\n8:pids:/x\n0::/a/b\n": "/a/b",
		"0::/\n":                                 "/",
		"0::/gone (deleted)\n":                   "/gone",
		"8:pids:/x\n":                            "",
	} {
		if got, err := parseOwn(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := Of(1 << 30); !errors.Is(err, unix.ENOENT) {
		t.Errorf("of no process: %v", err)
	}
}

// A path leads only downwards, and only where the mount shows it.
func TestPlaceDir(t *testing.T) {
	all, part := Place{"/c", "/"}, Place{"/c", "/box"}
	for _, c := range []struct {
		place      Place
		group, dir string
		shown      bool
	}{
		{all, "/", "/c", true},
		{all, "/a/b", "/c/a/b", true},
		{all, "/a/../../etc", "", false},
		{all, "a", "", false},
		{all, "", "", false},
		{all, "/a//b", "", false},
		{all, "/..", "", false},
		{part, "/box", "/c", true},
		{part, "/box/a", "/c/a", true},
		{part, "/boxes", "", false},
		{part, "/", "", false},
		{part, "/box/..", "", false},
	} {
		if dir, shown := c.place.Dir(c.group); shown != c.shown || shown && dir != c.dir {
			t.Errorf("%+v, %q: %q, %v", c.place, c.group, dir, shown)
		}
	}
}

func TestCounter(t *testing.T) {
	const text = "usage_usec 12\nuser_usec 7\nbad\nhuge 99999999999999999999999\n"
	for name, want := range map[string]uint64{"usage_usec": 12, "user_usec": 7, "bad": 0, "missing": 0, "huge": 1<<64 - 1} {
		if got := Counter(text, name); got != want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// Against files that say what the kernel would: which controllers there are.
func TestDelegate(t *testing.T) {
	dir := fake(t, map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "memory\n"})
	g := open(t, dir)
	if !g.Has("pids") || g.Has("pid") || g.Has("io") || g.Delegates("pids") || !g.Delegates("memory") {
		t.Error("it has other controllers")
	}
	must(t, g.Delegate("memory")) // nothing to do
	if err := g.Delegate("io"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a controller that is not there: %v", err)
	}
	must(t, g.Delegate("pids"))
	text, err := g.Read("cgroup.subtree_control")
	must(t, err)
	if text != "+pidsy\n" { // written over the beginning of "memory": this is no kernel
		t.Errorf("it wrote %q", text)
	}
	if err := g.Write("not there", "x"); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "cgroup.procs"), nil, 0o600))
	must(t, g.Writable())
	must(t, os.Symlink(dir, filepath.Join(dir, "link")))
	if _, err := g.Child("link"); err == nil {
		t.Error("a link was followed")
	}
}

// start starts a process in a group.
func start(t testing.TB, g Group) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.FD}
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// A real group: its processes and those below, their end, and its own.
func TestRealGroup(t *testing.T) {
	parent, name, g := real(t)
	must(t, g.Make("inner"))
	inner, err := g.Child("inner")
	must(t, err)
	first, second := start(t, g), start(t, inner)
	must(t, inner.Close())
	pids := g.Processes()
	for _, cmd := range []*exec.Cmd{first, second} {
		if !slices.Contains(pids, cmd.Process.Pid) || len(pids) != 2 {
			t.Errorf("%d is not among %v", cmd.Process.Pid, pids)
		}
	}
	if populated, err := g.Populated(); err != nil || !populated {
		t.Errorf("populated: %v, %v", populated, err)
	}
	if parent.Discard(name) {
		t.Fatal("a group with processes was removed")
	}
	must(t, g.Kill())
	_, _ = first.Wait(), second.Wait()
	for populated := true; populated; {
		populated, err = g.Populated()
		must(t, err)
	}
	// Who holds it keeps it; what it needs no more is one step.
	must(t, g.Hold())
	if parent.Discard(name) {
		t.Fatal("a group that somebody holds was removed")
	}
	must(t, unix.Flock(g.FD, unix.LOCK_UN))
	if !parent.Discard(name) {
		t.Fatal("it was not removed")
	}
	if !parent.Discard(name) {
		t.Error("what is gone was not removed")
	}
	if _, err := parent.Child(name); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}

// Without cgroup.kill, as before Linux 5.14, processes that start others are ended
// one by one, frozen. The file cannot be taken away from a real group, so the kill is
// tried there by its steps.
func TestRealGroupKilledByHand(t *testing.T) {
	_, _, g := real(t)
	cmd := exec.Command("sh", "-c", "i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.FD}
	must(t, cmd.Start())
	must(t, g.killByHand())
	_ = cmd.Wait()
	if pids := g.Processes(); len(pids) != 0 {
		t.Errorf("%v are left", pids)
	}
	if text, err := g.Read("cgroup.freeze"); err != nil || text != "0\n" {
		t.Errorf("it is frozen: %q, %v", text, err)
	}
}

func TestIdentity(t *testing.T) {
	_, _, g := real(t)
	a, owner, err := g.Identity()
	must(t, err)
	if owner != uint32(os.Geteuid()) {
		t.Errorf("it belongs to %d", owner)
	}
	must(t, g.Make("x"))
	x, err := g.Child("x")
	must(t, err)
	defer func() { must(t, x.Close()) }()
	if b, _, err := x.Identity(); err != nil || a == b || a == 0 {
		t.Errorf("%d, %d, %v", a, b, err)
	}
}

// What a group can pass on to others, without its being tried.
func TestCanDelegate(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  error
	}{
		"delegated":     {map[string]string{"cgroup.subtree_control": "cpu", "cgroup.controllers": "cpu"}, nil},
		"not there":     {map[string]string{"cgroup.controllers": "io"}, unix.ENOENT},
		"has processes": {map[string]string{"cgroup.controllers": "cpu", "cgroup.type": "domain", "cgroup.procs": "1\n"}, unix.EBUSY},
		"has none":      {map[string]string{"cgroup.controllers": "cpu", "cgroup.type": "domain", "cgroup.procs": "", "cgroup.subtree_control": ""}, nil},
		"the root":      {map[string]string{"cgroup.controllers": "cpu", "cgroup.procs": "1\n", "cgroup.subtree_control": ""}, nil},
	} {
		if err := open(t, fake(t, c.files)).CanDelegate("cpu"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
