//go:build linux

package atoll

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/testkit"
)

func newTestSemaphore(t testing.TB, name string, initial, limit int32) *Semaphore {
	t.Helper()
	s, err := CreateSemaphore(name, SemaphoreOptions{Initial: initial, Max: limit})
	must(t, err)
	closeLater(t, s)
	return s
}

func openTestSemaphore(t testing.TB, name string, a Access) *Semaphore {
	t.Helper()
	s, err := OpenSemaphore(name, a)
	must(t, err)
	closeLater(t, s)
	return s
}

// mustRelease releases, and checks what the count was before.
func mustRelease(t testing.TB, s *Semaphore, n, want int32) {
	t.Helper()
	if previous, err := s.Release(n); previous != want || err != nil {
		t.Fatalf("Release(%d) = %d, %v, want %d", n, previous, err, want)
	}
}

// failedRelease checks that Release refuses, with the error and its number.
func failedRelease(t testing.TB, s *Semaphore, n int32, want error, number uint32) {
	t.Helper()
	previous, err := s.Release(n)
	isError(t, err, want, "release semaphore")
	var e *Error
	if errors.As(err, &e); e.Win32() != number || previous != 0 {
		t.Fatalf("Release(%d) = %d, number %d, want 0 and %d", n, previous, e.Win32(), number)
	}
}

// mustSee checks what can be seen of a semaphore.
func mustSee(t testing.TB, name string, count, limit int32) {
	t.Helper()
	i, err := Stat(name)
	must(t, err)
	if i.Count == nil || *i.Count != count || i.Max != limit || i.Signaled == nil || *i.Signaled != (count > 0) {
		t.Fatalf("%s: count %v, max %d, signaled %v; want %d of %d", name, i.Count, i.Max, i.Signaled, count, limit)
	}
}

// A tryWaiter is a handle of an event, a semaphore or a timer.
type tryWaiter interface {
	Waitable
	Wait(ctx context.Context) error
	TryWait() (bool, error)
}

// takes says whether a wait for the object would be over at once, and takes it.
func takes(t testing.TB, o tryWaiter) bool {
	t.Helper()
	ok, err := o.TryWait()
	must(t, err)
	return ok
}

func TestSemaphoreOptions(t *testing.T) {
	t.Run("C286", func(t *testing.T) {
		existing := newTestSemaphore(t, "exists", 1, 2)
		for _, o := range []SemaphoreOptions{
			{},
			{Initial: -1, Max: 1},
			{Initial: 0, Max: 0},
			{Initial: 2, Max: 1},
			{Initial: 0, Max: -1},
			{Initial: -2, Max: -1},
			{Initial: math.MinInt32, Max: math.MaxInt32},
			{Initial: math.MaxInt32, Max: math.MinInt32},
		} {
			refused(t, 87, fs.ErrInvalid)(object(CreateSemaphore("impossible", o)))
			refused(t, 87, fs.ErrInvalid)(object(CreateSemaphore("", o)))
			s, _, err := CreateOrOpenSemaphore("exists", o)
			refused(t, 87, fs.ErrInvalid)(object(s, err))
		}
		refused(t, 2, fs.ErrNotExist)(object(OpenSemaphore("impossible", 0)))
		mustSee(t, existing.Name(), 1, 2)
	})
	t.Run("the most", func(t *testing.T) {
		s := newTestSemaphore(t, "most", math.MaxInt32-1, math.MaxInt32)
		mustRelease(t, s, 1, math.MaxInt32-1)
		mustSee(t, "most", math.MaxInt32, math.MaxInt32)
		failedRelease(t, s, 1, ErrTooManyPosts, 298)
		failedRelease(t, s, math.MaxInt32, ErrTooManyPosts, 298)
		if !takes(t, s) {
			t.Fatal("a full semaphore cannot be taken")
		}
		mustSee(t, "most", math.MaxInt32-1, math.MaxInt32)
	})
	t.Run("of an existing one are ignored", func(t *testing.T) {
		newTestSemaphore(t, "kept", 1, 3)
		s, created, err := CreateOrOpenSemaphore("kept", SemaphoreOptions{Initial: 7, Max: 9})
		must(t, err)
		closeLater(t, s)
		if created {
			t.Error("created twice")
		}
		mustSee(t, "kept", 1, 3)
	})
	t.Run("identity", func(t *testing.T) {
		s := newTestSemaphore(t, `Local\named`, 0, 1)
		if s.Name() != `Local\named` || s.Type() != TypeSemaphore || s.Access() != Wait|Modify {
			t.Error(s.Name(), s.Type(), s.Access())
		}
		refused(t, 5, fs.ErrPermission)(object(OpenSemaphore("named", Write)))
		refused(t, 6, ErrWrongType)(object(OpenEvent("named", 0)))
	})
}

func TestSemaphoreRelease(t *testing.T) {
	t.Run("C288", func(t *testing.T) {
		s := newTestSemaphore(t, "C288", 0, 2)
		failedRelease(t, s, 3, ErrTooManyPosts, 298)
		mustSee(t, "C288", 0, 2)
		mustRelease(t, s, 1, 0)
		failedRelease(t, s, 2, ErrTooManyPosts, 298)
		mustSee(t, "C288", 1, 2)
		mustRelease(t, s, 1, 1)
		failedRelease(t, s, 1, ErrTooManyPosts, 298)
		failedRelease(t, s, math.MaxInt32, ErrTooManyPosts, 298)
		mustSee(t, "C288", 2, 2)
		for _, there := range []bool{true, true, false} {
			if takes(t, s) != there {
				t.Error("a count of 2 is not taken twice")
			}
		}
		mustSee(t, "C288", 0, 2)
		mustRelease(t, s, 2, 0)
	})
	t.Run("C289", func(t *testing.T) {
		s := newTestSemaphore(t, "C289", 1, 2)
		for _, n := range []int32{0, -1, -2, math.MinInt32} {
			failedRelease(t, s, n, fs.ErrInvalid, 87)
		}
		mustSee(t, "C289", 1, 2)
	})
	t.Run("C290", func(t *testing.T) {
		s := newTestSemaphore(t, "", 0, 1)
		mustRelease(t, s, 1, 0)
		if !takes(t, s) || takes(t, s) {
			t.Error("released by one, but not taken once")
		}
	})
	t.Run("C292", func(t *testing.T) {
		s := newTestSemaphore(t, "C292", 2, 2)
		mustBe(t, 0)(WaitAny(t.Context(), s, s))
		mustSee(t, "C292", 1, 2)
		mustBe(t, 0)(WaitAny(t.Context(), s, openTestSemaphore(t, "C292", 0)))
		mustSee(t, "C292", 0, 2)
	})
	t.Run("C294", func(t *testing.T) {
		newTestSemaphore(t, "C294", 0, 1)
		waiter := openTestSemaphore(t, "C294", Wait)
		failedRelease(t, waiter, 1, fs.ErrPermission, 5)
		mustSee(t, "C294", 0, 1)
		releaser := openTestSemaphore(t, "C294", Modify)
		mustRelease(t, releaser, 1, 0)
		isError(t, releaser.Wait(t.Context()), fs.ErrPermission, "wait")
		_, err := releaser.TryWait()
		isError(t, err, fs.ErrPermission, "wait")
		must(t, waiter.Wait(t.Context()))
	})
}

// TestSemaphoreReleasesAsManyAsItSays: of many waiters, through two handles,
// Release(n) releases exactly n, and what nobody waits for stays in the count.
func TestSemaphoreReleasesAsManyAsItSays(t *testing.T) {
	s := newTestSemaphore(t, "wakes", 0, 10)
	other := openTestSemaphore(t, "wakes", 0)
	const waiters = 9
	var released atomic.Int32
	done := make(chan error, waiters)
	for i := range waiters {
		h := s
		if i%2 == 0 {
			h = other
		}
		go func() {
			err := h.Wait(context.Background())
			released.Add(1)
			done <- err
		}()
	}
	queued(t, s, waiters)
	for _, step := range []struct{ n, sum int32 }{{1, 1}, {3, 4}, {2, 6}} {
		mustRelease(t, other, step.n, 0)
		for range step.n {
			must(t, within60(t, done))
		}
		time.Sleep(testkit.Quiet)
		if n := released.Load(); n != step.sum {
			t.Fatalf("%d were released, want %d", n, step.sum)
		}
	}
	mustRelease(t, s, 5, 0)
	for range 3 {
		must(t, within60(t, done))
	}
	mustSee(t, "wakes", 2, 10)
}

// queued waits until so many goroutines of this process wait for an object.
func queued(t testing.TB, o any, n int) {
	t.Helper()
	var waiting func() int
	switch o := o.(type) {
	case *Semaphore:
		waiting = o.kernel.Waiting
	case *Event:
		waiting = o.kernel.Waiting
	case *Timer:
		waiting = o.kernel.Waiting
	case *Mutex:
		waiting = o.kernel.Waiting
	}
	for deadline := time.Now().Add(testkit.Hang); waiting() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d wait, want %d", waiting(), n)
		}
	}
}

// within60 receives what must come within testkit.Hang.
func within60[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testkit.Hang):
		t.Fatal("it hangs")
		panic("not reached")
	}
}

func TestSemaphoreContextAndClose(t *testing.T) {
	for _, name := range []string{"", "ends"} {
		t.Run("named "+name, func(t *testing.T) {
			s := newTestSemaphore(t, name, 0, 1)
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
			defer cancel()
			isError(t, s.Wait(ctx), context.DeadlineExceeded)
			mustRelease(t, s, 1, 0)
			must(t, s.Wait(ctx)) // there is one, though the caller's time is up
			isError(t, s.Wait(ctx), context.DeadlineExceeded)
			ctx, cancel = context.WithCancel(t.Context())
			const waiters = 5
			done := make(chan error, waiters)
			for range waiters {
				go func() { done <- s.Wait(ctx) }()
			}
			queued(t, s, waiters)
			cancel()
			for range waiters {
				isError(t, within60(t, done), context.Canceled)
			}
			for range waiters {
				go func() { done <- s.Wait(context.Background()) }()
			}
			queued(t, s, waiters)
			must(t, s.Close())
			for range waiters {
				isError(t, within60(t, done), os.ErrClosed)
			}
			_, err := s.Release(1)
			isError(t, err, os.ErrClosed)
			_, err = s.TryWait()
			isError(t, err, os.ErrClosed)
			isError(t, s.Wait(t.Context()), os.ErrClosed)
			isError(t, s.Close(), os.ErrClosed)
		})
	}
}

// TestSemaphoreCloseOfOneHandle ends the waits through it, not those through
// another, and takes nothing from the count.
func TestSemaphoreCloseOfOneHandle(t *testing.T) {
	s := newTestSemaphore(t, "two", 0, 1)
	closing := openTestSemaphore(t, "two", 0)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- closing.Wait(context.Background()) }()
	queued(t, s, 1)
	go func() { second <- s.Wait(context.Background()) }()
	queued(t, s, 2)
	must(t, closing.Close())
	isError(t, within60(t, first), os.ErrClosed)
	still(t, second)
	mustRelease(t, s, 1, 0)
	must(t, within60(t, second))
	mustSee(t, "two", 0, 1)
}

// still checks that nothing comes for a while.
func still[T any](t testing.TB, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		t.Fatalf("it ended with %v, and should be blocked", v)
	case <-time.After(testkit.Quiet):
	}
}

// TestSemaphoreCounts: goroutines take and give through several handles; never are
// more inside than the semaphore has, and in the end all are back. A plain counter
// under a semaphore of one shows the race detector the order.
func TestSemaphoreCounts(t *testing.T) {
	const most = 3
	newTestSemaphore(t, "counts", most, most)
	lock := newTestSemaphore(t, "", 1, 1)
	var inside atomic.Int32
	counter := 0
	var group sync.WaitGroup
	for range 8 {
		h := openTestSemaphore(t, "counts", 0)
		group.Go(func() {
			for range scaled(500) {
				must(t, h.Wait(context.Background()))
				if n := inside.Add(1); n > most {
					t.Errorf("%d are inside", n)
				}
				must(t, lock.Wait(context.Background()))
				counter++
				_, err := lock.Release(1)
				must(t, err)
				inside.Add(-1)
				_, err = h.Release(1)
				must(t, err)
			}
		})
	}
	group.Wait()
	mustSee(t, "counts", most, most)
	if want := 8 * scaled(500); counter != want {
		t.Errorf("counted %d, want %d", counter, want)
	}
}

// TestSemaphoreFailedReleaseWakesNobody: a Release that is refused while somebody
// waits for a second object changes nothing for him.
func TestSemaphoreFailedReleaseWakesNobody(t *testing.T) {
	s := newTestSemaphore(t, "full", 0, 2)
	done := make(chan error, 1)
	go func() { done <- s.Wait(context.Background()) }()
	queued(t, s, 1)
	failedRelease(t, s, 3, ErrTooManyPosts, 298)
	failedRelease(t, s, 0, fs.ErrInvalid, 87)
	still(t, done)
	mustRelease(t, s, 2, 0)
	must(t, within60(t, done))
	mustSee(t, "full", 1, 2)
}

func TestSemaphoreFastPathAllocatesNothing(t *testing.T) {
	s, err := CreateSemaphore("fast", SemaphoreOptions{Initial: 1, Max: 4})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	if n := testing.AllocsPerRun(1000, func() {
		_, _ = s.Release(1)
		_, _ = s.Release(2)
		for range 3 {
			_, _ = s.TryWait()
		}
	}); n != 0 {
		t.Errorf("Release and TryWait allocate %v times", n)
	}
}
