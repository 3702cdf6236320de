//go:build linux

package port

import (
	"slices"
	"sync"
	"time"

	"atoll/internal/errs"
	"atoll/internal/job"
)

// The messages about a job.
const (
	endOfJobTime       = 1
	activeProcessLimit = 3
	activeProcessZero  = 4
	newProcess         = 6
	exitProcess        = 7
	abnormalExit       = 8
	jobMemoryLimit     = 10
)

// Source is a job that a port tells of.
type Source interface {
	Name() string
	Depth() int // how many jobs there are around it
	Has(pid int) (bool, error)
	// Look says what has happened since the last look; Note that a process came in,
	// which it tells next, even if that is gone by then.
	Look() ([]job.Event, error)
	Note(pid int)
	Tells() bool // at the end of its time its processes go on
	Leave() error
}

// watched is a job with a port.
type watched struct {
	Source
	port *Port
	key  uintptr
	seen bool // it was looked at: what happened before is not told
}

// associations are the ports of jobs, by the names of these. The lock comes before
// that of any port, and nobody looks at a job without it.
var associations = struct {
	sync.Mutex
	of map[string]*watched
}{of: make(map[string]*watched)}

// Abnormal says whether a process ended by an exception, as far as that is known.
var Abnormal = func(pid int) bool { return false }

// Associate has a port tell what happens in a job, from the processes on that are in
// it. It takes the source over. nil: no port any more.
//
// # Errors
//
// Win32 87: the job has a port already.
func Associate(s Source, p *Port, key uintptr) error {
	associations.Lock()
	defer associations.Unlock()
	old := associations.of[s.Name()]
	if p == nil {
		if old != nil {
			old.leave()
		}
		return s.Leave()
	}
	if old != nil || p.isClosed() {
		_ = s.Leave()
		return errs.Numbered(errs.InvalidParameter, nil, "the job has a port already, or the new one was closed")
	}
	w := &watched{Source: s, port: p, key: key}
	associations.of[s.Name()] = w
	p.pump.add()
	if p.pump.count == 1 {
		p.pump.begin(p)
	}
	p.tell([]*watched{w})
	return nil
}

// leave ends the association, under the lock.
func (w *watched) leave() {
	delete(associations.of, w.Name())
	_ = w.Leave()
	w.port.pump.remove()
}

// leaveAll ends all associations of a port that is closed.
func (p *Port) leaveAll() {
	associations.Lock()
	for _, w := range p.watches() {
		w.leave()
	}
	associations.Unlock()
	p.pump.end.Wait()
}

// Coming calls do, which brings a process into jobs, and tells the ports of these; of a
// short one nobody may see it otherwise. Meanwhile nobody looks, or it might be told of
// twice.
func Coming(do func() (pid int, jobs []string, err error)) error {
	associations.Lock()
	if len(associations.of) == 0 {
		associations.Unlock()
		_, _, err := do()
		return err
	}
	defer associations.Unlock()
	pid, jobs, err := do()
	if err == nil {
		came(pid, jobs)
	}
	return err
}

func came(pid int, jobs []string) {
	ports := make(map[*Port]bool)
	for _, w := range associations.of {
		in := slices.Contains(jobs, w.Name())
		if !in {
			in, _ = w.Has(pid)
		}
		if in {
			w.Note(pid)
			ports[w.port] = true
		}
	}
	for p := range ports {
		p.tell(p.watches())
	}
}

// watches are a port's, the outermost first, under the lock.
func (p *Port) watches() (list []*watched) {
	for _, w := range associations.of {
		if w.port == p {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b *watched) int { return a.Depth() - b.Depth() })
	return list
}

// tell posts what has happened in the port's jobs: of an inner one before the outer.
// The outer one is looked at first, so that it knows nothing that the inner does not.
func (p *Port) tell(list []*watched) {
	packets := make([][]Packet, len(list))
	for i, w := range list {
		events, err := w.Look()
		if err != nil {
			continue // next time, perhaps
		}
		for _, e := range events {
			if packet, ok := w.packet(e); ok && (w.seen || e.Kind == job.Started) {
				packets[i] = append(packets[i], packet)
			}
		}
		w.seen = true
	}
	for _, of := range slices.Backward(packets) {
		for _, packet := range of {
			p.Post(packet)
		}
	}
}

// packet is the message that an event is.
func (w *watched) packet(e job.Event) (Packet, bool) {
	message := uint32(0)
	switch e.Kind {
	case job.Started:
		message = newProcess
	case job.Ended:
		message = exitProcess
		if Abnormal(e.PID) {
			message = abnormalExit
		}
	case job.Empty:
		message = activeProcessZero
	case job.ProcessLimit:
		message = activeProcessLimit
	case job.MemoryLimit:
		message = jobMemoryLimit
	case job.TimeLimit:
		if w.Tells() {
			message = endOfJobTime
		}
	case job.Terminated:
	}
	return Packet{Bytes: message, Key: w.key, Overlapped: uintptr(e.PID)}, message != 0
}

// pump looks at a port's jobs again and again, as long as it has any.
type pump struct {
	count int // of jobs, under the lock of associations
	stop  chan struct{}
	end   sync.WaitGroup
}

// pause is how often jobs are looked at.
const pause = 20 * time.Millisecond

func (u *pump) add() { u.count++ }

func (u *pump) remove() {
	if u.count--; u.count == 0 {
		close(u.stop)
	}
}

func (u *pump) begin(p *Port) {
	stop := make(chan struct{})
	u.stop = stop
	u.end.Go(func() {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				associations.Lock()
				p.tell(p.watches())
				associations.Unlock()
			}
		}
	})
}
