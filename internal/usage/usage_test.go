//go:build linux

package usage

import (
	"sync"
	"sync/atomic"
	"testing"

	"atoll/internal/testkit"
)

func TestUsage(t *testing.T) {
	var u Usage
	u.Init()
	for range 2 {
		if !u.Enter() {
			t.Fatal("closed from the beginning")
		}
	}
	ended := make(chan struct{})
	go func() { u.End(); close(ended) }()
	for u.Enter() { // until end is under way
		u.Leave()
	}
	testkit.Blocked(t, ended, "end")
	if u.End() {
		t.Fatal("ended twice")
	}
	u.Leave()
	testkit.Blocked(t, ended, "end")
	u.Leave()
	testkit.Soon(t, ended, "end")
	if u.Enter() || !u.Ended() {
		t.Fatal("not ended")
	}
}

// After end nobody is inside, whatever came in at the same time.
func TestUsageConcurrently(t *testing.T) {
	for range 300 {
		var u Usage
		u.Init()
		var gone atomic.Bool
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for u.Enter() {
					if gone.Load() {
						t.Error("inside after the end")
					}
					u.Leave()
				}
			})
		}
		var ends atomic.Int32
		for range 2 {
			all.Go(func() {
				if u.End() {
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
