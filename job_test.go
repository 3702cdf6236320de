//go:build linux

package atoll

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/testkit"
)

// eachWay runs a test with control groups, and with guardians instead.
func eachWay(t *testing.T, run func(t *testing.T, groups bool)) {
	t.Helper()
	t.Run("cgroup", func(t *testing.T) {
		needGroups(t)
		run(t, true)
	})
	t.Run("tree", func(t *testing.T) {
		t.Setenv("ATOLL_CGROUP", "none")
		run(t, false)
	})
}

// needGroups skips a test where no control group can be made. The test's jobs have
// theirs in a group of its own, where nobody else makes any.
func needGroups(t *testing.T) {
	t.Helper()
	place, err := cgroup.Find()
	if err == nil {
		var own string
		if own, err = cgroup.Of(0); err == nil {
			dir, _ := place.Dir(own)
			base := fmt.Sprintf("atoll-test-%d-%d", os.Getpid(), testGroups.Add(1))
			if err = os.Mkdir(filepath.Join(dir, base), 0o755); err == nil {
				t.Cleanup(func() { removeGroup(t, filepath.Join(dir, base)) })
				t.Setenv("ATOLL_CGROUP", filepath.Join(own, base))
			}
		}
	}
	testkit.Need(t, err == nil, "a control group of version 2 that may be written")
	j := newTestJob(t, "", JobOptions{})
	must(t, run(t, j, exec.Command("true")))
	testkit.Need(t, stats(t, j).Mechanism == "cgroup", "a control group of version 2 that may be written")
	must(t, j.Close())
}

var testGroups atomic.Int64

// removeGroup removes a test's group, when what was killed in it is gone.
func removeGroup(t testing.TB, dir string) {
	t.Helper()
	eventually(t, "the test's control group can be removed", func() bool {
		for _, group := range append(jobGroupsIn(dir), dir) {
			_ = os.Remove(group)
		}
		_, err := os.Stat(dir)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// jobGroupsIn lists the groups below another, the innermost first.
func jobGroupsIn(dir string) (list []string) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != dir {
			list = append(list, path)
		}
		return nil
	})
	slices.Reverse(list)
	return list
}

func newTestJob(t testing.TB, name string, o JobOptions) *Job {
	t.Helper()
	j, err := CreateJob(name, o)
	must(t, err)
	closeLater(t, j)
	return j
}

// run starts a command in a job and waits for its end.
func run(t testing.TB, j *Job, cmd *exec.Cmd) error {
	t.Helper()
	must(t, j.Start(cmd))
	return cmd.Wait()
}

// sleeper starts a process in the job that sleeps until the test ends, and returns
// its own pid.
func sleeper(t testing.TB, j *Job) int {
	t.Helper()
	before := processes(t, j)
	cmd := exec.Command("sleep", "1000")
	must(t, j.Start(cmd))
	reap(t, cmd)
	for _, pid := range processes(t, j) {
		if !slices.Contains(before, pid) {
			return pid
		}
	}
	t.Fatal("what was started is not in the job")
	return 0
}

// reap ends a command with the test, and waits for its end whenever that is.
func reap(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	p := cmd.Process
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.Kill()
		testkit.Soon(t, done, "the end of a command")
	})
}

// outside starts a process that sleeps until the test ends, in no job.
func outside(t testing.TB) int {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	must(t, cmd.Start())
	reap(t, cmd)
	return cmd.Process.Pid
}

func processes(t testing.TB, j *Job) []int {
	t.Helper()
	pids, err := j.Processes()
	must(t, err)
	return pids
}

func stats(t testing.TB, j *Job) JobStats {
	t.Helper()
	s, err := j.Stats()
	must(t, err)
	return s
}

// running says whether a process is there and no zombie.
func running(pid int) bool {
	state := processState(pid)
	return state != "" && state != "Z" && state != "X"
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Hang); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happens: %s", what)
		}
	}
}

// wrong checks an error of a job.
func wrong(t testing.TB, err, want error, number uint32) {
	t.Helper()
	failsWith(t, want, number)(Result{}, err)
}

// jobEvents collects a job's events until the test ends.
func jobEvents(t testing.TB, j *Job) <-chan JobEvent {
	t.Helper()
	c := make(chan JobEvent, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	begun := make(chan struct{})
	go func() {
		defer close(done)
		close(begun)
		for e, err := range j.Events(ctx) {
			if err == nil {
				c <- e
			}
		}
	}()
	<-begun
	t.Cleanup(func() { cancel(); testkit.Soon(t, done, "the end of the events") })
	return c
}

// awaitEvent waits for an event of a kind, whatever comes before.
func awaitEvent(t testing.TB, c <-chan JobEvent, kind JobEventKind) JobEvent {
	t.Helper()
	for {
		if e := within60(t, c); e.Kind == kind {
			return e
		}
	}
}

func TestJobIsBornWithItsProcesses(t *testing.T) {
	eachWay(t, func(t *testing.T, groups bool) {
		j := newTestJob(t, "", JobOptions{})
		if n := len(processes(t, j)); n != 0 {
			t.Fatalf("a new job has %d processes", n)
		}
		var out bytes.Buffer
		cmd := exec.Command("cat", "/proc/self/cgroup")
		cmd.Stdout = &out
		must(t, run(t, j, cmd))
		if in := strings.Contains(out.String(), "/atoll-job-"); in != groups {
			t.Errorf("its process says that it is in %s", &out)
		}
		if cmd.Path == "/proc/self/exe" || len(cmd.ExtraFiles) != 0 || cmd.Env != nil {
			t.Errorf("the command was changed: %v", cmd)
		}
	})
}

// What comes of a command stays in the job: an orphan in a session of its own, too.
func TestJobKeepsDaemons(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "", JobOptions{})
		pid := daemon(t, j)
		if !slices.Contains(processes(t, j), pid) {
			t.Fatalf("the daemon %d is not among %v", pid, processes(t, j))
		}
		if in, err := j.Has(pid); err != nil || !in {
			t.Errorf("Has: %v, %v", in, err)
		}
		must(t, j.Terminate(1))
		must(t, j.WaitEmpty(t.Context()))
		if running(pid) {
			t.Error("the daemon outlives Terminate")
		}
	})
}

// daemon has a command start a daemon, by forking twice and moving to a new session,
// and waits for the command's end.
func daemon(t testing.TB, j *Job) (pid int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pid")
	must(t, run(t, j, daemonCommand(file)))
	return daemonPID(t, file)
}

func daemonCommand(file string) *exec.Cmd {
	return exec.Command("sh", "-c", `(setsid sh -c 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 1000' "$0" </dev/null >/dev/null 2>&1 &)`, file)
}

func daemonPID(t testing.TB, file string) (pid int) {
	t.Helper()
	eventually(t, "the daemon says its pid", func() bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

// A command in a job behaves as any other: status, signals, descriptors, directory,
// environment, errors.
func TestJobCommand(t *testing.T) {
	eachWay(t, func(t *testing.T, groups bool) {
		for _, limits := range []JobLimits{{}, {DieOnUnhandled: true}} {
			j := newTestJob(t, "", JobOptions{Limits: limits})
			testJobCommand(t, j)
			if !groups {
				testJobProxy(t, j)
			}
		}
	})
}

func testJobCommand(t *testing.T, j *Job) {
	t.Helper()
	err := run(t, j, exec.Command("sh", "-c", "exit 7"))
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 7 {
		t.Errorf("the status is %v, want 7", err)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGKILL, syscall.SIGPIPE} {
		err = run(t, j, exec.Command("sh", "-c", fmt.Sprintf("kill -%d $$", s)))
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.Sys().(syscall.WaitStatus).Signal() != s {
			t.Errorf("the status is %v, want %v", err, s)
		}
	}
	dir := t.TempDir()
	r, w, err := os.Pipe()
	must(t, err)
	cmd := exec.Command("sh", "-c", `cat; pwd; echo "$X$ATOLL_GUARDIAN"; cat <&3; ls /proc/self/fd | wc -l`)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, append(os.Environ(), "X=y"), []*os.File{r}
	cmd.Stdin = strings.NewReader("in\n")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, j.Start(cmd))
	must(t, r.Close())
	_, err = w.WriteString("extra\n")
	must(t, err)
	must(t, w.Close())
	var text bytes.Buffer
	_, err = text.ReadFrom(out) // to its end: nobody else may have it
	must(t, err)
	must(t, cmd.Wait())
	if want := "in\n" + dir + "\ny\nextra\n" + descriptorsOfCommand(t) + "\n"; text.String() != want {
		t.Errorf("it said %q, want %q", &text, want)
	}
	for _, path := range []string{"/not/there", dir} {
		err := j.Start(&exec.Cmd{Path: path})
		if e, ok := errors.AsType[*fs.PathError](err); !ok || e.Path != path || strings.Contains(err.Error(), "/proc/self") {
			t.Errorf("start of %s: %v", path, err)
		}
	}
	wrong(t, j.Start(cmd), fs.ErrInvalid, 87)
	wrong(t, j.Start(&exec.Cmd{Path: "/bin/true", SysProcAttr: &syscall.SysProcAttr{UseCgroupFD: true}}), fs.ErrInvalid, 87)
}

// descriptorsOfCommand is how many descriptors a command with an extra file has in no
// job: what started the test may have left it some.
func descriptorsOfCommand(t *testing.T) string {
	t.Helper()
	null, err := os.Open(os.DevNull)
	must(t, err)
	defer func() { must(t, null.Close()) }()
	cmd := exec.Command("sh", "-c", "ls /proc/self/fd | wc -l")
	cmd.ExtraFiles = []*os.File{null}
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// testJobProxy: the stand-in passes signals on, and what kills it kills the command.
func testJobProxy(t *testing.T, j *Job) {
	t.Helper()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGHUP} {
		cmd := exec.Command("sh", "-c", fmt.Sprintf(`trap "exit 42" %d; echo ready; while :; do sleep 0.01; done`, s))
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, j.Start(cmd))
		_, err = out.Read(make([]byte, 6))
		must(t, err)
		must(t, cmd.Process.Signal(s))
		if e, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || e.ExitCode() != 42 {
			t.Errorf("%v does not reach the command: %v", s, e)
		}
	}
	cmd := exec.Command("sleep", "1000")
	must(t, j.Start(cmd))
	pids := processes(t, j)
	if len(pids) != 1 || pids[0] == cmd.Process.Pid {
		t.Fatalf("the job has %v, the stand-in is %d", pids, cmd.Process.Pid)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	must(t, j.WaitEmpty(t.Context()))
	if running(pids[0]) {
		t.Error("the command outlives its stand-in")
	}
}

func TestJobWaitEmpty(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "", JobOptions{})
		must(t, j.WaitEmpty(t.Context())) // it never had any
		a, b := sleeper(t, j), sleeper(t, j)
		done := make(chan error, 1)
		go func() { done <- j.WaitEmpty(context.Background()) }()
		still(t, done)
		must(t, syscall.Kill(a, syscall.SIGKILL))
		still(t, done)
		must(t, syscall.Kill(b, syscall.SIGKILL))
		must(t, within60(t, done))

		sleeper(t, j)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- j.WaitEmpty(ctx) }()
		still(t, done)
		cancel()
		if err := within60(t, done); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled wait says %v", err)
		}
		go func() { done <- j.WaitEmpty(context.Background()) }()
		still(t, done)
		must(t, j.Close())
		if err := within60(t, done); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the wait through a closed handle says %v", err)
		}
	})
}

// A job is one of the objects that a wait can be for.
func TestJobInWaits(t *testing.T) {
	j, e := newTestJob(t, "waited", JobOptions{}), newTestEvent(t, "", EventOptions{ManualReset: true})
	other, err := OpenJob("waited", 0)
	must(t, err)
	closeLater(t, other)
	one, both := beginAny(e, j), beginAll(e, j)
	still(t, one)
	must(t, other.Terminate(3))
	mustEnd(t, 1, one)
	still(t, both)
	must(t, e.Set())
	mustEnd(t, 0, both)
	code, ok, err := j.Terminated()
	if must(t, err); code != 3 || !ok {
		t.Errorf("the code is %d, %v", code, ok)
	}
	info, err := Stat("waited")
	if must(t, err); info.Signaled == nil || !*info.Signaled || info.Type != TypeJob {
		t.Errorf("Stat says %+v", info)
	}
}

// limited starts a command in a job and returns what it says.
func limited(t testing.TB, limits JobLimits, script string) (string, error) {
	t.Helper()
	j := newTestJob(t, "", JobOptions{Limits: limits})
	cmd := exec.Command("sh", "-c", script)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, j.Start(cmd))
	var text bytes.Buffer
	_, err = text.ReadFrom(out)
	must(t, err)
	return strings.TrimSpace(text.String()), cmd.Wait()
}

// The limits of each process hold from its first instruction.
func TestJobProcessLimits(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		nice := 7
		for _, c := range []struct {
			limits JobLimits
			script string
			want   string
		}{
			{JobLimits{ProcessMemory: 64 << 20}, "ulimit -Hd; ulimit -Sd", "65536\n65536"},
			{JobLimits{ProcessCPUTime: 1500 * time.Millisecond}, "ulimit -Ht", "2"},
			{JobLimits{Nice: &nice}, "nice", "7"},
			{JobLimits{Processors: []int{0}}, "grep Cpus_allowed_list: /proc/self/status | cut -f2", "0"},
			{JobLimits{DieOnUnhandled: true}, "grep core /proc/self/limits | tr -s ' ' | cut -d' ' -f6", "1"},
		} {
			got, err := limited(t, c.limits, "("+c.script+")") // in a child of the command
			if c.limits.DieOnUnhandled && got == "0" {
				got = "1" // it was forbidden before
			}
			if err != nil || got != c.want {
				t.Errorf("%+v: %q, %v, want %q", c.limits, got, err, c.want)
			}
		}
	})
}

// They reach processes that are there already, all of their threads.
func TestJobSetLimits(t *testing.T) {
	eachWay(t, func(t *testing.T, groups bool) {
		j := newTestJob(t, "limits", JobOptions{Limits: JobLimits{Processes: 20}})
		l, err := j.Limits()
		if must(t, err); l.Processes != 20 {
			t.Errorf("the limits are %+v", l)
		}
		pid := sleeper(t, j)
		nice := 3
		want := JobLimits{
			Processes: 10, ProcessMemory: 1 << 30, ProcessCPUTime: time.Minute, Nice: &nice, Processors: []int{0}, DieOnUnhandled: true,
			Memory: 1 << 30, CPUTime: time.Hour, CPUTimeNotify: true,
		}
		must(t, j.SetLimits(want))
		other, err := OpenJob("limits", Query)
		must(t, err)
		closeLater(t, other)
		if l, err = other.Limits(); err != nil || l.Nice == nil || *l.Nice != 3 {
			t.Fatalf("the limits are %+v, %v", l, err)
		}
		l.Nice = want.Nice
		if fmt.Sprint(l) != fmt.Sprint(want) {
			t.Errorf("the limits are %+v, want %+v", l, want)
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		must(t, err)
		if !strings.Contains(string(text), strconv.Itoa(1<<30)) {
			t.Errorf("the process has the limits\n%s", text)
		}
		if n, err := unix.Getpriority(unix.PRIO_PROCESS, pid); err != nil || 20-n != 3 {
			t.Errorf("its niceness is %d, %v", 20-n, err)
		}
		must(t, j.SetLimits(JobLimits{}))
		for i, bad := range []JobLimits{
			{Processes: -1},
			{Memory: -1},
			{ProcessMemory: -1},
			{CPUTime: -1},
			{ProcessCPUTime: -1},
			{CPURate: -1},
			{CPURate: 0.001},
			{Processors: []int{-1}},
			{Processors: []int{5000}},
			{Processors: []int{1023}}, // more than any machine that this runs on has
			{Nice: new(20)},
			{CPURate: 1e300},
		} {
			if err := j.SetLimits(bad); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("bad limits %d: %v", i, err)
			}
			if _, err := CreateJob("", JobOptions{Limits: bad}); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("a job with bad limits %d: %v", i, err)
			}
		}
	})
}

// A limit that cannot be enforced is refused, with the way out, and nothing is made.
func TestJobRefusesWhatItCannotEnforce(t *testing.T) {
	t.Setenv("ATOLL_CGROUP", "none")
	_, err := CreateJob("rate", JobOptions{Limits: JobLimits{CPURate: 0.5}})
	wrong(t, err, errors.ErrUnsupported, 50)
	for _, text := range []string{"CPU rate", "cpu controller", "ATOLL_CGROUP=none"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not say %q", err, text)
		}
	}
	j := newTestJob(t, "rate", JobOptions{})
	wrong(t, j.SetLimits(JobLimits{CPURate: 0.5, Processes: 3}), errors.ErrUnsupported, 50)
	if l, err := j.Limits(); err != nil || l.Processes != 0 {
		t.Errorf("limits were changed: %+v, %v", l, err)
	}
	sleeper(t, j)
	t.Setenv("ATOLL_CGROUP", "")
	wrong(t, j.SetLimits(JobLimits{CPURate: 0.5}), errors.ErrUnsupported, 50)
	wrong(t, j.Assign(outside(t)), errors.ErrUnsupported, 50)
	t.Setenv("ATOLL_CGROUP", "relative")
	k := newTestJob(t, "", JobOptions{})
	err = k.Assign(outside(t))
	if wrong(t, err, errors.ErrUnsupported, 50); !strings.Contains(err.Error(), "slash") {
		t.Error(err)
	}
}

func TestJobStats(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "", JobOptions{})
		if s := stats(t, j); s.Mechanism != "" || s.Processes != 0 || s.Total != 0 {
			t.Errorf("a new job: %+v", s)
		}
		// One that has ended counts as well.
		must(t, run(t, j, exec.Command("sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")))
		pid := sleeper(t, j)
		s := stats(t, j)
		if s.Processes != 1 || s.Total != 2 || s.Terminated != 0 {
			t.Errorf("processes: %+v", s)
		}
		if s.User+s.System < 20*time.Millisecond || s.User+s.System > time.Hour {
			t.Errorf("times: %+v", s)
		}
		if s.Memory == 0 || s.PeakMemory < s.Memory || s.PeakProcessMemory == 0 || s.Faults == 0 {
			t.Errorf("memory: %+v", s)
		}
		must(t, j.Terminate(0))
		must(t, j.WaitEmpty(t.Context()))
		if s = stats(t, j); s.Terminated != 1 || s.Processes != 0 {
			t.Errorf("after its end, of %d: %+v", pid, s)
		}
	})
}

// TestJobRights: each right allows its own calls, and no others.
func TestJobRights(t *testing.T) {
	j := newTestJob(t, "rights", JobOptions{})
	for _, c := range []struct {
		access      Access
		wait, query bool
		modify      bool
	}{
		{access: Wait, wait: true},
		{access: Query, query: true},
		{access: Modify, query: true, modify: true},
		{access: 0, wait: true, query: true, modify: true},
	} {
		h, err := OpenJob("rights", c.access)
		must(t, err)
		allowed := func(what string, allowed bool, err error) {
			if (err == nil) != allowed || err != nil && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s with %v: %v", what, h.Access(), err)
			}
		}
		_, err = h.TryWait()
		allowed("TryWait", c.wait, err)
		_, err = h.Processes()
		allowed("Processes", c.query, err)
		_, err = h.Stats()
		allowed("Stats", c.query, err)
		allowed("WaitEmpty", c.query, h.WaitEmpty(t.Context()))
		allowed("SetLimits", c.modify, h.SetLimits(JobLimits{}))
		cmd := exec.Command("true")
		err = h.Start(cmd)
		allowed("Start", c.modify, err)
		if err == nil {
			_ = cmd.Wait()
		}
		allowed("Terminate", c.modify, h.Terminate(0))
		must(t, h.Close())
		wrong(t, h.Terminate(0), os.ErrClosed, 6)
		wrong(t, h.Close(), os.ErrClosed, 6)
	}
	_ = j
	refused(t, 6, ErrWrongType)(object(CreateEvent("rights", EventOptions{})))
	refused(t, 5, fs.ErrPermission)(object(OpenJob("rights", Write)))
}

// An unnamed job lives as long as any handle, also a duplicate.
func TestJobUnnamed(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		j := newTestJob(t, "", JobOptions{KillOnClose: true})
		pid := sleeper(t, j)
		again, err := Duplicate(j, 0)
		must(t, err)
		must(t, j.Close())
		time.Sleep(testkit.Quiet)
		if !running(pid) {
			t.Fatal("the processes were ended while there is a handle")
		}
		must(t, again.Close())
		eventually(t, "the processes end with the last handle", func() bool { return !running(pid) })
	})
}

// Breaking out is for members of jobs that allow it.
var _ = testkit.Role("job-breakaway", func(self *testkit.Self) {
	cmd := exec.Command("cat", "/proc/self/cgroup")
	var out bytes.Buffer
	cmd.Stdout = &out
	switch err := StartOutside(cmd); {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errors.ErrUnsupported):
		self.Say("refused")
	default:
		self.Must(err)
		self.Must(cmd.Wait())
		self.Say("%d", strings.Count(out.String(), "/atoll-job-"))
	}
})

func TestJobStartOutside(t *testing.T) {
	needGroups(t)
	say := func(j *Job) string {
		t.Helper()
		cmd := testkit.Command("job-breakaway")
		var out bytes.Buffer
		cmd.Stdout = &out
		must(t, run(t, j, cmd))
		return strings.TrimSpace(out.String())
	}
	for _, c := range []struct {
		allowed bool
		want    string
	}{{false, "refused"}, {true, "0"}} {
		if got := say(newTestJob(t, "", JobOptions{Breakaway: c.allowed})); got != c.want {
			t.Errorf("allowed %v: it says %q, want %q", c.allowed, got, c.want)
		}
	}
	must(t, StartOutside(exec.Command("true"))) // in no job
	t.Setenv("ATOLL_CGROUP", "none")
	if got := say(newTestJob(t, "", JobOptions{Breakaway: true})); got != "refused" {
		t.Errorf("without a group it says %q", got)
	}
}
