//go:build linux

package kernel32

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/errs"
	"atoll/internal/onlinux"
	threads "atoll/internal/thread"
	"atoll/internal/wait"
)

// someThread is a thread of any process, as handles lead to it.
type someThread struct {
	wait.External
	id    int
	own   *threads.Thread // of this process
	other *ending.Process // of another one
	uses  atomic.Int32    // handles
}

func (t *someThread) retire() {}

func (t *someThread) close() {
	if t.uses.Add(-1) == 0 && t.other != nil {
		t.other.Close()
	}
}

func (t *someThread) same(other object) bool {
	o, ok := other.(*someThread)
	switch {
	case !ok || o.id != t.id:
		return false
	case t.own != nil || o.own != nil:
		return t.own == o.own
	}
	here, err := t.Ready()
	there, errThere := o.Ready()
	return errors.Join(err, errThere) == nil && here == there // only one has the number
}

func (t *someThread) duplicate(asked access.Request, granted access.Mask) (object, access.Mask, error) {
	rights, err := asked.Regrant(access.Subject{Kind: access.Thread, Writable: true}, granted)
	if err == nil && rights&^(granted|t.permitted()) != 0 {
		err = errs.New(fs.ErrPermission, "thread %d belongs to another user", t.id)
	}
	if err != nil {
		return nil, 0, err
	}
	t.uses.Add(1)
	return t, rights, nil
}

func (t *someThread) waitable() onlinux.Waitable { return onlinux.ChannelWait{External: t.External} }

const (
	allOfThread    access.Mask = 0x1FFFFF
	setContext     access.Mask = 0x10
	queryThread    access.Mask = 0x40
	queryThreadBit access.Mask = 0x800 // comes with queryThread
)

// permitted are the rights that this process can have to the thread: all, if it may
// send it signals; that it exists is no secret.
func (t *someThread) permitted() access.Mask {
	if t.own == nil && errors.Is(unix.Kill(t.id, 0), unix.EPERM) {
		return queryThreadBit | access.Wait
	}
	return allOfThread
}

func (t *someThread) grant(asked access.Mask) (access.Mask, error) {
	request := access.Request{Access: asked}
	if err := request.Valid(access.Thread); err != nil {
		return 0, err
	}
	permitted := t.permitted()
	asked = asked.Specific(access.Thread)
	if asked&access.MaximumAllowed != 0 {
		asked = asked&^access.MaximumAllowed | permitted
	}
	if asked&queryThread != 0 {
		asked |= queryThreadBit
	}
	if asked == 0 || asked&^permitted != 0 {
		return 0, errs.New(fs.ErrPermission, "thread %d belongs to another user, or no right was asked for", t.id)
	}
	return asked, nil
}

func threadWith(id int) (*someThread, error) {
	own, err := threads.Of(id)
	if err == nil {
		return handled(&someThread{External: own, id: id, own: own}), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	other, err := ending.OpenThread(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.Because(err, errs.InvalidParameter, nil, "no such thread")
	}
	if err != nil {
		return nil, err
	}
	return handled(&someThread{External: other, id: id, other: other}), nil
}

// handled counts the first handle.
func handled(t *someThread) *someThread {
	t.uses.Store(1)
	return t
}

func init() {
	pseudo[CurrentThread] = func() (*entry, error) {
		t, err := threadWith(unix.Gettid())
		if err != nil {
			return nil, err
		}
		return newEntry(t, access.Thread, allOfThread, 0), nil
	}
}

// OpenThread opens a thread.
func OpenThread(asked access.Mask, inherit bool, id uint32) (Handle, error) {
	if id == 0 || id > 1<<31-1 {
		return 0, errs.Numbered(errs.InvalidParameter, nil, "no thread has the number %d", id)
	}
	t, err := threadWith(int(id))
	if err != nil {
		return 0, err
	}
	granted, err := t.grant(asked)
	if err != nil {
		t.close()
		return 0, err
	}
	return insert(t, access.Thread, granted, inheriting(inherit))
}

// GetCurrentThreadID is the number of the calling thread.
func GetCurrentThreadID() uint32 { return uint32(unix.Gettid()) }

// functions are what stands for Go functions in calls: numbers, as no address of one
// may be kept in them. They stay, as callbacks on Windows do.
type functions[F any] struct {
	sync.RWMutex
	all []F
}

func (t *functions[F]) add(f F) uintptr {
	t.Lock()
	defer t.Unlock()
	t.all = append(t.all, f)
	return uintptr(len(t.all))
}

func (t *functions[F]) find(n uintptr) (f F, err error) {
	t.RLock()
	defer t.RUnlock()
	if n == 0 || n > uintptr(len(t.all)) {
		return f, errs.Numbered(errs.InvalidParameter, nil, "no function was made with the number %#x", n)
	}
	return t.all[n-1], nil
}

var apcs functions[func(data uintptr)]

// NewAPC makes a number of a function, for QueueUserAPC.
func NewAPC(f func(data uintptr)) uintptr { return apcs.add(f) }

// QueueUserAPC has a thread call a function in its next alertable wait.
func QueueUserAPC(apc uintptr, h Handle, data uintptr) error {
	f, err := apcs.find(apc)
	if err != nil {
		return err
	}
	e, err := look(h)
	if err != nil {
		return err
	}
	defer e.leave()
	own, err := e.ownThread(setContext)
	if err != nil {
		return err
	}
	if !own.NewAPC(func() bool { f(data); return true }).Queue() {
		return errs.Numbered(errs.GenFailure, nil, "the thread %d has ended", own.ID())
	}
	return nil
}

// ownThread is the thread of this process that a handle with the rights leads to.
func (e *entry) ownThread(needed access.Mask) (*threads.Thread, error) {
	switch o := e.object.(type) {
	case *someThread:
		if err := e.may(needed); err != nil {
			return nil, err
		}
		if o.own != nil {
			return o.own, nil
		}
	case thread:
		if err := e.may(needed); err != nil {
			return nil, err
		}
		if o.PID() == os.Getpid() {
			return threads.Of(o.PID())
		}
	default:
		return nil, errs.Numbered(errs.InvalidHandle, nil, "the handle is of another type: %s", e.kind)
	}
	return nil, errs.New(errors.ErrUnsupported, "the thread is another process's, which would have to run a function of this one")
}
