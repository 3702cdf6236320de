//go:build linux

package park

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"atoll/internal/futex"
)

// eachWayBench runs a benchmark for each way that this system has.
func eachWayBench(b *testing.B, bench func(b *testing.B)) {
	for _, w := range []Way{IOUring, FutexWaitv, Threads} {
		b.Run(w.String(), func(b *testing.B) {
			Force(w)
			defer Force(Probed)
			if Current() != w {
				b.Skip("not here")
			}
			bench(b)
		})
	}
}

// BenchmarkRoundTrip sets an arm, changes its word and wakes it, and waits until
// it fires.
func BenchmarkRoundTrip(b *testing.B) {
	eachWayBench(b, func(b *testing.B) {
		w := sharedWords(b, 1)[0]
		a := newArm(b, w)
		for b.Loop() {
			a.Set(w.Load())
			w.Add(1)
			futex.Wake(w)
			<-a.hits
		}
	})
}

// BenchmarkMany sets many arms, and then wakes all of them.
func BenchmarkMany(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			eachWayBench(b, func(b *testing.B) {
				if Current() == Threads && n > 1000 {
					b.Skip("too many threads")
				}
				benchmarkMany(b, n)
			})
		})
	}
}

func benchmarkMany(b *testing.B, n int) {
	b.Helper()
	words := sharedWords(b, n)
	arms := make([]Arm, n)
	var left sync.WaitGroup
	for i := range arms {
		arms[i].Init(words[i], left.Done)
	}
	for b.Loop() {
		left.Add(n)
		for i := range arms {
			arms[i].Set(words[i].Load())
		}
		for _, w := range words {
			w.Add(1)
			futex.Wake(w)
		}
		left.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/arm")
}

// BenchmarkClear sets many arms, and takes all of them out again.
func BenchmarkClear(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			eachWayBench(b, func(b *testing.B) {
				if Current() == Threads && n > 100 {
					b.Skip("too many threads")
				}
				words := sharedWords(b, n)
				arms := make([]Arm, n)
				for i := range arms {
					arms[i].Init(words[i], func() {})
				}
				for b.Loop() {
					for i := range arms {
						arms[i].Set(0)
					}
					for i := range arms {
						arms[i].Clear()
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/arm")
			})
		})
	}
}

// BenchmarkWake is the time from a wake to a goroutine that knows of it, when the
// arm has been set for a while.
func BenchmarkWake(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			eachWayBench(b, func(b *testing.B) {
				words := sharedWords(b, n)
				arms := make([]*testArm, n)
				for i := range arms {
					arms[i] = newArm(b, words[i])
					arms[i].Set(0)
				}
				for i := 0; b.Loop(); i++ {
					w, a := words[i%n], arms[i%n]
					b.StopTimer()
					a.Set(w.Load())
					time.Sleep(200 * time.Microsecond)
					b.StartTimer()
					w.Add(1)
					futex.Wake(w)
					<-a.hits
				}
			})
		})
	}
}
