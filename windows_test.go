//go:build windows

package atoll

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The package over Windows' own objects. CI runs this under Wine, which is not Windows.

const (
	windowsRole  = "ATOLL_WINDOWS_ROLE"
	windowsQuiet = 50 * time.Millisecond // so long a thing must not happen
	windowsHang  = time.Minute           // so long it may take
)

func TestMain(m *testing.M) {
	if role := os.Getenv(windowsRole); role != "" {
		if err := windowsRoles[role](os.Args[1]); err != nil {
			fmt.Println("FAILED:", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// windowsRoles are what a child can play; each stays until its input ends.
var windowsRoles = map[string]func(name string) error{
	"own": func(name string) error {
		m, err := OpenMutex(name, 0)
		if err == nil {
			_, err = m.Lock(context.Background())
		}
		return stay(err)
	},
	"set": func(name string) error {
		e, err := OpenEvent(name, 0)
		return stay(errors.Join(err, e.Set()))
	},
	"write": func(name string) error {
		s, err := OpenSection(name, 0)
		if err != nil {
			return err
		}
		v, err := s.Map(0, 0, 0)
		if err == nil {
			copy(v.Bytes(), "from the child")
		}
		return stay(err)
	},
}

// stay says that the child is ready, and waits for the end of its input.
func stay(err error) error {
	if err == nil {
		fmt.Println("ready")
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	return err
}

// startRole starts this program in a role, and waits until it is ready.
func startRole(t *testing.T, role, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], name)
	cmd.Env = append(os.Environ(), windowsRole+"="+role)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	return cmd
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks what errors.Is finds, and the number.
func wantError(t *testing.T, err, want error, number uint32) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !errors.Is(err, want) || !ok || e.Win32() != number {
		t.Fatalf("got %v, want %v with the number %d", err, want, number)
	}
}

func shortly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), windowsQuiet)
	t.Cleanup(cancel)
	return ctx
}

func closeAtEnd[T io.Closer](t *testing.T, c T) T {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestWindowsNames(t *testing.T) {
	const name = `Local\atoll-names`
	_, err := OpenEvent(name, 0)
	wantError(t, err, fs.ErrNotExist, 2)
	e, err := CreateEvent(name, EventOptions{})
	must(t, err)
	_, err = CreateEvent(name, EventOptions{})
	wantError(t, err, fs.ErrExist, 183)
	_, err = CreateMutex(name, MutexOptions{})
	wantError(t, err, ErrWrongType, 6)
	_, err = OpenSemaphore("atoll-names", 0)
	wantError(t, err, ErrWrongType, 6)
	_, err = CreateEvent(`\x`, EventOptions{})
	wantError(t, err, ErrBadName, 161)
	_, err = CreateEvent(`nowhere\x`, EventOptions{})
	wantError(t, err, fs.ErrNotExist, 3)
	_, err = OpenEvent(name, Read)
	wantError(t, err, fs.ErrPermission, 5)
	_, err = CreateEvent("", EventOptions{Security: &Security{Mode: 0o666}})
	wantError(t, err, errors.ErrUnsupported, 50)
	again, created, err := CreateOrOpenEvent("atoll-names", EventOptions{})
	must(t, err)
	if created || !SameObject(e, again) {
		t.Fatal("the same name is another event")
	}
	must(t, e.Close())
	wantError(t, e.Set(), os.ErrClosed, 6)
	wantError(t, e.Close(), os.ErrClosed, 6)
	must(t, again.Close())
	_, err = OpenEvent(name, 0)
	wantError(t, err, fs.ErrNotExist, 2)
}

func TestWindowsEvent(t *testing.T) {
	e, err := CreateEvent("atoll-event", EventOptions{})
	must(t, err)
	closeAtEnd(t, e)
	wantError(t, e.Wait(shortly(t)), context.DeadlineExceeded, 258)
	startRole(t, "set", "atoll-event")
	must(t, e.Wait(t.Context()))
	if ok, err := e.TryWait(); ok || err != nil {
		t.Fatalf("an auto-reset event is still set: %v, %v", ok, err)
	}
	waiter, err := OpenEvent("atoll-event", Wait)
	must(t, err)
	wantError(t, waiter.Set(), fs.ErrPermission, 5)
	ended := make(chan error)
	go func() { ended <- waiter.Wait(context.Background()) }()
	select {
	case err := <-ended:
		t.Fatalf("the wait ended: %v", err)
	case <-time.After(windowsQuiet):
	}
	must(t, waiter.Close())
	wantError(t, <-ended, os.ErrClosed, 6)
}

func TestWindowsSemaphore(t *testing.T) {
	s, err := CreateSemaphore("", SemaphoreOptions{Initial: 1, Max: 2})
	must(t, err)
	closeAtEnd(t, s)
	must(t, s.Wait(t.Context()))
	if previous, err := s.Release(2); previous != 0 || err != nil {
		t.Fatalf("release: %d, %v", previous, err)
	}
	_, err = s.Release(1)
	wantError(t, err, ErrTooManyPosts, 298)
	_, err = s.Release(0)
	wantError(t, err, fs.ErrInvalid, 87)
}

func TestWindowsTimer(t *testing.T) {
	timer, err := CreateTimer("", TimerOptions{})
	must(t, err)
	closeAtEnd(t, timer)
	wantError(t, timer.SetAfter(-1, 0), fs.ErrInvalid, 87)
	must(t, timer.SetAfter(time.Hour, 0))
	wantError(t, timer.Wait(shortly(t)), context.DeadlineExceeded, 258)
	must(t, timer.Cancel())
	for _, set := range []func() error{
		func() error { return timer.SetAfter(0, 0) },
		func() error { return timer.SetAfter(time.Millisecond, 0) },
		func() error { return timer.SetAt(time.Now().Add(-time.Hour), 0) },
	} {
		must(t, set())
		must(t, timer.Wait(t.Context()))
	}
	must(t, timer.SetAfter(time.Millisecond, time.Millisecond))
	must(t, timer.Wait(t.Context()))
	must(t, timer.Wait(t.Context()))
}

func TestWindowsMutexBelongsToTheHandle(t *testing.T) {
	m, err := CreateMutex("atoll-mutex", MutexOptions{InitiallyOwned: true})
	must(t, err)
	closeAtEnd(t, m)
	other := closeAtEnd(t, duplicateOf(t, m))
	for _, handle := range []*Mutex{m, other} { // also the owner's: it is not recursive
		if ok, _, err := handle.TryLock(); ok || err != nil {
			t.Fatalf("owned twice: %v, %v", ok, err)
		}
	}
	wantError(t, other.Unlock(), ErrNotOwner, 288)
	_, err = other.Lock(shortly(t))
	wantError(t, err, context.DeadlineExceeded, 258)
	locked := make(chan error)
	go func() { _, err := other.Lock(context.Background()); locked <- err }()
	select {
	case err := <-locked:
		t.Fatalf("the lock ended: %v", err)
	case <-time.After(windowsQuiet):
	}
	unlocked := make(chan error)
	go func() { unlocked <- m.Unlock() }() // any goroutine may
	must(t, <-unlocked)
	must(t, <-locked)
	wantError(t, m.Unlock(), ErrNotOwner, 288)
	must(t, other.Unlock())
}

func duplicateOf[T Object](t *testing.T, o T) T {
	t.Helper()
	d, err := Duplicate(o, SameAccess)
	must(t, err)
	return d
}

// Many goroutines, each through a handle of its own and through one of all.
func TestWindowsMutexExcludes(t *testing.T) {
	const members, rounds = 8, 50
	shared, err := CreateMutex("", MutexOptions{})
	must(t, err)
	closeAtEnd(t, shared)
	count := 0
	ended := make(chan error)
	for i := range members {
		m := shared
		if i%2 == 0 {
			m = closeAtEnd(t, duplicateOf(t, shared))
		}
		go func() {
			var err error
			for range rounds {
				_, lock := m.Lock(context.Background())
				count++
				err = errors.Join(err, lock, m.Unlock())
			}
			ended <- err
		}()
	}
	for range members {
		must(t, <-ended)
	}
	if count != members*rounds {
		t.Fatalf("counted to %d", count)
	}
}

func TestWindowsMutexAbandoned(t *testing.T) {
	m, err := CreateMutex("atoll-abandoned", MutexOptions{})
	must(t, err)
	closeAtEnd(t, m)
	lock := func(when string, abandoned bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), windowsHang)
		defer cancel()
		previous, err := m.Lock(ctx)
		must(t, err)
		if (previous != nil) != abandoned {
			t.Fatalf("%s: abandoned: %v", when, previous)
		}
		must(t, m.Unlock())
	}
	lock("new", false)
	child := startRole(t, "own", "atoll-abandoned")
	if ok, _, err := m.TryLock(); ok || err != nil {
		t.Fatalf("locked what the child owns: %v, %v", ok, err)
	}
	must(t, child.Process.Kill())
	lock("after the owner was killed", true)
	lock("afterwards", false)
	other := duplicateOf(t, m)
	_, err = other.Lock(t.Context())
	must(t, err)
	must(t, other.Close())
	lock("after the owning handle was closed", true)
}

func TestWindowsWaitAny(t *testing.T) {
	var objects []Waitable
	var events []*Event
	for range MaxWait {
		e, err := CreateEvent("", EventOptions{})
		must(t, err)
		closeAtEnd(t, e)
		objects, events = append(objects, e), append(events, e)
	}
	_, err := WaitAny(shortly(t), objects...)
	wantError(t, err, context.DeadlineExceeded, 258)
	go func() { time.Sleep(windowsQuiet); _ = events[MaxWait-1].Set() }()
	r, err := WaitAny(t.Context(), objects...)
	must(t, err)
	if r.Index != MaxWait-1 {
		t.Fatalf("index %d", r.Index)
	}
	_, err = WaitAny(t.Context(), append(objects, objects[0])...)
	wantError(t, err, fs.ErrInvalid, 87)

	c := make(chan int)
	channel := WaitChan(c)
	go func() { c <- 7 }()
	r, err = WaitAny(t.Context(), objects[0], channel)
	must(t, err)
	if value, ok := channel.Value(); r.Index != 1 || !ok || value != 7 {
		t.Fatalf("index %d, value %d, %v", r.Index, value, ok)
	}
	_, err = WaitAny(shortly(t), channel)
	wantError(t, err, context.DeadlineExceeded, 258)

	child := startRole(t, "set", nameOfNew(t))
	process, err := WaitProcess(child.Process.Pid)
	must(t, err)
	_, err = WaitAny(shortly(t), objects[0], process)
	wantError(t, err, context.DeadlineExceeded, 258)
	must(t, child.Process.Kill())
	r, err = WaitAny(t.Context(), objects[0], process)
	if err != nil || r.Index != 1 {
		t.Fatalf("index %d, %v", r.Index, err)
	}
}

func TestWindowsSignalAndWait(t *testing.T) {
	m, err := CreateMutex("", MutexOptions{InitiallyOwned: true})
	must(t, err)
	closeAtEnd(t, m)
	e, err := CreateEvent("", EventOptions{})
	must(t, err)
	closeAtEnd(t, e)
	_, err = SignalAndWait(shortly(t), m, e)
	wantError(t, err, context.DeadlineExceeded, 258)
	_, err = SignalAndWait(shortly(t), m, e)
	wantError(t, err, ErrNotOwner, 288)
	_, err = SignalAndWait(t.Context(), e, m) // which was unlocked
	must(t, err)
	other := closeAtEnd(t, duplicateOf(t, m))
	_, err = SignalAndWait(t.Context(), m, other)
	must(t, err)
	must(t, other.Unlock())
	_, err = m.Lock(t.Context())
	must(t, err)
	_, err = SignalAndWait(t.Context(), m, m)
	must(t, err)
	full, err := CreateSemaphore("", SemaphoreOptions{Initial: 1, Max: 1})
	must(t, err)
	closeAtEnd(t, full)
	_, err = SignalAndWait(t.Context(), full, e)
	wantError(t, err, ErrTooManyPosts, 298)
	must(t, e.Wait(t.Context())) // what the first use of e as a signal left
}

// nameOfNew is the name of a new event.
func nameOfNew(t *testing.T) string {
	t.Helper()
	e, err := CreateEvent("atoll-new-"+t.Name(), EventOptions{})
	must(t, err)
	return closeAtEnd(t, e).Name()
}

func TestWindowsWaitAll(t *testing.T) {
	e, err := CreateEvent("", EventOptions{})
	must(t, err)
	closeAtEnd(t, e)
	first, err := CreateMutex("", MutexOptions{})
	must(t, err)
	closeAtEnd(t, first)
	second, err := CreateMutex("", MutexOptions{})
	must(t, err)
	closeAtEnd(t, second)
	_, err = WaitAll(shortly(t), first, e, second)
	wantError(t, err, context.DeadlineExceeded, 258)
	go func() { time.Sleep(windowsQuiet); _ = e.Set() }()
	_, err = WaitAll(t.Context(), first, e, second)
	must(t, err)
	must(t, second.Unlock())
	must(t, first.Unlock())
	again := closeAtEnd(t, duplicateOf(t, first))
	_, err = WaitAll(t.Context(), first, again)
	wantError(t, err, fs.ErrInvalid, 87)
	_, err = WaitAll(t.Context(), first, WaitChan(make(chan int)))
	wantError(t, err, errors.ErrUnsupported, 50)
	left := duplicateOf(t, second)
	_, err = left.Lock(t.Context())
	must(t, err)
	must(t, left.Close())
	must(t, e.Set())
	r, err := WaitAll(t.Context(), e, second)
	if err != nil || r.Index != 1 || r.Abandoned == nil {
		t.Fatalf("got %+v, %v", r, err)
	}
	must(t, second.Unlock())
	must(t, second.Close())
	must(t, e.Set())
	_, err = SignalAndWait(t.Context(), e, e)
	must(t, err)
}

func TestWindowsSection(t *testing.T) {
	const name, size = "atoll-section", 1 << 17
	s, err := CreateSection(name, SectionOptions{Size: size - 1})
	must(t, err)
	closeAtEnd(t, s)
	v, err := s.Map(0, 0, 0)
	must(t, err)
	if s.Size() != size || v.Size() != size {
		t.Fatalf("the section has %d bytes, the view %d", s.Size(), v.Size())
	}
	startRole(t, "write", name)
	if got := string(v.Bytes()[:14]); got != "from the child" {
		t.Fatalf("the view shows %q", got)
	}
	reader, err := OpenSection(name, Read)
	must(t, err)
	closeAtEnd(t, reader)
	_, err = reader.Map(Write, 0, 0)
	wantError(t, err, fs.ErrPermission, 5)
	copied, err := reader.Map(Copy, 1<<16, 0)
	must(t, err)
	copied.Bytes()[0] = 1
	if v.Bytes()[1<<16] != 0 {
		t.Fatal("a write to a copy is seen")
	}
	must(t, copied.Close())
	_, err = s.Map(0, 4096, 0)
	wantError(t, err, fs.ErrInvalid, 1132)
	_, err = s.Map(0, size, 0)
	wantError(t, err, fs.ErrInvalid, 5)
	must(t, v.Protect(0, 4096, 0))
	err = v.Guard(func(b []byte) error { b[0] = 1; return nil })
	wantError(t, err, ErrFault, 999)
	n, err := v.ReadAt(make([]byte, 10), 0)
	if n != 0 || !errors.Is(err, ErrFault) {
		t.Fatalf("read %d, %v", n, err)
	}
	must(t, v.Protect(0, 4096, Write))
	if n, err := v.WriteAt([]byte("abc"), size-2); n != 2 || !errors.Is(err, io.ErrShortWrite) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	must(t, v.Close())
	wantError(t, v.Close(), os.ErrClosed, 6)
}

// newFile is an empty file. Wine 8 does not remove what is in t.TempDir.
func newFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp("", "atoll") //nolint:usetesting // see above
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(f.Close(), os.Remove(f.Name()))) })
	return f
}

func TestWindowsSectionOfAFile(t *testing.T) {
	f := newFile(t)
	_, err := CreateSection("", SectionOptions{File: f})
	wantError(t, err, fs.ErrInvalid, 1006)
	s, err := CreateSection("", SectionOptions{File: f, Size: 5000})
	must(t, err)
	v, err := s.Map(Write, 0, 0)
	must(t, err)
	copy(v.Bytes(), "on the disk")
	must(t, v.Flush(0, 0))
	must(t, v.Close())
	named, err := CreateSection("atoll-file", SectionOptions{File: f})
	must(t, err)
	closeAtEnd(t, named)
	again, created, err := CreateOrOpenSection("atoll-file", SectionOptions{File: f})
	must(t, err)
	closeAtEnd(t, again)
	_, _, err = CreateOrOpenSection("atoll-file", SectionOptions{File: newFile(t), Size: 1})
	if created || !errors.Is(err, fs.ErrExist) {
		t.Fatalf("a section over another file: %v, %v", created, err)
	}
	must(t, s.Close())
	text := make([]byte, 11)
	_, err = f.ReadAt(text, 0)
	must(t, err)
	must(t, errors.Join(named.Close(), again.Close()))
	if info, err := f.Stat(); err != nil || info.Size() != 5000 || string(text) != "on the disk" {
		t.Fatalf("the file has %q, %v, %v", text, info, err)
	}
}

func TestWindowsReserve(t *testing.T) {
	s, err := CreateSection("", SectionOptions{Size: 1 << 20, Reserve: true})
	must(t, err)
	closeAtEnd(t, s)
	v, err := s.Map(0, 0, 0)
	must(t, err)
	closeAtEnd(t, v)
	if os.Getenv("ATOLL_CONFORMANCE_WINE") == "" { // Wine 8 lets a touch commit the page
		_, err = v.ReadAt(make([]byte, 1), 0)
		wantError(t, err, ErrFault, 999)
	}
	must(t, v.Commit(0, 1<<16))
	_, err = v.WriteAt([]byte{1}, 1<<16-1)
	must(t, err)
}

// What is missing says so.
func TestWindowsUnsupported(t *testing.T) {
	e, err := CreateEvent("", EventOptions{})
	must(t, err)
	closeAtEnd(t, e)
	_, err = CreateJob("", JobOptions{})
	wantError(t, err, errors.ErrUnsupported, 50)
	wantError(t, Start(exec.Command("x"), map[string]Object{"e": e}), errors.ErrUnsupported, 50)
	_, err = OwnerOf(e)
	wantError(t, err, errors.ErrUnsupported, 50)
	_, err = NewPrivateNamespace(Boundary{Name: "x", Users: []int{0}}, "alias")
	wantError(t, err, errors.ErrUnsupported, 50)
	_, err = Stat("x")
	wantError(t, err, errors.ErrUnsupported, 50)
	if n, err := Sweep(LocalScope); n != 0 || err != nil {
		t.Fatalf("swept %d, %v", n, err)
	}
}
