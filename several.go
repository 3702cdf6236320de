package atoll

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"sync"

	"atoll/internal/errs"
)

// MaxWait is how many objects one call can wait for.
const MaxWait = 64

// Waitable is what WaitAny and WaitAll wait for: a *Mutex, *Semaphore, *Event,
// *Timer or *Job, and what WaitProcess and WaitChan return.
type Waitable interface {
	waitable() kernelWaitable
	label() (Type, string)
}

// Signaler is what SignalAndWait can signal: an *Event, which it sets, a *Mutex,
// which it unlocks, or a *Semaphore, which it releases by one.
type Signaler interface {
	signaler() kernelSignaler
}

func (m *Mutex) waitable() kernelWaitable     { return m.kernel }
func (e *Event) waitable() kernelWaitable     { return e.kernel }
func (s *Semaphore) waitable() kernelWaitable { return s.kernel }
func (t *Timer) waitable() kernelWaitable     { return t.kernel }
func (j *Job) waitable() kernelWaitable       { return j.kernel }

func (m *Mutex) signaler() kernelSignaler     { return m.kernel }
func (e *Event) signaler() kernelSignaler     { return e.kernel }
func (s *Semaphore) signaler() kernelSignaler { return s.kernel }

func (i *identity) label() (Type, string) { return i.typ, i.name }

// Result says how a wait for several objects ended.
type Result struct {
	// Index is, after WaitAny, which of the objects ended the wait; after WaitAll,
	// the first that was an abandoned mutex, or 0.
	Index int
	// Abandoned is not nil if the object at Index was a mutex whose owner died, or
	// closed its handle, without unlocking it: what it protects may be torn. WaitAll
	// tells of the first such mutex only; the others are its caller's to check, too.
	Abandoned *Abandoned
}

// WaitAny waits until one of the objects is signaled, and takes it as that object's
// own Wait or Lock does. If several are, it takes the one that comes first. None of
// the others is changed. The same object may come more than once.
//
// It returns when it has one, when ctx ends, or when the handle of one is closed; in
// the last two cases it took nothing. An object that is signaled is taken even if
// ctx has ended. A mutex that it took belongs to the handle that it was given.
//
// What was done before the object was signaled is seen after WaitAny.
//
// # Errors
//
// fs.ErrInvalid: no objects, or more than MaxWait (87), or one that is nil (6).
// context.Canceled, context.DeadlineExceeded: ctx ended; joined with ErrStuck if a
// stopped process kept an object from being looked at. os.ErrClosed,
// fs.ErrPermission (a handle without the Wait right), ErrStuck, ErrCorrupt: as the
// objects' own calls.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjects
func WaitAny(ctx context.Context, objects ...Waitable) (Result, error) {
	kernel, err := waitables(objects)
	if err != nil {
		return Result{}, fail("wait for any", 0, "", err)
	}
	r, err := kernelWaitAny(ctx, kernel)
	return result(r), failOf("wait for any", objects, err)
}

// WaitAll waits until all of the objects are signaled at one instant, and takes them
// all in one step: no process ever sees some of them taken and others not, also if
// this one is killed on the way. Until then it takes none, and others may take any
// of them. Each object may come once only, by whatever handle.
//
// A process of WaitProcess can be among the objects, a channel cannot. An event that
// is pulsed, or set and reset, releases the wait only if it looks at that instant.
//
// It returns as WaitAny does; a handle that is closed in the instant in which the
// wait ends can make it return os.ErrClosed although the others were taken.
//
// # Errors
//
// As WaitAny. fs.ErrInvalid (87): an object comes twice. errors.ErrUnsupported: a
// channel is among them; or objects of a private namespace with others that are
// neither in it nor in Global.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjects
func WaitAll(ctx context.Context, objects ...Waitable) (Result, error) {
	taken, err := takeAll(objects)
	if taken && err == nil {
		return Result{}, nil
	}
	if taken {
		return Result{}, failOf("wait for all", objects, err)
	}
	kernel, err := waitables(objects)
	if err != nil {
		return Result{}, fail("wait for all", 0, "", err)
	}
	r, err := kernelWaitAll(ctx, kernel)
	return result(r), failOf("wait for all", objects, err)
}

// SignalAndWait signals one object and waits for another. The wait begins first: a
// Pulse, or Set and Reset, that the signal sets off releases it. If the signal
// fails there is no wait.
//
// The signal stays given if the wait then ends with ctx. Others may see the signal
// before the wait sleeps; no more is promised than on Windows, where it is not one
// step either.
//
// # Errors
//
// Those of Set, Unlock or Release, and of the wait as WaitAny has them. fs.ErrInvalid
// (6): one of the two is nil.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-signalobjectandwait
func SignalAndWait(ctx context.Context, signal Signaler, wait Waitable) (Result, error) {
	objects := []Waitable{wait}
	kernel, err := waitables(objects)
	if err == nil && isNil(signal) {
		err = errNilObject
	}
	if err != nil {
		return Result{}, fail("signal and wait", 0, "", err)
	}
	r, err := kernelSignalAndWait(ctx, signal.signaler(), kernel[0])
	return result(r), failOf("signal and wait", objects, err)
}

// failOf is fail for an error that may be about one of several objects.
func failOf(op string, objects []Waitable, err error) error {
	if at, ok := errors.AsType[*kernelObjectError](err); ok {
		typ, name := objects[at.Index].label()
		return fail(op, typ, name, at.Err)
	}
	return fail(op, 0, "", err)
}

func result(r kernelResult) Result {
	return Result{Index: r.Index, Abandoned: abandoned(r.Previous)}
}

var (
	errNilObject     = errs.Numbered(errs.InvalidHandle, fs.ErrInvalid, "an object is nil")
	errNilConnection = errs.Numbered(errs.InvalidHandle, fs.ErrInvalid, "the connection is nil")
)

func waitables(objects []Waitable) ([]kernelWaitable, error) {
	kernel := make([]kernelWaitable, 0, len(objects))
	for _, o := range objects {
		if isNil(o) {
			return nil, errNilObject
		}
		kernel = append(kernel, o.waitable())
	}
	return kernel, nil
}

func isNil(o any) bool {
	v := reflect.ValueOf(o)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// WaitProcess lets a wait end with a process: what it returns is signaled once the
// process that has the pid now has ended, and stays so. The process need not be a
// child. A wait changes nothing: a child must be waited for as always, or it stays
// as a zombie. What it returns needs no Close.
//
// pids are those of the caller's pid namespace.
//
// # Errors
//
// fs.ErrNotExist: no process has the pid. errors.ErrUnsupported: a kernel before
// Linux 5.3, or a system without this.
//
// Source: https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject
func WaitProcess(pid int) (Waitable, error) {
	k, err := kernelWaitProcess(pid)
	if err != nil {
		return nil, fail("wait for process", 0, "", err)
	}
	return processWait{k}, nil
}

type processWait struct{ kernel *kernelProcessWait }

func (p processWait) waitable() kernelWaitable { return p.kernel }
func (p processWait) label() (Type, string)    { return 0, "" }

// ChanWait lets a wait end with a channel: it is signaled when something can be
// received, or the channel is closed. WaitAny receives the value if it chooses the
// channel, and Value returns it then. A value that came while another object was
// chosen is kept for the next wait with the same ChanWait.
type ChanWait[T any] struct {
	mu     sync.Mutex
	c      <-chan T
	kept   []received[T] // what no wait has ended with yet
	chosen received[T]
	pokes  map[*func()]struct{} // of the waits that are under way
}

type received[T any] struct {
	value T
	open  bool
}

// WaitChan returns a ChanWait on c.
func WaitChan[T any](c <-chan T) *ChanWait[T] {
	return &ChanWait[T]{c: c, pokes: make(map[*func()]struct{})}
}

// Value returns what the last wait that ended with the channel received; false if
// the channel was closed.
func (c *ChanWait[T]) Value() (value T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chosen.value, c.chosen.open
}

func (c *ChanWait[T]) waitable() kernelWaitable {
	return kernelChannelWait{External: channel[T]{c}}
}

func (c *ChanWait[T]) label() (Type, string) { return 0, "" }

// channel is what the kernel sees of a ChanWait.
type channel[T any] struct{ *ChanWait[T] }

// Ready receives, if that is possible now and nothing is kept.
func (c channel[T]) Ready() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) > 0 {
		return true, nil
	}
	select {
	case value, open := <-c.c:
		c.kept = append(c.kept, received[T]{value, open})
	default:
	}
	return len(c.kept) > 0, nil
}

// Take gives the value to the wait that ends.
func (c channel[T]) Take() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) == 0 {
		return false, nil
	}
	c.chosen, c.kept = c.kept[0], c.kept[1:]
	return true, nil
}

// Channel is received from while a wait sleeps.
func (c channel[T]) Channel() reflect.Value { return reflect.ValueOf(c.c) }

// Received keeps what the sleeping wait received.
func (c channel[T]) Received(v reflect.Value, open bool) {
	value, _ := reflect.TypeAssert[T](v)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, received[T]{value, open})
}

// Lasting: a value is received once.
func (c channel[T]) Lasting() bool { return false }

// Watch begins a wait. One that ends with another object leaves what it received
// to the others, who must look.
func (c channel[T]) Watch(poke func()) (unwatch func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pokes[&poke] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pokes, &poke)
		if len(c.kept) > 0 {
			for other := range c.pokes {
				(*other)()
			}
		}
	}
}
