//go:build linux

package atoll

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// peer is the C program that says what C can do in the same run.
var peer = sync.OnceValues(func() (string, error) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return "", fmt.Errorf("gcc is not installed: apt-get install gcc")
	}
	program := filepath.Join(testkit.Base(), "peer")
	out, err := exec.Command(gcc, "-O2", "-pthread", "-o", program, "testdata/peer.c").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("gcc: %w: %s", err, out)
	}
	return program, nil
})

func runPeer(b *testing.B, args ...string) string {
	b.Helper()
	program, err := peer()
	if err != nil {
		b.Skip(err)
	}
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// BenchmarkMutexPair measures an uncontended Lock and Unlock beside two bare
// compare-and-swaps, in Go and in C, and glibc's robust process-shared mutex: all
// in one run, in turns, and reports the ratios of the medians.
func BenchmarkMutexPair(b *testing.B) {
	m := newTestMutex(b, "bench", MutexOptions{})
	ctx := context.Background()
	var cell atomic.Uint64
	const rounds, pairs = 9, 2_000_000
	var ours, bare, robust, bareC []float64
	for range rounds {
		ours = append(ours, perPair(pairs, func() {
			_, _ = m.Lock(ctx)
			_ = m.Unlock()
		}))
		bare = append(bare, perPair(pairs, func() {
			cell.CompareAndSwap(0, 1)
			cell.CompareAndSwap(1, 0)
		}))
		var r, c float64
		if _, err := fmt.Sscan(runPeer(b, "pairs", fmt.Sprint(pairs)), &r, &c); err != nil {
			b.Fatal(err)
		}
		robust, bareC = append(robust, r), append(bareC, c)
	}
	for b.Loop() { // the figures above are the result
	}
	b.ReportMetric(median(ours), "ns/pair")
	b.ReportMetric(median(bare), "ns/2CAS")
	b.ReportMetric(median(bareC), "ns/2CAS-C")
	b.ReportMetric(median(robust), "ns/robust-C")
	b.ReportMetric(median(ours)/median(bare), "x2CAS")
	b.ReportMetric(median(ours)/median(robust), "xrobust-C")
}

func perPair(n int, f func()) float64 {
	start := time.Now()
	for range n {
		f()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkOwnerDeath measures how soon a waiter owns the mutex after kill -9 of
// its owner: with the bell, by the tick alone (of 1 ms here, a second by default),
// and glibc's robust mutex in C.
func BenchmarkOwnerDeath(b *testing.B) {
	const rounds = 31
	defer wait.SetTick(time.Second)
	measure := func(setup string, tick time.Duration) float64 {
		wait.SetTick(tick)
		var all []float64
		for range rounds {
			all = append(all, deathToOwnership(b, setup))
		}
		return median(all)
	}
	bell, tick := measure("", time.Hour), measure("bell=off", time.Millisecond)
	var robust []float64
	for range rounds {
		var ns float64
		if _, err := fmt.Sscan(runPeer(b, "death"), &ns); err != nil {
			b.Fatal(err)
		}
		robust = append(robust, ns/1000)
	}
	for b.Loop() {
	}
	b.ReportMetric(bell, "µs/bell")
	b.ReportMetric(tick, "µs/tick-1ms")
	b.ReportMetric(median(robust), "µs/robust-C")
	b.ReportMetric(bell/median(robust), "xrobust-C")
}

// deathToOwnership returns the microseconds from the kill to the ownership.
func deathToOwnership(b *testing.B, setup string) float64 {
	b.Helper()
	owner := startAgent(b, setup, "death")
	ask(b, owner, "lock death")
	m := openTestMutex(b, "death")
	owned := make(chan time.Time)
	go func() {
		mustLock(b, m, true)
		owned <- time.Now()
	}()
	time.Sleep(testkit.Quiet / 5)
	start := time.Now()
	_ = owner.Cmd.Process.Kill()
	took := (<-owned).Sub(start)
	mustUnlock(b, m)
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
	owner.Kill()
	return float64(took.Nanoseconds()) / 1000
}
