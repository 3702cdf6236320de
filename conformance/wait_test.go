package conformance

import (
	"testing"
	"time"

	"atoll/win32"
)

func TestWaits(t *testing.T) { run(t, waits) }

// long is for waits that end before; who waits so long hangs.
const long = uint32(hang / time.Millisecond)

// events makes auto-reset events, signaled or not.
func (t *T) events(n int, signaled uint32) []win32.Handle {
	all := make([]win32.Handle, n)
	for i := range all {
		all[i] = t.Handle(win32.CreateEvent(nil, 0, signaled, ""))
	}
	return all
}

// Took demands that a wait takes the object now, and Not that it cannot.
func (t *T) Took(h win32.Handle) { t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(h, 0)) }

// Not demands that the object is not signaled.
func (t *T) Not(h win32.Handle) { t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(h, 0)) }

// Comes waits for the object.
func (t *T) Comes(h win32.Handle) {
	t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(h, long))
}

// self is a handle of the calling thread that other threads can use.
func (t *T) self() win32.Handle {
	return t.Handle(win32.OpenThread(win32.THREAD_ALL_ACCESS, false, win32.GetCurrentThreadId()))
}

// Ended runs f on a thread of its own, and gives a handle of it when it has ended.
func (t *T) Ended(f func()) (thread win32.Handle) {
	t.Thread(func() { thread = t.self(); f() })
	t.Comes(thread)
	return thread
}

// still demands that something that has begun does not end.
func (t *T) still(done <-chan struct{}) {
	select {
	case <-done:
		t.Errorf("it does not wait")
	case <-time.After(quiet):
	}
}

// apc makes an APC that runs f.
func apc(f func()) win32.APCProc { return win32.NewAPCProc(func(uintptr) { f() }) }

// queue queues f to the calling thread.
func (t *T) queue(f func()) { t.OK(win32.QueueUserAPC(apc(f), win32.GetCurrentThread(), 0)) }

var waits = []line{
	{
		id: "C332", says: "WaitForMultipleObjects(65) → WAIT_FAILED, 87", source: "WI:kernelbase/sync.c (I)(D)",
		check: func(t *T) {
			all := t.events(65, 1)
			t.WaitFails(win32.ERROR_INVALID_PARAMETER)(win32.WaitForMultipleObjects(all, false, 0))
			t.WaitFails(win32.ERROR_INVALID_PARAMETER)(win32.WaitForMultipleObjects(all, true, 0))
			t.WaitGives(0)(win32.WaitForMultipleObjects(all[:64], true, 0))
			t.Took(all[64])
		},
	},
	{
		id: "C333", says: "64 signaled auto events, wait-any → indices 0,1,2… one at a time", source: "test_WaitForMultipleObjects (W)",
		check: func(t *T) {
			all := t.events(64, 1)
			for i := range all {
				t.WaitGives(uint32(i))(win32.WaitForMultipleObjects(all, false, 0))
			}
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForMultipleObjects(all, false, 0))
		},
	},
	{
		id: "C334", says: "manual at 0, auto others, all set → always 0; others untouched", source: "test_WaitForMultipleObjects (W)",
		check: func(t *T) {
			all := append([]win32.Handle{t.Handle(win32.CreateEvent(nil, 1, 1, ""))}, t.events(63, 1)...)
			for range 64 {
				t.WaitGives(0)(win32.WaitForMultipleObjects(all, false, 0))
			}
			for _, e := range all {
				t.Took(e)
			}
		},
	},
	{
		id: "C336", says: "{h,h} wait-all → WAIT_FAILED, 87", source: "RO:obwait.c (R)",
		gap: gaps{onWine: "it takes an object twice in a wait for all"},
		check: func(t *T) {
			e := t.events(1, 1)[0]
			t.WaitFails(win32.ERROR_INVALID_PARAMETER)(win32.WaitForMultipleObjects([]win32.Handle{e, e}, true, 0))
			t.WaitGives(0)(win32.WaitForMultipleObjects([]win32.Handle{e, e}, false, 0))
			t.Not(e)
		},
	},
	{
		id: "C337", says: "{h, duplicate of h} wait-all → WAIT_FAILED, 87", source: "RO:obwait.c (R)",
		gap: gaps{onWine: "it takes an object twice in a wait for all"},
		check: func(t *T) {
			e := t.events(1, 1)[0]
			d := t.duplicateOf(e, 0, false, win32.DUPLICATE_SAME_ACCESS)
			t.WaitFails(win32.ERROR_INVALID_PARAMETER)(win32.WaitForMultipleObjects([]win32.Handle{e, d}, true, 0))
			t.Took(d)
			t.Not(e)
		},
	},
	{
		id: "C338", says: "{GetCurrentProcess()} multiple → WAIT_FAILED, 6", source: "test_WaitForMultipleObjects (W†)",
		gap: gaps{onWine: "it takes pseudo-handles"},
		check: func(t *T) {
			e := t.events(1, 1)[0]
			for _, pseudo := range []win32.Handle{win32.GetCurrentProcess(), win32.GetCurrentThread()} {
				t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.WaitForMultipleObjects([]win32.Handle{pseudo}, false, 0))
				t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.WaitForMultipleObjects([]win32.Handle{e, pseudo}, false, 0))
				t.Not(pseudo)
			}
			t.Took(e)
		},
	},
	{
		id: "C340", says: "timeout → LastError still 0xDEADBEEF", source: "test_WaitForSingleObject (W)",
		check: func(t *T) {
			e := t.events(1, 0)[0]
			// No error is what says so here.
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(e, 0))
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(e, 10))
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(e+1, 10))
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForMultipleObjects([]win32.Handle{e, e}, false, 10))
		},
	},
	{
		id: "C341", says: "success → LastError still 0xDEADBEEF", source: "test_WaitForSingleObject (W)",
		check: func(t *T) {
			e := t.Handle(win32.CreateEvent(nil, 1, 1, ""))
			for low := range win32.Handle(4) { // the low two bits are ignored
				t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(e+low, win32.INFINITE))
			}
		},
	},
	{
		id: "C342", says: "wait-all {mutex free, event unset}, timeout → mutex not acquired (other thread can take it during the wait)", source: "sdk (D)",
		check: func(t *T) {
			m, e := t.Handle(win32.CreateMutex(nil, false, "")), t.events(1, 0)[0]
			done := t.Begin(func() {
				t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForMultipleObjects([]win32.Handle{m, e}, true, 4*uint32(quiet/time.Millisecond)))
				t.Err(win32.ERROR_NOT_OWNER, win32.ReleaseMutex(m))
			})
			t.still(done)
			t.Took(m)
			<-done
			t.OK(win32.ReleaseMutex(m))
		},
	},
	{
		id: "C344", says: "wait-all {abandoned mutex, set event} → 0x80", source: "sdk (D)",
		check: func(t *T) {
			m, e := t.Handle(win32.CreateMutex(nil, false, "")), t.events(1, 1)[0]
			t.Ended(func() { t.Took(m) })
			t.WaitGives(win32.WAIT_ABANDONED_0)(win32.WaitForMultipleObjects([]win32.Handle{e, m}, true, long))
			t.Not(e)
			t.OK(win32.ReleaseMutex(m))
		},
	},
	{
		id: "C345", says: "one invalid handle among valid signaled ones → WAIT_FAILED, 6; none consumed", source: "RO:obwait.c (R)",
		check: func(t *T) {
			all := t.events(3, 1)
			none := t.Stale()
			for _, waitAll := range []bool{false, true} {
				t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.WaitForMultipleObjects(append(all[:3:3], none), waitAll, 0))
			}
			for _, e := range all {
				t.Took(e)
			}
		},
	},
	{
		id: "C346", says: "handle without SYNCHRONIZE → WAIT_FAILED, 5", source: "test_keyed_events (W)(D)",
		check: func(t *T) {
			e := t.events(1, 1)[0]
			mute := t.duplicateOf(e, win32.EVENT_MODIFY_STATE, false, 0)
			t.WaitFails(win32.ERROR_ACCESS_DENIED)(win32.WaitForSingleObject(mute, 0))
			t.WaitFails(win32.ERROR_ACCESS_DENIED)(win32.WaitForMultipleObjects([]win32.Handle{e, mute}, false, 0))
			t.Took(e)
			section := t.Handle(win32.CreateFileMapping(win32.INVALID_HANDLE_VALUE, nil, win32.PAGE_READWRITE, 0, 1, ""))
			t.WaitFails(win32.ERROR_ACCESS_DENIED)(win32.WaitForSingleObject(section, 0))
		},
	},
	{
		id: "C348", says: "alertable wait with queued APC → 0xC0, object not consumed", source: "test_alertable_wait (W)",
		check: func(t *T) {
			e := t.events(1, 0)[0]
			t.queue(func() { t.OK(win32.SetEvent(e)) })
			t.WaitGives(win32.WAIT_IO_COMPLETION)(win32.WaitForSingleObjectEx(e, long, true))
			t.Took(e)
			t.queue(func() { t.OK(win32.SetEvent(e)) })
			t.WaitGives(win32.WAIT_IO_COMPLETION)(win32.WaitForMultipleObjectsEx([]win32.Handle{e, t.self()}, false, long, true))
			t.Took(e)
			// A wait that is not alertable leaves it queued.
			ran := false
			t.queue(func() { ran = true })
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(e, 1))
			t.Equal(0, win32.SleepEx(1, false), "the sleep")
			if ran {
				t.Errorf("a wait that is not alertable ran an APC")
			}
			t.Equal(win32.WAIT_IO_COMPLETION, win32.SleepEx(0, true), "the sleep")
		},
	},
	{
		id: "C349", says: "two APCs queued → both run in one alertable wait", source: "test_alertable_wait (W)",
		check: func(t *T) {
			e := t.events(1, 0)[0]
			var order []int
			t.queue(func() { order = append(order, 1) })
			t.queue(func() { order = append(order, 2) })
			t.WaitGives(win32.WAIT_IO_COMPLETION)(win32.WaitForSingleObjectEx(e, 0, true))
			if len(order) != 2 || order[0] != 1 || order[1] != 2 {
				t.Errorf("the order is %v", order)
			}
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObjectEx(e, 0, true))
		},
	},
	{
		id: "C350", says: "APC releases the awaited semaphore → 0xC0, next wait 0", source: "test_alertable_wait (W)",
		check: func(t *T) {
			s := t.Handle(win32.CreateSemaphore(nil, 0, 1, ""))
			var me win32.Handle
			ready := make(chan struct{})
			done := t.Begin(func() {
				me = t.self()
				close(ready)
				t.WaitGives(win32.WAIT_IO_COMPLETION)(win32.WaitForSingleObjectEx(s, win32.INFINITE, true))
				t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObjectEx(s, 0, true))
			})
			<-ready
			t.still(done)
			t.OK(win32.QueueUserAPC(apc(func() { t.OK(win32.ReleaseSemaphore(s, 1, nil)) }), me, 0))
			<-done
		},
	},
	{
		id: "C352", says: "QueueUserAPC(terminated thread) → 0, 31", source: "test_alertable_wait (W)",
		check: func(t *T) {
			thread := t.Ended(func() {})
			t.Err(win32.ERROR_GEN_FAILURE, win32.QueueUserAPC(apc(func() {}), thread, 0))
		},
	},
	{
		id: "C353", says: "SignalObjectAndWait(NULL, e) and (e, NULL) → WAIT_FAILED", source: "test_signalandwait (W)",
		check: func(t *T) {
			e := t.Handle(win32.CreateEvent(nil, 1, 0, ""))
			t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.SignalObjectAndWait(0, 0, 0, false))
			t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.SignalObjectAndWait(0, e, 0, false))
			t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.SignalObjectAndWait(e, 0, 0, false))
			t.Not(e)
		},
	},
	{
		id: "C354", says: "SignalObjectAndWait(e0 auto, e1 manual set) → 0; e0 signaled", source: "test_signalandwait (W)",
		check: func(t *T) {
			e0, e1 := t.events(1, 0)[0], t.Handle(win32.CreateEvent(nil, 1, 1, ""))
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.SignalObjectAndWait(e0, e1, 0, false))
			t.Took(e0)
			t.Took(e1)
			for range 1000 { // one event as both
				t.WaitGives(win32.WAIT_OBJECT_0)(win32.SignalObjectAndWait(e0, e0, 0, false))
			}
			t.Not(e0)
		},
	},
	{
		id: "C356", says: "SignalObjectAndWait(e0, e1 unset, 0) → 0x102; e0 nevertheless set", source: "test_signalandwait (W)",
		check: func(t *T) {
			all := t.events(2, 0)
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.SignalObjectAndWait(all[0], all[1], 0, false))
			t.Took(all[0])
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.SignalObjectAndWait(all[0], all[1], 10, false))
			t.Took(all[0])
		},
	},
	{
		id: "C357", says: "SignalObjectAndWait(sem at max, x) → WAIT_FAILED (298), x not consumed", source: "test_signalandwait (W)",
		check: func(t *T) {
			s, x := t.Handle(win32.CreateSemaphore(nil, 0, 1, "")), t.events(1, 1)[0]
			t.WaitGives(win32.WAIT_OBJECT_0)(win32.SignalObjectAndWait(s, x, 0, false))
			t.OK(win32.SetEvent(x))
			t.WaitFails(win32.ERROR_TOO_MANY_POSTS)(win32.SignalObjectAndWait(s, x, 0, false))
			t.Took(x)
		},
	},
	{
		id: "C358", says: "SignalObjectAndWait(file, …) → WAIT_FAILED, 6", source: "test_signalandwait (W)",
		check: func(t *T) {
			e := t.events(1, 1)[0]
			file := t.open(t.ordinaryFile())
			t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.SignalObjectAndWait(file, e, 0, false))
			timer := t.Handle(win32.CreateWaitableTimer(nil, false, ""))
			t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.SignalObjectAndWait(timer, e, 0, false))
			t.WaitFails(win32.ERROR_INVALID_HANDLE)(win32.SignalObjectAndWait(win32.GetCurrentProcess(), e, 0, false))
			t.Took(e)
		},
	},
	{
		id: "C360", says: "thread waits on event, another closes its handle, third sets via other handle → waiter released", source: "w32:SysInfo/object-interface (D)",
		check: func(t *T) {
			e := t.events(1, 0)[0]
			other := t.duplicateOf(e, 0, false, win32.DUPLICATE_SAME_ACCESS)
			done := t.Begin(func() { t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(e, long)) })
			t.still(done)
			t.Close(e)
			t.still(done)
			t.Ended(func() { t.OK(win32.SetEvent(other)) })
			<-done
			t.Not(other)
		},
	},
}
