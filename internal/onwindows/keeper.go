//go:build windows

package onwindows

import (
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/windows"

	"atoll/internal/errs"
)

// On Windows a thread owns a mutex, in package atoll a handle does. So each wait is done
// by a keeper: a goroutine with a thread of its own, which owns what it took until the
// handle gives it up. A keeper that owns something never waits, so that Windows' rule
// by which an owner gets a mutex again never applies. To abandon a mutex its keeper's
// thread ends, as that of a process that dies.
type keeper struct {
	thread windows.Handle
	tasks  chan func()
	owns   atomic.Int32 // mutexes, and one for a call that uses it
	doomed atomic.Bool  // one of them was abandoned
}

// The most keepers that may be idle, and that there may be: Go ends a program that has
// more than 10,000 threads.
const (
	maxIdle    = 16
	maxKeepers = 8000
)

var keepers struct {
	sync.Mutex
	idle  []*keeper
	count int
}

// mainThread is the one that Go never ends, and so is no keeper's. Packages are
// initialised on it.
var mainThread = windows.GetCurrentThreadId()

// interruptor is a function without effect: what is queued to a keeper's thread so that
// it looks up from its wait.
var interruptor = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetCurrentThreadId")

// borrow gives a keeper that owns nothing. Whoever got it must disown it.
func borrow() (*keeper, error) {
	keepers.Lock()
	defer keepers.Unlock()
	if n := len(keepers.idle); n > 0 {
		k := keepers.idle[n-1]
		keepers.idle = keepers.idle[:n-1]
		k.owns.Store(1)
		return k, nil
	}
	if keepers.count >= maxKeepers {
		return nil, errs.Numbered(errs.NotEnoughMemory, nil, "%d goroutines of this process wait or own mutexes, each with a thread of its own on Windows", maxKeepers)
	}
	k := &keeper{tasks: make(chan func())}
	ready := make(chan error)
	go k.run(ready)
	if err := <-ready; err != nil {
		return nil, failed("DuplicateHandle of a thread", err)
	}
	keepers.count++
	k.owns.Store(1)
	return k, nil
}

// run is the keeper's goroutine. It ends with its thread.
func (k *keeper) run(ready chan<- error) {
	runtime.LockOSThread()
	if windows.GetCurrentThreadId() == mainThread {
		// While this one keeps the main thread, the other gets another.
		other := make(chan error)
		go k.run(other)
		err := <-other
		runtime.UnlockOSThread()
		ready <- err
		return
	}
	self := windows.CurrentProcess()
	err := windows.DuplicateHandle(self, windows.CurrentThread(), self, &k.thread, 0, false, windows.DUPLICATE_SAME_ACCESS)
	ready <- err
	if err != nil {
		return
	}
	for task := range k.tasks {
		task()
	}
}

// do has the keeper's thread do something that takes no time.
func (k *keeper) do(task func()) {
	done := make(chan struct{})
	k.tasks <- func() { task(); close(done) }
	<-done
}

// interrupt makes the keeper look up from its wait.
func (k *keeper) interrupt() { _ = queueUserAPC(interruptor.Addr(), k.thread, 0) }

// disown is called when the keeper owns one mutex less, or the call that uses it ends.
func (k *keeper) disown() {
	if k.owns.Add(-1) > 0 {
		return
	}
	keepers.Lock()
	keep := !k.doomed.Load() && len(keepers.idle) < maxIdle
	if keep {
		keepers.idle = append(keepers.idle, k)
	}
	keepers.Unlock()
	if !keep {
		k.end()
	}
}

// end ends the thread, and returns when it has ended: what it owned is abandoned then.
func (k *keeper) end() {
	close(k.tasks)
	_, _ = windows.WaitForSingleObject(k.thread, windows.INFINITE)
	_ = windows.CloseHandle(k.thread)
	keepers.Lock()
	keepers.count--
	keepers.Unlock()
}
