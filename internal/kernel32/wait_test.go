//go:build linux

package kernel32

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// The process's first thread never ends, so no test may come to run on it.
func init() { runtime.LockOSThread() }

var _ = testkit.Role("idle", func(s *testkit.Self) { s.Hear() })

const hangs = uint32(time.Minute / time.Millisecond)

// anEvent makes an event for a test.
func anEvent(t *testing.T, manual, signaled bool) Handle {
	t.Helper()
	h, err := CreateEvent(nil, "", manual, signaled, access.GenericAll)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = CloseHandle(h) })
	return h
}

// onThread runs f on a thread that ends with it.
func onThread(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	return done
}

// came demands the result of a wait.
func came(t *testing.T, want uint32) func(uint32, error) {
	t.Helper()
	return func(got uint32, err error) {
		t.Helper()
		if got != want || err != nil {
			t.Errorf("the wait gave %#x, %v, want %#x", got, err, want)
		}
	}
}

func failed(t *testing.T, want uint32) func(uint32, error) {
	t.Helper()
	return func(got uint32, err error) {
		t.Helper()
		if got != WaitFailed || errs.Number(err) != want {
			t.Errorf("the wait gave %#x, %v, want failure %d", got, err, want)
		}
	}
}

// What is signaled is taken before APCs are run, and these stay queued.
func TestSignaledObjectComesBeforeAPCs(t *testing.T) {
	<-onThread(func() {
		ran := 0
		number(t, 0, QueueUserAPC(NewAPC(func(uintptr) { ran++ }), CurrentThread, 0))
		set, unset := anEvent(t, false, true), anEvent(t, false, false)
		came(t, 1)(WaitForMultipleObjects([]Handle{unset, set}, false, hangs, true))
		if ran != 0 {
			t.Error("an APC was run although an object was signaled")
		}
		came(t, WaitIOCompletion)(WaitForMultipleObjects([]Handle{unset, set}, true, hangs, true))
		came(t, WaitTimeout)(WaitForSingleObject(set, 1, true))
		came(t, WaitTimeout)(WaitForSingleObject(set, 0, true))
		if ran != 1 || Sleep(1, true) != 0 {
			t.Errorf("the APC ran %d times", ran)
		}
	})
}

// An APC can wait, also for APCs: those that are queued behind it.
func TestAPCsInAPCs(t *testing.T) {
	<-onThread(func() {
		var order []uintptr
		apc := NewAPC(func(data uintptr) {
			order = append(order, data)
			if data == 1 && Sleep(hangs, true) != WaitIOCompletion {
				t.Error("the APC's own wait was not ended by the next APC")
			}
			order = append(order, 10*data)
		})
		for data := range uintptr(3) {
			number(t, 0, QueueUserAPC(apc, CurrentThread, data+1))
		}
		if Sleep(Infinite, true) != WaitIOCompletion || len(order) != 6 || order[1] != 2 || order[5] != 10 {
			t.Errorf("order %v", order)
		}
	})
}

func TestAPCsEndEveryKindOfWait(t *testing.T) {
	e := anEvent(t, false, false)
	signal := anEvent(t, false, false)
	for name, wait := range map[string]func() (uint32, error){
		"single": func() (uint32, error) { return WaitForSingleObject(e, Infinite, true) },
		"any":    func() (uint32, error) { return WaitForMultipleObjects([]Handle{e, e}, false, Infinite, true) },
		"all":    func() (uint32, error) { return WaitForMultipleObjects([]Handle{e, signal}, true, Infinite, true) },
		"signal": func() (uint32, error) { return SignalObjectAndWait(signal, e, Infinite, true) },
		"pseudo": func() (uint32, error) { return WaitForSingleObject(CurrentProcess, Infinite, true) },
		"thread": func() (uint32, error) { return WaitForSingleObject(CurrentThread, Infinite, true) },
		"sleep":  func() (uint32, error) { return Sleep(Infinite, true), nil },
	} {
		t.Run(name, func(t *testing.T) {
			var ran atomic.Int32
			id := make(chan uint32)
			done := onThread(func() {
				id <- GetCurrentThreadID()
				came(t, WaitIOCompletion)(wait())
			})
			h, err := OpenThread(setContext, false, <-id)
			number(t, 0, err)
			testkit.Blocked(t, done, "the wait")
			number(t, 0, QueueUserAPC(NewAPC(func(uintptr) { ran.Add(1) }), h, 0))
			<-done
			if ran.Load() != 1 {
				t.Errorf("the APC ran %d times", ran.Load())
			}
			number(t, 0, CloseHandle(h))
		})
	}
}

// A wait that is not alertable leaves APCs alone.
func TestOtherWaitsLeaveAPCs(t *testing.T) {
	<-onThread(func() {
		ran := 0
		number(t, 0, QueueUserAPC(NewAPC(func(uintptr) { ran++ }), CurrentThread, 0))
		came(t, WaitTimeout)(WaitForSingleObject(anEvent(t, false, false), 1, false))
		came(t, 0)(Sleep(1, false), nil)
		if ran != 0 {
			t.Error("a wait that is not alertable ran an APC")
		}
		came(t, WaitIOCompletion)(Sleep(0, true), nil)
		if ran != 1 {
			t.Error("an alertable one did not")
		}
	})
}

func TestThreadHandles(t *testing.T) {
	var h, less Handle
	var id uint32
	<-onThread(func() {
		id = GetCurrentThreadID()
		number(t, 0, DuplicateHandle(CurrentProcess, CurrentThread, CurrentProcess, &h, 0, false, SameAccess))
		number(t, 0, DuplicateHandle(CurrentProcess, h, CurrentProcess, &less, queryThread, false, 0))
		number(t, 0, CompareObjectHandles(CurrentThread, less))
		came(t, WaitTimeout)(WaitForSingleObject(h, 0, false))
		came(t, WaitTimeout)(WaitForSingleObject(CurrentThread, 0, false))
		failed(t, errs.InvalidHandle)(WaitForMultipleObjects([]Handle{CurrentThread}, false, 0, false))
		failed(t, errs.AccessDenied)(WaitForSingleObject(less, 0, false))
		number(t, errs.AccessDenied, QueueUserAPC(NewAPC(func(uintptr) {}), less, 0))
	})
	came(t, 0)(WaitForSingleObject(h, hangs, false))
	came(t, 0)(WaitForSingleObject(h, 0, false))
	number(t, errs.GenFailure, QueueUserAPC(NewAPC(func(uintptr) {}), h, 0))
	number(t, errs.InvalidParameter, QueueUserAPC(0, h, 0))
	_, err := OpenThread(access.GenericAll, false, id)
	number(t, errs.InvalidParameter, err)
	_, err = OpenThread(access.GenericAll, false, 0)
	number(t, errs.InvalidParameter, err)
	number(t, 0, CloseHandle(h))
	number(t, 0, CloseHandle(less))
}

// Threads of other processes can be waited for, but run nothing of this one.
func TestThreadOfAnotherProcess(t *testing.T) {
	child := testkit.Start(t, "idle")
	h, err := OpenThread(access.GenericAll, false, uint32(child.PID()))
	number(t, 0, err)
	again, err := OpenThread(access.Wait, false, uint32(child.PID()))
	number(t, 0, err)
	number(t, 0, CompareObjectHandles(h, again))
	failed(t, errs.InvalidParameter)(WaitForMultipleObjects([]Handle{h, again}, true, 0, false))
	came(t, WaitTimeout)(WaitForSingleObject(h, 0, false))
	number(t, errs.NotSupported, QueueUserAPC(NewAPC(func(uintptr) {}), h, 0))
	done := onThread(func() { came(t, 0)(WaitForSingleObject(h, Infinite, false)) })
	testkit.Blocked(t, done, "the wait")
	child.Kill()
	<-done
	number(t, 0, CloseHandle(h))
	number(t, 0, CloseHandle(again))
}

// The order of checks: the first handle that is wrong says what is wrong, and nothing
// is taken or signaled.
func TestChecksComeFirst(t *testing.T) {
	set := anEvent(t, false, true)
	mute, err := CreateEvent(nil, "", false, true, access.Modify)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(mute)) }()
	failed(t, errs.InvalidHandle)(WaitForMultipleObjects([]Handle{set, 0x7FFFFFFC, mute}, false, 0, false))
	failed(t, errs.AccessDenied)(WaitForMultipleObjects([]Handle{set, mute, 0x7FFFFFFC}, false, 0, false))
	failed(t, errs.InvalidParameter)(WaitForMultipleObjects(nil, false, 0, false))
	unset := anEvent(t, false, false)
	failed(t, errs.AccessDenied)(SignalObjectAndWait(unset, mute, 0, false))
	failed(t, errs.InvalidHandle)(SignalObjectAndWait(unset, 0, 0, false))
	failed(t, errs.InvalidHandle)(SignalObjectAndWait(0, set, 0, false))
	failed(t, errs.InvalidHandle)(SignalObjectAndWait(CurrentProcess, set, 0, false))
	came(t, WaitTimeout)(WaitForSingleObject(unset, 0, false))
	came(t, 0)(WaitForSingleObject(set, 0, false))
	came(t, 0)(SignalObjectAndWait(unset, unset, Infinite, false))
	came(t, WaitTimeout)(SignalObjectAndWait(unset, CurrentProcess, 1, false))
	came(t, 0)(WaitForSingleObject(unset, 0, false))
}

// What is there costs no memory and no context.
func TestWaitForWhatIsThereAllocatesNothing(t *testing.T) {
	set, unset := anEvent(t, true, true), anEvent(t, false, false)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = WaitForSingleObject(set, Infinite, false)
		_, _ = WaitForSingleObject(unset, 0, false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
