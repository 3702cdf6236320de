package conformance

import (
	"testing"
	"time"

	"atoll/win32"
)

func TestTimers(t *testing.T) { run(t, timers) }

// timer makes a timer without a name.
func (t *T) timer(manual bool) win32.Handle {
	return t.Handle(win32.CreateWaitableTimer(nil, manual, ""))
}

// after is a due time from now.
func after(d time.Duration) *int64 {
	due := -int64(d / 100)
	return &due
}

// set sets a timer without a routine.
func (t *T) set(timer win32.Handle, due *int64, period int32) {
	t.OK(win32.SetWaitableTimer(timer, due, period, 0, 0, false))
}

// setWith sets a timer with a routine that runs f.
func (t *T) setWith(timer win32.Handle, due *int64, period int32, f func()) {
	routine := win32.NewTimerAPCRoutine(func(uintptr, uint32, uint32) { f() })
	t.OK(win32.SetWaitableTimer(timer, due, period, routine, 0, false))
}

// past is a due time long ago.
func past() *int64 {
	due := int64(10000)
	return &due
}

// tick is by how much Windows can be early: its clock goes by ticks.
const tick = 20 * time.Millisecond

// atLeast demands that so much time has passed.
func (t *T) atLeast(d time.Duration, began time.Time) {
	if passed := time.Since(began); passed < d-tick {
		t.Errorf("it took %v, want at least %v", passed, d)
	}
}

var opener = newRole("timer opener", func(t *T, p *Parent) {
	timer := t.Handle(win32.OpenWaitableTimer(win32.TIMER_ALL_ACCESS, false, p.Arg(0)))
	p.Say("open")
	p.Hear()
	t.set(timer, past(), 0)
	p.Say("set")
	p.Hear()
	t.WaitGives(win32.WAIT_OBJECT_0)(win32.WaitForSingleObject(timer, 0))
	p.Say("signaled")
	p.Hear()
})

var timers = []line{
	{
		id: "C309", says: "new timer → wait(0) → 0x102", source: "sdk:setwaitabletimer (D)",
		check: func(t *T) {
			t.Not(t.timer(false))
			t.Not(t.timer(true))
		},
	},
	{
		id: "C310", says: "Set(−1 s) … fires after 1 s ± tick", source: "using-waitable-timer-objects (D)",
		check: func(t *T) {
			timer, began := t.timer(true), time.Now()
			t.set(timer, after(time.Second), 0)
			t.Not(timer)
			t.Comes(timer)
			t.atLeast(time.Second, began)
		},
	},
	{
		id: "C312", says: "Set(positive tiny = 10000) → TRUE, immediately signaled", source: "WT-k/timer test_timer (W call) state (inf)",
		check: func(t *T) {
			timer := t.timer(true)
			t.set(timer, past(), 0)
			t.Comes(timer)
			now := new(int64)
			t.set(timer, now, 0)
			t.Comes(timer)
		},
	},
	{
		id: "C313", says: "Set(period −1) → FALSE, 87", source: "sdk (D) code (inf)",
		gap: gaps{onWine: "it takes a negative period"},
		check: func(t *T) {
			timer := t.timer(true)
			t.Err(win32.ERROR_INVALID_PARAMETER, win32.SetWaitableTimer(timer, past(), -1, 0, 0, false))
			t.Not(timer)
		},
	},
	{
		id: "C314", says: "periodic synchronization, first due −1 (100 ns), period 1000 → two waits take about 1 s in total", source: "test_timeouts (W)",
		check: func(t *T) {
			timer, began := t.timer(false), time.Now()
			t.set(timer, after(100*time.Nanosecond), 1000)
			t.Comes(timer)
			t.Comes(timer)
			t.atLeast(time.Second, began)
		},
	},
	{
		id: "C316", says: "synchronization, expired → one wait 0, next 0x102", source: "w32:waitable-timer-objects (D)",
		check: func(t *T) {
			timer := t.timer(false)
			t.set(timer, after(time.Millisecond), 0)
			t.Comes(timer)
			t.Not(timer)
		},
	},
	{
		id: "C317", says: "expired manual → Set(−1 h) → wait(0) → 0x102", source: "w32:waitable-timer-objects (D)",
		check: func(t *T) {
			timer := t.timer(true)
			t.set(timer, after(time.Millisecond), 0)
			t.Comes(timer)
			t.Took(timer)
			t.set(timer, after(time.Hour), 0)
			t.Not(timer)
		},
	},
	{
		id: "C318", says: "expired synchronization, unconsumed → Set(−1 h) → wait(0) → 0x102", source: "w32:waitable-timer-objects (D; Wine differs)",
		gap: gaps{onWine: "it takes the signal away from manual-reset timers only"},
		check: func(t *T) {
			timer, later := t.timer(false), t.timer(false)
			t.set(timer, past(), 0)
			t.set(later, after(quiet), 0)
			t.Comes(later)
			t.set(timer, after(time.Hour), 0)
			t.Not(timer)
		},
	},
	{
		id: "C320", says: "active, waiter blocked → Cancel → waiter keeps blocking", source: "w32:waitable-timer-objects (D)",
		check: func(t *T) {
			timer := t.timer(false)
			t.set(timer, after(time.Hour), 0)
			done := t.Begin(func() { t.Comes(timer) })
			t.still(done)
			t.OK(win32.CancelWaitableTimer(timer))
			t.still(done)
			t.set(timer, after(time.Millisecond), 0)
			<-done
			// What is signaled stays so.
			t.set(timer, past(), 0)
			t.OK(win32.CancelWaitableTimer(timer))
			t.Comes(timer)
		},
	},
	{
		id: "C321", says: "inactive → Cancel → TRUE", source: "w32:waitable-timer-objects (D)",
		check: func(t *T) {
			timer := t.timer(false)
			t.OK(win32.CancelWaitableTimer(timer))
			t.Not(timer)
		},
	},
	{
		id: "C322", says: "Set with routine, SleepEx(alertable) → routine called in the setting thread, SleepEx returns 0xC0", source: "sdk (D)",
		check: func(t *T) {
			timer := t.timer(false)
			var calls, thread uint32
			var argument uintptr
			var at int64
			routine := win32.NewTimerAPCRoutine(func(a uintptr, low, high uint32) {
				calls, thread, argument, at = calls+1, win32.GetCurrentThreadId(), a, int64(high)<<32|int64(low)
			})
			began := fileTime(time.Now())
			due := began + int64(10*time.Millisecond/100)
			t.OK(win32.SetWaitableTimer(timer, &due, 0, routine, 42, false))
			t.Equal(win32.WAIT_IO_COMPLETION, win32.SleepEx(long, true), "the sleep")
			t.Equal(1, calls, "the number of calls")
			t.Equal(win32.GetCurrentThreadId(), thread, "the calling thread")
			t.Equal(42, uint32(argument), "the argument")
			if ended := fileTime(time.Now()); at < due-int64(tick/100) || at > ended+int64(tick/100) {
				t.Errorf("it was due at %d, and said to be so at %d; now it is %d", due, at, ended)
			}
			t.Took(timer)
			// Each period calls it; a sleep ends after all calls that are due.
			t.OK(win32.SetWaitableTimerEx(timer, after(time.Millisecond), 10, routine, 42, nil, 0))
			for range 3 {
				before := calls
				t.Equal(win32.WAIT_IO_COMPLETION, win32.SleepEx(long, true), "the sleep")
				if calls == before {
					t.Errorf("no call in a period")
				}
			}
		},
	},
	{
		id: "C324", says: "expired, APC queued, Cancel before alertable wait → routine never called", source: "sdk (D)",
		check: func(t *T) {
			timer, called := t.timer(true), false
			t.setWith(timer, after(time.Millisecond), 0, func() { called = true })
			t.Comes(timer)
			t.OK(win32.CancelWaitableTimer(timer))
			t.Equal(0, win32.SleepEx(uint32(quiet/time.Millisecond), true), "the sleep")
			t.Took(timer)
			if called {
				t.Errorf("the routine was called")
			}
		},
	},
	{
		id: "C325", says: "thread that set timer without routine exits → timer still fires", source: "sdk:setwaitabletimer (D)",
		check: func(t *T) {
			timer := t.timer(true)
			t.Ended(func() { t.set(timer, after(quiet), 0) })
			t.Comes(timer)
		},
	},
	{
		id: "C326", says: "thread that set timer with routine exits → timer never fires", source: "sdk:setwaitabletimer (D)",
		gap: gaps{onWine: "it does not cancel the timer"},
		check: func(t *T) {
			const due = 2 * time.Second // the thread has ended before
			timer := t.timer(true)
			t.Ended(func() { t.setWith(timer, after(due), 0, func() { t.Errorf("the routine was called") }) })
			t.Not(timer)
			t.WaitGives(win32.WAIT_TIMEOUT)(win32.WaitForSingleObject(timer, uint32((due+quiet)/time.Millisecond)))
			t.set(timer, past(), 0)
			t.Comes(timer)
		},
	},
	{
		id: "C328", says: "P2 OpenWaitableTimer → state unchanged; P2 Set re-arms for both", source: "(I)",
		check: func(t *T) {
			name := t.Name()
			timer := t.Fresh(win32.CreateWaitableTimer(nil, true, name))
			t.set(timer, after(time.Hour), 0)
			child := t.Child(opener, name)
			child.Expect("open")
			t.Not(timer)
			child.Tell("set it")
			child.Expect("set")
			t.Comes(timer)
			child.Tell("look")
			child.Expect("signaled")
			child.Tell("end")
			t.Took(timer)
		},
	},
	{
		id: "C329", says: "CreateWaitableTimer on existing with other manual flag → 183, old kind kept", source: "(I)",
		check: func(t *T) {
			name := t.Name()
			t.Fresh(win32.CreateWaitableTimer(nil, false, name))
			timer := t.Exists(win32.CreateWaitableTimer(nil, true, name))
			t.set(timer, past(), 0)
			t.Comes(timer)
			t.Not(timer)
			t.Exists(win32.CreateWaitableTimerEx(nil, name, win32.CREATE_WAITABLE_TIMER_MANUAL_RESET, win32.TIMER_ALL_ACCESS))
		},
	},
	{
		id: "C330", says: "h(SYNCHRONIZE) → Set → FALSE, 5", source: "w32 rights (D)",
		check: func(t *T) {
			timer := t.duplicateOf(t.timer(false), win32.SYNCHRONIZE, false, 0)
			t.Err(win32.ERROR_ACCESS_DENIED, win32.SetWaitableTimer(timer, past(), 0, 0, 0, false))
			t.Err(win32.ERROR_ACCESS_DENIED, win32.CancelWaitableTimer(timer))
			t.Not(timer)
		},
	},
}

// fileTime is a time as Windows has it.
func fileTime(at time.Time) int64 { return 116444736000000000 + at.UnixNano()/100 }
