//go:build linux

package atoll

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/futex"
	"atoll/internal/testkit"
)

// newTestMutex creates a mutex that is closed at the end of the test.
func newTestMutex(t testing.TB, name string, o MutexOptions) *Mutex {
	t.Helper()
	m, err := CreateMutex(name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return m
}

func openTestMutex(t testing.TB, name string) *Mutex {
	t.Helper()
	m, err := OpenMutex(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return m
}

// mustLock locks and checks what Lock says of the previous owner.
func mustLock(t testing.TB, m *Mutex, abandoned bool) *Abandoned {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Hang)
	defer cancel()
	previous, err := m.Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if (previous != nil) != abandoned {
		t.Fatalf("previous owner: %v; abandoned should be %v", previous, abandoned)
	}
	return previous
}

func mustUnlock(t testing.TB, m *Mutex) {
	t.Helper()
	if err := m.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// isError checks an error's sentinel and that its text is the way we promise.
func isError(t testing.TB, err, want error, texts ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
	var e *Error
	if !errors.As(err, &e) || e.Op == "" || e.Type.String() == "unknown" {
		t.Fatalf("%#v is not a complete *Error", err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Fatalf("%q does not mention %q", err, text)
		}
	}
}

func TestMutexOwnership(t *testing.T) {
	a := newTestMutex(t, "owned", MutexOptions{})
	b := openTestMutex(t, "owned")

	isError(t, a.Unlock(), ErrNotOwner)
	mustLock(t, a, false)
	if ok, previous, err := b.TryLock(); ok || previous != nil || err != nil {
		t.Fatal(ok, previous, err)
	}
	isError(t, b.Unlock(), ErrNotOwner)
	done := make(chan struct{})
	go func() { // any goroutine may unlock through the handle that locked
		defer close(done)
		mustUnlock(t, a)
	}()
	testkit.Soon(t, done, "unlock")
	if ok, previous, err := b.TryLock(); !ok || previous != nil || err != nil {
		t.Fatal(ok, previous, err)
	}
	isError(t, a.Unlock(), ErrNotOwner)
	mustUnlock(t, b)
	isError(t, b.Unlock(), ErrNotOwner)
}

func TestMutexIsNotRecursive(t *testing.T) {
	m := newTestMutex(t, "", MutexOptions{})
	mustLock(t, m, false)
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
	defer cancel()
	_, err := m.Lock(ctx)
	isError(t, err, context.DeadlineExceeded)
	mustUnlock(t, m)
}

func TestMutexInitiallyOwned(t *testing.T) {
	a := newTestMutex(t, "initial", MutexOptions{InitiallyOwned: true})
	b, created, err := CreateOrOpenMutex("initial", MutexOptions{InitiallyOwned: true})
	if err != nil || created {
		t.Fatal(created, err)
	}
	isError(t, b.Unlock(), ErrNotOwner)
	if ok, _, err := b.TryLock(); ok || err != nil {
		t.Fatal(ok, err)
	}
	mustUnlock(t, a)
	mustLock(t, b, false)
	mustUnlock(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMutexCloseOfOwnerAbandons(t *testing.T) {
	a := newTestMutex(t, "left", MutexOptions{})
	b := openTestMutex(t, "left")
	mustLock(t, a, false)
	done := make(chan *Abandoned)
	go func() { done <- mustLock(t, b, true) }()
	time.Sleep(testkit.Quiet)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case previous := <-done:
		if previous.PID != os.Getpid() || previous.Command == "" || previous.Since.IsZero() {
			t.Fatalf("%+v", previous)
		}
	case <-time.After(testkit.Hang):
		t.Fatal("the waiter was not told")
	}
	mustUnlock(t, b)
	mustLock(t, b, false) // told once only
	mustUnlock(t, b)
	isError(t, a.Close(), os.ErrClosed)
	isError(t, a.Unlock(), os.ErrClosed)
	_, err := a.Lock(t.Context())
	isError(t, err, os.ErrClosed)
}

func TestMutexCloseEndsWaitsThroughTheHandle(t *testing.T) {
	owner := newTestMutex(t, "busy", MutexOptions{InitiallyOwned: true})
	const waiters = 3 // one sleeps, the others queue behind it
	handle := openTestMutex(t, "busy")
	other := openTestMutex(t, "busy")
	ended := make(chan error, waiters)
	for range waiters {
		go func() {
			_, err := handle.Lock(context.Background())
			ended <- err
		}()
	}
	got := make(chan struct{})
	go func() {
		defer close(got)
		mustLock(t, other, false)
	}()
	testkit.Blocked(t, got, "lock of an owned mutex")
	if err := handle.Close(); err != nil {
		t.Fatal(err)
	}
	for range waiters {
		select {
		case err := <-ended:
			isError(t, err, os.ErrClosed)
		case <-time.After(testkit.Hang):
			t.Fatal("a wait through a closed handle goes on")
		}
	}
	testkit.Blocked(t, got, "lock through another handle")
	mustUnlock(t, owner)
	testkit.Soon(t, got, "lock through another handle")
	mustUnlock(t, other)
}

func TestMutexContext(t *testing.T) {
	m := newTestMutex(t, "ctx", MutexOptions{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	// Free: taken, though the caller's time is up.
	if previous, err := m.Lock(ended); previous != nil || err != nil {
		t.Fatal(previous, err)
	}
	_, err := m.Lock(ended)
	isError(t, err, context.Canceled)
	var e *Error
	if errors.As(err, &e) && e.Win32() != 1223 {
		t.Errorf("Win32() = %d", e.Win32())
	}
	ctx, cancel := context.WithCancel(t.Context())
	const waiters = 10
	errc := make(chan error, waiters)
	for range waiters {
		go func() {
			_, err := m.Lock(ctx)
			errc <- err
		}()
	}
	time.Sleep(testkit.Quiet)
	cancel()
	for range waiters {
		isError(t, <-errc, context.Canceled)
	}
	mustUnlock(t, m)
}

func TestMutexAccess(t *testing.T) {
	m := newTestMutex(t, "rights", MutexOptions{})
	if m.Access() != Wait|Modify {
		t.Fatal(m.Access())
	}
	weak, err := OpenMutex("rights", Modify)
	if err != nil {
		t.Fatal(err)
	}
	_, err = weak.Lock(t.Context())
	isError(t, err, fs.ErrPermission, "wait")
	_, _, err = weak.TryLock()
	isError(t, err, fs.ErrPermission)
	if err := weak.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = OpenMutex("rights", Read)
	isError(t, err, fs.ErrPermission, "bits that a mutex does not know")
}

func TestMutexLocker(t *testing.T) {
	m := newTestMutex(t, "", MutexOptions{})
	l := m.Locker()
	var counter int // the race detector must see that the mutex orders the accesses
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				l.Lock()
				counter++
				l.Unlock()
			}
		})
	}
	group.Wait()
	if counter != 8*200 {
		t.Fatal(counter)
	}
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, ErrNotOwner) {
			t.Fatalf("Unlock of a free Locker panicked with %v", err)
		}
	}()
	l.Unlock()
}

func TestMutexFastPathAllocatesNothing(t *testing.T) {
	m := newTestMutex(t, "fast", MutexOptions{})
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		_, _ = m.Lock(ctx)
		_ = m.Unlock()
	}); n != 0 {
		t.Errorf("Lock and Unlock allocate %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		_, _, _ = m.TryLock()
		_ = m.Unlock()
	}); n != 0 {
		t.Errorf("TryLock and Unlock allocate %v times", n)
	}
}

func TestAbandonedString(t *testing.T) {
	if s := (&Abandoned{}).String(); !strings.Contains(s, "unknown") {
		t.Error(s)
	}
	if s := (&Abandoned{PID: 812, Command: "indexer", Since: time.Now()}).String(); !strings.Contains(s, "pid 812, indexer") {
		t.Error(s)
	}
}

// TestMutexCloseWithoutWaitv: on a kernel without futex_waitv, Close of the owning
// handle ends though another goroutine sleeps behind it.
func TestMutexCloseWithoutWaitv(t *testing.T) {
	futex.ForbidWaitAny(true)
	defer futex.ForbidWaitAny(false)
	owner := newTestMutex(t, "old-kernel", MutexOptions{InitiallyOwned: true})
	other := openTestMutex(t, "old-kernel")
	done := make(chan struct{})
	go func() {
		defer close(done)
		mustLock(t, other, true)
	}()
	testkit.Blocked(t, done, "lock of an owned mutex")
	must(t, owner.Close())
	testkit.Soon(t, done, "lock after the owner's handle was closed")
	mustUnlock(t, other)
}

// TestMutexClosedWhileLocking: Lock and Close race through one handle. Whatever
// comes first, nobody is left an owner, and who never had the mutex abandons
// nothing.
func TestMutexClosedWhileLocking(t *testing.T) {
	m := newTestMutex(t, "raced", MutexOptions{})
	for range 2000 {
		h, err := OpenMutex("raced", 0)
		must(t, err)
		var locked atomic.Bool
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := h.Lock(context.Background()); err == nil {
				locked.Store(true)
			} else if !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		})
		group.Go(func() { must(t, h.Close()) })
		group.Wait()
		ok, previous, err := m.TryLock()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if previous != nil && !locked.Load() {
			t.Fatal("abandoned by one who never had it")
		}
		mustUnlock(t, m)
	}
}
