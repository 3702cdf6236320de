//go:build linux

package park

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ring is the way of io_uring: one ring for all arms.
//
// A request dies with the thread that submitted it, so one thread submits all,
// and never ends. When a word is woken, the kernel interrupts the sleep of that
// thread to make the completion, and signals an eventfd. On that another
// goroutine, the reaper, sleeps in Go's poller.
//
// Why the thread does not sleep in io_uring_enter, and reap: a goroutine in a
// system call keeps its processor, and whoever it has just told waits there until
// Go's monitor takes the processor away, up to 10 ms. So the thread sleeps as Go's
// own threads do. Besides, a sleep in io_uring_enter is counted as waiting for a
// disk.
type ring struct {
	in   inbox
	bell chan struct{} // kicks the thread
	dead atomic.Bool

	// These belong to the thread.
	sq      submissions
	ops     []op // out of the inbox
	next    int  // the first of ops that is not submitted
	leaving batch

	completed *os.File // the eventfd

	mu    sync.Mutex // the last lock to take
	cq    completions
	table table
}

// batch is arms that the ring has forgotten, and that have not been told.
type batch struct {
	done    []*Arm
	refused []*Arm // the kernel did not take them
}

// batchSize bounds how long others wait until the thread is kicked.
const batchSize = 256

// What completions are told apart by: an index into the table with its sequence
// number above, or one of these, whose index is too large.
const (
	cancelData = 1<<64 - 1
	probeData  = 1<<64 - 2
)

// ringConfig is the size of the ring: how much is submitted in one call, and how
// many completions fit before the kernel keeps them in a list.
var ringConfig = config{sqEntries: 256, cqEntries: 4096}

// openRing starts a ring and its thread; nil if this system has none that can
// wait for futexes, or forbids it.
func openRing(c config) *ring {
	opened := make(chan *ring)
	go func() {
		// Never unlocked: if there is no ring, the thread ends with the goroutine.
		runtime.LockOSThread()
		r := &ring{bell: make(chan struct{}, 1)}
		r.in.kick = r.kick
		if r.open(c) != nil {
			opened <- nil
			return
		}
		go r.reaper()
		opened <- r
		r.run()
	}()
	return <-opened
}

func (r *ring) open(c config) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	r.completed = os.NewFile(uintptr(fd), "completions")
	if err = open(c, fd, &r.sq, &r.cq); err == nil {
		err = r.probe()
	}
	if err != nil {
		r.release()
	}
	return err
}

// probe tries a futex wait that must not wait: the answer is another where the
// kernel does not know the request.
func (r *ring) probe() error {
	word := new(atomic.Uint32)
	r.sq.add(futexWait(word, 1, probeData))
	err := r.sq.submit()
	runtime.KeepAlive(word)
	if err != nil {
		return err
	}
	if c, ok := r.cq.next(); !ok || unix.Errno(-c.res) != unix.EAGAIN {
		return unix.ENOSYS
	}
	return nil
}

// release gives everything back to the kernel, which forgets all waits.
func (r *ring) release() {
	r.sq.close()
	_ = r.completed.Close() // ends the reaper
}

func (r *ring) way() Way      { return IOUring }
func (r *ring) stopped() bool { return r.dead.Load() }

func (r *ring) put(a *Arm) holder {
	if !r.in.add(op{arm: a}) {
		return nil
	}
	return r
}

func (r *ring) take(a *Arm) { r.in.add(op{arm: a, take: true}) }

func (r *ring) kick() {
	select {
	case r.bell <- struct{}{}:
	default: // it is kicked already
	}
}

// run is the ring's thread.
func (r *ring) run() {
	for starved := 0; ; {
		r.cq.mute(true) // while it is awake, it looks itself
		r.accept()
		err := r.sq.submit()
		r.reapAll(&r.leaving)
		r.cq.mute(false)
		came := r.reapAll(&r.leaving) // between the look and the end of mute
		switch {
		case r.cq.lost():
			r.stop()
			return
		case err == nil && came == 0 && r.idle():
			starved = 0
			<-r.bell
		case err == nil, errors.Is(err, unix.EINTR), errors.Is(err, unix.EBUSY):
		case errors.Is(err, unix.EAGAIN) && starved < 100:
			starved++
			time.Sleep(time.Millisecond) //nolint:forbidigo // nothing tells when the kernel has memory again
		default: // forbidden meanwhile
			r.stop()
			return
		}
	}
}

// idle says that the thread has submitted all that there is.
func (r *ring) idle() bool {
	return r.sq.pending() == 0 && r.next == len(r.ops) && !r.sq.overflown()
}

// accept turns what is in the inbox into submissions, as far as there is room.
func (r *ring) accept() {
	for {
		for r.next < len(r.ops) {
			if !r.submit(r.ops[r.next]) {
				return
			}
			r.next++
		}
		clear(r.ops)
		r.ops, r.next = r.in.takeAll(r.ops[:0]), 0
		if len(r.ops) == 0 {
			return
		}
	}
}

// submit makes a submission of a request. False: there is no room.
func (r *ring) submit(o op) bool {
	if r.sq.full() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !o.take:
		o.arm.slot = r.table.add(o.arm)
		r.sq.add(futexWait(o.arm.word, o.arm.expected, r.table.name(o.arm.slot)))
	case !r.table.has(o.arm): // it has ended meanwhile
	case r.crowded() && wakeCount(o.arm.word) > 0:
	default:
		// If it was just woken, there is nothing to cancel. In either case it is the
		// completion of the wait that counts.
		r.sq.add(asyncCancel(r.table.name(o.arm.slot), cancelData))
	}
	return true
}

// crowded says that waits had better be ended by a wake, which also others see
// who sleep on the word: to cancel one, the kernel looks through all. It cannot be
// done while the wait may not have come to the kernel yet.
func (r *ring) crowded() bool { return r.table.len() > 256 && r.sq.pending() == 0 }

// reaper tells those whose waits the kernel has ended while the thread slept.
func (r *ring) reaper() {
	var b batch
	for count := make([]byte, 8); ; {
		if _, err := r.completed.Read(count); err != nil {
			return
		}
		// If the ring was full, more may have come than it holds. The kernel gives
		// that out when the thread asks for it. It may not have said so yet.
		if r.reapAll(&b) > int(r.cq.mask)/2 {
			r.kick()
		}
	}
}

// reapAll takes all completions, and tells whose waits have ended. It says how
// many there were.
func (r *ring) reapAll(b *batch) (all int) {
	for {
		n := r.reap(b)
		if n == 0 {
			return all
		}
		all += n
		r.in.hold()
		b.tell()
		r.in.release()
	}
}

// reap takes some completions.
func (r *ring) reap(b *batch) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead.Load() { // and its memory is gone
		return 0
	}
	for n := range batchSize {
		c, ok := r.cq.next()
		if !ok {
			return n
		}
		a := r.table.remove(c.userData)
		switch {
		case a == nil: // a cancellation
		case c.res == -int32(unix.ENOMEM), c.res == -int32(unix.EPERM):
			b.refused = append(b.refused, a)
		default: // woken, another value, cancelled, a word that is not mapped
			b.done = append(b.done, a)
		}
	}
	return batchSize
}

// tell tells the arms. They may be set again meanwhile.
func (b *batch) tell() {
	for _, a := range b.done {
		a.done()
	}
	for _, a := range b.refused {
		a.fail()
	}
	clear(b.done)
	clear(b.refused)
	b.done, b.refused = b.done[:0], b.refused[:0]
}

// stop gives the ring up. Every arm fires: whoever sets it again comes to another
// engine.
func (r *ring) stop() {
	left := append(r.ops[r.next:], r.in.close()...)
	r.mu.Lock()
	r.dead.Store(true)
	r.leaving.done = append(r.leaving.done, r.table.all()...)
	r.release()
	r.mu.Unlock()
	for _, o := range left {
		if !o.take {
			r.leaving.done = append(r.leaving.done, o.arm)
		}
	}
	reconsider()
	r.leaving.tell()
}
