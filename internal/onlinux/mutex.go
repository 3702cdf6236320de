//go:build linux

package onlinux

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/wait"
)

// Mutex is a handle of a mutex. The handle is the owner, not a goroutine: within
// a process attachment.owner says which handle, between processes the cell says
// which member. Beside handles threads can own it, see LockBy.
//
// As long as the process has had one handle only, it is the owner if the cell says
// that the process is, and nothing else need be written down. See takeSole.
type Mutex struct {
	syncHandle
	id    uint64       // of this handle, even, never 0, never used again in this process
	cell  *layout.Cell // the attachment's, for the fast paths
	owned layout.State // the cell while this process owns the mutex and nobody sleeps
	// sole is the cell while this is the only handle that the process has had, and
	// it may be locked; else nil.
	sole atomic.Pointer[layout.Cell]
}

var mutexIDs atomic.Uint64 // even, see undecided

// OpenMutex creates or opens a mutex.
func OpenMutex(name string, intent Intent, asked access.Request, owned bool) (m *Mutex, created bool, err error) {
	h, created, err := openSync(name, intent, syncSpec{
		header: layout.Header{Type: layout.Mutex},
		asked:  asked,
		word: func(me uint32) uint32 {
			if owned {
				return me
			}
			return 0
		},
	})
	if err != nil {
		return nil, false, err
	}
	return mutexOf(h, created && owned), created, nil
}

func newMutex(h *syncHandle) *Mutex {
	return &Mutex{syncHandle: *h, id: mutexIDs.Add(2), cell: h.att.Fast(), owned: layout.MakeState(h.att.me, 0)}
}

func mutexOf(h *syncHandle, owned bool) *Mutex {
	m := newMutex(h)
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	m.takeSole(owned)
	return m
}

// Which handle owns the mutex, attachment.owner says from the process's second
// handle on: to write it costs as much as half the call. Before that the cell says
// it, and sole makes Lock and Unlock one compare-and-swap each.
//
// The end of that time, for the second handle or for Close, writes down what the
// cell says. An Unlock may be under way just then that would make it wrong. So the
// cell is pinned first: no fast path fits it any more, and the Unlock must ask for
// giving. A Lock that is under way sees afterwards that sole has gone, and says who
// owns the mutex.

// takeSole makes the handle the only one, or ends that of another. The caller holds
// giving.
func (m *Mutex) takeSole(owned bool) {
	a := m.att
	first := a.mutexes == 0 && a.HasFast()
	a.mutexes++
	switch {
	case first && m.rights&access.Wait != 0 && (owned || m.cell.Load().Word() != a.me):
		a.sole = m
		m.sole.Store(m.cell)
		return
	case !first:
		a.endSole()
	}
	if owned {
		setOwner(&a.owner, m.id)
	}
}

// endSole writes down who owns the mutex. The caller holds giving.
func (a *attachment) endSole() {
	m := a.sole
	if m == nil {
		return
	}
	a.sole = nil
	m.sole.Store(nil)
	if a.Pin(a.me) {
		setOwner(&a.owner, m.id)
	}
}

// The owning handle is written only by who owns the mutex, so it needs no atomic
// instruction of its own, which would double the cost of a lock. Whoever else reads
// it, to be told that it is not the owner, may read an old value, which is not its
// own id either. Half of one and half of another, as 32-bit processors would give, may
// be: of a thread's key and another handle's id.
//
//go:norace
func setOwner(p *atomic.Uint64, id uint64) {
	if strconv.IntSize < 64 {
		p.Store(id)
		return
	}
	*(*uint64)(unsafe.Pointer(p)) = id
}

//go:norace
func isOwner(p *atomic.Uint64, id uint64) bool {
	if strconv.IntSize < 64 {
		return p.Load() == id
	}
	return *(*uint64)(unsafe.Pointer(p)) == id
}

// TakeSole is Lock and TryLock on their fast path, for the process's only handle,
// short enough for the compiler to copy it to where it is used. Where it has taken
// the mutex, but the handle was not the only one to the end, Lock must be told.
func (m *Mutex) TakeSole() (taken, sole bool) {
	c := m.sole.Load()
	if c == nil || !c.CompareAndSwap(0, m.owned) {
		return false, false
	}
	check.Acquire(unsafe.Pointer(m.att))
	return true, m.sole.Load() == c
}

// Lock waits until the mutex can be had and takes it, unless TakeSole has taken it
// already.
func (m *Mutex) Lock(ctx context.Context, taken bool) (*Previous, error) {
	if taken || m.may(access.Wait) && m.cell.CompareAndSwap(0, m.owned) {
		return nil, m.own(layout.Unlocked)
	}
	if err := m.begin(access.Wait); err != nil {
		return nil, err
	}
	defer m.finish()
	out, err := m.att.Acquire(ctx, m.done)
	return m.taken(out, err)
}

// TryLock takes the mutex if it can be had now, unless TakeSole has taken it already.
func (m *Mutex) TryLock(taken bool) (bool, *Previous, error) {
	if taken || m.may(access.Wait) && m.cell.CompareAndSwap(0, m.owned) {
		err := m.own(layout.Unlocked)
		return err == nil, nil, err
	}
	if err := m.begin(access.Wait); err != nil {
		return false, nil, err
	}
	defer m.finish()
	out, ok, err := m.att.Try()
	if !ok || err != nil {
		runtime.KeepAlive(m)
		return false, nil, err
	}
	previous, err := m.taken(out, nil)
	return err == nil, previous, err
}

func (m *Mutex) taken(out wait.Outcome, err error) (*Previous, error) {
	if err != nil {
		runtime.KeepAlive(m)
		return nil, err
	}
	next := layout.Change(layout.Unlocked)
	if out.Abandoned {
		next = layout.Abandon // if it must be given up at once, the next is told
	}
	if err := m.own(next); err != nil {
		return nil, err
	}
	return m.previous(out), nil
}

// undecided marks the owner that does not know yet whether its handle was closed:
// Close waits for it, or could abandon what Lock then says that it did not get.
const undecided = 1

// own makes this handle the owner of the mutex, which the process has just taken,
// or, if the handle was closed meanwhile, gives it up with next.
func (m *Mutex) own(next layout.Change) error {
	alone := m.sole.Load() != nil
	if !alone {
		setOwner(&m.att.owner, m.id|undecided)
	}
	check.Acquire(unsafe.Pointer(m.att))
	if m.closed.Load() {
		return m.tooLate(next)
	}
	if !alone {
		setOwner(&m.att.owner, m.id)
	}
	return nil
}

// tooLate gives up a mutex that was taken while the handle was being closed: the
// Close may not have known of it. Or it did, or somebody has taken this process
// for dead, which it is as far as this mutex goes: then there is nothing to do.
func (m *Mutex) tooLate(next layout.Change) error {
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	if m.att.sole == m {
		m.att.endSole()
	}
	if isOwner(&m.att.owner, m.id) || isOwner(&m.att.owner, m.id|undecided) {
		_ = m.att.give(next)
	}
	return errClosed
}

// GiveSole is Unlock on its fast path, for the process's only handle. The last load
// is what keeps the page mapped until then.
func (m *Mutex) GiveSole() bool {
	check.Release(unsafe.Pointer(m.att))
	c := m.sole.Load()
	if c == nil || !c.CompareAndSwap(m.owned, 0) {
		return false
	}
	m.sole.Load()
	return true
}

// Unlock gives the mutex up where GiveSole has not.
func (m *Mutex) Unlock() error {
	owns := isOwner(&m.att.owner, m.id)
	if owns {
		check.Release(unsafe.Pointer(m.att))
		setOwner(&m.att.owner, 0)
		if m.cell.CompareAndSwap(m.owned, 0) {
			runtime.KeepAlive(m)
			return nil
		}
	}
	return m.unlock(owns)
}

// unlock is Unlock where somebody sleeps, the cell is pinned, or only the cell says
// who the owner is. If it cannot give the mutex up, the handle stays the owner.
func (m *Mutex) unlock(owns bool) error {
	m.inside.Add(1)
	defer m.finish()
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	sole := m.att.sole == m
	if !owns && !isOwner(&m.att.owner, m.id) && (!sole || m.cell.Load().Word() != m.att.me) {
		return m.notOwner()
	}
	err := m.att.give(layout.Unlocked)
	if err != nil && !sole {
		setOwner(&m.att.owner, m.id)
	}
	return err
}

func (m *Mutex) notOwner() error {
	if m.closed.Load() {
		return errClosed
	}
	return errs.ErrNotOwner
}

// give ends the ownership with next. The caller holds giving, so that no end of sole
// comes between.
func (a *attachment) give(next layout.Change) error {
	check.Release(unsafe.Pointer(a))
	setOwner(&a.owner, 0)
	_, err := a.Change(next, a.mine)
	if err == nil {
		a.Unpin()
	}
	runtime.KeepAlive(a)
	return err
}

// mine checks that the word says what this process knows: that it owns the mutex.
func (a *attachment) mine(word uint32) error {
	if word != a.me {
		return errs.New(errs.ErrCorrupt, "the mutex was ours, but its state says %#x: some process wrote over it", word)
	}
	return nil
}

// Close closes the handle. If it owns the mutex, that is abandoned; if a thread does,
// that goes on.
func (m *Mutex) Close() error {
	if !m.shut() {
		return errClosed
	}
	m.leaveSole()
	m.att.Recall()
	m.awaitInside()
	m.settle()
	err := m.abandon()
	if m.leaveToThread() {
		return err
	}
	return errors.Join(err, m.shutSync())
}

func (m *Mutex) leaveSole() {
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	if m.att.sole == m {
		m.att.endSole()
	}
}

// settle waits for a Lock of this process, through any handle, that has taken the
// mutex on the fast path and is about to say for which handle. If it is for this
// one it finds that the handle is closed, and gives the mutex up.
//
// What remains is a Lock that is held up just before its compare-and-swap for as
// long as all of Close takes, and whose process is then killed before it can give
// the mutex up again, some fifty nanoseconds later: to others its number means
// nothing, and they get ErrStuck. To exclude that would double the cost of Lock.
func (m *Mutex) settle() {
	const enough = 10 * time.Second // then somebody wrote over the state
	pending := func() bool { return isOwner(&m.att.owner, 0) || isOwner(&m.att.owner, m.id|undecided) }
	for began := time.Now(); m.cell.Load().Word() == m.att.me && pending() && time.Since(began) < enough; {
		time.Sleep(time.Microsecond) //nolint:forbidigo // rare, and nothing tells
	}
}

// abandon leaves the mutex to the next owner, who is told, if this handle owns it.
func (m *Mutex) abandon() error {
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	if !isOwner(&m.att.owner, m.id) {
		return nil
	}
	m.att.abandoned.Store(true)
	return m.att.give(layout.Abandon)
}
