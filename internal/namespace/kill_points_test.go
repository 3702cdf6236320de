//go:build linux && atollcheck

package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

// pointsIn returns the names of the points in the sources of a folder.
func pointsIn(t *testing.T, folder string) (points []string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
	must(t, err)
	seen := make(map[string]bool)
	for _, source := range sources {
		if matched, _ := filepath.Match("*_test.go", filepath.Base(source)); matched {
			continue
		}
		text, err := os.ReadFile(source)
		must(t, err)
		for _, m := range regexp.MustCompile(`check\.Point\("([^"]+)"\)`).FindAllStringSubmatch(string(text), -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				points = append(points, m[1])
			}
		}
	}
	return points
}

// killAt kills this process when it comes to a point for the nth time.
func killAt(point string, nth int64) {
	var count atomic.Int64
	check.SetHook(func(p string) {
		if p == point && count.Add(1) == nth {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	})
}

// The victim does everything that passes a point, until it is killed at its own.
var _ = testkit.Role("killed-at-point", func(self *testkit.Self) {
	d, err := OpenDir(self.Args[0], Local)
	self.Must(err)
	nth, err := strconv.ParseInt(self.Args[2], 10, 64)
	self.Must(err)
	killAt(self.Args[1], nth)
	for deadline := time.Now().Add(testkit.Hang / 2); time.Now().Before(deadline); {
		_ = unix.Fchmodat(d.fd, "x", 0o644, 0) // with readers, an open goes through the door
		self.Must(d.round(local("x")))
		if err := litter(d, local("x")); !errors.Is(err, fs.ErrExist) {
			self.Must(err)
		}
		self.Must(d.round(local("x")))
		if err := litter(d, local("y")); !errors.Is(err, fs.ErrExist) {
			self.Must(err)
		}
		_, err = d.Sweep()
		self.Must(err)
	}
	self.Say("the point was never reached")
})

// The survivor does the same as the victim until it is told to end, and then
// something more: whatever the victim left must not be in its way.
var _ = testkit.Role("survive", func(self *testkit.Self) {
	d, err := OpenDir(self.Args[0], Local)
	self.Must(err)
	self.Say("ready")
	var ending atomic.Bool
	go func() { self.Hear(); ending.Store(true) }()
	for !ending.Load() {
		self.Must(d.round(local("x")))
	}
	for range 20 {
		self.Must(d.round(local("x")))
	}
	self.Say("done")
})

// A process is killed at each step of create, open, close and sweep. The others go
// on, nobody sees a half-made object or one already destroyed, and at the end
// nothing is left.
func TestKillPoints(t *testing.T) {
	points := pointsIn(t, ".")
	if len(points) < 15 {
		t.Fatalf("only the points %v", points)
	}
	for _, point := range points {
		for nth := range scaled(3) {
			t.Run(point+"/"+strconv.Itoa(nth+1), func(t *testing.T) {
				d, base := newDir(t)
				var survivors []*testkit.Child
				for range 2 {
					survivors = append(survivors, testkit.Start(t, "survive", base))
				}
				for _, s := range survivors {
					s.Expect("ready")
				}
				victim := testkit.Start(t, "killed-at-point", base, point, strconv.Itoa(nth+1))
				victim.Expect("") // it says nothing any more
				if err := victim.Wait(); err == nil {
					t.Error("it ended by itself")
				}
				for _, s := range survivors {
					s.Tell("end")
				}
				for _, s := range survivors {
					s.Expect("done")
					s.End()
				}
				_, err := d.Open(local("x"))
				contains(t, err, fs.ErrNotExist)
				must(t, d.round(local("x")))
				_, err = d.Sweep()
				must(t, err)
				empty(t, d)
			})
		}
	}
}

var _ = testkit.Role("killed-sweeping", func(self *testkit.Self) {
	d, err := OpenDir(self.Args[0], Local)
	self.Must(err)
	nth, err := strconv.ParseInt(self.Args[2], 10, 64)
	self.Must(err)
	killAt(self.Args[1], nth)
	_, err = d.Sweep()
	self.Must(err)
	self.Say("swept")
})

// A cleaner is killed while it cleans, and the next one, at every file; a third
// finishes.
func TestKilledCleaners(t *testing.T) {
	d, base := newDir(t)
	const dead = 6
	for i := range dead {
		must(t, litter(d, local(strconv.Itoa(i))))
	}
	for i := range dead {
		for _, point := range []string{"sweep.locked", "sweep.removed"} {
			victim := testkit.Start(t, "killed-sweeping", base, point, "1")
			victim.Expect("")
			_ = victim.Wait()
			if point == "sweep.removed" && len(files(t, d)) != dead-i-1 {
				t.Errorf("%d files after %d cleaners", len(files(t, d)), i+1)
			}
		}
	}
	empty(t, d)
	for i := range dead {
		must(t, litter(d, local(strconv.Itoa(i))))
	}
	victim := testkit.Start(t, "killed-sweeping", base, "sweep.locked", "3")
	victim.Expect("")
	_ = victim.Wait()
	removed, err := d.Sweep()
	if must(t, err); removed != dead-2 {
		t.Errorf("%d removed", removed)
	}
	empty(t, d)
}

// A reader that finds a holder, who lets go before the reader's last question,
// starts over: it must not believe that the object lives.
func TestReaderLosesTheHolder(t *testing.T) {
	for _, point := range []string{"open.tried", "open.door"} {
		t.Run(point, func(t *testing.T) {
			d, base := newDir(t)
			holder := openDir(t, base, Local)
			held, err := holder.create(local("x"))
			must(t, err)
			fd, err := unix.Openat(d.fd, "x", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			must(t, err)
			defer func() { _ = unix.Close(fd) }()
			check.SetHook(func(p string) {
				if p == point {
					check.SetHook(nil)
					must(t, lockfile.Unlock(held.FD, lockfile.Holders)) // as its death does
				}
			})
			defer check.SetHook(nil)
			reader := &Object{FD: fd, ID: held.ID, dir: d, file: "x"}
			if err := d.join(reader, true); !errors.Is(err, errAgain) {
				t.Errorf("got %v", err)
			}
			must(t, lockfile.Unlock(fd, lockfile.Holders))
			if err := d.join(reader, true); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the second time: %v", err)
			}
			must(t, held.DropHandle())
		})
	}
}

// openers are the places of two opens that are on their way to one object.
func openers(t *testing.T, d *Dir, id lockfile.Identity, flags int) (list [2]*Object) {
	t.Helper()
	for i := range list {
		fd, err := unix.Openat(d.fd, "x", flags|unix.O_CLOEXEC, 0)
		must(t, err)
		t.Cleanup(func() { must(t, unix.Close(fd)) })
		list[i] = &Object{FD: fd, ID: id, dir: d, file: "x", Writable: flags == unix.O_RDWR}
	}
	return list
}

// atPoint does something once, when a call comes to a point.
func atPoint(t *testing.T, point string, do func()) {
	t.Helper()
	check.SetHook(func(p string) {
		if p == point {
			check.SetHook(nil)
			do()
		}
	})
	t.Cleanup(func() { check.SetHook(nil) })
}

// TestTwoOpenersOfTheDead: two opens find an object of the dead at once. Neither takes
// the other for its holder.
func TestTwoOpenersOfTheDead(t *testing.T) {
	d, base := newDir(t)
	held, err := openDir(t, base, Local).create(local("x"))
	must(t, err)
	both := openers(t, d, held.ID, unix.O_RDWR)
	must(t, lockfile.Unlock(held.FD, lockfile.Holders)) // as its death does
	atPoint(t, "open.tried", func() {
		if err := d.join(both[1], false); !errors.Is(err, errAgain) {
			t.Errorf("the second has raised the dead: %v", err)
		}
	})
	if err := d.join(both[0], false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first: %v", err)
	}
	must(t, held.DropHandle())
}

// TestReaderMeetsAnOpenUnderWay: an open has seen that the object lives, and the
// holder lets go before it has a lock of its own. A reader who looks then does not
// say that there is no object: there will be.
func TestReaderMeetsAnOpenUnderWay(t *testing.T) {
	d, base := newDir(t)
	held, err := openDir(t, base, Local).create(local("x"))
	must(t, err)
	both := openers(t, d, held.ID, unix.O_RDONLY)
	atPoint(t, "open.asked", func() {
		must(t, lockfile.Unlock(held.FD, lockfile.Holders)) // as its death does
		if err := d.join(both[1], true); !errors.Is(err, errAgain) {
			t.Errorf("the reader says %v, and the object lives on", err)
		}
	})
	if err := d.join(both[0], true); err != nil {
		t.Errorf("the open: %v", err)
	}
	must(t, lockfile.Unlock(both[0].FD, lockfile.Holders))
	must(t, held.DropHandle())
}

// TestRemoverIsKilled: an open meets one who has found the object dead, and who is
// killed before the name is removed. The lock that was in the way was no life.
func TestRemoverIsKilled(t *testing.T) {
	for _, readers := range []bool{false, true} {
		t.Run(fmt.Sprint("readers ", readers), func(t *testing.T) {
			d, base := newDir(t)
			held, err := openDir(t, base, Local).create(local("x"))
			must(t, err)
			both := openers(t, d, held.ID, unix.O_RDWR)
			must(t, lockfile.Unlock(held.FD, lockfile.Holders)) // as its death does
			if alone, err := lockfile.TryExclusive(both[0].FD, lockfile.Holders); !alone {
				t.Fatal(err)
			}
			atPoint(t, "open.asked", func() {
				must(t, lockfile.Unlock(both[0].FD, lockfile.Holders)) // as its death does
			})
			if err := d.join(both[1], readers); err == nil {
				t.Error("the dead was raised")
			} else if !errors.Is(err, errAgain) && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			if err := d.join(both[1], readers); err == nil {
				t.Error("the dead was raised the second time")
			}
			must(t, held.DropHandle())
		})
	}
}

// TestReaderMeetsAnOpenOfTheMighty: the owner of a file may only read it, root may write
// it. Root's open is under way when the holder dies; to the owner it is as any other's.
func TestReaderMeetsAnOpenOfTheMighty(t *testing.T) {
	d, base := newDir(t)
	held, err := openDir(t, base, Local).create(local("x"))
	must(t, err)
	must(t, unix.Fchmod(held.FD, 0o400))
	fd, err := unix.Openat(d.fd, "x", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer func() { must(t, unix.Close(fd)) }()
	reader := &Object{FD: fd, ID: held.ID, dir: d, file: "x"}
	atPoint(t, "open.asked", func() {
		must(t, lockfile.Unlock(held.FD, lockfile.Holders)) // as its death does
		if err := d.join(reader, true); !errors.Is(err, errAgain) {
			t.Errorf("the reader says %v, and the object lives on", err)
		}
	})
	o, err := d.openOnce(local("x"), "x")
	must(t, err)
	must(t, o.DropHandle())
	must(t, held.DropHandle())
}

// TestOpenOfALinkedFile: while an open is under way somebody, who may do that on some
// systems, gives the file another name, and its last holder removes the first. The open
// does not get an object without a name.
func TestOpenOfALinkedFile(t *testing.T) {
	testkit.NeedRoot(t)
	base := newBase(t)
	d := openDir(t, base, Global)
	name := Name{Scope: Global, Base: "x"}
	held, err := openDir(t, base, Global).create(name)
	must(t, err)
	atPoint(t, "open.asked", func() {
		must(t, unix.Linkat(d.fd, "x", d.fd, "y", 0))
		must(t, held.DropHandle())
	})
	if _, err := d.openOnce(name, "x"); !errors.Is(err, errAgain) {
		t.Errorf("the open says %v of a file that is only y", err)
	}
	must(t, unix.Unlinkat(d.fd, "y", 0))
	_, err = d.Open(name)
	contains(t, err, fs.ErrNotExist)
}
