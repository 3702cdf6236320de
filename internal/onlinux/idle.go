//go:build linux

package onlinux

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A state page stays mapped until the garbage collector finds that nothing refers
// to it. It does not see what such a page costs: a page of shared memory and one
// of the mappings that a process may have. So the pages that no handle uses any
// more are counted, and it is called when they are many, or when memory is gone.
var idle struct {
	pages      atomic.Int64
	since      atomic.Int64 // how many became idle since the last collection
	collecting sync.Mutex
}

// manyIdle is how many idle pages are worth a garbage collection: 4 MB, and a
// sixtieth of the mappings that Linux allows by default.
const manyIdle = 1000

// enter and leave count the handles that use an attachment.
func (a *attachment) enter() {
	a.counting.Lock()
	defer a.counting.Unlock()
	if a.handles++; a.handles == 1 {
		a.page.use(1)
	}
}

func (a *attachment) leave() {
	a.counting.Lock()
	defer a.counting.Unlock()
	if a.handles--; a.handles > 0 {
		return
	}
	// What the kernel waits on must stay mapped, so it does not wait any more.
	a.Retire()
	a.page.use(-1)
	// Those that the program still refers to cannot be collected: they must not
	// make every Close try.
	if idle.since.Add(1) >= manyIdle && idle.pages.Load() >= manyIdle {
		collectIdle()
	}
}

// collectIdle has idle pages unmapped, soon after it returns.
func collectIdle() {
	if idle.collecting.TryLock() {
		defer idle.collecting.Unlock()
		idle.since.Store(0)
		runtime.GC()
	}
}

// reclaimed says, after a failure for want of memory or mappings, whether idle
// pages were given back, so that another try makes sense.
func reclaimed(err error) bool {
	before := idle.pages.Load()
	if before == 0 || !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.ENOMEM) {
		return false
	}
	collectIdle()
	for range 10 {
		if idle.pages.Load() < before {
			return true
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the collector's goroutine unmaps them; nothing tells when
	}
	return false
}
