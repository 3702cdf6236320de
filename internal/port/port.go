//go:build linux

package port

import (
	"sync"
	"time"
)

// Packet is what somebody takes out of a port.
type Packet struct {
	Bytes           uint32
	Key, Overlapped uintptr
}

// Port is a queue of packets, first in, first out. Of those who wait who came last is
// served first, as on Windows: what it needs is still near.
type Port struct {
	mu      sync.Mutex
	queue   []Packet
	waiters []chan Packet // each has room for one
	closed  bool
	handles int
	pump    pump
}

// New makes a port to which there is one handle.
func New() *Port { return &Port{handles: 1} }

// Again counts one handle more; false: the last was closed just now, and ended the port.
func (p *Port) Again() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.handles++
	return true
}

// Close counts a handle less. The last ends those who wait, and what watches jobs.
func (p *Port) Close() {
	p.mu.Lock()
	p.handles--
	last := p.handles == 0
	if last {
		p.closed = true
		for _, w := range p.waiters {
			close(w)
		}
		p.waiters, p.queue = nil, nil
	}
	p.mu.Unlock()
	if last {
		p.leaveAll()
	}
}

func (p *Port) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Post puts a packet into the port.
func (p *Port) Post(packet Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := len(p.waiters); {
	case p.closed:
	case n > 0:
		p.waiters[n-1] <- packet
		p.waiters = p.waiters[:n-1]
	default:
		p.queue = append(p.queue, packet)
	}
}

// Result is what came of a Get.
type Result int

// The results.
const (
	Got Result = iota
	TimedOut
	Closed // while it waited, or before
)

// Forever is a timeout that does not come.
const Forever = time.Duration(-1)

// Get takes a packet out of the port, or waits for one.
func (p *Port) Get(timeout time.Duration) (Packet, Result) {
	p.mu.Lock()
	switch {
	case p.closed:
		p.mu.Unlock()
		return Packet{}, Closed
	case len(p.queue) > 0:
		first := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		return first, Got
	case timeout == 0:
		p.mu.Unlock()
		return Packet{}, TimedOut
	}
	mine := make(chan Packet, 1)
	p.waiters = append(p.waiters, mine)
	p.mu.Unlock()
	var late <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case packet, ok := <-mine:
		return packet, resultOf(ok)
	case <-late:
		return p.giveUp(mine)
	}
}

func resultOf(ok bool) Result {
	if ok {
		return Got
	}
	return Closed
}

// giveUp ends a wait, unless it was served just now.
func (p *Port) giveUp(mine chan Packet) (Packet, Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiters {
		if w == mine {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return Packet{}, TimedOut
		}
	}
	packet, ok := <-mine
	return packet, resultOf(ok)
}
