//go:build linux

package atoll

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/testkit"
)

func newTestEvent(t testing.TB, name string, o EventOptions) *Event {
	t.Helper()
	e, err := CreateEvent(name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return e
}

// try is TryWait, whose error fails the test.
func try(t testing.TB, e *Event) bool {
	t.Helper()
	ok, err := e.TryWait()
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEventAutoReset(t *testing.T) {
	e := newTestEvent(t, "auto", EventOptions{})
	if try(t, e) {
		t.Fatal("new event is signaled")
	}
	must(t, e.Set())
	must(t, e.Set()) // stays one signal
	if !try(t, e) || try(t, e) {
		t.Fatal("a signal releases exactly one")
	}
	must(t, e.Set())
	must(t, e.Reset())
	must(t, e.Reset())
	if try(t, e) {
		t.Fatal("signaled after Reset")
	}
}

func TestEventManualReset(t *testing.T) {
	e := newTestEvent(t, "manual", EventOptions{ManualReset: true, Signaled: true})
	for range 3 {
		if !try(t, e) {
			t.Fatal("a manual-reset event stays signaled")
		}
	}
	must(t, e.Reset())
	if try(t, e) {
		t.Fatal("signaled after Reset")
	}
}

func TestEventOptionsOfAnExistingEventAreIgnored(t *testing.T) {
	e := newTestEvent(t, "kept", EventOptions{ManualReset: true, Signaled: true})
	same, created, err := CreateOrOpenEvent("kept", EventOptions{})
	if err != nil || created {
		t.Fatal(created, err)
	}
	if !try(t, same) || !try(t, e) {
		t.Fatal("the second handle is of another kind than the event")
	}
	must(t, same.Close())
}

// TestEventAutoResetReleasesOne: of many waiters each Set releases exactly one.
func TestEventAutoResetReleasesOne(t *testing.T) {
	e := newTestEvent(t, "one", EventOptions{})
	const waiters = 8
	var released atomic.Int32
	done := make(chan error, waiters)
	for range waiters {
		go func() {
			err := e.Wait(context.Background())
			released.Add(1)
			done <- err
		}()
	}
	for i := range waiters {
		time.Sleep(testkit.Quiet)
		if n := released.Load(); n != int32(i) {
			t.Fatalf("%d signals released %d waiters", i, n)
		}
		must(t, e.Set())
		must(t, within60(t, done))
	}
}

// TestEventSetThenReset: everybody who waited on a manual-reset event before Set
// is released, though Reset follows at once.
func TestEventSetThenReset(t *testing.T) {
	e := newTestEvent(t, "flash", EventOptions{ManualReset: true})
	const waiters = 20
	for round := range 20 {
		done := make(chan error, waiters)
		for range waiters {
			go func() { done <- e.Wait(context.Background()) }()
		}
		for e.kernel.Waiting() < waiters {
			runtime.Gosched()
		}
		must(t, e.Set())
		must(t, e.Reset())
		for i := range waiters {
			select {
			case err := <-done:
				must(t, err)
			case <-time.After(testkit.Hang):
				t.Fatalf("round %d: only %d of %d were released", round, i, waiters)
			}
		}
	}
}

func TestEventContextAndClose(t *testing.T) {
	e := newTestEvent(t, "ends", EventOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
	defer cancel()
	isError(t, e.Wait(ctx), context.DeadlineExceeded)
	must(t, e.Set())
	must(t, e.Wait(ctx)) // signaled: released, though the caller's time is up
	done := make(chan error)
	go func() { done <- e.Wait(context.Background()) }()
	time.Sleep(testkit.Quiet)
	must(t, e.Close())
	isError(t, <-done, os.ErrClosed)
	isError(t, e.Set(), os.ErrClosed)
	isError(t, e.Reset(), os.ErrClosed)
	isError(t, e.Wait(t.Context()), os.ErrClosed)
	_, err := e.TryWait()
	isError(t, err, os.ErrClosed)
	isError(t, e.Close(), os.ErrClosed)
}

func TestEventAccess(t *testing.T) {
	newTestEvent(t, "rights", EventOptions{Signaled: true})
	waiter, err := OpenEvent("rights", Wait)
	must(t, err)
	isError(t, waiter.Set(), fs.ErrPermission, "modify")
	isError(t, waiter.Reset(), fs.ErrPermission)
	must(t, waiter.Wait(t.Context()))
	must(t, waiter.Close())
	setter, err := OpenEvent("rights", Modify)
	must(t, err)
	must(t, setter.Set())
	isError(t, setter.Wait(t.Context()), fs.ErrPermission, "wait")
	must(t, setter.Close())
}

func TestEventFastPathAllocatesNothing(t *testing.T) {
	e := newTestEvent(t, "fast", EventOptions{})
	if n := testing.AllocsPerRun(1000, func() {
		_ = e.Set()
		_, _ = e.TryWait()
	}); n != 0 {
		t.Errorf("Set and TryWait allocate %v times", n)
	}
}

// TestEventOrders: what was written before Set is seen after Wait, also by the
// race detector, which does not see the event's own memory.
func TestEventOrders(t *testing.T) {
	ping := newTestEvent(t, "", EventOptions{})
	pong := newTestEvent(t, "", EventOptions{})
	shared := 0
	go func() {
		for range 1000 {
			if ping.Wait(context.Background()) != nil {
				return
			}
			shared++
			_ = pong.Set()
		}
	}()
	for i := range 1000 {
		shared++
		must(t, ping.Set())
		must(t, pong.Wait(t.Context()))
		if shared != 2*(i+1) {
			t.Fatal(shared)
		}
	}
}
