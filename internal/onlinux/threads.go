//go:build linux

package onlinux

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/thread"
	"atoll/internal/wait"
)

// A mutex can be owned by a thread, as on Windows, instead of by a handle. Both are
// owners within the process, of one kind to other processes. Whichever handle of the
// object a thread uses, it is the owner, as often as it has locked it. If it ends, the
// mutex is abandoned.
//
// A thread owns the mutex also when the process has closed all its handles. The last
// one of them stays behind, retired, until the thread has given the mutex up or ends:
// the state names this process.

// maxLevels is how often a thread can own a mutex: Windows counts down from 1 to -2^31.
const maxLevels = 1<<31 + 1

// threadOwned marks what attachment.owner says as the key of a thread.
const threadOwned = 1 << 63

func ownerKey(t *thread.Thread) uint64 { return threadOwned | t.Key()<<1 }

func (a *attachment) ownedByThread() bool { return a.owner.Load()&threadOwned != 0 }

// OpenMutexBy is OpenMutex for threads. by owns the mutex if it is created; nil:
// nobody does.
func OpenMutexBy(name string, intent Intent, asked access.Request, by *thread.Thread) (m *Mutex, created bool, err error) {
	h, created, err := openSync(name, intent, syncSpec{
		header: layout.Header{Type: layout.Mutex},
		asked:  asked,
		word: func(me uint32) uint32 {
			if by != nil {
				return me
			}
			return 0
		},
	})
	if err != nil {
		return nil, false, err
	}
	m = newMutex(h)
	m.ForThreads()
	if created && by != nil {
		m.att.ownBy(by)
	}
	return m, created, nil
}

// ForThreads comes before the first call for a thread.
func (m *Mutex) ForThreads() {
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	m.att.mutexes++
	m.att.endSole()
}

// ownBy makes a thread the owner of the mutex, which the process has just taken.
func (a *attachment) ownBy(t *thread.Thread) {
	setOwner(&a.owner, ownerKey(t))
	check.Acquire(unsafe.Pointer(a))
	a.levels = 1
	t.Own(a)
}

// LockBy waits until the mutex can be had and takes it for the thread, which calls
// it. Whoever owns it already, owns it once more.
func (m *Mutex) LockBy(ctx context.Context, t *thread.Thread) (*Previous, error) {
	if taken, err := m.quickBy(t); taken || err != nil {
		return nil, err
	}
	if err := m.begin(access.Wait); err != nil {
		return nil, err
	}
	defer m.finish()
	out, err := m.att.Acquire(ctx, m.done)
	return m.takenBy(t, out, err)
}

// TryLockBy is LockBy without waiting.
func (m *Mutex) TryLockBy(t *thread.Thread) (bool, *Previous, error) {
	if taken, err := m.quickBy(t); taken || err != nil {
		return taken, nil, err
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
	previous, err := m.takenBy(t, out, nil)
	return err == nil, previous, err
}

// quickBy is both where nobody else has it.
func (m *Mutex) quickBy(t *thread.Thread) (bool, error) {
	if isOwner(&m.att.owner, ownerKey(t)) {
		err := m.use(access.Wait)
		if err == nil {
			err = m.att.deeper()
		}
		return err == nil, err
	}
	if !m.may(access.Wait) || !m.cell.CompareAndSwap(0, m.owned) {
		return false, nil
	}
	m.att.ownBy(t)
	return true, nil
}

// takenBy is taken for a thread. Nobody closes a handle that a thread is inside.
func (m *Mutex) takenBy(t *thread.Thread, out wait.Outcome, err error) (*Previous, error) {
	if err != nil {
		runtime.KeepAlive(m)
		return nil, err
	}
	m.att.ownBy(t)
	return m.previous(out), nil
}

// deeper gives the calling thread, which owns the mutex, one level more.
func (a *attachment) deeper() error {
	if a.levels == maxLevels {
		return errMutantLimit
	}
	a.levels++
	check.Release(unsafe.Pointer(a)) // to whoever owns it when the thread has ended
	return nil
}

var errMutantLimit = errs.Numbered(errs.MutantLimit, nil, "the thread has locked the mutex %d times already", uint32(maxLevels))

// UnlockBy gives up one level of what the calling thread owns, through whatever handle.
func (m *Mutex) UnlockBy(t *thread.Thread) error {
	a := m.att
	if !isOwner(&a.owner, ownerKey(t)) {
		return m.notOwner()
	}
	if a.levels > 1 {
		a.levels--
		check.Release(unsafe.Pointer(a))
		return nil
	}
	t.Disown(a)
	check.Release(unsafe.Pointer(a))
	setOwner(&a.owner, 0)
	if !m.cell.CompareAndSwap(m.owned, 0) {
		if err := m.unlockBy(t); err != nil {
			return err
		}
	}
	if a.left.Load() != nil {
		a.dropLeft()
	}
	runtime.KeepAlive(m)
	return nil
}

// unlockBy is UnlockBy where somebody sleeps. If the mutex cannot be given up, the
// thread stays the owner.
func (m *Mutex) unlockBy(t *thread.Thread) error {
	m.inside.Add(1)
	defer m.finish()
	m.att.giving.Lock()
	defer m.att.giving.Unlock()
	err := m.att.give(layout.Unlocked)
	if err != nil {
		setOwner(&m.att.owner, ownerKey(t))
		t.Own(m.att)
	}
	return err
}

// Abandon leaves the mutex to the next owner, who is told. The thread has ended.
func (a *attachment) Abandon(by *thread.Thread) {
	if !a.abandonBy(by) {
		go func() { // whoever holds the gate is stopped
			for !a.abandonBy(by) {
			}
		}()
	}
}

// abandonBy is one try of Abandon. If the mutex cannot be given up, the thread stays
// the owner.
func (a *attachment) abandonBy(by *thread.Thread) (done bool) {
	h, done := a.giveUp(by)
	if h != nil {
		_ = h.shutSync()
	}
	return done
}

// giveUp also takes, while nobody else can leave it anything, what was left to the
// thread: later that may be what another owner relies on.
func (a *attachment) giveUp(by *thread.Thread) (left *syncHandle, done bool) {
	a.giving.Lock()
	defer a.giving.Unlock()
	if !isOwner(&a.owner, ownerKey(by)) {
		return nil, true
	}
	a.abandoned.Store(true)
	err := a.give(layout.Abandon)
	if errors.Is(err, errs.ErrStuck) {
		setOwner(&a.owner, ownerKey(by))
		return nil, false
	}
	return a.left.Swap(nil), true
}

// leaveToThread keeps a handle that is being closed for the thread that owns the
// mutex; false: there is none, or it has one already.
//
// Who gives the mutex up for a thread that has ended, under giving, uses no handle: so
// without the lock the process could be no member any more while the cell names it.
func (m *Mutex) leaveToThread() bool {
	left, unseen := m.tryLeave()
	if unseen != nil {
		_ = unseen.shutSync()
	}
	return left
}

// tryLeave also takes back what a thread may not have seen that has given the mutex up
// meanwhile, for which it needs no lock.
func (m *Mutex) tryLeave() (left bool, unseen *syncHandle) {
	a := m.att
	a.giving.Lock()
	defer a.giving.Unlock()
	if !a.ownedByThread() || m.Retire() != nil || !a.left.CompareAndSwap(nil, &m.syncHandle) {
		return false, nil
	}
	if !a.ownedByThread() {
		unseen = a.left.Swap(nil)
	}
	return true, unseen
}

// dropLeft closes what was left to the calling thread, which is inside another handle.
func (a *attachment) dropLeft() {
	if h := a.left.Swap(nil); h != nil {
		_ = h.shutSync()
	}
}

// By is the mutex as the thread, which calls, waits for it together with others, or
// gives it up before it waits.
func (m *Mutex) By(t *thread.Thread) *ThreadMutex { return &ThreadMutex{mutex: m, thread: t} }

// ThreadMutex is a mutex in one call of a thread.
type ThreadMutex struct {
	mutex  *Mutex
	thread *thread.Thread
	owned  bool // when the wait began
}

func (b *ThreadMutex) join() (wait.Target, error) {
	if err := b.mutex.begin(access.Wait); err != nil {
		return wait.Target{}, err
	}
	if b.owned = isOwner(&b.mutex.att.owner, ownerKey(b.thread)); b.owned {
		return wait.Target{External: owned{b.mutex.att}}, nil
	}
	return wait.Target{Slot: &b.mutex.att.Slot, Closed: b.mutex.done}, nil
}

func (b *ThreadMutex) leave() { b.mutex.finish() }

func (b *ThreadMutex) took(out wait.Outcome) (*Previous, error) {
	if b.owned {
		return nil, b.mutex.att.deeper()
	}
	return b.mutex.takenBy(b.thread, out, nil)
}

func (b *ThreadMutex) signal() error { return b.mutex.UnlockBy(b.thread) }

// sameMutex says whether a thread gives up the mutex that it then waits for.
func sameMutex(signal Signaler, object Waitable) bool {
	s, gives := signal.(*ThreadMutex)
	o, waits := object.(*ThreadMutex)
	return gives && waits && s.mutex.att == o.mutex.att
}

// owned is the signal of a mutex that the thread owns which waits: it is there.
type owned struct{ att *attachment }

// Ready also says why the mutex cannot be had once more.
func (o owned) Ready() (bool, error) {
	if o.att.levels == maxLevels {
		return false, errMutantLimit
	}
	return true, nil
}

// Take leaves that to who is told that the wait took it.
func (o owned) Take() (bool, error) { return o.Ready() }

func (o owned) Watch(func()) (unwatch func()) { return func() {} }
func (o owned) Channel() reflect.Value        { return reflect.Value{} }
func (o owned) Received(reflect.Value, bool)  {}
func (o owned) Lasting() bool                 { return true }
