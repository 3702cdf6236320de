//go:build linux

package job

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/guardian"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Observe makes a Job of a job's file that keeps neither the job nor its name: for who
// looks on. It must be closed by Leave.
func Observe(fd int, h *layout.Header) (*Job, error) {
	own, err := lockfile.Reopen(fd, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	j, err := Open(own, true, h)
	if err != nil {
		return nil, errors.Join(err, unix.Close(own))
	}
	return j, nil
}

// Leave ends what Observe began.
func (j *Job) Leave() error {
	j.dropGroup()
	return unix.Close(j.file)
}

// Name names the job, and no other that there is.
func (j *Job) Name() string { return j.name }

// Depth is how many jobs there are around the job, and the job.
func (j *Job) Depth() int {
	r, err := j.record()
	if err != nil {
		return 0
	}
	return strings.Count(r.Group, "/"+groupPrefix)
}

// Around is the group that a process is in, or was in when it ended, as long as its
// parent has not waited for it: a memory of the jobs that it was in.
func Around(pid int) string { return ownGroup(pid) }

// Had says whether a process that was in a group then was in the job.
func (j *Job) Had(group string) bool {
	r, err := j.record()
	return err == nil && r.Mode == layout.JobGroup && group != "" && within(group, r.Group)
}

// InAny says whether a process that is in a group is in any job.
func InAny(pid int, group string) bool {
	return innermost(group) != "" || treeAbove(pid) != 0
}

// treeAbove is the nearest guardian above a process; 0: there is none.
func treeAbove(pid int) int {
	p, err := guardian.Look(pid)
	for err == nil && p.Parent > 0 {
		if p, err = guardian.Look(p.Parent); err == nil && p.Name == guardian.Name {
			return p.PID
		}
	}
	return 0
}

// Own is the innermost job that this process is in, to observe; nil: it is in none, or
// nobody has the job any more whom this process may look at.
func Own() (*Job, error) {
	name := path.Base(innermost(ownGroup(0)))
	if strings.HasPrefix(name, groupPrefix) {
		for _, p := range guardian.All() {
			if j := heldBy(p.PID, name); j != nil {
				return j, nil
			}
		}
		return nil, nil
	}
	if tree := treeAbove(os.Getpid()); tree != 0 {
		return heldBy(tree, ""), nil
	}
	return nil, nil
}

// heldBy is the job with a name whose file a process has; "": any.
func heldBy(pid int, name string) *Job {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if to, err := os.Readlink(dir + e.Name()); err != nil || !strings.Contains(to, "atoll") && !strings.HasPrefix(to, "/dev/shm/") {
			continue
		}
		if j := observed(dir + e.Name()); j != nil {
			if name == "" || j.name == name {
				return j
			}
			_ = j.Leave()
		}
	}
	return nil
}

// observed is the job whose file has a path; nil: it is no job's.
func observed(file string) *Job {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	h, err := headerOf(fd)
	var j *Job
	if err == nil && h.Type == layout.Job {
		j, err = Open(fd, true, &h)
	}
	if err != nil || j == nil {
		_ = unix.Close(fd)
		return nil
	}
	return j
}

func headerOf(fd int) (h layout.Header, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return h, errors.Join(err, fs.ErrInvalid)
	}
	b := make([]byte, layout.NameOffset+layout.MaxName+layout.MaxPath)
	n, err := lockfile.ReadAt(fd, b, 0)
	if err != nil {
		return h, err
	}
	return layout.ParseHeader(b[:n])
}
