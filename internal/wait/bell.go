//go:build linux

package wait

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/liveness"
	"atoll/internal/park"
)

// bell watches a member's bell for all goroutines of this process that are parked
// behind that member.
type bell struct {
	key       bellKey
	peer      *liveness.Peer
	arm       park.Arm
	listeners map[*entry]struct{}
	watched   bool // the member's bell can ring, so the arm is there
	waking    bool // it has rung, and somebody waits for the lock to go
}

type bellKey struct {
	members *liveness.Folder
	number  uint32
}

var bells = struct {
	sync.Mutex
	all map[bellKey]*bell
}{all: make(map[bellKey]*bell)}

// idleBells is how many bells stay watched though nobody listens: whoever owned a
// mutex once will soon again.
const idleBells = 64

// listen has the entry's waiter poked when the member dies, and says what is known
// of it.
func (e *entry) listen(number uint32) liveness.Status {
	key := bellKey{e.slot.members, number}
	if e.bell != nil && e.bell.key != key {
		e.deafen()
	}
	bells.Lock()
	b := e.bell
	if b == nil {
		b = bells.all[key]
	}
	if b == nil {
		peer, status := e.slot.watch(number)
		if peer == nil {
			bells.Unlock()
			return status
		}
		b = &bell{key: key, peer: peer, listeners: make(map[*entry]struct{})}
		if word, _ := peer.Bell(); word != nil {
			b.arm.Init(word, b.fired)
			b.watched = true
		}
		bells.all[key] = b
	}
	if !e.slot.trusts(b.peer) {
		bells.Unlock()
		return liveness.Unknown
	}
	b.listeners[e] = struct{}{}
	e.bell = b
	word, silent := b.peer.Bell()
	if word != nil && b.watched {
		b.arm.Set(silent)
		bells.Unlock()
		return liveness.Alive
	}
	status := b.peer.Status()
	if status == liveness.Alive {
		b.rung() // its lock goes soon
	}
	bells.Unlock()
	if status == liveness.Unknown {
		// The file that we watch may have been removed, and published again.
		status = e.slot.status(number)
	}
	return status
}

// deafen ends listen.
func (e *entry) deafen() {
	b := e.bell
	if b == nil {
		return
	}
	e.bell = nil
	bells.Lock()
	delete(b.listeners, e)
	unused := (len(bells.all) > idleBells || b.peer.Rung()) && b.unused()
	bells.Unlock()
	if unused {
		b.end()
	}
}

// unused says whether nobody needs the bell, and forgets it then: the caller, who
// holds the lock, must call end when he has let it go.
func (b *bell) unused() bool {
	if len(b.listeners) > 0 || b.waking || bells.all[b.key] != b {
		return false
	}
	delete(bells.all, b.key)
	return true
}

func (b *bell) end() {
	b.arm.Clear()
	passOn(b.peer) // it may have rung for us just then
	b.peer.Release()
}

// Forget ends the watching of bells to which nobody listens, of a folder that this
// process has left.
func Forget(members *liveness.Folder) {
	bells.Lock()
	var idle []*bell
	for key, b := range bells.all {
		if key.members == members && b.unused() {
			idle = append(idle, b)
		}
	}
	bells.Unlock()
	for _, b := range idle {
		b.end()
	}
}

// fired is called when the bell has rung, or for nothing.
func (b *bell) fired() {
	bells.Lock()
	defer bells.Unlock()
	if bells.all[b.key] != b {
		return // being cleared
	}
	if b.peer.Rung() {
		passOn(b.peer) // first of all: the kernel has woken one
		b.rung()
		return
	}
	if word, silent := b.peer.Bell(); word != nil {
		b.arm.Set(silent)
	}
}

// rung has somebody wait until the dying member can no longer write, and poke the
// listeners then. The caller holds the lock.
func (b *bell) rung() {
	if b.waking || !b.peer.Rung() {
		return
	}
	b.waking = true
	go func() {
		// A bell may have been rung by somebody who lied. Then the tick goes on.
		until := time.Now().Add(time.Duration(tick.Load()))
		awaitLock(b.peer, func() bool { return time.Now().Before(until) })
		bells.Lock()
		b.waking = false
		for e := range b.listeners {
			e.waiter.poke()
		}
		unused := b.unused()
		bells.Unlock()
		if unused {
			b.end()
		}
	}()
}

// awaitLock returns when the dying member can no longer write, or wanted says no. The
// kernel tells of a death, but not of the lock that falls after it, some hundred
// microseconds later.
func awaitLock(peer *liveness.Peer, wanted func() bool) {
	for pause := 20 * time.Microsecond; wanted() && peer.Status() == liveness.Alive; pause = min(pause+pause/8, time.Millisecond) {
		doze(pause)
	}
}

// doze sleeps for a time that is too short for Go's timers: a process of which nothing
// runs sleeps for them in epoll, which counts milliseconds. A signal ends it.
func doze(pause time.Duration) {
	if pause >= time.Millisecond {
		time.Sleep(pause) //nolint:forbidigo // who waits for a lock so long was told wrong
		return
	}
	t := unix.NsecToTimespec(pause.Nanoseconds())
	_ = unix.Nanosleep(&t, nil)
}

// watch opens a member to be watched; without it, what is known of the member.
func (s *Slot) watch(number uint32) (*liveness.Peer, liveness.Status) {
	peer, err := s.members.Watch(number)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errs.ErrCorrupt), errors.Is(err, fs.ErrPermission):
		return nil, liveness.Unknown
	case err != nil:
		return nil, liveness.Alive // no descriptor is left, say: the next tick asks again
	case !s.trusts(peer):
		peer.Release()
		return nil, liveness.Unknown
	}
	return peer, liveness.Alive
}

// trusts says whether the member can be in the object: where only this user may
// write, others cannot. Who removed a living member's file (or it was systemd) left
// its number to whoever makes a file of that name.
func (s *Slot) trusts(peer *liveness.Peer) bool { return !s.private || peer.Private() }
