//go:build windows

package onwindows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/windows"

	"atoll/internal/access"
	"atoll/internal/errs"
)

// MaxWait is how many objects one call can wait for: as many as Windows can.
const MaxWait = 64

// Waitable is what one call can wait for together with others.
type Waitable interface{ target() target }

// Signaler is what SignalAndWait can signal.
type Signaler interface{ signal() error }

// target is what a wait is for: a handle, or something of this process.
type target struct {
	*handle
	mutex    *Mutex   // if it is one
	external External // a channel, which has no handle
}

func (m *Mutex) target() target { return target{handle: m.handle, mutex: m} }
func (p *plain) target() target { return target{handle: p.handle} }

func (m *Mutex) signal() error { return m.Unlock() }

func (e *Event) signal() error { return e.Set() }

func (s *Semaphore) signal() error {
	_, err := s.Release(1)
	return err
}

// Result says how a wait for several objects ended.
type Result struct {
	Index    int
	Previous *Previous
}

// ObjectError is an error about one object of several.
type ObjectError struct {
	Index int
	Err   error
}

func (e *ObjectError) Error() string { return fmt.Sprintf("object %d: %v", e.Index, e.Err) }

// Unwrap returns Err.
func (e *ObjectError) Unwrap() error { return e.Err }

// single is the error of a wait for one object, as that has it.
func single(err error) error {
	if of, ok := errors.AsType[*ObjectError](err); ok {
		return of.Err
	}
	return err
}

// overCtx has ended: a wait with it only tries.
var overCtx = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// tried turns the error of a wait with overCtx into whether it took something.
func tried(err error) (bool, error) {
	if errors.Is(err, context.Canceled) {
		return false, nil
	}
	return err == nil, single(err)
}

// WaitAny waits for the first of the objects.
func WaitAny(ctx context.Context, objects []Waitable) (Result, error) {
	return waitSeveral(ctx, objects, false)
}

// WaitAll waits until all objects can be had at once, and takes them together.
func WaitAll(ctx context.Context, objects []Waitable) (Result, error) {
	return waitSeveral(ctx, objects, true)
}

// SignalAndWait signals one object and waits for another. The two are two calls of
// Windows: a Pulse that the signal sets off may come before the wait. Its one call for
// both cannot be ended by an APC under Wine 8, which then signals once more.
func SignalAndWait(ctx context.Context, signal Signaler, object Waitable) (Result, error) {
	t := object.target()
	if t.handle != nil {
		if err := t.begin(access.Wait); err != nil {
			return Result{}, &ObjectError{Err: err}
		}
		t.Leave()
	}
	if err := signal.signal(); err != nil {
		return Result{}, err
	}
	return waitSeveral(ctx, []Waitable{object}, false)
}

// A wait is one call that waits.
type wait struct {
	all     bool
	targets []target
	handles []windows.Handle // of those that have one, each once
	index   []int            // of the first target with that handle
	mutexes bool
	over    atomic.Bool // the keeper shall end its wait
}

func waitSeveral(ctx context.Context, objects []Waitable, all bool) (Result, error) {
	if len(objects) == 0 || len(objects) > MaxWait {
		return Result{}, errs.New(fs.ErrInvalid, "one call waits for 1 to %d objects, not for %d", MaxWait, len(objects))
	}
	w := &wait{all: all}
	defer w.leave()
	for i, o := range objects {
		t := o.target()
		if t.handle != nil {
			if err := t.begin(access.Wait); err != nil {
				return Result{}, &ObjectError{Index: i, Err: err}
			}
		}
		w.targets = append(w.targets, t)
		if err := w.add(i, t); err != nil {
			return Result{}, err
		}
	}
	r, err := w.run(ctx)
	runtime.KeepAlive(objects)
	if err == nil {
		acquire()
	}
	return r, err
}

// add puts a target's handle to the others.
func (w *wait) add(i int, t target) error {
	if t.handle == nil {
		if w.all {
			return errs.New(errors.ErrUnsupported, "object %d cannot take part in a wait for all: it cannot be taken together with others", i)
		}
		return nil
	}
	for n, h := range w.handles {
		switch same := h == t.raw || w.all && compareObjectHandles(h, t.raw); {
		case same && w.all:
			return errs.New(fs.ErrInvalid, "objects %d and %d are the same; a wait for all needs each once", w.index[n], i)
		case same:
			return nil
		}
	}
	w.handles, w.index = append(w.handles, t.raw), append(w.index, i)
	w.mutexes = w.mutexes || t.mutex != nil
	return nil
}

func (w *wait) leave() {
	for _, t := range w.targets {
		if t.handle != nil {
			t.Leave()
		}
	}
}

// outcome is what Windows said.
type outcome struct {
	event uint32
	err   error
}

// run waits. What is signaled is taken even if ctx has ended.
func (w *wait) run(ctx context.Context) (Result, error) {
	if !w.mutexes && len(w.handles) == len(w.targets) {
		if out := w.look(0); out.event != timeout {
			return w.taken(nil, out)
		}
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
	}
	k, err := borrow()
	if err != nil {
		return Result{}, err
	}
	defer k.disown()
	for {
		ready, err := w.ready()
		if err != nil {
			return Result{}, err
		}
		out, why := w.block(ctx, k, ready)
		if out.event != timeout {
			return w.taken(k, out)
		}
		if ready < len(w.targets) {
			if took, err := w.targets[ready].external.Take(); took || err != nil {
				return Result{Index: ready}, err
			}
			continue
		}
		if why != nil {
			return Result{}, why
		}
	}
}

// ready is the first channel of which there is something; len(targets) if there is none.
func (w *wait) ready() (int, error) {
	for i, t := range w.targets {
		if t.external != nil {
			if is, err := t.external.Ready(); is || err != nil {
				return i, err
			}
		}
	}
	return len(w.targets), nil
}

const timeout = 258 // WAIT_TIMEOUT

// look asks Windows on this thread, and waits if milliseconds say so.
func (w *wait) look(milliseconds uint32) outcome {
	return lookAt(w.handles, w.all, milliseconds)
}

func lookAt(handles []windows.Handle, all bool, milliseconds uint32) outcome {
	if len(handles) == 0 {
		return outcome{event: timeout}
	}
	event, err := waitForObjects(uint32(len(handles)), &handles[0], all, milliseconds, milliseconds != 0)
	return outcome{event, failed("WaitForMultipleObjectsEx", err)}
}

// block has the keeper wait until there is something, and says why there is not. If a
// channel is ready it only looks at what comes before that.
func (w *wait) block(ctx context.Context, k *keeper, ready int) (outcome, error) {
	handles := w.handles
	for n, i := range w.index {
		if i > ready {
			handles = handles[:n]
			break
		}
	}
	if ready < len(w.targets) || ctx.Err() != nil {
		var out outcome
		k.do(func() { out = lookAt(handles, w.all, 0) })
		return out, ctx.Err()
	}
	w.over.Store(false)
	answer := make(chan outcome, 1)
	k.tasks <- func() { answer <- w.sleep() }
	out, why := w.await(ctx, answer)
	if why != nil || out.event == timeout {
		w.over.Store(true)
		k.interrupt()
		out = <-answer
	}
	if errors.Is(why, errPoked) {
		why = nil
	}
	return out, why
}

// sleep is what the keeper does.
func (w *wait) sleep() outcome {
	for {
		out := outcome{event: windows.WAIT_IO_COMPLETION}
		if len(w.handles) > 0 {
			out = w.look(windows.INFINITE)
		} else if !w.over.Load() {
			windows.SleepEx(windows.INFINITE, true)
		}
		switch {
		case out.event != windows.WAIT_IO_COMPLETION:
			return out
		case w.over.Load():
			return outcome{event: timeout}
		}
	}
}

// errPoked: a channel may have something.
var errPoked = errors.New("look again")

// await is where the caller is while its keeper sleeps: until that has something, ctx
// ends, a handle is closed, or a channel has something.
func (w *wait) await(ctx context.Context, answer <-chan outcome) (outcome, error) {
	if len(w.targets) == 1 && w.targets[0].handle != nil {
		select {
		case out := <-answer:
			return out, nil
		case <-ctx.Done():
			return outcome{event: timeout}, ctx.Err()
		case <-w.targets[0].done:
			return outcome{event: timeout}, &ObjectError{Err: errs.ErrClosed}
		}
	}
	poked := make(chan struct{}, 1)
	poke := func() {
		select {
		case poked <- struct{}{}:
		default:
		}
	}
	receive := func(c any) reflect.SelectCase {
		return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)}
	}
	cases := []reflect.SelectCase{receive(answer), receive(ctx.Done()), receive(poked)}
	first := len(cases)
	for _, t := range w.targets {
		if t.external != nil {
			defer t.external.Watch(poke)()
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: t.external.Channel()})
			continue
		}
		cases = append(cases, receive(t.done))
	}
	chosen, value, open := reflect.Select(cases)
	switch {
	case chosen == 0:
		out, _ := reflect.TypeAssert[outcome](value)
		return out, nil
	case chosen == 1:
		return outcome{event: timeout}, ctx.Err()
	case chosen == 2:
		return outcome{event: timeout}, errPoked
	}
	t := w.targets[chosen-first]
	if t.external != nil {
		t.external.Received(value, open)
		return outcome{event: timeout}, errPoked
	}
	return outcome{event: timeout}, &ObjectError{Index: chosen - first, Err: errs.ErrClosed}
}

// taken says what the wait took, and gives the mutexes among it to their handles.
func (w *wait) taken(k *keeper, out outcome) (Result, error) {
	if out.err != nil {
		return Result{}, out.err
	}
	n, abandoned := int(out.event), false
	if out.event >= windows.WAIT_ABANDONED {
		n, abandoned = int(out.event-windows.WAIT_ABANDONED), true
	}
	if n >= len(w.index) {
		return Result{}, errs.New(nil, "WaitForMultipleObjectsEx gave %#x for %d handles", out.event, len(w.handles))
	}
	r := Result{Index: w.index[n]}
	if w.all { // of which Windows says no more than that there is one
		r.Index = 0
		if abandoned {
			r.Index = slices.IndexFunc(w.targets, func(t target) bool { return t.mutex != nil })
		}
	}
	if abandoned {
		r.Previous = &Previous{Since: time.Now()}
	}
	for i, t := range w.targets {
		if t.mutex != nil && (w.all || i == r.Index) {
			t.mutex.own(k)
		}
	}
	if t := w.targets[r.Index]; t.mutex != nil && !w.all && t.closing.Load() {
		return Result{}, errors.Join(&ObjectError{Index: r.Index, Err: errs.ErrClosed}, t.mutex.tooLate(abandoned))
	}
	return r, nil
}

// tooLate gives up what was taken while the handle was being closed. If it was
// abandoned, Close abandons it again.
func (m *Mutex) tooLate(abandoned bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.owner
	if k == nil || abandoned {
		return nil
	}
	var err error
	k.do(func() { err = windows.ReleaseMutex(m.raw) })
	m.owner = nil
	k.disown()
	return failed("ReleaseMutex", err)
}
