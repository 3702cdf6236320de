//go:build linux

package park

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
)

// ring is the way of io_uring: one ring, and one thread that submits and reaps. A
// request dies with the task that submitted it, so the thread never ends; and it
// need not share the ring with anybody, so the kernel runs completions only when
// the thread asks for them.
type ring struct {
	in   inbox
	dead atomic.Bool

	// What follows belongs to the ring's goroutine.
	fd         int    // a descriptor, or with byIndex a number of this thread's table
	byIndex    uint32 // the flag that says so
	rings      mapping
	sqes       mapping
	sqHead     *atomic.Uint32 // written by the kernel
	sqTail     *atomic.Uint32 // written by us
	sqMask     uint32
	cqHead     *atomic.Uint32 // written by us
	cqTail     *atomic.Uint32 // written by the kernel
	cqMask     uint32
	cqes       unsafe.Pointer
	controlled bool  // the control word's wait is in the kernel
	starved    int   // times in a row that the kernel had no memory for requests
	err        error // the ring is of no use any more
	spare      []op
	scratch    ioUringSqe // takes what cannot be submitted
	table      table
	leaving    []*Arm // reaped, and not told yet
	refused    []wait // reaped, but the kernel did not take them
}

// mapping is memory that is shared with the kernel.
type mapping struct {
	p    unsafe.Pointer
	size uintptr
}

// What completions are told apart by: an index into the table with its sequence
// number above, or one of these, whose index is too large.
const (
	controlData = 1<<64 - 1
	cancelData  = 1<<64 - 2
)

// config is how large a ring is, and how completions come.
type config struct {
	sqEntries, cqEntries uint32
	flags                uint32
}

// ringConfig has room for 4096 completions between two looks; if more come, the
// kernel keeps them in a list.
var ringConfig = config{256, 4096, ioringSetupSingleIssuer | ioringSetupDeferTaskrun}

// openRing starts a ring and its thread; nil if this system has none that can
// wait for futexes, or forbids it.
func openRing(c config) *ring {
	opened := make(chan *ring)
	go func() {
		// Never unlocked. If there is no ring, the thread ends, too.
		runtime.LockOSThread()
		r := &ring{}
		if r.setup(c) != nil || !r.works() {
			r.release()
			opened <- nil
			return
		}
		opened <- r
		r.run()
	}()
	return <-opened
}

// setup makes the ring. What it has made is released by release, also after an
// error.
func (r *ring) setup(c config) error {
	p := ioUringParams{flags: ioringSetupCqsize | ioringSetupClamp | ioringSetupSubmitAll | c.flags, cqEntries: c.cqEntries}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(c.sqEntries), uintptr(unsafe.Pointer(&p)), 0)
	r.fd = int(fd) // closed on exec: the kernel sees to that
	if errno != 0 {
		r.fd = -1
		return errno
	}
	if need := uint32(ioringFeatSingleMmap | ioringFeatNodrop); p.features&need != need {
		return unix.ENOSYS
	}
	sq, cq := &p.sqOff, &p.cqOff
	size := max(uintptr(sq.array)+uintptr(p.sqEntries)*4, uintptr(cq.cqes)+uintptr(p.cqEntries)*unsafe.Sizeof(ioUringCqe{}))
	if err := r.rings.open(r.fd, ioringOffSqRing, size); err != nil {
		return err
	}
	if err := r.sqes.open(r.fd, ioringOffSqes, uintptr(p.sqEntries)*unsafe.Sizeof(ioUringSqe{})); err != nil {
		return err
	}
	r.sqHead, r.sqTail, r.sqMask = r.rings.word(sq.head), r.rings.word(sq.tail), p.sqEntries-1
	r.cqHead, r.cqTail, r.cqMask = r.rings.word(cq.head), r.rings.word(cq.tail), p.cqEntries-1
	r.cqes = unsafe.Add(r.rings.p, cq.cqes)
	for i := range p.sqEntries { // entries are submitted in their order, always
		r.rings.word(sq.array + 4*i).Store(i)
	}
	r.hide()
	return nil
}

// hide gives up the descriptor for a number that only this thread knows: nobody
// can close that by accident, and there is none to be counted as a leak.
func (r *ring) hide() {
	update := ioUringRsrcUpdate{offset: 1<<32 - 1, data: uint64(r.fd)}
	n, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), ioringRegisterRingFds, uintptr(unsafe.Pointer(&update)), 1, 0, 0)
	if errno != 0 || n != 1 {
		return
	}
	_ = unix.Close(r.fd)
	r.fd, r.byIndex = int(update.offset), ioringEnterRegisteredRing
}

// release gives everything back to the kernel, which forgets all waits.
func (r *ring) release() {
	switch {
	case r.fd < 0:
	case r.byIndex == 0:
		_ = unix.Close(r.fd)
	default:
		update := ioUringRsrcUpdate{offset: uint32(r.fd)}
		_, _, _ = unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), ioringUnregisterRingFds|ioringRegisterUseRegisteredRing,
			uintptr(unsafe.Pointer(&update)), 1, 0, 0)
	}
	r.rings.close()
	r.sqes.close()
}

func (m *mapping) open(fd int, offset int64, size uintptr) error {
	p, err := unix.MmapPtr(fd, offset, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return err
	}
	m.p, m.size = p, size
	return nil
}

func (m *mapping) close() {
	if m.p != nil {
		_ = unix.MunmapPtr(m.p, m.size)
	}
}

func (m *mapping) word(offset uint32) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Add(m.p, offset))
}

// works tries a futex wait that must not wait: the answer differs where the
// kernel does not know the request.
func (r *ring) works() bool {
	r.submitWait(&r.in.control, r.in.control.Load()+1, futex2Private, controlData)
	r.enter(1)
	head := r.cqHead.Load()
	if r.err != nil || head == r.cqTail.Load() {
		return false
	}
	r.cqHead.Store(head + 1)
	return unix.Errno(-r.cqe(head).res) == unix.EAGAIN
}

func (r *ring) way() Way      { return IOUring }
func (r *ring) stopped() bool { return r.dead.Load() }

func (r *ring) put(a *Arm, expected uint32) holder {
	if !r.in.add(op{arm: a, expected: expected}) {
		return nil
	}
	return r
}

func (r *ring) take(a *Arm) { r.in.add(op{arm: a, take: true}) }

// run is the ring's thread.
func (r *ring) run() {
	r.in.wake()
	for r.err == nil {
		r.accept()
		r.enter(1)
		r.reap()
	}
	r.stop()
}

// accept turns what is in the inbox into submissions, until nothing is in it, and
// sees to it that the next request ends the sleep.
func (r *ring) accept() {
	for {
		ops, value := r.in.takeAll(r.spare)
		if ops == nil {
			if !r.controlled {
				r.controlled = true
				r.submitWait(&r.in.control, value, futex2Private, controlData)
			}
			return
		}
		for _, o := range ops {
			if !o.take {
				o.arm.slot = r.table.add(wait{o.arm, o.expected})
				r.submitWait(o.arm.word, o.expected, 0, r.table.name(o.arm.slot))
			} else if r.table.has(o.arm) {
				r.submitCancel(r.table.name(o.arm.slot))
			}
		}
		clear(ops)
		r.spare = ops[:0]
	}
}

func (r *ring) submitWait(word *futex.Word, expected uint32, flags int32, name uint64) {
	*r.sqe() = ioUringSqe{
		opcode: ioringOpFutexWait, fd: futex2SizeU32 | flags, addr: uint64(uintptr(unsafe.Pointer(word))),
		addr2: uint64(expected), addr3: futexBitsetMatchAny, userData: name,
	}
	r.commit()
}

// submitCancel asks for the end of a wait. If that has just been woken, there is
// nothing to cancel; in either case it is the wait's own completion that counts.
func (r *ring) submitCancel(name uint64) {
	*r.sqe() = ioUringSqe{opcode: ioringOpAsyncCancel, addr: name, userData: cancelData}
	r.commit()
}

// sqe is the next entry, to be filled and committed.
func (r *ring) sqe() *ioUringSqe {
	for r.err == nil {
		tail := r.sqTail.Load()
		if tail-r.sqHead.Load() <= r.sqMask {
			return (*ioUringSqe)(unsafe.Add(r.sqes.p, uintptr(tail&r.sqMask)*unsafe.Sizeof(ioUringSqe{})))
		}
		r.enter(0)
	}
	return &r.scratch
}

func (r *ring) commit() {
	if r.err == nil {
		r.sqTail.Add(1)
	}
}

// enter submits what is committed, and sleeps until there are so many
// completions. It may return without either: the caller comes back.
func (r *ring) enter(completions uintptr) {
	pending := r.sqTail.Load() - r.sqHead.Load()
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(pending), completions,
		uintptr(ioringEnterGetevents|r.byIndex), 0, 0)
	switch errno {
	case 0, unix.EINTR:
		r.starved = 0
	case unix.EBUSY: // too many completions: reap some first
		r.reap()
	case unix.EAGAIN: // no memory for requests
		r.reap()
		if r.starved++; r.starved > 100 {
			r.err = errno
			return
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // nothing tells when the kernel has memory again
	default: // EBADR: a completion was lost. Or the calls were forbidden meanwhile.
		r.err = errno
	}
}

func (r *ring) cqe(i uint32) *ioUringCqe {
	return (*ioUringCqe)(unsafe.Add(r.cqes, uintptr(i&r.cqMask)*unsafe.Sizeof(ioUringCqe{})))
}

// reap takes the completions, and tells whose waits have ended.
func (r *ring) reap() {
	head, tail := r.cqHead.Load(), r.cqTail.Load()
	if head == tail {
		return
	}
	r.in.wake()
	for ; head != tail; head++ {
		r.complete(r.cqe(head))
	}
	r.cqHead.Store(head)
	r.tell()
}

func (r *ring) complete(c *ioUringCqe) {
	switch c.userData {
	case cancelData:
		return
	case controlData:
		r.controlled = false
		return
	}
	w, ok := r.table.remove(c.userData)
	switch {
	case !ok: // cannot be; nobody waits for it
	case c.res == -int32(unix.ENOMEM), c.res == -int32(unix.EPERM):
		r.refused = append(r.refused, w)
	default: // woken, another value, cancelled, a word that is not mapped
		r.leaving = append(r.leaving, w.arm)
	}
}

// tell tells those who left. They may be set again meanwhile.
func (r *ring) tell() {
	for _, a := range r.leaving {
		a.done()
	}
	clear(r.leaving)
	r.leaving = r.leaving[:0]
	for _, w := range r.refused {
		w.arm.fail(w.expected)
	}
	clear(r.refused)
	r.refused = r.refused[:0]
}

// stop gives the ring up. Every arm fires: whoever sets it again comes to another
// engine.
func (r *ring) stop() {
	r.dead.Store(true)
	left := r.in.close()
	r.release()
	for _, w := range r.table.all() {
		r.leaving = append(r.leaving, w.arm)
	}
	for _, o := range left {
		if !o.take {
			r.leaving = append(r.leaving, o.arm)
		}
	}
	reconsider()
	r.tell()
}
