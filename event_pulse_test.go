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

// asleep starts goroutines that wait for the event, each with a call of its own,
// and returns when all of them have come to rest.
func asleep(t testing.TB, n int, e *Event) <-chan error {
	t.Helper()
	done := make(chan error, n)
	for range n {
		go func() { done <- e.Wait(context.Background()) }()
	}
	queued(t, e, n)
	registered(t, e)
	return done
}

// registered waits until the first of those who wait says so in shared memory.
func registered(t testing.TB, e *Event) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Hang); ; runtime.Gosched() {
		i, err := Stat(e.Name())
		must(t, err)
		if i.Waiters > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
}

// releasedAre receives what n waits ended with, which must be nil, and then nothing.
func releasedAre(t testing.TB, done <-chan error, n int) {
	t.Helper()
	for range n {
		must(t, within60(t, done))
	}
	still(t, done)
}

func TestEventLines(t *testing.T) {
	t.Run("C296", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{ManualReset: true})
		must(t, e.Set())
		for range 3 {
			must(t, e.Wait(over(t)))
		}
	})
	t.Run("C297", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{})
		must(t, e.Set())
		if !try(t, e) || try(t, e) {
			t.Error("one signal is taken once")
		}
	})
	t.Run("C298", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{})
		for range 300 { // more than there are grants in a word
			must(t, e.Set())
		}
		must(t, e.Wait(over(t)))
		isError(t, e.Wait(over(t)), context.Canceled)
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- e.Wait(context.Background()) }()
		}
		queued(t, e, 2)
		still(t, done)
		must(t, e.Set())
		releasedAre(t, done, 1)
		must(t, e.Set())
		must(t, within60(t, done))
	})
	t.Run("C300", func(t *testing.T) {
		e := newTestEvent(t, "C300", EventOptions{ManualReset: true})
		done := asleep(t, 3, e)
		still(t, done)
		must(t, e.Set())
		releasedAre(t, done, 3)
		if !try(t, e) {
			t.Error("it does not stay set")
		}
	})
	t.Run("C301", func(t *testing.T) {
		for _, manual := range []bool{false, true} {
			e := newTestEvent(t, "", EventOptions{ManualReset: manual})
			must(t, e.Reset())
			must(t, e.Reset())
			if try(t, e) {
				t.Error("signaled")
			}
		}
	})
	t.Run("C308", func(t *testing.T) {
		for _, manual := range []bool{false, true} {
			e := newTestEvent(t, "", EventOptions{ManualReset: manual, Signaled: true})
			if !try(t, e) || try(t, e) != manual {
				t.Error("a new event that is signaled")
			}
		}
	})
}

func TestEventRights(t *testing.T) {
	t.Run("C306", func(t *testing.T) {
		e := newTestEvent(t, "C306", EventOptions{})
		waiter, err := OpenEvent("C306", Wait)
		must(t, err)
		for _, f := range []func() error{waiter.Set, waiter.Reset, waiter.Pulse} {
			err := f()
			isError(t, err, fs.ErrPermission, "modify")
			var number *Error
			if errors.As(err, &number); number.Win32() != 5 {
				t.Errorf("number %d", number.Win32())
			}
		}
		if try(t, e) {
			t.Error("signaled by one who may not")
		}
		must(t, waiter.Close())
		isError(t, waiter.Pulse(), os.ErrClosed)
	})
}

func TestEventPulse(t *testing.T) {
	t.Run("C302", func(t *testing.T) {
		for _, manual := range []bool{false, true} {
			e := newTestEvent(t, "", EventOptions{ManualReset: manual, Signaled: true})
			must(t, e.Pulse())
			if try(t, e) {
				t.Error("a pulse leaves a set event set")
			}
			for range 300 {
				must(t, e.Pulse())
			}
			// Nobody waited, so nobody gets anything: also not who comes now.
			done := make(chan error, 2)
			for range 2 {
				go func() { done <- e.Wait(context.Background()) }()
			}
			queued(t, e, 2)
			still(t, done)
			must(t, e.Set())
			must(t, within60(t, done))
			if !manual {
				still(t, done)
				must(t, e.Set())
			}
			must(t, within60(t, done))
		}
	})
	t.Run("C304", func(t *testing.T) {
		e := newTestEvent(t, "C304", EventOptions{})
		done := asleep(t, 3, e)
		for range 3 {
			still(t, done)
			must(t, e.Pulse())
			must(t, within60(t, done))
			if try(t, e) {
				t.Fatal("a pulse leaves it set")
			}
		}
	})
	t.Run("manual", func(t *testing.T) {
		e := newTestEvent(t, "pulsed", EventOptions{ManualReset: true})
		done := asleep(t, 20, e)
		must(t, e.Pulse())
		late := make(chan error, 1)
		go func() { late <- e.Wait(context.Background()) }()
		releasedAre(t, done, 20)
		still(t, late)
		if try(t, e) {
			t.Error("a pulse leaves it set")
		}
		must(t, e.Pulse())
		must(t, within60(t, late))
	})
}

func TestEventPulseSeveral(t *testing.T) {
	t.Run("C305", func(t *testing.T) {
		for _, manual := range []bool{false, true} {
			e1 := newTestEvent(t, "", EventOptions{ManualReset: manual})
			e2 := newTestEvent(t, "", EventOptions{ManualReset: manual})
			done := beginAll(e1, e2)
			queued(t, e2, 1)
			still(t, done)
			must(t, e1.Pulse())
			must(t, e2.Set()) // too late for the pulse
			still(t, done)
			must(t, e1.Set())
			mustEnd(t, 0, done)
		}
	})
	t.Run("any of several", func(t *testing.T) {
		for _, manual := range []bool{false, true} {
			other := newTestEvent(t, "", EventOptions{})
			e := newTestEvent(t, "any", EventOptions{ManualReset: manual})
			done := beginAny(other, e)
			queued(t, e, 1)
			registered(t, e)
			must(t, e.Pulse())
			mustEnd(t, 1, done)
			must(t, e.Close())
		}
	})
}

// TestEventSetThenResetAuto: of those who waited before a Set one is released,
// though a Reset follows at once; who comes after the Reset is not.
func TestEventSetThenResetAuto(t *testing.T) {
	e := newTestEvent(t, "flash-auto", EventOptions{})
	for range 20 {
		done := asleep(t, 2, e)
		must(t, e.Set())
		must(t, e.Reset())
		if try(t, e) {
			t.Fatal("signaled after Reset")
		}
		must(t, within60(t, done))
		must(t, e.Set())
		must(t, e.Reset())
		must(t, within60(t, done))
	}
	done := asleep(t, 2, e)
	must(t, e.Set())
	must(t, e.Reset())
	releasedAre(t, done, 1)
	must(t, e.Close())
	isError(t, within60(t, done), os.ErrClosed)
}

// TestEventAsManySetsAsWaiters: as many signals as there are goroutines that wait
// release all of them, though none had the time to run in between.
func TestEventAsManySetsAsWaiters(t *testing.T) {
	for name, signal := range map[string]func(*Event) error{
		"set":   (*Event).Set,
		"pulse": (*Event).Pulse,
		"flash": func(e *Event) error { return errors.Join(e.Set(), e.Reset()) },
	} {
		t.Run(name, func(t *testing.T) {
			const waiters = 100
			e := newTestEvent(t, "burst-here", EventOptions{})
			for range 5 {
				done := asleep(t, waiters, e)
				for range waiters {
					must(t, signal(e))
				}
				for range waiters {
					must(t, within60(t, done))
				}
				if try(t, e) {
					t.Error("one signal too many")
				}
			}
		})
	}
}

// TestEventSignalsAreTakenOnce: goroutines wait by every kind of call while others
// set, reset and pulse. Never are more released than there were signals.
func TestEventSignalsAreTakenOnce(t *testing.T) {
	e := newTestEvent(t, "once", EventOptions{})
	var given, taken atomic.Int64
	stop := make(chan struct{})
	ended := make(chan struct{}, 5)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 5 {
		go func() {
			defer func() { ended <- struct{}{} }()
			for ctx.Err() == nil {
				var err error
				switch i % 3 {
				case 0:
					err = e.Wait(ctx)
				case 1:
					_, err = WaitAny(ctx, e)
				case 2:
					_, err = WaitAll(ctx, e)
				}
				if err == nil {
					// Before this one was released its signal had been given.
					if n := taken.Add(1); n > given.Load() {
						t.Errorf("the release %d, but %d signals", n, given.Load())
					}
				}
			}
		}()
	}
	go func() {
		defer close(stop)
		for i := range scaled(3000) {
			given.Add(1)
			switch i % 5 {
			case 0:
				must(t, e.Pulse())
			case 1:
				must(t, e.Set())
				must(t, e.Reset())
			default:
				must(t, e.Set())
			}
		}
	}()
	testkit.Soon(t, stop, "setting")
	cancel()
	for range 5 {
		within60(t, ended)
	}
}
