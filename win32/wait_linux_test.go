package win32_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"atoll"
	"atoll/win32"
)

// Both faces see each other's signals, owners and settings.
func TestWaitsWithTheOtherFace(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must := func(err error) {
		t.Helper()
		if err != nil && err != win32.ERROR_ALREADY_EXISTS {
			t.Fatal(err)
		}
	}
	gives := func(want uint32) func(uint32, error) {
		return func(got uint32, err error) {
			t.Helper()
			if got != want || err != nil {
				t.Errorf("the wait gave %#x, %v, want %#x", got, err, want)
			}
		}
	}
	name := fmt.Sprint("other face ", os.Getpid())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	event, err := atoll.CreateEvent(name+" event", atoll.EventOptions{})
	must(err)
	e, err := win32.OpenEvent(win32.EVENT_ALL_ACCESS, false, name+" event")
	must(err)
	must(event.Set())
	gives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(e, win32.INFINITE))
	must(win32.SetEvent(e))
	must(event.Wait(ctx))

	mutex, err := atoll.CreateMutex(name+" mutex", atoll.MutexOptions{})
	must(err)
	m, err := win32.OpenMutex(win32.MUTEX_ALL_ACCESS, false, name+" mutex")
	must(err)
	_, err = mutex.Lock(ctx)
	must(err)
	gives(win32.WAIT_TIMEOUT)(win32.WaitForMultipleObjects([]win32.Handle{m, e}, false, 1))
	must(mutex.Unlock())
	must(event.Set())
	gives(win32.WAIT_OBJECT_0)(win32.WaitForMultipleObjects([]win32.Handle{m, e}, true, win32.INFINITE))
	if ok, _, err := mutex.TryLock(); ok || err != nil {
		t.Errorf("a handle has the mutex of a thread: %v, %v", ok, err)
	}
	gives(win32.WAIT_TIMEOUT)(win32.SignalObjectAndWait(m, e, 1, false))
	_, err = mutex.Lock(ctx)
	must(err)
	must(mutex.Unlock())

	timer, err := atoll.CreateTimer(name+" timer", atoll.TimerOptions{ManualReset: true})
	must(err)
	w, err := win32.OpenWaitableTimer(win32.TIMER_ALL_ACCESS, false, name+" timer")
	must(err)
	called := false
	routine := win32.NewTimerAPCRoutine(func(uintptr, uint32, uint32) { called = true })
	for _, end := range []func() error{timer.Cancel, func() error { return timer.SetAfter(time.Hour, 0) }} {
		var now int64
		must(win32.SetWaitableTimer(w, &now, 0, routine, 0, false))
		must(timer.Wait(ctx))
		must(end())
		if ret := win32.SleepEx(20, true); ret != 0 || called {
			t.Errorf("the sleep gave %#x, the routine was called: %v", ret, called)
		}
	}
	for _, o := range []interface{ Close() error }{event, mutex, timer} {
		must(o.Close())
	}
	for _, h := range []win32.Handle{e, m, w} {
		must(win32.CloseHandle(h))
	}
}
