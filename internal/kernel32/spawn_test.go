//go:build linux

package kernel32

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/errs"
	"atoll/internal/parley"
	"atoll/internal/testkit"
	"atoll/internal/winfile"
	"atoll/internal/winprocess"
)

// spawned is a child of CreateProcess in a role, which is told lines and answers them.
type spawned struct {
	t testing.TB
	Started
	in, outEnd *os.File
	out        *bufio.Scanner
}

// pipeHandle is a handle of one end of a pipe.
func pipeHandle(f *os.File) (Handle, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	own, err := winfile.Own(fd, false)
	if err != nil {
		return 0, err
	}
	return insert(&file{File: own}, access.File, 0x1F01FF, 0)
}

// begin starts a child that hears and answers; change may alter how.
func (s *spawned) begin(change func(*Launch)) error {
	inRead, inWrite, err := os.Pipe()
	outRead, outWrite, e := os.Pipe()
	if err := errors.Join(err, e); err != nil {
		return err
	}
	in, err := pipeHandle(inRead)
	out, e := pipeHandle(outWrite)
	l := &Launch{
		Application: "/proc/self/exe", CommandLine: "child",
		Environment: append(os.Environ(), "ATOLL_TEST_ROLE=obedient", "GORACE=atexit_sleep_ms=0"),
		Redirected:  true, Standard: [3]Handle{in, out, 0},
	}
	if change != nil {
		change(l)
	}
	s.in, s.outEnd, s.out = inWrite, outRead, bufio.NewScanner(outRead)
	err = errors.Join(err, e)
	if err == nil {
		s.Started, err = CreateProcess(l)
	}
	return errors.Join(err, CloseHandle(in), CloseHandle(out))
}

// spawn starts a child in a role, which is ended with the test.
func spawn(t testing.TB, change func(*Launch)) *spawned {
	t.Helper()
	s := &spawned{t: t}
	number(t, 0, s.begin(change))
	t.Cleanup(func() {
		_ = s.in.Close()
		_ = s.outEnd.Close()
		if s.Process != 0 {
			_ = TerminateProcess(s.Process, 1)
			s.end()
		}
	})
	return s
}

// hear is the child's next line.
func (s *spawned) hear() string {
	s.t.Helper()
	_ = s.outEnd.SetReadDeadline(time.Now().Add(testkit.Hang))
	if !s.out.Scan() {
		s.t.Fatalf("process %d says nothing: %v", s.PID, s.out.Err())
	}
	return s.out.Text()
}

func (s *spawned) ask(want string, what ...any) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.in, what...); err != nil {
		s.t.Fatal(err)
	}
	if got := s.hear(); got != want {
		s.t.Errorf("%v: process %d says %q, want %q", what, s.PID, got, want)
	}
}

// end waits for the child's end, gives its code, and closes the handles.
func (s *spawned) end() uint32 {
	s.t.Helper()
	code := endOf(s.t, s.Process)
	number(s.t, 0, CloseHandle(s.Process))
	number(s.t, 0, CloseHandle(s.Thread))
	s.Process = 0
	return code
}

// endOf waits for the end of a process.
func endOf(t testing.TB, h Handle) uint32 {
	t.Helper()
	p, leave, err := useProcess(h, 0)
	number(t, 0, err)
	defer leave()
	ended := make(chan struct{})
	defer p.Watch(func() { close(ended) })()
	testkit.Soon(t, ended, "a process that ends")
	code, err := GetExitCodeProcess(h)
	number(t, 0, err)
	return code
}

var _ = testkit.Role("obedient", func(s *testkit.Self) {
	for {
		line, ok := s.Hear()
		if !ok {
			return
		}
		what := strings.Fields(line)
		n := func(i int) int {
			n, err := strconv.Atoi(what[i])
			s.Must(err)
			return n
		}
		switch what[0] {
		case "flags":
			flags, err := HandleInformation(Handle(n(1)))
			s.Say("%d %d", errs.Number(err), flags)
		case "access":
			i, err := ObjectInformation(Handle(n(1)))
			s.Say("%d %#x", errs.Number(err), i.GrantedAccess)
		case "set":
			s.Say("%d", errs.Number(SetEvent(Handle(n(1)))))
		case "pid":
			id, err := GetProcessID(Handle(n(1)))
			s.Say("%d %d", errs.Number(err), id)
		case "make":
			h, err := CreateEvent(nil, what[1], true, false, 0x1F0003)
			s.Must(err)
			s.Say("%d", h)
		case "protect":
			s.Say("%d", errs.Number(SetHandleInformation(Handle(n(1)), 3, ProtectFromClose)))
		case "close":
			s.Say("%d", errs.Number(CloseHandle(Handle(n(1)))))
		case "write":
			e, err := find(Handle(n(1)))
			s.Must(err)
			_, err = e.object.(*file).OS().WriteString(what[2])
			s.Must(err)
			e.leave()
			s.Say("written")
		case "terminate":
			h, err := OpenProcess(access.TerminateProcess, false, uint32(n(1)))
			s.Must(err)
			s.Say("%d", errs.Number(TerminateProcess(h, uint32(n(2)))))
		case "code":
			code, err := GetExitCodeProcess(Handle(n(1)))
			s.Say("%d %#x", errs.Number(err), code)
		case "descriptors":
			s.Say("%d", len(testkit.Descriptors()))
		case "environment":
			s.Say("%q %q", os.Getenv(parley.InheritVariable), os.Getenv("MINE"))
		case "directory":
			dir, err := os.Getwd()
			s.Must(err)
			s.Say("%s %q", dir, s.Args)
		case "exit":
			os.Exit(n(1))
		case "raise":
			s.Must(unix.Kill(os.Getpid(), unix.Signal(n(1))))
		case "spawn": // a child that is asked the same
			c := &spawned{}
			s.Must(c.begin(func(l *Launch) { l.Inherit = true }))
			_, err := fmt.Fprintln(c.in, strings.Join(what[1:], " "))
			s.Must(err)
			c.out.Scan()
			s.Say("%s", c.out.Text())
			s.Must(TerminateProcess(c.Process, 0))
		default:
			s.Say("what is %s?", line)
		}
	}
})

// How it ended is what it ended with; signals are what stands for them.
func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		does string
		code uint32
	}{
		{"exit 0", 0},
		{"exit 7", 7},
		{"exit 255", 255},
		{"raise 9", 137},
		{"raise 15", 143},
	} {
		child := spawn(t, nil)
		code, err := GetExitCodeProcess(child.Process)
		if code != winprocess.StillActive || err != nil {
			t.Errorf("running: %d, %v", code, err)
		}
		other, err := OpenProcess(access.QueryProcess|access.Wait, false, child.PID)
		number(t, 0, err)
		number(t, 0, CompareObjectHandles(other, child.Process))
		_, err = fmt.Fprintln(child.in, c.does)
		number(t, 0, err)
		if got := child.end(); got != c.code {
			t.Errorf("%s: code %#x, want %#x", c.does, got, c.code)
		}
		if got := endOf(t, other); got != c.code {
			t.Errorf("%s, through another handle: code %#x, want %#x", c.does, got, c.code)
		}
		number(t, 0, CloseHandle(other))
		_, err = OpenProcess(access.QueryProcess, false, child.PID)
		number(t, errs.InvalidParameter, err)
	}
	for signal, code := range map[unix.Signal]uint32{
		unix.SIGSEGV: 0xC0000005, unix.SIGBUS: 0xC0000005, unix.SIGILL: 0xC000001D,
		unix.SIGFPE: 0xC0000094, unix.SIGINT: 0xC000013A, unix.SIGTERM: 143,
	} {
		if got := winprocess.CodeOf(ending.Status(signal)); got != code {
			t.Errorf("signal %d: code %#x, want %#x", signal, got, code)
		}
	}
}

func TestTerminate(t *testing.T) {
	for _, code := range []uint32{0, 259, 0xC0000005} {
		child := spawn(t, nil)
		other, err := OpenProcess(access.QueryProcess|access.TerminateProcess, false, child.PID)
		number(t, 0, err)
		number(t, 0, TerminateProcess(other, code))
		if got := endOf(t, child.Process); got != code {
			t.Errorf("code %#x, want %#x", got, code)
		}
		number(t, errs.AccessDenied, TerminateProcess(other, 5))
		number(t, 0, CloseHandle(other))
		if got := child.end(); got != code {
			t.Errorf("afterwards: code %#x, want %#x", got, code)
		}
	}
}

// The code that one process gives is seen by another, and by a third that gets its
// handle only afterwards.
func TestTerminateSeenByOthers(t *testing.T) {
	child, killer, late := spawn(t, nil), spawn(t, nil), spawn(t, nil)
	killer.ask("0", "terminate", child.PID, uint32(0xC0001234))
	if code := endOf(t, child.Process); code != 0xC0001234 {
		t.Errorf("code %#x", code)
	}
	var h Handle
	number(t, 0, DuplicateHandle(CurrentProcess, child.Process, late.Process, &h, 0, false, SameAccess))
	late.ask("0 0xc0001234", "code", h)
}

// One who is stopped keeps nobody from hearing the code, and is not heard itself.
func TestTerminateBesideStopped(t *testing.T) {
	asleep, child, killer := spawn(t, nil), spawn(t, nil), spawn(t, nil)
	asleep.ask("6 0", "flags", 0) // it listens
	stop(t, int(asleep.PID))
	killer.ask("0", "terminate", child.PID, uint32(0xC0001234))
	if code := endOf(t, child.Process); code != 0xC0001234 {
		t.Errorf("code %#x", code)
	}
	number(t, 0, unix.Kill(int(asleep.PID), unix.SIGCONT))
	asleep.ask("6 0", "flags", 0)
}

func TestCreateProcess(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	script := dir + "/a program"
	if err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$MINE\" = yes ] && [ \"$PWD\" = / ] && exit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := dir + "/text"
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	data := dir + "/data"
	if err := os.WriteFile(data, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		launch Launch
		number uint32
	}{
		"by its name":            {Launch{CommandLine: `"a program" "a b"`}, 0},
		"by its path":            {Launch{CommandLine: `"` + script + `" "a b"`}, 0},
		"an application":         {Launch{Application: script, CommandLine: `x "a b"`}, 0},
		"text ends at its NUL":   {Launch{Application: script + "\x00x", CommandLine: "x \"a b\"\x00 c", Directory: "/\x00x"}, 0},
		"NULL for nothing":       {Launch{Application: NullName, CommandLine: `"a program" "a b"`}, 0},
		"NULL for a directory":   {Launch{Application: dir + "/none", Directory: NullName}, 2},
		"no application":         {Launch{Application: dir + "/none"}, 2},
		"no folder":              {Launch{Application: dir + "/none/none"}, 3},
		"a name not in the path": {Launch{CommandLine: "sh"}, 2},
		"nothing":                {Launch{}, 2},
		"blanks":                 {Launch{CommandLine: "  "}, 2},
		"a folder":               {Launch{Application: dir}, 5},
		"data":                   {Launch{Application: data}, 5},
		"text":                   {Launch{Application: text}, 193},
		"too long":               {Launch{Application: script, CommandLine: strings.Repeat("x", 1<<22)}, 206},
		"suspended":              {Launch{Application: script, Flags: createSuspended}, 50},
		"no directory":           {Launch{Application: script, Directory: dir + "/none"}, 267},
		"no standard file":       {Launch{Application: script, Redirected: true, Standard: [3]Handle{0xABC0}}, 6},
		"a list for nobody":      {Launch{Application: script, Listed: true}, 87},
		"a pseudo-handle listed": {Launch{Application: script, Inherit: true, Listed: true, Handles: []Handle{CurrentProcess}}, 87},
		"no handle listed":       {Launch{Application: script, Inherit: true, Listed: true, Handles: []Handle{0xABC0}}, 6},
	} {
		l := c.launch
		if l.Directory == "" {
			l.Directory = "/"
		}
		l.Environment = []string{"MINE=yes\x00no"}
		s, err := CreateProcess(&l)
		if errs.Number(err) != c.number {
			t.Errorf("%s: %v (%d), want %d", name, err, errs.Number(err), c.number)
		}
		if err != nil {
			continue
		}
		if code := endOf(t, s.Process); code != 3 {
			t.Errorf("%s: code %d", name, code)
		}
		number(t, 0, CloseHandle(s.Process))
		number(t, 0, CloseHandle(s.Thread))
	}
	e, err := CreateEvent(nil, "", false, false, 0)
	number(t, 0, err)
	_, err = CreateProcess(&Launch{Application: script, Inherit: true, Listed: true, Handles: []Handle{e}})
	number(t, errs.InvalidParameter, err)
	number(t, 0, CloseHandle(e))
}

// What is listed twice is inherited once, whatever it is.
func TestListedTwice(t *testing.T) {
	e, err := CreateEvent(&Attributes{Inherit: true}, "", true, false, 0x1F0003)
	number(t, 0, err)
	timer, err := CreateWaitableTimer(&Attributes{Inherit: true}, "", true, 0x1F0003)
	number(t, 0, err)
	child := spawn(t, func(l *Launch) {
		l.Inherit, l.Listed, l.Handles = true, true, []Handle{timer, e, timer | 1, e | 2}
	})
	child.ask("0 0x1f0003", "access", timer)
	child.ask("0", "set", e)
	child.ask("0", "close", timer)
	child.ask("6", "close", timer)
	if result, err := WaitForSingleObject(e, 0, false); result != 0 || err != nil {
		t.Errorf("result %#x, %v", result, err)
	}
	number(t, 0, CloseHandle(e))
	number(t, 0, CloseHandle(timer))
}

// Many children in a row leave nothing: no descriptor, no zombie, no goroutine.
func TestManyChildren(t *testing.T) {
	many := 1000
	if testing.Short() {
		many = 100
	}
	inherited, err := CreateEvent(&Attributes{Inherit: true}, "", false, false, 0x1F0003)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(inherited)) }()
	descriptors, goroutines := len(testkit.Descriptors()), runtime.NumGoroutine()
	var pids []uint32
	for i := range many {
		s, err := CreateProcess(&Launch{Application: "/bin/true", Inherit: true})
		number(t, 0, err)
		pids = append(pids, s.PID)
		if i%2 == 0 { // of every other one nobody sees the end
			endOf(t, s.Process)
		}
		number(t, 0, CloseHandle(s.Process))
		number(t, 0, CloseHandle(s.Thread))
	}
	gone := func() bool {
		zombies := slices.ContainsFunc(pids, func(pid uint32) bool {
			var info unix.Siginfo
			return unix.Waitid(unix.P_PID, int(pid), &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil
		})
		return !zombies && len(testkit.Descriptors()) <= descriptors && runtime.NumGoroutine() <= goroutines
	}
	for end := time.Now().Add(testkit.Hang); !gone(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("descriptors %d, were %d; goroutines %d, were %d; or zombies", len(testkit.Descriptors()), descriptors, runtime.NumGoroutine(), goroutines)
		}
	}
}

// A program that waits for its own children of os/exec gets their status, whatever is
// asked here.
func TestForeignChildKeepsItsStatus(t *testing.T) {
	child := testkit.Start(t, "obedient")
	h, err := OpenProcess(access.QueryProcess|access.Wait, false, uint32(child.PID()))
	number(t, 0, err)
	child.Tell("exit 9")
	if code := endOf(t, h); code != 9 {
		t.Errorf("code %d", code)
	}
	_ = child.Wait()
	if code := child.Cmd.ProcessState.ExitCode(); code != 9 {
		t.Errorf("its parent is told %d", code)
	}
	number(t, 0, CloseHandle(h))
}
