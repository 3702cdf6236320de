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

	"atoll/internal/cgroup"
	"atoll/internal/testkit"
)

// needController skips a test where the kernel has not bound a controller to version
// 2, as in hybrid layouts, and returns this process's group and where it lies.
func needController(t *testing.T, names ...string) (group, dir string) {
	t.Helper()
	needGroups(t)
	place, err := cgroup.Find()
	must(t, err)
	group, err = cgroup.Of(0)
	must(t, err)
	dir, _ = place.Dir(group)
	g, err := cgroup.Open(dir)
	must(t, err)
	defer func() { must(t, g.Close()) }()
	for _, name := range names {
		if err := g.Delegate(name); err != nil {
			t.Skipf("needs the %s controller in a group of version 2 that can pass it on: %v", name, err)
		}
	}
	return group, dir
}

// groupDir is where the group of a job lies that has a process.
func groupDir(t *testing.T, pid int) string {
	t.Helper()
	place, err := cgroup.Find()
	must(t, err)
	group, err := cgroup.Of(pid)
	must(t, err)
	dir, ok := place.Dir(filepath.Dir(group))
	if !ok || !strings.HasPrefix(filepath.Base(dir), "atoll-job-") {
		t.Fatalf("process %d is in %s", pid, group)
	}
	return dir
}

func groupFile(t *testing.T, dir, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	must(t, err)
	return strings.TrimSpace(string(text))
}

// The kernel is told what the limits say, and told otherwise when they change.
func TestJobControllers(t *testing.T) {
	needController(t, "cpu", "memory", "pids")
	j := newTestJob(t, "", JobOptions{Limits: JobLimits{Processes: 3, Memory: 64 << 20, CPURate: 0.5}})
	pid := sleeper(t, j)
	dir := groupDir(t, pid)
	for _, c := range []struct {
		limits              JobLimits
		pids, memory, shape string
	}{
		{JobLimits{Processes: 3, Memory: 64 << 20, CPURate: 0.5}, "512", "67108864", "50000 100000"},
		{JobLimits{Processes: 100, Memory: 128 << 20, CPURate: 2}, "3200", "134217728", "200000 100000"},
		{JobLimits{}, "max", "max", "max 100000"},
	} {
		must(t, j.SetLimits(c.limits))
		got := [3]string{groupFile(t, dir, "pids.max"), groupFile(t, dir, "memory.max"), groupFile(t, dir, "cpu.max")}
		if got != [3]string{c.pids, c.memory, c.shape} {
			t.Errorf("%+v: the kernel has %q", c.limits, got)
		}
	}
	s := stats(t, j)
	if strings.Join(s.Controllers, " ") == "" || s.PeakMemory == 0 || s.Faults == 0 {
		t.Errorf("%+v", s)
	}
	// A job inside it has limits of its own, though the outer one has processes.
	inner := newTestJob(t, "", JobOptions{Limits: JobLimits{Memory: 32 << 20, CPURate: 0.25}})
	must(t, inner.Assign(pid))
	in := groupDir(t, pid)
	if !strings.HasPrefix(in, dir+"/") || groupFile(t, in, "memory.max") != "33554432" || groupFile(t, in, "cpu.max") != "25000 100000" {
		t.Errorf("the inner job's group is %s", in)
	}
}

// A process that is to get a fifth of a processor gets no more than a half, however
// busy the machine is.
func TestJobRate(t *testing.T) {
	needController(t, "cpu")
	j := newTestJob(t, "", JobOptions{Limits: JobLimits{CPURate: 0.2}})
	cmd := exec.Command("sh", "-c", spin)
	must(t, j.Start(cmd))
	reap(t, cmd)
	before, begun := stats(t, j), time.Now()
	time.Sleep(2 * time.Second)
	after, took := stats(t, j), time.Since(begun)
	if used := after.User + after.System - before.User - before.System; used > took/2 || used == 0 {
		t.Errorf("it used %v in %v", used, took)
	}
}

// The hog is ended by the kernel, and that is told.
func TestJobMemoryByKernel(t *testing.T) {
	needController(t, "memory")
	j := newTestJob(t, "", JobOptions{Limits: JobLimits{Memory: 64 << 20}})
	seen := jobEvents(t, j)
	_ = run(t, j, testkit.Command("job-hog"))
	awaitEvent(t, seen, JobMemoryLimit)
	if s := stats(t, j); s.OverMemory != 1 || s.PeakMemory > 64<<20 {
		t.Errorf("%+v", s)
	}
}

var _ = testkit.Role("job-rate", func(self *testkit.Self) {
	j, err := CreateJob("", JobOptions{Limits: JobLimits{CPURate: 0.5}})
	if err != nil {
		self.Say("%v", err)
		return
	}
	cmd := exec.Command("cat", "/proc/self/cgroup")
	var out bytes.Buffer
	cmd.Stdout = &out
	self.Must(j.Start(cmd))
	self.Must(cmd.Wait())
	self.Must(j.WaitEmpty(context.Background()))
	self.Must(j.Close())
	self.Say("%s", strings.TrimSpace(out.String()))
})

// rateIn runs the role in a group of this name below this process's, which passes
// controllers on to it, as a user.
func rateIn(t *testing.T, dir, group, variable string, uid uint32) string {
	t.Helper()
	fd, err := syscall.Open(filepath.Join(dir, group), syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	must(t, err)
	defer func() { must(t, syscall.Close(fd)) }()
	base, err := os.MkdirTemp("/dev/shm", "atoll-test-job-")
	must(t, err)
	defer func() { must(t, os.RemoveAll(base)) }()
	must(t, os.Chown(base, int(uid), int(uid)))
	cmd := testkit.Command("job-rate")
	cmd.Env = append(cmd.Env, "ATOLL_CGROUP="+variable, "ATOLL_ROOT="+base)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
	if uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
	return testkit.StartCommand(t, cmd).Line()
}

// A group that has processes cannot pass controllers on, and the error says the way
// out; which is tried, too: a group that was prepared, for a user without rights.
func TestJobDelegation(t *testing.T) {
	testkit.NeedRoot(t)
	own, dir := needController(t, "cpu")
	const uid = 65533
	name := fmt.Sprintf("atoll-test-delegated-%d", os.Getpid())
	inner := filepath.Join(name, "program")
	must(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	must(t, os.Mkdir(filepath.Join(dir, inner), 0o755))
	t.Cleanup(func() { removeGroup(t, filepath.Join(dir, name)) })
	for _, of := range []string{name, inner} {
		for _, file := range []string{"", "cgroup.procs", "cgroup.subtree_control"} {
			must(t, os.Chown(filepath.Join(dir, of, file), uid, uid))
		}
	}
	if got := rateIn(t, dir, name, "", uid); !strings.Contains(got, "has processes itself") || !strings.Contains(got, "ATOLL_CGROUP") {
		t.Errorf("in a group with processes: %s", got)
	}
	prepared := filepath.Join(own, name)
	if got := rateIn(t, dir, inner, prepared, uid); !strings.HasPrefix(got, "0::"+prepared+"/atoll-job-") {
		t.Errorf("in a prepared group: %s", got)
	}
}
