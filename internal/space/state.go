//go:build linux

package space

import (
	"time"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/liveness"
	"atoll/internal/namespace"
	"atoll/internal/wait"
)

// state reads the state of a synchronisation object.
func (s *Space) state(i *Info, sight *namespace.Sight) {
	kind, ok := sight.Header.Kind()
	if !ok || sight.Page == nil {
		return
	}
	state := sight.Page.Cell.Load()
	word := state.Word()
	if !kind.Sound(state, sight.Header.Limit) {
		i.Problem = errs.New(errs.ErrCorrupt, "has the state %#x, which no %s can have: some process wrote over it", uint64(state), sight.Header.Type)
		return
	}
	signaled := kind.Signaled(word)
	switch kind {
	case layout.MutexWord:
		signaled = s.ownerOf(i, sight.Page, word)
	case layout.SemaphoreWord:
		count := int32(word)
		i.Count = &count
	case layout.ManualTimerWord, layout.AutoTimerWord:
		signaled = i.timer(sight.Page.Current(word).Load())
	default: // the word says it all
	}
	i.Signaled = &signaled
	s.waiting(i, sight.Page)
	if holder := state.Holder(); holder != 0 {
		i.Busy = s.process(holder)
	}
}

func (s *Space) process(number uint32) *Process {
	info, _ := s.Members.Inspect(number)
	return &Process{PID: info.PID, Command: info.Command}
}

// ownerOf says whose the mutex is, and returns whether it can be had at once.
func (s *Space) ownerOf(i *Info, page *layout.Page, word uint32) (free bool) {
	number := word & layout.OwnerMask
	if number == 0 {
		return true
	}
	info, status := s.Members.Inspect(number)
	i.Owner = &Process{PID: info.PID, Command: info.Command}
	i.Abandoned = word&layout.AbandonedBit != 0 || status == liveness.Dead
	if page.SinceOwner.Load() == number {
		i.OwnerSince = time.Unix(0, page.Since.Load())
	}
	return i.Abandoned
}

// waiting says who waits, as far as they have said so themselves and live.
func (s *Space) waiting(i *Info, page *layout.Page) {
	for k := range page.Waiting {
		w := &page.Waiting[k]
		number, count := w.Number.Load()&layout.OwnerMask, w.Count.Load()
		if number == 0 || count == 0 {
			continue
		}
		info, status := s.Members.Inspect(number)
		if status != liveness.Alive {
			continue
		}
		i.Waiters += int(min(count, 1<<20))
		i.Waiting = append(i.Waiting, Process{PID: info.PID, Command: info.Command})
	}
}

// timer says when the timer is due, and returns whether it is signaled.
func (i *Info) timer(t layout.Schedule) (signaled bool) {
	if !t.Sound() {
		i.Problem = errs.New(errs.ErrCorrupt, "has a damaged setting: some process wrote over it")
		return false
	}
	now := time.Now().UnixNano()
	if !t.Has(layout.TimerWall) {
		now = wait.Monotonic()
	}
	if left, never := t.Left(now); !never {
		due := time.Now().Add(time.Duration(left))
		i.Due, i.Period = &due, time.Duration(t.Period)
	}
	return t.Signaled(now)
}
