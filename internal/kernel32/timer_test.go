//go:build linux

package kernel32

import (
	"math"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/routine"
	"atoll/internal/testkit"
)

func aTimer(t *testing.T, name string, manual bool) Handle {
	t.Helper()
	h, err := CreateWaitableTimer(nil, name, manual, access.GenericAll)
	if err != nil && errs.Number(err) != errs.AlreadyExists {
		t.Fatal(err)
	}
	return h
}

// set sets a timer, in milliseconds from now.
func set(t *testing.T, h Handle, in int64, period int32, call uintptr) {
	t.Helper()
	due := -in * 10000
	number(t, 0, SetWaitableTimer(h, &due, period, call, 7))
}

// counter is a routine that counts its calls.
func counter(n *atomic.Int32) uintptr {
	return NewTimerRoutine(func(argument uintptr, _, _ uint32) { n.Add(int32(argument)) })
}

func TestDueTimes(t *testing.T) {
	h := aTimer(t, "", true)
	defer func() { number(t, 0, CloseHandle(h)) }()
	for _, due := range []int64{0, 1, 10000, unixEpoch, fileTime(time.Now()), -1} {
		number(t, 0, SetWaitableTimer(h, &due, 0, 0, 0))
		came(t, 0)(WaitForSingleObject(h, hangs, false))
	}
	for _, due := range []int64{math.MaxInt64, fileTime(time.Now().Add(time.Hour)), -36e9, math.MinInt64, math.MinInt64 + 1} {
		number(t, 0, SetWaitableTimer(h, &due, math.MaxInt32, 0, 0))
		came(t, WaitTimeout)(WaitForSingleObject(h, 1, false))
	}
	due := int64(1)
	number(t, errs.InvalidParameter, SetWaitableTimer(h, nil, 0, 0, 0))
	number(t, errs.InvalidParameter, SetWaitableTimer(h, &due, -1, 0, 0))
	number(t, errs.InvalidParameter, SetWaitableTimer(h, &due, 0, 1<<30, 0))
	came(t, WaitTimeout)(WaitForSingleObject(h, 0, false))
}

// The clock of a routine takes any due time, too.
func TestDueTimesOfRoutines(t *testing.T) {
	<-onThread(func() {
		h := aTimer(t, "", false)
		var calls atomic.Int32
		call := counter(&calls)
		for _, due := range []int64{0, 10000, fileTime(time.Now()), -1} {
			calls.Store(0)
			number(t, 0, SetWaitableTimer(h, &due, 0, call, 7))
			if Sleep(hangs, true) != WaitIOCompletion || calls.Load() != 7 {
				t.Errorf("due %d: no call", due)
			}
		}
		for _, due := range []int64{math.MaxInt64, math.MinInt64, -36e9} {
			number(t, 0, SetWaitableTimer(h, &due, math.MaxInt32, call, 7))
		}
		number(t, 0, CloseHandle(h))
	})
}

// Each period calls the routine, in the thread that set it, with the time.
func TestPeriodicRoutine(t *testing.T) {
	<-onThread(func() {
		h := aTimer(t, "", true)
		began, me := fileTime(time.Now()), GetCurrentThreadID()
		var times []int64
		call := NewTimerRoutine(func(argument uintptr, low, high uint32) {
			if argument != 7 || GetCurrentThreadID() != me {
				t.Error("another argument, or another thread")
			}
			times = append(times, int64(high)<<32|int64(low))
		})
		set(t, h, 1, 1, call)
		for range 5 {
			came(t, WaitIOCompletion)(Sleep(hangs, true), nil)
		}
		if len(times) != 5 || times[0] < began || times[4] < times[0] || times[4] > fileTime(time.Now()) {
			t.Errorf("called at %d, begun at %d", times, began)
		}
		came(t, 0)(WaitForSingleObject(h, 0, false))
		number(t, 0, CloseHandle(h))
		noRoutines(t)
	})
}

func noRoutines(t *testing.T) {
	t.Helper()
	if n := routine.Count(); n != 0 {
		t.Errorf("%d routines are left", n)
	}
}

// What ends a setting takes its routine back, queued or not.
func TestRoutineIsTakenBack(t *testing.T) {
	name := "timer " + t.Name()
	child := testkit.Start(t, "timer setter", name)
	for what, end := range map[string]func(h Handle) Handle{
		"cancel":  func(h Handle) Handle { number(t, 0, CancelWaitableTimer(h)); return h },
		"set":     func(h Handle) Handle { set(t, h, 3600000, 0, 0); return h },
		"close":   func(h Handle) Handle { number(t, 0, CloseHandle(h)); return aTimer(t, name, true) },
		"process": func(h Handle) Handle { child.Tell("set"); child.Expect("done"); return h },
	} {
		for _, queued := range []bool{false, true} {
			<-onThread(func() {
				h := aTimer(t, name, true)
				child.Tell("open")
				child.Expect("done")
				var calls atomic.Int32
				due := int64(3600000)
				if queued {
					due = 0
				}
				set(t, h, due, 0, counter(&calls))
				if queued {
					awaitAPC(t)
				}
				h = end(h)
				if Sleep(1, true) != 0 || calls.Load() != 0 {
					t.Errorf("%s, queued %v: the routine was called", what, queued)
				}
				number(t, 0, CloseHandle(h))
				noRoutines(t)
			})
		}
	}
	child.Tell("close") // the last handle; who is killed leaves the name to a sweep
	child.Expect("done")
}

// asked counts how often it is compared with something.
type asked struct {
	kernelObject
	times *atomic.Int32
}

func (a asked) retire()          {}
func (a asked) close()           {}
func (a asked) same(object) bool { a.times.Add(1); return false }

// To close a timer that has no routine costs the same, however many handles there are.
func TestCloseAsksNobody(t *testing.T) {
	var times atomic.Int32
	other, err := insert(asked{times: &times}, access.Event, 0, 0)
	number(t, 0, err)
	number(t, 0, CloseHandle(aTimer(t, "", true)))
	if n := times.Load(); n != 0 {
		t.Errorf("another handle was looked at %d times", n)
	}
	<-onThread(func() {
		h := aTimer(t, "", true)
		set(t, h, 3600000, 0, counter(new(atomic.Int32)))
		times.Store(0)
		number(t, 0, CloseHandle(h))
		if times.Load() == 0 {
			t.Error("a timer with a routine was closed, and nobody looked for another handle of it")
		}
		noRoutines(t)
	})
	number(t, 0, CloseHandle(other))
}

// awaitAPC waits until something is queued to this thread.
func awaitAPC(t *testing.T) {
	t.Helper()
	e, err := look(CurrentThread)
	if err != nil {
		t.Error(err)
		return
	}
	defer e.leave()
	for began := time.Now(); !e.object.(*someThread).own.Pending(); time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Error("nothing is queued")
			return
		}
	}
}

var _ = testkit.Role("timer setter", func(s *testkit.Self) {
	var h Handle
	for {
		do, ok := s.Hear()
		if !ok {
			return
		}
		if h == 0 {
			var err error
			h, err = OpenWaitableTimer(access.GenericAll, false, s.Args[0])
			s.Must(err)
		}
		switch do {
		case "set":
			due := int64(-36e9)
			s.Must(SetWaitableTimer(h, &due, 0, 0, 0))
		case "close":
			s.Must(CloseHandle(h))
		}
		s.Say("done")
	}
})

// A thread that ends cancels the timers for which it was to call routines, and no
// others, and only as long as they are set so.
func TestEndOfSettingThread(t *testing.T) {
	for name, without := range map[string]bool{"told": false, "asked": true} {
		t.Run(name, func(t *testing.T) {
			ending.WithoutThreads.Store(without)
			defer ending.WithoutThreads.Store(false)
			endOfSettingThread(t)
		})
	}
}

func endOfSettingThread(t *testing.T) {
	t.Helper()
	plain, with, again := aTimer(t, "", true), aTimer(t, "", true), aTimer(t, "", true)
	signaled := aTimer(t, "", true)
	var calls atomic.Int32
	var thread Handle
	<-onThread(func() {
		var err error
		thread, err = OpenThread(access.GenericAll, false, GetCurrentThreadID())
		number(t, 0, err)
		set(t, plain, 200, 0, 0)
		set(t, with, 3600000, 0, counter(&calls))
		set(t, again, 3600000, 0, counter(&calls))
		set(t, signaled, 0, 0, counter(&calls))
		awaitAPC(t)
		<-onThread(func() { set(t, again, 200, 0, 0) })
	})
	came(t, 0)(WaitForSingleObject(thread, hangs, false))
	came(t, 0)(WaitForSingleObject(plain, hangs, false))
	came(t, 0)(WaitForSingleObject(again, hangs, false))
	came(t, 0)(WaitForSingleObject(signaled, hangs, false))
	if isSet(t, with) {
		t.Error("the timer is set for a thread that has ended")
	}
	if calls.Load() != 0 {
		t.Error("a routine was called")
	}
	noRoutines(t)
	for _, h := range []Handle{plain, with, again, signaled, thread} {
		number(t, 0, CloseHandle(h))
	}
}

// isSet says whether a timer will become due.
func isSet(t *testing.T, h Handle) bool {
	t.Helper()
	o, e, err := use[timer](h, 0)
	number(t, 0, err)
	defer e.leave()
	now, err := o.timer.Setting()
	number(t, 0, err)
	return now.Has(layout.TimerActive)
}

// A routine may set its own timer.
func TestRoutineSetsItsTimer(t *testing.T) {
	<-onThread(func() {
		h := aTimer(t, "", false)
		calls := 0
		var call uintptr // which it uses itself
		call = NewTimerRoutine(func(uintptr, uint32, uint32) {
			if calls++; calls < 5 {
				set(t, h, 1, 0, call)
			}
		})
		set(t, h, 1, 0, call)
		for calls < 5 {
			came(t, WaitIOCompletion)(Sleep(hangs, true), nil)
		}
		noRoutines(t)
		number(t, 0, CloseHandle(h))
	})
}

// Threads that set one timer, each with a routine, and end: nothing is left.
func TestManySetters(t *testing.T) {
	h := aTimer(t, "", false)
	before := len(testkit.Descriptors())
	var calls atomic.Int32
	call := counter(&calls)
	var all []<-chan struct{}
	for i := range 200 {
		all = append(all, onThread(func() {
			set(t, h, int64(i%3), int32(i%2), call)
			Sleep(uint32(i%2), true)
			if i%5 == 0 {
				number(t, 0, CancelWaitableTimer(h))
			}
		}))
	}
	for _, done := range all {
		<-done
	}
	number(t, 0, CancelWaitableTimer(h))
	noRoutines(t)
	number(t, 0, CloseHandle(h))
	for began := time.Now(); len(testkit.Descriptors()) > before; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%v are open, %d were before", testkit.Descriptors(), before)
		}
	}
}

// A process that is killed with routines waiting leaves the timer to the others.
func TestKilledSetter(t *testing.T) {
	name := "timer " + t.Name()
	child := testkit.Start(t, "routine setter", name)
	child.Expect("set")
	h, err := OpenWaitableTimer(access.GenericAll, false, name)
	number(t, 0, err)
	child.Kill()
	set(t, h, 1, 0, 0)
	came(t, 0)(WaitForSingleObject(h, hangs, false))
	number(t, 0, CloseHandle(h))
}

var _ = testkit.Role("routine setter", func(s *testkit.Self) {
	h, err := CreateWaitableTimer(nil, s.Args[0], false, access.GenericAll)
	s.Must(err)
	due := int64(-1)
	s.Must(SetWaitableTimer(h, &due, 1, NewTimerRoutine(func(uintptr, uint32, uint32) {}), 0))
	s.Say("set")
	for {
		Sleep(hangs, true)
		if os.Getppid() == 1 {
			return
		}
	}
})
