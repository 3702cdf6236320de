//go:build linux

package park

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
)

// threads is the way of last resort: a thread for each word.
type threads struct{}

// maxThreads is how many threads there are at the most: Go ends a program that
// has more than 10,000, and a container often allows fewer. For what is more than
// that, the looker looks at the words.
const maxThreads = 500

// waiting counts the threads.
var waiting atomic.Int32

func (threads) put(a *Arm) holder {
	if waiting.Add(1) > maxThreads {
		waiting.Add(-1)
		return theLooker.put(a)
	}
	t := &thread{arm: a}
	go t.run()
	return t
}

func (threads) way() Way { return Threads }

// thread is one wait in futex(2), and the goroutine that is blocked in it.
type thread struct {
	arm   *Arm
	mu    sync.Mutex
	ended chan struct{} // made by take, closed when the goroutine is out of the kernel
	out   bool          // it is out, and take came too late
}

func (t *thread) run() {
	t.wait()
	waiting.Add(-1)
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

// wait returns when the word was woken, or changed, or cannot be waited on; or when
// take was called a second ago: in a file that somebody has truncated, a word
// cannot be woken any more. A signal, as Go's scheduler sends them, is no reason.
func (t *thread) wait() {
	tick := unix.NsecToTimespec(time.Second.Nanoseconds())
	for {
		_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(t.arm.word)), futexWaitOp,
			uintptr(t.arm.expected), uintptr(unsafe.Pointer(&tick)), 0, 0)
		if errno != unix.EINTR && errno != unix.ETIMEDOUT || t.taken() || changed(t.arm.word, t.arm.expected) {
			return
		}
	}
}

func (t *thread) taken() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended != nil
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

// atOnce is a pause of no length.
var atOnce = func() <-chan time.Time { c := make(chan time.Time); close(c); return c }()

// evict wakes the word until the thread is out: the first wake may come before it
// sleeps. Others who sleep on the word look at it and sleep again. Who can only
// read a word can wake it, too.
func (t *thread) evict() {
	for tries := 0; ; tries++ {
		futex.Wake(t.arm.word)
		var pause <-chan time.Time
		if tries > 20 { // it waits for a processor, before it sleeps or after
			pause = time.After(time.Millisecond)
		} else {
			runtime.Gosched()
			pause = atOnce
		}
		select {
		case <-t.ended:
			t.arm.done()
			return
		case <-pause:
		}
	}
}

// looker looks at words 100 times a second, for those who found no thread.
type looker struct {
	mu   sync.Mutex
	arms map[*Arm]bool // true: to be taken out
	bell chan struct{} // somebody is to be taken out
}

var theLooker = looker{bell: make(chan struct{}, 1)}

func (l *looker) put(a *Arm) holder {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.arms == nil {
		l.arms = make(map[*Arm]bool)
		go l.run()
	}
	l.arms[a] = false
	return l
}

func (l *looker) take(a *Arm) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.arms[a]; there {
		l.arms[a] = true
		select {
		case l.bell <- struct{}{}:
		default: // it knows
		}
	}
}

// run looks until there is nothing to look at.
func (l *looker) run() {
	for tick := time.Tick(10 * time.Millisecond); ; {
		leaving, last := l.look()
		for _, a := range leaving {
			a.done()
		}
		if last {
			return
		}
		select {
		case <-tick:
		case <-l.bell:
		}
	}
}

func (l *looker) look() (leaving []*Arm, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for a, take := range l.arms {
		if take || changed(a.word, a.expected) {
			delete(l.arms, a)
			leaving = append(leaving, a)
		}
	}
	if len(l.arms) > 0 {
		return leaving, false
	}
	l.arms = nil
	return leaving, true
}
