//go:build linux

package wait_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// object is a page in shared memory with two slots, as two processes have them:
// each is a member of its own.
type object struct {
	page *layout.Page
	cell *layout.Cell
	a, b wait.Slot
	me   uint32 // a's member
}

func newObject(t testing.TB, kind layout.Kind) *object {
	t.Helper()
	dir, err := os.MkdirTemp(testkit.Base(), "members-")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	page, err := unix.MmapPtr(-1, 0, nil, layout.StateMapSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	o := &object{page: layout.PageOf(page)}
	o.cell = &o.page.Cell
	what := wait.Object{Page: o.page, Kind: kind, Limit: 5}
	var folders []*liveness.Folder
	for _, slot := range []*wait.Slot{&o.a, &o.b} {
		folder := liveness.OpenFolder(fd)
		me, err := folder.Join()
		if err != nil {
			t.Fatal(err)
		}
		slot.Init(what, me, folder)
		folders = append(folders, folder)
		if slot == &o.a {
			o.me = me
		}
	}
	t.Cleanup(func() {
		o.a.Retire()
		o.b.Retire()
		var failures []error
		for _, folder := range folders {
			failures = append(failures, folder.Leave())
			wait.Forget(folder)
		}
		failures = append(failures, unix.Close(fd), os.RemoveAll(dir), unix.MunmapPtr(page, layout.StateMapSize))
		if err := errors.Join(failures...); err != nil {
			t.Error(err)
		}
	})
	return o
}

// setAuto is Set of an auto-reset event.
func (o *object) setAuto(word uint32) uint32 { return layout.SetAuto(word, o.a.Waited()) }

func (o *object) store(s layout.State) { o.cell.StoreUnderGate(s.Word(), s.Gate()) }

// eachWay runs a test with futex_waitv and as if there were none.
func eachWay(t *testing.T, f func(t *testing.T)) {
	for name, forbid := range map[string]bool{"waitv": false, "no waitv": true} {
		t.Run(name, func(t *testing.T) {
			futex.ForbidWaitAny(forbid)
			defer futex.ForbidWaitAny(false)
			f(t)
		})
	}
}

// TestCancelledWaitsTakeNothing: waits that are cancelled at random moments either
// consume a signal and say so, or neither. No signal is lost, none is consumed
// twice.
func TestCancelledWaitsTakeNothing(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		o := newObject(t, layout.AutoEventWord)
		const goroutines, signals = 16, 2000
		var taken atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i := range goroutines {
			slot := &o.a
			if i%2 == 1 {
				slot = &o.b
			}
			group.Go(func() {
				for ctx.Err() == nil {
					short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(300))*time.Microsecond)
					_, err := slot.Acquire(short, nil)
					cancel()
					if err == nil {
						taken.Add(1)
					}
				}
			})
		}
		for i := range signals {
			if _, err := o.a.Change(o.setAuto, nil); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(testkit.Hang); taken.Load() != int64(i+1); time.Sleep(time.Microsecond) {
				if time.Now().After(deadline) {
					t.Fatalf("signal %d: %d were taken", i+1, taken.Load())
				}
			}
		}
		stop()
		group.Wait()
		if n := taken.Load(); n != signals {
			t.Fatalf("%d signals, %d taken", signals, n)
		}
	})
}

// TestQueueGoesOn: the first in the queue leaves, by ctx or by Close, and the next
// takes its place.
func TestQueueGoesOn(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		o := newObject(t, layout.MutexWord)
		o.store(layout.MakeState(o.me, 0)) // owned, so everybody waits
		first, cancel := context.WithCancel(t.Context())
		closed := make(chan struct{})
		result := make(chan error, 3)
		ended := func() (err error) {
			t.Helper()
			select {
			case err = <-result:
			case <-time.After(testkit.Hang):
				t.Fatal("nobody's wait ends: it hangs")
			}
			return err
		}
		waiting := func(n int) {
			t.Helper()
			for deadline := time.Now().Add(testkit.Hang); o.a.Waiting() != n; time.Sleep(time.Microsecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d wait, not %d", o.a.Waiting(), n)
				}
			}
		}
		acquire := func(ctx context.Context, closed chan struct{}) {
			go func() {
				_, err := o.a.Acquire(ctx, closed)
				result <- err
			}()
		}
		acquire(first, nil)
		waiting(1)
		acquire(t.Context(), closed)
		waiting(2)
		acquire(t.Context(), nil)
		waiting(3)
		cancel()
		if err := ended(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		close(closed)
		o.a.Recall()
		if err := ended(); !errors.Is(err, fs.ErrClosed) {
			t.Fatal(err)
		}
		waiting(1)
		if _, err := o.b.Change(layout.Unlocked, nil); err != nil {
			t.Fatal(err)
		}
		if err := ended(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAllowedIsAskedAgain: what another does between a call's look and its change
// counts. Two that add one each do not pass the limit.
func TestAllowedIsAskedAgain(t *testing.T) {
	o := newObject(t, layout.SemaphoreWord)
	const limit = 5 // as newObject has it
	o.store(layout.MakeState(limit-1, 0))
	full := errors.New("the semaphore is full")
	add := func(word uint32) uint32 { return word + 1 }
	asked := 0
	_, err := o.a.Change(add, func(word uint32) error {
		if asked++; asked == 1 {
			if _, err := o.b.Change(add, nil); err != nil {
				t.Error(err)
			}
		}
		if word == limit {
			return full
		}
		return nil
	})
	if word := o.cell.Load().Word(); !errors.Is(err, full) || word != limit {
		t.Fatalf("the count is %d of %d: %v", word, limit, err)
	}
}

// TestRecallEnds: a recall wakes the sleeper of the moment and is done, though the
// sleeper finds nothing and sleeps again.
func TestRecallEnds(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		o := newObject(t, layout.AutoEventWord)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := o.a.Acquire(ctx, nil)
			ended <- err
		}()
		for o.cell.Load().Gate() == 0 {
			time.Sleep(time.Millisecond)
		}
		for range 20 {
			done := make(chan struct{})
			go func() {
				o.a.Recall()
				close(done)
			}()
			testkit.Soon(t, done, "recall")
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

// TestSetOfASignaledEvent: a Set that finds a manual-reset event signaled moves
// nothing. Who began to wait before it is released all the same, though a Reset
// follows before it looks.
func TestSetOfASignaledEvent(t *testing.T) {
	o := newObject(t, layout.ManualEventWord)
	o.store(layout.MakeState(layout.NewEvent(true), 0))
	w := wait.Begin(false, wait.Target{Slot: &o.a})
	if _, err := o.b.Change(layout.SetManual, nil); err != nil {
		t.Fatal(err)
	}
	if err := o.b.Retract(layout.ResetEvent); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
	defer cancel()
	if _, err := w.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestSpuriousWakes: a peer that wakes all the time releases nobody, and keeps no
// wait from ending.
func TestSpuriousWakes(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		o := newObject(t, layout.AutoEventWord)
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					futex.Wake(&o.page.Wakes)
				}
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
		defer cancel()
		_, err := o.a.Acquire(ctx, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(stop)
		<-done
	})
}

// FuzzState: whatever a peer writes into the cell, every call ends, with a result
// that the contract knows.
func FuzzState(f *testing.F) {
	for _, s := range []uint64{0, 1, 1 << 31, 1 << 30, 1 << 62, ^uint64(0), 0x40000000_00000000, 0x80000000_80000001} {
		for k := range layout.Kinds {
			f.Add(s, uint8(k), int64(s), int64(k), int64(s>>32), s)
		}
	}
	wait.SetTick(time.Millisecond)
	wait.SetPatience(time.Millisecond)
	f.Fuzz(func(t *testing.T, state uint64, kind uint8, due, period, flags int64, tag uint64) {
		k := layout.Kind(kind % uint8(layout.Kinds))
		o := newObject(t, k)
		known := func(err error) {
			t.Helper()
			for _, want := range []error{nil, errs.ErrCorrupt, errs.ErrStuck, context.DeadlineExceeded} {
				if errors.Is(err, want) {
					return
				}
			}
			t.Errorf("state %#x: %v", state, err)
		}
		short := func(call func(context.Context) error) error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			return call(ctx)
		}
		for _, call := range []func() error{
			func() error { _, _, err := o.a.Try(); return err },
			func() error { _, err := o.a.Change(o.setAuto, nil); return err },
			func() error { return o.a.Retract(layout.ResetEvent) },
			func() error { return o.a.ChangeTimer(layout.Schedule.Cancelled) },
			func() error {
				return short(func(ctx context.Context) error { _, err := o.a.Acquire(ctx, nil); return err })
			},
			func() error {
				w := wait.Begin(true, wait.Target{Slot: &o.a})
				return short(func(ctx context.Context) error { _, err := w.Wait(ctx); return err })
			},
		} {
			for i := range o.page.Settings {
				o.page.Settings[i].Store(layout.Schedule{Due: due, Period: period, Flags: layout.TimerFlags(flags)})
			}
			o.page.Pending = uint32(tag)
			o.store(layout.State(state))
			known(call())
		}
	})
}
