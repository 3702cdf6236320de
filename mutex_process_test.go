//go:build linux

package atoll

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// processState is the letter in /proc/PID/stat: R, S, D, T, Z.
func processState(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	if i := bytes.LastIndexByte(b, ')'); i >= 0 && len(b) > i+2 {
		return string(b[i+2])
	}
	return ""
}

// setups are the ways in which the death of an owner is found out. The slow tick
// must not be needed in the first.
var setups = map[string]string{
	"bell":                      "tick=1h",
	"tick":                      "bell=off tick=5ms",
	"without futex_waitv":       "waitv=off tick=5ms",
	"no bell and no waitv":      "bell=off waitv=off tick=5ms",
	"fast tick beside the bell": "tick=1ms",
}

func TestMutexOwnerKilled(t *testing.T) {
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			const waiters = 4
			owner := startAgent(t, setup, "killed")
			ask(t, owner, "lock killed")
			var others []*testkit.Child
			for range waiters {
				c := startAgent(t, setup, "killed")
				c.Tell("lock killed")
				others = append(others, c)
			}
			for _, c := range others {
				c.Silent()
			}
			owner.Kill()
			handOver(t, others, abandonedBy("lock killed", owner))
		})
	}
}

// TestDeathReachesEveryMutex: the kernel wakes one of those who watch a bell. It wakes
// the others, who wait for other mutexes of the same dead owner.
func TestDeathReachesEveryMutex(t *testing.T) {
	names := []string{"ring-a", "ring-b", "ring-c"}
	for _, setup := range []string{"tick=24h", "tick=24h waitv=off way=threads", "tick=24h way=io_uring"} {
		t.Run(setup, func(t *testing.T) {
			owner := startAgent(t, setup, names...)
			var others []*testkit.Child
			for _, name := range names {
				ask(t, owner, "lock "+name)
				c := startAgent(t, setup, name)
				c.Tell("lock %s", name)
				others = append(others, c)
			}
			for _, c := range others {
				c.Silent()
			}
			owner.Kill()
			for i, c := range others {
				c.Expect(abandonedBy("lock "+names[i], owner))
				ask(t, c, "unlock "+names[i])
				c.End()
			}
		})
	}
}

// handOver checks that the waiters get the mutex one after another, and that the
// first of them, and no other, says first.
func handOver(t *testing.T, waiters []*testkit.Child, first string) {
	t.Helper()
	lines := make(chan struct {
		c    *testkit.Child
		line string
	})
	for _, c := range waiters {
		go func() {
			line := c.Line()
			lines <- struct {
				c    *testkit.Child
				line string
			}{c, line}
		}()
	}
	want := first
	for range waiters {
		got := <-lines
		if got.line != want {
			t.Fatalf("the next owner said %q, want %q", got.line, want)
		}
		select {
		case second := <-lines:
			t.Fatalf("two owners: %d and %d", got.c.PID(), second.c.PID())
		case <-time.After(testkit.Quiet):
		}
		ask(t, got.c, "unlock killed")
		want = "lock killed"
	}
	for _, c := range waiters {
		c.End()
	}
}

// firstToSay waits until one of the children says a line, and returns which.
func firstToSay(t *testing.T, want string, children ...*testkit.Child) int {
	t.Helper()
	i := firstToSpeak(t, children...)
	children[i].Expect(want)
	return i
}

// firstToSpeak waits until one of the children says anything.
func firstToSpeak(t *testing.T, children ...*testkit.Child) int {
	t.Helper()
	for deadline := time.Now().Add(testkit.Hang); ; time.Sleep(time.Millisecond) {
		for i, c := range children {
			if c.Pending() {
				return i
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody says anything")
		}
	}
}

// silent checks that none of the children says anything for a while.
func silent(t *testing.T, children ...*testkit.Child) {
	t.Helper()
	time.Sleep(testkit.Quiet)
	for _, c := range children {
		if c.Pending() {
			t.Fatalf("child %d said %q, it should be blocked", c.PID(), c.Line())
		}
	}
}

func TestMutexTryLockFindsADeadOwner(t *testing.T) {
	m := newTestMutex(t, "try", MutexOptions{})
	owner := startAgent(t, "", "try")
	ask(t, owner, "lock try")
	if ok, _, err := m.TryLock(); ok || err != nil {
		t.Fatal(ok, err)
	}
	pid := owner.PID()
	owner.Kill()
	ok, previous, err := m.TryLock()
	if !ok || err != nil || previous == nil || previous.PID != pid {
		t.Fatal(ok, previous, err)
	}
	mustUnlock(t, m)
	mustLock(t, m, false)
	mustUnlock(t, m)
}

func TestMutexStoppedOwnerIsNotDead(t *testing.T) {
	wait.SetTick(time.Millisecond)
	defer wait.SetTick(time.Second)
	m := newTestMutex(t, "stopped", MutexOptions{})
	owner := startAgent(t, "", "stopped")
	ask(t, owner, "lock stopped")
	stop(t, owner)
	ctx, cancel := context.WithTimeout(t.Context(), 5*testkit.Quiet)
	defer cancel()
	_, err := m.Lock(ctx)
	isError(t, err, context.DeadlineExceeded)
	if ok, _, err := m.TryLock(); ok || err != nil {
		t.Fatal(ok, err)
	}
	owner.Signal(syscall.SIGCONT)
	ask(t, owner, "unlock stopped")
	mustLock(t, m, false)
	mustUnlock(t, m)
	owner.End()
}

// TestMutexAcrossPIDNamespaces: owner and waiter have the same pid and TIDs, each
// in a pid namespace of its own.
func TestMutexAcrossPIDNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make pid namespaces")
	}
	start := func() *testkit.Child {
		cmd := testkit.Command("agent", "tick=1h")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		c := testkit.StartCommand(t, cmd)
		ask(t, c, "mutex spaces")
		return c
	}
	owner, waiter, bystander := start(), start(), start()
	ask(t, owner, "lock spaces")
	// One with the same pid as the owner, that only tries, dies: nothing happens.
	bystander.Tell("try spaces")
	bystander.Expect("try spaces false")
	waiter.Tell("lock spaces")
	waiter.Silent()
	bystander.Kill()
	waiter.Silent()
	owner.Kill()
	waiter.Expect("lock spaces abandoned by 1")
	ask(t, waiter, "unlock spaces")
	waiter.End()
}

func TestMutexOwnerExecs(t *testing.T) {
	m := newTestMutex(t, "exec", MutexOptions{})
	c := testkit.Start(t, "exec-owner")
	c.Expect("locked")
	done := make(chan *Abandoned)
	go func() { done <- mustLock(t, m, true) }()
	select {
	case <-done:
		t.Fatal("owned twice")
	case <-time.After(testkit.Quiet):
	}
	c.Tell("go")
	c.Expect("another program")
	if previous := <-done; previous.PID != c.PID() {
		t.Fatal(previous)
	}
	mustUnlock(t, m)
	c.End()
}

var _ = testkit.Role("exec-owner", func(self *testkit.Self) {
	m, err := OpenMutex("exec", 0)
	self.Must(err)
	_, err = m.Lock(context.Background())
	self.Must(err)
	self.Say("locked")
	self.Hear()
	sh, err := exec.LookPath("sh")
	self.Must(err)
	self.Must(syscall.Exec(sh, []string{"sh", "-c", "echo another program; cat"}, os.Environ()))
})

// TestMutexMemberFileRemoved: nobody takes a mutex from an owner whose member file
// somebody removed; a wait behind it ends with ErrStuck. A living owner that
// waits itself publishes its file again.
func TestMutexMemberFileRemoved(t *testing.T) {
	wait.SetTick(5 * time.Millisecond)
	defer wait.SetTick(time.Second)
	m := newTestMutex(t, "rm", MutexOptions{})
	other := newTestMutex(t, "rm2", MutexOptions{InitiallyOwned: true})
	owner := startAgent(t, "tick=5ms", "rm", "rm2")
	ask(t, owner, "lock rm")
	file := memberFile(t, owner.PID())
	must(t, os.Remove(file))
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Hang)
	defer cancel()
	_, err := m.Lock(ctx)
	isError(t, err, ErrStuck, "member file")
	if ok, _, err := m.TryLock(); ok || err != nil {
		t.Fatal(ok, err)
	}
	owner.Tell("lock rm2") // waits, so its tick finds that its file is gone
	for deadline := time.Now().Add(testkit.Hang); !exists(file); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the member file did not come back")
		}
	}
	pid := owner.PID()
	owner.Kill()
	if previous := mustLock(t, m, true); previous.PID != pid {
		t.Fatal(previous)
	}
	mustUnlock(t, m)
	mustUnlock(t, other)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// memberFile finds the member file of a process.
func memberFile(t *testing.T, pid int) string {
	t.Helper()
	return memberFileIn(t, localFile("."), pid)
}

// memberFileIn is memberFile in any directory of objects.
func memberFileIn(t *testing.T, dir string, pid int) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "members", "*"))
	must(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(t, err)
		info, err := parseMember(b)
		must(t, err)
		if info.PID == pid {
			return file
		}
	}
	t.Fatalf("process %d has no member file", pid)
	return ""
}

// TestMutexKilledAtRandom: processes that lock, count and unlock are killed at
// random moments. A plain counter under the mutex shows every double owner, and
// abandonment is reported exactly when somebody died owning.
func TestMutexKilledAtRandom(t *testing.T) {
	kills := 150
	if testing.Short() {
		kills = 30
	}
	m := newTestMutex(t, "storm", MutexOptions{})
	gate := newTestMutex(t, "storm-witness", MutexOptions{})
	const workers = 4
	var children []*testkit.Child
	start := func() *testkit.Child {
		c := testkit.Start(t, "storm")
		c.Expect("ready")
		return c
	}
	for range workers {
		children = append(children, start())
	}
	for i := range kills {
		n := i % workers
		time.Sleep(time.Duration(i%7) * time.Millisecond)
		children[n].Kill()
		children[n] = start()
	}
	for _, c := range children {
		c.Tell("stop")
		for line := c.Line(); line != ""; line = c.Line() {
			if strings.HasPrefix(line, "two owners") {
				t.Fatal(line)
			}
		}
		must(t, c.Wait())
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Hang)
	defer cancel()
	_, err := m.Lock(ctx)
	must(t, err)
	mustUnlock(t, m)
	_, err = gate.Lock(ctx)
	must(t, err)
	mustUnlock(t, gate)
}

// In the storm a worker that owns the mutex must find the witness free: whoever
// holds both is alone.
var _ = testkit.Role("storm", func(self *testkit.Self) {
	wait.SetTick(20 * time.Millisecond)
	m, err := OpenMutex("storm", 0)
	self.Must(err)
	witness, err := OpenMutex("storm-witness", 0)
	self.Must(err)
	stop := make(chan struct{})
	go func() { self.Hear(); close(stop) }()
	self.Say("ready")
	for ctx := context.Background(); ; {
		select {
		case <-stop:
			self.Must(m.Close())
			self.Must(witness.Close())
			return
		default:
		}
		_, err := m.Lock(ctx)
		self.Must(err)
		ok, _, err := witness.TryLock()
		self.Must(err)
		if !ok {
			self.Say("two owners: the witness is taken")
			return
		}
		self.Must(witness.Unlock())
		self.Must(m.Unlock())
	}
})
