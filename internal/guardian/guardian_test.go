//go:build linux

package guardian

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"atoll/internal/testkit"
)

// The package takes over before os is initialised: it must not need it, by whatever
// way.
func TestNeedsNeitherOSNorFmt(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	must(t, err)
	for _, bad := range []string{"os", "fmt", "log", "net", "bufio"} {
		if slices.Contains(strings.Fields(string(out)), bad) {
			t.Errorf("it needs %s", bad)
		}
	}
}

func TestLaunchText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Launch{Data: rapid.Uint64().Draw(t, "data"), CPU: rapid.Uint64().Draw(t, "cpu"), NoCore: rapid.Bool().Draw(t, "core")}
		if rapid.Bool().Draw(t, "is nice") {
			nice := rapid.IntRange(-20, 19).Draw(t, "nice")
			l.Nice = &nice
		}
		l.Processors = rapid.SliceOfN(rapid.Uint64(), 0, 16).Draw(t, "processors")
		if len(l.Processors) == 0 {
			l.Processors = nil
		}
		got, ok := ParseLaunch(l.String())
		if !ok || !reflect.DeepEqual(got, l) {
			t.Fatalf("%q is %+v, want %+v", l.String(), got, l)
		}
	})
	for _, bad := range []string{"", "1,2,true", "x,0,true,", "0,x,true,", "0,0,x,", "0,0,true,x", "0,0,true,,xyz"} {
		if l, ok := ParseLaunch(bad); ok {
			t.Errorf("%q is %+v", bad, l)
		}
	}
}

// A limit is only ever lowered, and for good.
func TestApplyLowers(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := cmd.Process.Pid
	limit := func() (l unix.Rlimit) {
		must(t, unix.Prlimit(pid, unix.RLIMIT_DATA, nil, &l))
		return l
	}
	must(t, Launch{Data: 1 << 30}.Apply(pid))
	if l := limit(); l.Cur != 1<<30 || l.Max != 1<<30 {
		t.Errorf("%+v", l)
	}
	must(t, Launch{Data: 1 << 31}.Apply(pid))
	if l := limit(); l.Cur != 1<<30 {
		t.Errorf("it was lifted: %+v", l)
	}
	must(t, Launch{}.Apply(pid))
	if (Launch{}).Any() || !(Launch{CPU: 1}).Any() {
		t.Error("Any is wrong")
	}
	if err := (Launch{CPU: 1}).Apply(1 << 30); err == nil {
		t.Error("a process that is not there was limited")
	}
}

// The names of processes cannot break what is read of them.
func TestLook(t *testing.T) {
	program := filepath.Join(t.TempDir(), "a) S 1 (b")
	sleep, err := exec.LookPath("sleep")
	must(t, err)
	must(t, os.Symlink(sleep, program))
	cmd := exec.Command(program, "1000")
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	deadline := time.Now().Add(testkit.Hang)
	p, err := Look(cmd.Process.Pid)
	for ; err == nil && p.Name != "a) S 1 (b" && time.Now().Before(deadline); p, err = Look(cmd.Process.Pid) {
		time.Sleep(time.Millisecond) // until it has executed
	}
	if err != nil || p.Name != "a) S 1 (b" || p.Parent != os.Getpid() || p.Zombie || p.Start == 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Look(1 << 30); err == nil {
		t.Error("a process that is not there")
	}
	if !slices.ContainsFunc(All(), func(q Process) bool { return q.PID == p.PID && q.Start == p.Start }) {
		t.Error("it is not among all")
	}
	if Memory(os.Getpid()) < 1<<20 || Memory(1<<30) != 0 {
		t.Errorf("this process has %d bytes", Memory(os.Getpid()))
	}
}

func TestBelow(t *testing.T) {
	all := []Process{{PID: 2, Parent: 1}, {PID: 3, Parent: 2}, {PID: 4, Parent: 3}, {PID: 5, Parent: 1}, {PID: 7, Parent: 6}, {PID: 6, Parent: 7}}
	pids := func(list []Process) (pids []int) {
		for _, p := range list {
			pids = append(pids, p.PID)
		}
		slices.Sort(pids)
		return pids
	}
	for _, c := range []struct{ roots, want []int }{
		{[]int{2}, []int{3, 4}},
		{[]int{2, 3}, []int{4}},
		{[]int{1}, []int{2, 3, 4, 5}},
		{[]int{6}, []int{7}}, // a circle, as pids that were used again could make one
		{[]int{9}, nil},
		{nil, nil},
	} {
		if got := pids(Below(all, c.roots...)); !slices.Equal(got, c.want) {
			t.Errorf("below %v: %v, want %v", c.roots, got, c.want)
		}
	}
}

func TestSortByAge(t *testing.T) {
	list := []Process{{PID: 9, Start: 3}, {PID: 4, Start: 3}, {PID: 5, Start: 1}}
	SortByAge(list)
	if list[0].PID != 5 || list[1].PID != 4 || list[2].PID != 9 {
		t.Errorf("%+v", list)
	}
}

var _ = testkit.Role("claim-bytes", func(self *testkit.Self) {
	fd, err := unix.Open(self.Args[0], unix.O_RDWR, 0)
	self.Must(err)
	at := claimTree(fd)
	self.Say("%v %v", claim(fd, GuardByte), at != 0)
	self.Hear()
})

// The kernel says who has claimed what, and forgets it with the process.
func TestClaims(t *testing.T) {
	file := filepath.Join(testkit.Base(), "claims")
	must(t, os.WriteFile(file, nil, 0o600))
	defer func() { must(t, os.Remove(file)) }()
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { must(t, unix.Close(fd)) }()
	if Guarded(fd, GuardByte) != 0 || Trees(fd) != nil {
		t.Fatal("somebody has claimed something")
	}
	var all []*testkit.Child
	var want []int
	for range 8 {
		all = append(all, testkit.Start(t, "claim-bytes", file))
	}
	guards := 0
	for _, c := range all {
		switch line := c.Line(); line {
		case "true true":
			guards++
			if pid := Guarded(fd, GuardByte); pid != c.PID() {
				t.Errorf("the guard is %d, and not %d", pid, c.PID())
			}
		case "false true":
		default:
			t.Errorf("it says %q", line)
		}
		want = append(want, c.PID())
	}
	if guards != 1 {
		t.Errorf("%d guards", guards)
	}
	slices.Sort(want)
	for _, trees := range [][]int{Trees(fd), TreesAndEnded(fd)} {
		slices.Sort(trees)
		if !slices.Equal(trees, want) {
			t.Errorf("the trees are %v, want %v", trees, want)
		}
	}
	for _, c := range all {
		c.Kill()
	}
	if Guarded(fd, GuardByte) != 0 || Trees(fd) != nil {
		t.Error("the dead have it still")
	}
}

func TestWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "words")
	must(t, os.WriteFile(file, make([]byte, 4096), 0o600))
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { must(t, unix.Close(fd)) }()
	for word := range Words {
		must(t, WriteWord(fd, 512, word, uint64(word)<<40+7))
	}
	words, err := ReadWords(fd, 512)
	must(t, err)
	for word, v := range words {
		if v != uint64(word)<<40+7 {
			t.Errorf("word %d is %#x", word, v)
		}
	}
	if _, err := ReadWords(fd, 4090); err == nil {
		t.Error("words beyond the end were read")
	}
}

var _ = testkit.Role("kill-counted", func(self *testkit.Self) {
	fd, err := unix.Open(self.Args[0], unix.O_RDWR, 0)
	self.Must(err)
	w := watcher{Members{File: fd}}
	w.killCounted(WordHungry, 3, []Process{{PID: os.Getpid()}})
	select {} // the signal is on its way
})

// Why a process is killed is written before it is: here the killer is itself the one.
func TestKillCounted(t *testing.T) {
	file := filepath.Join(testkit.Base(), "words")
	must(t, os.WriteFile(file, make([]byte, 8*Words), 0o600))
	defer func() { must(t, os.Remove(file)) }()
	if line := testkit.Start(t, "kill-counted", file).Line(); line != "" {
		t.Fatal(line)
	}
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { must(t, unix.Close(fd)) }()
	words, err := ReadWords(fd, 0)
	must(t, err)
	if words[WordHungry] != 4 {
		t.Errorf("%d are counted", words[WordHungry])
	}
	watcher{Members{File: fd}}.killCounted(WordHungry, 4, []Process{{PID: 1 << 30}})
	if words, err = ReadWords(fd, 0); err != nil || words[WordHungry] != 4 {
		t.Errorf("%d are counted, and one of them is not there: %v", words[WordHungry], err)
	}
}
