//go:build linux

package wait_test

import (
	"context"
	"errors"
	"testing"

	"atoll/internal/layout"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

func end(t *testing.T, w *wait.Waiter) (ended <-chan struct{}) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := w.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	return done
}

// TestAnyDoesNotPushIn: who waits for several objects takes none that is for one who
// came before, however often it is woken; when that one has left, it does.
func TestAnyDoesNotPushIn(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		o, other := newObject(t, layout.AutoEventWord), newObject(t, layout.AutoEventWord)
		first := wait.Begin(false, wait.Target{Slot: &o.a})
		any2 := end(t, wait.Begin(false, wait.Target{Slot: &o.a}, wait.Target{Slot: &other.a}))
		must(t, set(o))
		for range 100 {
			other.a.Recall() // it is woken, and looks at both
		}
		testkit.Blocked(t, any2, "a wait behind another")
		testkit.Soon(t, end(t, first), "the first")
		testkit.Blocked(t, any2, "a wait whose signal another took")
		must(t, set(o))
		testkit.Soon(t, any2, "the second")
	})
}

// TestAnyTakesOverTheQueue: the first leaves without what it waited for.
func TestAnyTakesOverTheQueue(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		o, other := newObject(t, layout.SemaphoreWord), newObject(t, layout.AutoEventWord)
		first := wait.Begin(false, wait.Target{Slot: &o.a})
		any2 := end(t, wait.Begin(false, wait.Target{Slot: &other.a}, wait.Target{Slot: &o.a}))
		must(t, release(o))
		testkit.Blocked(t, any2, "a wait behind another")
		first.End()
		testkit.Soon(t, any2, "the second")
	})
}

// TestAnyTakesWhatIsLeft: there is enough for those before it, too; and nobody takes
// anything from a manual-reset event.
func TestAnyTakesWhatIsLeft(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for _, kind := range []layout.Kind{layout.SemaphoreWord, layout.ManualEventWord} {
			o, other := newObject(t, kind), newObject(t, layout.AutoEventWord)
			first := wait.Begin(false, wait.Target{Slot: &o.a})
			if kind == layout.SemaphoreWord {
				must(t, release(o))
				must(t, release(o))
			} else if _, err := o.b.Change(layout.SetManual, nil); err != nil {
				t.Fatal(err)
			}
			testkit.Soon(t, end(t, wait.Begin(false, wait.Target{Slot: &other.a}, wait.Target{Slot: &o.a})), "the second")
			testkit.Soon(t, end(t, first), "the first")
		}
	})
}

// TestAnyHasNoTime: as a wait for one does, it takes what is there when its time is
// over.
func TestAnyHasNoTime(t *testing.T) {
	o, other := newObject(t, layout.AutoEventWord), newObject(t, layout.AutoEventWord)
	first := wait.Begin(false, wait.Target{Slot: &o.a})
	defer first.End()
	must(t, set(o))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if out, err := wait.Begin(false, wait.Target{Slot: &other.a}, wait.Target{Slot: &o.a}).Wait(ctx); err != nil || out.Index != 1 {
		t.Fatal(out, err)
	}
}

// TestTakeAny takes the lowest that is there, and nothing that others wait for.
func TestTakeAny(t *testing.T) {
	o, other := newObject(t, layout.AutoEventWord), newObject(t, layout.SemaphoreWord)
	targets := []wait.Target{{Slot: &other.a}, {Slot: &o.a}}
	if out, took := wait.TakeAny(targets); took {
		t.Fatal(out)
	}
	must(t, set(o))
	must(t, release(other))
	for want := range targets {
		if out, took := wait.TakeAny(targets); !took || out.Index != want {
			t.Fatal(out, took)
		}
	}
	first := wait.Begin(false, wait.Target{Slot: &o.a})
	must(t, set(o))
	if out, took := wait.TakeAny(targets); took {
		t.Fatal("it took what another waits for:", out)
	}
	testkit.Soon(t, end(t, first), "the first")
}

// TestWaitersServeAgain: a waiter that has ended, and is poked all the same, serves
// another wait.
func TestWaitersServeAgain(t *testing.T) {
	o := newObject(t, layout.AutoEventWord)
	for range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel() // pokes the waiter, maybe too late
		if _, err := o.a.Acquire(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	done := end(t, wait.Begin(false, wait.Target{Slot: &o.a}))
	testkit.Blocked(t, done, "a wait")
	must(t, set(o))
	testkit.Soon(t, done, "a wait")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// set and release signal as another process does.
func set(o *object) error {
	_, err := o.b.Change(o.setAuto, nil)
	return err
}

func release(o *object) error {
	_, err := o.b.Change(func(word uint32) uint32 { return word + 1 }, nil)
	return err
}
