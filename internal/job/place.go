//go:build linux

package job

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	mathrand "math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/guardian"
	"atoll/internal/layout"
)

// A job's control group is made when the job gets its first process, below the group
// of the job that this process is in already, if it is in one: that is how jobs are
// nested.
//
// The members are in groups of their own below it. A group that divides something up
// among those below it must not have processes itself. And each start makes a new
// one: since Linux 6.14 what is started into a group that was ever killed is killed.
const (
	groupPrefix   = "atoll-job-"
	membersPrefix = "members-"
	// breakawaySuffix marks the group of a job whose members may start processes
	// outside, so that they need not find the job to know.
	breakawaySuffix = "-b"
)

// groupVariable names the group below which those of jobs are made; noGroups forbids
// them.
const (
	groupVariable = "ATOLL_CGROUP"
	noGroups      = "none"
)

// innermost is the group of the innermost job that a process in the group is in; ""
// if it is in none.
func innermost(group string) string {
	i := strings.LastIndex(group, "/"+groupPrefix)
	if i < 0 {
		return ""
	}
	name, _, _ := strings.Cut(group[i+1:], "/")
	return group[:i+1] + name
}

// outermost is the group that all of a process's jobs lie below.
func outermost(group string) string {
	if out, _, in := strings.Cut(group, "/"+groupPrefix); in {
		return path.Join("/", out)
	}
	return group
}

// within says whether a group is another, or lies below it.
func within(group, other string) bool {
	return group == other || strings.HasPrefix(group, strings.TrimSuffix(other, "/")+"/")
}

// base is the group below which this process makes those of jobs that are in no
// other job.
func base() (string, error) {
	if set := os.Getenv(groupVariable); set != "" && !guardian.Raised() {
		if set == noGroups {
			return "", errs.New(errors.ErrUnsupported, "%s=%s forbids control groups", groupVariable, noGroups)
		}
		if !path.IsAbs(set) {
			return "", errs.New(errors.ErrUnsupported, "%s=%q does not begin with a slash; it names a group as /proc/self/cgroup does", groupVariable, set)
		}
		return path.Clean(set), nil
	}
	own, err := cgroup.Of(0)
	if err != nil {
		return "", errs.New(errors.ErrUnsupported, "this process's control group: %v", err)
	}
	return outermost(own), nil
}

// openGroup opens a group by its path in the hierarchy.
func openGroup(group string) (cgroup.Group, error) {
	place, err := cgroup.Find()
	if err != nil {
		return cgroup.Group{FD: -1}, errs.New(errors.ErrUnsupported, "%v", err)
	}
	dir, shown := place.Dir(group)
	if !shown {
		return cgroup.Group{FD: -1}, errs.New(errors.ErrUnsupported, "the control group %s is not below %s, which is what %s shows", group, place.Root, place.Mount)
	}
	g, err := cgroup.Open(dir)
	if err != nil {
		return g, fmt.Errorf("control group %s: %w", dir, err)
	}
	return g, nil
}

// openBase opens the group below which groups of jobs are to be made, if that is
// possible: it says what is in the way, wrapped in errors.ErrUnsupported.
func openBase(parent string) (cgroup.Group, error) {
	g, err := openGroup(parent)
	if err == nil {
		if err = g.Writable(); err == nil {
			return g, nil
		}
		_ = g.Close()
	}
	return cgroup.Group{FD: -1}, errs.Because(err, 0, errors.ErrUnsupported, "no group can be made below the control group %s; set %s to one that was prepared for this user", parent, groupVariable)
}

// groupName is the name of the group of the job that a file is.
func groupName(st *unix.Stat_t, h *layout.Header) string {
	b := binary.LittleEndian.AppendUint64(nil, st.Dev)
	b = binary.LittleEndian.AppendUint64(b, st.Ino)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Created))
	sum := sha256.Sum256(b)
	name := groupPrefix + hex.EncodeToString(sum[:8])
	if h.Has(layout.FlagBreakaway) {
		name += breakawaySuffix
	}
	return name
}

// makeTries bounds how often a new group is removed by one who takes it for a
// leftover.
const makeTries = 100

// makeGroup makes the job's group below a parent.
func (j *Job) makeGroup(parent string) (group string, id uint64, err error) {
	g, err := openBase(parent)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = g.Close() }()
	sweepGroups(g, sweptGroups)
	for range makeTries {
		if err := g.Make(j.name); errors.Is(err, fs.ErrExist) && g.Discard(j.name) {
			continue // of a job whose file had the same number
		} else if err != nil {
			return "", 0, errs.Because(err, 0, errors.ErrUnsupported, "no group can be made below the control group %s; set %s to one that was prepared for this user", parent, groupVariable)
		}
		check.Point("job.grouped")
		child, err := g.Child(j.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return "", 0, err
		}
		id, _, err = child.Identity()
		return path.Join(parent, j.name), id, errors.Join(err, child.Close())
	}
	return "", 0, errs.New(errs.ErrStuck, "each group that is made below %s is removed at once", parent)
}

// sweptGroups bounds how many groups one create looks at.
const sweptGroups = 8

// sweepGroups removes a few groups of jobs that nobody holds and in which nobody is.
func sweepGroups(g cgroup.Group, most int) (removed int) {
	names := slices.DeleteFunc(g.Names(), func(name string) bool { return !strings.HasPrefix(name, groupPrefix) })
	// Anywhere: the first ones may live long.
	mathrand.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	for i, name := range names {
		if i < most && g.Discard(name) {
			removed++
		}
	}
	return removed
}

// Sweep removes the groups of jobs that nobody holds and in which nobody is, below the
// group in which this process makes them, and says how many.
func Sweep() (removed int) {
	group, err := base()
	if err != nil {
		return 0
	}
	g, err := openGroup(group)
	if err != nil {
		return 0
	}
	defer func() { _ = g.Close() }()
	return sweepGroups(g, math.MaxInt)
}

// discard removes a job's group, if nobody holds it and nobody is in it.
func discard(group string) {
	if group == "" {
		return
	}
	if g, err := openGroup(path.Dir(group)); err == nil {
		g.Discard(path.Base(group))
		_ = g.Close()
	}
}

// useGroup opens and holds the job's group, once for this handle.
func (j *Job) useGroup(r *layout.JobRecord) (cgroup.Group, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Mode != layout.JobGroup || j.group.FD >= 0 && j.groupID == r.GroupID {
		return j.group, nil
	}
	if path.Base(r.Group) != j.name {
		return cgroup.Group{FD: -1}, errs.New(errs.ErrCorrupt, "names the control group %s, which is not its own", r.Group)
	}
	g, err := openGroup(r.Group)
	if err != nil {
		return g, err
	}
	id, owner, err := g.Identity()
	switch {
	case err != nil:
	case owner != j.owner && owner != uint32(os.Geteuid()):
		err = errs.New(errs.ErrCorrupt, "names the control group %s, which belongs to uid %d, and the job to uid %d", r.Group, owner, j.owner)
	case id != r.GroupID:
		err = fs.ErrNotExist // somebody has removed it, and there is another
	default:
		err = g.Hold()
	}
	if err != nil {
		return cgroup.Group{FD: -1}, errors.Join(err, g.Close())
	}
	if j.group.FD >= 0 {
		// Somebody removed it, but another call of this handle may just be using it.
		j.removed = append(j.removed, j.group)
	}
	j.group, j.groupID = g, id
	return g, nil
}

// settlePlace decides where the processes of a job are kept together, when it gets
// its first one, which is in the group now.
func (j *Job) settlePlace(r *layout.JobRecord, now string) error {
	if r.Mode == layout.JobGroup {
		if _, err := j.useGroup(r); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.Mode, r.Group = layout.JobUnused, "" // somebody has removed it
	}
	if r.Mode != layout.JobUnused {
		return nil
	}
	parent := innermost(now)
	var err error
	if parent == "" {
		parent, err = base()
	}
	if err == nil {
		r.Group, r.GroupID, err = j.makeGroup(parent)
	}
	switch {
	case err == nil && len(r.Group) > layout.MaxGroupPath:
		return errs.New(errors.ErrUnsupported, "the path of the control group, %s, is too long", r.Group)
	case err == nil:
		r.Mode = layout.JobGroup
	case errors.Is(err, errors.ErrUnsupported):
		if err := refuseWithoutGroup(&r.Limits, err); err != nil {
			return err
		}
		r.Mode, r.Group = layout.JobTree, ""
		return nil
	default:
		return err
	}
	err = j.limit(r, &r.Limits)
	if err == nil && r.Limits.Flags&layout.JobRules != 0 {
		err = mark(j.group, r.Limits.Flags)
	}
	if err != nil {
		j.dropGroup()
		discard(r.Group)
		return err
	}
	return nil
}

// dropGroup closes the handle's group again.
func (j *Job) dropGroup() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.group.FD >= 0 {
		_ = j.group.Close()
		j.group.FD = -1
	}
}

// Groups of earlier starts that are empty are removed by later ones: each looks at a
// few, and some of them at all.
const (
	looksBack  = 4
	looksAtAll = 64
)

// makeMembers makes the group of the start with a number and opens it.
func makeMembers(group cgroup.Group, number uint64) (cgroup.Group, error) {
	for back := uint64(1); back <= looksBack && back < number; back++ {
		_ = group.Remove(membersName(number - back))
	}
	if number%looksAtAll == 0 {
		for _, name := range group.Names() {
			if strings.HasPrefix(name, membersPrefix) {
				_ = group.Remove(name)
			}
		}
	}
	name := membersName(number)
	err := group.Make(name)
	if errors.Is(err, fs.ErrExist) { // of a start that failed
		_ = group.Remove(name)
		err = group.Make(name)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return cgroup.Group{FD: -1}, fmt.Errorf("the job's control group: %w", err)
	}
	return group.Child(name)
}

func membersName(number uint64) string { return membersPrefix + strconv.FormatUint(number, 10) }

// ownGroup is the group of a process; "" if it cannot be told, or there are none.
func ownGroup(pid int) string {
	group, err := cgroup.Of(pid)
	if err != nil || errors.Is(err, unix.ESRCH) {
		return ""
	}
	return group
}
