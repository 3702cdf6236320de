//go:build linux

package job

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/errs"
	"atoll/internal/guardian"
	"atoll/internal/layout"
)

// Kind says what happened in a job.
type Kind uint8

// The kinds.
const (
	Started      Kind = 1 + iota // a process came into the job
	Ended                        // a process is gone
	Empty                        // the last one is gone
	ProcessLimit                 // it had more processes than it may
	MemoryLimit                  // it had more memory than it may
	TimeLimit                    // its time is over
	Terminated                   // it was terminated
)

// Event is one thing that happened.
type Event struct {
	Kind Kind
	PID  int // Started, Ended
}

// eventPause is how often a job is looked at for who watches it: the kernel tells
// nobody that a group has a new process.
const eventPause = 20 * time.Millisecond

// Repeat looks again and again, and calls yield with what happened, until that says
// false, ctx ends or closed is.
func Repeat(ctx context.Context, closed <-chan struct{}, look func() ([]Event, error), yield func(Event) bool) error {
	ticker := time.NewTicker(eventPause)
	defer ticker.Stop()
	for {
		events, err := look()
		if err != nil {
			return err
		}
		for _, e := range events {
			if !yield(e) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-closed:
			return errs.New(fs.ErrClosed, "its handle was closed")
		case <-ticker.C:
		}
	}
}

// process names one process for good.
type process struct {
	pid   int
	start uint64
}

// counts are what grows when a limit is hit.
type counts struct{ processes, memory, ended, told, terminated uint64 }

// Scene is a job as who watches it saw it last.
type Scene struct {
	job    *Job
	known  map[process]bool
	noted  []process // came in, and may be gone
	counts counts
}

// Watch begins to watch the job; the first look finds the processes that are there,
// and what was hit before.
func (j *Job) Watch() *Scene { return &Scene{job: j} }

// Note says that a process came in, which the next look tells, even if it is gone by
// then.
func (s *Scene) Note(pid int) {
	p, err := guardian.Look(pid)
	if err != nil {
		p.Start = 0 // gone already: no other is the same
	}
	s.noted = append(s.noted, process{pid, p.Start})
}

// sight is the job now. Why a process was ended is known before it is gone: so who is
// there is looked at first, and a process that is missing has its reason counted.
func (s *Scene) sight() (list []guardian.Process, c counts, err error) {
	r, err := s.job.record()
	if err != nil {
		return nil, c, err
	}
	m, err := s.job.membersOf(&r)
	if err != nil {
		return nil, c, err
	}
	if r.Mode != layout.JobUnused {
		list = m.List()
		guardian.SortByAge(list)
	}
	c, err = s.job.counts(m)
	return list, c, err
}

// counts are those of the job now.
func (j *Job) counts(m guardian.Members) (c counts, err error) {
	r, err := j.record()
	if err != nil {
		return c, err
	}
	words, err := guardian.ReadWords(j.file, j.at)
	if err != nil {
		return c, err
	}
	c = counts{
		words[guardian.WordSurplus], words[guardian.WordHungry],
		words[guardian.WordEnded], words[guardian.WordTold], uint64(r.Terminated),
	}
	if m.Group.FD >= 0 {
		c.processes += eventCount(m.Group, "pids.events", "max")
		c.memory += eventCount(m.Group, "memory.events", "oom_kill")
	}
	return c, nil
}

func eventCount(g cgroup.Group, file, name string) uint64 {
	text, err := g.Read(file)
	if err != nil {
		return 0 // no such controller
	}
	return cgroup.Counter(text, name)
}

// Look says what happened since the last look.
func (s *Scene) Look() (events []Event, err error) {
	list, c, err := s.sight()
	if err != nil {
		return nil, err
	}
	present := make(map[process]bool, len(list))
	for _, id := range s.noted {
		if !s.known[id] {
			if s.known == nil {
				s.known = make(map[process]bool)
			}
			s.known[id] = true
			events = append(events, Event{Started, id.pid})
		}
	}
	s.noted = nil
	for _, p := range list {
		id := process{p.PID, p.Start}
		present[id] = true
		if !s.known[id] {
			events = append(events, Event{Started, p.PID})
		}
	}
	events = append(events, s.counts.passed(c)...)
	s.counts = c
	for id := range s.known {
		if !present[id] {
			events = append(events, Event{Ended, id.pid})
		}
	}
	if len(s.known) > 0 && len(present) == 0 {
		events = append(events, Event{Kind: Empty})
	}
	s.known = present
	return events, nil
}

// passed are the events of what grew.
func (c counts) passed(now counts) (events []Event) {
	for _, one := range []struct {
		before, after uint64
		kind          Kind
	}{
		{c.processes, now.processes, ProcessLimit},
		{c.memory, now.memory, MemoryLimit},
		{c.ended, now.ended, TimeLimit},
		{c.told, now.told, TimeLimit},
		{c.terminated, now.terminated, Terminated},
	} {
		if one.after > one.before {
			events = append(events, Event{Kind: one.kind})
		}
	}
	return events
}

// WaitEmpty waits until no process is in the job, ctx ends or closed is.
func (j *Job) WaitEmpty(ctx context.Context, closed <-chan struct{}) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-closed:
			cancel(errs.New(fs.ErrClosed, "its handle was closed"))
		case <-inner.Done():
		}
	}()
	for {
		wait, err := j.nextEnd()
		if err != nil || wait == nil {
			return err
		}
		err = wait.until(inner)
		_ = wait.file.Close()
		if err != nil {
			return cmp.Or(ctx.Err(), err)
		}
	}
}

// end is something that the kernel tells when it has happened.
type end struct {
	file *os.File
	over func(fd uintptr) bool
}

// nextEnd is what must come before the job is empty; nil if it is.
func (j *Job) nextEnd() (*end, error) {
	r, err := j.record()
	if err != nil || r.Mode == layout.JobUnused {
		return nil, err
	}
	m, err := j.membersOf(&r)
	if err != nil {
		return nil, err
	}
	if m.Group.FD >= 0 {
		return endOfGroup(m.Group)
	}
	for _, pid := range guardian.TreesAndEnded(j.file) {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			return newEnd(fd, readable)
		}
		if !errors.Is(err, unix.ESRCH) {
			return nil, err
		}
	}
	return nil, nil
}

func endOfGroup(g cgroup.Group) (*end, error) {
	if populated, err := g.Populated(); err != nil || !populated {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			err = nil // the group is gone
		}
		return nil, err
	}
	fd, err := unix.Openat(g.FD, "cgroup.events", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return newEnd(fd, func(fd uintptr) bool {
		text := make([]byte, 512)
		n, err := unix.Pread(int(fd), text, 0)
		return err != nil || cgroup.Counter(string(text[:n]), "populated") == 0
	})
}

func readable(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1
}

func newEnd(fd int, over func(fd uintptr) bool) (*end, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &end{os.NewFile(uintptr(fd), "end"), over}, nil
}

// until waits in Go's poller, without a thread.
func (e *end) until(ctx context.Context) error {
	conn, err := e.file.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = e.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = conn.Read(e.over)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
