//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
	"unsafe"

	"github.com/alexflint/go-filemutex"
	"github.com/edsrzf/mmap-go"
	"github.com/gofrs/flock"
	"github.com/juju/mutex/v2"
)

// What others have for Go.

func openGofrs(name string) (*lock, error) {
	f := flock.New(lockFile(name))
	return &lock{lock: f.Lock, unlock: f.Unlock, end: f.Close}, nil
}

func openFilemutex(name string) (*lock, error) {
	f, err := filemutex.New(lockFile(name))
	if err != nil {
		return nil, err
	}
	return &lock{lock: f.Lock, unlock: f.Unlock, end: f.Close}, nil
}

// lockFile is the file of a lock that is one.
func lockFile(name string) string { return filepath.Join(os.Getenv("ATOLL_ROOT"), name+".lock") }

// wallClock is the clock that juju/mutex wants; without a timeout it does not look at it.
type wallClock struct{}

func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
func (wallClock) Now() time.Time                         { return time.Now() }

// openJuju has nothing to open: its files lie in the folder of temporary files, which
// is each program's own.
func openJuju(name string) (*lock, error) {
	var held mutex.Releaser
	spec := mutex.Spec{Name: name, Clock: wallClock{}, Delay: time.Millisecond}
	return &lock{
		lock: func() (err error) {
			held, err = mutex.Acquire(spec)
			return err
		},
		unlock: func() error {
			held.Release()
			return nil
		},
		end: func() error { return nil },
	}, nil
}

func init() {
	register("mmap-go", map[string]func(p *program){"map": mapGo})
	register("Go pipes", map[string]func(p *program){
		"pingpong": pipePing, "pong": pipePong,
		"bulk": pipeBulk, "bulk-reader": pipeReader,
	})
}

func mapGo(p *program) {
	f, err := os.Create(lockFile("map"))
	must(err)
	must(f.Truncate(blockSize))
	m, err := mmap.Map(f, mmap.RDWR, 0)
	must(err)
	clear(m)
	p.median("-", func() {
		m, err := mmap.Map(f, mmap.RDWR, 0)
		must(err)
		must(m.Unmap())
	})
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&m[0])), 65536/8)
	p.sizes[1] = p.sizes[1]/10 + 1
	p.median("access", func() { runtime.KeepAlive(addUp(words)) })
	must(m.Unmap())
	must(f.Close())
}

// The other process's standard input and output are the pipes.

func pipePing(p *program) {
	n := p.sizes[0]
	other := p.startRaw("pong", n)
	var b [1]byte
	_, err := io.ReadFull(other.raw, b[:]) // it is there
	must(err)
	start, used := time.Now(), cpuTime()
	for range n {
		_, err := other.in.Write(b[:])
		must(err)
		_, err = io.ReadFull(other.raw, b[:])
		must(err)
	}
	took := float64(time.Since(start).Nanoseconds()) / float64(n)
	used = (cpuTime() - used) / float64(n)
	var theirs float64
	_, err = fmt.Fscan(other.raw, &theirs)
	must(err)
	other.end()
	say("-", took)
	say("cpu", used+theirs)
}

func pipePong(p *program) {
	n := p.sizes[0]
	var b [1]byte
	_, err := os.Stdout.Write(b[:])
	must(err)
	used := cpuTime()
	for range n {
		_, err := io.ReadFull(os.Stdin, b[:])
		must(err)
		_, err = os.Stdout.Write(b[:])
		must(err)
	}
	fmt.Println((cpuTime() - used) / float64(n))
}

func pipeBulk(p *program) {
	n := p.sizes[0]
	other := p.startRaw("bulk-reader", n)
	var b [1]byte
	_, err := io.ReadFull(other.raw, b[:])
	must(err)
	block := make([]byte, blockSize)
	start := time.Now()
	for range n {
		_, err := other.in.Write(block)
		must(err)
	}
	_, err = io.ReadFull(other.raw, b[:])
	must(err)
	say("-", float64(n)*blockSize/float64(time.Since(start).Nanoseconds()))
	other.end()
}

func pipeReader(p *program) {
	var b [1]byte
	_, err := os.Stdout.Write(b[:])
	must(err)
	block := make([]byte, blockSize)
	for range p.sizes[0] {
		_, err := io.ReadFull(os.Stdin, block)
		must(err)
	}
	_, err = os.Stdout.Write(b[:])
	must(err)
}
