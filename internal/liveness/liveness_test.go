//go:build linux

package liveness_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/liveness"
	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// folder makes an empty folder of members.
func folder(t *testing.T) (*liveness.Folder, string) {
	t.Helper()
	dir, err := os.MkdirTemp(testkit.Base(), "folder-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return openFolder(t, dir), dir
}

func openFolder(t *testing.T, dir string) *liveness.Folder {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := liveness.OpenFolder(fd)
	t.Cleanup(func() {
		f.Forget()
		_ = unix.Close(fd)
	})
	return f
}

// The member joins the folders named, says its numbers, and lives until told to
// leave, or for ever.
var _ = testkit.Role("member", func(self *testkit.Self) {
	var folders []*liveness.Folder
	for _, dir := range self.Args {
		if dir == "silent" {
			liveness.SilenceBell()
			continue
		}
		fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		self.Must(err)
		f := liveness.OpenFolder(fd)
		n, err := f.Join()
		self.Must(err)
		self.Say("%d", n)
		folders = append(folders, f)
	}
	for line, _ := self.Hear(); line == "reappear"; line, _ = self.Hear() {
		self.Must(folders[0].Reappear())
		self.Say("reappeared")
	}
	for _, f := range folders {
		self.Must(f.Leave())
	}
	self.Say("left")
	self.Hear()
})

func startMember(t *testing.T, args ...string) (*testkit.Child, []uint32) {
	t.Helper()
	c := testkit.Start(t, "member", args...)
	var numbers []uint32
	for _, arg := range args {
		if arg == "silent" {
			continue
		}
		n, err := strconv.ParseUint(c.Line(), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, uint32(n))
	}
	return c, numbers
}

// dead waits until a member is: the lock falls a moment after the process.
func dead(t *testing.T, f *liveness.Folder, n uint32) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Hang); f.Status(n) != liveness.Dead; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("member %d is %v, it should be dead", n, f.Status(n))
		}
	}
}

func TestStatus(t *testing.T) {
	f, dir := folder(t)
	c, n := startMember(t, dir)
	if s := f.Status(n[0]); s != liveness.Alive {
		t.Fatal(s)
	}
	if s := f.Status(n[0] ^ 1); s != liveness.Unknown {
		t.Fatal("a number nobody has:", s)
	}
	info, err := f.Describe(n[0])
	if err != nil || info.PID != c.PID() || info.Command == "" {
		t.Fatal(info, err)
	}
	c.Kill()
	dead(t, f, n[0])
}

// TestDeadPeers: of those who were found dead the last one stays open, so that whoever
// takes over from it can say who it was, whatever becomes of its file. What is known of
// it then is what the name says.
func TestDeadPeers(t *testing.T) {
	f, dir := folder(t)
	before := len(testkit.Descriptors())
	var last uint32
	var pid int
	for range 3 {
		c, n := startMember(t, dir)
		last, pid = n[0], c.PID()
		c.Kill()
		dead(t, f, last)
		if n := len(testkit.Descriptors()); n > before+1 {
			t.Errorf("%d descriptors, before were %d", n, before)
		}
	}
	if err := os.Remove(filepath.Join(dir, fmt.Sprintf("%08x", last))); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Describe(last); err != nil || info.PID != pid {
		t.Error(info, err)
	}
	if s := f.Status(last); s != liveness.Unknown {
		t.Error("a member without a file is", s)
	}
	if _, err := f.Describe(last); err == nil {
		t.Error("it is described still")
	}
	if n := len(testkit.Descriptors()); n != before {
		t.Errorf("%d descriptors, before were %d", n, before)
	}
}

func TestLeaveRemovesTheFile(t *testing.T) {
	f, dir := folder(t)
	c, n := startMember(t, dir)
	c.Tell("leave")
	c.Expect("left")
	if s := f.Status(n[0]); s != liveness.Unknown {
		t.Fatal(s)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Fatal(files)
	}
	c.End()
}

// TestStay: a member whom an object names stays one after its last Leave, and is
// the same when it joins again; when its process ends it is dead, not unknown.
func TestStay(t *testing.T) {
	f, dir := folder(t)
	c := testkit.Start(t, "stay", dir)
	line := c.Line()
	n, err := strconv.ParseUint(line, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Status(uint32(n)); s != liveness.Alive {
		t.Fatal(s)
	}
	c.Tell("join again")
	c.Expect(line)
	c.End()
	dead(t, f, uint32(n))
	if info, err := f.Describe(uint32(n)); err != nil || info.PID != c.PID() {
		t.Fatal(info, err)
	}
}

var _ = testkit.Role("stay", func(self *testkit.Self) {
	fd, err := unix.Open(self.Args[0], unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	self.Must(err)
	f := liveness.OpenFolder(fd)
	for range 2 {
		n, err := f.Join()
		self.Must(err)
		f.Stay()
		self.Must(f.Leave())
		self.Say("%d", n)
		self.Hear()
	}
})

// TestBellRings: the kernel marks the bells of a killed process, in each of its
// folders, and wakes one who sleeps on it, who passes it on.
func TestBellRings(t *testing.T) {
	f1, dir1 := folder(t)
	f2, dir2 := folder(t)
	c, n := startMember(t, dir1, dir2)
	var group sync.WaitGroup
	for i, f := range []*liveness.Folder{f1, f2} {
		peer, err := f.Watch(n[i])
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Release()
		bell, silent := peer.Bell()
		if bell == nil || peer.Rung() {
			t.Fatal("no bell, or it rings for the living")
		}
		for range 3 {
			group.Go(func() {
				for !peer.Rung() {
					if err := futex.Wait(bell, silent, -1); err != nil {
						t.Error(err)
						return
					}
				}
				peer.PassOn()
			})
		}
	}
	rung := make(chan struct{})
	go func() { group.Wait(); close(rung) }()
	testkit.Blocked(t, rung, "the bell of the living")
	c.Kill()
	testkit.Soon(t, rung, "the bell of the dead")
	dead(t, f1, n[0])
	dead(t, f2, n[1])
}

func TestSilentBell(t *testing.T) {
	f, dir := folder(t)
	c, n := startMember(t, "silent", dir)
	peer, err := f.Watch(n[0])
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Release()
	if bell, _ := peer.Bell(); bell != nil {
		t.Fatal("a silent member has a bell to sleep on")
	}
	c.Kill()
	dead(t, f, n[0])
	if peer.Rung() {
		t.Fatal("a silent bell rang")
	}
}

// TestNobodyCanHinderAMember: what another process can do to a member file that it
// may open does not change what the lock says.
func TestNobodyCanHinderAMember(t *testing.T) {
	f, dir := folder(t)
	c, n := startMember(t, dir)
	fd, _, _, err := lockfile.Open(dirFD(t, dir), fmt.Sprintf("%08x", n[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if ok, err := lockfile.TryShared(fd, lockfile.Holders); ok || err != nil {
		t.Fatal("a shared lock beside an exclusive one:", ok, err)
	}
	if s := f.Status(n[0]); s != liveness.Alive {
		t.Fatal(s)
	}
	c.Kill()
	dead(t, f, n[0])
	// A lock on the file of the dead keeps it from being told dead while it is
	// exclusive, and no longer.
	if ok, err := lockfile.TryExclusive(fd, lockfile.Holders); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if s := f.Status(n[0]); s != liveness.Alive {
		t.Fatal(s)
	}
	if err := lockfile.Unlock(fd, lockfile.Holders); err != nil {
		t.Fatal(err)
	}
	dead(t, f, n[0])
}

func dirFD(t *testing.T, dir string) int {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// TestReappear: a member whose file was removed is unknown, and alive again when
// it has published it anew, to those who had watched it before and to others.
func TestReappear(t *testing.T) {
	f, dir := folder(t)
	c, n := startMember(t, dir)
	early, err := f.Watch(n[0])
	if err != nil {
		t.Fatal(err)
	}
	defer early.Release()
	file := filepath.Join(dir, fmt.Sprintf("%08x", n[0]))
	for range 3 {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if s := openFolder(t, dir).Status(n[0]); s != liveness.Unknown {
			t.Fatal(s)
		}
		c.Tell("reappear")
		c.Expect("reappeared")
		if s := openFolder(t, dir).Status(n[0]); s != liveness.Alive {
			t.Fatal(s)
		}
		if s := early.Status(); s != liveness.Alive {
			t.Fatal("watched since before:", s)
		}
	}
	c.Kill()
	late := openFolder(t, dir)
	dead(t, late, n[0])
	if !early.Rung() {
		t.Fatal("the bell of the first file did not ring")
	}
	if s := early.Status(); s == liveness.Alive {
		t.Fatal(s)
	}
	dead(t, f, n[0])
}

func TestJoinIsCounted(t *testing.T) {
	f, dir := folder(t)
	first, err := f.Join()
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.Join()
	if err != nil || first != second || first == 0 || f.Self() != first {
		t.Fatal(first, second, err)
	}
	if s := f.Status(first); s != liveness.Alive {
		t.Fatal("this process itself:", s)
	}
	for range 2 {
		if files, _ := os.ReadDir(dir); len(files) != 1 {
			t.Fatal(files)
		}
		if err := f.Leave(); err != nil {
			t.Fatal(err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 || f.Self() != 0 {
		t.Fatal(files, f.Self())
	}
}

// TestJoinAndLeaveLeakNothing: descriptors, mappings and files are as before.
func TestJoinAndLeaveLeakNothing(t *testing.T) {
	f, dir := folder(t)
	cycle := func() {
		n, err := f.Join()
		if err != nil {
			t.Fatal(err)
		}
		if s := f.Status(n); s != liveness.Alive {
			t.Fatal(s)
		}
		if err := f.Leave(); err != nil {
			t.Fatal(err)
		}
	}
	cycle() // the keeper's page and thread are made once
	fds, maps := len(testkit.Descriptors()), mappings(t, dir)
	for range 500 {
		cycle()
	}
	if n := len(testkit.Descriptors()); n != fds {
		t.Errorf("%d descriptors, before %d", n, fds)
	}
	if n := mappings(t, dir); n != maps {
		t.Errorf("%d mappings of members, before %d", n, maps)
	}
}

// mappings counts this process's mappings of files in a directory.
func mappings(t *testing.T, dir string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/map_files")
	if errors.Is(err, fs.ErrPermission) {
		return 0
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/map_files/" + e.Name()); err == nil && filepath.Dir(target) == dir {
			n++
		}
	}
	return n
}

// TestManyPeers: watching many members keeps only a bounded number open.
func TestManyPeers(t *testing.T) {
	f, dir := folder(t)
	before := len(testkit.Descriptors())
	var others []*liveness.Folder
	for range 200 { // each membership a member of its own, all of this process
		other := openFolder(t, dir)
		n, err := other.Join()
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, other)
		if s := f.Status(n); s != liveness.Alive {
			t.Fatal(s)
		}
	}
	const perFolder = 2 // its directory and its member file
	if n := len(testkit.Descriptors()) - before - perFolder*len(others); n > 65 {
		t.Errorf("%d peers stay open", n)
	}
	for _, other := range others {
		if err := other.Leave(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPlantedMemberFiles(t *testing.T) {
	f, dir := folder(t)
	plant := func(n uint32, make func(path string) error) {
		if err := make(filepath.Join(dir, fmt.Sprintf("%08x", n))); err != nil {
			t.Fatal(err)
		}
		if s := f.Status(n); s == liveness.Alive {
			t.Errorf("plant %d is alive", n)
		}
		if info, err := f.Describe(n); err == nil {
			t.Errorf("plant %d describes itself: %+v", n, info)
		}
	}
	plant(1, func(path string) error { return os.Symlink("/etc/passwd", path) })
	plant(2, func(path string) error { return unix.Mkfifo(path, 0o600) })
	plant(3, func(path string) error { return os.Mkdir(path, 0o700) })
	plant(4, func(path string) error { return os.WriteFile(path, nil, 0o600) })
	plant(5, func(path string) error { return os.WriteFile(path, make([]byte, 4096), 0o600) })
	plant(6, func(path string) error { return os.WriteFile(path, []byte("ATOLLMEM"), 0o600) })
	if p, err := f.Watch(4); err == nil {
		if bell, _ := p.Bell(); bell != nil {
			t.Error("a bell beyond the end of the file")
		}
		p.Release()
	}
}

// A member of another version lives by its lock, as any; who it is it does not say.
func TestMemberOfAnotherVersion(t *testing.T) {
	f, dir := folder(t)
	for _, version := range []byte{0, 2} {
		c, numbers := startMember(t, dir)
		n := numbers[0]
		if info, err := f.Describe(n); err != nil || info.PID != c.PID() {
			t.Fatalf("it is %+v, %v", info, err)
		}
		file, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%08x", n)), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteAt([]byte{version}, 8)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		if info, err := f.Describe(n); !errors.Is(err, errs.ErrVersion) {
			t.Errorf("version %d describes itself: %+v, %v", version, info, err)
		}
		if f.Status(n) != liveness.Alive {
			t.Errorf("version %d is %v", version, f.Status(n))
		}
		c.Kill()
		dead(t, f, n)
	}
}
