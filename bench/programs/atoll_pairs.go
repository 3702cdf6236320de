//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"atoll"
)

// Atoll's own programs.
func init() {
	register("atoll", map[string]func(p *program){
		"mutex_pair":     mutexPair,
		"event_pair":     eventPair,
		"semaphore_pair": semaphorePair,
		"pingpong":       ping,
		"pong":           pong,
	})
}

func mutexPair(p *program) {
	m, err := atoll.CreateMutex("pair", atoll.MutexOptions{})
	must(err)
	ctx := context.Background()
	p.loops("-", func(n int) {
		for range n {
			_, _ = m.Lock(ctx)
			_ = m.Unlock()
		}
	})
	must(m.Close())
}

func eventPair(p *program) {
	e, err := atoll.CreateEvent("pair", atoll.EventOptions{})
	must(err)
	p.loops("-", func(n int) {
		for range n {
			_ = e.Set()
			_, _ = e.TryWait()
		}
	})
	must(e.Close())
}

func semaphorePair(p *program) {
	s, err := atoll.CreateSemaphore("pair", atoll.SemaphoreOptions{Max: 1 << 30})
	must(err)
	p.loops("-", func(n int) {
		for range n {
			_, _ = s.Release(1)
			_, _ = s.TryWait()
		}
	})
	must(s.Close())
}

func openPingPong() (ping, pong *atoll.Event) {
	ping, _, err := atoll.CreateOrOpenEvent("ping", atoll.EventOptions{})
	must(err)
	pong, _, err = atoll.CreateOrOpenEvent("pong", atoll.EventOptions{})
	must(err)
	return ping, pong
}

func ping(p *program) {
	n := p.sizes[0]
	ping, pong := openPingPong()
	other := p.start("pong", n)
	other.hear("ready")
	ctx := context.Background()
	p.measuring()
	start, used := time.Now(), cpuTime()
	for range n {
		must(ping.Set())
		must(pong.Wait(ctx))
	}
	took := float64(time.Since(start).Nanoseconds()) / float64(n)
	used = (cpuTime() - used) / float64(n)
	var theirs float64
	other.hear("used", &theirs)
	other.end()
	say("-", took)
	say("cpu", used+theirs)
}

func pong(p *program) {
	n := p.sizes[0]
	ping, pong := openPingPong()
	fmt.Println("ready")
	used := cpuTime()
	ctx := context.Background()
	for range n {
		must(ping.Wait(ctx))
		must(pong.Set())
	}
	fmt.Println("used", (cpuTime()-used)/float64(n))
}
