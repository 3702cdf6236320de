//go:build linux

package wait

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
)

var errSchedule = errs.New(errs.ErrCorrupt, "the timer's setting is damaged: some process wrote over it")

// changeTimer is ChangeTimer, under the guard where one is needed.
func (s *Slot) changeTimer(next func(s layout.Schedule, now int64) layout.Schedule) error {
	for deadline := (time.Time{}); ; {
		pk, err := s.peek(layout.Claim{Kind: s.kind})
		if err != nil {
			return err
		}
		word := pk.state.Word()
		if pk.state.Holder() != 0 {
			if err := s.awaitGate(pk.state, &deadline); err != nil {
				return err
			}
			continue
		}
		if s.cell.CompareAndSwap(pk.state, layout.MakeState(word, s.me)) {
			check.Point("gate.closed")
			schedule := s.page.Current(word).Load()
			if !schedule.Sound() {
				return errors.Join(errSchedule, s.openAndWake())
			}
			s.page.Other(word).Store(next(schedule, clock(schedule)))
			return s.storeAndOpen(layout.Turn(word))
		}
	}
}

// setting reads the setting that counts.
func (s *Slot) setting() (layout.Schedule, error) {
	for range manyTries {
		word := s.cell.Load().Word()
		schedule := s.page.Current(word).Load()
		if s.cell.Load().Word() == word && schedule.Sound() {
			return schedule, nil
		}
	}
	return layout.Schedule{}, errSchedule
}

// clock is the time of a schedule's clock.
func clock(s layout.Schedule) int64 {
	if s.Has(layout.TimerWall) {
		return time.Now().UnixNano()
	}
	return Monotonic()
}

// Monotonic is the monotonic clock of the initial time namespace, in nanoseconds:
// processes in other time namespaces see their clock moved by a fixed amount.
func Monotonic() int64 { return begun.monotonic + int64(time.Since(begun.at)) - namespaceOffset() }

// begun is one moment by the system's monotonic clock and by Go's, which is the
// same clock, and read without a system call.
var begun = func() (b struct {
	at        time.Time
	monotonic int64
},
) {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	b.at, b.monotonic = time.Now(), ts.Nano()
	return b
}()

// initialTimeNamespace is the inode of the time namespace in which a system
// starts, fixed in the kernel.
const initialTimeNamespace = 0xEFFFFFFA

// namespaceOffset is by how much this process's monotonic clock is ahead of the
// initial time namespace's.
var namespaceOffset = sync.OnceValue(func() int64 {
	// The offsets in /proc are those of the namespace of this process's children.
	// It is this one's, too, unless the process has just left the initial one for
	// them.
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/time", &st); err != nil || st.Ino == initialTimeNamespace {
		return 0
	}
	f, err := os.Open("/proc/self/timens_offsets")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var seconds, nanoseconds int64
		if n, _ := fmt.Sscanf(lines.Text(), "monotonic %d %d", &seconds, &nanoseconds); n == 2 {
			return seconds*int64(time.Second) + nanoseconds
		}
	}
	return 0
})

// wall watches the clock that can be set, for waiters who wait until a time of day.
var wall = struct {
	sync.Mutex
	waiters map[*Waiter]struct{}
	file    *os.File // a timer that the kernel cancels when the clock is set
}{waiters: make(map[*Waiter]struct{})}

// watchClock has the waiter poked when the clock is set, until unwatchClock; false:
// it has been already. Where the kernel cannot tell, the waiter wakes up when it
// thought it would.
func (w *Waiter) watchClock() (begun bool) {
	if w.clocked {
		return false
	}
	w.clocked = true
	wall.Lock()
	defer wall.Unlock()
	wall.waiters[w] = struct{}{}
	if wall.file == nil {
		if fd, err := newClockTimer(); err == nil {
			wall.file = os.NewFile(uintptr(fd), "clock")
			go followClock(wall.file)
		}
	}
	return true
}

func (w *Waiter) unwatchClock() {
	if !w.clocked {
		return
	}
	wall.Lock()
	defer wall.Unlock()
	delete(wall.waiters, w)
	if len(wall.waiters) == 0 && wall.file != nil {
		_ = wall.file.Close() // ends followClock
		wall.file = nil
	}
}

// newClockTimer makes a timer that the kernel cancels each time the clock is set. It
// is due at the end of time.
func newClockTimer() (fd int, err error) {
	fd, err = unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	end := int64(math.MaxInt64)
	if strconv.IntSize == 32 {
		end = math.MaxInt32 * int64(time.Second)
	}
	far := unix.ItimerSpec{Value: unix.NsecToTimespec(end)}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// followClock reads from the timer, which fails each time the clock is set, until
// it is closed.
func followClock(file *os.File) {
	conn, err := file.SyscallConn()
	if err != nil {
		return
	}
	buffer := make([]byte, 8)
	for {
		var readErr error
		if err := conn.Read(func(fd uintptr) bool {
			_, readErr = unix.Read(int(fd), buffer)
			return !errors.Is(readErr, unix.EAGAIN)
		}); err != nil {
			return
		}
		if !errors.Is(readErr, unix.ECANCELED) {
			return // the end of time
		}
		pokeWall()
	}
}

func pokeWall() {
	wall.Lock()
	defer wall.Unlock()
	for w := range wall.waiters {
		w.poke()
	}
}
