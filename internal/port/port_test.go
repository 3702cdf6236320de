//go:build linux

package port

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"atoll/internal/errs"
	"atoll/internal/job"
)

const (
	quiet = 50 * time.Millisecond
	hang  = time.Minute
)

func TestFirstInFirstOut(t *testing.T) {
	p := New()
	defer p.Close()
	if _, r := p.Get(0); r != TimedOut {
		t.Errorf("result %d", r)
	}
	if _, r := p.Get(time.Millisecond); r != TimedOut || len(p.waiters) != 0 {
		t.Errorf("result %d, %d wait", r, len(p.waiters))
	}
	for i := range uint32(5) {
		p.Post(Packet{Bytes: i})
	}
	for i := range uint32(5) {
		if packet, r := p.Get(Forever); r != Got || packet.Bytes != i {
			t.Errorf("packet %d, result %d, want %d", packet.Bytes, r, i)
		}
	}
}

// The last handle ends those who wait, and what is left.
func TestClose(t *testing.T) {
	p := New()
	if !p.Again() {
		t.Fatal("it is closed")
	}
	var all sync.WaitGroup
	results := make(chan Result, 8)
	for i := range 8 {
		all.Go(func() {
			timeout := Forever
			if i%2 == 0 {
				timeout = hang
			}
			_, r := p.Get(timeout)
			results <- r
		})
	}
	p.Close()
	time.Sleep(quiet)
	if len(results) != 0 {
		t.Error("a wait has ended, and there is a handle")
	}
	p.Close()
	all.Wait()
	for range 8 {
		if r := <-results; r != Closed {
			t.Errorf("result %d", r)
		}
	}
	p.Post(Packet{})
	if _, r := p.Get(Forever); r != Closed {
		t.Errorf("result %d", r)
	}
}

// Whatever many do at the same time, each packet comes out once.
func TestHammer(t *testing.T) {
	p := New()
	const posters, each = 4, 2000
	var taken [posters * each]int
	var mu sync.Mutex
	var takers, all sync.WaitGroup
	for i := range 6 {
		takers.Go(func() {
			for {
				packet, r := p.Get([]time.Duration{Forever, 0, time.Microsecond}[i%3])
				switch r {
				case Closed:
					return
				case Got:
					mu.Lock()
					taken[packet.Key]++
					mu.Unlock()
				case TimedOut:
					runtime.Gosched()
				}
			}
		})
	}
	for i := range posters {
		all.Go(func() {
			for n := range each {
				p.Post(Packet{Key: uintptr(i*each + n)})
			}
		})
	}
	all.Wait()
	for left := 1; left > 0; {
		mu.Lock()
		left = len(taken)
		for _, n := range taken {
			left -= n
		}
		mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	p.Close()
	takers.Wait()
	for key, n := range taken {
		if n != 1 {
			t.Errorf("packet %d came out %d times", key, n)
		}
	}
}

// script is a job in which happens what a test says.
type script struct {
	name  string
	depth int
	mu    sync.Mutex
	next  []job.Event
	tells bool
	left  bool
}

func (s *script) Name() string          { return s.name }
func (s *script) Depth() int            { return s.depth }
func (s *script) Has(int) (bool, error) { return true, nil }
func (s *script) Tells() bool           { return s.tells }
func (s *script) Leave() error          { s.left = true; return nil }
func (s *script) Note(pid int)          { s.happens(job.Event{Kind: job.Started, PID: pid}) }

func (s *script) happens(events ...job.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, events...)
}

func (s *script) Look() ([]job.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.next
	s.next = nil
	return events, nil
}

func messages(t *testing.T, p *Port, n int) (list []Packet) {
	t.Helper()
	for range n {
		packet, r := p.Get(hang)
		if r != Got {
			t.Fatalf("result %d after %v", r, list)
		}
		list = append(list, packet)
	}
	return list
}

func TestMessages(t *testing.T) {
	p := New()
	s := &script{name: "a", next: []job.Event{{Kind: job.Started, PID: 3}, {Kind: job.MemoryLimit}}}
	if err := Associate(s, p, 9); err != nil {
		t.Fatal(err)
	}
	if list := messages(t, p, 1); list[0] != (Packet{newProcess, 9, 3}) {
		t.Errorf("%v", list)
	}
	Abnormal = func(pid int) bool { return pid == 4 }
	defer func() { Abnormal = func(int) bool { return false } }()
	s.happens(job.Event{Kind: job.TimeLimit}, job.Event{Kind: job.Terminated}, job.Event{Kind: job.ProcessLimit}, job.Event{Kind: job.MemoryLimit},
		job.Event{Kind: job.Ended, PID: 3}, job.Event{Kind: job.Ended, PID: 4}, job.Event{Kind: job.Empty})
	want := []Packet{{activeProcessLimit, 9, 0}, {jobMemoryLimit, 9, 0}, {exitProcess, 9, 3}, {abnormalExit, 9, 4}, {activeProcessZero, 9, 0}}
	if list := messages(t, p, 5); !slices.Equal(list, want) {
		t.Errorf("%v, want %v", list, want)
	}
	other := &script{name: "a"}
	if err := Associate(other, New(), 1); errs.Number(err) != errs.InvalidParameter || !other.left {
		t.Errorf("a second port: %v", err)
	}
	if err := Associate(&script{name: "a"}, nil, 0); err != nil || !s.left {
		t.Errorf("the port was taken away: %v, %v", err, s.left)
	}
	s.happens(job.Event{Kind: job.Empty})
	if packet, r := p.Get(2 * pause); r != TimedOut {
		t.Errorf("%v came of a job without a port", packet)
	}
	p.Close()
	closed := &script{name: "b"}
	if err := Associate(closed, p, 1); err == nil || !closed.left {
		t.Errorf("with a port that is closed: %v", err)
	}
	noPump(t)
}

// Of what happens in both, the inner job tells first; and a process that was put into
// it is told of at once.
func TestInnerFirst(t *testing.T) {
	p := New()
	for depth, name := range []string{"", "outer", "inner"} {
		if name == "" {
			continue
		}
		if err := Associate(&script{name: name, depth: depth}, p, uintptr(depth)); err != nil {
			t.Fatal(err)
		}
	}
	for pid := 1; pid < 20; pid++ {
		if err := Coming(func() (int, []string, error) { return pid, []string{"inner"}, nil }); err != nil {
			t.Error(err)
		}
		want := []Packet{{newProcess, 2, uintptr(pid)}, {newProcess, 1, uintptr(pid)}}
		if list := messages(t, p, 2); !slices.Equal(list, want) {
			t.Errorf("%v, want %v", list, want)
		}
	}
	p.Close()
	noPump(t)
}

// noPump fails the test if anybody looks at jobs any more.
func noPump(t *testing.T) {
	t.Helper()
	if n := len(associations.of); n != 0 {
		t.Errorf("%d jobs have ports", n)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if strings.Contains(string(stacks), "(*pump)") {
		t.Error("a goroutine looks at jobs")
	}
}
