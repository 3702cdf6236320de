//go:build linux

package namespace

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

func TestCreateOpenClose(t *testing.T) {
	d, base := newDir(t)
	other := openDir(t, base, Local) // as another process has it
	x := local("x")
	_, err := d.Open(x)
	contains(t, err, fs.ErrNotExist)

	a, err := d.create(x)
	must(t, err)
	must(t, a.sound())
	_, err = d.create(x)
	contains(t, err, fs.ErrExist)
	again, err := d.Open(x)
	if must(t, err); again != a {
		t.Error("a process has two descriptions of one object")
	}
	b, err := other.Open(x)
	must(t, err)
	if b == a || b.ID != a.ID || b.Header != a.Header {
		t.Errorf("opened %+v, created %+v", b.Header, a.Header)
	}
	must(t, a.DropHandle())
	must(t, a.DropHandle())
	must(t, b.sound())
	if _, err := d.create(x); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created though another holds it: %v", err)
	}
	must(t, b.DropHandle())
	_, err = d.Open(x)
	contains(t, err, fs.ErrNotExist)
	empty(t, d)
	must(t, d.round(x))
	empty(t, d)
}

// A view keeps the memory, but not the name.
func TestViewKeepsTheMemoryOnly(t *testing.T) {
	d, base := newDir(t)
	other := openDir(t, base, Local)
	x := local("x")
	a, err := d.create(x)
	must(t, err)
	must(t, a.AddView())
	must(t, a.AddView())
	must(t, a.DropHandle())
	_, err = other.Open(x)
	contains(t, err, fs.ErrNotExist)
	empty(t, d)
	b, err := other.create(x)
	must(t, err)
	if b.ID == a.ID {
		t.Error("the new object is the old one")
	}
	c, err := d.Open(x)
	must(t, err)
	if c == a || c.ID != b.ID {
		t.Error("an open leads to the object that is gone")
	}
	must(t, c.DropHandle())
	n, err := lockfile.ReadAt(a.FD, make([]byte, 10), 0)
	if n != 10 || err != nil {
		t.Errorf("the memory is gone: %d, %v", n, err)
	}
	must(t, a.DropView())
	must(t, a.DropView())
	if a.FD != -1 {
		t.Error("the description is still open")
	}
	must(t, b.DropHandle())
	empty(t, d)
}

// A view holds a byte of its own, so that nobody truncates the memory under it.
func TestViewHoldsItsByte(t *testing.T) {
	d, base := newDir(t)
	a, err := d.create(local("x"))
	must(t, err)
	b, err := openDir(t, base, Local).Open(local("x"))
	must(t, err)
	held := func(want bool) {
		t.Helper()
		if got, err := lockfile.HeldByOther(b.FD, lockfile.Viewers); err != nil || got != want {
			t.Errorf("the byte of views held: %v, %v, want %v", got, err, want)
		}
	}
	held(false)
	must(t, a.AddView())
	must(t, a.AddView())
	held(true)
	must(t, a.DropView())
	held(true)
	must(t, a.DropView())
	held(false)
	must(t, errors.Join(a.DropHandle(), b.DropHandle()))
	empty(t, d)
}

func TestUnnamed(t *testing.T) {
	fd, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC)
	must(t, err)
	o, err := Unnamed(fd, layout.Header{Type: layout.Event}, true)
	must(t, err)
	must(t, o.AddHandle())
	must(t, o.AddView())
	must(t, o.DropHandle())
	must(t, o.DropHandle())
	if o.Named() || o.FD == -1 {
		t.Error("a view keeps an unnamed object")
	}
	must(t, o.DropView())
	if o.FD != -1 {
		t.Error("it is still open")
	}
}

func TestSharedIsMadeOnce(t *testing.T) {
	d, _ := newDir(t)
	o, err := d.create(local("x"))
	must(t, err)
	failure := errors.New("no")
	if _, err := o.Shared(func() (any, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	for i := range 3 {
		if v, err := o.Shared(func() (any, error) { return i, nil }); v != 0 || err != nil {
			t.Errorf("got %v, %v", v, err)
		}
	}
	must(t, o.DropHandle())
}

// A build that fails leaves nothing, neither a file nor a descriptor.
func TestFailedBuildLeavesNothing(t *testing.T) {
	d, _ := newDir(t)
	before := len(testkit.Descriptors())
	failure := errors.New("no")
	_, err := d.Create(local("x"), newHeader(local("x")), access.CreatorAlone, func(int) error { return failure })
	contains(t, err, failure)
	empty(t, d)
	if after := len(testkit.Descriptors()); after != before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}

// Longest names are real names.
func TestLongestNames(t *testing.T) {
	d, base := newDir(t)
	other := openDir(t, base, Local)
	long := strings.Repeat("日", MaxUnits)
	almost := long[:len(long)-3] + "月"
	var objects []*Object
	for _, text := range []string{long, almost, strings.Repeat("\U0001F41A", MaxUnits/2), strings.Repeat("x", 255), strings.Repeat("x", 256)} {
		name, err := Parse(text)
		must(t, err)
		o, err := d.create(name)
		must(t, err)
		objects = append(objects, o)
		again, err := other.Open(name)
		must(t, err)
		if again.Header.Name != text {
			t.Errorf("opened %.20q, not %.20q", again.Header.Name, text)
		}
		s, err := other.PeekName(name)
		if err != nil || s.Problem != nil || !s.Alive || s.Name(Local) != name {
			t.Errorf("looks like %.20q, %v, %v", s.Header.Name, s.Problem, err)
		}
		must(t, again.DropHandle())
	}
	if list := files(t, d); len(list) != len(objects) {
		t.Errorf("%d files for %d objects", len(list), len(objects))
	}
	for _, o := range objects {
		must(t, o.DropHandle())
	}
	empty(t, d)
}

// What lies under a name that no object has is an error, and stays.
func TestWhatIsNoObject(t *testing.T) {
	x := local("x")
	sound := newHeader(x)
	for name, c := range map[string]struct {
		content []byte
		size    int64 // 0: that of content
		is      error
		says    string
	}{
		"nothing":         {nil, 0, errs.ErrCorrupt, "is 0 bytes long, too short"},
		"2^62 of zeros":   {nil, 1 << 62, errs.ErrCorrupt, "is not an Atoll object"},
		"a text":          {[]byte(strings.Repeat("#!/bin/sh\n", 500)), 0, errs.ErrCorrupt, "is not an Atoll object: it begins with"},
		"magic only":      {[]byte(layout.Magic), 0, errs.ErrCorrupt, "too short"},
		"another layout":  {flipped(sound, 12), 0, errs.ErrVersion, "layout signature"},
		"another version": {flipped(sound, 8), 0, errs.ErrVersion, "format version 0"},
		"damaged":         {flipped(sound, 56), 0, errs.ErrCorrupt, "damaged header"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newDir(t)
			must(t, os.WriteFile(d.at("x"), c.content, 0o600))
			if c.size != 0 {
				if err := os.Truncate(d.at("x"), c.size); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				_, err := d.Open(x)
				contains(t, err, c.is, d.at("x"), c.says)
				_, _, err = d.obtain(x)
				contains(t, err, c.is, d.at("x"), c.says)
			}
			// A sweep removes what has the magic, which says that it was ours, for
			// nobody holds it; all else it leaves.
			_, err := d.Sweep()
			must(t, err)
			if left := len(files(t, d)) == 1; left == layout.HasMagic(c.content) {
				t.Errorf("after a sweep it is there: %v", left)
			}
		})
	}
}

func flipped(h layout.Header, at int) []byte {
	b := h.Encode()
	b[at] ^= 1
	return append(b, make([]byte, h.FileSize()-int64(len(b)))...)
}

// A live object that somebody damages is refused, and not removed.
func TestDamagedWhileAlive(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(d *Dir, o *Object) error
		says   string
	}{
		"truncated":     {func(d *Dir, _ *Object) error { return os.Truncate(d.at("x"), 2000) }, "is 2000 bytes long, its header says 4096"},
		"emptied":       {func(d *Dir, _ *Object) error { return os.Truncate(d.at("x"), 0) }, "is 0 bytes long"},
		"grown":         {func(d *Dir, _ *Object) error { return os.Truncate(d.at("x"), 4097) }, "is 4097 bytes long, its header says 4096"},
		"grown to 2^62": {func(d *Dir, _ *Object) error { return os.Truncate(d.at("x"), 1<<62) }, "its header says 4096"},
		"linked":        {func(d *Dir, _ *Object) error { return os.Link(d.at("x"), d.at("y")) }, "has 2 hard links"},
		"another name": {func(_ *Dir, o *Object) error {
			h := newHeader(local("y"))
			return lockfile.WriteAt(o.FD, h.Encode(), 0)
		}, `is the object "y", not "x"`},
		"wiped": {func(_ *Dir, o *Object) error { return lockfile.WriteAt(o.FD, make([]byte, 4096), 0) }, "is not an Atoll object"},
	} {
		t.Run(name, func(t *testing.T) {
			d, base := newDir(t)
			other := openDir(t, base, Local)
			o, err := d.create(local("x"))
			must(t, err)
			must(t, c.damage(d, o))
			_, err = other.Open(local("x"))
			contains(t, err, errs.ErrCorrupt, d.at("x"), c.says)
			_, err = other.create(local("x"))
			contains(t, err, fs.ErrExist)
			removed, _ := other.Sweep()
			if removed != 0 {
				t.Error("a sweep removed a live object")
			}
			must(t, o.DropHandle())
		})
	}
}

// Every byte of a live object's header, flipped by a peer: an error that says so.
func TestEveryByteOfALiveHeader(t *testing.T) {
	d, base := newDir(t)
	other := openDir(t, base, Local)
	o, err := d.create(local("x"))
	must(t, err)
	sound := o.Header.Encode()
	for i := range sound {
		if i >= layout.HeaderSize && i < layout.NameOffset {
			continue // state
		}
		must(t, lockfile.WriteAt(o.FD, []byte{sound[i] ^ 0x10}, int64(i)))
		_, err := other.Open(local("x"))
		if !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrVersion) {
			t.Errorf("byte %d: %v", i, err)
		}
		must(t, lockfile.WriteAt(o.FD, sound[i:i+1], int64(i)))
	}
	b, err := other.Open(local("x"))
	must(t, err)
	must(t, errors.Join(b.DropHandle(), o.DropHandle()))
	empty(t, d)
}

// A file that somebody moved to another name is no object of that name, neither
// for others nor for the process that holds it.
func TestMovedFile(t *testing.T) {
	d, base := newDir(t)
	other := openDir(t, base, Local)
	o, err := d.create(local("x"))
	must(t, err)
	must(t, os.Rename(d.at("x"), d.at("y")))
	for _, dir := range []*Dir{d, other} {
		_, err = dir.Open(local("y"))
		contains(t, err, errs.ErrCorrupt, `is the object "x", not "y"`)
		_, err = dir.Open(local("x"))
		contains(t, err, fs.ErrNotExist)
	}
	must(t, other.round(local("x"))) // the name is free for a new one
	must(t, o.DropHandle())
	removed, err := d.Sweep()
	if must(t, err); removed != 1 {
		t.Errorf("removed %d", removed)
	}
	empty(t, d)
}

// rm of a live object's file: those who hold it keep it, the next create makes
// another, and neither close removes the other's file.
func TestRemovedUnderLiveHandles(t *testing.T) {
	d, base := newDir(t)
	other := openDir(t, base, Local)
	old, err := d.create(local("x"))
	must(t, err)
	must(t, os.Remove(d.at("x")))
	_, err = d.Open(local("x"))
	contains(t, err, fs.ErrNotExist)
	fresh, err := other.create(local("x"))
	must(t, err)
	mine, err := d.Open(local("x"))
	must(t, err)
	if mine.ID != fresh.ID || mine.ID == old.ID {
		t.Error("an open leads to the removed object")
	}
	must(t, old.DropHandle())
	must(t, fresh.sound())
	must(t, mine.DropHandle())
	must(t, fresh.DropHandle())
	empty(t, d)
}
