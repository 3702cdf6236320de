//go:build linux

package atoll

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// An ended is how a wait for several objects ended.
type ended struct {
	Result
	err error
}

// mustBe checks how a wait ended that must have ended well, without abandonment.
func mustBe(t testing.TB, index int) func(r Result, err error) {
	return func(r Result, err error) {
		t.Helper()
		if err != nil || r.Index != index || r.Abandoned != nil {
			t.Fatalf("it ended with %+v, %v; want index %d", r, err, index)
		}
	}
}

// begin starts a wait on a goroutine of its own.
func begin(f func() (Result, error)) <-chan ended {
	done := make(chan ended, 1)
	go func() {
		r, err := f()
		done <- ended{r, err}
	}()
	return done
}

func beginAny(objects ...Waitable) <-chan ended {
	return begin(func() (Result, error) { return WaitAny(context.Background(), objects...) })
}

func beginAll(objects ...Waitable) <-chan ended {
	return begin(func() (Result, error) { return WaitAll(context.Background(), objects...) })
}

// mustEnd checks how a wait that was begun ends.
func mustEnd(t testing.TB, index int, done <-chan ended) {
	t.Helper()
	e := within60(t, done)
	mustBe(t, index)(e.Result, e.err)
}

// failsWith checks the error and its number, and that it is an *Error.
func failsWith(t testing.TB, want error, number uint32) func(r Result, err error) {
	return func(r Result, err error) {
		t.Helper()
		var e *Error
		if !errors.Is(err, want) || !errors.As(err, &e) || e.Op == "" {
			t.Fatalf("%+v, %#v; want %v", r, err, want)
		}
		if e.Win32() != number || r != (Result{}) {
			t.Fatalf("%+v, %v has the number %d, want %d", r, err, e.Win32(), number)
		}
	}
}

// over is a context that has ended: a wait with it only looks.
func over(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// unsignaled checks that a wait for any of the objects would block.
func unsignaled(t testing.TB, objects ...Waitable) {
	t.Helper()
	failsWith(t, context.Canceled, 1223)(WaitAny(over(t), objects...))
}

func newTestEvents(t testing.TB, n int, o EventOptions) (events []*Event, objects []Waitable) {
	t.Helper()
	for range n {
		e := newTestEvent(t, "", o)
		events, objects = append(events, e), append(objects, e)
	}
	return events, objects
}

// fourTypes makes one object of each type, none signaled, and what signals each. A
// mutex is owned through another handle.
func fourTypes(t testing.TB, prefix string) (objects []Waitable, signal []func()) {
	owner := newTestMutex(t, prefix+"mutex", MutexOptions{InitiallyOwned: true})
	m := openTestMutex(t, prefix+"mutex")
	s := newTestSemaphore(t, prefix+"semaphore", 0, 5)
	e := newTestEvent(t, prefix+"event", EventOptions{})
	timer := newTestTimer(t, prefix+"timer", TimerOptions{})
	return []Waitable{m, s, e, timer}, []func(){
		func() { mustUnlock(t, owner) },
		func() { mustRelease(t, s, 1, 0) },
		func() { must(t, e.Set()) },
		func() { must(t, timer.SetAfter(0, 0)) },
	}
}

func TestWaitAnyNumbers(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		failsWith(t, fs.ErrInvalid, 87)(WaitAny(t.Context()))
		failsWith(t, fs.ErrInvalid, 87)(WaitAll(t.Context()))
	})
	t.Run("C332", func(t *testing.T) {
		events, objects := newTestEvents(t, MaxWait+1, EventOptions{Signaled: true})
		failsWith(t, fs.ErrInvalid, 87)(WaitAny(t.Context(), objects...))
		failsWith(t, fs.ErrInvalid, 87)(WaitAll(t.Context(), objects...))
		for i, e := range events {
			if !try(t, e) {
				t.Errorf("event %d was taken", i)
			}
		}
	})
	t.Run("C333", func(t *testing.T) {
		events, objects := newTestEvents(t, MaxWait, EventOptions{Signaled: true})
		for i := range objects {
			mustBe(t, i)(WaitAny(t.Context(), objects...))
		}
		unsignaled(t, objects...)
		// Waiting, each of them ends it.
		for _, i := range []int{63, 0, 31} {
			done := beginAny(objects...)
			queued(t, events[i], 1)
			must(t, events[i].Set())
			mustEnd(t, i, done)
		}
	})
	t.Run("C334", func(t *testing.T) {
		objects := []Waitable{newTestEvent(t, "", EventOptions{ManualReset: true, Signaled: true})}
		autos, more := newTestEvents(t, 5, EventOptions{Signaled: true})
		for range 3 {
			mustBe(t, 0)(WaitAny(t.Context(), append(objects, more...)...))
		}
		for _, e := range autos {
			if !try(t, e) {
				t.Error("another than the first was taken")
			}
		}
	})
	t.Run("all 64", func(t *testing.T) {
		events, objects := newTestEvents(t, MaxWait, EventOptions{Signaled: true})
		mustBe(t, 0)(WaitAll(t.Context(), objects...))
		unsignaled(t, objects...)
		done := beginAll(objects...)
		for _, e := range events[1:] {
			must(t, e.Set())
		}
		still(t, done)
		must(t, events[0].Set())
		mustEnd(t, 0, done)
		unsignaled(t, objects...)
	})
}

func TestWaitAnyTypes(t *testing.T) {
	t.Run("each ends it", func(t *testing.T) {
		objects, signal := fourTypes(t, "each-")
		child := testkit.Start(t, "agent")
		process, err := WaitProcess(child.PID())
		must(t, err)
		values := make(chan int)
		objects = append(objects, process, WaitChan(values))
		signal = append(signal, child.Kill, func() { values <- 1 })
		for _, i := range []int{3, 1, 2, 5, 0, 4} { // the process last: it stays ended
			unsignaled(t, objects...)
			done := beginAny(objects...)
			still(t, done)
			signal[i]()
			mustEnd(t, i, done)
		}
		mustBe(t, 4)(WaitAny(t.Context(), objects...))
	})
	t.Run("the lowest of all", func(t *testing.T) {
		objects, signal := fourTypes(t, "low-")
		for _, f := range signal {
			f()
		}
		for i := range objects {
			mustBe(t, i)(WaitAny(t.Context(), objects...))
			mustSee(t, "low-semaphore", int32(1-min(i, 1)), 5)
		}
		unsignaled(t, objects...)
	})
}

func TestWaitAnyDuplicates(t *testing.T) {
	t.Run("one handle", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{})
		other := newTestEvent(t, "", EventOptions{})
		done := beginAny(other, e, e)
		queued(t, e, 1)
		must(t, e.Set())
		mustEnd(t, 1, done)
		unsignaled(t, e, e, other)
	})
	t.Run("two handles", func(t *testing.T) {
		m := newTestMutex(t, "double", MutexOptions{})
		b := openTestMutex(t, "double")
		mustBe(t, 0)(WaitAny(t.Context(), b, m))
		isError(t, m.Unlock(), ErrNotOwner) // it belongs to the handle that came first
		unsignaled(t, b, m)
		done := beginAny(m, b)
		queued(t, m, 1)
		mustUnlock(t, b)
		mustEnd(t, 0, done)
		isError(t, b.Unlock(), ErrNotOwner)
		mustUnlock(t, m)
	})
	t.Run("the second handle is closed", func(t *testing.T) {
		e := newTestEvent(t, "second", EventOptions{})
		b, err := OpenEvent("second", 0)
		must(t, err)
		done := beginAny(e, b)
		queued(t, e, 1)
		must(t, b.Close())
		end := within60(t, done)
		failsWith(t, os.ErrClosed, 6)(end.Result, end.err)
	})
	t.Run("process and channel", func(t *testing.T) {
		p, err := WaitProcess(os.Getpid())
		must(t, err)
		c := make(chan string, 1)
		w := WaitChan(c)
		unsignaled(t, p, w, p, w)
		done := beginAny(p, w, p, w)
		still(t, done)
		c <- "x"
		mustEnd(t, 1, done)
		unsignaled(t, p, w, w)
	})
}

func TestWaitAnyAbandoned(t *testing.T) {
	for _, all := range []bool{false, true} {
		wait := WaitAny
		if all {
			wait = WaitAll
		}
		name := map[bool]string{false: "any", true: "all"}[all]
		t.Run(name, func(t *testing.T) {
			set := newTestEvent(t, "", EventOptions{ManualReset: true, Signaled: all})
			a := newTestMutex(t, name+"-a", MutexOptions{InitiallyOwned: true})
			b := openTestMutex(t, name+"-a")
			must(t, a.Close())
			r, err := wait(t.Context(), set, b)
			if err != nil || r.Index != 1 || r.Abandoned == nil || r.Abandoned.PID != os.Getpid() {
				t.Fatalf("%+v, %v", r, err)
			}
			mustUnlock(t, b)
			mustLock(t, b, false) // told once
			mustUnlock(t, b)
		})
	}
	t.Run("C344", func(t *testing.T) {
		set := newTestEvent(t, "", EventOptions{Signaled: true})
		free := newTestMutex(t, "", MutexOptions{})
		var left []Waitable
		for _, name := range []string{"C344-a", "C344-b"} {
			owner := newTestMutex(t, name, MutexOptions{InitiallyOwned: true})
			left = append(left, openTestMutex(t, name))
			must(t, owner.Close())
		}
		r, err := WaitAll(t.Context(), set, free, left[0], left[1])
		if err != nil || r.Index != 2 || r.Abandoned == nil {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, o := range append(left, free) {
			mustUnlock(t, o.(*Mutex))
			mustLock(t, o.(*Mutex), false)
			mustUnlock(t, o.(*Mutex))
		}
		if try(t, set) {
			t.Error("the event was not taken")
		}
	})
}

func TestWaitSeveralRefuses(t *testing.T) {
	both := map[string]func(context.Context, ...Waitable) (Result, error){"any": WaitAny, "all": WaitAll}
	for name, wait := range both {
		t.Run(name, func(t *testing.T) {
			set := newTestEvent(t, "", EventOptions{Signaled: true})
			full := newTestSemaphore(t, name, 1, 1)
			intact := func() {
				t.Helper()
				mustSee(t, name, 1, 1)
				if !try(t, set) {
					t.Fatal("the event was taken")
				}
				must(t, set.Set())
			}
			closed := newTestEvent(t, "", EventOptions{})
			must(t, closed.Close())
			newTestEvent(t, name+"-weak", EventOptions{Signaled: true})
			weak, err := OpenEvent(name+"-weak", Modify)
			must(t, err)
			closeLater(t, weak)
			t.Run("C345", func(t *testing.T) {
				failsWith(t, os.ErrClosed, 6)(wait(t.Context(), set, full, closed))
				intact()
				failsWith(t, os.ErrClosed, 6)(wait(t.Context(), closed, set, full))
				intact()
			})
			t.Run("C346", func(t *testing.T) {
				failsWith(t, fs.ErrPermission, 5)(wait(t.Context(), set, full, weak))
				intact()
				// The first that is wrong decides.
				failsWith(t, fs.ErrPermission, 5)(wait(t.Context(), set, weak, closed))
				failsWith(t, os.ErrClosed, 6)(wait(t.Context(), set, closed, weak))
				intact()
			})
			t.Run("nil", func(t *testing.T) {
				for _, o := range []Waitable{nil, (*Mutex)(nil), (*Event)(nil), (*Semaphore)(nil), (*Timer)(nil), (*ChanWait[int])(nil)} {
					failsWith(t, fs.ErrInvalid, 6)(wait(t.Context(), set, o))
				}
				intact()
			})
			must(t, weak.Close())
		})
	}
}

func TestWaitAllRefusesDuplicates(t *testing.T) {
	t.Run("C336", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{Signaled: true})
		failsWith(t, fs.ErrInvalid, 87)(WaitAll(t.Context(), e, e))
		if !try(t, e) {
			t.Error("it was taken")
		}
	})
	t.Run("C337", func(t *testing.T) {
		set := newTestEvent(t, "", EventOptions{Signaled: true})
		for _, k := range []kind{mutexes, semaphores, events, timers} {
			name := "C337-" + k.typ.String()
			a, b := made(t)(k.create(name)), made(t)(k.open(name))
			failsWith(t, fs.ErrInvalid, 87)(WaitAll(t.Context(), a.(Waitable), set, b.(Waitable)))
		}
		if !try(t, set) {
			t.Error("it was taken")
		}
	})
	t.Run("channel", func(t *testing.T) {
		set := newTestEvent(t, "", EventOptions{Signaled: true})
		c := make(chan int, 1)
		c <- 1
		failsWith(t, errors.ErrUnsupported, 50)(WaitAll(t.Context(), set, WaitChan(c)))
		if !try(t, set) || len(c) != 1 {
			t.Error("something was taken")
		}
	})
}

func TestWaitAll(t *testing.T) {
	t.Run("C342", func(t *testing.T) {
		m := newTestMutex(t, "C342", MutexOptions{})
		e := newTestEvent(t, "", EventOptions{})
		done := beginAll(m, e)
		queued(t, e, 1)
		other := openTestMutex(t, "C342")
		mustLock(t, other, false) // free while the other waits for it and more
		must(t, e.Set())
		still(t, done)
		if !try(t, e) { // nor has it taken the event
			t.Fatal("the event was taken")
		}
		mustUnlock(t, other)
		still(t, done)
		must(t, e.Set())
		mustEnd(t, 0, done)
		isError(t, other.Unlock(), ErrNotOwner)
		mustUnlock(t, m)
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
		defer cancel()
		failsWith(t, context.DeadlineExceeded, 258)(WaitAll(ctx, m, e))
		mustLock(t, other, false)
		mustUnlock(t, other)
	})
	t.Run("mixed types", func(t *testing.T) {
		// Whichever comes last, the wait is over with it and not before.
		for last := range 4 {
			objects, signal := fourTypes(t, "mixed-"+string(rune('a'+last))+"-")
			done := beginAll(objects...)
			queued(t, objects[1], 1)
			for i, f := range signal {
				if i != last {
					f()
				}
			}
			still(t, done)
			signal[last]()
			mustEnd(t, 0, done)
			mustUnlock(t, objects[0].(*Mutex))
			unsignaled(t, objects[1:]...)
		}
	})
	t.Run("ended context", func(t *testing.T) {
		objects, signal := fourTypes(t, "over-")
		for i, f := range signal {
			failsWith(t, context.Canceled, 1223)(WaitAll(over(t), objects...))
			f()
			if i == 1 || i == 2 { // what is there is not taken as long as others are missing
				failsWith(t, context.Canceled, 1223)(WaitAll(over(t), objects...))
				if !takes(t, objects[i].(tryWaiter)) {
					t.Fatal("it was taken although others were missing")
				}
				f()
			}
		}
		mustBe(t, 0)(WaitAll(over(t), objects...))
		unsignaled(t, objects[1:]...)
	})
}

// TestWaitAllFromManySides: goroutines take overlapping sets, in all orders,
// through one call; whatever they took is theirs alone, and nobody hangs.
func TestWaitAllFromManySides(t *testing.T) {
	m := newTestMutex(t, "sides-m", MutexOptions{})
	e := newTestEvent(t, "sides-e", EventOptions{Signaled: true})
	s := newTestSemaphore(t, "sides-s", 1, 1)
	counter := 0
	var group sync.WaitGroup
	for _, order := range [][]Waitable{{m, e, s}, {s, e, m}, {e, m}, {m, s}, {s, m}} {
		group.Go(func() {
			for range scaled(200) {
				mustBe(t, 0)(WaitAll(context.Background(), order...))
				counter++ // all of them have the mutex
				for _, o := range order {
					switch o := o.(type) {
					case *Event:
						must(t, o.Set())
					case *Semaphore:
						mustRelease(t, o, 1, 0)
					}
				}
				mustUnlock(t, m)
			}
		})
	}
	group.Wait()
	if want := 5 * scaled(200); counter != want {
		t.Errorf("counted %d, want %d", counter, want)
	}
	mustSee(t, "sides-s", 1, 1)
}

// TestWaitSeveralOrders: what was written before a signal is seen after WaitAny,
// WaitAll and SignalAndWait, also by the race detector.
func TestWaitSeveralOrders(t *testing.T) {
	objects, signal := fourTypes(t, "orders-")
	back := newTestEvent(t, "", EventOptions{})
	shared := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		mustBe(t, 0)(WaitAll(context.Background(), objects...))
		shared++
		must(t, back.Set())
		for {
			r, err := WaitAny(context.Background(), objects[1:]...)
			if err != nil || r.Index == 2 {
				return
			}
			shared++
			must(t, back.Set())
		}
	}()
	shared++
	for _, f := range signal {
		f()
	}
	mustBe(t, 0)(WaitAny(t.Context(), back))
	for i := range 500 {
		shared++
		mustBe(t, 0)(SignalAndWait(t.Context(), objects[1+i%2].(Signaler), back))
	}
	signal[3]()
	testkit.Soon(t, done, "the other side")
	if shared != 2+2*500 {
		t.Error(shared)
	}
}

// TestWaitSeveralClose: the Close of any of the handles ends the wait, and nothing
// was taken.
func TestWaitSeveralClose(t *testing.T) {
	for name, begin := range map[string]func(...Waitable) <-chan ended{"any": beginAny, "all": beginAll} {
		t.Run(name, func(t *testing.T) {
			for i := range 4 {
				objects, _ := fourTypes(t, name+"-close-"+string(rune('a'+i))+"-")
				set := newTestEvent(t, "", EventOptions{Signaled: name == "all"})
				done := begin(append(objects, set)...)
				queued(t, objects[2], 1)
				still(t, done)
				must(t, objects[i].(Object).Close())
				e := within60(t, done)
				failsWith(t, os.ErrClosed, 6)(e.Result, e.err)
				if try(t, set) != (name == "all") {
					t.Error("the event was taken")
				}
				for _, o := range objects {
					queued(t, o, 0)
				}
			}
		})
	}
	t.Run("C360", func(t *testing.T) {
		// Here the wait through the handle that is closed ends, and a wait through
		// another is released.
		e := newTestEvent(t, "C360", EventOptions{})
		other, err := OpenEvent("C360", 0)
		must(t, err)
		first := beginAny(e)
		queued(t, other, 1)
		second := beginAny(other)
		queued(t, other, 2)
		must(t, e.Close())
		end := within60(t, first)
		failsWith(t, os.ErrClosed, 6)(end.Result, end.err)
		still(t, second)
		must(t, other.Set())
		mustEnd(t, 0, second)
		must(t, other.Close())
	})
}

// TestWaitSeveralCloseRaces: Close and WaitAny or WaitAll at the same moment. The
// wait ends well or with os.ErrClosed; a mutex that it had is not lost.
func TestWaitSeveralCloseRaces(t *testing.T) {
	waits := []func(context.Context, ...Waitable) (Result, error){WaitAny, WaitAll}
	m := newTestMutex(t, "raced-m", MutexOptions{})
	signals := newTestSemaphore(t, "raced-s", 0, 1<<20)
	for i := range scaled(1000) {
		mutex, err := OpenMutex("raced-m", 0)
		must(t, err)
		semaphore, err := OpenSemaphore("raced-s", 0)
		must(t, err)
		done := begin(func() (Result, error) { return waits[i%2](context.Background(), semaphore, mutex) })
		var group sync.WaitGroup
		group.Go(func() { _, _ = signals.Release(1) })
		group.Go(func() { must(t, mutex.Close()) })
		group.Go(func() { must(t, semaphore.Close()) })
		e := within60(t, done)
		if e.err != nil && !errors.Is(e.err, os.ErrClosed) {
			t.Fatal(e.err)
		}
		group.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Hang)
		if _, err := m.Lock(ctx); err != nil {
			t.Fatalf("round %d, which ended with %v: %v", i, e.err, err)
		}
		cancel()
		mustUnlock(t, m)
	}
}

func TestSignalAndWait(t *testing.T) {
	t.Run("C353", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{Signaled: true})
		unset := newTestEvent(t, "", EventOptions{})
		failsWith(t, fs.ErrInvalid, 6)(SignalAndWait(t.Context(), nil, e))
		failsWith(t, fs.ErrInvalid, 6)(SignalAndWait(t.Context(), (*Mutex)(nil), e))
		failsWith(t, fs.ErrInvalid, 6)(SignalAndWait(t.Context(), unset, nil))
		failsWith(t, fs.ErrInvalid, 6)(SignalAndWait(t.Context(), unset, (*Timer)(nil)))
		if !try(t, e) || try(t, unset) {
			t.Error("something was done")
		}
	})
	t.Run("C354", func(t *testing.T) {
		e0 := newTestEvent(t, "", EventOptions{})
		e1 := newTestEvent(t, "", EventOptions{ManualReset: true, Signaled: true})
		mustBe(t, 0)(SignalAndWait(t.Context(), e0, e1))
		if !try(t, e0) || !try(t, e1) {
			t.Error("one is not signaled")
		}
	})
	t.Run("C356", func(t *testing.T) {
		e0, e1 := newTestEvent(t, "", EventOptions{}), newTestEvent(t, "", EventOptions{})
		failsWith(t, context.Canceled, 1223)(SignalAndWait(over(t), e0, e1))
		if !try(t, e0) {
			t.Error("not signaled")
		}
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
		defer cancel()
		failsWith(t, context.DeadlineExceeded, 258)(SignalAndWait(ctx, e0, e1))
		if !try(t, e0) {
			t.Error("not signaled")
		}
	})
	t.Run("C357", func(t *testing.T) {
		s := newTestSemaphore(t, "C357", 2, 2)
		x := newTestEvent(t, "", EventOptions{Signaled: true})
		failsWith(t, ErrTooManyPosts, 298)(SignalAndWait(t.Context(), s, x))
		mustSee(t, "C357", 2, 2)
		if !try(t, x) {
			t.Error("there was a wait")
		}
	})
	t.Run("one of each", func(t *testing.T) {
		m := newTestMutex(t, "one", MutexOptions{InitiallyOwned: true})
		s := newTestSemaphore(t, "", 0, 1)
		timer := newTestTimer(t, "", TimerOptions{})
		failsWith(t, context.Canceled, 1223)(SignalAndWait(over(t), m, timer))
		isError(t, m.Unlock(), ErrNotOwner)
		failsWith(t, ErrNotOwner, 288)(SignalAndWait(t.Context(), m, timer))
		mustLock(t, m, false)
		mustBe(t, 0)(SignalAndWait(t.Context(), s, s)) // released, and taken
		if takes(t, s) {
			t.Error("its own one was not taken")
		}
		mustBe(t, 0)(SignalAndWait(t.Context(), m, m))
		mustUnlock(t, m)
	})
}

func TestSignalAndWaitTakes(t *testing.T) {
	t.Run("the same event", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{})
		for range 10_000 {
			mustBe(t, 0)(SignalAndWait(t.Context(), e, e))
			if try(t, e) {
				t.Fatal("it stays set")
			}
		}
	})
	t.Run("a mutex abandoned", func(t *testing.T) {
		owner := newTestMutex(t, "left-behind", MutexOptions{InitiallyOwned: true})
		m := openTestMutex(t, "left-behind")
		must(t, owner.Close())
		r, err := SignalAndWait(t.Context(), newTestEvent(t, "", EventOptions{}), m)
		if err != nil || r.Abandoned == nil || r.Abandoned.PID != os.Getpid() {
			t.Fatalf("%+v, %v", r, err)
		}
		mustUnlock(t, m)
	})
}

// TestSignalAndWaitChecksFirst: rights and closed handles are seen before anything
// is signaled.
func TestSignalAndWaitChecksFirst(t *testing.T) {
	e := newTestEvent(t, "checked", EventOptions{})
	set := newTestEvent(t, "checked-set", EventOptions{Signaled: true})
	only := func(name string, a Access) *Event {
		e, err := OpenEvent(name, a)
		must(t, err)
		closeLater(t, e)
		return e
	}
	closed := only("checked-set", 0)
	must(t, closed.Close())
	failsWith(t, os.ErrClosed, 6)(SignalAndWait(t.Context(), e, closed))
	failsWith(t, fs.ErrPermission, 5)(SignalAndWait(t.Context(), e, only("checked-set", Modify)))
	if try(t, e) {
		t.Error("signaled although there is no wait")
	}
	failsWith(t, fs.ErrPermission, 5)(SignalAndWait(t.Context(), only("checked", Wait), set))
	failsWith(t, os.ErrClosed, 6)(SignalAndWait(t.Context(), closed, set))
	if !try(t, set) {
		t.Error("waited although nothing was signaled")
	}
}

func TestWaitChan(t *testing.T) {
	t.Run("values", func(t *testing.T) {
		c := make(chan int, 1)
		w := WaitChan(c)
		if v, ok := w.Value(); v != 0 || ok {
			t.Error("a value before any wait")
		}
		c <- 7
		mustBe(t, 0)(WaitAny(over(t), w))
		wantValue(t, w, 7, true)
		unsignaled(t, w)
		done := beginAny(w)
		still(t, done)
		c <- 8
		mustEnd(t, 0, done)
		wantValue(t, w, 8, true)
		close(c)
		for range 3 {
			mustBe(t, 0)(WaitAny(t.Context(), w))
			wantValue(t, w, 0, false)
		}
	})
	t.Run("closed while waiting", func(t *testing.T) {
		c := make(chan error)
		w := WaitChan(c)
		done := beginAny(newTestEvent(t, "", EventOptions{}), w)
		still(t, done)
		close(c)
		mustEnd(t, 1, done)
		wantValue(t, w, nil, false)
	})
	t.Run("nil", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{})
		done := beginAny(WaitChan[int](nil), e)
		still(t, done)
		must(t, e.Set())
		mustEnd(t, 1, done)
	})
	t.Run("interface values", func(t *testing.T) {
		c := make(chan error)
		w := WaitChan(c)
		for _, v := range []error{nil, os.ErrClosed} {
			done := beginAny(w)
			c <- v
			mustEnd(t, 0, done)
			wantValue(t, w, v, true)
		}
	})
	t.Run("two of one channel", func(t *testing.T) {
		c := make(chan int)
		a, b := WaitChan(c), WaitChan(c)
		first, second := beginAny(a), beginAny(b)
		c <- 1
		c <- 2
		mustEnd(t, 0, first)
		mustEnd(t, 0, second)
		x, _ := a.Value()
		y, _ := b.Value()
		if x+y != 3 {
			t.Errorf("%d and %d came out of 1 and 2", x, y)
		}
	})
}

func TestWaitChanKeeps(t *testing.T) {
	t.Run("a value is kept", func(t *testing.T) {
		// Whether the wait saw the value or not when the event ended it, the value
		// comes out next.
		e := newTestEvent(t, "", EventOptions{})
		c := make(chan int, 1)
		w := WaitChan(c)
		for i := range scaled(500) {
			done := beginAny(e, w)
			time.Sleep(time.Duration(i%20) * time.Microsecond)
			c <- i
			must(t, e.Set())
			if end := within60(t, done); end.err != nil || end.Index > 1 {
				t.Fatalf("%+v", end)
			} else if end.Index == 0 {
				mustBe(t, 0)(WaitAny(t.Context(), w))
			} else {
				must(t, e.Reset())
			}
			wantValue(t, w, i, true)
		}
	})
}

func wantValue[T comparable](t testing.TB, w *ChanWait[T], value T, ok bool) {
	t.Helper()
	if v, open := w.Value(); v != value || open != ok {
		t.Fatalf("the channel gave %v, %v, want %v, %v", v, open, value, ok)
	}
}
