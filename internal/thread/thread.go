//go:build linux

package thread

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/ending"
	"atoll/internal/errs"
)

// Thread is a thread of this process. As long as it lives there is one of it, and
// no other thread is ever given the same one.
type Thread struct {
	id  int
	key uint64
	end *ending.Process

	m     unsafe.Pointer // Go's, see quick.go
	asked bool           // whether it can have one; under mu

	done chan struct{} // closed when what it owned has been abandoned

	mu      sync.Mutex
	over    bool // it has ended
	owned   []Owned
	waits   []*func() // what is to be called at its end
	unwatch func()    // it is watched, until that is called
	queue   []*APC
	alert   func() // the alertable wait that it is in
}

// Owned is what a thread can own, and leave behind.
type Owned interface {
	// Abandon is called, by any goroutine, when the thread has ended.
	Abandon(by *Thread)
}

// ID is the number that the kernel gave it, and gives to another one day.
func (t *Thread) ID() int { return t.id }

// Key is a number that no other thread of this process ever has. It fits in 62 bits.
func (t *Thread) Key() uint64 { return t.key }

var keys atomic.Uint64

// Own has o abandoned when the thread ends, which calls it for itself. A goroutine that
// is not locked to its thread may have left it, which may have ended: then at once.
func (t *Thread) Own(o Owned) {
	if !t.owns(o) {
		go o.Abandon(t) // the caller may have locks
	}
}

func (t *Thread) owns(o Owned) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	t.owned = append(t.owned, o)
	t.watch()
	return true
}

// Disown ends one Own of o, by whatever goroutine; false: there is none, because the
// thread has ended.
func (t *Thread) Disown(o Owned) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := len(t.owned) - 1
	for i >= 0 && t.owned[i] != o {
		i-- // it is the last one, usually
	}
	if i < 0 {
		return false
	}
	t.owned = slices.Delete(t.owned, i, i+1)
	t.rest()
	return true
}

// rest ends the watch where it costs something, and nobody needs it.
func (t *Thread) rest() {
	if len(t.owned)+len(t.waits) == 0 && t.unwatch != nil && t.end.Ticks() {
		t.unwatch()
		t.unwatch = nil
	}
}

// watch has the end noticed.
func (t *Thread) watch() {
	if t.unwatch == nil {
		t.unwatch = t.end.Watch(func() { go t.finish() })
	}
}

// Alive says whether the thread lives. If not, what it owned has been abandoned when
// Alive returns, so the caller may hold no lock that this takes.
func (t *Thread) Alive() bool {
	if !t.hasEnded() {
		return true
	}
	t.finish()
	<-t.done
	return false
}

// hasEnded asks the kernel. The lock keeps the descriptor open.
func (t *Thread) hasEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over || t.end.Ended()
}

// finish is what the end of the thread brings about, once.
func (t *Thread) finish() {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	t.over = true
	owned, unwatch := t.owned, t.unwatch
	t.owned, t.unwatch = nil, nil
	waits := t.waits
	t.drop()
	t.forget()
	t.mu.Unlock()
	table.forget(t)
	if unwatch != nil {
		unwatch()
	}
	t.end.Close()
	for _, o := range owned {
		o.Abandon(t)
	}
	close(t.done)
	for _, poke := range waits {
		(*poke)()
	}
}

// Self is the calling thread.
//
// # Errors
//
// The process has no descriptor left for it.
func Self() (*Thread, error) {
	if t := remembered(); t != nil {
		return t, nil
	}
	return ask()
}

// ask asks the kernel.
func ask() (*Thread, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id := unix.Gettid()
	t := table.living(id)
	if t == nil {
		var err error
		if t, err = table.enter(id); err != nil {
			return nil, err
		}
	}
	t.remember()
	return t, nil
}

// Of is the thread of this process that has the number now.
//
// # Errors
//
// fs.ErrNotExist: there is none. And as Self.
func Of(id int) (*Thread, error) {
	if t := table.living(id); t != nil {
		return t, nil
	}
	// Asked before the thread is opened, and after: so it was of this process between.
	if !here(id) {
		return nil, errs.New(fs.ErrNotExist, "no thread of this process has the number %d", id)
	}
	t, err := table.enter(id)
	if err != nil {
		return nil, err
	}
	if !here(id) || t.hasEnded() {
		return nil, errs.New(fs.ErrNotExist, "the thread %d has ended", id)
	}
	return t, nil
}

// here says whether a thread of this process has the number.
func here(id int) bool {
	return id > 0 && !errors.Is(unix.Tgkill(os.Getpid(), id, 0), unix.ESRCH)
}
