//go:build linux

package atoll

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"atoll/internal/namespace"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) {
	lostHandles = &lost
	testkit.Main(m, lost.verdict, sweep)
}

// sweep removes what killed children left; nothing may be left after it.
func sweep() error {
	dir, err := namespace.OpenDir(testkit.Base(), namespace.Local)
	if err != nil {
		return err
	}
	_, err = dir.Sweep()
	return errors.Join(err, dir.Close())
}

// lost names the handles that were lost without Close: no test may lose one.
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

func (l *lostReport) verdict() error {
	runtime.GC()
	time.Sleep(testkit.Quiet) // cleanups run on a goroutine of their own
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []error
	for _, line := range l.lines {
		all = append(all, errors.New(strings.TrimSpace(line)))
	}
	return errors.Join(all...)
}

var _ = testkit.Role("lose-handle", func(self *testkit.Self) {
	lostHandles = &lost
	func() {
		e, err := CreateEvent("lost", EventOptions{})
		self.Must(err)
		self.Must(e.Set())
	}()
	for lost.verdict() == nil {
		runtime.GC()
	}
	self.Say("reported: %v", lost.verdict())
	_, err := OpenEvent("lost", 0)
	self.Say("the object still exists: %v", err == nil)
})

func TestLostHandleIsReportedAndStaysOpen(t *testing.T) {
	child := testkit.Start(t, "lose-handle")
	if line := child.Line(); !strings.HasPrefix(line, "reported: ") || !strings.Contains(line, "main_test.go") {
		t.Fatalf("the report does not say where the handle was made: %q", line)
	}
	child.Expect("the object still exists: true")
	child.End()
}
