//go:build linux

package atoll

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"atoll/internal/testkit"
)

// TestFastPathsMakeNoSystemCall watches a child with strace: between two calls of
// getppid, which mark the place, its thread must make no other. Go's scheduler may
// make a few of its own on that thread when the machine is busy; a fast path
// would make thousands, in every run. So one clean run proves it.
func TestFastPathsMakeNoSystemCall(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: apt-get install strace")
	}
	var calls []string
	for range 20 {
		if calls = traceFastPaths(t, strace); len(calls) == 0 {
			return
		}
	}
	t.Fatalf("the fast paths made system calls in every run, %d in the last, the first: %s", len(calls), calls[0])
}

func traceFastPaths(t *testing.T, strace string) []string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	self, err := os.Executable()
	must(t, err)
	cmd := testkit.Command("fast-paths")
	cmd.Args = append([]string{strace, "-f", "-o", trace, self}, cmd.Args[1:]...)
	cmd.Path = strace
	cmd.Env = append(cmd.Env, "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	c := testkit.StartCommand(t, cmd)
	c.Expect("done")
	c.End()
	return callsBetweenMarks(t, trace)
}

// callsBetweenMarks returns the system calls that the marking thread made between
// its two marks.
func callsBetweenMarks(t *testing.T, trace string) (calls []string) {
	t.Helper()
	file, err := os.Open(trace)
	must(t, err)
	defer func() { _ = file.Close() }()
	thread, marks := "", 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		tid, call, _ := strings.Cut(lines.Text(), " ")
		call = strings.TrimSpace(call)
		switch {
		case strings.HasPrefix(call, "getppid("):
			thread = tid
			marks++
		case marks == 1 && tid == thread && !strings.HasPrefix(call, "---") && !strings.Contains(call, "getppid resumed"):
			calls = append(calls, call)
		}
	}
	if marks != 2 {
		t.Fatalf("the trace has %d marks, want 2", marks)
	}
	return calls
}

var _ = testkit.Role("fast-paths", func(self *testkit.Self) {
	runtime.LockOSThread()
	m, err := CreateMutex("fast", MutexOptions{})
	self.Must(err)
	e, err := CreateEvent("fast-event", EventOptions{})
	self.Must(err)
	sem, err := CreateSemaphore("fast-semaphore", SemaphoreOptions{Max: 5})
	self.Must(err)
	ctx := context.Background()
	paths := func() {
		for range 2 { // the second time from another count
			_, err := sem.Release(1)
			self.Must(err)
		}
		self.Must(sem.Wait(ctx))
		_, err = sem.TryWait()
		self.Must(err)
		_, err = m.Lock(ctx)
		self.Must(err)
		self.Must(m.Unlock())
		_, _, err = m.TryLock()
		self.Must(err)
		self.Must(m.Unlock())
		self.Must(e.Set())
		_, err = e.TryWait()
		self.Must(err)
		self.Must(e.Set())
		self.Must(e.Wait(ctx))
		self.Must(e.Reset())
	}
	paths()
	syscall.Getppid()
	for range 1000 {
		paths()
	}
	syscall.Getppid()
	self.Say("done")
	self.Must(m.Close())
	self.Must(e.Close())
	self.Must(sem.Close())
})
