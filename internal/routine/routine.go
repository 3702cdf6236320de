//go:build linux

package routine

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/layout"
	"atoll/internal/onlinux"
	"atoll/internal/thread"
	"atoll/internal/wait"
)

// Routine is the completion routine of one setting of a timer. A clock of the kernel's,
// in Go's poller, says when the timer is due, and then the routine is queued to the
// thread that set the timer. It stands as long as the setting does, which any process
// can end: the setting has a serial number, which is looked at before each call.
type Routine struct {
	timer  *onlinux.Timer // its own; it keeps no name
	set    layout.Schedule
	thread *thread.Thread
	apc    *thread.APC
	call   func(at time.Time)
	clock  *os.File
	fd     int

	queued  atomic.Bool
	at      time.Time // when it was due, while it is queued
	stopped sync.Once
}

// routines are those that may still be called.
var routines = struct {
	sync.Mutex
	all map[*Routine]struct{}
}{all: make(map[*Routine]struct{})}

// Set sets a timer, and takes back the routines of what it was set to before.
func Set(t *onlinux.Timer, s layout.Schedule) error {
	err := t.Change(func(layout.Schedule, int64) layout.Schedule { return s })
	if err == nil {
		stopOutdated(t)
	}
	return err
}

// Cancel makes a timer inactive, and takes its routine back.
func Cancel(t *onlinux.Timer) error {
	err := t.Cancel()
	if err == nil {
		stopOutdated(t)
	}
	return err
}

// SetWith is Set with a routine, which the calling thread is to call: in an alertable
// wait, each time that the timer has become due. If the thread ends before, the timer is
// cancelled, unless it has been set anew.
func SetWith(t *onlinux.Timer, s layout.Schedule, call func(at time.Time)) (*Routine, error) {
	s.Serial = rand.Int64N(math.MaxInt64-1) + 1
	r, err := prepare(t, s, call)
	if err != nil {
		return nil, err
	}
	err = Set(t, s)
	if err == nil {
		err = r.begin()
	}
	if err != nil {
		r.Stop()
		return nil, err
	}
	stopOutdated(t) // perhaps this one
	return r, nil
}

// prepare does what can fail.
func prepare(t *onlinux.Timer, set layout.Schedule, call func(at time.Time)) (*Routine, error) {
	self, err := thread.Self()
	if err != nil {
		return nil, err
	}
	id := unix.CLOCK_MONOTONIC
	if set.Has(layout.TimerWall) {
		id = unix.CLOCK_REALTIME
	}
	fd, err := unix.TimerfdCreate(id, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	r := &Routine{set: set, thread: self, call: call, clock: os.NewFile(uintptr(fd), "timer"), fd: fd}
	r.apc = self.NewAPC(r.run)
	own, err := onlinux.Duplicate(t, access.Request{})
	if err != nil {
		return nil, errors.Join(err, r.clock.Close())
	}
	r.timer = own.(*onlinux.Timer)
	if err := own.Retire(); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

// begin starts the clock of a timer that has just been set.
func (r *Routine) begin() error {
	flags, first := unix.TFD_TIMER_ABSTIME, max(1, r.set.Due)
	if !r.set.Has(layout.TimerWall) {
		flags, first = 0, max(1, r.set.Due-wait.Monotonic())
	}
	spec := unix.ItimerSpec{Value: timespec(first), Interval: timespec(r.set.Period)}
	if err := unix.TimerfdSettime(r.fd, flags, &spec, nil); err != nil {
		return err
	}
	r.thread.Own(r)
	routines.Lock()
	routines.all[r] = struct{}{}
	routines.Unlock()
	go r.follow()
	return nil
}

// timespec is a time as the kernel has it, as far as it has that.
func timespec(nanoseconds int64) unix.Timespec {
	if strconv.IntSize == 32 {
		nanoseconds = min(nanoseconds, math.MaxInt32*int64(time.Second))
	}
	return unix.NsecToTimespec(nanoseconds)
}

// follow queues the routine each time the clock says so.
func (r *Routine) follow() {
	expirations := make([]byte, 8)
	for {
		if _, err := r.clock.Read(expirations); err != nil {
			return
		}
		if !r.stands() {
			r.Stop()
			return
		}
		// One that is queued still is not queued again, as on Windows.
		if r.queued.CompareAndSwap(false, true) {
			r.at = time.Now()
			r.apc.Queue() // unless the thread has ended
		}
		if r.set.Period == 0 {
			return
		}
	}
}

// stands says whether the timer is still set as it was for this routine.
func (r *Routine) stands() bool {
	now, err := r.timer.Setting()
	return err == nil && now.Serial == r.set.Serial
}

// run is the thread's, in an alertable wait.
func (r *Routine) run() bool {
	at := r.at
	r.queued.Store(false)
	stands := r.stands()
	if !stands || r.set.Period == 0 {
		r.Stop()
	}
	if stands {
		r.call(at)
	}
	return stands
}

// Abandon cancels the timer: the thread that was to call the routine has ended.
func (r *Routine) Abandon(*thread.Thread) {
	_ = r.timer.Change(func(s layout.Schedule, now int64) layout.Schedule {
		if s.Serial == r.set.Serial {
			return s.Cancelled(now)
		}
		return s
	})
	r.Stop()
}

// Stop ends the routine, queued or not.
func (r *Routine) Stop() {
	r.stopped.Do(func() {
		r.apc.Withdraw()
		r.thread.Disown(r)
		_ = r.clock.Close()
		_ = r.timer.Close()
	})
	routines.Lock() // each time: it may have been stopped before begin was over
	defer routines.Unlock()
	delete(routines.all, r)
}

// stopOutdated ends the routines of a timer's settings before the last.
func stopOutdated(t *onlinux.Timer) {
	if Count() == 0 {
		return
	}
	now, err := t.Setting()
	stop(t, func(r *Routine) bool { return err == nil && r.set.Serial != now.Serial })
}

// StopAll ends the routines of a timer, which this process has no handle of any more.
func StopAll(t *onlinux.Timer) { stop(t, func(*Routine) bool { return true }) }

func stop(t *onlinux.Timer, which func(*Routine) bool) {
	var those []*Routine
	routines.Lock()
	for r := range routines.all {
		if onlinux.Same(r.timer, t) && which(r) {
			those = append(those, r)
		}
	}
	routines.Unlock()
	for _, r := range those {
		r.Stop()
	}
}

// Has says whether a timer has a routine that may still be called.
func Has(t *onlinux.Timer) (has bool) {
	stop(t, func(*Routine) bool { has = true; return false })
	return has
}

// Count says how many routines there are.
func Count() int {
	routines.Lock()
	defer routines.Unlock()
	return len(routines.all)
}
