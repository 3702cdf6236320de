//go:build linux

package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"atoll"
	"atoll/bench/internal/calling"
	"atoll/win32"
)

func init() {
	register("atoll", map[string]func(p *program){
		"open":           openClose,
		"holder":         holder,
		"create_destroy": createDestroy,
		"map":            mapUnmap,
		"bulk":           bulk,
		"bulk-reader":    bulkReader,
		"namespace":      namespace,
		"win32":          win32Overhead,
	})
}

func openEvent() {
	e, err := atoll.OpenEvent("event-0", 0)
	must(err)
	must(e.Close())
}

// openClose opens what another process has.
func openClose(p *program) {
	other := p.start("holder", 1, 0)
	other.hear("ready")
	p.median("first", openEvent)
	stay := join()
	p.median("-", openEvent)
	p.median("section", func() {
		s, err := atoll.OpenSection("section", 0)
		must(err)
		v, err := s.Map(0, 0, 0)
		must(err)
		must(v.Close())
		must(s.Close())
	})
	must(stay.Close())
	other.end()
}

// join has this process have a handle, as a program has while it runs: with the first
// it becomes a member of the directory, and with the last it leaves.
func join() *atoll.Event {
	e, err := atoll.CreateEvent("", atoll.EventOptions{})
	must(err)
	return e
}

// holder has so many events, from a number on, and a section, until it is told the end.
func holder(p *program) {
	n, from := p.sizes[0], p.sizes[1]
	s, _, err := atoll.CreateOrOpenSection("section", atoll.SectionOptions{Size: 4096})
	must(err)
	for i := range n {
		_, err := atoll.CreateEvent(fmt.Sprint("event-", from+i), atoll.EventOptions{})
		must(err)
	}
	fmt.Println("ready")
	hearMain()
	runtime.KeepAlive(s)
}

func createDestroy(p *program) {
	stay := join()
	p.median("-", func() {
		e, err := atoll.CreateEvent("event", atoll.EventOptions{})
		must(err)
		must(e.Close())
	})
	must(stay.Close())
}

const blockSize = 1 << 20

func mapUnmap(p *program) {
	s, err := atoll.CreateSection("section", atoll.SectionOptions{Size: blockSize})
	must(err)
	v, err := s.Map(0, 0, 0)
	must(err)
	clear(v.Bytes())
	p.median("-", func() {
		v, err := s.Map(0, 0, 0)
		must(err)
		must(v.Close())
	})
	words, err := atoll.SliceOf[uint64](v, 0, 65536/8)
	must(err)
	p.sizes[1] = p.sizes[1]/10 + 1
	p.median("access", func() { runtime.KeepAlive(addUp(words)) })
	must(v.Close())
	must(s.Close())
}

// addUp reads memory word by word: the same instructions for all, which copies in other
// places would not be.
//
//go:noinline
func addUp(words []uint64) (sum uint64) {
	for _, w := range words {
		sum += w
	}
	return sum
}

const slots = 8

// bulkObjects are a ring of blocks, with a semaphore for those that are free and one
// for those that are full.
type bulkObjects struct {
	view       *atoll.View
	free, full *atoll.Semaphore
}

func openBulk() (b bulkObjects) {
	s, _, err := atoll.CreateOrOpenSection("ring", atoll.SectionOptions{Size: slots * blockSize})
	must(err)
	b.view, err = s.Map(0, 0, 0)
	must(err)
	b.free, _, err = atoll.CreateOrOpenSemaphore("free", atoll.SemaphoreOptions{Initial: slots, Max: slots})
	must(err)
	b.full, _, err = atoll.CreateOrOpenSemaphore("full", atoll.SemaphoreOptions{Max: slots})
	must(err)
	return b
}

// slot is where a block lies in the view.
func slot(i int) int64 { return int64(i % slots * blockSize) }

// bulk copies blocks into the ring, and the other process looks at them where they are.
func bulk(p *program) {
	n := p.sizes[0]
	b := openBulk()
	clear(b.view.Bytes())
	block := make([]byte, blockSize)
	for i := range block {
		block[i] = 1
	}
	other := p.start("bulk-reader", n)
	other.hear("ready")
	ctx := context.Background()
	p.measuring()
	start := time.Now()
	for i := range n {
		must(b.free.Wait(ctx))
		block[0] = byte(i)
		_, err := b.view.WriteAt(block, slot(i))
		must(err)
		_, err = b.full.Release(1)
		must(err)
	}
	other.hear("read")
	say("-", float64(n)*blockSize/float64(time.Since(start).Nanoseconds()))
	other.end()
}

func bulkReader(p *program) {
	b := openBulk()
	fmt.Println("ready")
	ctx := context.Background()
	for i := range p.sizes[0] {
		must(b.full.Wait(ctx))
		block := b.view.Bytes()[slot(i):][:blockSize]
		if block[0] != byte(i) {
			must(fmt.Errorf("block %d begins with %d", i, block[0]))
		}
		for at := 4096; at < blockSize; at += 4096 {
			if block[at] != 1 {
				must(fmt.Errorf("block %d has %d at %d", i, block[at], at))
			}
		}
		_, err := b.free.Release(1)
		must(err)
	}
	fmt.Println("read")
}

// namespace opens an event among as many others as the sizes say, which other
// processes have.
func namespace(p *program) {
	var limit unix.Rlimit
	must(unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	most := min(15_000, int(limit.Max)-1000)
	stay := join()
	var others []*partner
	have := 0
	for _, n := range p.sizes[2:] {
		for have < n {
			some := min(most, n-have)
			o := p.start("holder", some, have)
			o.hear("ready")
			others = append(others, o)
			have += some
		}
		p.median(fmt.Sprint(n), openEvent)
	}
	for _, o := range others {
		o.end()
	}
	must(stay.Close())
}

// win32Overhead measures what a call of package win32 costs more than one of the root.
func win32Overhead(p *program) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx := context.Background()
	m, err := atoll.CreateMutex("", atoll.MutexOptions{})
	must(err)
	e, err := atoll.CreateEvent("", atoll.EventOptions{})
	must(err)
	wm, err := win32.CreateMutex(nil, false, "")
	must(err)
	we, err := win32.CreateEvent(nil, 0, 0, "")
	must(err)
	p.measuring()
	p.difference("-", func(n int) {
		for range n {
			_, err := win32.WaitForSingleObject(wm, win32.INFINITE)
			must(err)
			must(win32.ReleaseMutex(wm))
		}
	}, func(n int) {
		for range n {
			_, err := m.Lock(ctx)
			must(err)
			must(m.Unlock())
		}
	})
	p.difference("event", func(n int) {
		for range n {
			must(win32.SetEvent(we))
			_, err := win32.WaitForSingleObject(we, win32.INFINITE)
			must(err)
		}
	}, func(n int) {
		for range n {
			must(e.Set())
			must(e.Wait(ctx))
		}
	})
}

// difference measures, in turns, rounds of two calls of one and two of the other, and
// says what one call costs more.
func (p *program) difference(part string, one, other func(n int)) {
	chunks, n := p.sizes[0], p.sizes[1]
	var all []float64
	for range chunks {
		all = append(all, (each(n, one)-each(n, other))/2)
	}
	say(part, calling.Quantile(all, 0.5))
}
