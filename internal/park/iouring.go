//go:build linux

package park

import (
	"math"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
)

// config is how large a ring is.
type config struct{ sqEntries, cqEntries uint32 }

// submissions is the side of an io_uring on which requests go in. It belongs to
// the thread that opened it.
type submissions struct {
	fd      int    // a descriptor; or a number of this thread's own table
	byIndex uint32 // the flag that says so
	rings   mapping
	entries mapping
	head    *atomic.Uint32 // written by the kernel
	tail    *atomic.Uint32
	mask    uint32
	flags   *atomic.Uint32 // written by the kernel
}

// completions is the side on which they come out. One may look at a time.
type completions struct {
	head   *atomic.Uint32
	tail   *atomic.Uint32 // written by the kernel
	mask   uint32
	first  unsafe.Pointer
	flags  *atomic.Uint32
	missed *atomic.Uint32 // how many the kernel had no room for
}

// mapping is memory that is shared with the kernel.
type mapping struct {
	p    unsafe.Pointer
	size uintptr
}

// open makes an io_uring that signals an eventfd. What it has made is released by
// submissions.close, also after an error.
func open(c config, eventfd int, in *submissions, out *completions) error {
	// Only one thread submits; and one bad request does not hold up the others.
	p := ioUringParams{
		flags:     ioringSetupCqsize | ioringSetupClamp | ioringSetupSubmitAll | ioringSetupSingleIssuer,
		cqEntries: c.cqEntries,
	}
	in.fd = -1
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(c.sqEntries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return errno
	}
	in.fd = int(fd) // closed on exec: the kernel sees to that
	if need := uint32(ioringFeatSingleMmap | ioringFeatNodrop); p.features&need != need {
		return unix.ENOSYS
	}
	sq, cq := &p.sqOff, &p.cqOff
	size := max(uintptr(sq.array)+uintptr(p.sqEntries)*4, uintptr(cq.cqes)+uintptr(p.cqEntries)*unsafe.Sizeof(ioUringCqe{}))
	if err := in.rings.open(in.fd, ioringOffSqRing, size); err != nil {
		return err
	}
	if err := in.entries.open(in.fd, ioringOffSqes, uintptr(p.sqEntries)*unsafe.Sizeof(ioUringSqe{})); err != nil {
		return err
	}
	word := in.rings.word
	in.head, in.tail, in.flags, in.mask = word(sq.head), word(sq.tail), word(sq.flags), p.sqEntries-1
	for i := range p.sqEntries { // entries are submitted in their order, always
		word(sq.array + 4*i).Store(i)
	}
	*out = completions{
		head: word(cq.head), tail: word(cq.tail), mask: p.cqEntries - 1, first: unsafe.Add(in.rings.p, cq.cqes),
		flags: word(cq.flags), missed: word(cq.overflow),
	}
	event := int32(eventfd)
	if _, _, errno = in.register(ioringRegisterEventfd, unsafe.Pointer(&event)); errno != 0 {
		return errno
	}
	in.hide()
	return nil
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

// register is io_uring_register(2) with one argument.
func (s *submissions) register(what uintptr, arg unsafe.Pointer) (n, _ uintptr, errno unix.Errno) {
	return unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(s.fd), what, uintptr(arg), 1, 0, 0)
}

// hide gives up the descriptor for a number that only this thread knows: then
// nobody can close it by accident.
func (s *submissions) hide() {
	update := ioUringRsrcUpdate{offset: 1<<32 - 1, data: uint64(s.fd)}
	n, _, errno := s.register(ioringRegisterRingFds, unsafe.Pointer(&update))
	if errno != 0 || n != 1 {
		return
	}
	_ = unix.Close(s.fd)
	s.fd, s.byIndex = int(update.offset), ioringEnterRegisteredRing
}

// close gives everything back to the kernel, which forgets all waits. Nobody may
// look at the completions any more.
func (s *submissions) close() {
	switch {
	case s.fd < 0:
	case s.byIndex == 0:
		_ = unix.Close(s.fd)
	default:
		update := ioUringRsrcUpdate{offset: uint32(s.fd)}
		_, _, _ = s.register(ioringUnregisterRingFds|ioringRegisterUseRegisteredRing, unsafe.Pointer(&update))
	}
	s.rings.close()
	s.entries.close()
}

// pending is how many entries the kernel has not taken yet.
func (s *submissions) pending() uint32 { return s.tail.Load() - s.head.Load() }

// overflown says that the kernel keeps completions for which it had no room, and
// gives them out at the next submit.
func (s *submissions) overflown() bool { return s.flags.Load()&ioringSqCqOverflow != 0 }

func (s *submissions) full() bool { return s.pending() > s.mask }

// add adds an entry. The caller has seen that there is room.
func (s *submissions) add(e ioUringSqe) {
	tail := s.tail.Load()
	*(*ioUringSqe)(unsafe.Add(s.entries.p, uintptr(tail&s.mask)*unsafe.Sizeof(e))) = e
	s.tail.Store(tail + 1)
}

// submit gives the entries to the kernel, which need not take all at once; and
// lets it hand out completions that it had no room for before.
//
// # Errors
//
// EINTR. EAGAIN: no memory for requests. EBUSY: too many completions that nobody
// has looked at. After these the caller tries again. Others: the ring is of no
// use.
func (s *submissions) submit() error {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(s.fd), uintptr(s.pending()), 0,
		uintptr(ioringEnterGetevents|s.byIndex), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// next takes the next completion.
func (c *completions) next() (ioUringCqe, bool) {
	head := c.head.Load()
	if head == c.tail.Load() {
		return ioUringCqe{}, false
	}
	e := *(*ioUringCqe)(unsafe.Add(c.first, uintptr(head&c.mask)*unsafe.Sizeof(ioUringCqe{})))
	c.head.Store(head + 1)
	return e, true
}

// mute keeps the kernel from signaling the eventfd.
func (c *completions) mute(on bool) {
	var flags uint32
	if on {
		flags = ioringCqEventfdDisabled
	}
	c.flags.Store(flags)
}

// lost says whether a completion was lost, because the kernel had neither room in
// the ring nor memory for it.
func (c *completions) lost() bool { return c.missed.Load() != 0 }

// futexWait asks for a wait on a word that lies in shared memory.
func futexWait(word *futex.Word, expected uint32, name uint64) ioUringSqe {
	return ioUringSqe{
		opcode: ioringOpFutexWait, fd: futex2SizeU32, addr: uint64(uintptr(unsafe.Pointer(word))),
		addr2: uint64(expected), addr3: futexBitsetMatchAny, userData: name,
	}
}

// asyncCancel asks for the end of what was submitted with a name.
func asyncCancel(submitted, name uint64) ioUringSqe {
	return ioUringSqe{opcode: ioringOpAsyncCancel, addr: submitted, userData: name}
}

// wakeCount wakes everybody who sleeps on a shared word, and says how many that
// were.
func wakeCount(word *futex.Word) int {
	n, _, errno := unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakeOp, math.MaxInt32)
	if errno != 0 {
		return 0
	}
	return int(n)
}
