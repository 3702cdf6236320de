//go:build linux

package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"

	"atoll/internal/cgroup"
	"atoll/internal/errs"
	"atoll/internal/guardian"
)

// Breakaway starts a command outside the job that this process is in, as far out as
// the jobs allow it.
func Breakaway(cmd *exec.Cmd) error {
	_, err := Born(cmd, nil, true)
	return err
}

// Born starts a command where children of this process are born: in its jobs, or
// outside of them as far as they allow, if that is asked for or their rule; and then in
// further jobs. pid is the command's own.
func Born(cmd *exec.Cmd, jobs []*Job, outside bool) (pid int, err error) {
	now := ownGroup(0)
	target, err := birthplace(now, outside)
	if err != nil {
		return 0, err
	}
	if len(jobs) > 0 {
		return startIn(cmd, jobs, target)
	}
	w := wrap(cmd)
	defer w.restore()
	if target == now {
		return w.start()
	}
	g, err := openOutside(target, innermost(target) != "")
	if err != nil {
		return 0, err
	}
	defer func() { _ = g.Close() }()
	inGroup(cmd, g)
	return w.start()
}

// birthplace is the group that a child of a process in the group now is born in.
func birthplace(now string, asked bool) (target string, err error) {
	inner := innermost(now)
	switch {
	case inner == "" && asked && inTreeOfAny():
		return "", errs.New(errors.ErrUnsupported, "the job that this process is in has no control group, and nothing can be started outside it")
	case asked && inner != "" && !letsOut(inner, true):
		return "", errs.New(fs.ErrPermission, "the job that this process is in does not allow to start processes outside it")
	}
	target = now
	for ; inner != "" && letsOut(inner, asked); inner = innermost(target) {
		target = path.Dir(inner)
	}
	return target, nil
}

// letsOut says whether a member of the job that has a group starts processes outside.
func letsOut(group string, asked bool) bool {
	if marked(group, silentMark) {
		return true
	}
	return asked && (strings.HasSuffix(group, breakawaySuffix) || marked(group, breakawayMark))
}

// openOutside opens the group for a process that breaks out as far as a target; in a
// job, only the groups of its starts have processes.
func openOutside(target string, inJob bool) (cgroup.Group, error) {
	g, err := openGroup(target)
	if err != nil || !inJob {
		return g, err
	}
	defer func() { _ = g.Close() }()
	name := membersPrefix + "out-" + strconv.Itoa(os.Getpid())
	if err := g.Make(name); err != nil && !errors.Is(err, fs.ErrExist) {
		return cgroup.Group{FD: -1}, fmt.Errorf("the outer job's control group: %w", err)
	}
	return g.Child(name)
}

// inTreeOfAny says whether a guardian stands above this process.
func inTreeOfAny() bool {
	p, err := guardian.Look(os.Getpid())
	for err == nil && p.Parent > 0 {
		if p, err = guardian.Look(p.Parent); err == nil && p.Name == guardian.Name {
			return true
		}
	}
	return false
}
