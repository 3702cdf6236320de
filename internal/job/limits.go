//go:build linux

package job

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/guardian"
	"atoll/internal/layout"
)

// Rates are in hundredths of a percent of one processor.
const (
	RateOne    = 10000
	ratePeriod = 100000 // microseconds, the kernel's own
	leastRate  = 100    // the kernel gives no less than 1 ms of each period
)

// valid refuses limits that mean nothing.
//
// # Errors
//
// fs.ErrInvalid.
func valid(l *Limits) error {
	switch {
	case l.Memory < 0 || l.ProcessMemory < 0 || l.Time < 0 || l.ProcessTime < 0:
		return errs.New(fs.ErrInvalid, "a limit cannot be negative; 0 is none")
	case l.Rate != 0 && l.Rate < leastRate:
		return errs.New(fs.ErrInvalid, "a CPU rate of %v is too small; the least is %v of a processor", float64(l.Rate)/RateOne, float64(leastRate)/RateOne)
	case l.Nice < -20 || l.Nice > 19:
		return errs.New(fs.ErrInvalid, "a niceness is from -20 to 19, not %d", l.Nice)
	}
	return nil
}

// controllers are what the kernel enforces limits by, in a group.
const (
	pidsController   = "pids"
	memoryController = "memory"
	cpuController    = "cpu"
	cpusetController = "cpuset"
	ioController     = "io"
)

// setting is what one file of a group is to say for a limit.
type setting struct {
	controller, file, value, none string
	asked                         bool
	// else: the limit is enforced without the controller too.
	other bool
}

// Where the number of processes is limited the kernel stops a fork bomb that would
// outrun the watch: at more tasks, which are threads as well, than that many
// processes should have.
const (
	tasksForEach = 32
	tasksAtLeast = 512
)

func settings(l *Limits) []setting {
	return []setting{
		{
			pidsController, "pids.max", strconv.FormatUint(max(uint64(l.Processes)*tasksForEach, tasksAtLeast), 10), "max",
			l.Processes != 0, true,
		},
		{memoryController, "memory.max", strconv.FormatInt(l.Memory, 10), "max", l.Memory != 0, true},
		{
			cpuController, "cpu.max", fmt.Sprintf("%d %d", uint64(l.Rate)*ratePeriod/RateOne, ratePeriod), fmt.Sprintf("max %d", ratePeriod),
			l.Rate != 0, false,
		},
		{cpusetController, "cpuset.cpus", listProcessors(l.Processors[:]), "\n", processorsOf(l) != nil, true},
	}
}

// listProcessors is a set of processors as the kernel writes it: 0-3,8.
func listProcessors(set []uint64) string {
	var parts []string
	for first := 0; first < 64*len(set); first++ {
		if !hasBit(set, first) {
			continue
		}
		last := first
		for last+1 < 64*len(set) && hasBit(set, last+1) {
			last++
		}
		part := strconv.Itoa(first)
		if last > first {
			part += "-" + strconv.Itoa(last)
		}
		parts = append(parts, part)
		first = last
	}
	return strings.Join(parts, ",")
}

func hasBit(set []uint64, n int) bool { return set[n/64]>>(n%64)&1 != 0 }

// processorsOf is the set without what is zero at its end; nil if it is empty.
func processorsOf(l *Limits) []uint64 {
	set := l.Processors[:]
	for len(set) > 0 && set[len(set)-1] == 0 {
		set = set[:len(set)-1]
	}
	if len(set) == 0 {
		return nil
	}
	return set
}

// limitGroup has the kernel enforce what its controllers can in the job's group.
func (j *Job) limitGroup(r *layout.JobRecord) error {
	group, err := j.useGroup(r)
	if err != nil {
		return err
	}
	parent, err := openGroup(path.Dir(r.Group))
	if err != nil {
		return err
	}
	defer func() { _ = parent.Close() }()
	return writeSettings(parent, group, &r.Limits)
}

func writeSettings(parent, group cgroup.Group, l *Limits) error {
	for _, s := range settings(l) {
		if !s.asked {
			if group.Has(s.controller) {
				_ = group.Write(s.file, s.none)
			}
			continue
		}
		err := parent.Delegate(s.controller)
		if err == nil {
			if err = group.Write(s.file, s.value); err != nil {
				return fmt.Errorf("%s of the job's control group: write %q: %w", s.file, s.value, err)
			}
			continue
		}
		if !s.other {
			return noController(s.controller, err)
		}
	}
	return nil
}

// Remedy is how to come by a group with controllers.
const Remedy = "start the program in a group of its own that is delegated to it (systemd-run --user --scope -p Delegate=yes …), or set " + groupVariable + " to one that was prepared"

// noController explains why a limit cannot be had.
func noController(controller string, err error) error {
	return errs.Because(err, 0, errors.ErrUnsupported, "the limit needs the %s controller of cgroup version 2, which %s; %s", controller, whyNot(err), Remedy)
}

// whyNot is what an error says of a controller.
func whyNot(err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return "is not enabled for this program's control group"
	case errors.Is(err, unix.EBUSY):
		return "cannot be passed on by this program's control group, because that has processes itself"
	default:
		return "this program may not pass on"
	}
}

// refuseWithoutGroup says which limits need a group, if there can be none.
func refuseWithoutGroup(l *Limits, why error) error {
	if l.Rate != 0 {
		return errs.Because(why, 0, errors.ErrUnsupported, "a CPU rate needs a control group with the cpu controller of cgroup version 2")
	}
	return nil
}

// errTree is why a job that has its processes without a group can have none.
var errTree = errors.New("this job's first process was started where no control group could be made")

// possible refuses what could not be enforced for a job that this process starts
// processes in.
func possible(l *Limits) error {
	if set := processorsOf(l); set != nil {
		if err := usable(set); err != nil {
			return err
		}
	}
	if l.Rate == 0 {
		return nil
	}
	parent := innermost(ownGroup(0))
	var err error
	if parent == "" {
		parent, err = base()
	}
	if err != nil {
		return refuseWithoutGroup(l, err)
	}
	g, err := openBase(parent)
	if err != nil {
		return refuseWithoutGroup(l, err)
	}
	defer func() { _ = g.Close() }()
	if err := g.Delegate(cpuController); err != nil {
		return noController(cpuController, err)
	}
	return nil
}

// usable refuses processors none of which can be had here. Only the kernel knows, which
// gives them to this thread for a moment, or does not.
func usable(set []uint64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var now unix.CPUSet
	if err := unix.SchedGetaffinity(0, &now); err != nil {
		return err
	}
	err := guardian.Launch{Processors: set}.Apply(0)
	if errors.Is(err, unix.EINVAL) {
		return errs.New(fs.ErrInvalid, "no process can use any of the processors %s here (see /sys/devices/system/cpu/online, and the cpuset of this control group)", listProcessors(set))
	}
	return errors.Join(err, unix.SchedSetaffinity(0, &now))
}

// launchOf is what each process limits itself to before it becomes the command.
func launchOf(l *Limits) guardian.Launch {
	launch := guardian.Launch{
		Data: uint64(l.ProcessMemory), NoCore: l.Flags&layout.JobNoCore != 0, Processors: processorsOf(l),
		CPU: uint64((l.ProcessTime + int64(time.Second) - 1) / int64(time.Second)),
	}
	if l.Flags&layout.JobNice != 0 {
		nice := int(l.Nice)
		launch.Nice = &nice
	}
	return launch
}

// wanted is what the watch is to keep to.
type wanted struct{ processes, memory, tell uint64 }

// watched is what of the limits nobody enforces but the watch; memory says that the
// kernel does that one.
func watched(l *Limits, memory bool) wanted {
	w := wanted{processes: uint64(l.Processes), memory: uint64(l.Memory)}
	if memory {
		w.memory = 0
	}
	if l.Flags&layout.JobTimeTell != 0 {
		w.tell = 1
	}
	return w
}

func writeWatched(fd int, at int64, w wanted, over uint64) error {
	for word, v := range map[int]uint64{
		guardian.WordProcesses: w.processes, guardian.WordMemory: w.memory, guardian.WordTell: w.tell, guardian.WordTime: over,
	} {
		if err := guardian.WriteWord(fd, at, word, v); err != nil {
			return err
		}
	}
	return nil
}

// SetLimits changes the job's limits, for the processes that are in it, too. again
// says that the job has a new time to use up.
func (j *Job) SetLimits(l Limits) (again bool, err error) {
	if err := valid(&l); err != nil {
		return false, err
	}
	if err := possible(&l); err != nil {
		return false, err
	}
	err = j.edit(func(r *layout.JobRecord) error {
		if r.Mode == layout.JobTree {
			if err := refuseWithoutGroup(&l, errTree); err != nil {
				return err
			}
		}
		again = l.Time != 0 && l.Time != r.Limits.Time
		old := r.Limits
		r.Limits = l
		r.Limits.Flags = l.Flags&^layout.JobRules | old.Flags&layout.JobRules
		if err := j.limit(r, &old); err != nil {
			return err
		}
		if again {
			return errors.Join(guardian.WriteWord(j.file, j.at, guardian.WordEnded, 0), guardian.WriteWord(j.file, j.at, guardian.WordTold, 0))
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	r, err := j.record()
	if err == nil && r.Mode != layout.JobUnused {
		err = j.mendWatch(&r)
	}
	return again, err
}

// limit applies the limits of a record in place of old ones.
func (j *Job) limit(r *layout.JobRecord, old *Limits) error {
	if r.Mode == layout.JobUnused {
		return j.writeWords(r, guardian.Members{File: j.file, At: j.at, Group: cgroup.Group{FD: -1}}, old)
	}
	m, err := j.membersOf(r)
	if err != nil {
		return err
	}
	if r.Mode == layout.JobGroup {
		if err := j.limitGroup(r); err != nil {
			return err
		}
	}
	if launch := launchOf(&r.Limits); launch.Any() {
		for _, p := range m.List() {
			if err := launch.Apply(p.PID); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("limit process %d: %w", p.PID, err)
			}
		}
	}
	return j.writeWords(r, m, old)
}

// writeWords tells the watch its part. The time that is left stays as it is, unless
// it is given anew.
func (j *Job) writeWords(r *layout.JobRecord, m guardian.Members, old *Limits) error {
	words, err := guardian.ReadWords(j.file, j.at)
	if err != nil {
		return err
	}
	over := words[guardian.WordTime]
	switch l := r.Limits.Time; {
	case l == 0:
		over = 0
	case old == nil || l != old.Time || over == 0:
		user, system := uint64(0), uint64(0)
		if r.Mode != layout.JobUnused {
			user, system = m.Time()
		}
		over = user + system + uint64(l)
	}
	memory := m.Group.FD >= 0 && m.Group.Has(memoryController)
	check.Point("job.limited")
	return writeWatched(j.file, j.at, watched(&r.Limits, memory), over)
}

// Limits are those that hold now.
func (j *Job) Limits() (Limits, error) {
	r, err := j.record()
	return r.Limits, err
}
