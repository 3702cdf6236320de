//go:build linux

package job

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/check"
	"atoll/internal/guardian"
	"atoll/internal/layout"
)

// kills says whether the job's processes end with its last handle.
func (j *Job) kills(r *layout.JobRecord) bool {
	return j.kill || r.Limits.Flags&layout.JobKillOnClose != 0
}

// mendGuard sees to it that the job has a guard, if it is to end with its last
// handle: also in place of one that was killed.
func (j *Job) mendGuard(r *layout.JobRecord) error {
	if !j.kills(r) || guardian.Guarded(j.file, guardian.GuardByte) != 0 {
		return nil
	}
	return j.startGuardian(r, guardian.RoleGuard)
}

// mendWatch sees to it that somebody enforces what the kernel does not.
func (j *Job) mendWatch(r *layout.JobRecord) error {
	words, err := guardian.ReadWords(j.file, j.at)
	if err != nil {
		return err
	}
	if words[guardian.WordProcesses]|words[guardian.WordMemory]|words[guardian.WordTime] == 0 ||
		guardian.Guarded(j.file, guardian.WatchByte) != 0 {
		return nil
	}
	return j.startGuardian(r, guardian.RoleWatch)
}

// startGuardian starts this program as a guardian that outlives this process,
// outside of all jobs if there are groups, and waits until it is one.
func (j *Job) startGuardian(r *layout.JobRecord, role string) error {
	files, argv, attr, err := j.guardianParts(r, role)
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if err != nil {
		return fmt.Errorf("start a %s of the job: %w", role, err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	pidfd := -1
	attr.PidFD = &pidfd
	how := &os.ProcAttr{
		Dir: "/", Env: []string{guardian.Variable + "=1", "GORACE=atexit_sleep_ms=0"}, Sys: attr,
		Files: append([]*os.File{nil, nil, nil, writer}, files...),
	}
	p, err := os.StartProcess(self, argv, how)
	if err != nil && attr.UseCgroupFD {
		attr.UseCgroupFD = false // then it is where this process is
		p, err = os.StartProcess(self, argv, how)
	}
	_ = writer.Close()
	if err != nil {
		return fmt.Errorf("start a %s of the job: this program cannot be started again by %s: %w", role, self, err)
	}
	go bury(p, pidfd)
	check.Point("job.guarded")
	if line, _ := bufio.NewReader(reader).ReadString('\n'); line != guardian.Ready {
		return fmt.Errorf("start a %s of the job: it ended at once; another package's init may have ended the program", role)
	}
	return nil
}

// guardianParts are what a guardian is started with. READY is descriptor 3, the
// job's file 4, its group 5, the group's parent 6.
func (j *Job) guardianParts(r *layout.JobRecord, role string) (files []*os.File, argv []string, attr *syscall.SysProcAttr, err error) {
	file, err := j.reopened()
	if err != nil {
		return nil, nil, nil, err
	}
	files = []*os.File{file}
	group, parent, name := -1, -1, ""
	attr = &syscall.SysProcAttr{}
	if r.Mode == layout.JobGroup {
		if _, err := j.useGroup(r); err != nil { // which looks whether it is the job's
			return files, nil, nil, err
		}
		for _, dir := range []string{r.Group, path.Dir(r.Group), outermost(r.Group)} {
			g, err := openGroup(dir)
			if err != nil {
				return files, nil, nil, err
			}
			files = append(files, os.NewFile(uintptr(g.FD), dir))
			attr.CgroupFD = g.FD
		}
		group, parent, name = 5, 6, path.Base(r.Group)
		attr.UseCgroupFD = movable(cgroup.Group{FD: attr.CgroupFD})
	}
	argv = []string{guardian.Name, role, "4", strconv.Itoa(group)}
	if role == guardian.RoleGuard {
		argv = append(argv, strconv.Itoa(parent))
	}
	argv = append(argv, "3", strconv.FormatInt(j.at, 10))
	if role == guardian.RoleGuard {
		argv = append(argv, name)
	}
	return files, argv, attr, nil
}

// movable says whether a guardian can be put into a group: not if this process is
// there anyway, or the group divides something up and must have no processes.
func movable(g cgroup.Group) bool {
	if innermost(ownGroup(0)) == "" {
		return false
	}
	_, err := g.Read("cgroup.procs")
	return err == nil
}

// bury waits for a guardian that is this process's child, without a thread.
func bury(p *os.Process, pidfd int) {
	if pidfd >= 0 && unix.SetNonblock(pidfd, true) == nil {
		file := os.NewFile(uintptr(pidfd), "guardian")
		if conn, err := file.SyscallConn(); err == nil {
			_ = conn.Read(func(fd uintptr) bool {
				fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
				n, err := unix.Poll(fds, 0)
				return err == nil && n == 1
			})
		}
		_ = file.Close()
	}
	if _, err := p.Wait(); err != nil && !errors.Is(err, fs.ErrClosed) {
		_ = p.Release()
	}
}
