//go:build linux

package park

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/futex"
)

// maxGroup is the most arms of a group: the control word is one more.
const maxGroup = futex.MaxWatches - 1

// pool is the way of groups: each is a thread that sleeps in futex_waitv on the
// words of its arms and a control word.
//
// Every time a group sleeps, the kernel queues it on each of its words, which
// costs 0.4 µs for each. So small groups are quicker, and few arms are spread
// over more threads than they need: with g groups, each may have 8g arms. 128
// arms take 4 threads, 512 take 8, 10,000 take 79.
type pool struct {
	broken atomic.Bool // futex_waitv was taken from us

	mu     sync.Mutex
	groups []*group
	arms   int // in all groups
	next   int // where to look for room first
}

// group is one thread and its arms.
type group struct {
	pool *pool
	in   inbox
	// control is changed and woken to wake the thread. The kernel has its address.
	control futex.Word

	n     int  // arms that were given to it, guarded by pool.mu
	ended bool // and takes no more, guarded by pool.mu

	// What follows belongs to the group's goroutine.
	members []*Arm
	list    [futex.MaxWatches]waitv // list[i+1] is members[i]
	leaving []*Arm                  // out of members, and not told yet
	ops     []op                    // out of the inbox
	value   uint32                  // of control, when the inbox was found empty
}

// waitv is the kernel's struct futex_waitv.
type waitv struct {
	value uint64
	addr  uint64
	flags uint32
	_     uint32
}

func (p *pool) way() Way {
	if p.broken.Load() || !futex.HasWaitAny() {
		return Threads
	}
	return FutexWaitv
}

func (p *pool) put(a *Arm) holder {
	if p.broken.Load() {
		return nil
	}
	if !futex.HasWaitAny() { // forbidden since
		return threads{}.put(a)
	}
	last, _ := a.holder.(*group)
	g := p.reserve(last)
	// A group that counts an arm does not end, so its inbox is open.
	g.in.add(op{arm: a})
	return g
}

// reserve finds a group for one more arm: the one where it was last, because that
// thread is likely to be awake, or else any with room, or else a new one.
func (p *pool) reserve(last *group) *group {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := last
	if g == nil || g.pool != p || g.ended || g.n >= p.room() {
		g = p.place()
	}
	g.n++
	p.arms++
	return g
}

// room is how many arms a group may have by now.
func (p *pool) room() int { return min(8*len(p.groups), maxGroup) }

// place finds a group with room, or makes one. The caller holds mu.
func (p *pool) place() *group {
	if room := p.room(); p.arms < room*len(p.groups) {
		for range p.groups {
			p.next = (p.next + 1) % len(p.groups)
			if g := p.groups[p.next]; g.n < room {
				return g
			}
		}
	}
	g := &group{pool: p}
	g.in.kick, g.in.awake = g.kick, true // it looks before it sleeps
	p.groups = append(p.groups, g)
	go g.run()
	return g
}

// forget says that arms have left a group. The caller does not hold mu.
func (p *pool) forget(g *group, arms int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.n -= arms
	p.arms -= arms
}

// end takes a group without arms out of the pool. False: it has some again.
func (p *pool) end(g *group) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.n > 0 {
		return false
	}
	i, last := slices.Index(p.groups, g), len(p.groups)-1
	p.groups[i], p.groups[last] = p.groups[last], nil
	p.groups = p.groups[:last]
	g.ended = true
	return true
}

func (g *group) kick() {
	g.control.Add(1)
	futex.WakePrivate(&g.control)
}

func (g *group) take(a *Arm) { g.in.add(op{arm: a, take: true}) }

// run is the group's thread.
func (g *group) run() {
	for {
		g.accept()
		if len(g.members) == 0 && g.pool.end(g) {
			return
		}
		g.sleep()
		g.in.wake()
		g.tell()
	}
}

// accept does what the inbox says, until nothing is in it.
func (g *group) accept() {
	for {
		// Before the inbox is found empty: whoever puts something in after that
		// changes it.
		g.value = g.control.Load()
		clear(g.ops)
		g.ops = g.in.takeAll(g.ops[:0])
		if len(g.ops) == 0 {
			return
		}
		for _, o := range g.ops {
			i := int(o.arm.slot)
			switch {
			case !o.take:
				o.arm.slot = uint32(len(g.members))
				g.members = append(g.members, o.arm)
			case i < len(g.members) && g.members[i] == o.arm:
				g.leave(i)
			}
		}
		g.tell()
	}
}

// leave takes a member out, to be told later. Those after it may change places.
func (g *group) leave(i int) {
	last := len(g.members) - 1
	g.leaving = append(g.leaving, g.members[i])
	g.members[i] = g.members[last]
	g.members[i].slot = uint32(i)
	g.members[last] = nil
	g.members = g.members[:last]
}

// tell tells those who left. They may be set again meanwhile.
func (g *group) tell() {
	if len(g.leaving) == 0 {
		return
	}
	g.pool.forget(g, len(g.leaving))
	for _, a := range g.leaving {
		a.done()
	}
	clear(g.leaving)
	g.leaving = g.leaving[:0]
	// Let them run now: the next system call takes this thread, and with it the
	// processor that they are queued for, until Go's monitor notices.
	runtime.Gosched()
}

// sleep sleeps until a word is woken or changes, or the control word does. Those
// whose turn it is leave.
func (g *group) sleep() {
	g.list[0] = waitv{value: uint64(g.value), addr: uint64(uintptr(unsafe.Pointer(&g.control))), flags: futex2SizeU32 | futex2Private}
	for i, a := range g.members {
		g.list[i+1] = waitv{value: uint64(a.expected), addr: uint64(uintptr(unsafe.Pointer(a.word))), flags: futex2SizeU32}
	}
	index, _, errno := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&g.list)), uintptr(1+len(g.members)), 0, 0, 0, 0)
	switch errno {
	case 0:
		g.leaveChanged(int(index) - 1)
	case unix.EAGAIN, unix.EINTR:
		g.leaveChanged(-1)
	case unix.EFAULT, unix.EINVAL:
		g.leaveFaulty()
	case unix.ENOMEM:
		g.disband()
	default: // forbidden since the probe
		g.pool.broken.Store(true)
		g.disband()
	}
}

// leaveChanged takes out the member that was woken, if that is not -1, and all
// whose words have changed: the kernel names one only, and while the group is
// out of the kernel no wake reaches it.
func (g *group) leaveChanged(woken int) {
	// From the end, because leave moves the last to the place of the one that left.
	for i, a := range slices.Backward(g.members) {
		if i == woken || changed(a.word, a.expected) {
			g.leave(i)
		}
	}
}

// leaveFaulty takes out the members whose words the kernel cannot look at; all,
// if it does not say which.
func (g *group) leaveFaulty() {
	before := len(g.members)
	for i := before - 1; i >= 0; i-- {
		if a := g.members[i]; futex.Wait(a.word, a.expected, 0) != nil {
			g.leave(i)
		}
	}
	if len(g.members) < before {
		return
	}
	for i := before - 1; i >= 0; i-- {
		g.leave(i)
	}
}

// disband gives each member a thread of its own.
func (g *group) disband() {
	g.pool.forget(g, len(g.members))
	for _, a := range g.members {
		a.fail()
	}
	clear(g.members)
	g.members = g.members[:0]
}
