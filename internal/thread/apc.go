//go:build linux

package thread

import "slices"

// APC is a function that a thread can be asked to call: it does so in its next
// alertable wait.
type APC struct {
	thread *Thread
	call   func() bool
	queued bool // under the thread's lock
}

// NewAPC makes an APC for a thread. call may find that it is not wanted any more, and
// say that with false.
func (t *Thread) NewAPC(call func() bool) *APC { return &APC{thread: t, call: call} }

// Queue asks the thread to call the APC, behind those that it was asked before. One
// that is queued already is not queued again. false: the thread has ended.
func (a *APC) Queue() bool {
	t := a.thread
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over || t.end.Ended():
		return false
	case a.queued:
		return true
	}
	a.queued = true
	t.queue = append(t.queue, a)
	if t.alert != nil {
		t.alert()
	}
	return true
}

// Withdraw takes the APC back if it has not been called yet; false: it was not queued.
func (a *APC) Withdraw() bool {
	t := a.thread
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.queue, a)
	if i < 0 {
		return false
	}
	a.queued = false
	t.queue = slices.Delete(t.queue, i, i+1)
	return true
}

// Alert has poke called when something is queued to the thread, by whoever does that
// and must not wait; nil ends it. It is for the thread itself, which then asks whether
// something has been queued before.
func (t *Thread) Alert(poke func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alert = poke
}

// Pending says whether something is queued.
func (t *Thread) Pending() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue) > 0
}

// Run calls what is queued, also what is queued meanwhile, until there is nothing
// left, and says whether there was something. It is for the thread itself.
func (t *Thread) Run() (ran bool) {
	for a := t.take(); a != nil; a = t.take() {
		ran = a.call() || ran
	}
	return ran
}

func (t *Thread) take() *APC {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		return nil
	}
	a := t.queue[0]
	t.queue[0] = nil
	if t.queue = t.queue[1:]; len(t.queue) == 0 {
		t.queue = nil
	}
	a.queued = false
	return a
}

// drop forgets what is queued.
func (t *Thread) drop() {
	for _, a := range t.queue {
		a.queued = false
	}
	t.queue, t.alert = nil, nil
}
