//go:build linux

package job

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/layout"
)

// What the controllers of a control group are told is tested here against folders
// with files of the same names: the controllers of version 2 are not enabled on every
// machine, and what the kernel makes of it is not tested by this.

// fakeGroup is a folder that looks like a group with some controllers.
func fakeGroup(t testing.TB, files map[string]string) (g cgroup.Group, dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	g, err := cgroup.Open(dir)
	must(t, err)
	t.Cleanup(func() { must(t, g.Close()) })
	return g, dir
}

func says(t testing.TB, dir, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	must(t, err)
	return string(text)
}

const controllers = "cpuset cpu io memory pids\n"

func empty() map[string]string {
	return map[string]string{
		"cgroup.controllers": controllers, "pids.max": "", "memory.max": "", "cpu.max": "", "cpuset.cpus": "",
	}
}

func TestWriteSettings(t *testing.T) {
	parent, _ := fakeGroup(t, map[string]string{"cgroup.controllers": controllers, "cgroup.subtree_control": controllers})
	l := Limits{Processes: 3, Memory: 64 << 20, Rate: 5000}
	l.Processors[0] = 0b1011
	group, dir := fakeGroup(t, empty())
	must(t, writeSettings(parent, group, &l))
	for file, want := range map[string]string{"pids.max": "512", "memory.max": "67108864", "cpu.max": "50000 100000", "cpuset.cpus": "0-1,3"} {
		if got := says(t, dir, file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	l = Limits{Processes: 1000, Rate: 25000}
	group, dir = fakeGroup(t, empty())
	must(t, writeSettings(parent, group, &l))
	for file, want := range map[string]string{"pids.max": "32000", "memory.max": "max", "cpu.max": "250000 100000", "cpuset.cpus": "\n"} {
		if got := says(t, dir, file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

// What nobody enforces without its controller is refused, with the way out; the rest
// is for the watch.
func TestWriteSettingsWithoutControllers(t *testing.T) {
	parent, _ := fakeGroup(t, map[string]string{"cgroup.controllers": "hugetlb\n", "cgroup.subtree_control": "\n"})
	group, _ := fakeGroup(t, map[string]string{"cgroup.controllers": "\n"})
	l := Limits{Processes: 3, Memory: 64 << 20}
	l.Processors[0] = 1
	must(t, writeSettings(parent, group, &l))
	err := writeSettings(parent, group, &Limits{Rate: 5000})
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "cpu controller") || !strings.Contains(err.Error(), "systemd-run") {
		t.Errorf("a rate: %v", err)
	}
	for cause, text := range map[error]string{unix.ENOENT: "not enabled", unix.EBUSY: "has processes itself", unix.EACCES: "may not pass on"} {
		if err := noController("cpu", cause); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, cause) || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

// The watch keeps to what the kernel does not enforce.
func TestWatched(t *testing.T) {
	l := Limits{Processes: 3, Memory: 5, Flags: layout.JobTimeTell}
	if got, want := watched(&l, false), (wanted{3, 5, 1}); got != want {
		t.Errorf("%+v", got)
	}
	if got, want := watched(&l, true), (wanted{3, 0, 1}); got != want {
		t.Errorf("with the memory controller: %+v", got)
	}
}

// What a group with controllers counts.
func TestGroupStats(t *testing.T) {
	g, _ := fakeGroup(t, map[string]string{
		"cgroup.controllers": controllers,
		"memory.stat":        "anon 4096\npgfault 77\n", "memory.events": "low 0\nmax 9\noom_kill 2\n",
		"memory.current": "8192\n", "memory.peak": "16384\n",
		"io.stat":     "8:0 rbytes=90112 wbytes=4096 rios=11 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=3 wios=4\n",
		"pids.events": "max 5\n",
	})
	s := Stats{Faults: 1, OverMemory: 1, ReadBytes: 5}
	s.readMemory(g)
	s.readIO(g)
	want := Stats{
		Faults: 77, OverMemory: 3, Memory: 8192, PeakMemory: 16384, ReadBytes: 90113, WrittenBytes: 4098, Reads: 14, Writes: 5,
		Controllers: []string{"memory", "io"},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, want %+v", s, want)
	}
	if n := eventCount(g, "pids.events", "max"); n != 5 {
		t.Errorf("%d events", n)
	}
	if n := eventCount(g, "not.there", "max"); n != 0 {
		t.Errorf("%d events", n)
	}
}

func TestGroupNames(t *testing.T) {
	const a, b = "/x/atoll-job-1-b", "/x/atoll-job-1-b/atoll-job-2"
	for _, c := range []struct{ group, inner, outer string }{
		{"/", "", "/"},
		{"/x", "", "/x"},
		{a, a, "/x"},
		{a + "/members-3", a, "/x"},
		{b + "/members-1", b, "/x"},
		{"/atoll-job-1/members-1", "/atoll-job-1", "/"},
		{"", "", ""},
	} {
		if in, out := innermost(c.group), outermost(c.group); in != c.inner || out != c.outer {
			t.Errorf("%q: %q, %q", c.group, in, out)
		}
	}
	for _, c := range []struct {
		group, other string
		in           bool
	}{{a, a, true}, {b, a, true}, {a, b, false}, {"/xy", "/x", false}, {"/x", "/", true}} {
		if within(c.group, c.other) != c.in {
			t.Errorf("%q within %q", c.group, c.other)
		}
	}
}

func TestValid(t *testing.T) {
	for _, bad := range []Limits{{Memory: -1}, {ProcessMemory: -1}, {Time: -1}, {ProcessTime: -1}, {Rate: 99}, {Nice: 20}, {Nice: -21}} {
		if err := valid(&bad); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	must(t, valid(&Limits{Rate: 100, Nice: -20}))
}
