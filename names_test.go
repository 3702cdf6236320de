//go:build linux

package atoll

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// A kind is how each type is created and opened, so that one test serves them all.
type kind struct {
	typ          Type
	create, open func(name string) (Object, error)
	createOrOpen func(name string) (o Object, created bool, err error)
}

// object hides the difference between no handle and no interface.
func object[T Object](o T, err error) (Object, error) {
	if err != nil {
		return nil, err
	}
	return o, nil
}

var (
	mutexes = kind{
		TypeMutex,
		func(name string) (Object, error) { return object(CreateMutex(name, MutexOptions{})) },
		func(name string) (Object, error) { return object(OpenMutex(name, 0)) },
		func(name string) (Object, bool, error) {
			m, created, err := CreateOrOpenMutex(name, MutexOptions{})
			o, err := object(m, err)
			return o, created, err
		},
	}
	events = kind{
		TypeEvent,
		func(name string) (Object, error) { return object(CreateEvent(name, EventOptions{})) },
		func(name string) (Object, error) { return object(OpenEvent(name, 0)) },
		func(name string) (Object, bool, error) {
			e, created, err := CreateOrOpenEvent(name, EventOptions{})
			o, err := object(e, err)
			return o, created, err
		},
	}
	sections = kind{
		TypeSection,
		func(name string) (Object, error) { return object(CreateSection(name, SectionOptions{Size: 4096})) },
		func(name string) (Object, error) { return object(OpenSection(name, 0)) },
		func(name string) (Object, bool, error) {
			s, created, err := CreateOrOpenSection(name, SectionOptions{Size: 4096})
			o, err := object(s, err)
			return o, created, err
		},
	}
	semaphores = kind{
		TypeSemaphore,
		func(name string) (Object, error) { return object(CreateSemaphore(name, SemaphoreOptions{Max: 1})) },
		func(name string) (Object, error) { return object(OpenSemaphore(name, 0)) },
		func(name string) (Object, bool, error) {
			s, created, err := CreateOrOpenSemaphore(name, SemaphoreOptions{Max: 1})
			o, err := object(s, err)
			return o, created, err
		},
	}
	timers = kind{
		TypeTimer,
		func(name string) (Object, error) { return object(CreateTimer(name, TimerOptions{})) },
		func(name string) (Object, error) { return object(OpenTimer(name, 0)) },
		func(name string) (Object, bool, error) {
			t, created, err := CreateOrOpenTimer(name, TimerOptions{})
			o, err := object(t, err)
			return o, created, err
		},
	}
	jobs = kind{
		TypeJob,
		func(name string) (Object, error) { return object(CreateJob(name, JobOptions{})) },
		func(name string) (Object, error) { return object(OpenJob(name, 0)) },
		func(name string) (Object, bool, error) {
			j, created, err := CreateOrOpenJob(name, JobOptions{})
			o, err := object(j, err)
			return o, created, err
		},
	}
	kinds = []kind{mutexes, events, sections, semaphores, timers, jobs}
)

// made checks that a call gave a handle, and closes it at the end of the test.
func made(t *testing.T) func(o Object, err error) Object {
	return func(o Object, err error) Object {
		t.Helper()
		must(t, err)
		closeLater(t, o)
		return o
	}
}

// refused checks that a call gave no handle but an error that is, and has the
// number, and names operation, type and name.
func refused(t *testing.T, number uint32, is error) func(o Object, err error) {
	return func(o Object, err error) {
		t.Helper()
		var e *Error
		switch {
		case err == nil:
			t.Fatalf("it was made: %v", o.Close())
		case !errors.Is(err, is) || !errors.As(err, &e):
			t.Fatalf("got %v, want %v", err, is)
		case e.Win32() != number:
			t.Errorf("%v has the number %d, want %d", err, e.Win32(), number)
		case o != nil:
			t.Errorf("an error and a handle: %v", err)
		case e.Op == "" || e.Type == 0 || strings.Contains(err.Error(), "\n"):
			t.Errorf("%q: %+v", err, e)
		}
	}
}

// same says whether two handles are of one object.
func same(t *testing.T, a, b Object) bool {
	t.Helper()
	switch a := a.(type) {
	case *Mutex:
		ok, _, err := a.TryLock()
		must(t, err)
		if !ok {
			t.Fatal("it is owned")
		}
		defer func() { must(t, a.Unlock()) }()
		ok, _, err = b.(*Mutex).TryLock()
		if must(t, err); ok {
			must(t, b.(*Mutex).Unlock())
		}
		return !ok
	case *Event:
		must(t, a.Set())
		ok, err := b.(*Event).TryWait()
		must(t, errors.Join(err, a.Reset()))
		return ok
	case *Semaphore:
		_, err := a.Release(1)
		must(t, err)
		ok, err := b.(*Semaphore).TryWait()
		must(t, err)
		_, err = a.TryWait()
		must(t, err)
		return ok
	case *Timer:
		must(t, a.SetAfter(0, 0))
		ok, err := b.(*Timer).TryWait()
		must(t, err)
		_, err = a.TryWait()
		must(t, err)
		return ok
	case *Job:
		code := rand.IntN(1 << 30)
		must(t, a.Terminate(code))
		got, ok, err := b.(*Job).Terminated()
		must(t, err)
		return ok && got == code
	case *Section:
		v, w := newTestView(t, a, 0, 0, 0), newTestView(t, b.(*Section), 0, 0, 0)
		defer func() { must(t, errors.Join(v.Close(), w.Close())) }()
		v.Bytes()[7]++
		return v.Bytes()[7] == w.Bytes()[7]
	}
	t.Fatalf("what is a %T?", a)
	return false
}

// all runs a test for each type under a name that is free.
func all(t *testing.T, test func(t *testing.T, k kind, name string)) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.typ.String(), func(t *testing.T) { test(t, k, "names") })
	}
}

func TestNames(t *testing.T) {
	fresh := func(k kind) func(t *testing.T) {
		return func(t *testing.T) {
			a := made(t)(k.create("names"))
			if a.Name() != "names" || a.Type() != k.typ {
				t.Errorf("made %s %q", a.Type(), a.Name())
			}
			must(t, a.Close())
			b, created, err := k.createOrOpen("names")
			if made(t)(b, err); !created {
				t.Error("it was there already")
			}
		}
	}
	t.Run("C001", fresh(mutexes))
	t.Run("C002", fresh(events))
	t.Run("C005", fresh(sections))
	t.Run("C006", fresh(jobs))
	exists := func(k kind) func(t *testing.T) {
		return func(t *testing.T) {
			made(t)(k.create("names"))
			refused(t, 183, fs.ErrExist)(k.create("names"))
			b, created, err := k.createOrOpen("names")
			if made(t)(b, err); created {
				t.Error("two objects of one name")
			}
		}
	}
	t.Run("C008", exists(events))
	t.Run("C012", exists(jobs))
	t.Run("a mutex exists", exists(mutexes))
	t.Run("a section exists", exists(sections))
	t.Run("C013", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, name string) {
			a := made(t)(k.create(name))
			b, _, err := k.createOrOpen(name)
			made(t)(b, err)
			c := made(t)(k.open(name))
			if !same(t, a, b) || !same(t, b, c) || !same(t, c, a) {
				t.Error("two objects of one name")
			}
		})
	})
	missing := func(k kind) func(t *testing.T) {
		return func(t *testing.T) { refused(t, 2, fs.ErrNotExist)(k.open("names")) }
	}
	t.Run("C014", missing(mutexes))
	t.Run("an event is missing", missing(events))
	t.Run("C018", missing(sections))
	t.Run("C020", func(t *testing.T) {
		refused(t, 2, fs.ErrNotExist)(object(OpenMutex("names", 0)))
	})
}

func TestUnnamed(t *testing.T) {
	t.Run("C052", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) {
			a, b := made(t)(k.create("")), made(t)(k.create(""))
			if same(t, a, b) || a.Name() != "" {
				t.Error("two unnamed objects are one")
			}
		})
	})
	unnamed := func(k kind) func(t *testing.T) {
		return func(t *testing.T) {
			o, created, err := k.createOrOpen("")
			if made(t)(o, err); !created {
				t.Error("it was there already")
			}
			refused(t, 6, ErrWrongType)(k.open(""))
		}
	}
	t.Run("C053", unnamed(mutexes))
	t.Run("C054", func(t *testing.T) { unnamed(events)(t); unnamed(sections)(t) })
}

// Names are case-sensitive, and only the backslash is special.
func TestNameText(t *testing.T) {
	t.Run("C041", func(t *testing.T) {
		made(t)(mutexes.create("WineTestMutex"))
		refused(t, 2, fs.ErrNotExist)(mutexes.open("WINETESTMUTEX"))
	})
	t.Run("C042", func(t *testing.T) {
		a, b := made(t)(mutexes.create("WineTestMutex")), made(t)(mutexes.create("WINETESTMUTEX"))
		if same(t, a, b) {
			t.Error("names differ in case and are one object")
		}
	})
	t.Run("C046", func(t *testing.T) {
		made(t)(sections.create("Wine Test Mapping"))
		refused(t, 2, fs.ErrNotExist)(sections.open("WINE TEST MAPPING"))
	})
	t.Run("C056", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) {
			refused(t, 3, fs.ErrNotExist)(k.create(`a\b`))
			o, _, err := k.createOrOpen(`a\b`)
			refused(t, 3, fs.ErrNotExist)(o, err)
		})
	})
	t.Run("C057", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) { refused(t, 3, fs.ErrNotExist)(k.open(`a\b`)) })
	})
	t.Run("C058", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) {
			for _, name := range []string{`a/b:c*?<>|" é`, ".", "..", "../../x", "members", "-rf", "%", "~", " ", "\x01\n", "\u202e"} {
				a := made(t)(k.create(name))
				b := made(t)(k.open(name))
				if b.Name() != name || !same(t, a, b) {
					t.Errorf("%q became %q", name, b.Name())
				}
			}
		})
	})
}

func TestNameLength(t *testing.T) {
	t.Run("C060", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) {
			for _, name := range []string{strings.Repeat("n", 32766), strings.Repeat("日", 32766), strings.Repeat("\U0001F41A", 16383), `Local\` + strings.Repeat("n", 32760)} {
				a := made(t)(k.create(name))
				b := made(t)(k.open(name))
				if !same(t, a, b) {
					t.Error("two objects of one name")
				}
				info, err := Stat(name)
				if err != nil || info.Name != strings.TrimPrefix(name, `Local\`) || info.Type != k.typ {
					t.Errorf("looks like a %s of %d bytes, %v", info.Type, len(info.Name), err)
				}
			}
			n := 0
			for info, err := range List(LocalScope) {
				if must(t, err); len(info.Name) >= 32760 && info.Problem == "" {
					n++
				}
			}
			if n != 4 {
				t.Errorf("%d of 4 long names are listed", n)
			}
		})
	})
	t.Run("C061", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) {
			for _, name := range []string{strings.Repeat("n", 32767), strings.Repeat("日", 32767), strings.Repeat("\U0001F41A", 16384), `Local\` + strings.Repeat("n", 32761)} {
				refused(t, 123, ErrBadName)(k.create(name))
				refused(t, 123, ErrBadName)(k.open(name))
			}
		})
	})
}

func TestNamePrefix(t *testing.T) {
	t.Run("C064", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) {
			a := made(t)(k.create(`Local\Foo`))
			if !same(t, a, made(t)(k.open(`Local\Foo`))) || !same(t, a, made(t)(k.open("Foo"))) {
				t.Error(`Local\Foo and Foo are not one object`)
			}
		})
	})
	t.Run("C065", func(t *testing.T) {
		testkit.NeedRoot(t)
		all(t, func(t *testing.T, k kind, _ string) {
			a := made(t)(k.create(`Global\X`))
			refused(t, 2, fs.ErrNotExist)(k.open("X"))
			b := made(t)(k.create("X"))
			if same(t, a, b) || !same(t, a, made(t)(k.open(`Global\X`))) {
				t.Error("Local and Global are not two directories")
			}
		})
	})
	t.Run("C069", func(t *testing.T) {
		for _, name := range []string{`global\X`, `LOCAL\X`, `GLOBAL\X`, `local\X`} {
			refused(t, 3, fs.ErrNotExist)(mutexes.create(name))
			refused(t, 3, fs.ErrNotExist)(mutexes.open(name))
		}
	})
}

func TestBadNames(t *testing.T) {
	t.Run("bad names", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, _ string) {
			for name, want := range map[string]struct {
				number uint32
				is     error
			}{
				`\x`: {161, ErrBadName}, `Local\`: {123, ErrBadName}, `Global\\x`: {123, ErrBadName}, "a\x00b": {123, ErrBadName},
				"\xff": {123, ErrBadName}, "Local": {6, ErrWrongType}, "Global": {6, ErrWrongType}, `Session\1\x`: {5, fs.ErrPermission},
			} {
				refused(t, want.number, want.is)(k.create(name))
				refused(t, want.number, want.is)(k.open(name))
			}
		})
	})
}

func TestNameTypes(t *testing.T) {
	clash := func(existing, other kind) func(t *testing.T) {
		return func(t *testing.T) {
			a := made(t)(existing.create("names"))
			refused(t, 6, ErrWrongType)(other.create("names"))
			o, _, err := other.createOrOpen("names")
			refused(t, 6, ErrWrongType)(o, err)
			if !same(t, a, made(t)(existing.open("names"))) {
				t.Error("the object that was there is another one now")
			}
		}
	}
	t.Run("C021", clash(mutexes, events))
	t.Run("C024", clash(mutexes, sections))
	t.Run("C025", clash(mutexes, jobs))
	t.Run("C026", clash(events, mutexes))
	t.Run("C028", clash(semaphores, sections))
	t.Run("C029", clash(timers, sections))
	t.Run("C030", clash(jobs, sections))
	t.Run("C032", clash(sections, events))
	t.Run("C036", func(t *testing.T) {
		t.Run("event, section", clash(events, sections))
		t.Run("section, mutex", clash(sections, mutexes))
		t.Run("semaphore, mutex", clash(semaphores, mutexes))
		t.Run("timer, event", clash(timers, events))
		t.Run("mutex, semaphore", clash(mutexes, semaphores))
		t.Run("event, timer", clash(events, timers))
		t.Run("job, event", clash(jobs, events))
		t.Run("section, job", clash(sections, jobs))
	})
	opens := func(existing, other kind) func(t *testing.T) {
		return func(t *testing.T) {
			made(t)(existing.create("names"))
			refused(t, 6, ErrWrongType)(other.open("names"))
		}
	}
	t.Run("C037", opens(events, mutexes))
	t.Run("C038", opens(mutexes, sections))
	t.Run("C040", func(t *testing.T) {
		m, err := CreateMutex("names", MutexOptions{InitiallyOwned: true})
		must(t, err)
		closeLater(t, m)
		refused(t, 6, ErrWrongType)(events.create("names"))
		refused(t, 6, ErrWrongType)(sections.open("names"))
		again, err := OpenMutex("names", 0)
		must(t, err)
		closeLater(t, again)
		if ok, _, err := again.TryLock(); ok || err != nil {
			t.Errorf("it lost its owner: %v, %v", ok, err)
		}
		must(t, m.Unlock())
	})
}

var _ = testkit.Role("names.hold", func(self *testkit.Self) {
	for _, k := range kinds {
		if k.typ.String() == self.Args[0] {
			o, created, err := k.createOrOpen(self.Args[1])
			self.Must(err)
			self.Say("created %v", created)
			self.Hear()
			if len(self.Args) > 2 {
				self.Must(o.Close())
			}
		}
	}
})

func TestNameLife(t *testing.T) {
	t.Run("C076", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, name string) {
			must(t, made(t)(k.create(name)).Close())
			refused(t, 2, fs.ErrNotExist)(k.open(name))
		})
	})
	t.Run("C077", func(t *testing.T) {
		s := newTestSection(t, "names", SectionOptions{Size: 4096})
		v := newTestView(t, s, 0, 0, 0)
		v.Bytes()[0] = 42
		must(t, s.Close())
		refused(t, 2, fs.ErrNotExist)(sections.open("names"))
		t.Run("C078", func(t *testing.T) {
			fresh := newTestSection(t, "names", SectionOptions{Size: 4096})
			w := newTestView(t, fresh, 0, 0, 0)
			if w.Bytes()[0] != 0 || v.Bytes()[0] != 42 {
				t.Errorf("the new section has %d, the old view %d", w.Bytes()[0], v.Bytes()[0])
			}
		})
	})
	t.Run("C078", func(t *testing.T) {
		s := newTestSection(t, "names", SectionOptions{Size: 4096})
		v := newTestView(t, s, 0, 0, 0)
		v.Bytes()[0] = 42
		must(t, s.Close())
		fresh, created, err := CreateOrOpenSection("names", SectionOptions{Size: 4096})
		must(t, err)
		closeLater(t, fresh)
		w := newTestView(t, fresh, 0, 0, 0)
		if w.Bytes()[0] = 7; !created || v.Bytes()[0] != 42 {
			t.Errorf("created %v, the old view has %d", created, v.Bytes()[0])
		}
	})
	t.Run("C080", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, name string) {
			// It ends well, with and without closing, and by a kill.
			for i, end := range []func(c *testkit.Child){(*testkit.Child).End, (*testkit.Child).End, (*testkit.Child).Kill} {
				args := []string{k.typ.String(), name}
				if i == 0 {
					args = append(args, "close")
				}
				first := testkit.Start(t, "names.hold", args...)
				first.Expect("created true")
				second := testkit.Start(t, "names.hold", args...)
				second.Expect("created false")
				end(first)
				mine := made(t)(k.open(name))
				end(second)
				must(t, made(t)(k.open(name)).Close())
				must(t, mine.Close())
				refused(t, 2, fs.ErrNotExist)(k.open(name))
			}
		})
	})
}

// What a call that opens ignores, and what it does not.
func TestOpenedByName(t *testing.T) {
	t.Run("C081", func(t *testing.T) {
		made(t)(mutexes.create("names"))
		m, created, err := CreateOrOpenMutex("names", MutexOptions{InitiallyOwned: true})
		must(t, err)
		closeLater(t, m)
		err = m.Unlock()
		var e *Error
		if created || !errors.Is(err, ErrNotOwner) || !errors.As(err, &e) || e.Win32() != 288 {
			t.Errorf("created %v, unlock: %v", created, err)
		}
		if ok, _, err := m.TryLock(); !ok || err != nil {
			t.Errorf("it has an owner: %v", err)
		}
		must(t, m.Unlock())
	})
	t.Run("C084", func(t *testing.T) {
		newTestSection(t, "names", SectionOptions{Size: 4096})
		s, created, err := CreateOrOpenSection("names", SectionOptions{Size: 65536})
		must(t, err)
		closeLater(t, s)
		if created || s.Size() != 4096 {
			t.Errorf("created %v, size %d", created, s.Size())
		}
		_, err = s.Map(0, 0, 65536)
		var e *Error
		if !errors.As(err, &e) || e.Win32() != errs.AccessDenied {
			t.Errorf("a view of more than there is: %v", err)
		}
	})
	t.Run("C090", func(t *testing.T) {
		all(t, func(t *testing.T, k kind, name string) {
			first := made(t)(k.create(name))
			handles := []io.Closer{first}
			for i := range 1000 {
				o, err := k.open(name)
				must(t, err)
				handles = append(handles, o)
				if i%3 == 0 {
					j := i % len(handles)
					must(t, handles[j].Close())
					handles = append(handles[:j], handles[j+1:]...)
				}
			}
			for i, h := range handles {
				must(t, made(t)(k.open(name)).Close())
				must(t, h.Close())
				if err := h.Close(); !errors.Is(err, os.ErrClosed) {
					t.Fatalf("handle %d closed twice: %v", i, err)
				}
			}
			refused(t, 2, fs.ErrNotExist)(k.open(name))
		})
	})
	t.Run("a lock through a closed handle", func(t *testing.T) {
		m, err := CreateMutex("names", MutexOptions{})
		must(t, err)
		must(t, m.Close())
		if _, err := m.Lock(context.Background()); !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// asUser is a child of another user, with a base directory of its own.
func asUser(t *testing.T, uid uint32, base, role string, args ...string) *testkit.Child {
	t.Helper()
	testkit.NeedRoot(t)
	cmd := testkit.Command(role, args...)
	cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return testkit.StartCommand(t, cmd)
}

// publicBase is a base directory that all users may use, as /dev/shm is.
func publicBase(t *testing.T) string {
	t.Helper()
	must(t, os.Chmod(testkit.Base(), 0o711))
	base, err := os.MkdirTemp(testkit.Base(), "public-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(base)) })
	must(t, os.Chmod(base, fs.ModeSticky|0o777))
	return base
}

var _ = testkit.Role("names.try", func(self *testkit.Self) {
	say := func(what string, o Object, err error) {
		if e, ok := errors.AsType[*Error](err); ok {
			self.Say("%s: %d, %v", what, e.Win32(), err)
			return
		}
		self.Must(err)
		self.Must(o.Close())
		self.Say("%s: made", what)
	}
	for _, k := range kinds {
		o, err := k.open(self.Args[0])
		say("open "+k.typ.String(), o, err)
		o, err = k.create(self.Args[0])
		say("create "+k.typ.String(), o, err)
	}
})

func TestNamesOfUsers(t *testing.T) {
	testkit.NeedRoot(t)
	t.Run("C068", func(t *testing.T) {
		base := publicBase(t)
		for _, k := range kinds {
			a := asUser(t, 12345, base, "names.hold", k.typ.String(), "X")
			b := asUser(t, 12346, base, "names.hold", k.typ.String(), "X")
			a.Expect("created true")
			b.Expect("created true")
			a.End()
			b.End()
		}
	})
	t.Run("C070", func(t *testing.T) {
		// What a privilege is on Windows is an administrator's preparation here.
		base := publicBase(t)
		path := filepath.Join(base, "atoll")
		c := asUser(t, 12345, base, "names.try", `Global\F`)
		for range kinds {
			for _, want := range []string{": 2, ", ": 5, "} {
				if line := c.Line(); !strings.Contains(line, want) || !strings.Contains(line, "as root, run: atoll setup --apply (or: mkdir -m 1777 "+path) {
					t.Errorf("%q does not say %q and how", line, want)
				}
			}
		}
		c.End()
	})
	t.Run("C072", func(t *testing.T) {
		base := publicBase(t)
		for _, path := range []string{"atoll", "atoll/members"} {
			must(t, os.Mkdir(filepath.Join(base, path), 0o700))
			must(t, os.Chmod(filepath.Join(base, path), fs.ModeSticky|0o777))
		}
		c := asUser(t, 12345, base, "names.try", `Global\M`)
		for _, k := range kinds {
			if line := c.Line(); !strings.HasPrefix(line, "open "+k.typ.String()+": 2, ") {
				t.Error(line)
			}
			c.Expect("create " + k.typ.String() + ": made")
		}
		c.End()
	})
}
