//go:build linux

package kernel32

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/parley"
	"atoll/internal/testkit"
	"atoll/internal/winfile"
)

// one of each type, inheritable, and the access to it.
func oneOfEach(t *testing.T) map[Handle]access.Mask {
	t.Helper()
	list := make(map[Handle]access.Mask)
	a := &Attributes{Inherit: true}
	keep := func(h Handle, err error) {
		t.Helper()
		number(t, 0, err)
		i, err := ObjectInformation(h)
		number(t, 0, err)
		list[h] = access.Mask(i.GrantedAccess)
		t.Cleanup(func() { number(t, 0, CloseHandle(h)) })
	}
	keep(CreateEvent(a, "", true, false, 0x1F0003))
	keep(CreateEvent(a, fmt.Sprint("inherited ", time.Now().UnixNano()), true, false, 0x1F0003))
	keep(CreateMutex(a, "", false, 0x100000))
	keep(CreateSemaphore(a, "", 1, 2, 0x1F0003))
	keep(CreateWaitableTimer(a, "", true, 0x1F0003))
	keep(CreateFileMapping(Mapping{File: CurrentProcess, Attributes: a, Protection: 4, Size: 4096}))
	keep(CreateFile(filepath.Join(t.TempDir(), "file"), access.GenericRead, 7, a, winfile.CreateNew, 0))
	keep(OpenProcess(access.QueryLimited|access.Wait, true, uint32(os.Getpid())))
	keep(OpenThread(access.Wait, true, uint32(os.Getpid())))
	return list
}

// Handles of all types are in the child, with their values, access and flags; and in
// its child.
func TestInheritance(t *testing.T) {
	list := oneOfEach(t)
	child := spawn(t, func(l *Launch) { l.Inherit = true })
	for h, granted := range list {
		child.ask("0 1", "flags", h)
		child.ask(fmt.Sprintf("0 %#x", uint32(granted)), "access", h)
		child.ask("0 1", "spawn", "flags", h)
	}
	child.ask(`"" ""`, "environment")
}

// What a child has inherited lives as long as it, although it never looks; it has a
// socket for it, and nothing else of this process.
func TestInheritanceOfAnotherProgram(t *testing.T) {
	h, err := CreateEvent(&Attributes{Inherit: true}, "survivor", true, false, 0x1F0003)
	number(t, 0, err)
	if with, without := countDescriptors(t, true), countDescriptors(t, false); with != without+1 {
		t.Errorf("%d descriptors with what is inherited, %d without", with, without)
	}
	s, err := CreateProcess(&Launch{Application: "/bin/sleep", CommandLine: "sleep 1000", Inherit: true})
	number(t, 0, err)
	number(t, 0, CloseHandle(h))
	again, err := OpenEvent(access.Wait, false, "survivor")
	number(t, 0, err)
	number(t, 0, CloseHandle(again))
	number(t, 0, TerminateProcess(s.Process, 0))
	endOf(t, s.Process)
	for end := time.Now().Add(testkit.Hang); ; time.Sleep(time.Millisecond) {
		again, err = OpenEvent(access.Wait, false, "survivor")
		if err != nil || time.Now().After(end) {
			break
		}
		number(t, 0, CloseHandle(again))
	}
	number(t, errs.FileNotFound, err)
	number(t, 0, CloseHandle(s.Process))
	number(t, 0, CloseHandle(s.Thread))
}

// countDescriptors counts those of another program.
func countDescriptors(t *testing.T, inherit bool) (n int) {
	t.Helper()
	r, w, err := os.Pipe()
	number(t, 0, err)
	out, err := pipeHandle(w)
	number(t, 0, err)
	s, err := CreateProcess(&Launch{
		Application: "/bin/sh", CommandLine: `sh -c "ls /proc/self/fd | wc -w"`, Inherit: inherit,
		Redirected: true, Standard: [3]Handle{0, out, 0},
	})
	number(t, 0, err)
	number(t, 0, CloseHandle(out))
	_, err = fmt.Fscan(r, &n)
	number(t, 0, err)
	_ = r.Close()
	endOf(t, s.Process)
	number(t, 0, CloseHandle(s.Process))
	number(t, 0, CloseHandle(s.Thread))
	return n
}

// More than fit into one socket, and values that are far apart.
func TestInheritanceOfMany(t *testing.T) {
	const many = 101
	var handles []Handle
	for range many {
		h, err := CreateEvent(&Attributes{Inherit: true}, "", true, false, 0x1F0003)
		number(t, 0, err)
		handles = append(handles, h)
	}
	child := spawn(t, func(l *Launch) { l.Inherit = true })
	for _, h := range handles {
		child.ask("0 1", "flags", h)
		number(t, 0, CloseHandle(h))
	}
}

// Whatever the variable says, this process neither panics nor takes what is not meant.
func FuzzInheritVariable(f *testing.F) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		f.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(pair[0], &st); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "1", "2;3:4", "1;3:0", "1;-1:4;0:1", "1;99999999999:1", "1;:", "1;3", fmt.Sprintf("1;%d:%d", pair[0], st.Ino+1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, fd := range parley.Seize(value) {
			if fd != pair[0] && fd != pair[1] {
				t.Errorf("%q takes descriptor %d", value, fd)
			}
		}
	})
	if got := parley.Seize(fmt.Sprintf("1;%d:%d;0:1;x", pair[0], st.Ino)); len(got) != 1 || got[0] != pair[0] {
		f.Errorf("it takes %v, want %d", got, pair[0])
	}
	_ = unix.Close(pair[0])
	_ = unix.Close(pair[1])
}

// Whatever is in the socket, the child neither panics nor hangs.
func TestHostileInheritance(t *testing.T) {
	null, err := os.Open("/dev/null")
	number(t, 0, err)
	defer func() { _ = null.Close() }()
	for name, notes := range map[string][]parley.Note{
		"no handle":         {{Op: parley.Answer}},
		"no object":         {{Op: parley.Handle, Handle: 4, Kind: uint32(access.Event)}},
		"an unknown kind":   {{Op: parley.Handle, Handle: 4, Kind: 99}},
		"a view":            {{Op: parley.Handle, Handle: 4, Kind: uint32(access.AView)}},
		"no descriptor":     {{Op: parley.Handle, Handle: 4, Kind: uint32(access.Process), Text: "1"}},
		"no process":        {{Op: parley.Handle, Handle: 4, Kind: uint32(access.Process), Text: "1", Descriptors: []int{int(null.Fd())}}},
		"no thread":         {{Op: parley.Handle, Handle: 4, Kind: uint32(access.Thread), Text: "x", Descriptors: []int{int(null.Fd())}}},
		"two files":         {{Op: parley.Handle, Handle: 4, Kind: uint32(access.File), Descriptors: []int{int(null.Fd()), int(null.Fd())}}},
		"an absurd value":   {{Op: parley.Handle, Handle: 1 << 62, Kind: uint32(access.File), Descriptors: []int{int(null.Fd())}}},
		"no right at all":   {{Op: parley.Handle, Handle: 4, Kind: uint32(access.File), Access: 1 << 30, Descriptors: []int{int(null.Fd())}}},
		"impossible rights": {{Op: parley.Handle, Handle: 4, Kind: uint32(access.File), Access: 1<<32 - 1, Descriptors: []int{int(null.Fd())}}},
	} {
		before := len(testkit.Descriptors())
		c, other, err := parley.Pair()
		number(t, 0, err)
		for _, n := range notes {
			number(t, 0, parley.Send(c, &n))
		}
		_, err = c.Write([]byte("what is this?"))
		number(t, 0, err)
		_ = c.Close()
		fd, err := unix.Dup(int(other.Fd()))
		number(t, 0, err)
		_ = other.Close()
		in, err := parley.Conn(fd)
		number(t, 0, err)
		inheritFrom(in)
		_ = in.Close()
		if after := len(testkit.Descriptors()); after > before {
			t.Errorf("%s: %d descriptors, before %d", name, after, before)
		}
	}
}

// Handles go into another process and come out of it, of all types.
func TestDuplicateBetween(t *testing.T) {
	child := spawn(t, nil)
	for h, granted := range oneOfEach(t) {
		var there, back Handle
		number(t, 0, DuplicateHandle(CurrentProcess, h, child.Process, &there, 0, true, SameAccess))
		child.ask("0 1", "flags", there)
		child.ask(fmt.Sprintf("0 %#x", uint32(granted)), "access", there)
		number(t, 0, DuplicateHandle(child.Process, there, CurrentProcess, &back, 0, false, SameAccess|SameAttributes))
		flags, err := HandleInformation(back)
		if flags != Inherit || err != nil {
			t.Errorf("flags %d, %v", flags, err)
		}
		e, err := find(h)
		number(t, 0, err)
		if e.kind != access.File && e.kind != access.Thread { // which are known by what led here
			number(t, 0, CompareObjectHandles(h, back))
		}
		e.leave()
		number(t, 0, CloseHandle(back))
		number(t, 0, DuplicateHandle(child.Process, there, 0, nil, 0, false, CloseSource))
		child.ask("6 0", "flags", there)
	}
}

// Between two other processes, with the options; and each process handle needs its right.
func TestDuplicateBetweenOthers(t *testing.T) {
	first, second := spawn(t, nil), spawn(t, nil)
	first.ask("4", "make", "theirs")
	var h, lost Handle
	number(t, 0, DuplicateHandle(first.Process, 4, second.Process, &h, access.Wait, true, CloseSource))
	second.ask("0 1", "flags", h)
	second.ask("0 0x100000", "access", h)
	first.ask("6 0", "flags", 4)
	// A protected source stays.
	second.ask("0", "protect", h)
	number(t, 0, DuplicateHandle(second.Process, h, first.Process, &lost, 0, false, SameAccess|SameAttributes|CloseSource))
	first.ask("0 2", "flags", lost)
	second.ask("0 2", "flags", h)
	// A source that is none; more rights than can be had; bits that are none.
	number(t, errs.InvalidHandle, DuplicateHandle(first.Process, 0xABC0, CurrentProcess, &lost, 0, false, SameAccess))
	number(t, errs.AccessDenied, DuplicateHandle(first.Process, 4, CurrentProcess, &lost, 1<<32-1, false, 0))
	if lost != 0 {
		t.Errorf("a handle %#x of a failure", lost)
	}
	// The pseudo-handle is that of the process that has it.
	number(t, 0, DuplicateHandle(first.Process, CurrentProcess, CurrentProcess, &h, 0, false, SameAccess))
	number(t, 0, CompareObjectHandles(h, first.Process))
	number(t, 0, CloseHandle(h))
	poor, err := OpenProcess(access.QueryLimited, false, first.PID)
	number(t, 0, err)
	number(t, errs.AccessDenied, DuplicateHandle(poor, 4, CurrentProcess, &h, 0, false, SameAccess))
	number(t, errs.AccessDenied, DuplicateHandle(CurrentProcess, poor, poor, &h, 0, false, SameAccess))
	number(t, 0, CloseHandle(poor))
}

func TestStoppedTarget(t *testing.T) {
	child := spawn(t, nil)
	e, err := CreateEvent(nil, "", true, false, 0x1F0003)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(e)) }()
	var h Handle
	number(t, 0, DuplicateHandle(CurrentProcess, e, child.Process, &h, 0, false, SameAccess))
	stop(t, int(child.PID))
	var lost Handle
	number(t, errs.Busy, DuplicateHandle(CurrentProcess, e, child.Process, &lost, 0, false, SameAccess))
	number(t, 0, unix.Kill(int(child.PID), unix.SIGCONT))
	child.ask("0 0", "flags", h)
	child.ask("0", "close", h)
	// What nobody has heard of was taken back, so the value is free again.
	var again Handle
	for end := time.Now().Add(testkit.Hang); ; time.Sleep(time.Millisecond) {
		number(t, 0, DuplicateHandle(CurrentProcess, e, child.Process, &again, 0, false, SameAccess))
		if again == h || time.Now().After(end) {
			break
		}
		number(t, 0, DuplicateHandle(child.Process, again, 0, nil, 0, false, CloseSource))
	}
	if again != h {
		t.Errorf("handle %#x, want %#x", again, h)
	}
}

// stop stops a process, and waits until it is.
func stop(t *testing.T, pid int) {
	t.Helper()
	number(t, 0, unix.Kill(pid, unix.SIGSTOP))
	for end := time.Now().Add(testkit.Hang); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || time.Now().After(end) {
			t.Fatalf("process %d does not stop: %v", pid, err)
		}
		if strings.Contains(string(text), ") T ") {
			return
		}
	}
}

func TestDuplicateIntoNobody(t *testing.T) {
	e, err := CreateEvent(nil, "", true, false, 0x1F0003)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(e)) }()
	var h Handle
	// Another program.
	sleep := exec.Command("/bin/sleep", "1000")
	number(t, 0, sleep.Start())
	process, err := OpenProcess(access.GenericAll, false, uint32(sleep.Process.Pid))
	number(t, 0, err)
	number(t, errs.NotSupported, DuplicateHandle(CurrentProcess, e, process, &h, 0, false, SameAccess))
	// One that has ended.
	_ = sleep.Process.Kill()
	_ = sleep.Wait()
	number(t, errs.AccessDenied, DuplicateHandle(CurrentProcess, e, process, &h, 0, false, SameAccess))
	number(t, errs.AccessDenied, DuplicateHandle(process, 4, CurrentProcess, &h, 0, false, SameAccess))
	number(t, 0, CloseHandle(process))
	// No process.
	number(t, errs.InvalidHandle, DuplicateHandle(CurrentProcess, e, e, &h, 0, false, SameAccess))
	number(t, errs.InvalidHandle, DuplicateHandle(0, e, CurrentProcess, &h, 0, false, SameAccess))
}

// Somebody who is killed at any moment of CreateProcess or DuplicateHandle leaves
// nothing, and nobody hangs.
func TestKilledMeanwhile(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	target := spawn(t, nil)
	for range rounds {
		killed := testkit.Start(t, "busy", strconv.Itoa(int(target.PID)))
		killed.Expect("busy")
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		killed.Kill()
	}
	// The other way round: the target of somebody who goes on.
	survivor := testkit.Start(t, "patient")
	for range rounds {
		dying := spawn(t, nil)
		dying.ask("6 0", "flags", 0) // it has begun
		survivor.Tell("%d", dying.PID)
		survivor.Expect("busy")
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		number(t, 0, TerminateProcess(dying.Process, 0))
		if line := survivor.Line(); !strings.HasPrefix(line, "0 ") && !strings.HasPrefix(line, "5 ") {
			t.Errorf("the survivor says %s", line)
		}
		dying.end()
	}
	survivor.End()
	// What was given and not taken back is the target's; it ends with it.
	number(t, 0, TerminateProcess(target.Process, 0))
	target.end()
	for end := time.Now().Add(testkit.Hang); ; time.Sleep(time.Millisecond) {
		e, err := OpenEvent(access.Wait, false, "busy")
		if err != nil {
			number(t, errs.FileNotFound, err)
			return
		}
		number(t, 0, CloseHandle(e))
		if time.Now().After(end) {
			t.Fatal("the object is still there")
		}
	}
}

// patient gives handles to processes until they end.
var _ = testkit.Role("patient", func(s *testkit.Self) {
	for {
		line, ok := s.Hear()
		if !ok {
			return
		}
		pid, err := strconv.Atoi(line)
		s.Must(err)
		target, err := OpenProcess(access.GenericAll, false, uint32(pid))
		s.Must(err)
		e, err := CreateEvent(nil, "", true, false, 0x1F0003)
		s.Must(err)
		before := len(testkit.Descriptors())
		s.Say("busy")
		for err == nil {
			var h Handle
			if err = DuplicateHandle(CurrentProcess, e, target, &h, 0, false, SameAccess); err == nil {
				err = DuplicateHandle(target, h, 0, nil, 0, false, CloseSource)
			}
		}
		for end := time.Now().Add(testkit.Hang); len(testkit.Descriptors()) > before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				s.Must(fmt.Errorf("%d descriptors, before %d", len(testkit.Descriptors()), before))
			}
		}
		s.Say("%d %v", errs.Number(err), err)
		s.Must(CloseHandle(e))
		s.Must(CloseHandle(target))
	}
})

var _ = testkit.Role("busy", func(s *testkit.Self) {
	pid, err := strconv.Atoi(s.Args[0])
	s.Must(err)
	target, err := OpenProcess(access.GenericAll, false, uint32(pid))
	s.Must(err)
	s.Say("busy")
	for {
		e, err := CreateEvent(&Attributes{Inherit: true}, "busy", true, false, 0x1F0003)
		s.Must(err)
		var h Handle
		s.Must(DuplicateHandle(CurrentProcess, e, target, &h, 0, false, SameAccess))
		child, err := CreateProcess(&Launch{Application: "/bin/true", Inherit: true})
		s.Must(err)
		s.Must(DuplicateHandle(target, h, 0, nil, 0, false, CloseSource))
		s.Must(CloseHandle(child.Process))
		s.Must(CloseHandle(child.Thread))
		s.Must(CloseHandle(e))
	}
})
