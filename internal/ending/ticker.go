//go:build linux

package ending

import (
	"sync"
	"sync/atomic"
	"time"
)

// Tick is how often those are asked about whose end the kernel does not tell.
const Tick = 100 * time.Millisecond

// WithoutThreads makes, in tests, the kernel one that does not tell of the ends of
// threads.
var WithoutThreads atomic.Bool

// ticker asks about those, as long as somebody watches one.
var ticker = asker{asked: make(map[*Process]struct{})}

type asker struct {
	sync.Mutex
	asked map[*Process]struct{}
	runs  bool
}

func (a *asker) add(p *Process) {
	a.Lock()
	defer a.Unlock()
	a.asked[p] = struct{}{}
	if !a.runs {
		a.runs = true
		go a.run()
	}
}

func (a *asker) remove(p *Process) {
	a.Lock()
	defer a.Unlock()
	delete(a.asked, p)
}

func (a *asker) run() {
	tick := time.NewTicker(Tick)
	defer tick.Stop()
	for range tick.C {
		if !a.ask() {
			return
		}
	}
}

// ask tells of those that have ended; false: nobody watches any more.
func (a *asker) ask() bool {
	a.Lock()
	var ended []*Process
	for p := range a.asked {
		if p.Ended() {
			ended = append(ended, p)
			delete(a.asked, p)
		}
	}
	runs := len(a.asked) > 0
	a.runs = runs
	a.Unlock()
	for _, p := range ended {
		p.tell()
	}
	return runs
}
