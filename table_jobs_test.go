//go:build linux

package atoll

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// What became of each line about jobs (12.10) of the list of Windows' behaviours; see
// sectionLines.
var jobLines = map[string]string{
	"C361": "TestJobLines/C361",
	"C362": "TestJobLines/C362",
	"C364": "TestJobLines/C364",
	"C365": "TestJobAssignLines/C365",
	"C366": "TestJobAssignLines/C366",
	"C368": "TestJobLines/C368",
	"C369": "TestJobBreakawayLines/C369",
	"C370": "TestJobBreakawayLines/C370",
	"C372": "not applicable: what a member of a control group starts is in it; a job cannot ask for silent breakaway",
	"C373": "TestJobEndLines/C373",
	"C374": "TestJobEndLines/C374",
	"C376": "TestJobEndLines/C376",
	"C377": "TestJobNestLines/C377",
	"C378": "TestJobNestLines/C378",
	"C380": "TestJobEventLines/C380",
	"C381": "TestJobEventLines/C381",
	"C382": "TestJobNestLines/C382",
	"C384": "not applicable: limits are a Go struct, not a buffer with a size; win32 will check it",
	"C385": "TestJobEventLines/C385",
	"C386": "TestJobAssignLines/C386",
	"C388": "not applicable: a list of jobs for a new process is win32's; Start of each handle takes one",
	"C389": "win32: Start takes one job; TestJobNested nests by who starts, TestJobNestLines/C377 by Assign",
	"C416": "win32: a Job of the Go face is never nil",
	"C417": "win32: the Go face has no completion ports; WaitEmpty waits",
}

// TestJobLines has what needs no process that runs already.
func TestJobLines(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		t.Run("C361", func(t *testing.T) {
			done := beginAny(newTestJob(t, "", JobOptions{}))
			still(t, done)
		})
		t.Run("C362", func(t *testing.T) {
			j := newTestJob(t, "", JobOptions{})
			pid := sleeper(t, j)
			must(t, j.Terminate(123))
			must(t, j.Wait(t.Context()))
			must(t, j.Wait(t.Context()))
			must(t, j.WaitEmpty(t.Context()))
			if code, ok, err := j.Terminated(); err != nil || !ok || code != 123 || running(pid) {
				t.Errorf("code %d, %v, %v", code, ok, err)
			}
			sleeper(t, j) // stays so with new processes
			must(t, j.Wait(t.Context()))
		})
		t.Run("C364", func(t *testing.T) {
			j := newTestJob(t, "", JobOptions{})
			done := beginAny(j)
			must(t, run(t, j, exec.Command("true")))
			must(t, j.WaitEmpty(t.Context()))
			still(t, done)
		})
		t.Run("C368", func(t *testing.T) {
			j := newTestJob(t, "", JobOptions{})
			daemon(t, j)
		})
	})
}

// TestJobEndLines: what the last handle's end does.
func TestJobEndLines(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		t.Run("C373", func(t *testing.T) {
			j := newTestJob(t, "C373", JobOptions{KillOnClose: true})
			pid := daemon(t, j)
			must(t, j.Close())
			eventually(t, "the process is ended", func() bool { return !running(pid) })
		})
		t.Run("C374", func(t *testing.T) {
			file := t.TempDir() + "/pid"
			holder := testkit.Start(t, "job-holder", "C374", "kill", file)
			holder.Expect("holds")
			pid := daemonPID(t, file)
			holder.Kill()
			eventually(t, "the process is ended", func() bool { return !running(pid) })
		})
		t.Run("C376", func(t *testing.T) {
			j := newTestJob(t, "C376", JobOptions{})
			pid := sleeper(t, j)
			must(t, j.Close())
			refused(t, 2, fs.ErrNotExist)(object(OpenJob("C376", 0)))
			if !running(pid) {
				t.Error("the process did not live on")
			}
			k := newTestJob(t, "C376", JobOptions{})
			if in, err := k.Has(pid); err != nil || in {
				t.Errorf("it is in a new job of the name: %v, %v", in, err)
			}
		})
	})
}

// TestJobEventLines: what a completion port would be told.
func TestJobEventLines(t *testing.T) {
	eachWay(t, func(t *testing.T, _ bool) {
		t.Run("C380", func(t *testing.T) {
			j := newTestJob(t, "", JobOptions{})
			first := sleeper(t, j)
			seen := jobEvents(t, j)
			if e := within60(t, seen); e != (JobEvent{JobProcessStarted, first}) {
				t.Errorf("first %+v", e)
			}
			second := sleeper(t, j)
			if e := within60(t, seen); e != (JobEvent{JobProcessStarted, second}) {
				t.Errorf("then %+v", e)
			}
		})
		t.Run("C381", func(t *testing.T) {
			j := newTestJob(t, "", JobOptions{})
			pid := sleeper(t, j)
			seen := jobEvents(t, j)
			within60(t, seen)
			must(t, syscall.Kill(pid, syscall.SIGTERM))
			if e := within60(t, seen); e != (JobEvent{JobProcessEnded, pid}) {
				t.Errorf("first %+v", e)
			}
			if e := within60(t, seen); e != (JobEvent{Kind: JobEmpty}) {
				t.Errorf("then %+v", e)
			}
		})
		t.Run("C385", func(t *testing.T) {
			j := newTestJob(t, "", JobOptions{})
			sleeper(t, j)
			sleeper(t, j)
			must(t, run(t, j, exec.Command("true")))
			if s := stats(t, j); s.Total != 3 || s.Processes != 2 {
				t.Errorf("%+v", s)
			}
		})
	})
}

// TestJobAssignLines has what puts a process that runs already into a job.
func TestJobAssignLines(t *testing.T) {
	needGroups(t)
	t.Run("C365", func(t *testing.T) {
		j := newTestJob(t, "", JobOptions{})
		cmd := exec.Command("true")
		must(t, cmd.Start())
		eventually(t, "it has ended", func() bool { return processState(cmd.Process.Pid) == "Z" })
		wrong(t, j.Assign(cmd.Process.Pid), fs.ErrPermission, 5)
		_ = cmd.Wait()
		wrong(t, j.Assign(cmd.Process.Pid), fs.ErrNotExist, 2)
	})
	t.Run("C366", func(t *testing.T) {
		j := newTestJob(t, "", JobOptions{})
		cmd := exec.Command("sleep", "1000")
		must(t, cmd.Start())
		pid := cmd.Process.Pid
		is := func(want bool) {
			t.Helper()
			if in, err := j.Has(pid); err != nil || in != want {
				t.Errorf("Has: %v, %v", in, err)
			}
		}
		is(false)
		must(t, j.Assign(pid))
		is(true)
		must(t, j.Assign(pid)) // again
		if s := stats(t, j); s.Total != 1 {
			t.Errorf("assigned twice, it counts twice: %+v", s)
		}
		must(t, cmd.Process.Kill())
		eventually(t, "it has ended", func() bool { return processState(pid) == "Z" })
		is(true)
		_ = cmd.Wait()
		_, err := j.Has(pid)
		wrong(t, err, fs.ErrNotExist, 2)
	})
	t.Run("C386", func(t *testing.T) {
		j := newTestJob(t, "", JobOptions{Limits: JobLimits{Processes: 1}})
		first, second := outside(t), outside(t)
		must(t, j.Assign(first))
		wrong(t, j.Assign(second), unix.EAGAIN, 1816)
		eventually(t, "the second one is ended", func() bool { return !running(second) })
		wrong(t, j.Start(exec.Command("true")), unix.EAGAIN, 1816)
		if !running(first) || !slices.Equal(processes(t, j), []int{first}) {
			t.Errorf("the job has %v", processes(t, j))
		}
	})
}

// TestJobNestLines: jobs inside of jobs.
func TestJobNestLines(t *testing.T) {
	needGroups(t)
	t.Run("C377", func(t *testing.T) {
		outer, inner := newTestJob(t, "", JobOptions{}), newTestJob(t, "", JobOptions{})
		pid := outside(t)
		must(t, outer.Assign(pid))
		must(t, inner.Assign(pid))
		for _, j := range []*Job{outer, inner} {
			if in, err := j.Has(pid); err != nil || !in {
				t.Errorf("Has: %v, %v", in, err)
			}
		}
		// And another, which is in the outer one, into the inner.
		second := outside(t)
		must(t, outer.Assign(second))
		must(t, inner.Assign(second))
	})
	t.Run("C378", func(t *testing.T) {
		a, b := newTestJob(t, "", JobOptions{}), newTestJob(t, "", JobOptions{})
		p, q := outside(t), outside(t)
		must(t, a.Assign(p))
		must(t, b.Assign(q))
		wrong(t, b.Assign(p), fs.ErrPermission, 5)
		// Also when it has none any more.
		must(t, syscall.Kill(q, syscall.SIGKILL))
		must(t, b.WaitEmpty(t.Context()))
		wrong(t, b.Assign(p), fs.ErrPermission, 5)
	})
	t.Run("C382", func(t *testing.T) {
		outer, inner := newTestJob(t, "", JobOptions{}), newTestJob(t, "", JobOptions{})
		pid := outside(t)
		must(t, outer.Assign(pid))
		ofOuter, ofInner := jobEvents(t, outer), jobEvents(t, inner)
		must(t, inner.Assign(pid))
		for _, seen := range []<-chan JobEvent{ofInner, ofOuter} {
			if e := awaitEvent(t, seen, JobProcessStarted); e.PID != pid {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestJobBreakawayLines: who is in a job that forbids breaking away stays, also in
// one around that which allows it.
func TestJobBreakawayLines(t *testing.T) {
	needGroups(t)
	// breaks assigns an agent to jobs, one inside the other, and returns what it says.
	breaks := func(t *testing.T, allowed ...bool) string {
		cmd := testkit.Command("job-breakaway-later")
		child := testkit.StartCommand(t, cmd)
		for _, a := range allowed {
			must(t, newTestJob(t, "", JobOptions{Breakaway: a}).Assign(child.PID()))
		}
		child.Tell("go")
		return child.Line()
	}
	t.Run("C369", func(t *testing.T) {
		if got := breaks(t, false); got != "refused" {
			t.Error(got)
		}
	})
	t.Run("C370", func(t *testing.T) {
		for _, c := range []struct {
			allowed []bool
			want    string
		}{
			{[]bool{true}, "0"},
			{[]bool{false, true}, "1"}, // the inner one is left, the outer one keeps it
			{[]bool{true, true}, "0"},
			{[]bool{true, false}, "refused"},
			{nil, "0"},
		} {
			if got := breaks(t, c.allowed...); got != c.want {
				t.Errorf("%v: %s, want %s", c.allowed, got, c.want)
			}
		}
	})
}

var _ = testkit.Role("job-breakaway-later", func(self *testkit.Self) {
	self.Hear()
	cmd := exec.Command("cat", "/proc/self/cgroup")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := StartOutside(cmd); err != nil {
		self.Say("refused")
		return
	}
	self.Must(cmd.Wait())
	self.Say("%d", strings.Count(out.String(), "/atoll-job-"))
})
