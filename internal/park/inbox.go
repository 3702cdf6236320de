//go:build linux

package park

import "sync"

// op is what the thread of a ring or group is asked to do: to put a wait into the
// kernel, or to take it out.
type op struct {
	arm  *Arm
	take bool
}

// inbox is a queue of such requests for one thread, which may be asleep.
type inbox struct {
	kick func() // wakes the thread

	mu     sync.Mutex
	ops    []op
	awake  bool // the thread looks at ops before it sleeps
	held   int  // how many will kick the thread later, if need be
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
	kick := !in.awake && in.held == 0
	in.awake = in.awake || kick // one kick is enough
	in.mu.Unlock()
	if kick {
		in.kick()
	}
	return true
}

// hold says that release will follow soon: until then requests only gather.
func (in *inbox) hold() {
	in.mu.Lock()
	in.held++
	in.mu.Unlock()
}

func (in *inbox) release() {
	in.mu.Lock()
	in.held--
	kick := len(in.ops) > 0 && !in.awake
	in.awake = in.awake || kick
	in.mu.Unlock()
	if kick {
		in.kick()
	}
}

// wake says that the thread is awake, so that nobody kicks it.
func (in *inbox) wake() {
	in.mu.Lock()
	in.awake = true
	in.mu.Unlock()
}

// takeAll gives the thread what is queued, in exchange for an empty slice. If that
// is nothing, the thread counts as asleep from then on.
func (in *inbox) takeAll(empty []op) []op {
	in.mu.Lock()
	defer in.mu.Unlock()
	ops := in.ops
	in.ops = empty
	in.awake = len(ops) > 0
	return ops
}

// close ends the queue, and gives the thread what is left.
func (in *inbox) close() []op {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	return in.ops
}
