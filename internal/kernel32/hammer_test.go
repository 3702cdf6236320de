//go:build linux

package kernel32

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/access"
	"atoll/internal/testkit"
)

// hammered are the objects that threads fight for.
type hammered struct {
	t         *testing.T
	mutex     Handle
	semaphore Handle
	inside    atomic.Int32 // who owns the mutex
	permits   atomic.Int32 // who has a permit of the semaphore
	queued    atomic.Int32
	ran       atomic.Int32
	apc       uintptr
}

const permits = 2

func newHammered(t *testing.T) *hammered {
	t.Helper()
	h := &hammered{t: t}
	h.apc = NewAPC(func(uintptr) { h.ran.Add(1) })
	var err error
	h.mutex, err = CreateMutex(nil, "", false, access.GenericAll)
	number(t, 0, err)
	h.semaphore, err = CreateSemaphore(nil, "", permits, permits, access.GenericAll)
	number(t, 0, err)
	return h
}

// own does what only one thread does at a time, some levels deep.
func (h *hammered) own() {
	if n := h.inside.Add(1); n != 1 {
		h.t.Errorf("%d threads own the mutex", n)
	}
	came(h.t, 0)(WaitForSingleObject(h.mutex, 0, true))
	number(h.t, 0, ReleaseMutex(h.mutex))
	h.inside.Add(-1)
}

func (h *hammered) use() {
	if n := h.permits.Add(1); n > permits {
		h.t.Errorf("%d threads have a permit", n)
	}
	h.permits.Add(-1)
}

// step waits in one way or another.
func (h *hammered) step() {
	both := []Handle{h.mutex, h.semaphore}
	var result uint32
	var err error
	all, limit := false, hangs
	switch rand.IntN(4) {
	case 0:
		result, err = WaitForSingleObject(h.mutex, limit, true)
	case 1:
		result, err = WaitForMultipleObjects(both, false, limit, true)
	case 2:
		all = true
		result, err = WaitForMultipleObjects(both, true, limit, true)
	default:
		limit = 1
		result, err = WaitForMultipleObjects(both, false, limit, false)
	}
	switch {
	case err != nil || result == WaitTimeout && limit == hangs:
		h.t.Errorf("the wait gave %#x, %v", result, err)
	case result == 0:
		h.own()
		if all {
			h.use()
			h.releaseSemaphore()
		}
		number(h.t, 0, ReleaseMutex(h.mutex))
	case result == 1:
		h.use()
		h.releaseSemaphore()
	}
}

func (h *hammered) releaseSemaphore() {
	_, err := ReleaseSemaphore(h.semaphore, 1)
	number(h.t, 0, err)
}

// Threads wait for the same objects in all ways, and queue APCs to each other: nobody
// owns what another does, no APC is lost, and nothing hangs.
func TestHammer(t *testing.T) {
	const abreast, steps = 6, 1000
	h := newHammered(t)
	var handles [abreast]Handle
	var begun, done sync.WaitGroup
	begun.Add(abreast)
	done.Add(abreast)
	var ends []<-chan struct{}
	for i := range abreast {
		ends = append(ends, onThread(func() {
			var err error
			handles[i], err = OpenThread(access.GenericAll, false, GetCurrentThreadID())
			number(t, 0, err)
			begun.Done()
			begun.Wait()
			for range steps {
				h.step()
				number(t, 0, QueueUserAPC(h.apc, handles[rand.IntN(abreast)], 0))
				h.queued.Add(1)
			}
			done.Done()
			done.Wait()
			Sleep(0, true)
		}))
	}
	for _, end := range ends {
		testkit.Soon(t, end, "a hammering thread")
	}
	if q, r := h.queued.Load(), h.ran.Load(); q != r || q != abreast*steps {
		t.Errorf("%d APCs were queued, %d ran", q, r)
	}
	for _, handle := range append(handles[:], h.mutex, h.semaphore) {
		number(t, 0, CloseHandle(handle))
	}
}

// APCs are queued to threads that end: each is refused, dropped or run, once.
func TestAPCsToThreadsThatEnd(t *testing.T) {
	var ran atomic.Int32
	apc := NewAPC(func(uintptr) { ran.Add(1) })
	for range 100 {
		ready := make(chan Handle)
		end := onThread(func() {
			h, err := OpenThread(access.GenericAll, false, GetCurrentThreadID())
			number(t, 0, err)
			ready <- h
			Sleep(0, true)
		})
		h := <-ready
		queued := int32(0)
		for QueueUserAPC(apc, h, 0) == nil {
			queued++
		}
		testkit.Soon(t, end, "the thread")
		came(t, 0)(WaitForSingleObject(h, hangs, false))
		if n := ran.Swap(0); n > queued {
			t.Errorf("%d were queued, %d ran", queued, n)
		}
		number(t, 0, CloseHandle(h))
	}
}

// Processes are killed while they fight for a mutex with the threads of this one, which
// are told, and never left asleep.
func TestHammerAndKill(t *testing.T) {
	name := "hammer " + t.Name()
	m, err := CreateMutex(nil, name, false, access.GenericAll)
	number(t, 0, err)
	e, err := CreateEvent(nil, name+" event", false, true, access.GenericAll)
	number(t, 0, err)
	var stop atomic.Bool
	var inside, abandoned atomic.Int32
	var ends []<-chan struct{}
	for range 3 {
		ends = append(ends, onThread(func() {
			for !stop.Load() {
				result, err := WaitForMultipleObjects([]Handle{m, e}, rand.IntN(2) == 0, hangs, true)
				switch {
				case err != nil || result == WaitTimeout:
					t.Errorf("the wait gave %#x, %v", result, err)
					return
				case result == WaitAbandoned:
					abandoned.Add(1)
				case result == 1:
					number(t, 0, SetEvent(e))
					continue
				}
				if inside.Add(1) != 1 {
					t.Error("two threads own the mutex")
				}
				number(t, 0, SetEvent(e))
				inside.Add(-1)
				number(t, 0, ReleaseMutex(m))
			}
		}))
	}
	for range 15 {
		child := testkit.Start(t, "hammerer", name)
		child.Expect("begun")
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		child.Kill()
		number(t, 0, SetEvent(e)) // it may have taken that
	}
	stop.Store(true)
	for _, end := range ends {
		testkit.Soon(t, end, "a thread")
	}
	t.Logf("abandoned %d times", abandoned.Load())
	number(t, 0, CloseHandle(m))
	number(t, 0, CloseHandle(e))
}

var _ = testkit.Role("hammerer", func(s *testkit.Self) {
	m, err := OpenMutex(access.GenericAll, false, s.Args[0])
	s.Must(err)
	e, err := OpenEvent(access.GenericAll, false, s.Args[0]+" event")
	s.Must(err)
	for range 3 {
		onThread(func() {
			for {
				_, err := WaitForMultipleObjects([]Handle{m, e}, true, hangs, true)
				s.Must(err)
				s.Must(SetEvent(e))
				s.Must(ReleaseMutex(m))
			}
		})
	}
	s.Say("begun")
	s.Hear()
})
