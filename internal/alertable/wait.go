//go:build linux

package alertable

import (
	"context"
	"errors"
	"time"

	"atoll/internal/onlinux"
	"atoll/internal/thread"
)

// What a wait returns, besides the index of what it took.
const (
	Abandoned    = 0x80
	IOCompletion = 0xC0
	Timeout      = 0x102
	Failed       = 0xFFFFFFFF
)

// Infinite are more milliseconds than there are.
const Infinite = 0xFFFFFFFF

// Wait is one call that waits.
type Wait struct {
	Objects []onlinux.Waitable
	All     bool
	Signal  onlinux.Signaler // to be signaled when the wait has begun; nil: nothing
}

// For waits until the objects are there, time is over, or the thread has run APCs. What
// is there already is taken without any of these, even in no time.
func (w *Wait) For(milliseconds uint32, apcs bool) (uint32, error) {
	ctx, cancel := within(milliseconds)
	defer cancel()
	if !apcs {
		return w.once(ctx)
	}
	self, err := thread.Self()
	if err != nil {
		return Failed, err
	}
	for {
		result, err := w.alertable(ctx, self)
		if err != nil || result != Timeout {
			return result, err
		}
		if self.Run() {
			return IOCompletion, nil
		}
		if ctx.Err() != nil {
			return Timeout, nil
		}
		// What was queued has been withdrawn.
	}
}

// alertable is once, but also ends when something is queued for the thread.
func (w *Wait) alertable(ctx context.Context, self *thread.Thread) (uint32, error) {
	ctx, alert := context.WithCancel(ctx)
	defer alert()
	self.Alert(alert)
	defer self.Alert(nil)
	if self.Pending() {
		alert()
	}
	return w.once(ctx)
}

// once waits until ctx ends at the latest.
func (w *Wait) once(ctx context.Context) (uint32, error) {
	r, err := w.perform(ctx)
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return Timeout, nil
	case err != nil:
		return Failed, err
	case w.All:
		r.Index = 0
	}
	if r.Previous != nil {
		return Abandoned + uint32(r.Index), nil
	}
	return uint32(r.Index), nil
}

func (w *Wait) perform(ctx context.Context) (onlinux.Result, error) {
	if signal := w.Signal; signal != nil {
		w.Signal = nil
		return onlinux.SignalAndWait(ctx, signal, w.Objects[0])
	}
	if w.All {
		return onlinux.WaitAll(ctx, w.Objects)
	}
	return onlinux.WaitAny(ctx, w.Objects)
}

// over is the time of waits that have none.
var over = func() context.Context {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	cancel()
	return ctx
}()

// within is the time of a wait.
func within(milliseconds uint32) (context.Context, context.CancelFunc) {
	switch milliseconds {
	case 0:
		return over, func() {}
	case Infinite:
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), time.Duration(milliseconds)*time.Millisecond)
}

// Sleep lets time pass, and if it is alertable ends with the APCs that the thread has
// run: then it returns IOCompletion.
func Sleep(milliseconds uint32, apcs bool) uint32 {
	w := Wait{Objects: []onlinux.Waitable{onlinux.ChannelWait{External: never{}}}}
	result, err := w.For(milliseconds, apcs)
	if err != nil { // for APCs a thread needs a descriptor
		_, _ = w.For(milliseconds, false)
	}
	if result == IOCompletion {
		return IOCompletion
	}
	return 0
}
