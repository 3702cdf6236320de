//go:build linux

package onlinux

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"atoll/internal/access"
	"atoll/internal/testkit"
	"atoll/internal/thread"
)

// pair is what the mutex guards. Both are equal, unless their owner has ended in between:
// then the next one is told.
type pair struct{ first, second, turns uint64 }

// hammer is a mutex, and what it guards, of several processes.
type hammer struct {
	mutex *Mutex
	pair  *pair
	fail  func(format string, args ...any)
	over  atomic.Bool
	close func()
}

func newHammer(t tester) *hammer {
	t.Helper()
	s, _, err := OpenSection("hammered pair", CreateOrOpen, SectionOptions{Size: 4096, Protection: access.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Map(0, access.Write, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &hammer{mutex: threadMutex(t, "hammered mutex", CreateOrOpen, nil), fail: t.Errorf}
	h.pair = (*pair)(unsafe.Pointer(unsafe.SliceData(v.Bytes())))
	h.close = func() { closed(t, h.mutex, v, s) }
	return h
}

// turn is what is done with the mutex. half: its owner ends in between.
func (h *hammer) turn(previous *Previous, half bool) {
	p := h.pair
	if p.first != p.second && previous == nil {
		h.fail("%d and %d, and nobody has ended", p.first, p.second)
	}
	p.turns++
	p.first++
	if !half {
		p.second = p.first
	}
}

// byThread hammers from one thread after the other: each ends as the owner.
func (h *hammer) byThread() {
	for !h.over.Load() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.oneThread()
		}()
		<-done
	}
}

func (h *hammer) oneThread() {
	w := newWorker(&fatal{&testkit.Self{}})
	defer w.end()
	for range rand.IntN(50) {
		w.do(func() { h.locked(w.Thread, 1+rand.IntN(3), false) })
	}
	w.do(func() { h.locked(w.Thread, 1+rand.IntN(3), true) })
}

// locked has the thread lock the mutex so often, and unlock it, or not.
func (h *hammer) locked(t *thread.Thread, levels int, ends bool) {
	previous, err := h.mutex.LockBy(context.Background(), t)
	for i := 1; i < levels && err == nil; i++ {
		_, err = h.mutex.LockBy(context.Background(), t)
	}
	if err != nil {
		h.fail("lock: %v", err)
		return
	}
	h.turn(previous, ends)
	for i := 0; i < levels && !ends; i++ {
		if err := h.mutex.UnlockBy(t); err != nil {
			h.fail("unlock: %v", err)
		}
	}
}

// byHandle hammers through one handle after the other, of which some are closed as the
// owner.
func (h *hammer) byHandle() {
	for !h.over.Load() {
		m, _, err := OpenMutex("hammered mutex", MustOpen, access.Request{}, false)
		if err != nil {
			h.fail("open: %v", err)
			return
		}
		ends := rand.IntN(4) == 0
		for left := rand.IntN(50); left >= 0; left-- {
			previous, err := m.Lock(context.Background(), false)
			if err != nil {
				h.fail("lock: %v", err)
				return
			}
			h.turn(previous, ends && left == 0)
			if !ends || left > 0 {
				if err := m.Unlock(); err != nil {
					h.fail("unlock: %v", err)
				}
			}
		}
		if err := m.Close(); err != nil {
			h.fail("close: %v", err)
		}
	}
}

// run hammers until stop is called, which waits for the end.
func (h *hammer) run() (stop func()) {
	var group sync.WaitGroup
	for range 2 {
		group.Go(h.byThread)
		group.Go(h.byHandle)
	}
	return func() {
		h.over.Store(true)
		group.Wait()
	}
}

var _ = testkit.Role("hammer", func(s *testkit.Self) {
	h := newHammer(&fatal{s})
	stop := h.run()
	s.Say("hammers")
	s.Hear()
	stop()
	h.close()
})

// Threads and handles of several processes own one mutex in turn. Threads end, handles
// are closed and processes are killed as its owner, at any moment.
func TestThreadsHammer(t *testing.T) {
	h := newHammer(t)
	stop := h.run()
	children := make([]*testkit.Child, 3)
	for i := range children {
		children[i] = testkit.Start(t, "hammer")
		children[i].Expect("hammers")
	}
	for range 12 {
		i := rand.IntN(len(children))
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		children[i].Kill()
		children[i] = testkit.Start(t, "hammer")
		children[i].Expect("hammers")
	}
	for _, c := range children {
		c.Tell("enough")
		c.End()
	}
	stop()
	t.Logf("%d turns", h.pair.turns)
	h.close()
	if len(retired.attachments) != 0 {
		t.Error("something lingers")
	}
}

var _ = testkit.Role("owner by thread", func(s *testkit.Self) {
	t := &fatal{s}
	w := newWorker(t)
	m := threadMutex(t, s.Args[0], CreateOrOpen, nil)
	w.lock(m, s.Args[1] == "abandoned")
	w.lock(m, false)
	if s.Args[2] == "closed" {
		closed(t, m)
	}
	s.Say("owner")
	if line, _ := s.Hear(); line == "end the thread" {
		w.end()
		s.Say("ended")
		s.Hear()
	}
})

// The owner is in another process: its thread ends, or all of it, with handles and
// without.
func TestThreadOwnsInAnotherProcess(t *testing.T) {
	a := newWorker(t)
	defer a.end()
	for i, c := range []struct{ handles, how string }{
		{"open", "killed"}, {"closed", "killed"}, {"open", "thread"}, {"closed", "thread"},
	} {
		name := fmt.Sprintf("owned elsewhere %d", i)
		m := threadMutex(t, name, CreateOrOpen, nil)
		child := testkit.Start(t, "owner by thread", name, "free", c.handles)
		child.Expect("owner")
		a.refused(m)
		waits := a.begin(func() {
			if previous, err := m.LockBy(t.Context(), a.Thread); previous == nil || err != nil {
				t.Errorf("%v: %v, %v; want it abandoned", c, previous, err)
			} else if previous.PID != child.PID() {
				t.Errorf("%v: it was process %d, and not %d", c, previous.PID, child.PID())
			}
		})
		testkit.Blocked(t, waits, "the wait for a mutex that another process owns")
		if c.how == "killed" {
			child.Kill()
		} else {
			child.Tell("end the thread")
			child.Expect("ended")
		}
		testkit.Soon(t, waits, "the wait for a mutex whose owner has ended")
		a.unlock(m, nil)
		a.lock(m, false)
		a.unlock(m, nil)
		child.Kill()
		closed(t, m)
	}
}
