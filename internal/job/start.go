//go:build linux

package job

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/errs"
	"atoll/internal/guardian"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Start starts a command in the job: there is no moment at which it is outside. pid
// is the command's own.
func (j *Job) Start(cmd *exec.Cmd) (pid int, err error) {
	return startIn(cmd, []*Job{j}, ownGroup(0))
}

// startIn starts a command in several jobs, each of which lies in the one before, or
// comes to lie there. It would be born in the group now.
func startIn(cmd *exec.Cmd, jobs []*Job, now string) (pid int, err error) {
	if cmd.Process != nil {
		return 0, errs.New(fs.ErrInvalid, "the command was started already")
	}
	if cmd.SysProcAttr != nil && cmd.SysProcAttr.UseCgroupFD {
		return 0, errs.New(fs.ErrInvalid, "SysProcAttr.UseCgroupFD puts the command into another group than the job's")
	}
	j := jobs[0]
	if err := j.placed(now); err != nil {
		return 0, err
	}
	err = j.edit(func(r *layout.JobRecord) error {
		if err := j.mayJoin(r, now); err != nil {
			return err
		}
		m, err := j.membersOf(r)
		if err != nil {
			return err
		}
		if err := j.fits(r, m); err != nil {
			return err
		}
		if err := errors.Join(j.mendGuard(r), j.mendWatch(r)); err != nil {
			return err
		}
		r.Total++
		switch {
		case r.Mode == layout.JobGroup && len(jobs) > 1:
			pid, err = startIn(cmd, jobs[1:], r.Group)
		case len(jobs) > 1:
			err = errs.New(errors.ErrUnsupported, "a process is started in several jobs only where these have control groups")
		case r.Mode == layout.JobGroup:
			pid, err = startInGroup(cmd, m.Group, r.Total, launchOf(&r.Limits))
		default:
			pid, err = j.startInTree(cmd, launchOf(&r.Limits))
		}
		return err
	})
	return pid, err
}

// placed sees to it that the job has a place, of which nobody must know that does not
// outlive a failure of what comes next.
func (j *Job) placed(now string) error {
	r, err := j.record()
	if err != nil {
		return err
	}
	if r.Mode != layout.JobUnused {
		if _, err := j.useGroup(&r); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return j.edit(func(r *layout.JobRecord) error { return j.settlePlace(r, now) })
}

// mayJoin refuses a process of a group that is in a job below or beside which this
// one does not lie.
func (j *Job) mayJoin(r *layout.JobRecord, now string) error {
	if other := innermost(now); r.Mode == layout.JobGroup && other != "" && !within(r.Group, other) && !within(now, r.Group) {
		return errs.New(fs.ErrPermission, "the process is in another job, and this one, which has had processes already, is not nested in that")
	}
	return nil
}

// fits refuses one process more than the job may have, and any if its time is over.
func (j *Job) fits(r *layout.JobRecord, m guardian.Members) error {
	if over, err := j.Over(); err != nil {
		return err
	} else if over && r.Limits.Time != 0 {
		return errs.Numbered(errs.NotEnoughQuota, unix.EAGAIN, "the CPU time of the job is over; a new limit gives it another")
	}
	most := int(r.Limits.Processes)
	if most == 0 {
		return nil
	}
	if n := len(m.List()); n >= most {
		return errs.Numbered(errs.NotEnoughQuota, unix.EAGAIN, "the job has %d processes, and may have %d", n, most)
	}
	return nil
}

func startInGroup(cmd *exec.Cmd, group cgroup.Group, number uint64, launch guardian.Launch) (pid int, err error) {
	members, err := makeMembers(group, number)
	if err != nil {
		return 0, err
	}
	defer func() { _ = members.Close() }()
	w := wrap(cmd)
	defer w.restore()
	inGroup(cmd, members)
	if !launch.Any() {
		return w.start()
	}
	return w.startAs(guardian.RoleLaunch, launch, nil, 0)
}

// inGroup has a command be born in a group.
func inGroup(cmd *exec.Cmd, group cgroup.Group) {
	attr := &syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		*attr = *cmd.SysProcAttr
	}
	attr.UseCgroupFD, attr.CgroupFD = true, group.FD
	cmd.SysProcAttr = attr
}

func (j *Job) startInTree(cmd *exec.Cmd, launch guardian.Launch) (pid int, err error) {
	file, err := j.reopened()
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	w := wrap(cmd)
	defer w.restore()
	return w.startAs(guardian.RoleProxy, launch, file, j.at)
}

// reopened is a description of the job's file for a guardian.
func (j *Job) reopened() (*os.File, error) {
	fd, err := lockfile.Reopen(j.file, unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "job"), nil
}

// wrapped is a command whose fields are changed while it is started.
type wrapped struct {
	cmd  *exec.Cmd
	path string
	args []string
	env  []string
	more []*os.File
	attr *syscall.SysProcAttr
}

func wrap(cmd *exec.Cmd) wrapped {
	return wrapped{cmd, cmd.Path, cmd.Args, cmd.Env, cmd.ExtraFiles, cmd.SysProcAttr}
}

func (w *wrapped) restore() {
	w.cmd.Path, w.cmd.Args, w.cmd.Env, w.cmd.ExtraFiles, w.cmd.SysProcAttr = w.path, w.args, w.env, w.more, w.attr
}

// start starts the command, or what stands for it.
func (w *wrapped) start() (pid int, err error) {
	err = w.cmd.Start()
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == self {
		err = &fs.PathError{Op: e.Op, Path: w.path, Err: e.Err}
	}
	if err != nil {
		return 0, err
	}
	return w.cmd.Process.Pid, nil
}

const self = "/proc/self/exe"

// standard is how many descriptors every command has.
const standard = 3

// startAs starts this program in place of the command, in a role of package guardian
// or proxy, and returns when that has become the command or started it. file, if
// there is one, goes with it, and the offset of the job's region in it.
func (w *wrapped) startAs(role string, launch guardian.Launch, file *os.File, at int64) (pid int, err error) {
	if w.cmd.Err != nil {
		return 0, w.cmd.Err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = reader.Close() }()
	files := standard + len(w.more)
	more, front := append([]*os.File(nil), w.more...), []string{guardian.Name, role, strconv.Itoa(files)}
	if file != nil {
		more, front = append(more, file), append(front, strconv.FormatInt(at, 10))
	}
	args := w.args
	if len(args) == 0 {
		args = []string{w.path}
	}
	w.cmd.Env = append(w.cmd.Environ(), guardian.Variable+"=1")
	w.cmd.ExtraFiles = append(more, writer)
	w.cmd.Args = append(append(front, launch.String(), w.path), args...)
	w.cmd.Path = self
	pid, err = w.start()
	_ = writer.Close()
	if err != nil {
		return 0, err
	}
	started, errno := verdict(reader)
	if errno != 0 {
		_ = w.cmd.Wait()
		w.cmd.Process, w.cmd.ProcessState = nil, nil
		return 0, &fs.PathError{Op: "fork/exec", Path: w.path, Err: errno}
	}
	return cmp.Or(started, pid), nil
}

// verdict reads what a launch or a proxy says about the start: nothing, or as what it
// started, or the number of an error.
func verdict(r io.Reader) (pid int, errno syscall.Errno) {
	line, _ := bufio.NewReader(r).ReadString('\n')
	line = strings.TrimSpace(line)
	if text, started := strings.CutPrefix(line, guardian.SayStarted); started || line == "" {
		pid, _ = strconv.Atoi(text)
		return pid, 0
	}
	number, err := strconv.Atoi(strings.TrimPrefix(line, guardian.SayFailed))
	if err != nil || number == 0 {
		return 0, syscall.EIO
	}
	return 0, syscall.Errno(number)
}

// Assign puts a process that exists into the job.
func (j *Job) Assign(pid int) error {
	p, err := guardian.Look(pid)
	switch {
	case err != nil:
		return errs.Because(err, 0, fs.ErrNotExist, "no process has the pid %d", pid)
	case p.Zombie:
		return errs.New(fs.ErrPermission, "process %d has ended", pid)
	}
	now := ownGroup(pid)
	if in, err := j.Has(pid); in || err != nil {
		return err
	}
	r, err := j.record()
	if err != nil {
		return err
	}
	if r.Mode == layout.JobUnused && innermost(now) == "" {
		if err := baseUsable(); err != nil {
			return noAssign(err)
		}
	}
	if err := j.placed(now); err != nil {
		return err
	}
	return j.edit(func(r *layout.JobRecord) error {
		if r.Mode == layout.JobTree {
			return noAssign(errTree)
		}
		return j.assignToGroup(r, p, now)
	})
}

// baseUsable says what keeps this process from making groups.
func baseUsable() error {
	parent, err := base()
	if err != nil {
		return err
	}
	g, err := openBase(parent)
	if err != nil {
		return err
	}
	return g.Close()
}

func noAssign(why error) error {
	return errs.Because(why, 0, errors.ErrUnsupported, "a process that runs already can only be put into a job that has a control group; Start puts a new one into any job")
}

func (j *Job) assignToGroup(r *layout.JobRecord, p guardian.Process, now string) error {
	if err := j.mayJoin(r, now); err != nil {
		return err
	}
	m, err := j.membersOf(r)
	if err != nil {
		return err
	}
	if err := j.fits(r, m); err != nil {
		if errors.Is(err, unix.EAGAIN) { // it is ended, as on Windows
			words, e := guardian.ReadWords(j.file, j.at)
			if e == nil && r.Limits.Processes != 0 {
				e = guardian.WriteWord(j.file, j.at, guardian.WordSurplus, words[guardian.WordSurplus]+1)
			}
			err = errors.Join(err, e, unix.Kill(p.PID, unix.SIGKILL))
		}
		return err
	}
	if err := errors.Join(j.mendGuard(r), j.mendWatch(r)); err != nil {
		return err
	}
	members, err := makeMembers(m.Group, r.Total+1)
	if err != nil {
		return err
	}
	defer func() { _ = members.Close() }()
	err = members.Write("cgroup.procs", strconv.Itoa(p.PID))
	switch {
	case errors.Is(err, unix.ESRCH):
		return errs.Because(err, 0, fs.ErrPermission, "process %d has ended", p.PID)
	case err != nil:
		return fmt.Errorf("move process %d into the job's control group: %w", p.PID, err)
	}
	if launch := launchOf(&r.Limits); launch.Any() {
		if err := launch.Apply(p.PID); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("limit process %d: %w", p.PID, err)
		}
	}
	r.Total++
	return nil
}
