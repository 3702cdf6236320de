//go:build linux

package atoll

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// A role that holds one object: "mutex", "owned" (a mutex), "event" or
// "manual", by the name given, and says so. It stays until told to end.
var _ = testkit.Role("namespace.hold", func(s *testkit.Self) {
	kind, name := s.Args[0], s.Args[1]
	var o Object
	var err error
	switch kind {
	case "event", "manual":
		o, _, err = CreateOrOpenEvent(name, EventOptions{ManualReset: kind == "manual", Signaled: true})
	default:
		o, _, err = CreateOrOpenMutex(name, MutexOptions{InitiallyOwned: kind == "owned"})
	}
	s.Must(err)
	s.Say("held")
	if m, ok := o.(*Mutex); ok && kind == "mutex" {
		for line, ok := s.Hear(); ok; line, ok = s.Hear() {
			if line == "lock" {
				_, err := m.Lock(context.Background())
				s.Must(err)
				s.Say("locked")
			}
		}
	}
	s.Hear()
	s.Must(o.Close())
})

func startHolder(t *testing.T, kind, name string) *testkit.Child {
	t.Helper()
	c := testkit.Start(t, "namespace.hold", kind, name)
	c.Expect("held")
	return c
}

// listed returns what List says, by name.
func listed(t *testing.T) map[string]Info {
	t.Helper()
	found := make(map[string]Info)
	for info, err := range List(LocalScope) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := found[info.Name]; twice {
			t.Fatalf("%q is listed twice", info.Name)
		}
		found[info.Name] = info
	}
	return found
}

func pids(list []Process) (pids []int) {
	for _, p := range list {
		pids = append(pids, p.PID)
	}
	return pids
}

func wantPIDs(t *testing.T, what string, got []Process, want ...int) {
	t.Helper()
	have := make(map[int]int)
	for _, p := range got {
		have[p.PID]++
		if p.Command == "" {
			t.Errorf("%s: process %d has no command", what, p.PID)
		}
	}
	for _, pid := range want {
		if have[pid] != 1 {
			t.Errorf("%s: process %d stands there %d times: %v", what, pid, have[pid], pids(got))
		}
	}
	if len(have) != len(want) {
		t.Errorf("%s: %v, want %v", what, pids(got), want)
	}
}

func TestListSaysWhoHoldsWhat(t *testing.T) {
	mutex := newTestMutex(t, "list mutex/1", MutexOptions{})
	a := startHolder(t, "mutex", "list mutex/1")
	b := startHolder(t, "manual", "list event")

	found := listed(t)
	m, e := found["list mutex/1"], found["list event"]
	if m.Type != TypeMutex || !m.Alive || m.Owner != nil || m.Signaled == nil || !*m.Signaled || m.Problem != "" {
		t.Errorf("free mutex: %+v", m)
	}
	if m.UID != os.Geteuid() || m.Creator != os.Getpid() || m.Mode != 0o600 || time.Since(m.Created) > testkit.Hang {
		t.Errorf("mutex: who and when is wrong: %+v", m)
	}
	if _, err := os.Stat(m.Path); err != nil || m.Resident < 4096 {
		t.Errorf("mutex: its file: %v, resident %d", err, m.Resident)
	}
	wantPIDs(t, "holders of the mutex", m.Holders, os.Getpid(), a.PID())
	if e.Type != TypeEvent || !e.ManualReset || e.Signaled == nil || !*e.Signaled || e.Creator != b.PID() {
		t.Errorf("event: %+v", e)
	}
	wantPIDs(t, "holders of the event", e.Holders, b.PID())

	if err := mutex.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := Stat(`Local\list mutex/1`)
	if err != nil {
		t.Fatal(err)
	}
	wantPIDs(t, "holders after this process closed", m.Holders, a.PID())
	a.End()
	if _, err := Stat("list mutex/1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat after the last close: %v", err)
	}
}

func TestStatSaysWhoOwnsAndWhetherSomebodyWaits(t *testing.T) {
	m := newTestMutex(t, "stat owner", MutexOptions{})
	mustLock(t, m, false)
	c := startHolder(t, "mutex", "stat owner")
	info, err := Stat("stat owner")
	if err != nil {
		t.Fatal(err)
	}
	if info.Owner == nil || info.Owner.PID != os.Getpid() || info.Abandoned || *info.Signaled {
		t.Errorf("owned by this process: %+v", info)
	}
	c.Tell("lock")
	c.Silent()
	deadline := time.Now().Add(testkit.Hang)
	for info.Waiters == 0 && time.Now().Before(deadline) {
		if info, err = Stat("stat owner"); err != nil {
			t.Fatal(err)
		}
	}
	if info.Waiters == 0 {
		t.Error("a process waits, but it is not seen")
	}
	if err := m.Unlock(); err != nil {
		t.Fatal(err)
	}
	c.Expect("locked")
	if info, err = Stat("stat owner"); err != nil || info.Owner == nil || info.Owner.PID != c.PID() {
		t.Fatalf("owned by the child: %+v, %v", info, err)
	}
	c.Kill()
	info, err = Stat("stat owner")
	if err != nil || !info.Abandoned || info.Owner == nil || info.Owner.PID != c.PID() || !*info.Signaled {
		t.Fatalf("abandoned by the child: %+v, %v", info, err)
	}
	wantPIDs(t, "holders after the kill", info.Holders, os.Getpid())
}

// A role that has a view of a section, but no handle any more.
var _ = testkit.Role("namespace.view", func(s *testkit.Self) {
	section, err := OpenSection(s.Args[0], Read)
	s.Must(err)
	view, err := section.Map(Read, 0, 0)
	s.Must(err)
	s.Say("both")
	s.Hear()
	s.Must(section.Close())
	s.Say("view")
	s.Hear()
	s.Must(view.Close())
	s.Say("none")
	s.Hear()
})

func TestStatTellsHoldersFromViewers(t *testing.T) {
	const name = "stat viewers"
	section, err := CreateSection(name, SectionOptions{Size: 1 << 20, Protection: ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := section.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := testkit.Start(t, "namespace.view", name)
	for _, step := range []struct {
		says             string
		holders, viewers []int
	}{
		{"both", []int{os.Getpid(), c.PID()}, []int{c.PID()}},
		{"view", []int{os.Getpid()}, []int{c.PID()}},
		{"none", []int{os.Getpid()}, nil},
	} {
		c.Expect(step.says)
		info, err := Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Type != TypeSection || info.Size != 1<<20 || info.Protection != "read-only" || info.Resident < 1<<20 || info.Signaled != nil {
			t.Errorf("%s: %+v", step.says, info)
		}
		wantPIDs(t, step.says+": holders", info.Holders, step.holders...)
		wantPIDs(t, step.says+": viewers", info.Viewers, step.viewers...)
		c.Tell("next")
	}
	c.End()
}

func TestSweepRemovesWhatTheKilledLeft(t *testing.T) {
	names := []string{"swept 1", "swept 2", "swept 3"}
	for _, name := range names {
		startHolder(t, "event", name).Kill()
	}
	living := startHolder(t, "event", "stays")
	found := listed(t)
	dead := 0
	for _, name := range names {
		info, there := found[name]
		if !there {
			continue // a later create looked at a few files and removed it
		}
		dead++
		if info.Alive || len(info.Holders) != 0 {
			t.Errorf("%q is not shown as dead: %+v", name, info)
		}
		info, err := Stat(name)
		if !errors.Is(err, fs.ErrNotExist) || info.Path == "" {
			t.Errorf("Stat(%q) = %+v, %v", name, info, err)
		}
	}
	removed, err := Sweep(LocalScope)
	if err != nil || removed != dead {
		t.Errorf("Sweep() = %d, %v; want %d", removed, err, dead)
	}
	found = listed(t)
	if len(found) != 1 || !found["stays"].Alive {
		t.Errorf("after the sweep: %v", found)
	}
	wantPIDs(t, "holders of the living", found["stays"].Holders, living.PID())
	if removed, err := Sweep(LocalScope); removed != 0 || err != nil {
		t.Errorf("a second Sweep() = %d, %v", removed, err)
	}
	living.End()
}

// memberFiles lists the member files of the tests' directory.
func memberFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testkit.Base(), "atoll-*", "members", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The dead that a mutex names must stay known: whoever locks it next is told.
func TestSweepKeepsTheDeadThatAMutexNames(t *testing.T) {
	m := newTestMutex(t, "names the dead", MutexOptions{})
	if _, err := Sweep(LocalScope); err != nil {
		t.Fatal(err)
	}
	before := len(memberFiles(t))
	c := startHolder(t, "mutex", "names the dead")
	c.Tell("lock")
	c.Expect("locked")
	c.Kill()
	startHolder(t, "mutex", "names the dead").Kill() // a dead one that nothing names

	if n := len(memberFiles(t)); n != before+2 {
		t.Fatalf("%d member files, want %d", n, before+2)
	}
	for range 2 {
		if removed, err := Sweep(LocalScope); removed != 0 || err != nil {
			t.Fatalf("Sweep() = %d, %v", removed, err)
		}
		if n := len(memberFiles(t)); n != before+1 {
			t.Fatalf("after the sweep %d member files, want %d: the owner's must stay, the other go", n, before+1)
		}
	}
	previous := mustLock(t, m, true)
	if previous.PID != c.PID() || previous.Command == "" {
		t.Errorf("previous owner %+v, want pid %d", previous, c.PID())
	}
	if _, err := Sweep(LocalScope); err != nil {
		t.Fatal(err)
	}
	if n := len(memberFiles(t)); n != before {
		t.Errorf("after the takeover and a sweep %d member files, want %d", n, before)
	}
}

func TestListShowsWhatIsNoObject(t *testing.T) {
	e, err := CreateEvent("sound", EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := Stat("sound")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(info.Path)
	plant := func(name string, make func(path string) error) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(path) })
	}
	plant("pipe%20line", func(p string) error { return syscall.Mkfifo(p, 0o600) })
	plant("link", func(p string) error { return os.Symlink("/etc/passwd", p) })
	plant("note", func(p string) error { return os.WriteFile(p, []byte("hello"), 0o600) })
	plant("folder", func(p string) error { return os.Mkdir(p, 0o700) })
	whole, err := os.ReadFile(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	plant("copy", func(p string) error { return os.WriteFile(p, whole, 0o600) })
	plant("torn", func(p string) error { return os.WriteFile(p, whole[:2000], 0o600) })
	future := append([]byte(nil), whole...)
	future[8] = 99 // the format version
	plant("future", func(p string) error { return os.WriteFile(p, future, 0o600) })

	found := make(map[string]Info)
	for info, err := range List(LocalScope) {
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(info.Path)] = info
	}
	for file, want := range map[string]string{
		"pipe%20line": "named pipe", "link": "symbolic link", "note": "too short", "folder": "directory",
		"copy": "does not belong under this name", "torn": "truncated", "future": "format version 99",
	} {
		if got := found[file]; !strings.Contains(got.Problem, want) || got.Alive {
			t.Errorf("%s: problem %q, alive %v; want %q", file, got.Problem, got.Alive, want)
		}
	}
	if found["pipe%20line"].Name != "pipe line" {
		t.Errorf("the name of a file that cannot be read: %q", found["pipe%20line"].Name)
	}
	if found["sound"].Problem != "" || !found["sound"].Alive {
		t.Errorf("the sound one: %+v", found["sound"])
	}
	if _, err := Stat("note"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Stat of a foreign file: %v", err)
	}
	if _, err := Stat("future"); !errors.Is(err, ErrVersion) {
		t.Errorf("Stat of another version: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestStatRefusesWhatIsNoName(t *testing.T) {
	for name, want := range map[string]error{
		"": ErrBadName, `\x`: ErrBadName, "a\x00b": ErrBadName, `Elsewhere\x`: fs.ErrNotExist, "nobody has it": fs.ErrNotExist,
	} {
		_, err := Stat(name)
		var e *Error
		if !errors.Is(err, want) || !errors.As(err, &e) || e.Op != "stat" || e.Name != name {
			t.Errorf("Stat(%q) = %v, want %v", name, err, want)
		}
	}
	for _, err := range List(7) {
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("List(7) = %v", err)
		}
	}
	if _, err := Sweep(7); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Sweep(7) = %v", err)
	}
}

// Looking at a scope must not make its directory.
func TestListMakesNoDirectory(t *testing.T) {
	base, err := os.MkdirTemp("/dev/shm", "atoll-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	t.Setenv("ATOLL_ROOT", base)
	for info, err := range List(GlobalScope) {
		t.Errorf("List: %v, %v", info, err)
	}
	if n, err := Sweep(GlobalScope); n != 0 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	if _, err := Stat(`Global\x`); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat: %v", err)
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 0 {
		t.Errorf("looking made %v, %v", entries, err)
	}
}

func TestInfoAsJSON(t *testing.T) {
	newTestMutex(t, "as json", MutexOptions{InitiallyOwned: true})
	info, err := Stat("as json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"as json"`, `"type":"mutex"`, `"signaled":false`, `"holders":[{"pid":`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	var back Info
	if err := json.Unmarshal(text, &back); err != nil || back.Type != TypeMutex || back.Owner.PID != os.Getpid() {
		t.Errorf("read back: %+v, %v", back, err)
	}
}
