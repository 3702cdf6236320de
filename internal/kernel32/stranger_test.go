//go:build linux

package kernel32

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/parley"
	"atoll/internal/testkit"
	"atoll/internal/winfile"
	"atoll/internal/winprocess"
)

const strangerID = 54321

// startStranger starts a child as another user, who can run this program.
func startStranger(t *testing.T, role string, args ...string) *testkit.Child {
	t.Helper()
	testkit.NeedRoot(t)
	dir, err := os.MkdirTemp("/dev/shm", "atoll-stranger-")
	number(t, 0, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	number(t, 0, os.Chmod(dir, 0o755))
	program, err := os.ReadFile("/proc/self/exe")
	number(t, 0, err)
	path := filepath.Join(dir, "program")
	number(t, 0, os.WriteFile(path, program, 0o755))
	root := filepath.Join(dir, "root")
	number(t, 0, os.Mkdir(root, 0o700))
	number(t, 0, os.Chown(root, strangerID, strangerID))
	cmd := testkit.Command(role, args...)
	cmd.Path, cmd.Dir = path, "/"
	cmd.Env = append(cmd.Env, "ATOLL_ROOT="+root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: strangerID, Gid: strangerID}}
	return testkit.StartCommand(t, cmd)
}

// Root gives a file to another user's process, which can do to root's nothing at all.
func TestDuplicateBetweenUsers(t *testing.T) {
	child := startStranger(t, "stranger", strconv.Itoa(os.Getpid()))
	child.Expect("5 5 5") // open for all, terminate, duplicate
	process, err := OpenProcess(access.DuplicateHandles, false, uint32(child.PID()))
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(process)) }()
	f, err := CreateFile(filepath.Join(t.TempDir(), "file"), access.GenericRead, 7, nil, winfile.CreateNew, 0)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(f)) }()
	var h Handle
	number(t, 0, DuplicateHandle(CurrentProcess, f, process, &h, 0, false, SameAccess))
	child.Tell("%d", h)
	child.Expect("file 0x120089")
	// An object of root's that has no name cannot be used by others.
	e, err := CreateEvent(nil, "", true, false, 0x1F0003)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(e)) }()
	number(t, errs.AccessDenied, DuplicateHandle(CurrentProcess, e, process, &h, 0, false, SameAccess))
	child.End()
}

var _ = testkit.Role("stranger", func(s *testkit.Self) {
	pid, err := strconv.Atoi(s.Args[0])
	s.Must(err)
	_, all := OpenProcess(access.GenericAll, false, uint32(pid))
	limited, err := OpenProcess(access.QueryLimited|access.Wait, false, uint32(pid))
	s.Must(err)
	// As if it had been given the handle.
	e, err := find(limited)
	s.Must(err)
	rich, err := insert(process{e.object.(process).Again()}, access.Process, winprocess.AllAccess, 0)
	s.Must(err)
	var h Handle
	duplicate := DuplicateHandle(rich, 4, CurrentProcess, &h, 0, false, SameAccess)
	s.Say("%d %d %d", errs.Number(all), errs.Number(TerminateProcess(rich, 1)), errs.Number(duplicate))
	line, _ := s.Hear()
	n, err := strconv.Atoi(line)
	s.Must(err)
	i, err := ObjectInformation(Handle(n))
	s.Must(err)
	got, err := find(Handle(n))
	s.Must(err)
	s.Say("%s %#x", got.kind, i.GrantedAccess)
	s.Hear()
})

// Whoever listens where another process should is not believed.
func TestImpostor(t *testing.T) {
	child := startStranger(t, "impostor", strconv.Itoa(os.Getpid()))
	child.Expect("listening")
	e, err := CreateEvent(nil, "", true, false, 0x1F0003)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(e)) }()
	var h Handle
	victim := spawn(t, nil)
	victim.ask("6 0", "flags", 0) // it listens
	child.Tell("%d", victim.PID)
	child.Expect("taken")
	number(t, 0, DuplicateHandle(CurrentProcess, e, victim.Process, &h, 0, false, SameAccess))
	// All addresses of one that never listens.
	program := exec.Command("/bin/sleep", "1000")
	number(t, 0, program.Start())
	defer func() { _ = program.Process.Kill(); _ = program.Wait() }()
	child.Tell("%d", program.Process.Pid)
	child.Expect("taken")
	process, err := OpenProcess(access.DuplicateHandles, false, uint32(program.Process.Pid))
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(process)) }()
	number(t, errs.AccessDenied, DuplicateHandle(CurrentProcess, e, process, &h, 0, false, SameAccess))
	child.End()
}

// impostor takes what addresses of processes it can.
var _ = testkit.Role("impostor", func(s *testkit.Self) {
	s.Say("listening")
	for {
		line, ok := s.Hear()
		if !ok {
			return
		}
		var st unix.Stat_t
		s.Must(unix.Stat("/proc/self/ns/pid", &st))
		for attempt := range 8 {
			name := fmt.Sprintf("@atoll-win32-%d-%s-%d", st.Ino, line, attempt)
			_, _ = net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: name})
		}
		s.Say("taken")
	}
})

// Whatever another process of this user says, this one neither panics nor hangs, and
// keeps nothing.
func TestHostileQuestions(t *testing.T) {
	e, err := CreateEvent(nil, "", true, false, 0x1F0003)
	number(t, 0, err)
	defer func() { number(t, 0, CloseHandle(e)) }()
	null, err := os.Open("/dev/null")
	number(t, 0, err)
	defer func() { _ = null.Close() }()
	fd := int(null.Fd())
	before := len(testkit.Descriptors())
	for name, n := range map[string]parley.Note{
		"no question":          {Op: parley.Answer},
		"a handle":             {Op: parley.Handle, Kind: uint32(access.File), Descriptors: []int{fd}},
		"no such handle":       {Op: parley.Fetch, Handle: 0xABC0},
		"an absurd handle":     {Op: parley.Fetch, Handle: 1<<64 - 8},
		"an absurd access":     {Op: parley.Fetch, Handle: uint64(e), Access: 1<<32 - 1},
		"to close none":        {Op: parley.Close, Handle: 0xABC0},
		"to close this":        {Op: parley.Close, Handle: 1<<64 - 1},
		"an object that is no": {Op: parley.Give, Kind: uint32(layout.Event)},
		"a handle to be lost":  {Op: parley.Give, Kind: uint32(access.File), Descriptors: []int{fd}},
		"a view":               {Op: parley.Give, Kind: uint32(access.AView), Descriptors: []int{fd, fd}},
		"descriptors":          {Op: parley.Close, Handle: 0xABC0, Descriptors: []int{fd, fd, fd, fd}},
		"protected":            {Op: parley.Give, Kind: uint32(access.File), Flags: 1<<32 - 1, Descriptors: []int{fd}},
	} {
		c, err := parley.Dial(os.Getpid())
		number(t, 0, err)
		number(t, 0, parley.Send(c, &n))
		_ = c.CloseWrite()
		for {
			answer, err := parley.Receive(c)
			if err != nil {
				break
			}
			if name == "no such handle" {
				number(t, errs.InvalidHandle, answer.Failed())
			}
			answer.Discard()
		}
		_ = c.Close()
	}
	for range 20 { // nothing that can be read
		c, err := parley.Dial(os.Getpid())
		number(t, 0, err)
		_, err = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		number(t, 0, err)
		_ = c.Close()
	}
	for end := time.Now().Add(testkit.Hang); len(testkit.Descriptors()) > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors, before %d", len(testkit.Descriptors()), before)
		}
	}
	if flags, err := HandleInformation(e); flags != 0 || err != nil {
		t.Errorf("the event: %d, %v", flags, err)
	}
}
