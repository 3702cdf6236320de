//go:build linux

package atoll

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// semaphoreMachine is a semaphore, and what it should be.
type semaphoreMachine struct {
	handles[*Semaphore]
	name       string
	count, max int32
}

func (m *semaphoreMachine) doOpen(t *rapid.T) {
	most := rapid.Int32Range(1, 4).Draw(t, "max")
	o := SemaphoreOptions{Max: most, Initial: rapid.Int32Range(0, most).Draw(t, "initial")}
	handle, created, err := CreateOrOpenSemaphore(m.name, o)
	m.fresh(t, created, err)
	m.add(handle)
	if created {
		m.count, m.max = o.Initial, o.Max
	}
}

func (m *semaphoreMachine) doRelease(t *rapid.T) {
	i, handle := m.draw(t)
	n := rapid.Int32Range(1, 3).Draw(t, "n")
	previous, err := handle.Release(n)
	switch {
	case m.closed[i]:
		answered(t, "release", err, os.ErrClosed)
	case n > m.max-m.count:
		answered(t, "release", err, ErrTooManyPosts)
	default:
		answered(t, "release", err, nil)
		if previous != m.count {
			t.Fatalf("the count was %d, want %d", previous, m.count)
		}
		m.count += n
	}
}

func (m *semaphoreMachine) doWait(t *rapid.T) {
	i, handle := m.draw(t)
	err := handle.Wait(hasEnded())
	switch {
	case m.closed[i]:
		answered(t, "wait", err, os.ErrClosed)
	case m.count == 0:
		answered(t, "wait", err, context.Canceled)
	default:
		answered(t, "wait", err, nil)
		m.count--
	}
}

func (m *semaphoreMachine) doTryWait(t *rapid.T) {
	i, handle := m.draw(t)
	ok, err := handle.TryWait()
	if m.closed[i] {
		answered(t, "trywait", err, os.ErrClosed)
		return
	}
	answered(t, "trywait", err, nil)
	if ok != (m.count > 0) {
		t.Fatalf("released is %v, the count %d", ok, m.count)
	}
	if ok {
		m.count--
	}
}

func TestSemaphoreByModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &semaphoreMachine{name: machineName("s")}
		defer m.closeAll(t)
		m.doOpen(t) // so that every action has a handle to act on
		t.Repeat(map[string]func(*rapid.T){
			"open": m.doOpen, "release": m.doRelease, "wait": m.doWait, "trywait": m.doTryWait, "close": m.doClose,
		})
	})
}

// timerMachine is due long ago, or not for long.
type timerMachine struct{ signalMachine[*Timer] }

func (m *timerMachine) doOpen(t *rapid.T) {
	o := TimerOptions{ManualReset: rapid.Bool().Draw(t, "manual")}
	handle, created, err := CreateOrOpenTimer(m.name, o)
	m.fresh(t, created, err)
	m.add(handle)
	if created {
		m.manual, m.signaled = o.ManualReset, false
	}
}

func TestTimerByModel(t *testing.T) {
	const long = 1000 * time.Hour
	past := time.Now().Add(-long)
	rapid.Check(t, func(t *rapid.T) {
		m := &timerMachine{}
		m.name = machineName("t")
		defer m.closeAll(t)
		m.doOpen(t) // so that every action has a handle to act on
		t.Repeat(map[string]func(*rapid.T){
			"open": m.doOpen, "wait": m.doWait, "trywait": m.doTryWait, "close": m.doClose,
			"at once":       m.change("set", func(h *Timer) error { return h.SetAfter(0, 0) }, always(true)),
			"long ago":      m.change("set", func(h *Timer) error { return h.SetAt(past, 0) }, always(true)),
			"rarely":        m.change("set", func(h *Timer) error { return h.SetAt(past, 3*long) }, always(true)),
			"not for long":  m.change("set", func(h *Timer) error { return h.SetAfter(long, long) }, always(false)),
			"in the future": m.change("set", func(h *Timer) error { return h.SetAt(time.Now().Add(long), 0) }, always(false)),
			"cancel":        m.change("cancel", (*Timer).Cancel, func() bool { return m.signaled }),
		})
	})
}

// severalMachine is one object of each kind that a wait for several can change,
// and what they should be.
type severalMachine struct {
	mutex    *Mutex
	auto     *Event
	manual   *Event
	count    *Semaphore
	timer    *Timer
	signaled [5]int // how many waits each would let through; those that no wait changes: endless
}

// endless is how many waits an object lets through that no wait changes.
const endless = 1 << 30

func (m *severalMachine) objects() []Waitable {
	return []Waitable{m.mutex, m.auto, m.manual, m.count, m.timer}
}

// take takes object i in the model.
func (m *severalMachine) take(i int) {
	if m.signaled[i] < endless {
		m.signaled[i]--
	}
}

// draw draws some objects, in any order.
func (m *severalMachine) draw(t *rapid.T) (chosen []int, objects []Waitable) {
	chosen = rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")[:rapid.IntRange(1, 5).Draw(t, "objects")]
	for _, i := range chosen {
		objects = append(objects, m.objects()[i])
	}
	return chosen, objects
}

func (m *severalMachine) doAny(t *rapid.T) {
	chosen, objects := m.draw(t)
	r, err := WaitAny(hasEnded(), objects...)
	want := slices.IndexFunc(chosen, func(i int) bool { return m.signaled[i] > 0 })
	if want < 0 {
		answered(t, "any", err, context.Canceled)
		return
	}
	answered(t, "any", err, nil)
	if r.Index != want || r.Abandoned != nil {
		t.Fatalf("any: %+v, want %d", r, want)
	}
	m.take(chosen[want])
}

func (m *severalMachine) doAll(t *rapid.T) {
	chosen, objects := m.draw(t)
	r, err := WaitAll(hasEnded(), objects...)
	if slices.ContainsFunc(chosen, func(i int) bool { return m.signaled[i] == 0 }) {
		answered(t, "all", err, context.Canceled)
		return
	}
	answered(t, "all", err, nil)
	if r.Index != 0 || r.Abandoned != nil {
		t.Fatalf("all: %+v", r)
	}
	for _, i := range chosen {
		m.take(i)
	}
}

func (m *severalMachine) doUnlock(t *rapid.T) {
	err := m.mutex.Unlock()
	if m.signaled[0] > 0 {
		answered(t, "unlock", err, ErrNotOwner)
		return
	}
	answered(t, "unlock", err, nil)
	m.signaled[0] = 1
}

func (m *severalMachine) doRelease(t *rapid.T) {
	_, err := m.count.Release(1)
	if m.signaled[3] == handLimit {
		answered(t, "release", err, ErrTooManyPosts)
		return
	}
	answered(t, "release", err, nil)
	m.signaled[3]++
}

// set makes a call after which object i lets through so many.
func (m *severalMachine) set(call string, do func() error, i, signaled int) func(*rapid.T) {
	return func(t *rapid.T) {
		answered(t, call, do(), nil)
		m.signaled[i] = signaled
	}
}

func TestSeveralByModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHand()
		defer func() { answered(t, "close", h.closeAll(), nil) }()
		name := machineName("several")
		for _, kind := range []string{"mutex", "auto", "manual", "semaphore", "timer"} {
			_, err := h.do(kind + " " + name + kind)
			answered(t, "open", err, nil)
		}
		m := &severalMachine{
			mutex: h.mutexes[name+"mutex"], auto: h.events[name+"auto"], manual: h.events[name+"manual"],
			count: h.semaphores[name+"semaphore"], timer: h.timers[name+"timer"], signaled: [5]int{0: 1},
		}
		t.Repeat(map[string]func(*rapid.T){
			"any": m.doAny, "any again": m.doAny, "all": m.doAll, "all again": m.doAll,
			"unlock": m.doUnlock, "release": m.doRelease,
			"set":     m.set("set", m.auto.Set, 1, 1),
			"reset":   m.set("reset", m.auto.Reset, 1, 0),
			"open":    m.set("set", m.manual.Set, 2, endless),
			"close":   m.set("reset", m.manual.Reset, 2, 0),
			"pulse":   m.set("pulse", m.auto.Pulse, 1, 0),
			"flash":   m.set("pulse", m.manual.Pulse, 2, 0),
			"due":     m.set("set", func() error { return m.timer.SetAfter(0, 0) }, 4, 1),
			"not due": m.set("set", func() error { return m.timer.SetAfter(1000*time.Hour, 0) }, 4, 0),
		})
	})
}
