//go:build linux

package park

import (
	"sync"

	"atoll/internal/futex"
)

// op is what the thread of a ring or group is asked to do: to put a wait into the
// kernel, or to take it out.
type op struct {
	arm      *Arm
	expected uint32
	take     bool
}

// inbox is a queue of such requests for one thread, which sleeps in the kernel on
// many words, one of them the inbox's control word.
type inbox struct {
	// control is changed and woken when there is something to do and the thread
	// sleeps, or is about to. The kernel has its address.
	control futex.Word

	mu     sync.Mutex
	ops    []op
	awake  bool // the thread looks at ops before it sleeps
	closed bool // there is no thread any more
}

// add queues a request. False: nobody takes requests any more.
func (in *inbox) add(o op) bool {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.ops = append(in.ops, o)
	kick := !in.awake
	in.awake = true // one kick is enough
	in.mu.Unlock()
	if kick {
		in.control.Add(1)
		futex.WakePrivate(&in.control)
	}
	return true
}

// wake says that the thread is awake, so that nobody kicks it.
func (in *inbox) wake() {
	in.mu.Lock()
	in.awake = true
	in.mu.Unlock()
}

// takeAll gives the thread what is queued, in exchange for an empty slice. If
// nothing is queued, the thread counts as asleep from now on, and must look after
// itself when the control word is not, or does not stay, value.
func (in *inbox) takeAll(empty []op) (ops []op, value uint32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.ops) == 0 {
		in.awake = false
		return nil, in.control.Load()
	}
	ops, in.ops = in.ops, empty
	return ops, 0
}

// close ends the queue, and gives the thread what is left.
func (in *inbox) close() []op {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	return in.ops
}
