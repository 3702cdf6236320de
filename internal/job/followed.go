//go:build linux

package job

import (
	"sync"
	"time"
)

// followPause is how late who waits may see that the job's time is over.
const followPause = 100 * time.Millisecond

// Followed counts the waits for a job through one handle; while there are any, the
// job is looked at again and again.
type Followed struct {
	mu    sync.Mutex
	waits int
	stop  chan struct{} // ends who looks
}

// Begin begins a wait. What look says is seen by who waits, in the wait itself.
func (f *Followed) Begin(look func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waits++; f.waits > 1 {
		return
	}
	stop := make(chan struct{})
	f.stop = stop
	go func() {
		for ticker := time.NewTicker(followPause); ; {
			select {
			case <-stop:
				ticker.Stop()
				return
			case <-ticker.C:
				_ = look()
			}
		}
	}()
}

// End ends a wait.
func (f *Followed) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waits--; f.waits == 0 {
		close(f.stop)
	}
}
