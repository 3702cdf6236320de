//go:build linux

package atoll

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// fiveTypes makes one object of each type.
func fiveTypes(t testing.TB, prefix string) []Object {
	t.Helper()
	name := func(typ string) string {
		if prefix == "" {
			return ""
		}
		return prefix + typ
	}
	section, err := CreateSection(name("section"), SectionOptions{Size: 4096})
	must(t, err)
	mutex, err := CreateMutex(name("mutex"), MutexOptions{})
	must(t, err)
	event, err := CreateEvent(name("event"), EventOptions{})
	must(t, err)
	semaphore, err := CreateSemaphore(name("semaphore"), SemaphoreOptions{Max: 5})
	must(t, err)
	timer, err := CreateTimer(name("timer"), TimerOptions{ManualReset: true})
	must(t, err)
	objects := []Object{section, mutex, event, semaphore, timer}
	t.Cleanup(func() {
		for _, o := range objects {
			if err := o.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		}
	})
	return objects
}

// works shows that a handle works, and is of the object whose first handle is given.
func works(t testing.TB, first, o Object) {
	t.Helper()
	switch o := o.(type) {
	case *Section:
		a, err := first.(*Section).Map(0, 0, 0)
		must(t, err)
		b, err := o.Map(Read, 0, 0)
		must(t, err)
		a.Bytes()[7]++
		if a.Bytes()[7] != b.Bytes()[7] {
			t.Errorf("%s: the views show different bytes", o.Type())
		}
		must(t, errors.Join(a.Close(), b.Close()))
	case *Mutex:
		ok, _, err := o.TryLock()
		if !ok || err != nil {
			t.Fatalf("lock: %v, %v", ok, err)
		}
		if ok, _, err := first.(*Mutex).TryLock(); ok || err != nil {
			t.Errorf("a mutex that another handle owns was locked: %v, %v", ok, err)
		}
		must(t, o.Unlock())
	case *Event:
		must(t, first.(*Event).Set())
		if ok, err := o.TryWait(); !ok || err != nil {
			t.Errorf("event: %v, %v", ok, err)
		}
	case *Semaphore:
		_, err := first.(*Semaphore).Release(1)
		must(t, err)
		if ok, err := o.TryWait(); !ok || err != nil {
			t.Errorf("semaphore: %v, %v", ok, err)
		}
	case *Timer:
		must(t, first.(*Timer).SetAfter(0, 0))
		if ok, err := o.TryWait(); !ok || err != nil {
			t.Errorf("timer: %v, %v", ok, err)
		}
	}
}

// Of every type, named or not, a duplicate is a handle of the same object, and
// either may be closed first.
func TestDuplicate(t *testing.T) {
	for _, prefix := range []string{"", "duplicate-"} {
		for _, o := range fiveTypes(t, prefix) {
			t.Run(prefix+o.Type().String(), func(t *testing.T) {
				before := len(testkit.Descriptors())
				d, err := Duplicate(o, SameAccess)
				must(t, err)
				if d.Name() != o.Name() || d.Type() != o.Type() || d.Access() != o.Access() || !SameObject(o, d) {
					t.Errorf("the duplicate is %s %q with %s", d.Type(), d.Name(), d.Access())
				}
				works(t, o, d)
				must(t, d.Close())
				if SameObject(o, d) || d.Descriptor() != ^uintptr(0) {
					t.Error("a closed handle is of the same object")
				}
				_, err = Duplicate(d, SameAccess)
				wantError(t, err, os.ErrClosed, 6)
				if n := len(testkit.Descriptors()); n > before {
					t.Errorf("%d descriptors, before %d", n, before)
				}
				d, err = Duplicate(o, SameAccess)
				must(t, err)
				must(t, o.Close())
				works(t, d, d)
				alive(t, o.Name(), true)
				must(t, d.Close())
				alive(t, o.Name(), false)
			})
		}
	}
}

// alive checks whether an object exists, if it has a name.
func alive(t testing.TB, name string, want bool) {
	t.Helper()
	if name == "" {
		return
	}
	if _, err := Stat(name); errors.Is(err, fs.ErrNotExist) == want {
		t.Errorf("%q: %v, want it alive: %v", name, err, want)
	}
}

func wantError(t testing.TB, err, sentinel error, number uint32) {
	t.Helper()
	if !errors.Is(err, sentinel) || errs.Number(err) != number {
		t.Errorf("got %v (%d), want %v (%d)", err, errs.Number(err), sentinel, number)
	}
}

// A duplicate may do less than its source, or more where the object allows it.
func TestDuplicateAccess(t *testing.T) {
	for _, o := range fiveTypes(t, "") {
		part, other := Wait, Read
		if o.Type() == TypeSection {
			part, other = Read, Wait
		}
		narrow, err := Duplicate(o, part)
		must(t, err)
		if narrow.Access() != part {
			t.Errorf("%s: the duplicate has %s, want %s", o.Type(), narrow.Access(), part)
		}
		wide, err := Duplicate(narrow, o.Access())
		must(t, err)
		if wide.Access() != o.Access() {
			t.Errorf("%s: the duplicate has %s, want %s", o.Type(), wide.Access(), o.Access())
		}
		works(t, o, wide)
		_, err = Duplicate(o, part|other)
		wantError(t, err, fs.ErrPermission, 5)
		must(t, errors.Join(narrow.Close(), wide.Close()))
	}
	readOnly, err := CreateSection("", SectionOptions{Size: 4096, Protection: ReadOnly})
	must(t, err)
	defer func() { must(t, readOnly.Close()) }()
	_, err = Duplicate(readOnly, Read|Write)
	wantError(t, err, fs.ErrPermission, 5)
	_, err = Duplicate[*Section](nil, 0)
	wantError(t, err, fs.ErrInvalid, 6)
	_, err = Duplicate[Object](nil, 0)
	wantError(t, err, fs.ErrInvalid, 6)
}

// A handle for reading cannot map for writing, also of a file section, whose
// duplicate has a descriptor of its own.
func TestDuplicateOfFileSection(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	must(t, err)
	s, err := CreateSection("", SectionOptions{File: f, Size: 4096})
	must(t, err)
	must(t, f.Close())
	d, err := Duplicate(s, Read)
	must(t, err)
	works(t, s, d)
	_, err = d.Map(Write, 0, 0)
	wantError(t, err, fs.ErrPermission, 5)
	must(t, s.Close())
	second, err := Duplicate(d, Read|Write)
	must(t, err)
	works(t, second, d)
	must(t, errors.Join(d.Close(), second.Close()))
}

// The owner of a mutex is a handle: a duplicate neither owns it nor gives it up.
func TestDuplicateOfOwnedMutex(t *testing.T) {
	m := newTestMutex(t, "", MutexOptions{InitiallyOwned: true})
	d, err := Duplicate(m, SameAccess)
	must(t, err)
	wantError(t, d.Unlock(), ErrNotOwner, 288)
	must(t, d.Close())
	d, err = Duplicate(m, SameAccess)
	must(t, err)
	must(t, m.Unlock())
	ok, previous, err := d.TryLock()
	if !ok || previous != nil || err != nil {
		t.Errorf("lock: %v, %v, %v", ok, previous, err)
	}
	must(t, d.Close())
	if _, previous, err := m.TryLock(); previous == nil || err != nil {
		t.Errorf("the mutex was abandoned, but lock says %v, %v", previous, err)
	}
}
