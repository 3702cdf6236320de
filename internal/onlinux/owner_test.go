//go:build linux

package onlinux

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Nobody is taken for the owner because two others, one after the other, have half of
// what would say so each, also where a word has 32 bits.
func TestOwnerIsWhole(t *testing.T) {
	const handle, thread = 4, uint64(threadOwned | 2)
	var owner atomic.Uint64
	var stop atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for owners := [2]uint64{handle, thread}; !stop.Load(); owners[0], owners[1] = owners[1], owners[0] {
			setOwner(&owner, owners[0])
		}
	})
	for range 5_000_000 {
		if isOwner(&owner, threadOwned|handle) || isOwner(&owner, 2) {
			t.Error("the owner is half a handle and half a thread")
			break
		}
	}
	stop.Store(true)
	all.Wait()
}
