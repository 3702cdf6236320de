//go:build linux

package atoll

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"atoll/internal/testkit"
)

func TestMain(m *testing.M) {
	lostHandles = &lost
	testkit.Main(m)
}

// lost counts the handles that were lost without Close, and names them.
var lost lostReport

type lostReport struct {
	mu    sync.Mutex
	lines []string
}

func (l *lostReport) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

func (l *lostReport) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// TestZLostHandles runs last in this file's order of names: no test before it may
// have lost a handle.
func TestZLostHandles(t *testing.T) {
	runtime.GC()
	time.Sleep(testkit.Quiet)
	lost.mu.Lock()
	defer lost.mu.Unlock()
	for _, line := range lost.lines {
		t.Error(line)
	}
}

func TestLostHandleIsReported(t *testing.T) {
	before := lost.count()
	func() {
		e, err := CreateEvent("", EventOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_ = e.Set()
	}()
	for deadline := time.Now().Add(testkit.Hang); lost.count() == before; {
		if time.Now().After(deadline) {
			t.Fatal("a lost handle was not reported")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	lost.mu.Lock()
	defer lost.mu.Unlock()
	fmt.Fprintln(os.Stdout, "reported, as it should be:", lost.lines[before])
	lost.lines = lost.lines[:before]
}
