package conformance

import (
	"testing"
	"time"

	"atoll/win32"
)

func TestEvent(t *testing.T) { run(t, events) }

// manual and auto make events without a name.
func (t *T) manual(set uint32) win32.Handle {
	return t.Fresh(win32.CreateEvent(nil, 1, set, win32.NullName))
}

func (t *T) auto(set uint32) win32.Handle {
	return t.Fresh(win32.CreateEvent(nil, 0, set, win32.NullName))
}

// waiters begin to wait for an object on so many threads, and say when they have it.
func (t *T) waiters(n int, h win32.Handle) <-chan struct{} {
	released := make(chan struct{}, n)
	for range n {
		done := t.Begin(func() {
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(h, win32.INFINITE))
			released <- struct{}{}
		})
		t.Cleanup(func() { t.Done(done) })
	}
	t.Waits(released)
	return released
}

// pulsed pulses an event until some of those who wait for it are released, which it
// counts: who has not begun to wait, or is not back at it, misses a pulse.
func (t *T) pulsed(event win32.Handle, released <-chan struct{}) (n int) {
	for began := time.Now(); n == 0; n = len(released) {
		if time.Since(began) > hang {
			t.Fatalf("nobody is released")
		}
		t.OK(win32.PulseEvent(event))
		time.Sleep(quiet)
	}
	return n
}

var events = []line{
	{
		id: "C296", says: "manual set → three waits(0) all 0", source: "w32:Sync/event-objects (D)",
		check: func(t *T) {
			e := t.manual(0)
			t.misses(e)
			t.OK(win32.SetEvent(e))
			for range 3 {
				t.takes(e)
			}
			t.OK(win32.ResetEvent(e))
			t.misses(e)
		},
	},
	{
		id: "C297", says: "auto set → wait(0) 0, wait(0) 0x102", source: "test_WaitForMultipleObjects (W)",
		check: func(t *T) {
			e := t.auto(0)
			t.OK(win32.SetEvent(e))
			t.takes(e)
			t.misses(e)
		},
	},
	{
		id: "C298", says: "auto, SetEvent twice, no waiter → only one wait succeeds", source: "WT-n/sync test_event (W)",
		check: func(t *T) {
			e := t.auto(0)
			t.OK(win32.SetEvent(e))
			t.OK(win32.SetEvent(e))
			t.takes(e)
			t.misses(e)
		},
	},
	{
		id: "C300", says: "manual, 3 waiters, SetEvent → all released", source: "WT-n/sync test_event (D)",
		check: func(t *T) {
			e := t.manual(0)
			released := t.waiters(3, e)
			t.OK(win32.SetEvent(e))
			for range 3 {
				t.Done(released)
			}
			t.takes(e)
		},
	},
	{
		id: "C301", says: "ResetEvent on nonsignaled → TRUE", source: "test_event (W)",
		check: func(t *T) {
			for _, e := range []win32.Handle{t.manual(0), t.auto(0)} {
				t.OK(win32.ResetEvent(e))
				t.misses(e)
			}
		},
	},
	{
		id: "C302", says: "PulseEvent, no waiter, event set → afterwards nonsignaled", source: "test_event (W)",
		check: func(t *T) {
			for _, e := range []win32.Handle{t.manual(1), t.auto(1), t.manual(0), t.auto(0)} {
				t.OK(win32.PulseEvent(e))
				t.misses(e)
			}
		},
	},
	{
		id: "C304", says: "PulseEvent auto, 3 waiters → 1 released", source: "sdk:pulseevent (D)",
		check: func(t *T) {
			e := t.auto(0)
			released := t.waiters(3, e)
			if n := t.pulsed(e, released); n != 1 {
				t.Errorf("%d are released", n)
			}
			t.misses(e)
			for range 2 {
				t.OK(win32.SetEvent(e))
				t.Waits(nil)
			}
			for range 3 {
				t.Done(released)
			}
		},
	},
	{
		id: "C305", says: "wait-all {e1,e2}, PulseEvent(e1) with e2 unset → not released", source: "sdk:pulseevent (D)",
		check: func(t *T) {
			for _, make := range []func(uint32) win32.Handle{t.manual, t.auto} {
				first, second := make(0), make(0)
				done := t.Begin(func() {
					t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForMultipleObjects([]win32.Handle{first, second}, true, win32.INFINITE))
				})
				t.Waits(done)
				t.OK(win32.PulseEvent(first))
				t.Waits(done)
				t.OK(win32.SetEvent(second))
				t.Waits(done)
				t.OK(win32.SetEvent(first))
				t.Done(done)
			}
		},
	},
	{
		id: "C306", says: "h(SYNCHRONIZE) → SetEvent → FALSE, 5", source: "w32 rights (D)",
		check: func(t *T) {
			n := t.Name()
			e := t.Fresh(win32.CreateEvent(nil, 1, 0, n))
			waiter := t.Handle(win32.OpenEvent(win32.SYNCHRONIZE, false, n))
			for _, call := range []func(win32.Handle) error{win32.SetEvent, win32.ResetEvent, win32.PulseEvent} {
				t.Err(win32.ERROR_ACCESS_DENIED, call(waiter))
			}
			t.misses(e)
		},
	},
	{
		id: "C308", says: "CreateEvent(initial TRUE) → wait(0) = 0", source: "sdk (D)",
		check: func(t *T) {
			t.takes(t.auto(1))
			t.takes(t.manual(1))
			e := t.Fresh(win32.CreateEventEx(nil, win32.NullName, win32.CREATE_EVENT_INITIAL_SET, win32.EVENT_ALL_ACCESS))
			t.takes(e)
			t.misses(e)
		},
	},
	{
		id: "C418", says: "SetEvent on a set event, ResetEvent on a reset one → TRUE, no effect", source: "sdk:setevent, resetevent (D)",
		check: func(t *T) {
			auto, manual := t.auto(1), t.manual(1)
			t.OK(win32.SetEvent(auto))
			t.OK(win32.SetEvent(manual))
			t.takes(auto) // one signal, not two
			t.misses(auto)
			t.takes(manual)
			for _, e := range []win32.Handle{auto, manual} {
				t.OK(win32.ResetEvent(e))
				t.OK(win32.ResetEvent(e))
				t.misses(e)
			}
		},
	},
}
