//go:build linux

package onlinux

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"testing"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/testkit"
	"atoll/internal/thread"
)

// The process's first thread never ends, so no test may come to run on it.
func init() { runtime.LockOSThread() }

// worker is a thread that does what it is told, and ends when it is told.
type worker struct {
	*thread.Thread
	work chan func()
	t    tester
}

func newWorker(t tester) *worker {
	t.Helper()
	w := &worker{work: make(chan func()), t: t}
	began := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var err error
		w.Thread, err = thread.Self()
		began <- err
		for f := range w.work {
			f()
		}
	}()
	if err := <-began; err != nil {
		t.Fatal(err)
	}
	return w
}

// begin has the thread do something; the channel closes when it is done.
func (w *worker) begin(f func()) <-chan struct{} {
	done := make(chan struct{})
	w.work <- func() { defer close(done); f() }
	return done
}

func (w *worker) do(f func()) { <-w.begin(f) }

// end returns when what the thread owned has been abandoned.
func (w *worker) end() {
	close(w.work)
	for w.Alive() {
		runtime.Gosched()
	}
}

// lock demands that the thread gets the mutex at once, and how it was left.
func (w *worker) lock(m *Mutex, abandoned bool) {
	w.t.Helper()
	w.do(func() {
		w.t.Helper()
		ok, previous, err := m.TryLockBy(w.Thread)
		if !ok || err != nil || (previous != nil) != abandoned {
			w.t.Errorf("%v, %v, %v; want it, abandoned %v", ok, previous, err, abandoned)
		}
	})
}

func (w *worker) refused(m *Mutex) {
	w.t.Helper()
	w.do(func() {
		w.t.Helper()
		if ok, _, err := m.TryLockBy(w.Thread); ok || err != nil {
			w.t.Errorf("%v, %v; want it refused", ok, err)
		}
	})
}

func (w *worker) unlock(m *Mutex, want error) {
	w.t.Helper()
	w.do(func() {
		w.t.Helper()
		if err := m.UnlockBy(w.Thread); !errors.Is(err, want) {
			w.t.Errorf("%v, want %v", err, want)
		}
	})
}

func threadMutex(t tester, name string, intent Intent, by *thread.Thread) *Mutex {
	t.Helper()
	m, _, err := OpenMutexBy(name, intent, access.Request{}, by)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func closed(t tester, objects ...interface{ Close() error }) {
	t.Helper()
	for _, o := range objects {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestThreadOwnsByLevels(t *testing.T) {
	a, b := newWorker(t), newWorker(t)
	defer a.end()
	defer b.end()
	m := threadMutex(t, "", CreateOrOpen, nil)
	second, err := Duplicate(m, access.Request{})
	if err != nil {
		t.Fatal(err)
	}
	other := second.(*Mutex)
	other.ForThreads()
	const levels = 31
	for i := range levels {
		a.lock([]*Mutex{m, other}[i%2], false)
	}
	for i := range levels {
		b.refused(m)
		b.unlock(other, errs.ErrNotOwner)
		a.unlock([]*Mutex{other, m}[i%2], nil)
	}
	a.unlock(m, errs.ErrNotOwner)
	b.lock(m, false)
	a.refused(other)
	b.unlock(m, nil)
	closed(t, m, other)
}

func TestThreadOwnsFromTheBeginning(t *testing.T) {
	a, b := newWorker(t), newWorker(t)
	defer b.end()
	m := threadMutex(t, "owned by a thread", MustCreate, a.Thread)
	again := threadMutex(t, "owned by a thread", CreateOrOpen, b.Thread)
	b.refused(again)
	a.lock(m, false)
	a.end()
	b.lock(again, true)
	b.unlock(m, nil)
	closed(t, m, again)
}

func TestThreadEndsAsOwner(t *testing.T) {
	a, b, c := newWorker(t), newWorker(t), newWorker(t)
	defer b.end()
	defer c.end()
	m := threadMutex(t, "", CreateOrOpen, nil)
	for range 3 {
		a.lock(m, false)
	}
	waits := b.begin(func() {
		if previous, err := m.LockBy(t.Context(), b.Thread); previous == nil || err != nil {
			t.Errorf("%v, %v; want it abandoned", previous, err)
		}
	})
	testkit.Blocked(t, waits, "the wait for a mutex that another thread owns")
	a.end()
	testkit.Soon(t, waits, "the wait for a mutex whose owner has ended")
	b.unlock(m, nil)
	c.lock(m, false)
	c.unlock(m, nil)
	closed(t, m)
}

func TestThreadCannotOwnForEver(t *testing.T) {
	a := newWorker(t)
	m := threadMutex(t, "", CreateOrOpen, nil)
	a.lock(m, false)
	m.att.levels = maxLevels - 1
	a.lock(m, false)
	limit := func(what string, err error) {
		t.Helper()
		if n := errs.Number(err); n != errs.MutantLimit {
			t.Errorf("%s: %v, %d", what, err, n)
		}
	}
	a.do(func() {
		_, err := m.LockBy(t.Context(), a.Thread)
		limit("lock", err)
		_, _, err = m.TryLockBy(a.Thread)
		limit("try", err)
		_, err = WaitAny(t.Context(), []Waitable{m.By(a.Thread)})
		limit("any", err)
		_, err = WaitAll(t.Context(), []Waitable{m.By(a.Thread)})
		limit("all", err)
	})
	if m.att.levels != maxLevels {
		t.Error("levels", m.att.levels)
	}
	a.end()
	closed(t, m)
}

// A handle of package atoll and a thread of package win32 are owners of one mutex.
func TestHandlesAndThreadsExclude(t *testing.T) {
	const name = "handles and threads"
	a := newWorker(t)
	m, _, err := OpenMutex(name, MustCreate, access.Request{}, true)
	if err != nil {
		t.Fatal(err)
	}
	w := threadMutex(t, name, MustOpen, nil) // which ends the time of the only handle
	a.refused(w)
	a.unlock(w, errs.ErrNotOwner)
	if err := m.Unlock(); err != nil {
		t.Fatal(err)
	}
	a.lock(w, false)
	if ok, _, err := m.TryLock(false); ok || err != nil {
		t.Error(ok, err)
	}
	if err := m.Unlock(); !errors.Is(err, errs.ErrNotOwner) {
		t.Error(err)
	}
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		if previous, err := m.Lock(t.Context(), false); previous == nil || err != nil {
			t.Errorf("%v, %v; want it abandoned", previous, err)
		}
	}()
	testkit.Blocked(t, waits, "the lock of a mutex that a thread owns")
	a.end()
	testkit.Soon(t, waits, "the lock of a mutex whose owner has ended")
	b := newWorker(t)
	defer b.end()
	b.refused(w)
	closed(t, m) // as the owner
	b.lock(w, true)
	b.unlock(w, nil)
	closed(t, w)
}

// The process closes its handles while a thread owns the mutex: name and count go, and
// the thread goes on to own it, for those in other processes, and for this one where it
// opens the mutex again or still waits through a handle that has gone.
func TestThreadOwnsWithoutHandles(t *testing.T) {
	const name = "owned without handles"
	a, b := newWorker(t), newWorker(t)
	defer b.end()
	m, w := threadMutex(t, name, MustCreate, a.Thread), threadMutex(t, name, MustOpen, nil)
	release := holdAsAnother(t, m)
	waits := b.begin(func() {
		if previous, err := w.LockBy(t.Context(), b.Thread); previous == nil || err != nil {
			t.Errorf("%v, %v; want it abandoned", previous, err)
		}
	})
	testkit.Blocked(t, waits, "the wait for a mutex that another thread owns")
	if err := w.Retire(); err != nil {
		t.Fatal(err)
	}
	closed(t, m)
	again := threadMutex(t, name, MustOpen, nil)
	if again.att != m.att {
		t.Fatal("opened again it has another place in the queue")
	}
	a.lock(again, false)
	a.unlock(again, nil)
	closed(t, again)
	testkit.Blocked(t, waits, "the wait for a mutex that is owned without handles")
	a.end()
	testkit.Soon(t, waits, "the wait for a mutex whose owner has ended")
	closed(t, w)
	again = threadMutex(t, name, MustOpen, nil)
	b.refusedTo(t, again)
	b.unlock(again, nil)
	release()
	closed(t, again)
	if len(retired.attachments) != 0 {
		t.Error("something lingers")
	}
	if _, _, err := OpenMutex(name, MustOpen, access.Request{}, false); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// refusedTo demands that another thread does not get what this one owns.
func (w *worker) refusedTo(t *testing.T, m *Mutex) {
	t.Helper()
	other := newWorker(t)
	other.refused(m)
	other.end()
}

// The thread gives up what it owns through a handle that was opened again, or ends:
// the membership, the memory and the name end with that. In a process of its own,
// because one that has abandoned something stays a member.
func TestThreadLeavesNothing(t *testing.T) {
	for _, how := range []string{"gives up", "ends"} {
		child := testkit.Start(t, "left to a thread", how)
		child.Expect("a member")
		child.Expect("no member, and nothing lingers")
		child.End()
	}
}

var _ = testkit.Role("left to a thread", func(s *testkit.Self) {
	say := func() {
		switch {
		case memberOfLocal() != 0:
			s.Say("a member")
		case len(retired.attachments) != 0:
			s.Say("no member, but something lingers")
		default:
			s.Say("no member, and nothing lingers")
		}
	}
	const name = "left to a thread"
	t := &fatal{s}
	a := newWorker(t)
	m := threadMutex(t, name, MustCreate, a.Thread)
	if s.Args[0] == "ends" {
		closed(t, m)
		say()
		a.end()
		say()
		return
	}
	release := holdAsAnother(t, m)
	closed(t, m)
	say()
	again := threadMutex(t, name, MustOpen, nil)
	a.unlock(again, nil)
	release()
	closed(t, again)
	say()
})

// fatal is a test in a child.
type fatal struct{ *testkit.Self }

func (f *fatal) Helper()                         {}
func (f *fatal) Fatal(args ...any)               { f.Must(errors.New(fmt.Sprint(args...))) }
func (f *fatal) Fatalf(form string, args ...any) { f.Must(fmt.Errorf(form, args...)) }
func (f *fatal) Error(args ...any)               { f.Fatal(args...) }
func (f *fatal) Errorf(form string, args ...any) { f.Fatalf(form, args...) }

// tester is what tester and fatal have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(form string, args ...any)
	Error(args ...any)
	Errorf(form string, args ...any)
}

func TestThreadWaitsForSeveral(t *testing.T) {
	a, b := newWorker(t), newWorker(t)
	defer b.end()
	m := threadMutex(t, "", CreateOrOpen, nil)
	n := threadMutex(t, "", CreateOrOpen, nil)
	e := newEvent(t, "", MustCreate)
	a.lock(m, false)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	check := func(what string, want int, levels uint32, r Result, err error) {
		t.Helper()
		if err != nil || r.Index != want || r.Previous != nil || m.att.levels != levels {
			t.Errorf("%s: %+v, %v, %d levels; want %d and %d", what, r, err, m.att.levels, want, levels)
		}
	}
	a.do(func() {
		r, err := WaitAny(over, []Waitable{e, m.By(a.Thread)})
		check("owned behind unset", 1, 2, r, err)
		if err := e.Set(); err != nil {
			t.Error(err)
		}
		r, err = WaitAny(over, []Waitable{e, m.By(a.Thread)})
		check("owned behind set", 0, 2, r, err)
		r, err = WaitAny(over, []Waitable{m.By(a.Thread), m.By(a.Thread), e})
		check("owned twice", 0, 3, r, err)
		if _, err := WaitAll(over, []Waitable{n.By(a.Thread), m.By(a.Thread), e}); !errors.Is(err, context.Canceled) {
			t.Error("all, one unset:", err)
		}
		if err := e.Set(); err != nil {
			t.Error(err)
		}
		r, err = WaitAll(over, []Waitable{n.By(a.Thread), m.By(a.Thread), e})
		check("all", 0, 4, r, err)
		r, err = WaitAll(over, []Waitable{m.By(a.Thread), n.By(a.Thread)})
		check("all, all owned", 0, 5, r, err)
		if n.att.levels != 2 {
			t.Error(n.att.levels, "levels of the other")
		}
	})
	b.refused(n)
	a.end()
	b.do(func() {
		r, err := WaitAll(over, []Waitable{n.By(b.Thread), m.By(b.Thread)})
		if err != nil || r.Previous == nil {
			t.Errorf("%+v, %v; want both, abandoned", r, err)
		}
	})
	b.unlock(m, nil)
	b.unlock(n, nil)
	closed(t, m, n, e)
}

func TestThreadSignalsAndWaits(t *testing.T) {
	a, b := newWorker(t), newWorker(t)
	defer a.end()
	defer b.end()
	m := threadMutex(t, "", CreateOrOpen, nil)
	e := newEvent(t, "", MustCreate)
	a.lock(m, false)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	waits := b.begin(func() {
		if _, err := m.LockBy(t.Context(), b.Thread); err != nil {
			t.Error(err)
		}
		if err := e.Set(); err != nil {
			t.Error(err)
		}
	})
	testkit.Blocked(t, waits, "the wait for a mutex that another thread owns")
	a.do(func() {
		if _, err := SignalAndWait(t.Context(), m.By(a.Thread), e); err != nil {
			t.Error(err)
		}
		if _, err := SignalAndWait(over, m.By(a.Thread), e); !errors.Is(err, errs.ErrNotOwner) {
			t.Error(err)
		}
	})
	testkit.Soon(t, waits, "the wait for a mutex that was given up")
	b.do(func() {
		for range 2 {
			if _, err := SignalAndWait(over, m.By(b.Thread), m.By(b.Thread)); err != nil || m.att.levels != 1 {
				t.Error("itself:", err, m.att.levels)
			}
		}
	})
	b.unlock(m, nil)
	closed(t, m, e)
}
