//go:build linux

package atoll

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/testkit"
)

// The role of a user who may read, and locks what can be locked so: all bytes of
// every file below the directory, or, told "many N", N single bytes of the semaphore
// (the kernel goes through all of them to add one).
var _ = testkit.Role("company.locker", func(self *testkit.Self) {
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		n, count := 0, 1
		if text, many := strings.CutPrefix(line, "many "); many {
			var err error
			count, err = strconv.Atoi(text)
			self.Must(err)
		}
		self.Must(filepath.WalkDir(self.Args[0], func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || count > 1 && d.Name() != "semaphore" {
				return err
			}
			fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
			if err != nil {
				return nil // not for us
			}
			n++
			for i := range count {
				l := unix.Flock_t{Type: unix.F_RDLCK} // all bytes
				if count > 1 {
					l.Start, l.Len = int64(2*i), 1
				}
				_ = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &l) // a member's is locked
			}
			if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); !errors.Is(err, unix.EBADF) {
				return fmt.Errorf("an exclusive lock says %w", err)
			}
			return nil
		}))
		self.Say("locked %d", n)
	}
})

// A user who may read locks all that it can, while others work: they do all that
// they did, at the same speed. It keeps an object alive, as a handle would.
func TestLockedByReaders(t *testing.T) {
	base := company(t)
	dir := filepath.Join(base, "atoll")
	speeds := make(map[string]string)
	for _, how := range []string{"nothing", "all", "many 20000"} {
		a := asUser(t, ann, base, "company")
		for _, kind := range companyKinds {
			tells(t, a, "create; "+kind+`; Global\`+kind+"; 0644", "done")
		}
		tells(t, a, `Global\mutex; wait`, "done")
		c := asUser(t, cal, base, "company.locker", dir)
		if how != "nothing" {
			c.Tell("%s", how)
			files := len(companyKinds) + 1 // and a member
			if how != "all" {
				files = 1
			}
			c.Expect(fmt.Sprintf("locked %d", files))
		}
		other := asUser(t, ann, base, "company")
		for _, kind := range companyKinds {
			name := `Global\` + kind
			tells(t, other, "open; "+kind+"; "+name+"; 0", "done")
			other.Tell("%s", name+"; wait")
			other.Silent()
			if kind != "mutex" {
				tells(t, a, name+"; free", "done")
				says(t, other, name+"; wait", "done")
			}
		}
		a.Kill()
		says(t, other, `Global\mutex; wait`, "done")
		visitor := asUser(t, ann, base, "company")
		visitor.Tell("measure; %d", 200)
		speeds[how] = visitor.Line()
		visitor.End()
		for _, kind := range companyKinds {
			tells(t, other, `Global\`+kind+"; close", "done")
		}
		other.End()
		c.Kill()
		u := asUser(t, ann, base, "company")
		tells(t, u, "sweep", "", "done")
		u.End()
		if left := testkit.Objects(base); len(left) != 0 {
			t.Errorf("%v are left", left)
		}
	}
	for how, speed := range speeds {
		t.Logf("locks: %-12s %s", how, speed)
	}
}

// measure says how long it takes to open and close, and to use, the objects of
// TestLockedByReaders.
func measure(n int) (string, error) {
	began := time.Now()
	for range n {
		s, err := OpenSemaphore(`Global\semaphore`, 0)
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			return "", err
		}
	}
	opened := time.Since(began)
	s, err := OpenSemaphore(`Global\semaphore`, 0)
	if err != nil {
		return "", err
	}
	began = time.Now()
	for range n {
		_, err1 := s.Release(1)
		_, err2 := s.TryWait()
		if err := errors.Join(err1, err2); err != nil {
			return "", err
		}
	}
	used := time.Since(began)
	return fmt.Sprintf("open and close %v, release and take %v", opened/time.Duration(n), used/time.Duration(n)), s.Close()
}

// The role of a user who may read an object, and tries everything to write to it.
var _ = testkit.Role("company.reader", func(self *testkit.Self) {
	e, err := OpenEvent(`Global\watched`, Wait)
	self.Must(err)
	s, err := OpenSection(`Global\section`, Read)
	self.Must(err)
	v, err := s.Map(Read, 0, 0)
	self.Must(err)
	for what, err := range map[string]error{
		"set": e.Set(), "reset": e.Reset(), "pulse": e.Pulse(),
		"signal and wait": func() error { _, err := SignalAndWait(context.Background(), e, e); return err }(),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			self.Must(fmt.Errorf("%s says %w", what, err))
		}
	}
	if _, err := s.Map(Write, 0, 0); !errors.Is(err, fs.ErrPermission) {
		self.Must(fmt.Errorf("map for writing says %w", err))
	}
	for _, o := range []Object{e, s} {
		if _, err := Duplicate(o, Modify|Wait); o == Object(e) && !errors.Is(err, fs.ErrPermission) {
			self.Must(fmt.Errorf("duplicate says %w", err))
		}
	}
	tried := 0
	for fd, target := range testkit.Descriptors() {
		if !strings.HasSuffix(target, "/atoll/watched") && !strings.HasSuffix(target, "/atoll/section") {
			continue
		}
		tried++
		_, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR, 0)
		attempts := map[string]error{"open again": err}
		_, attempts["map"] = unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		attempts["truncate"] = unix.Ftruncate(fd, 0)
		_, attempts["write"] = unix.Pwrite(fd, []byte{1}, 512)
		attempts["allocate"] = unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
		attempts["chmod"] = unix.Fchmod(fd, 0o666)
		attempts["unlink"] = unix.Unlink(target)
		attempts["rename"] = unix.Rename(target, target+"-")
		attempts["lock"] = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		for what, err := range attempts {
			if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EBADF) && !errors.Is(err, unix.EINVAL) {
				self.Must(fmt.Errorf("%s of %s says %w", what, target, err))
			}
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	self.Must(err)
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "/atoll/watched") || strings.Contains(line, "/atoll/section") {
			address, _, _ := strings.Cut(line, "-")
			at, err := strconv.ParseUint(address, 16, 64)
			self.Must(err)
			tried++
			if err := mprotect(uintptr(at)); !errors.Is(err, unix.EACCES) {
				self.Must(fmt.Errorf("mprotect says %w", err))
			}
		}
	}
	self.Must(errors.Join(v.Close(), s.Close(), e.Close()))
	self.Say("tried %d", tried)
})

// A user who may read cannot write, by any way that the library or the kernel has.
func TestReadersCannotWrite(t *testing.T) {
	base := company(t)
	a := asUser(t, ann, base, "company")
	tells(t, a, `create; manual; Global\watched; 0644`, "done")
	tells(t, a, `create; section; Global\section; 0644`, "done")
	before := contents(t, filepath.Join(base, "atoll"))
	b := asUser(t, ben, base, "company.reader")
	b.Expect("tried 4")
	b.End()
	if !slices.EqualFunc(before, contents(t, filepath.Join(base, "atoll")), bytes.Equal) {
		t.Error("something was written")
	}
	tells(t, a, `Global\watched; close`, "done")
	tells(t, a, `Global\section; close`, "done")
	a.End()
}

// contents are the bytes of the objects in a directory.
func contents(t *testing.T, dir string) (all [][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if !e.IsDir() {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
			all = append(all, b)
		}
	}
	return all
}

// A user who may do nothing with an object is refused by every way to it, changes
// nothing, and learns that it exists, whose it is and when it was made, no more.
func TestStrangersAreRefused(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
	all := append(slices.Clone(companyKinds), "section")
	for _, kind := range all {
		tells(t, a, "create; "+kind+`; Global\`+kind+"; 0600", "done")
	}
	before := contents(t, filepath.Join(base, "atoll"))
	for _, kind := range all {
		for _, other := range all {
			for _, access := range []Access{0, Wait, Modify, Read} {
				b.Tell(`open; %s; Global\%s; %d`, other, kind, access)
				// 87: no right of this type
				if line := b.Line(); !strings.Contains(line, "belongs to uid 61001 with mode 0600") && !strings.Contains(line, ": 87, ") {
					t.Error(line)
				}
			}
			tells(t, b, fmt.Sprintf(`create; %s; Global\%s; 0666`, other, kind), "5", "belongs to uid 61001 with mode 0600")
		}
		tells(t, b, `stat; Global\`+kind, "5", "belongs to uid 61001 with mode 0600")
	}
	tells(t, b, "sweep", "0, done")
	if !slices.EqualFunc(before, contents(t, filepath.Join(base, "atoll")), bytes.Equal) {
		t.Error("something was written")
	}
	for _, kind := range all {
		tells(t, a, `Global\`+kind+"; close", "done")
	}
	a.End()
	b.End()
}

// What one user plants at a name under Global\ is to another what it is to
// TestPlantedAtAName: refused, named, and left alone.
func TestPlantedByAnotherUser(t *testing.T) {
	base := company(t)
	b := asUser(t, ben, base, "company")
	path := filepath.Join(base, "atoll", "hostile")
	for name, p := range plants {
		if name == "another user's object" { // see TestLeftovers
			continue
		}
		t.Run(name, func(t *testing.T) {
			p.plant(t, path)
			t.Cleanup(func() { must(t, os.Remove(path)) })
			must(t, os.Lchown(path, cal, cal))
			before, err := os.Lstat(path)
			must(t, err)
			open := before.Mode().IsRegular() // then its mode decides
			for _, kind := range companyKinds {
				for _, line := range []string{"open; " + kind + `; Global\hostile; 0`, "create; " + kind + `; Global\hostile; 0600`} {
					if open && before.Sys().(*syscall.Stat_t).Nlink == 1 {
						must(t, os.Chmod(path, 0o600))
						tells(t, b, line, "5", path+" belongs to uid 61003 with mode 0600")
						must(t, os.Chmod(path, 0o666))
					}
					tells(t, b, line, "", path+" "+p.says)
				}
			}
			after, err := os.Lstat(path)
			must(t, err)
			if !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
				t.Errorf("it was changed: %v, %v", before, after)
			}
		})
	}
	b.End()
}

// hammer opens a name that leads to something else all the time.
func hammer(name string, n int) error {
	for range n {
		m, err := OpenMutex(name, 0)
		switch {
		case err == nil:
			return fmt.Errorf("it was taken: %w", m.Close())
		case !errors.Is(err, ErrCorrupt) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return err
		}
	}
	return nil
}

// What another user has at a name under Global\ changes all the time between links,
// pipes and files: it is never followed, taken for what it is not, or waited for.
func TestSwappedByAnotherUser(t *testing.T) {
	base := company(t)
	c, b := asUser(t, cal, base, "company"), asUser(t, ben, base, "company")
	tells(t, c, `create; mutex; Global\target; 0666`, "done")
	swapper := asUser(t, cal, base, "hostile.swap", filepath.Join(base, "atoll"))
	swapper.Expect("ready")
	line := fmt.Sprintf(`hammer; Global\hostile; %d`, scaled(10000))
	b.Tell("%s", line)
	b.Expect(line)
	swapper.Tell("end")
	swapper.Expect("done")
	swapper.End()
	tells(t, b, `open; mutex; Global\target; 0`, "done")
	tells(t, b, `Global\target; close`, "done")
	b.End()
	_ = os.Remove(filepath.Join(base, "atoll", "hostile-next"))
	tells(t, c, `Global\target; close`, "done")
	c.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// forged is an object in which is written what is not so, and a peer who believes it.
type forged struct {
	kind  string
	file  *os.File
	peer  *testkit.Child
	words []uint32 // that name an owner, or nobody
}

// Whose words are whose: a peer that may write one object says in it that any member
// owns it or holds its gate, or that nobody can: a call ends by its limit, and the
// process goes on.
func TestForgedOwners(t *testing.T) {
	base := company(t)
	if there := members(t, base); len(there) != 0 {
		t.Fatalf("there are members already: %v", there)
	}
	a := asUser(t, ann, base, "company")
	for _, kind := range companyKinds {
		tells(t, a, "create; "+kind+`; Global\`+kind+"; 0666", "done")
	}
	anns := members(t, base)
	var all []forged // the peers wait side by side
	for _, kind := range companyKinds {
		all = append(all, forge(t, base, kind, anns))
	}
	for word := range all[0].words {
		for gate := range all[0].words {
			for _, o := range all {
				state := binary.LittleEndian.AppendUint32(nil, o.words[word])
				_, err := o.file.WriteAt(binary.LittleEndian.AppendUint32(state, o.words[gate]), layout.StateOffset)
				must(t, err)
			}
			for _, call := range []string{"; briefly", "; try"} {
				for _, o := range all {
					o.peer.Tell("%s", `Global\`+o.kind+call)
				}
				for _, o := range all {
					o.peer.Line()
				}
			}
		}
	}
	for _, o := range all {
		o.goesOn(t)
		tells(t, a, `Global\`+o.kind+"; close", "done")
	}
	a.End()
}

// forge opens an object that ann has made, for a peer who has one of its own, too.
func forge(t *testing.T, base, kind string, anns []uint32) forged {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(base, "atoll", kind), os.O_RDWR, 0)
	must(t, err)
	closeLater(t, f)
	before := members(t, base)
	b := asUser(t, ben, base, "company", "impatient")
	tells(t, b, "open; "+kind+`; Global\`+kind+"; 0", "done")
	tells(t, b, "create; "+kind+"; own"+kind+"; 0600", "done")
	words := []uint32{0, 1, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, layout.OwnerMask}
	for _, n := range members(t, base) {
		if slices.Contains(anns, n) || !slices.Contains(before, n) { // ann's, and b's own
			words = append(words, n, n|1<<30, n|1<<31)
		}
	}
	if len(words) != 7+2*3 {
		t.Fatalf("%s: words %#x: the numbers of ann %#x, and of the peer, are not there", kind, words, anns)
	}
	return forged{kind, f, b, words}
}

// goesOn checks that the peer's own object is as it was.
func (o *forged) goesOn(t *testing.T) {
	t.Helper()
	_, err := o.file.WriteAt(make([]byte, layout.StateMapSize-layout.StateOffset), layout.StateOffset)
	must(t, err)
	tells(t, o.peer, "own"+o.kind+"; free", map[bool]string{true: "288", false: "done"}[o.kind == "mutex"])
	tells(t, o.peer, "own"+o.kind+"; wait", "done")
	tells(t, o.peer, "own"+o.kind+"; close", "done")
	tells(t, o.peer, `Global\`+o.kind+"; close", "") // of a mutex that it has taken, and lost, an error
	o.peer.End()
}

// members are the numbers of the members of Global.
func members(t *testing.T, base string) (numbers []uint32) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(base, "atoll", "members"))
	must(t, err)
	for _, e := range entries {
		n, err := strconv.ParseUint(e.Name(), 16, 32)
		must(t, err)
		numbers = append(numbers, uint32(n))
	}
	return numbers
}

// mprotect asks to write to a page.
func mprotect(at uintptr) error {
	_, _, errno := unix.Syscall(unix.SYS_MPROTECT, at, 4096, unix.PROT_READ|unix.PROT_WRITE)
	if errno != 0 {
		return errno
	}
	return nil
}
