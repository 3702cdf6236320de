//go:build linux

package onlinux

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/wait"
)

// MaxWait is how many objects one call can wait for.
const MaxWait = 64

// Waitable is what one call can wait for together with others.
type Waitable interface {
	// join begins the wait of one call; leave ends it.
	join() (wait.Target, error)
	leave()
	// took is told that the wait took it.
	took(out wait.Outcome) (*Previous, error)
}

// Signaler is what SignalAndWait can signal.
type Signaler interface{ signal() error }

func (p *plain) join() (wait.Target, error) {
	return wait.Target{Slot: &p.att.Slot, Closed: p.done}, p.begin(access.Wait)
}

func (p *plain) leave() { p.finish() }

func (p *plain) took(wait.Outcome) (*Previous, error) { //nolint:unparam // as all Waitables
	return nil, p.waited(nil)
}

func (m *Mutex) join() (wait.Target, error) {
	return wait.Target{Slot: &m.att.Slot, Closed: m.done}, m.begin(access.Wait)
}

func (m *Mutex) leave() { m.finish() }

func (m *Mutex) took(out wait.Outcome) (*Previous, error) { return m.taken(out, nil) }

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

// WaitAny waits for the first of the objects.
func WaitAny(ctx context.Context, objects []Waitable) (Result, error) {
	return waitSeveral(ctx, objects, false, nil)
}

// WaitAll waits until all objects can be had at once, and takes them together.
func WaitAll(ctx context.Context, objects []Waitable) (Result, error) {
	if taken, err := takeAll(objects); taken {
		return Result{}, err
	}
	return waitSeveral(ctx, objects, true, nil)
}

// takeAll is WaitAll where all can be had and nothing is special about any.
func takeAll(objects []Waitable) (taken bool, err error) {
	BeginAll()
	defer EndAll()
	for _, o := range objects {
		if p, ok := o.(interface{ Plan() bool }); !ok || !p.Plan() {
			Unplan()
			return false, nil
		}
	}
	if !TakeAll() {
		return false, nil
	}
	for _, o := range objects {
		_, e := o.took(wait.Outcome{})
		err = errors.Join(err, e)
	}
	return true, err
}

// BeginAll begins a wait for all without a queue, which EndAll ends: Plan of each
// object, then TakeAll, and Took of each where something must be said of it; or Unplan.
// These calls are not inside, see begin: Close waits for them as well.
func BeginAll() { liveness.Deciding.Lock() }

// EndAll ends BeginAll.
func EndAll() { liveness.Deciding.Unlock() }

// TakeAll takes what was planned; false: the caller must wait.
func TakeAll() bool { return wait.TakeAll() }

// Unplan forgets what was planned.
func Unplan() { wait.Unplan() }

// Plan adds the object to those that a wait for all takes, if the handle may. It is
// short enough for the compiler to copy it to where it is used.
func (h *syncHandle) Plan() bool { return h.att.Plan(&h.closed, h.rights&access.Wait != 0) }

// Took is told that a wait for all has taken the object.
func (p *plain) Took() error { return p.waited(nil) }

// Took is told that a wait for all has taken the mutex.
func (m *Mutex) Took() error { return m.own(layout.Unlocked) }

// SignalAndWait signals one object and waits for another: what the signal sets off
// can release the wait already.
func SignalAndWait(ctx context.Context, signal Signaler, object Waitable) (Result, error) {
	if sameMutex(signal, object) {
		// Whether the thread must wait for it, depends on the signal.
		if err := signal.signal(); err != nil {
			return Result{}, err
		}
		signal = nil
	}
	return waitSeveral(ctx, []Waitable{object}, false, signal)
}

// waitSeveral waits; signal, if there is one, comes when the wait has begun.
func waitSeveral(ctx context.Context, objects []Waitable, all bool, signal Signaler) (Result, error) {
	if len(objects) == 0 || len(objects) > MaxWait {
		return Result{}, errs.New(fs.ErrInvalid, "one call waits for 1 to %d objects, not for %d", MaxWait, len(objects))
	}
	targets := make([]wait.Target, 0, len(objects))
	defer func() {
		for _, o := range objects[:len(targets)] {
			o.leave()
		}
	}()
	for i, o := range objects {
		target, err := o.join()
		if err != nil {
			return Result{}, &ObjectError{Index: i, Err: err}
		}
		targets = append(targets, target)
	}
	if !all && signal == nil {
		if out, took := wait.TakeAny(targets); took {
			return taken(objects, out, false)
		}
	}
	if all {
		if err := together(targets); err != nil {
			return Result{}, err
		}
	}
	w := wait.Begin(all, targets...)
	if signal != nil {
		if err := signal.signal(); err != nil {
			w.End()
			return Result{}, err
		}
	}
	out, err := w.Wait(ctx)
	switch {
	case errors.Is(err, fs.ErrClosed):
		return Result{}, &ObjectError{Index: out.Index, Err: err}
	case err != nil:
		return Result{}, err
	}
	return taken(objects, out, all)
}

// together refuses what cannot be waited for all at once.
func together(targets []wait.Target) error {
	seen := make(map[*wait.Slot]int)
	var slots []*wait.Slot
	var indexes []int
	for i, t := range targets {
		if t.External != nil && !t.External.Lasting() {
			return errs.New(errors.ErrUnsupported, "object %d cannot take part in a wait for all: it cannot be taken together with others", i)
		}
		if before, twice := seen[t.Slot]; twice && t.Slot != nil {
			return errs.New(fs.ErrInvalid, "objects %d and %d are the same; a wait for all needs each once", before, i)
		}
		seen[t.Slot] = i
		if t.Slot != nil {
			slots, indexes = append(slots, t.Slot), append(indexes, i)
		}
	}
	if apart, ok := wait.Together(slots); !ok {
		return errs.New(errors.ErrUnsupported, "objects %d and %d are of two directories, and none is global, so there is no place where all who use them could read what such a wait came to: two name spaces, or one that somebody has removed and that was made anew; open them in one, or in Global\\", indexes[0], indexes[apart])
	}
	return nil
}

// taken tells the objects that they have been taken.
func taken(objects []Waitable, out wait.Outcome, all bool) (Result, error) {
	if !all {
		previous, err := objects[out.Index].took(out)
		return Result{Index: out.Index, Previous: previous}, err
	}
	r := Result{Index: out.Index}
	var failures []error
	for i, o := range objects {
		how := wait.Outcome{}
		if out.All != nil {
			how = out.All[i]
		}
		previous, err := o.took(how)
		failures = append(failures, err)
		if previous != nil && i == out.Index {
			r.Previous = previous
		}
	}
	return r, errors.Join(failures...)
}
