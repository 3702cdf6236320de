//go:build linux

package boundary

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/namespace"
	"atoll/internal/testkit"
)

func TestKeyIsAliasAndBoundary(t *testing.T) {
	seen := map[string]string{}
	for _, k := range []Key{
		key(t, "a", []int{1}, nil), key(t, "b", []int{1}, nil), key(t, "a", []int{2}, nil), key(t, "a", nil, []int{1}),
		key(t, "a", []int{1}, []int{1}), key(t, "a", []int{1, 2}, nil), key(t, `a","boundary`, []int{1}, nil),
		{Alias: "a", Boundary: Boundary{Name: "x", Users: []uint32{1}, Groups: []uint32{}}},
	} {
		text := fmt.Sprintf("%+v", k)
		if other, twice := seen[k.prefix()]; twice {
			t.Errorf("%s and %s have one directory", text, other)
		}
		seen[k.prefix()] = text
	}
	one, two := key(t, "a", []int{3, 1, 2, 1}, []int{9, 8}), key(t, "a", []int{1, 2, 3}, []int{8, 9, 9})
	if one.prefix() != two.prefix() {
		t.Error("order or duplicates matter")
	}
}

// The name of the directory is part of the format.
func TestPrefix(t *testing.T) {
	b, err := New("desk", []int{1000}, []int{5, 4})
	if err != nil {
		t.Fatal(err)
	}
	k := Key{Alias: "club", Boundary: b}
	// printf 'club\0desk\0001000\0004,5' | sha256sum
	sum := sha256.Sum256([]byte("club\x00desk\x001000\x004,5"))
	if want := Prefix + hex.EncodeToString(sum[:16]) + "-"; k.prefix() != want {
		t.Errorf("%s, want %s", k.prefix(), want)
	}
}

func TestFoundFindRelease(t *testing.T) {
	base := openBase(t)
	k := key(t, "club", []int{os.Geteuid()}, nil)
	if _, err := Find(base, k); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	p, err := Found(base, k, k.Boundary.Usual())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Found(base, k, k.Boundary.Usual()); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("founded twice: %v", err)
	}
	if names := left(t, base); len(names) != 1 {
		t.Errorf("the loser left something: %v", names)
	}
	q, err := Find(base, k)
	if err != nil || q.Name() != p.Name() || q.UID != uint32(os.Geteuid()) || q.Record.PID != os.Getpid() {
		t.Fatalf("%+v, %v", q, err)
	}
	p.Retire()
	if _, err := Find(base, k); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("found after its founder has left: %v", err)
	}
	entered, err := Enter(base, p.Name())
	if err != nil {
		t.Fatalf("who gets an object of it cannot enter: %v", err)
	}
	p.Release()
	q.Release()
	if n, err := Sweep(base); n != 0 || err != nil || len(left(t, base)) != 1 {
		t.Errorf("a sweep took what is in use: %d, %v, %v", n, err, left(t, base))
	}
	dir, err := entered.Names(namespace.Local)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	entered.Release()
	empty(t, base)
	for _, name := range []string{p.Name(), "atoll", "../x", Prefix + "x", Prefix + "00-0-/../..", ""} {
		if _, err := Enter(base, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Enter(%q) = %v", name, err)
		}
	}
}

// Whoever founds a namespace again clears what was left of it, so that a program that is
// killed each time fills nothing.
func TestNextFounderClears(t *testing.T) {
	base := openBase(t)
	k := key(t, "club", []int{os.Geteuid()}, nil)
	other, err := Found(base, key(t, "other", []int{os.Geteuid()}, nil), k.Boundary.Usual())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p, err := Found(base, k, k.Boundary.Usual())
		if err != nil {
			t.Fatal(err)
		}
		if names := left(t, base); len(names) != 2 {
			t.Errorf("directories: %v", names)
		}
		p.leave() // as its end does
	}
	if n, err := Sweep(base); n != 0 || err != nil || len(left(t, base)) != 1 {
		t.Errorf("%d, %v, %v", n, err, left(t, base))
	}
	other.Release()
	empty(t, base)
}

// Members of one group, of several users, are one club: any of them founds, all
// others get in, and nobody else.
func TestGroup(t *testing.T) {
	base := openBase(t)
	member := func(uid int, groups ...int) *testkit.Child {
		return startFounder(t, uid, groups, base, fmt.Sprintf("groups=%d", clubGroup))
	}
	founder, other, outsider := member(firstUser, clubGroup), member(firstUser+1, otherClub, clubGroup), member(firstUser+2, otherClub)
	ask(t, outsider, "found", "denied")
	ask(t, founder, "found", "ok")
	ask(t, other, "found", "exists")
	ask(t, other, "find", "ok")
	ask(t, other, "enter", "ok")
	ask(t, outsider, "find", "ok") // there is one; who may enter is another question
	ask(t, outsider, "enter", "denied")
	founder.Kill()
	ask(t, other, "enter", "ok")
	ask(t, other, "find", "no such")
	// The next one founds another, beside the old one that is still used.
	next := member(firstUser+3, clubGroup)
	ask(t, next, "found", "ok")
	if names := left(t, base); len(names) != 2 {
		t.Errorf("directories: %v", names)
	}
	ask(t, next, "release", "ok")
	next.End()
	other.End()
	outsider.End()
	// The others may not remove the first founder's directory.
	ask(t, member(firstUser), "sweep", "ok")
	empty(t, base)
}

// What an outsider can plant neither is taken for the namespace nor hinders it.
func TestOutsidersPlantInVain(t *testing.T) {
	testkit.NeedRoot(t)
	base := openBase(t)
	k := key(t, "club", nil, []int{clubGroup, otherClub})
	groups := fmt.Sprintf("groups=%d,%d", clubGroup, otherClub)
	// A directory in which everybody gets files of the group.
	gift := filepath.Join(base, "gift")
	for _, err := range []error{os.Mkdir(gift, 0o777), os.Chown(gift, 0, clubGroup), os.Chmod(gift, 0o777|fs.ModeSetgid)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// One who is in one of the two groups only, and does what they can.
	cheat := testkit.Command("cheat", base, k.prefix())
	cheat.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: firstUser, Gid: firstUser, Groups: []uint32{otherClub}}}
	planted := testkit.StartCommand(t, cheat)
	planted.Expect("planted")
	inside := startFounder(t, firstUser+1, []int{clubGroup, otherClub}, base, groups)
	ask(t, inside, "find", "no such")
	ask(t, inside, "found", "ok")
	opener := startFounder(t, firstUser+1, nil, base, groups)
	ask(t, opener, "find", "ok")
	ask(t, opener, "enter", "ok")
	ask(t, opener, "release", "ok")
	ask(t, inside, "release", "ok")
	planted.End()
}

// The cheat makes directories that look like a namespace of two groups, of which
// it is in one, with records that are locked and say "founded".
var _ = testkit.Role("cheat", func(self *testkit.Self) {
	base, prefix := self.Args[0], self.Args[1]
	gift := filepath.Join(base, "gift")
	record := func(dir string) {
		path := filepath.Join(dir, recordName)
		self.Must(os.WriteFile(path, []byte("f\n{}"), 0o644))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		self.Must(err)
		l := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
		self.Must(unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l))
	}
	for i, mode := range []uint32{0o600, 0o010, unix.S_ISGID, unix.S_ISGID | 0o010, unix.S_ISGID | 0o777} {
		for j, uid := range []int{firstUser, firstUser + 1} { // one lies about whose it is
			dir := filepath.Join(base, fmt.Sprintf("%s%d-%d%d", prefix, uid, i, j))
			self.Must(os.Mkdir(dir, 0o755))
			mine := filepath.Join(dir, proofName(otherClub))
			self.Must(os.WriteFile(mine, nil, 0o600))
			self.Must(os.Chown(mine, -1, otherClub))
			self.Must(unix.Chmod(mine, proofMode))
			// The other group's by way of the gift: made there with the mode, and
			// changed to it.
			for _, how := range []string{"open", "chmod"} {
				file := filepath.Join(gift, how)
				fd, err := unix.Open(file, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, mode)
				self.Must(err)
				if how == "chmod" {
					_ = unix.Fchmod(fd, mode)
				}
				self.Must(unix.Close(fd))
				self.Must(os.Rename(file, filepath.Join(dir, proofName(clubGroup))))
			}
			var st unix.Stat_t
			self.Must(unix.Stat(filepath.Join(dir, proofName(clubGroup)), &st))
			if st.Gid != clubGroup {
				self.Say("no gift: gid %d", st.Gid)
			}
			record(dir)
			_ = unix.Mkdir(filepath.Join(dir, namesName), 0o700)
		}
	}
	self.Must(os.Symlink("gift", filepath.Join(base, prefix+fmt.Sprint(firstUser)+"-link")))
	self.Must(os.WriteFile(filepath.Join(base, prefix+fmt.Sprint(firstUser)+"-file"), nil, 0o600))
	self.Must(os.MkdirAll(filepath.Join(base, prefix+fmt.Sprint(firstUser)+"-void", recordName), 0o755))
	self.Say("planted")
	self.Hear()
})

// A record that belongs to another user than the directory, and one that others
// may write, are refused; the directory as well.
func TestDirectoryIsVerified(t *testing.T) {
	testkit.NeedRoot(t)
	base := openBase(t)
	k := key(t, "club", []int{0}, nil)
	p, err := Found(base, k, k.Boundary.Usual())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	for what, f := range map[string]func(undo bool) error{
		"mode": func(undo bool) error { return os.Chmod(p.Path, map[bool]fs.FileMode{false: 0o733, true: 0o711}[undo]) },
		"owner": func(undo bool) error {
			return os.Chown(p.Path, map[bool]int{false: firstUser, true: 0}[undo], 0)
		},
		"record": func(undo bool) error {
			return os.Chown(filepath.Join(p.Path, recordName), map[bool]int{false: firstUser, true: 0}[undo], 0)
		},
	} {
		if err := f(false); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(base, k); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := Enter(base, p.Name()); err == nil {
			t.Errorf("%s: entered", what)
		}
		if err := f(true); err != nil {
			t.Fatal(err)
		}
	}
	q, err := Find(base, k)
	if err != nil {
		t.Fatal(err)
	}
	q.Release()
}

// Eight processes of several users found the same namespace again and again:
// exactly one succeeds each time, and nothing is left.
func TestOneOfManyFounders(t *testing.T) {
	base := openBase(t)
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	var crowd []*testkit.Child
	for i := range 8 {
		if os.Geteuid() == 0 {
			crowd = append(crowd, startFounder(t, firstUser+i/2, []int{clubGroup}, base, fmt.Sprintf("groups=%d", clubGroup)))
		} else {
			crowd = append(crowd, startFounder(t, 0, nil, base, fmt.Sprintf("users=%d", os.Geteuid())))
		}
	}
	wins := make([]int, len(crowd))
	for round := range rounds {
		for _, c := range crowd {
			c.Tell("found")
		}
		winner := -1
		for i, c := range crowd {
			switch line := c.Line(); {
			case line == "ok" && winner < 0:
				winner = i
			case line == "ok":
				t.Fatalf("round %d: %d and %d have founded it", round, winner, i)
			case line != "exists":
				t.Fatalf("round %d: %d: %s", round, i, line)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody has founded it", round)
		}
		wins[winner]++
		ask(t, crowd[(winner+1)%8], "find", "ok")
		ask(t, crowd[(winner+1)%8], "release", "ok")
		ask(t, crowd[winner], "release", "ok")
		empty(t, base)
	}
	t.Logf("won: %v", wins)
	if slices.Max(wins) == rounds && rounds > 100 {
		t.Error("always the same one: they do not race")
	}
	for _, c := range crowd {
		c.End()
	}
}

// Founders are killed at random moments, as often as not while they found or leave:
// at no time are there two, the living go on, and a sweep leaves nothing.
func TestFoundersAreKilled(t *testing.T) {
	base := openBase(t)
	rounds := 150
	if testing.Short() {
		rounds = 15
	}
	start := func(i int) *testkit.Child {
		if os.Geteuid() == 0 {
			return startFounder(t, firstUser+i, []int{clubGroup}, base, fmt.Sprintf("groups=%d", clubGroup))
		}
		return startFounder(t, 0, nil, base, fmt.Sprintf("users=%d", os.Geteuid()))
	}
	crowd := make([]*testkit.Child, 4)
	for i := range crowd {
		crowd[i] = start(i)
	}
	killed := 0
	for round := range rounds {
		for _, c := range crowd {
			c.Tell("found")
		}
		victim := rand.IntN(len(crowd))
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		crowd[victim].Signal(syscall.SIGKILL)
		winner := -1
		for i, c := range crowd {
			switch line := c.Line(); {
			case i == victim && line == "":
				killed++
			case line == "ok" && i == victim: // and then it was killed
			case line == "ok" && winner < 0:
				winner = i
			case line == "ok":
				t.Fatalf("round %d: %d and %d have founded it", round, winner, i)
			case line != "exists":
				t.Fatalf("round %d: %d: %s", round, i, line)
			}
		}
		crowd[victim].Kill()
		crowd[victim] = start(victim)
		if winner >= 0 {
			ask(t, crowd[victim], "found", "exists")
			ask(t, crowd[winner], "release", "ok")
		} else {
			// All others have given way to the one that was killed.
			ask(t, crowd[victim], "found", "ok")
			ask(t, crowd[victim], "release", "ok")
		}
		ask(t, crowd[victim], "sweep", "ok")
		empty(t, base)
	}
	t.Logf("killed before they were done: %d of %d", killed, rounds)
	for _, c := range crowd {
		c.End()
	}
}

// Where the file system has no room for all that belongs to a namespace, none is
// founded and nothing is left, wherever it ran out.
func TestNoRoom(t *testing.T) {
	testkit.NeedRoot(t)
	base := openBase(t)
	cmd := testkit.Command("no-room", base)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	c := testkit.StartCommand(t, cmd)
	failed := 0
	for line := c.Line(); line != "founded"; line = c.Line() {
		if failed++; line == "" {
			t.Fatal("it has ended")
		}
		if !strings.HasPrefix(line, "no space left on device, 0 left, ") {
			t.Error(line)
		}
	}
	if failed < 4 {
		t.Errorf("it failed %d times only", failed)
	}
	c.End()
}

var _ = testkit.Role("no-room", func(self *testkit.Self) {
	base := self.Args[0]
	self.Must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	b, err := New("", []int{0}, []int{0})
	self.Must(err)
	k := Key{Alias: "club", Boundary: b}
	for inodes := 1; ; inodes++ {
		// The root of the file system is one of them.
		self.Must(unix.Mount("tmpfs", base, "tmpfs", 0, fmt.Sprintf("mode=1777,size=1m,nr_inodes=%d", inodes)))
		before := descriptors()
		p, err := Found(base, k, k.Boundary.Usual())
		if err == nil {
			p.Retire()
			p.Release()
			self.Say("founded")
			return
		}
		if !errors.Is(err, unix.ENOSPC) {
			self.Say("%v", err)
		}
		entries, e := os.ReadDir(base)
		self.Must(e)
		if n := descriptors(); n != before {
			self.Say("%d descriptors, before %d: %v", n, before, testkit.Descriptors())
		}
		self.Say("%v, %d left, with %d inodes", unix.ENOSPC, len(entries), inodes)
		self.Must(unix.Unmount(base, 0))
	}
})

// descriptors counts those that are open, but for those of Go's poller.
func descriptors() (n int) {
	for _, target := range testkit.Descriptors() {
		if !strings.HasPrefix(target, "anon_inode:[event") {
			n++
		}
	}
	return n
}
