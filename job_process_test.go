//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/guardian"
	"atoll/internal/layout"
	"atoll/internal/testkit"
)

// A holder makes the job that its arguments name, with the options in the second one,
// starts a daemon in it whose pid goes into the file of the third, and waits.
var _ = testkit.Role("job-holder", func(self *testkit.Self) {
	o := JobOptions{KillOnClose: strings.Contains(self.Args[1], "kill")}
	if strings.Contains(self.Args[1], "limit") {
		o.Limits.Processes = 30
	}
	j, _, err := CreateOrOpenJob(self.Args[0], o)
	self.Must(err)
	if len(self.Args) > 2 {
		cmd := daemonCommand(self.Args[2])
		self.Must(j.Start(cmd))
		self.Must(cmd.Wait())
	}
	self.Say("holds")
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		switch line {
		case "mechanism":
			s, err := j.Stats()
			self.Must(err)
			self.Say("%s", s.Mechanism)
		case "terminate":
			self.Must(j.Terminate(5))
			self.Say("terminated")
		}
	}
	self.Must(j.Close())
})

// guardians lists those of this test that hold a file of the tests' directory.
func guardians(t testing.TB) (list []int) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	for _, p := range guardian.All() {
		if p.Name != guardian.Name || p.Zombie {
			continue
		}
		if program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.PID)); err != nil || program != self {
			continue // of another test, which runs beside this one
		}
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.PID))
		for _, file := range files {
			if target, err := os.Readlink(file); err == nil && (strings.HasPrefix(target, testkit.Base()) || strings.Contains(target, "memfd:atoll:job")) {
				list = append(list, p.PID)
				break
			}
		}
	}
	return list
}

// jobGroups lists the control groups of the test's jobs.
func jobGroups(t testing.TB) (list []string) {
	t.Helper()
	place, err := cgroup.Find()
	if base := os.Getenv("ATOLL_CGROUP"); err == nil && strings.HasPrefix(base, "/") {
		dir, _ := place.Dir(base)
		for _, group := range jobGroupsIn(dir) {
			if strings.HasPrefix(filepath.Base(group), "atoll-job-") {
				list = append(list, group)
			}
		}
	}
	return list
}

// The last holder is killed: with kill-on-close an orphan in a session of its own is
// ended, without it goes on.
func TestJobHolderKilled(t *testing.T) {
	eachWay(t, func(t *testing.T, groups bool) {
		for _, kill := range []string{"kill", "kill limit", "none"} {
			file := filepath.Join(t.TempDir(), "pid")
			holder := testkit.Start(t, "job-holder", "killed", kill, file)
			holder.Expect("holds")
			holder.Tell("mechanism")
			holder.Expect(map[bool]string{true: "cgroup", false: "tree"}[groups])
			pid := daemonPID(t, file)
			second := testkit.Start(t, "job-holder", "killed", kill)
			second.Expect("holds")
			holder.Kill()
			time.Sleep(testkit.Quiet)
			if !running(pid) {
				t.Fatalf("%s: the daemon was ended while another process had a handle", kill)
			}
			second.Kill()
			if _, err := OpenJob("killed", 0); err == nil {
				t.Fatal("the job outlives its holders")
			}
			if kill == "none" {
				time.Sleep(testkit.Quiet)
				if !running(pid) {
					t.Error("the daemon was ended, which nobody asked for")
				}
				must(t, syscall.Kill(pid, syscall.SIGKILL))
			}
			eventually(t, kill+": the daemon is gone", func() bool { return !running(pid) })
			eventually(t, kill+": the guardians are gone", func() bool { return len(guardians(t)) == 0 })
		}
	})
}

// A member that has the last handle keeps the job alive, and ends it with itself.
func TestJobHeldByItsMember(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "own", JobOptions{KillOnClose: true})
		pid := daemon(t, j)
		cmd := testkit.Command("job-holder", "own", "kill")
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, j.Start(cmd))
		_, err = out.Read(make([]byte, 6))
		must(t, err)
		must(t, j.Close())
		time.Sleep(testkit.Quiet)
		if !running(pid) {
			t.Fatal("the job ended while a member had a handle")
		}
		must(t, in.Close())
		_ = cmd.Wait() // it ends itself, or is ended when it has closed its handle
		eventually(t, "the daemon is gone", func() bool { return !running(pid) })
	})
}

// A guard that is killed is replaced by the next call.
func TestJobGuardKilled(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "guarded", JobOptions{KillOnClose: true})
		pid := daemon(t, j)
		fd := int(j.Descriptor())
		guard := guardian.Guarded(fd, guardian.GuardByte)
		if guard <= 0 {
			t.Fatal("there is no guard")
		}
		must(t, syscall.Kill(guard, syscall.SIGKILL))
		eventually(t, "the guard is gone", func() bool { return guardian.Guarded(fd, guardian.GuardByte) == 0 })
		if !running(pid) {
			t.Fatal("the guard's end ended the job")
		}
		must(t, j.Close()) // sees to it that there is one
		eventually(t, "the daemon is gone", func() bool { return !running(pid) })
	})
}

// A job that asks for nothing special has no guardian in a group of its own.
func TestJobWithoutGuardian(t *testing.T) {
	needGroups(t)
	eventually(t, "earlier guardians are gone", func() bool { return len(guardians(t)) == 0 })
	j := newTestJob(t, "", JobOptions{})
	sleeper(t, j)
	if list := guardians(t); len(list) != 0 {
		t.Errorf("guardians %v", list)
	}
}

// The bomb is bounded, whatever becomes of the limit: at most 256 processes, which
// end by themselves.
const forkBomb = `b() { sleep 20 & if [ $1 -gt 0 ]; then b $(($1-1)) & b $(($1-1)) & fi; wait; }; b 6`

func TestJobForkBomb(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		const limit = 50
		j := newTestJob(t, "bomb", JobOptions{Limits: JobLimits{Processes: limit}})
		seen := jobEvents(t, j)
		cmd := exec.Command("sh", "-c", forkBomb)
		must(t, j.Start(cmd))
		reap(t, cmd)
		awaitEvent(t, seen, JobProcessLimit)
		eventually(t, "there are no more than allowed", func() bool { return len(processes(t, j)) <= limit })
		time.Sleep(testkit.Quiet)
		eventually(t, "it stays so", func() bool { return len(processes(t, j)) <= limit })
		if s := stats(t, j); s.OverProcesses == 0 {
			t.Errorf("it is not reported: %+v", s)
		}
		must(t, j.Terminate(1))
		must(t, j.WaitEmpty(t.Context()))
	})
}

// The hog is bounded, too: it stops at 300 MB.
var _ = testkit.Role("job-hog", func(self *testkit.Self) {
	var all [][]byte
	for range 150 {
		b := make([]byte, 2<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
		time.Sleep(time.Millisecond) // or it is done before anybody looks
	}
	time.Sleep(testkit.Hang)
	self.Say("survived with %d", len(all))
})

func TestJobMemoryHog(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "hog", JobOptions{Limits: JobLimits{Memory: 64 << 20}})
		seen := jobEvents(t, j)
		err := run(t, j, testkit.Command("job-hog"))
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("it ended with %v", err)
		}
		awaitEvent(t, seen, JobMemoryLimit)
		if s := stats(t, j); s.OverMemory != 1 {
			t.Errorf("it is not reported: %+v", s)
		}
	})
}

// Whoever sees that a process is gone has been told why.
func TestJobReasonComesFirst(t *testing.T) {
	limit := func(l JobLimits) func(j *Job) error { return func(j *Job) error { return j.SetLimits(l) } }
	ends := map[JobEventKind]func(j *Job) error{
		JobTimeLimit:   limit(JobLimits{CPUTime: 20 * time.Millisecond}),
		JobMemoryLimit: limit(JobLimits{Memory: 1}),
		JobTerminated:  func(j *Job) error { return j.Terminate(1) },
	}
	eachWay(t, func(t *testing.T, _ bool) {
		for kind, end := range ends {
			for range 3 {
				if before := beforeTheEnd(t, end); !slices.Contains(before, kind) {
					t.Errorf("before the end came only %v, and no %v", before, kind)
				}
			}
		}
	})
}

// beforeTheEnd is what is told of a job before its only process is gone.
func beforeTheEnd(t *testing.T, end func(j *Job) error) (before []JobEventKind) {
	t.Helper()
	j := newTestJob(t, "", JobOptions{})
	cmd := exec.Command("sh", "-c", spin)
	must(t, j.Start(cmd))
	reap(t, cmd)
	for e, err := range j.Events(t.Context()) {
		must(t, err)
		if e.Kind == JobProcessStarted {
			must(t, end(j))
		}
		if e.Kind == JobProcessEnded {
			return before
		}
		before = append(before, e.Kind)
	}
	return before
}

var _ = testkit.Role("job-ends-itself", func(self *testkit.Self) {
	j, err := OpenJob(self.Args[0], 0)
	self.Must(err)
	self.Must(j.Terminate(9))
	self.Say("survived")
})

// A member that terminates its own job does not live to tell with what code.
func TestJobMemberTerminates(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "of a member", JobOptions{})
		cmd := testkit.Command("job-ends-itself", "of a member")
		if err := run(t, j, cmd); err == nil {
			t.Error("it survived")
		}
		if code, ok, err := j.Terminated(); err != nil || !ok || code != 9 {
			t.Errorf("code %d, %v, %v", code, ok, err)
		}
		if s := stats(t, j); s.Terminated != 1 {
			t.Errorf("%d were terminated", s.Terminated)
		}
		if ok, err := j.TryWait(); err != nil || !ok {
			t.Errorf("the job is signaled: %v, %v", ok, err)
		}
	})
}

const spin = `while :; do :; done`

// The time of a job ends: it is signaled, and has no process.
func TestJobTime(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "time", JobOptions{Limits: JobLimits{CPUTime: 300 * time.Millisecond}})
		seen := jobEvents(t, j)
		cmd := exec.Command("sh", "-c", spin)
		must(t, j.Start(cmd))
		reap(t, cmd)
		must(t, j.Wait(t.Context()))
		must(t, j.WaitEmpty(t.Context()))
		awaitEvent(t, seen, JobTimeLimit)
		if s := stats(t, j); s.User+s.System < 300*time.Millisecond-10*time.Millisecond {
			t.Errorf("it ended too soon: %+v", s)
		}
		if ok, err := j.TryWait(); err != nil || !ok {
			t.Errorf("it does not stay signaled: %v, %v", ok, err)
		}
		wrong(t, j.Start(exec.Command("true")), unix.EAGAIN, 1816)
		// Another time, from now on.
		must(t, j.SetLimits(JobLimits{CPUTime: time.Hour}))
		if ok, err := j.TryWait(); err != nil || ok {
			t.Errorf("with a new time it is signaled: %v, %v", ok, err)
		}
		sleeper(t, j)
		must(t, j.SetLimits(JobLimits{CPUTime: time.Millisecond, CPUTimeNotify: true}))
		cmd = exec.Command("sh", "-c", spin)
		must(t, j.Start(cmd))
		reap(t, cmd)
		awaitEvent(t, seen, JobTimeLimit)
		time.Sleep(testkit.Quiet)
		if n := len(processes(t, j)); n != 2 {
			t.Errorf("%d processes go on, when they were only to be told", n)
		}
	})
}

// The time of a process ends the process, and not the job.
func TestJobProcessTime(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "", JobOptions{Limits: JobLimits{ProcessCPUTime: time.Second}})
		pid := sleeper(t, j)
		err := run(t, j, exec.Command("sh", "-c", spin))
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || !e.Sys().(syscall.WaitStatus).Signaled() {
			t.Errorf("it ended with %v", err)
		}
		if !running(pid) {
			t.Error("the other process ended, too")
		}
	})
}

// Many jobs created, filled and ended: nothing is left.
func TestJobThousand(t *testing.T) {
	eachWay(t, func(t *testing.T, groups bool) {
		if !groups && testing.Short() {
			t.Skip("takes a while")
		}
		eventually(t, "earlier guardians are gone", func() bool { return len(guardians(t)) == 0 })
		before, descriptors := jobGroups(t), len(testkit.Descriptors())
		const jobs, atATime = 1000, 50
		for round := range jobs / atATime {
			testSomeJobs(t, round, atATime)
		}
		eventually(t, "the guardians are gone", func() bool { return len(guardians(t)) == 0 })
		// The last groups are removed by whoever makes the next.
		eventually(t, "the groups are gone", func() bool {
			j, err := CreateJob("", JobOptions{})
			must(t, err)
			must(t, run(t, j, exec.Command("true")))
			must(t, j.Close())
			return len(jobGroups(t)) <= len(before)
		})
		if n := len(testkit.Descriptors()); n > descriptors+5 {
			t.Errorf("%d descriptors, before %d", n, descriptors)
		}
		if left := testkit.Objects(testkit.Base()); len(left) != 0 {
			t.Errorf("objects: %v", left)
		}
	})
}

// testSomeJobs makes jobs, each with some processes, and ends them in all ways.
func testSomeJobs(t *testing.T, round, count int) {
	t.Helper()
	var all []*Job
	var commands []*exec.Cmd
	for i := range count {
		name := ""
		if i%2 == 0 {
			name = fmt.Sprintf("one-of-many-%d-%d", round, i)
		}
		j, err := CreateJob(name, JobOptions{KillOnClose: i%10 == 0})
		must(t, err)
		cmd := exec.Command("sleep", "1000")
		must(t, j.Start(cmd))
		all, commands = append(all, j), append(commands, cmd)
	}
	for i, j := range all {
		if i%10 != 0 {
			must(t, j.Terminate(i))
			must(t, j.WaitEmpty(t.Context()))
		}
		must(t, j.Close())
	}
	for _, cmd := range commands {
		_ = cmd.Wait() // killed
	}
}

// Who may make no control group gets the other mechanism by itself.
func TestJobOfUser(t *testing.T) {
	testkit.NeedRoot(t)
	const uid = 65533
	base, err := os.MkdirTemp("/dev/shm", "atoll-test-job-")
	must(t, err)
	defer func() { must(t, os.RemoveAll(base)) }()
	must(t, os.Chown(base, uid, uid))
	file := filepath.Join(base, "pid")
	cmd := testkit.Command("job-holder", "of user", "kill", file)
	cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	holder := testkit.StartCommand(t, cmd)
	holder.Expect("holds")
	holder.Tell("mechanism")
	holder.Expect("tree")
	pid := daemonPID(t, file)
	holder.Kill()
	eventually(t, "the daemon is gone", func() bool { return !running(pid) })
}

// A guardian's variable does not turn a program into one, without the name that goes
// with it; nor with it one whose rights the kernel has raised.
func TestJobGuardianVariable(t *testing.T) {
	cmd := testkit.Command("job-variable")
	cmd.Env = append(cmd.Env, guardian.Variable+"=1")
	if out, err := cmd.Output(); err != nil || string(out) != "plays its role\n" {
		t.Errorf("%q, %v", out, err)
	}
	testkit.NeedRoot(t)
	// A copy of this program that is setuid, started by somebody else as a launch of
	// a shell, must not become one.
	dir, err := os.MkdirTemp("/tmp", "atoll-test-raised-")
	must(t, err)
	defer func() { must(t, os.RemoveAll(dir)) }()
	must(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "program")
	text, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.WriteFile(program, text, 0o755))
	must(t, os.Chmod(program, 0o755|os.ModeSetuid))
	cmd = testkit.Command("job-variable")
	cmd.Path = program
	cmd.Args = []string{guardian.Name, guardian.RoleLaunch, "9", guardian.Launch{}.String(), "/bin/sh", "sh", "-c", "echo became a shell"}
	cmd.Env = append(cmd.Env, guardian.Variable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}}
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), "plays its role") {
		t.Errorf("%q, %v", out, err)
	}
}

var _ = testkit.Role("job-variable", func(self *testkit.Self) { self.Say("plays its role") })

// nested processes start others in another job.
var _ = testkit.Role("job-inner", func(self *testkit.Self) {
	j, _, err := CreateOrOpenJob(self.Args[0], JobOptions{})
	self.Must(err)
	cmd := exec.Command("sleep", "1000")
	if err := j.Start(cmd); err != nil {
		e, _ := errors.AsType[*Error](err)
		self.Say("refused %d", e.Win32())
		return
	}
	self.Say("started")
	self.Hear()
})

// TestJobNested: jobs that members make, or use first, lie inside.
func TestJobNested(t *testing.T) {
	eachWay(t, func(t *testing.T, groups bool) {
		outer, inner := newTestJob(t, "outer", JobOptions{}), newTestJob(t, "inner", JobOptions{})
		cmd := testkit.Command("job-inner", "inner")
		_, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, outer.Start(cmd))
		reap(t, cmd)
		_, err = out.Read(make([]byte, 8))
		must(t, err)
		in, all := processes(t, inner), processes(t, outer)
		if len(in) != 1 || !slices.Contains(all, in[0]) || len(all) != 2 {
			t.Fatalf("inner %v, outer %v", in, all)
		}
		must(t, inner.Terminate(1))
		must(t, inner.WaitEmpty(t.Context()))
		if n := len(processes(t, outer)); n != 1 {
			t.Errorf("%d processes in the outer job", n)
		}
		sleeper(t, inner)
		if !groups {
			return // it is beside the outer one: nothing says where a tree belongs
		}
		must(t, outer.Terminate(2))
		must(t, outer.WaitEmpty(t.Context()))
		must(t, inner.WaitEmpty(t.Context()))
		sleeper(t, inner) // and can be used further
	})
}

// What is in shared memory is believed by nobody.
func TestJobHostile(t *testing.T) {
	j := newTestJob(t, "hostile", JobOptions{})
	pid := outside(t)
	path := filepath.Join(testkit.Base(), "atoll-"+strconv.Itoa(os.Geteuid()), "hostile")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	st, err := f.Stat()
	must(t, err)
	whole := make([]byte, st.Size())
	_, err = f.ReadAt(whole, 0)
	must(t, err)
	for i := range 64 {
		noise := make([]byte, 8192)
		for k := range noise {
			noise[k] = byte(i*7 + k*13 + k>>3*i)
		}
		_, err = f.WriteAt(noise, 4096)
		must(t, err)
		_, err = j.Processes()
		wrong(t, err, ErrCorrupt, 1392)
		wrong(t, j.Terminate(1), ErrCorrupt, 1392)
		wrong(t, j.Start(exec.Command("true")), ErrCorrupt, 1392)
		wrong(t, j.Assign(pid), ErrCorrupt, 1392)
		if _, err = j.Stats(); !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	}
	if !running(pid) {
		t.Error("a stranger was killed")
	}
	_, err = f.WriteAt(whole, 0)
	must(t, err)
	must(t, run(t, j, exec.Command("true")))
	testForgedGroup(t, j, f)
}

// A job without a name that is on its way is held by the way.
func TestJobInFlight(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		a, b := socketPair(t, syscall.SOCK_STREAM)
		j := newTestJob(t, "", JobOptions{KillOnClose: true})
		pid := sleeper(t, j)
		must(t, Move(a, j, 0))
		time.Sleep(testkit.Quiet)
		if !running(pid) {
			t.Fatal("the processes were ended while the handle was under way")
		}
		k, err := Receive[*Job](b)
		must(t, err)
		if in, err := k.Has(pid); err != nil || !in {
			t.Errorf("it is not the same job: %v, %v", in, err)
		}
		must(t, k.Close())
		eventually(t, "the processes end with the last handle", func() bool { return !running(pid) })
	})
}

// What a killed holder left of control groups goes by Sweep.
func TestJobSweep(t *testing.T) {
	needGroups(t)
	var left []int
	for range 20 { // more than one create looks at
		file := filepath.Join(t.TempDir(), "pid")
		holder := testkit.Start(t, "job-holder", "left", "none", file)
		holder.Expect("holds")
		left = append(left, daemonPID(t, file))
		holder.Kill()
	}
	if n := len(jobGroups(t)); n < len(left) {
		t.Fatalf("there are %d groups", n)
	}
	for _, pid := range left {
		must(t, syscall.Kill(pid, syscall.SIGKILL))
		eventually(t, "it is gone", func() bool { return !running(pid) })
	}
	eventually(t, "Sweep removes all groups", func() bool {
		_, err := Sweep(LocalScope)
		must(t, err)
		return len(jobGroups(t)) == 0
	})
}

// testForgedGroup: a record with a right checksum that names the group of another job
// does not have that one's processes ended.
func testForgedGroup(t *testing.T, j *Job, f *os.File) {
	t.Helper()
	needGroups(t)
	other := newTestJob(t, "other", JobOptions{})
	pid := sleeper(t, other)
	path := filepath.Join(testkit.Base(), "atoll-"+strconv.Itoa(os.Geteuid()), "other")
	image, err := os.ReadFile(path)
	must(t, err)
	r, ok := layout.ParseJob(image[4096:])
	if !ok || r.Group == "" {
		t.Fatalf("the other job's record is %+v", r)
	}
	r.Sequence = 1 << 40
	_, err = f.WriteAt(r.Encode(), 4096+r.Place())
	must(t, err)
	wrong(t, j.Terminate(1), ErrCorrupt, 1392)
	_, err = j.Processes()
	wrong(t, err, ErrCorrupt, 1392)
	wrong(t, j.Start(exec.Command("true")), ErrCorrupt, 1392)
	if !running(pid) {
		t.Error("another job's process was ended")
	}
}

var _ = testkit.Role("job-beside-stopped", func(self *testkit.Self) {
	stopped := exec.Command("sleep", "1000")
	self.Must(stopped.Start())
	self.Must(stopped.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err := syscall.Wait4(stopped.Process.Pid, &status, syscall.WUNTRACED, nil)
	self.Must(err)
	j, err := CreateJob("", JobOptions{KillOnClose: true})
	self.Must(err)
	cmd := exec.Command("true")
	self.Must(j.Start(cmd))
	self.Must(cmd.Wait())
	self.Must(j.WaitEmpty(context.Background()))
	self.Must(j.Close())
	self.Say("alive")
	self.Must(stopped.Process.Kill())
	_ = stopped.Wait()
})

// In a group of processes that nothing connects with a terminal, as CI and services
// have, the end of a job's process hangs up nobody, also if one of the group is
// stopped.
func TestJobBesideStopped(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		cmd := testkit.Command("job-beside-stopped")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		child := testkit.StartCommand(t, cmd)
		child.Expect("alive")
		child.End()
	})
}
