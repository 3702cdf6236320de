//go:build linux

package atoll

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"
	"time"

	"atoll/internal/testkit"
)

func newTestTimer(t testing.TB, name string, o TimerOptions) *Timer {
	t.Helper()
	timer, err := CreateTimer(name, o)
	must(t, err)
	closeLater(t, timer)
	return timer
}

func openTestTimer(t testing.TB, name string) *Timer {
	t.Helper()
	timer, err := OpenTimer(name, 0)
	must(t, err)
	closeLater(t, timer)
	return timer
}

// bothTimers runs a test with a manual-reset timer and one that is not.
func bothTimers(t *testing.T, f func(t *testing.T, timer *Timer, manual bool)) {
	t.Helper()
	for name, manual := range map[string]bool{"manual": true, "synchronization": false} {
		t.Run(name, func(t *testing.T) {
			f(t, newTestTimer(t, "both-"+name, TimerOptions{ManualReset: manual}), manual)
		})
	}
}

// quiet checks that the timer is not signaled.
func quiet(t testing.TB, timer *Timer, when string) {
	t.Helper()
	if takes(t, timer) {
		t.Fatalf("signaled %s", when)
	}
}

// mustTake checks that the timer is signaled, and once only unless it is manual.
func mustTake(t testing.TB, timer *Timer, manual bool, when string) {
	t.Helper()
	if !takes(t, timer) {
		t.Fatalf("not signaled %s", when)
	}
	if takes(t, timer) != manual {
		t.Fatalf("signaled a second time %s: want %v", when, manual)
	}
}

func TestTimerNew(t *testing.T) {
	t.Run("C309", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, manual bool) {
			quiet(t, timer, "when new")
			i, err := Stat(timer.Name())
			must(t, err)
			if *i.Signaled || i.Due != nil || i.Period != 0 || i.ManualReset != manual || i.Type != TypeTimer {
				t.Errorf("%+v", i)
			}
		})
	})
	t.Run("C329", func(t *testing.T) {
		timer := newTestTimer(t, "C329", TimerOptions{ManualReset: true})
		must(t, timer.SetAfter(0, 0))
		refused(t, 183, fs.ErrExist)(object(CreateTimer("C329", TimerOptions{})))
		same, created, err := CreateOrOpenTimer("C329", TimerOptions{})
		must(t, err)
		closeLater(t, same)
		if created {
			t.Error("created twice")
		}
		mustTake(t, same, true, "through a handle that asked for another kind")
	})
	t.Run("C330", func(t *testing.T) {
		newTestTimer(t, "C330", TimerOptions{})
		waiter, err := OpenTimer("C330", Wait)
		must(t, err)
		closeLater(t, waiter)
		isError(t, waiter.SetAfter(0, 0), fs.ErrPermission, "set timer", "modify")
		isError(t, waiter.SetAt(time.Now(), 0), fs.ErrPermission, "set timer")
		isError(t, waiter.Cancel(), fs.ErrPermission, "cancel timer")
		quiet(t, waiter, "by one who may not")
		setter, err := OpenTimer("C330", Modify)
		must(t, err)
		closeLater(t, setter)
		must(t, setter.SetAfter(0, 0))
		isError(t, setter.Wait(t.Context()), fs.ErrPermission, "wait")
		_, err = setter.TryWait()
		isError(t, err, fs.ErrPermission, "wait")
		must(t, waiter.Wait(t.Context()))
	})
	t.Run("identity", func(t *testing.T) {
		timer := newTestTimer(t, `Local\T`, TimerOptions{})
		if timer.Name() != `Local\T` || timer.Type() != TypeTimer || timer.Access() != Wait|Modify {
			t.Error(timer.Name(), timer.Type(), timer.Access())
		}
		refused(t, 6, ErrWrongType)(object(OpenSemaphore("T", 0)))
	})
}

func TestTimerDue(t *testing.T) {
	t.Run("C310", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, manual bool) {
			for _, wall := range []bool{false, true} {
				begun := time.Now()
				if wall {
					must(t, timer.SetAt(begun.Add(testkit.Quiet), 0))
				} else {
					must(t, timer.SetAfter(testkit.Quiet, 0))
				}
				quiet(t, timer, "before it is due")
				must(t, timer.Wait(t.Context()))
				if d := time.Since(begun); d < testkit.Quiet {
					t.Errorf("set to %v, signaled after %v", testkit.Quiet, d)
				}
				if takes(t, timer) != manual {
					t.Error("the signal stays only with a manual-reset timer")
				}
				must(t, timer.Cancel())
			}
		})
	})
	t.Run("C312", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, manual bool) {
			for _, at := range []time.Time{
				time.Date(1601, 1, 1, 0, 0, 0, 1e6, time.UTC),
				{},
				time.Unix(0, 0), time.Now(), time.Now().Add(-time.Hour),
				time.Date(-100_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(math.MinInt64, 0),
			} {
				must(t, timer.SetAt(at, 0))
				mustTake(t, timer, manual, at.String())
			}
			must(t, timer.SetAfter(0, 0))
			mustTake(t, timer, manual, "0 from now")
		})
	})
	t.Run("never in our life", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, _ bool) {
			for _, period := range []time.Duration{0, math.MaxInt64} {
				must(t, timer.SetAfter(math.MaxInt64, period))
				quiet(t, timer, "at the end of time")
				for _, at := range []time.Time{time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(290_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0)} {
					must(t, timer.SetAt(at, period))
					quiet(t, timer, at.String())
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
			defer cancel()
			isError(t, timer.Wait(ctx), context.DeadlineExceeded)
		})
	})
	t.Run("C313", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, manual bool) {
			must(t, timer.SetAfter(0, 0))
			for _, err := range []error{
				timer.SetAfter(time.Hour, -1), timer.SetAfter(-1, 0), timer.SetAfter(math.MinInt64, math.MinInt64), timer.SetAt(time.Now().Add(time.Hour), -time.Second),
			} {
				isError(t, err, fs.ErrInvalid, "set timer")
				var e *Error
				if errors.As(err, &e); e.Win32() != 87 {
					t.Errorf("number %d", e.Win32())
				}
			}
			mustTake(t, timer, manual, "after settings that were refused")
		})
	})
}

func TestTimerPeriod(t *testing.T) {
	t.Run("C314", func(t *testing.T) {
		timer := newTestTimer(t, "C314", TimerOptions{})
		begun := time.Now()
		must(t, timer.SetAfter(1, testkit.Quiet))
		for range 3 {
			must(t, timer.Wait(t.Context()))
		}
		if d := time.Since(begun); d < 2*testkit.Quiet {
			t.Errorf("three signals after %v", d)
		}
	})
	t.Run("signals that nobody took do not add up", func(t *testing.T) {
		timer := newTestTimer(t, "", TimerOptions{})
		const period = testkit.Quiet / 10
		must(t, timer.SetAfter(0, period))
		time.Sleep(testkit.Quiet)
		begun, taken := time.Now(), 0
		for range 20 {
			if takes(t, timer) {
				taken++
			}
		}
		if most := 2 + int(time.Since(begun)/period); taken < 1 || taken > most {
			t.Errorf("%d signals were taken, want 1 to %d", taken, most)
		}
	})
	t.Run("by a time of day", func(t *testing.T) {
		timer := newTestTimer(t, "", TimerOptions{})
		must(t, timer.SetAt(time.Now().Add(-time.Hour), time.Hour/2))
		if !takes(t, timer) || takes(t, timer) {
			t.Error("missed periods are one signal")
		}
	})
	t.Run("manual stays signaled", func(t *testing.T) {
		timer := newTestTimer(t, "periodic", TimerOptions{ManualReset: true})
		must(t, timer.SetAfter(1, time.Hour))
		must(t, timer.Wait(t.Context()))
		mustTake(t, timer, true, "though it is periodic")
		i, err := Stat("periodic")
		must(t, err)
		if !*i.Signaled || i.Due == nil || time.Duration(i.Period) != time.Hour {
			t.Errorf("%+v", i)
		}
	})
}

func TestTimerSetAgain(t *testing.T) {
	for number, manual := range map[string]bool{"C317": true, "C318": false} {
		t.Run(number, func(t *testing.T) { setAgain(t, number, manual) })
	}
	t.Run("C316", func(t *testing.T) {
		timer := newTestTimer(t, "", TimerOptions{})
		must(t, timer.SetAfter(1, 0))
		must(t, timer.Wait(t.Context()))
		quiet(t, timer, "after one wait")
	})
	t.Run("C317 C318 a waiter waits on", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, _ bool) {
			must(t, timer.SetAfter(time.Hour, 0))
			done := make(chan error, 1)
			go func() { done <- timer.Wait(context.Background()) }()
			queued(t, timer, 1)
			other := openTestTimer(t, timer.Name())
			must(t, other.SetAfter(2*time.Hour, time.Hour))
			must(t, other.SetAt(time.Now().Add(time.Hour), 0))
			still(t, done)
			must(t, other.SetAfter(0, 0))
			must(t, within60(t, done))
		})
	})
	t.Run("an earlier time counts", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, _ bool) {
			must(t, timer.SetAt(time.Now().Add(time.Hour), 0))
			done := make(chan error, 1)
			go func() { done <- timer.Wait(context.Background()) }()
			queued(t, timer, 1)
			must(t, timer.SetAfter(testkit.Quiet, 0))
			must(t, within60(t, done))
		})
	})
	t.Run("a later time counts", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, _ bool) {
			must(t, timer.SetAfter(testkit.Quiet, testkit.Quiet))
			done := make(chan error, 1)
			must(t, timer.SetAfter(time.Hour, 0))
			go func() { done <- timer.Wait(context.Background()) }()
			queued(t, timer, 1)
			still(t, done)
			still(t, done)
			must(t, timer.SetAfter(0, 0))
			must(t, within60(t, done))
		})
	})
}

// setAgain: a timer that is signaled is not after it was set again.
func setAgain(t *testing.T, name string, manual bool) {
	t.Helper()
	timer := newTestTimer(t, name, TimerOptions{ManualReset: manual})
	must(t, timer.SetAfter(0, 0))
	must(t, timer.SetAfter(time.Hour, 0))
	quiet(t, timer, "by the setting before")
	i, err := Stat(name)
	must(t, err)
	if *i.Signaled || i.Due == nil || i.Due.Before(time.Now().Add(time.Minute)) || i.Period != 0 {
		t.Errorf("%+v", i)
	}
	must(t, timer.SetAt(time.Now(), time.Hour))
	must(t, timer.SetAt(time.Now().Add(time.Hour), 0))
	quiet(t, timer, "by the setting before")
}

func TestTimerCancel(t *testing.T) {
	t.Run("C320", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, _ bool) {
			must(t, timer.SetAfter(2*testkit.Quiet, testkit.Quiet))
			done := make(chan error, 1)
			go func() { done <- timer.Wait(context.Background()) }()
			queued(t, timer, 1)
			must(t, timer.Cancel())
			for range 3 {
				still(t, done)
			}
			i, err := Stat(timer.Name())
			must(t, err)
			if i.Due != nil || *i.Signaled {
				t.Errorf("%+v", i)
			}
			must(t, timer.SetAfter(0, 0))
			must(t, within60(t, done))
		})
	})
	t.Run("C321", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, _ bool) {
			must(t, timer.Cancel())
			must(t, timer.Cancel())
			quiet(t, timer, "when inactive")
		})
	})
	t.Run("a signal stays", func(t *testing.T) {
		bothTimers(t, func(t *testing.T, timer *Timer, manual bool) {
			for _, period := range []time.Duration{0, time.Millisecond} {
				must(t, timer.SetAfter(0, period))
				must(t, timer.Cancel())
				must(t, timer.Cancel())
				time.Sleep(5 * time.Millisecond)
				i, err := Stat(timer.Name())
				must(t, err)
				if !*i.Signaled || i.Due != nil || i.Period != 0 {
					t.Errorf("%+v", i)
				}
				mustTake(t, timer, manual, "when it was cancelled")
			}
			must(t, timer.SetAfter(time.Hour, 0))
			quiet(t, timer, "after it was set again")
		})
	})
}

// TestTimerReleases: a timer that becomes due releases all who wait, or one; each
// period one more.
func TestTimerReleases(t *testing.T) {
	bothTimers(t, func(t *testing.T, timer *Timer, manual bool) {
		const waiters = 6
		done := make(chan error, waiters)
		other := openTestTimer(t, timer.Name())
		for i := range waiters {
			h := timer
			if i%2 == 0 {
				h = other
			}
			go func() { done <- h.Wait(context.Background()) }()
		}
		queued(t, timer, waiters)
		must(t, timer.SetAfter(testkit.Quiet, 0))
		must(t, within60(t, done))
		rest := waiters - 1
		if !manual {
			still(t, done)
			must(t, timer.SetAfter(1, time.Millisecond))
		}
		for range rest {
			must(t, within60(t, done))
		}
	})
}

func TestTimerContextAndClose(t *testing.T) {
	for _, name := range []string{"", "ends"} {
		t.Run("named "+name, func(t *testing.T) {
			timer := newTestTimer(t, name, TimerOptions{})
			must(t, timer.SetAfter(time.Hour, 0))
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Quiet)
			defer cancel()
			isError(t, timer.Wait(ctx), context.DeadlineExceeded)
			must(t, timer.SetAfter(0, 0))
			must(t, timer.Wait(ctx)) // signaled, though the caller's time is up
			must(t, timer.SetAt(time.Now().Add(time.Hour), 0))
			done := make(chan error, 3)
			for range 3 {
				go func() { done <- timer.Wait(context.Background()) }()
			}
			queued(t, timer, 3)
			must(t, timer.Close())
			for range 3 {
				isError(t, within60(t, done), os.ErrClosed)
			}
			isError(t, timer.SetAfter(0, 0), os.ErrClosed)
			isError(t, timer.SetAt(time.Now(), 0), os.ErrClosed)
			isError(t, timer.Cancel(), os.ErrClosed)
			isError(t, timer.Wait(t.Context()), os.ErrClosed)
			_, err := timer.TryWait()
			isError(t, err, os.ErrClosed)
			isError(t, timer.Close(), os.ErrClosed)
		})
	}
}

// TestTimerOrders: what was written before the timer was set is seen after Wait.
func TestTimerOrders(t *testing.T) {
	ping, pong := newTestTimer(t, "", TimerOptions{}), newTestTimer(t, "", TimerOptions{})
	shared := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ping.Wait(context.Background()) == nil {
			shared++
			_ = pong.SetAt(time.Now(), 0)
		}
	}()
	for i := range 200 {
		shared++
		must(t, ping.SetAfter(0, 0))
		must(t, pong.Wait(t.Context()))
		if shared != 2*(i+1) {
			t.Fatal(shared)
		}
	}
	must(t, ping.Close())
	testkit.Soon(t, done, "the other side")
}
