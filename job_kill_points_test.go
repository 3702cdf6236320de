//go:build linux && atollcheck

package atoll

import (
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"

	"atoll/internal/check"
	"atoll/internal/testkit"
)

// A victim does all that changes a job, and kills itself at the point that its
// arguments name.
var _ = testkit.Role("job-killed-at", func(self *testkit.Self) {
	o := JobOptions{Limits: JobLimits{Processes: 50}}
	if self.Args[2] == "kill" {
		o.KillOnClose = true
	}
	var once atomic.Bool
	check.SetHook(func(p string) {
		if p == self.Args[1] && !once.Swap(true) {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	})
	j, _, err := CreateOrOpenJob(self.Args[0], o)
	self.Must(err)
	self.Must(j.Start(exec.Command("sleep", "1000")))
	self.Must(j.SetLimits(JobLimits{Processes: 40, Memory: 1 << 30}))
	self.Must(j.Terminate(3))
	self.Must(j.Start(exec.Command("sleep", "1000")))
	self.Must(j.Close())
	self.Say("passed no such point")
})

// Killed at any point, a process leaves a job that others can go on with, and
// nothing when they have ended it.
func TestJobKillPoints(t *testing.T) {
	eachWay(t, func(t *testing.T, groups bool) {
		for _, point := range pointsIn(t, "internal/job") {
			if point == "job.grouped" && !groups {
				continue
			}
			t.Run(point, func(t *testing.T) {
				j := newTestJob(t, "kill point", JobOptions{Limits: JobLimits{Processes: 50}})
				victim := testkit.Start(t, "job-killed-at", "kill point", point, "none")
				if line := victim.Line(); line != "" {
					t.Fatal(line)
				}
				must(t, run(t, j, exec.Command("true")))
				sleeper(t, j)
				_ = stats(t, j)
				must(t, j.SetLimits(JobLimits{Processes: 30}))
				must(t, j.Terminate(4))
				must(t, j.WaitEmpty(t.Context()))
				must(t, j.Close())
				nothingOfJobs(t)
			})
			t.Run(point+", alone", func(t *testing.T) {
				victim := testkit.Start(t, "job-killed-at", "kill point", point, "kill")
				if line := victim.Line(); line != "" {
					t.Fatal(line)
				}
				nothingOfJobs(t)
			})
		}
	})
}

// nothingOfJobs waits until nothing is left: groups are removed by sweeps, once their
// processes are gone.
func nothingOfJobs(t *testing.T) {
	t.Helper()
	eventually(t, "no guardian, group or object is left", func() bool {
		_, err := Sweep(LocalScope)
		must(t, err)
		return len(guardians(t)) == 0 && len(jobGroups(t)) == 0 && len(testkit.Objects(testkit.Base())) == 0
	})
}
