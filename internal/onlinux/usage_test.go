//go:build linux

package onlinux

import (
	"sync"
	"sync/atomic"
	"testing"

	"atoll/internal/testkit"
)

func TestUsage(t *testing.T) {
	var u usage
	u.init()
	for range 2 {
		if !u.enter() {
			t.Fatal("closed from the beginning")
		}
	}
	ended := make(chan struct{})
	go func() { u.end(); close(ended) }()
	for u.enter() { // until end is under way
		u.leave()
	}
	testkit.Blocked(t, ended, "end")
	if u.end() {
		t.Fatal("ended twice")
	}
	u.leave()
	testkit.Blocked(t, ended, "end")
	u.leave()
	testkit.Soon(t, ended, "end")
	if u.enter() || !u.ended() {
		t.Fatal("not ended")
	}
}

// After end nobody is inside, whatever came in at the same time.
func TestUsageConcurrently(t *testing.T) {
	for range 300 {
		var u usage
		u.init()
		var gone atomic.Bool
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for u.enter() {
					if gone.Load() {
						t.Error("inside after the end")
					}
					u.leave()
				}
			})
		}
		var ends atomic.Int32
		for range 2 {
			all.Go(func() {
				if u.end() {
					gone.Store(true)
					ends.Add(1)
				}
			})
		}
		all.Wait()
		if ends.Load() != 1 {
			t.Fatalf("ended %d times", ends.Load())
		}
	}
}
