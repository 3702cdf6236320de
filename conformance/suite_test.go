package conformance

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"atoll/win32"
)

// The process's first thread never ends in Go: so no line, who owns mutexes until its
// thread ends, may come to run on it.
func init() { runtime.LockOSThread() }

// line is one line of the checklist: what is set up, what is called, and what comes
// of it on Windows.
type line struct {
	id     string // C001; numbers have gaps
	says   string
	source string // the page or test that says so, and the mark of how sure that is
	check  func(t *T)
	// gap says, for a system that is known to differ, why. The line must fail there;
	// when it passes the gap is closed, and the entry goes.
	gap gaps
	// not says, for a system where the line has no meaning, why.
	not gaps
}

// gaps are reasons by system.
type gaps map[string]string

// The systems.
const (
	onLinux   = "linux"
	onWine    = "wine"
	onWindows = "windows"
)

// Go never ends a process's first thread, so no line may come to run on it.
func init() { runtime.LockOSThread() }

// system is where this runs. Wine says so in the environment that CI gives it.
func system() string {
	switch {
	case runtime.GOOS == "windows" && os.Getenv("ATOLL_CONFORMANCE_WINE") != "":
		return onWine
	case runtime.GOOS == "windows":
		return onWindows
	}
	return onLinux
}

// run runs the lines of an area, each as a test of its own.
func run(t *testing.T, lines []line) {
	t.Helper()
	for _, l := range lines {
		t.Run(l.id, func(t *testing.T) {
			came, why := verdict(t, &l)
			remember(t, &l, came, why)
		})
	}
}

// verdict is what came of a line, and why.
func verdict(t *testing.T, l *line) (came, why string) {
	t.Helper()
	if why, is := l.not[system()]; is {
		t.Logf("not applicable: %s", why)
		return notApplicable, why
	}
	r := perform(l)
	why, known := l.gap[system()]
	switch {
	case known && !r.failed:
		t.Errorf("the gap is closed: %s\nit was: %s", l.says, why)
		return failed, "the gap is closed: " + why
	case known:
		t.Logf("known gap: %s\n%s", why, r.said())
		return knownGap, why
	case r.failed:
		t.Errorf("%s [%s]\n%s", l.says, l.source, r.said())
		return failed, r.said()
	}
	return passed, ""
}

// lineLimit is when a line hangs.
const lineLimit = 90 * time.Second

// perform checks a line on a thread of its own, which ends with it: mutexes belong to
// threads.
func perform(l *line) *T {
	t := &T{line: l.id}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.cleanUp()
		defer t.surprised()
		runtime.LockOSThread() // and never unlocked
		debug.SetPanicOnFault(true)
		l.check(t)
	}()
	select {
	case <-done:
		return t
	case <-time.After(lineLimit):
		all := make([]byte, 1<<20)
		return &T{failed: true, log: []string{"it hangs", string(all[:runtime.Stack(all, true)])}}
	}
}

// T is what a line says its result to. Its methods are like those of testing.T, but a
// failure need not fail the test.
type T struct {
	sync.Mutex
	line    string
	failed  bool
	log     []string
	cleanup []func()
	handles map[win32.Handle]bool // to be closed when the line ends
	names   int
}

// surprised fails the line for a panic, so that the others are checked.
func (t *T) surprised() {
	if what := recover(); what != nil {
		t.fail("panic: %v\n%s", what, debug.Stack())
	}
}

func (t *T) said() string { t.Lock(); defer t.Unlock(); return strings.Join(t.log, "\n") }

// Logf says something.
func (t *T) Logf(format string, args ...any) {
	t.Lock()
	defer t.Unlock()
	_, file, at, _ := runtime.Caller(1)
	t.log = append(t.log, fmt.Sprintf("%s:%d: ", file[strings.LastIndexAny(file, `/\`)+1:], at)+fmt.Sprintf(format, args...))
}

// Errorf fails the line.
func (t *T) Errorf(format string, args ...any) { t.fail(format, args...) }

// Fatalf fails the line and ends it.
func (t *T) Fatalf(format string, args ...any) {
	t.fail(format, args...)
	runtime.Goexit()
}

func (t *T) fail(format string, args ...any) {
	t.Lock()
	defer t.Unlock()
	t.failed = true
	var where strings.Builder
	for skip := 2; skip < 6; skip++ {
		if _, file, at, ok := runtime.Caller(skip); ok && strings.HasSuffix(file, "_test.go") {
			where.WriteString(fmt.Sprintf("%s:%d: ", file[strings.LastIndexAny(file, `/\`)+1:], at))
		}
	}
	t.log = append(t.log, where.String()+fmt.Sprintf(format, args...))
}

// Cleanup has f called when the line ends, last first.
func (t *T) Cleanup(f func()) {
	t.Lock()
	defer t.Unlock()
	t.cleanup = append(t.cleanup, f)
}

func (t *T) cleanUp() {
	for {
		t.Lock()
		n := len(t.cleanup)
		if n == 0 {
			t.Unlock()
			return
		}
		f := t.cleanup[n-1]
		t.cleanup = t.cleanup[:n-1]
		t.Unlock()
		f()
	}
}

// Name returns a name that no other line and no other process uses.
func (t *T) Name() string {
	t.names++
	return fmt.Sprintf("atoll conformance %s %d %d", t.line, os.Getpid(), t.names)
}

// Handle closes a handle when the line ends, and fails it if there is none. It passes
// over ERROR_ALREADY_EXISTS:
//
//	h := t.Handle(win32.CreateMutex(nil, false, name))
func (t *T) Handle(h win32.Handle, err error) win32.Handle {
	if err != nil && err != win32.ERROR_ALREADY_EXISTS || h == 0 || h == win32.INVALID_HANDLE_VALUE {
		t.Fatalf("handle %#x, %v", h, err)
	}
	t.Lock()
	if t.handles == nil {
		t.handles = make(map[win32.Handle]bool)
	}
	t.handles[h] = true
	t.Unlock()
	t.Cleanup(func() {
		if t.forget(h) {
			_ = win32.CloseHandle(h)
		}
	})
	return h
}

// Close closes a handle before the line ends. What has its value then is not closed: it
// may be anybody's, also the runtime's.
func (t *T) Close(h win32.Handle) {
	t.forget(h)
	t.OK(win32.CloseHandle(h))
}

// Stale is the value of a handle that was closed. Go's runtime has handles too, on
// Windows, and gets those values first that others had: what is free below, or what was
// closed last.
func (t *T) Stale() win32.Handle {
	var all [64]win32.Handle
	for i := range all {
		all[i] = t.Handle(win32.CreateEvent(nil, 1, 0, win32.NullName))
	}
	stale := slices.Max(all[:])
	t.Close(stale)
	for _, h := range all {
		if h != stale {
			t.Close(h)
		}
	}
	return stale
}

// forget says whether a handle was to be closed when the line ends.
func (t *T) forget(h win32.Handle) bool {
	t.Lock()
	defer t.Unlock()
	was := t.handles[h]
	delete(t.handles, h)
	return was
}

// Fresh is Handle for an object that must be new.
func (t *T) Fresh(h win32.Handle, err error) win32.Handle {
	if err != nil {
		_ = win32.CloseHandle(h)
		t.Fatalf("handle %#x, %v, want a new object", h, err)
	}
	return t.Handle(h, err)
}

// Exists is Handle for an object that must have been there.
func (t *T) Exists(h win32.Handle, err error) win32.Handle {
	if err != win32.ERROR_ALREADY_EXISTS {
		_ = win32.CloseHandle(h)
		t.Fatalf("handle %#x, %v, want ERROR_ALREADY_EXISTS", h, err)
	}
	return t.Handle(h, err)
}

// Refused demands that no handle came, and why.
func (t *T) Refused(want win32.Errno, h win32.Handle, err error) {
	if h != 0 && h != win32.INVALID_HANDLE_VALUE {
		_ = win32.CloseHandle(h)
		t.Errorf("a handle, %v, want error %d", err, want)
		return
	}
	t.Err(want, err)
}

// NoHandle is Refused for what a call gives:
//
//	t.NoHandle(win32.ERROR_FILE_NOT_FOUND)(win32.OpenMutex(access, false, name))
func (t *T) NoHandle(want win32.Errno) func(win32.Handle, error) {
	return func(h win32.Handle, err error) { t.Refused(want, h, err) }
}

// WaitGives is Waited for what a call gives.
func (t *T) WaitGives(want uint32) func(event uint32, err error) {
	return func(event uint32, err error) { t.Waited(want, event, err) }
}

// WaitFails is WaitFailed for what a call gives.
func (t *T) WaitFails(want win32.Errno) func(event uint32, err error) {
	return func(event uint32, err error) { t.WaitFailed(want, event, err) }
}

// Err demands an error number; 0: none.
func (t *T) Err(want win32.Errno, err error) {
	if want == 0 && err != nil || want != 0 && err != want {
		t.Errorf("error %v, want %d", err, want)
	}
}

// OK demands that there is no error.
func (t *T) OK(err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Waited demands the result of a wait.
func (t *T) Waited(want uint32, event uint32, err error) {
	if event != want || err != nil {
		t.Errorf("the wait gave %#x, %v, want %#x", event, err, want)
	}
}

// WaitFailed demands that a wait failed, and why.
func (t *T) WaitFailed(want win32.Errno, event uint32, err error) {
	if event != win32.WAIT_FAILED || err != want {
		t.Errorf("the wait gave %#x, %v, want WAIT_FAILED and %d", event, err, want)
	}
}

// Thread runs f on a thread of its own, which ends with it, and waits for it.
func (t *T) Thread(f func()) { <-t.Begin(f) }

// Begin runs f on a thread of its own, which ends with it; the channel closes then.
func (t *T) Begin(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends
		f()
	}()
	return done
}
