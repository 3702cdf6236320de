//go:build linux

package job

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/errs"
	"atoll/internal/guardian"
	"atoll/internal/layout"
)

// Names of empty groups in a job's that say what its members may do.
const (
	breakawayMark = "breakaway"
	silentMark    = "silent"
)

// SetRules changes what holds beside the limits: layout.JobRules.
func (j *Job) SetRules(rules layout.JobFlags) error {
	err := j.edit(func(r *layout.JobRecord) error {
		r.Limits.Flags = r.Limits.Flags&^layout.JobRules | rules&layout.JobRules
		spare := uint64(1)
		if j.kills(r) {
			spare = 0
		}
		if err := guardian.WriteWord(j.file, j.at, guardian.WordSpare, spare); err != nil {
			return err
		}
		if r.Mode != layout.JobGroup {
			return nil
		}
		g, err := j.useGroup(r)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody has removed it, so nobody is in it
		}
		if err != nil {
			return err
		}
		return mark(g, r.Limits.Flags)
	})
	if err != nil {
		return err
	}
	r, err := j.record()
	if err == nil && r.Mode != layout.JobUnused {
		err = j.mendGuard(&r)
	}
	return err
}

// mark says in a job's group what its members may do.
func mark(g cgroup.Group, rules layout.JobFlags) error {
	for name, rule := range map[string]layout.JobFlags{breakawayMark: layout.JobBreakaway, silentMark: layout.JobSilent} {
		var err error
		if rules&rule != 0 {
			err = g.Make(name)
		} else {
			err = g.Remove(name)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return errs.Because(err, 0, nil, "the job's control group: %s", name)
		}
	}
	return nil
}

// marked says whether the group of a job has a mark.
func marked(group, name string) bool {
	g, err := openGroup(group)
	if err != nil {
		return false
	}
	defer func() { _ = g.Close() }()
	return unix.Faccessat(g.FD, name, unix.F_OK, 0) == nil
}
