//go:build linux

package wait

import (
	"sync"
	"sync/atomic"
	"time"

	"atoll/internal/liveness"
)

// tick is how often this process asks whether those are alive who are in the way
// of its waiters. Bells make it unnecessary but for the cases that
// docs/ARCHITECTURE.md names.
var tick atomic.Int64

func init() {
	tick.Store(int64(time.Second))
	patience.Store(int64(10 * time.Second))
}

// SetTick changes the tick of this process, for tests.
func SetTick(d time.Duration) {
	tick.Store(int64(d))
	select {
	case ticker.changed <- struct{}{}:
	default:
	}
}

// ticker asks for all waiters of the process. It runs only while there are any.
var ticker = struct {
	sync.Mutex
	waiters map[*Waiter]struct{}
	running bool
	changed chan struct{}
}{waiters: make(map[*Waiter]struct{}), changed: make(chan struct{}, 1)}

// list has the ticker ask for the waiter.
func (w *Waiter) list() {
	if w.listed {
		return
	}
	w.listed = true
	ticker.Lock()
	defer ticker.Unlock()
	ticker.waiters[w] = struct{}{}
	if !ticker.running {
		ticker.running = true
		go runTicker()
	}
}

func (w *Waiter) unlist() {
	if !w.listed {
		return
	}
	ticker.Lock()
	defer ticker.Unlock()
	delete(ticker.waiters, w)
}

func runTicker() {
	for {
		pause := time.NewTimer(time.Duration(tick.Load()))
		select {
		case <-pause.C:
		case <-ticker.changed:
			pause.Stop()
			continue
		}
		watched := listed()
		if watched == nil {
			return
		}
		askForAll(watched)
	}
}

// watched is an object for which somebody waits.
type watched struct {
	waiter *Waiter
	slot   *Slot
}

// listed is who waits now, for what; nil ends the ticker.
func listed() []watched {
	ticker.Lock()
	defer ticker.Unlock()
	if len(ticker.waiters) == 0 {
		ticker.running = false
		return nil
	}
	all := make([]watched, 0, len(ticker.waiters))
	for w := range ticker.waiters {
		for _, e := range w.entries {
			all = append(all, watched{w, e.slot})
		}
	}
	return all
}

// askForAll pokes the waiters in whose way somebody is who is not alive, or not to
// be found. It asks about each member once, and makes sure that this process can be
// found by others: where that cannot be done now (somebody removed the whole
// folder, or no descriptor is left), the next tick tries again.
func askForAll(all []watched) {
	reappeared := make(map[*liveness.Folder]bool)
	known := make(map[bellKey]liveness.Status)
	for _, at := range all {
		s := at.slot
		if !reappeared[s.members] {
			reappeared[s.members] = true
			_ = s.members.Reappear()
		}
		number, err := s.whoIsInTheWay()
		if err != nil {
			at.waiter.poke()
			continue
		}
		if number == 0 || number == s.me {
			continue
		}
		key := bellKey{s.members, number}
		status, asked := known[key]
		if !asked {
			status = s.members.Status(number)
			known[key] = status
		}
		if status != liveness.Alive {
			at.waiter.poke()
		}
	}
}
