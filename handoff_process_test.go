//go:build linux

package atoll

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"atoll/internal/testkit"
)

const handoffs = 1000

// handOff has two goroutines of this process hand an object to and fro, n times.
func handOff(self *testkit.Self, ping, pong *Event, n int) {
	ctx := context.Background()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range n {
			self.Must(ping.Wait(ctx))
			self.Must(pong.Set())
		}
	}()
	for range n {
		self.Must(ping.Set())
		self.Must(pong.Wait(ctx))
	}
	<-done
}

var _ = testkit.Role("hand-off", func(self *testkit.Self) {
	setUp(self)
	ping, err := CreateEvent("ping", EventOptions{})
	self.Must(err)
	pong, err := CreateEvent("pong", EventOptions{})
	self.Must(err)
	// For the trace to show: whoever waits in vain has gone to the kernel.
	ctx, cancel := context.WithTimeout(context.Background(), 10*testkit.Quiet)
	defer cancel()
	if err := ping.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		self.Must(fmt.Errorf("a wait in vain: %w", err))
	}
	handOff(self, ping, pong, 100) // the first signals find out who waits
	maps, err := os.ReadFile("/proc/self/maps")
	self.Must(err)
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, testkit.Base()) && !strings.Contains(line, "/members/") {
			self.Say("page %s", strings.Fields(line)[0])
		}
	}
	syscall.Getppid()
	handOff(self, ping, pong, handoffs)
	syscall.Getppid()
	self.Say("done")
	self.Must(ping.Close())
	self.Must(pong.Close())
})

// TestHandOffNeedsNoKernel: goroutines of one process signal each other without the
// kernel. Between the two marks the process makes no futex call on the objects'
// pages, in whatever thread, and no call that could put a wait for them into the
// kernel, but for a few: a signal that finds nobody waiting yet is one that the
// waiter may look for in the kernel. That there are fewer than one for twenty
// signals is what is asserted; one that went to the kernel each time would make
// more than one for each.
func TestHandOffNeedsNoKernel(t *testing.T) {
	strace, err := exec.LookPath("strace")
	testkit.Need(t, err == nil, "strace")
	for _, setup := range []string{"way=io_uring", "way=futex_waitv", "way=threads"} {
		t.Run(setup, func(t *testing.T) {
			cmd, trace := traced(t, strace, "hand-off", setup)
			c := testkit.StartCommand(t, cmd)
			var pages []addresses
			line := c.Line()
			for ; strings.HasPrefix(line, "page "); line = c.Line() {
				var a addresses
				_, err := fmt.Sscanf(line, "page %x-%x", &a.from, &a.to)
				must(t, err)
				pages = append(pages, a)
			}
			if line != "done" || len(pages) != 2 {
				t.Fatalf("%q, with the pages %x", line, pages)
			}
			c.End()
			before, calls := callsOnPages(t, trace, pages)
			if len(before) == 0 {
				t.Error("the trace does not show the wait in vain")
			}
			t.Logf("%d calls for %d signals, %d before", len(calls), 2*handoffs, len(before))
			if len(calls) > handoffs/10 {
				t.Errorf("%d calls for %d signals, the last: %s", len(calls), 2*handoffs, calls[len(calls)-1])
			}
		})
	}
}

type addresses struct{ from, to uint64 }

var address = regexp.MustCompile(`0x[0-9a-f]+`)

// callsOnPages returns the calls before the first mark, and between the two, that
// refer to an address in one of the pages, or submit waits whose addresses strace
// does not see.
func callsOnPages(t *testing.T, trace string, pages []addresses) (before, between []string) {
	t.Helper()
	file, err := os.Open(trace)
	must(t, err)
	defer func() { _ = file.Close() }()
	marks := 0
	calls := make([][]string, 2)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_, call, _ := strings.Cut(lines.Text(), " ")
		call = strings.TrimSpace(call)
		switch {
		case strings.HasPrefix(call, "getppid("):
			marks++
		case marks > 1:
		case strings.HasPrefix(call, "io_uring_enter("), strings.HasPrefix(call, "futex_waitv("),
			strings.HasPrefix(call, "futex(") && refers(call, pages):
			calls[marks] = append(calls[marks], call)
		}
	}
	must(t, lines.Err())
	if marks != 2 {
		t.Fatalf("the trace has %d marks, want 2", marks)
	}
	return calls[0], calls[1]
}

func refers(call string, pages []addresses) bool {
	for _, text := range address.FindAllString(call, -1) {
		n, err := strconv.ParseUint(text[2:], 16, 64)
		for _, p := range pages {
			if err == nil && p.from <= n && n < p.to {
				return true
			}
		}
	}
	return false
}

// TestUncontendedCallsAllocateNothing; that they make no system call is shown by
// TestFastPathsMakeNoSystemCall and TestSemaphoreMakesNoSystemCall.
func TestUncontendedCallsAllocateNothing(t *testing.T) {
	m, e := newTestMutex(t, "", MutexOptions{}), newTestEvent(t, "", EventOptions{})
	manual := newTestEvent(t, "", EventOptions{ManualReset: true})
	s, err := CreateSemaphore("", SemaphoreOptions{Max: 10})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	for name, pair := range map[string]func() error{
		"Lock, Unlock": func() error {
			if _, err := m.Lock(t.Context()); err != nil {
				return err
			}
			return m.Unlock()
		},
		"Set, TryWait":          func() error { return tried(e.Set(), e.TryWait) },
		"manual: Set, TryWait":  func() error { return tried(manual.Set(), manual.TryWait) },
		"manual: Reset":         manual.Reset,
		"Release, TryWait":      func() error { _, err := s.Release(1); return tried(err, s.TryWait) },
		"Release 5, 5 TryWaits": func() error { return releaseMany(s, 5) },
	} {
		if n := testing.AllocsPerRun(1000, func() { must(t, pair()) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func releaseMany(s *Semaphore, n int32) error {
	_, err := s.Release(n)
	for range n {
		err = tried(err, s.TryWait)
	}
	return err
}

// tried takes what was signaled.
func tried(err error, try func() (bool, error)) error {
	if err != nil {
		return err
	}
	ok, err := try()
	if err == nil && !ok {
		err = fmt.Errorf("signaled, and cannot be had")
	}
	return err
}

var _ = testkit.Role("fast-semaphore", func(self *testkit.Self) {
	runtime.LockOSThread()
	s, err := CreateSemaphore("fast", SemaphoreOptions{Max: 10})
	self.Must(err)
	e, err := CreateEvent("fast-manual", EventOptions{ManualReset: true})
	self.Must(err)
	paths := func() {
		self.Must(releaseMany(s, 3))
		self.Must(tried(e.Set(), e.TryWait))
		self.Must(e.Reset())
	}
	paths()
	syscall.Getppid()
	for range 1000 {
		paths()
	}
	syscall.Getppid()
	self.Say("done")
	self.Must(s.Close())
	self.Must(e.Close())
})

// TestSemaphoreMakesNoSystemCall is TestFastPathsMakeNoSystemCall for a semaphore,
// and an event with manual reset.
func TestSemaphoreMakesNoSystemCall(t *testing.T) {
	strace, err := exec.LookPath("strace")
	testkit.Need(t, err == nil, "strace")
	var calls []string
	for range 20 {
		cmd, trace := traced(t, strace, "fast-semaphore")
		cmd.Env = append(cmd.Env, "GOGC=off", "GODEBUG=asyncpreemptoff=1")
		c := testkit.StartCommand(t, cmd)
		c.Expect("done")
		c.End()
		if calls = callsBetweenMarks(t, trace); len(calls) == 0 {
			return
		}
	}
	t.Fatalf("system calls in every run, %d in the last, the first: %s", len(calls), calls[0])
}

// traced is a command that plays a role under strace, and the file with the trace.
func traced(t *testing.T, strace, role string, args ...string) (cmd *exec.Cmd, trace string) {
	t.Helper()
	trace = filepath.Join(t.TempDir(), "trace")
	self, err := os.Executable()
	must(t, err)
	cmd = testkit.Command(role, args...)
	cmd.Args = append([]string{strace, "-f", "-o", trace, self}, cmd.Args[1:]...)
	cmd.Path = strace
	return cmd, trace
}
