//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"atoll"
)

// lock is a lock between processes, of anybody who has one for Go.
type lock struct{ lock, unlock, end func() error }

// locks open the lock of a name, as each process does it.
var locks = map[string]func(name string) (*lock, error){
	"atoll":        openMutex,
	"gofrs/flock":  openGofrs,
	"go-filemutex": openFilemutex,
	"juju/mutex":   openJuju,
}

func init() {
	for subject := range locks {
		register(subject, map[string]func(p *program){
			"contended": contended, "contender": contender,
			"owner_death": ownerDeath, "owner": owner,
		})
		if subject != "atoll" { // which is called without a detour
			register(subject, map[string]func(p *program){"mutex_pair": lockPair})
		}
	}
}

func openMutex(name string) (*lock, error) {
	m, _, err := atoll.CreateOrOpenMutex(name, atoll.MutexOptions{})
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return &lock{
		lock: func() error {
			_, err := m.Lock(ctx)
			return err
		},
		unlock: m.Unlock,
		end:    m.Close,
	}, nil
}

func (p *program) open(name string) *lock {
	l, err := locks[p.subject](name)
	must(err)
	return l
}

func lockPair(p *program) {
	l := p.open("pair")
	p.median("-", func() {
		must(l.lock())
		must(l.unlock())
	})
	must(l.end())
}

// contended has some processes want one lock all the time: for so many milliseconds, as
// many as each of the other sizes says.
func contended(p *program) {
	for _, n := range p.sizes[1:] {
		contend(p, n)
	}
}

func contend(p *program, n int) {
	counter := shareCount()
	defer counter.end()
	var others []*partner
	for range n {
		others = append(others, p.start("contender", p.sizes[0]))
	}
	for _, o := range others {
		o.hear("ready")
	}
	p.measuring()
	for _, o := range others {
		o.tell("go")
	}
	all, used, least, most := 0.0, 0.0, math.Inf(1), 0.0
	for _, o := range others {
		var count, cpu float64
		o.hear("done", &count, &cpu)
		all += count
		used += cpu
		least, most = min(least, count), max(most, count)
	}
	for _, o := range others {
		o.end()
	}
	if inside := float64(*counter.n); inside != all {
		must(fmt.Errorf("%v locks, but %v inside", all, inside))
	}
	say(fmt.Sprint(n), all/(float64(p.sizes[0])*1e-3))
	say(fmt.Sprint(n, "/fairness"), least/most)
	say(fmt.Sprint(n, "/cpu"), used/all)
}

func contender(p *program) {
	l, counter := p.open("contended"), shareCount()
	fmt.Println("ready")
	hearMain()
	used, count := cpuTime(), 0
	for until := time.Now().Add(time.Duration(p.sizes[0]) * time.Millisecond); time.Now().Before(until); {
		for range 50 {
			must(l.lock())
			*counter.n++
			must(l.unlock())
			count++
		}
	}
	fmt.Println("done", count, cpuTime()-used)
	must(l.end())
	counter.end()
}

// count is a number in a file, mapped by all who contend.
type count struct {
	n   *uint64
	end func()
}

func shareCount() count {
	s, _, err := atoll.CreateOrOpenSection("count", atoll.SectionOptions{Size: 4096})
	must(err)
	v, err := s.Map(0, 0, 0)
	must(err)
	n, err := atoll.At[uint64](v, 0)
	must(err)
	return count{n, func() { must(errors.Join(v.Close(), s.Close())) }}
}

// ownerDeath measures how soon the next has a lock whose owner is killed.
func ownerDeath(p *program) {
	o := p.start("owner")
	o.hear("owns")
	l := p.open("owned")
	owned := make(chan time.Time)
	go func() {
		must(l.lock())
		owned <- time.Now()
	}()
	time.Sleep(20 * time.Millisecond) // until it waits, asleep
	start := time.Now()
	must(o.cmd.Process.Signal(unix.SIGKILL))
	took := (<-owned).Sub(start)
	must(l.unlock())
	must(l.end())
	_ = o.cmd.Wait() // killed
	say("-", float64(took.Nanoseconds())/1e3)
}

func owner(p *program) {
	l := p.open("owned")
	must(l.lock())
	fmt.Println("owns")
	hearMain() // until the end
}
