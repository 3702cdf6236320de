//go:build linux

package thread

import (
	"sync"

	"atoll/internal/ending"
)

// table has the threads that have been asked for, by number.
var table = &threads{byID: make(map[int]*Thread)}

// threads has those that have ended, too, until that is noticed. Where the kernel does
// not tell, only those are watched that own something; the others are swept when there
// are many.
type threads struct {
	sync.RWMutex
	byID map[int]*Thread
	next int // how many there must be for the next sweep
}

// fewThreads are not worth a sweep.
const fewThreads = 64

// living is the thread that has the number now, if it is in the table. One that had
// it before is still in the table, perhaps; so the kernel is asked. The lock keeps
// the descriptor open.
func (l *threads) living(id int) *Thread {
	l.RLock()
	defer l.RUnlock()
	if t := l.byID[id]; t != nil && !t.end.Ended() {
		return t
	}
	return nil
}

// enter puts a thread into the table that is not in it.
func (l *threads) enter(id int) (*Thread, error) {
	end, err := ending.OpenThread(id)
	if err != nil {
		return nil, err
	}
	t := &Thread{id: id, key: keys.Add(1), end: end, done: make(chan struct{})}
	if end.Ticks() {
		l.sweep()
	}
	for {
		before := l.put(t)
		switch {
		case before == nil:
			t.begin()
			return t, nil
		case !before.hasEnded():
			end.Close() // another goroutine has entered the thread meanwhile
			return before, nil
		}
		l.forget(before)
		go before.finish()
	}
}

// begin has the end noticed from the beginning, where that costs nothing later.
func (t *Thread) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.end.Ticks() {
		t.watch()
	}
}

// put returns what is in the thread's place, if there is something.
func (l *threads) put(t *Thread) (before *Thread) {
	l.Lock()
	defer l.Unlock()
	if before = l.byID[t.id]; before == nil {
		l.byID[t.id] = t
	}
	return before
}

func (l *threads) forget(t *Thread) {
	l.Lock()
	defer l.Unlock()
	if l.byID[t.id] == t {
		delete(l.byID, t.id)
	}
}

// sweep removes those that have ended, once they can be as many as the living.
func (l *threads) sweep() {
	l.Lock()
	var all []*Thread
	if len(l.byID) >= max(l.next, fewThreads) {
		for _, t := range l.byID {
			all = append(all, t)
		}
	}
	l.Unlock()
	if all == nil {
		return
	}
	living := 0
	for _, t := range all {
		if t.hasEnded() {
			go t.finish()
		} else {
			living++
		}
	}
	l.Lock()
	defer l.Unlock()
	l.next = 2 * living
}
