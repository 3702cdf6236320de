//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// The benchmarks measure Atoll and its peers in one run, in turns, and report
// medians, and the medians of each turn's ratios: what else the machine does falls
// on both. Run each once:
//
//	go test -run XXX -bench . -benchtime 1x .

// peer is the C program that says what C can do in the same run.
var peer = sync.OnceValues(func() (string, error) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return "", errors.New("gcc is not installed: apt-get install gcc libc6-dev")
	}
	program := filepath.Join(testkit.Base(), "peer")
	out, err := exec.Command(gcc, "-O2", "-pthread", "-o", program, "testdata/peer.c").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("gcc: %w: %s", err, out)
	}
	return program, nil
})

// figures collects what the turns of a benchmark have measured.
type figures struct {
	b       *testing.B
	units   []string
	values  map[string][]float64
	derived map[string]float64 // ratios and the like
	missing bool               // there are no peers
}

func newFigures(b *testing.B) *figures {
	b.Helper()
	f := &figures{b: b, values: make(map[string][]float64), derived: make(map[string]float64)}
	if _, err := peer(); err != nil {
		b.Log("the peers in C are missing:", err)
		f.missing = true
	}
	return f
}

func (f *figures) add(unit string, value float64) {
	if f.values[unit] == nil {
		f.units = append(f.units, unit)
	}
	f.values[unit] = append(f.values[unit], value)
}

// peer runs the C program and adds what it prints, under the units given.
func (f *figures) peer(args string, units ...string) {
	f.b.Helper()
	if f.missing {
		return
	}
	program, _ := peer()
	out, err := exec.Command(program, strings.Fields(args)...).Output()
	if err != nil {
		f.b.Fatalf("peer %s: %v", args, err)
	}
	printed := strings.Fields(string(out))
	if len(printed) != len(units) {
		f.b.Fatalf("peer %s printed %q", args, out)
	}
	for i, unit := range units {
		var value float64
		if _, err := fmt.Sscan(printed[i], &value); err != nil {
			f.b.Fatal(err)
		}
		f.add(unit, value)
	}
}

// ratio notes how many times the second the first is, turn by turn.
func (f *figures) ratio(unit, first, second string) {
	a, b := f.values[first], f.values[second]
	if len(a) != len(b) || len(a) == 0 {
		return
	}
	var ratios []float64
	for i := range a {
		ratios = append(ratios, a[i]/b[i])
	}
	f.derived[unit] = median(ratios)
}

// report reports the medians and what was noted.
func (f *figures) report() {
	for f.b.Loop() { // the figures are the result, not this
	}
	f.b.ReportMetric(0, "ns/op") // left out
	for _, unit := range f.units {
		f.b.ReportMetric(median(f.values[unit]), unit)
	}
	for unit, value := range f.derived {
		f.b.ReportMetric(value, unit)
	}
}

func median(list []float64) float64 { return quantile(list, 0.5) }

// quantile leaves the list as it is.
func quantile(list []float64, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

const (
	pairTurns = 21
	chunks    = 25   // of a turn, in which what is compared takes turns of its own: a
	pairs     = 4000 // processor changes its speed within milliseconds
)

// pairwise measures calls, a chunk of each in turn, and adds the lower quartile of
// the nanoseconds of one, under the units given.
func (f *figures) pairwise(units []string, calls ...func()) {
	all := make([][]float64, len(calls))
	for range chunks {
		for i, call := range calls {
			start := time.Now()
			for range pairs {
				call()
			}
			all[i] = append(all[i], float64(time.Since(start).Nanoseconds())/pairs)
		}
	}
	for i, unit := range units {
		f.add(unit, quantile(all[i], 0.25))
	}
}

// cpuTime is the processor time of this process so far, in nanoseconds.
func cpuTime() float64 {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // cannot fail
	return float64(r.Utime.Nano() + r.Stime.Nano())
}

// onFirstProcessor starts a child that may run on the first processor only, as it
// finds when it looks how many there are.
func onFirstProcessor(b testing.TB, start func() *testkit.Child) *testkit.Child {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	must(b, unix.SchedGetaffinity(0, &all))
	for i := 0; one.Count() == 0; i++ {
		if all.IsSet(i) {
			one.Set(i)
		}
	}
	must(b, unix.SchedSetaffinity(0, &one))
	defer func() { must(b, unix.SchedSetaffinity(0, &all)) }()
	return start()
}

// bareCell is what two bare compare-and-swaps change.
var bareCell atomic.Uint64

func twoSwaps() {
	bareCell.CompareAndSwap(0, 1)
	bareCell.CompareAndSwap(1, 0)
}

// BenchmarkMutexPair measures an uncontended Lock and Unlock beside two bare
// compare-and-swaps, in Go and in C, and glibc's robust process-shared mutex.
func BenchmarkMutexPair(b *testing.B) {
	m := newTestMutex(b, "bench", MutexOptions{})
	ctx := context.Background()
	f := newFigures(b)
	lock := func() {
		_, _ = m.Lock(ctx)
		_ = m.Unlock()
	}
	tryLock := func() {
		_, _, _ = m.TryLock()
		_ = m.Unlock()
	}
	for range pairTurns {
		f.pairwise([]string{"ns/pair", "ns/2CAS", "ns/try-pair"}, lock, twoSwaps, tryLock)
		f.peer(fmt.Sprint("pairs ", chunks*pairs), "ns/robust-C", "ns/2CAS-C", "ns/semaphore-C")
	}
	f.ratio("x2CAS", "ns/pair", "ns/2CAS")
	f.ratio("try-x2CAS", "ns/try-pair", "ns/2CAS")
	f.ratio("xrobust-C", "ns/pair", "ns/robust-C")
	f.report()
}

// BenchmarkSignalPair measures Set and TryWait of an event of either kind, and
// Release and TryWait of a semaphore, beside two bare compare-and-swaps and POSIX
// semaphores in C.
func BenchmarkSignalPair(b *testing.B) {
	auto := newTestEvent(b, "bench-auto", EventOptions{})
	manual := newTestEvent(b, "bench-manual", EventOptions{ManualReset: true})
	semaphore, err := CreateSemaphore("bench-semaphore", SemaphoreOptions{Max: 1 << 30})
	must(b, err)
	defer func() { must(b, semaphore.Close()) }()
	f := newFigures(b)
	setTry := func() {
		_ = auto.Set()
		_, _ = auto.TryWait()
	}
	setTryManual := func() {
		_ = manual.Set()
		_, _ = manual.TryWait()
	}
	releaseTry := func() {
		_, _ = semaphore.Release(1)
		_, _ = semaphore.TryWait()
	}
	for range pairTurns {
		f.pairwise([]string{"ns/set-try", "ns/2CAS", "ns/release-try", "ns/manual-set-try"}, setTry, twoSwaps, releaseTry, setTryManual)
		f.peer(fmt.Sprint("pairs ", chunks*pairs), "ns/robust-C", "ns/2CAS-C", "ns/semaphore-C")
	}
	for _, pair := range []string{"set-try", "release-try", "manual-set-try"} {
		f.ratio(pair+"-x2CAS", "ns/"+pair, "ns/2CAS")
		f.ratio(pair+"-xsemaphore-C", "ns/"+pair, "ns/semaphore-C")
		f.ratio(pair+"-xrobust-C", "ns/"+pair, "ns/robust-C")
	}
	f.report()
}

// BenchmarkOwnerDeath measures how soon a waiter owns the mutex after kill -9 of
// its owner: with the bell, by the tick alone (of 1 ms here, a second by default),
// and glibc's robust mutex in C.
func BenchmarkOwnerDeath(b *testing.B) {
	const turns = 31
	defer wait.SetTick(time.Second)
	f := newFigures(b)
	for range turns {
		wait.SetTick(time.Hour)
		f.add("ns/bell", deathToOwnership(b, ""))
		f.peer("death", "ns/robust-C")
		wait.SetTick(time.Millisecond)
		f.add("ns/tick-1ms", deathToOwnership(b, "bell=off"))
	}
	f.ratio("xrobust-C", "ns/bell", "ns/robust-C")
	f.derived["p90-ns/bell"] = quantile(f.values["ns/bell"], 0.9)
	f.report()
}

// deathToOwnership returns the nanoseconds from the kill to the ownership.
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
	must(b, m.Close())
	owner.Kill()
	return float64(took.Nanoseconds())
}
