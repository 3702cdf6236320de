//go:build linux

package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

// What killed holders left does not exist, and goes away when somebody touches
// the name; also when several touch it at once nobody raises the dead.
func TestDeadIsInvisible(t *testing.T) {
	d, base := newDir(t)
	dirs := []*Dir{d, openDir(t, base, Local), openDir(t, base, Local)}
	for range scaled(300) {
		must(t, litter(d, local("x")))
		var all sync.WaitGroup
		for _, d := range dirs {
			all.Go(func() {
				if o, err := d.Open(local("x")); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("opened what is dead: %v, %v", o, err)
				}
			})
		}
		all.Wait()
		empty(t, d)
	}
	must(t, litter(d, local("x")))
	fresh, created, err := d.obtain(local("x"))
	if must(t, err); !created {
		t.Error("what is dead was opened")
	}
	must(t, fresh.sound())
	must(t, fresh.DropHandle())
	empty(t, d)
}

// A dead object is removed even if somebody has damaged what the header does not
// guard; what a live one's name leads to meanwhile does not matter.
func TestDeadAndTruncated(t *testing.T) {
	d, _ := newDir(t)
	must(t, litter(d, local("x")))
	must(t, os.Truncate(d.at("x"), 2000))
	_, err := d.Open(local("x"))
	contains(t, err, fs.ErrNotExist)
	empty(t, d)
}

func TestSweep(t *testing.T) {
	d, base := newDir(t)
	other := openDir(t, base, Local)
	for i := range 50 {
		must(t, litter(d, local(fmt.Sprintf("dead %d", i))))
	}
	var live []*Object
	for i := range 50 {
		o, err := d.create(local(fmt.Sprintf("live %d", i)))
		must(t, err)
		live = append(live, o)
	}
	must(t, os.WriteFile(d.at("foreign"), []byte("mine"), 0o600))
	must(t, os.Mkdir(d.at("folder"), 0o700))
	must(t, os.Symlink("/etc/passwd", d.at("link")))
	removed, err := other.Sweep()
	contains(t, err, errs.ErrCorrupt, "link is a symbolic link", "folder is a directory")
	if n := len(files(t, d)); removed > 50 || n != 53 {
		t.Errorf("%d removed, %d left", removed, n)
	}
	for _, o := range live {
		must(t, o.sound())
		must(t, o.DropHandle())
	}
	for _, name := range []string{"foreign", "folder", "link"} {
		must(t, os.Remove(d.at(name)))
	}
	empty(t, d)
}

// Files left by crashes go away under ordinary creates, of which each looks at a
// bounded number of entries, however large the directory is.
func TestCreatesSweep(t *testing.T) {
	d, base := newDir(t)
	const dead = 300
	for i := range dead {
		must(t, litter(d, local("dead "+strconv.Itoa(i))))
	}
	worker := openDir(t, base, Local)
	creates := 0
	for ; len(files(t, d)) > 0; creates++ {
		if creates > 4*dead {
			t.Fatalf("after %d creates %d dead files are left", creates, len(files(t, d)))
		}
		before := len(files(t, d))
		o, err := worker.create(local("x"))
		must(t, err)
		if gone := before + 1 - len(files(t, d)); gone > sweepBytes/24 {
			t.Errorf("one create removed %d files", gone)
		}
		must(t, o.DropHandle())
	}
	t.Logf("%d creates removed %d dead files", creates, dead)
}

// So many processes that create once each see everything, too: also when objects
// that live long lie before what is dead, and when the directory has seen so many
// creates that the kernel's offsets are high.
func TestShortProcessesSweep(t *testing.T) {
	for _, old := range []int{0, 200000} {
		t.Run(fmt.Sprintf("after %d creates", old), func(t *testing.T) {
			d, base := newDir(t)
			age(t, d, scaled(old))
			var live []*Object
			hold := func(label string) {
				for i := range 20 {
					live = append(live, createQuietly(t, d, local(label+strconv.Itoa(i))))
				}
			}
			hold("old ")
			const dead = 300
			for i := range dead {
				must(t, litter(d, local("dead "+strconv.Itoa(i))))
			}
			hold("new ")
			left := func() (n int) {
				for _, file := range files(t, d) {
					if strings.HasPrefix(file, "dead") {
						n++
					}
				}
				return n
			}
			looks := 0
			for ; left() > 0; looks++ {
				if looks > 100*dead {
					t.Fatalf("after %d looks %d dead files are left", looks, left())
				}
				// A process that begins anew.
				fresh, err := OpenDir(base, Local)
				must(t, err)
				fresh.sweepSome()
				must(t, fresh.Close())
			}
			t.Logf("%d looks removed %d dead files", looks, dead)
			for _, o := range live {
				must(t, o.sound())
				must(t, o.DropHandle())
			}
			empty(t, d)
		})
	}
}

// createQuietly is create without a look at other files.
func createQuietly(t *testing.T, d *Dir, name Name) *Object {
	t.Helper()
	fd, st, err := lockfile.CreateUnnamed(d.fd, 0o600)
	must(t, err)
	h := newHeader(name)
	o, err := d.publish(fd, &st, name, h, access.CreatorAlone, build(h))
	must(t, err)
	return o
}

// age makes and removes files, which moves the kernel's offsets.
func age(t *testing.T, d *Dir, creates int) {
	t.Helper()
	for range creates {
		fd, err := unix.Openat(d.fd, "old", unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		must(t, err)
		must(t, errors.Join(unix.Close(fd), unix.Unlinkat(d.fd, "old", 0)))
	}
}

// A look sees some entries, not all of a large directory.
func TestALookIsBounded(t *testing.T) {
	d, _ := newDir(t)
	for i := range 1000 {
		must(t, litter(d, local(strconv.Itoa(i))))
	}
	for offset := range int64(1200) {
		entries, err := readSome(d.fd, offset)
		must(t, err)
		if len(entries) > sweepBytes/24 {
			t.Fatalf("%d entries at offset %d", len(entries), offset)
		}
	}
	seen := make(map[string]bool)
	for offset := int64(0); ; {
		entries, err := readSome(d.fd, offset)
		must(t, err)
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			seen[e.name] = true
			offset = e.next
		}
	}
	if len(seen) != 1001 {
		t.Errorf("saw %d entries of 1000 and %s", len(seen), MembersName)
	}
	_, err := d.Sweep()
	must(t, err)
}

// A reader is a process of another user that may only read the object's file.
var _ = testkit.Role("reader", func(self *testkit.Self) {
	d, err := OpenDir(self.Args[0], Global)
	self.Must(err)
	var o *Object
	for {
		switch line, _ := self.Hear(); line {
		case "open":
			o, err = d.Open(Name{Global, "x"})
			switch {
			case errors.Is(err, fs.ErrNotExist):
				self.Say("not there")
			case err != nil:
				self.Say("failed: %v", err)
			default:
				self.Say("opened, writable %v", o.Writable)
			}
		case "check":
			self.Must(o.sound())
			self.Say("sound")
		case "view":
			self.Must(o.AddView())
			self.Say("viewed")
		case "close":
			self.Must(o.DropHandle())
			self.Say("closed")
		default:
			return
		}
	}
})

func startReader(t *testing.T) (d *Dir, ask func(question, answer string), reader *testkit.Child) {
	t.Helper()
	testkit.NeedRoot(t)
	base := newBase(t)
	must(t, os.Chmod(base, fs.ModeSticky|0o777))
	d = openDir(t, base, Global)
	reader = asNobody(t, "reader", base)
	return d, func(question, answer string) {
		t.Helper()
		reader.Tell("%s", question)
		reader.Expect(answer)
	}, reader
}

// Who may only read holds an object as all others do, but cannot destroy it: the
// name is taken until somebody who may write touches it.
func TestReader(t *testing.T) {
	d, ask, reader := startReader(t)
	x := Name{Global, "x"}
	ask("open", "not there")
	o, err := d.create(x)
	must(t, err)
	must(t, unix.Fchmod(o.FD, 0o644))
	ask("open", "opened, writable false")
	ask("check", "sound")
	must(t, o.DropHandle())
	again, err := d.Open(x)
	must(t, err) // the reader keeps it alive
	must(t, again.sound())
	must(t, again.DropHandle())
	ask("view", "viewed")
	ask("close", "closed") // the view keeps the description, but not the lock
	if len(files(t, d)) != 1 {
		t.Error("the reader removed it")
	}
	ask("open", "not there")
	fresh, created, err := d.obtain(x)
	if must(t, err); !created {
		t.Error("what is dead was opened")
	}
	must(t, fresh.DropHandle())
	empty(t, d)
	reader.End()
}

// A reader that meets a dead object cannot remove it, and is not told that it
// exists.
func TestReaderMeetsTheDead(t *testing.T) {
	d, ask, reader := startReader(t)
	must(t, litter(d, Name{Global, "x"}))
	must(t, os.Chmod(d.at("x"), 0o644))
	ask("open", "not there")
	ask("open", "not there")
	if len(files(t, d)) != 1 {
		t.Error("it was removed")
	}
	// One who may write it, but not remove it from a sticky directory, gives its
	// memory back, and says who can free the name.
	fd, err := unix.Open(d.at("x"), unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	h := newHeader(Name{Global, "x"})
	h.Type, h.Flags, h.Protection, h.Size, h.Path = layout.Section, layout.FlagFile, 1, 1, "/"+strings.Repeat("p", 3000)
	must(t, lockfile.WriteAt(fd, h.Encode(), 0))
	must(t, lockfile.Truncate(fd, 1<<20))
	must(t, os.Chmod(d.at("x"), 0o666))
	reader.Tell("open")
	line := reader.Line()
	for _, part := range []string{d.at("x"), "belongs to uid 0, and nobody has it any more", "atoll sweep", "operation not permitted"} {
		if !strings.Contains(line, part) {
			t.Errorf("%q does not say %q", line, part)
		}
	}
	st, err := os.Stat(d.at("x"))
	if must(t, err); st.Size() > 8192 {
		t.Errorf("its %d bytes were not given back", st.Size())
	}
	// Its header is whole still, so that it can be opened, and so removed.
	_, err = d.Open(Name{Global, "x"})
	contains(t, err, fs.ErrNotExist)
	empty(t, d)
	reader.End()
}

// A viewer of a dead object keeps its memory, also from one who gives it back.
func TestDeadButViewed(t *testing.T) {
	d, ask, reader := startReader(t)
	x := Name{Global, "x"}
	must(t, litter(d, x))
	must(t, os.Chmod(d.at("x"), 0o666))
	fd, err := unix.Open(d.at("x"), unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	got, err := lockfile.TryShared(fd, lockfile.Viewers)
	if must(t, err); !got {
		t.Fatal("not held")
	}
	reader.Tell("open")
	if line := reader.Line(); !strings.Contains(line, "nobody has it any more") {
		t.Error(line)
	}
	st, err := os.Stat(d.at("x"))
	if must(t, err); st.Size() != 4096 {
		t.Errorf("truncated to %d under a view", st.Size())
	}
	ask("open", "failed: "+d.at("x")+" belongs to uid 0, and nobody has it any more; only that user or root can free the name, with: atoll sweep --global: operation not permitted")
	_, err = d.Open(x)
	contains(t, err, fs.ErrNotExist)
	reader.End()
}
