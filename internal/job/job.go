//go:build linux

package job

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/guardian"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Limits are a job's limits.
type Limits = layout.JobLimits

// Job is a job as one handle has it.
type Job struct {
	file int // the object's, whose descriptor is somebody else's
	at   int64
	kill bool // on close, from its creation on
	// name is that of the job's control group. It comes from the identity of the file,
	// which the kernel vouches for: whoever writes another into the record cannot have
	// the processes of another job ended.
	name  string
	owner uint32 // of the file
	// life keeps an unnamed job alive, for its guard: a description that is not
	// mapped, so that closing it is enough. -1 for a named one, which has its
	// handle's.
	life    int
	last    bool // nobody else kept it so, either
	retired bool // see Retiring

	mu      sync.Mutex
	group   cgroup.Group // FD -1 until it is needed and known
	groupID uint64
	removed []cgroup.Group // that somebody removed by hand, until Close
}

// Write writes what a new job begins with into its file.
//
// # Errors
//
// fs.ErrInvalid: limits that mean nothing. errors.ErrUnsupported: a limit that cannot
// be enforced here.
func Write(fd int, h *layout.Header, limits Limits) error {
	if err := valid(&limits); err != nil {
		return err
	}
	if err := possible(&limits); err != nil {
		return err
	}
	r := layout.JobRecord{Sequence: 1, Limits: limits}
	if err := lockfile.WriteAt(fd, r.Encode(), h.JobOffset()+r.Place()); err != nil {
		return err
	}
	return writeWatched(fd, h.JobOffset(), watched(&limits, false), uint64(limits.Time))
}

// Open makes a handle's job of its file.
func Open(fd int, named bool, h *layout.Header) (*Job, error) {
	j := &Job{
		file: fd, at: h.JobOffset(), kill: h.Has(layout.FlagKillOnClose),
		life: -1, group: cgroup.Group{FD: -1},
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	j.name, j.owner = groupName(&st, h), st.Uid
	if named {
		return j, nil
	}
	life, err := lockfile.Reopen(fd, unix.O_RDWR)
	if errors.Is(err, fs.ErrPermission) {
		life, err = lockfile.Reopen(fd, unix.O_RDONLY)
	}
	if err != nil {
		return nil, err
	}
	got, err := lockfile.TryShared(life, lockfile.Holders)
	if err == nil && !got {
		err = errs.New(fs.ErrNotExist, "the job's last handle has just been closed, and its processes are being ended")
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(life))
	}
	j.life = life
	return j, nil
}

// Retiring ends what keeps the job. It is the first part of Closing, or comes before.
func (j *Job) Retiring() error {
	if j.retired {
		return nil
	}
	j.retired = true
	r, err := j.record()
	if err == nil && r.Mode != layout.JobUnused {
		// A guard may have been killed, and after us there may be nobody to see it.
		err = j.mendGuard(&r)
	}
	check.Point("job.closing")
	if j.life >= 0 {
		j.last, _ = lockfile.TryExclusive(j.life, lockfile.Holders)
		err = errors.Join(err, unix.Close(j.life))
	}
	return err
}

// Closing ends the use of the job through a handle that is being closed. done is
// told whether the job itself came to its end with the handle.
func (j *Job) Closing() (done func(ended bool), err error) {
	err = j.Retiring()
	r, _ := j.record() // Retiring has said why not
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, g := range append(j.removed, j.group) {
		if g.FD >= 0 {
			err = errors.Join(err, g.Close())
		}
	}
	j.group.FD, j.removed = -1, nil
	return func(ended bool) {
		if (j.last || ended) && !j.kills(&r) && path.Base(r.Group) == j.name {
			discard(r.Group) // if nobody is in it; else whoever makes the next one does it
		}
	}, err
}

// readRegion reads the job's own part of its file.
func readRegion(fd int, at int64) ([]byte, error) {
	b := make([]byte, layout.JobSize)
	n, err := lockfile.ReadAt(fd, b, at)
	if err == nil && n < len(b) {
		err = errs.New(errs.ErrCorrupt, "its file has been truncated")
	}
	return b, err
}

func readRecord(fd int, at int64) (layout.JobRecord, error) {
	b, err := readRegion(fd, at)
	if err != nil {
		return layout.JobRecord{}, err
	}
	r, ok := layout.ParseJob(b)
	if !ok {
		return r, errs.New(errs.ErrCorrupt, "has no sound record of what it is: some process wrote over it")
	}
	return r, nil
}

func (j *Job) record() (layout.JobRecord, error) { return readRecord(j.file, j.at) }

// editTries bounds how long a change of a job waits for another: about ten seconds.
const (
	editTries = 1000
	editPause = 10 * time.Millisecond
)

// edit changes the job's record, alone among all processes. What do returns as an
// error leaves it as it was.
func (j *Job) edit(do func(r *layout.JobRecord) error) error {
	// A description of its own: handles that were passed on share one.
	fd, err := lockfile.Reopen(j.file, unix.O_RDWR)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := lockEdit(fd); err != nil {
		return err
	}
	// By hand: a process forked just now may have a copy of the descriptor.
	defer func() { _ = lockfile.Unlock(fd, lockfile.Editing) }()
	check.Point("job.locked")
	r, err := readRecord(fd, j.at)
	if err != nil {
		return err
	}
	if err := do(&r); err != nil {
		return err
	}
	check.Point("job.changed")
	err = j.write(fd, &r)
	check.Point("job.written")
	return err
}

// write writes the record in the place of the one before the last.
func (j *Job) write(fd int, r *layout.JobRecord) error {
	r.Sequence++
	return lockfile.WriteAt(fd, r.Encode(), j.at+r.Place())
}

func lockEdit(fd int) error {
	for range editTries {
		got, err := lockfile.TryExclusive(fd, lockfile.Editing)
		if got || err != nil {
			return err
		}
		time.Sleep(editPause) //nolint:forbidigo // the kernel tells nobody that a lock was dropped
	}
	return errs.New(errs.ErrStuck, "another process, which seems to be stopped, is just changing the job")
}

// Over says whether the job's time is over and its processes were ended for it.
func (j *Job) Over() (bool, error) {
	words, err := guardian.ReadWords(j.file, j.at)
	return words[guardian.WordEnded] != 0, err
}

// Terminated is the code of the last Terminate; false if there was none.
func (j *Job) Terminated() (code int, ok bool, err error) {
	r, err := j.record()
	return int(r.Code), r.Terminated > 0, err
}

// Terminate ends all processes of the job, and records before what code they were to
// end with: whoever sees the end knows why. signal is called when all are ended; or
// before, if this process is one of them.
func (j *Job) Terminate(code int, signal func() error) error {
	own := false
	err := j.edit(func(r *layout.JobRecord) error {
		m, err := j.membersOf(r)
		if err != nil {
			return err
		}
		r.Code = int64(code)
		r.Terminated++
		if r.Mode == layout.JobUnused {
			return nil
		}
		list := m.List()
		r.Killed += uint64(len(list))
		if err := j.write(j.file, r); err != nil {
			return err
		}
		check.Point("job.doomed")
		if own = slices.ContainsFunc(list, isSelf); own {
			err = signal()
		}
		return errors.Join(err, m.Kill())
	})
	if err != nil || own {
		return err
	}
	return signal()
}

func isSelf(p guardian.Process) bool { return p.PID == os.Getpid() }

// membersOf are the job's processes; none if it never had one.
func (j *Job) membersOf(r *layout.JobRecord) (guardian.Members, error) {
	m := guardian.Members{File: j.file, At: j.at, Group: cgroup.Group{FD: -1}}
	g, err := j.useGroup(r)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil // somebody has removed it, so nobody is in it
	}
	m.Group = g
	return m, err
}

// Processes lists the pids of the job's processes, the oldest first.
func (j *Job) Processes() (pids []int, err error) {
	list, err := j.members()
	for _, p := range list {
		pids = append(pids, p.PID)
	}
	return pids, err
}

func (j *Job) members() ([]guardian.Process, error) {
	r, err := j.record()
	if err != nil {
		return nil, err
	}
	m, err := j.membersOf(&r)
	if err != nil {
		return nil, err
	}
	list := m.List()
	guardian.SortByAge(list)
	return list, nil
}

// Has says whether a process is in the job, or was when it ended, as long as its
// parent has not waited for it.
func (j *Job) Has(pid int) (bool, error) {
	p, err := guardian.Look(pid)
	if err != nil {
		return false, errs.Because(err, 0, fs.ErrNotExist, "no process has the pid %d", pid)
	}
	r, err := j.record()
	if err != nil {
		return false, err
	}
	if r.Mode == layout.JobGroup {
		group, err := cgroup.Of(pid)
		return err == nil && within(group, r.Group), err
	}
	return j.inTree(p), nil
}

func (j *Job) inTree(p guardian.Process) bool {
	trees := guardian.Trees(j.file)
	const deepest = 10000
	for range deepest {
		if slices.Contains(trees, p.Parent) {
			return true
		}
		var err error
		if p, err = guardian.Look(p.Parent); err != nil {
			return false
		}
	}
	return false
}
