//go:build linux

package park

import (
	"sync"
	"time"

	"atoll/internal/futex"
)

// threads is the way of last resort: a thread for each word.
type threads struct{}

func (threads) put(a *Arm, expected uint32) holder { return startThread(a, expected) }
func (threads) way() Way                           { return Threads }

// thread is one wait in futex(2), and the goroutine that is blocked in it.
type thread struct {
	arm   *Arm
	mu    sync.Mutex
	ended chan struct{} // made by take, closed when the goroutine is out of the kernel
	out   bool          // it is out, and take came too late
}

func startThread(a *Arm, expected uint32) *thread {
	t := &thread{arm: a}
	go t.run(expected)
	return t
}

func (t *thread) run(expected uint32) {
	// Whatever ends the wait, also an error, fires: the caller looks at the word.
	_ = futex.Wait(t.arm.word, expected, -1)
	t.mu.Lock()
	if t.ended != nil {
		close(t.ended)
		t.mu.Unlock()
		return // evict says that it is done
	}
	t.out = true
	t.mu.Unlock()
	t.arm.done()
}

func (t *thread) take(*Arm) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out {
		return
	}
	t.ended = make(chan struct{})
	go t.evict()
}

// evict wakes the word until the thread is out: the first wake may come before it
// sleeps. Others who sleep on the word look at it and sleep again. Who can only
// read a word can wake it, too.
func (t *thread) evict() {
	for pause := 10 * time.Microsecond; ; pause = min(2*pause, 100*time.Millisecond) {
		futex.Wake(t.arm.word)
		select {
		case <-t.ended:
			t.arm.done()
			return
		case <-time.After(pause):
		}
	}
}
