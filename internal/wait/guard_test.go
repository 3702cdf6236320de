//go:build linux

package wait_test

import (
	"testing"

	"atoll/internal/layout"
	"atoll/internal/wait"
)

// BenchmarkGuard is a release and a take of a semaphore without fast paths, of one's
// own and of one that others may write.
func BenchmarkGuard(b *testing.B) {
	for name, writers := range map[string]*wait.Writers{"own": nil, "guarded": {UID: 1, Mode: 0o666}} {
		b.Run(name, func(b *testing.B) {
			o := newObject(b, layout.SemaphoreWord)
			var s wait.Slot
			s.Init(wait.Object{Page: o.page, Kind: layout.SemaphoreWord, Limit: 5, Writers: writers}, o.me, nil)
			for b.Loop() {
				if _, err := s.Change(func(word uint32) uint32 { return word + 1 }, nil); err != nil {
					b.Fatal(err)
				}
				if _, taken, err := s.Try(); !taken || err != nil {
					b.Fatal(taken, err)
				}
			}
		})
	}
}
