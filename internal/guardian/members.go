//go:build linux

package guardian

import (
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
)

// Members are the processes of a job: those of a control group, or those that
// descend from the trees that hold the job's file.
type Members struct {
	File  int          // descriptor of the job's file
	At    int64        // where its region begins
	Group cgroup.Group // FD -1: trees
}

// List lists the living members, guardians of inner jobs left out.
func (m Members) List() (list []Process) {
	for _, p := range m.all() {
		if !p.Zombie && p.Name != Name {
			list = append(list, p)
		}
	}
	return list
}

func (m Members) all() (list []Process) {
	if m.Group.FD < 0 {
		trees := Trees(m.File)
		if len(trees) == 0 {
			return nil
		}
		return Below(All(), trees...)
	}
	for _, pid := range m.Group.Processes() {
		if p, err := Look(pid); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// Kill kills all members, and returns when none is left to be killed; if this process
// is one of them it does not return.
func (m Members) Kill() error {
	if m.Group.FD >= 0 {
		return m.Group.Kill()
	}
	return killBelow(func() []int { return Trees(m.File) })
}

// killRounds bounds the rounds against processes that start others: a minute.
const killRounds = 60000

// killBelow kills what descends from the roots. Each round stops first, so that
// what is to be killed starts nothing more. This process itself comes last.
func killBelow(roots func() []int) error {
	for range killRounds {
		list, own := others(Below(All(), roots()...))
		if len(list) == 0 {
			if own {
				_ = unix.Kill(unix.Getpid(), unix.SIGKILL)
			}
			return nil
		}
		for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
			for _, p := range list {
				_ = unix.Kill(p.PID, signal)
			}
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the kernel tells nobody that they are gone
	}
	return unix.EBUSY
}

// others are those of a list that live, without this process; own says whether it was
// among them.
func others(list []Process) (living []Process, own bool) {
	for _, p := range list {
		if p.PID == unix.Getpid() {
			own = true
		} else if !p.Zombie {
			living = append(living, p)
		}
	}
	return living, own
}

// Time is the CPU time of the job's life, in nanoseconds.
func (m Members) Time() (user, system uint64) {
	if m.Group.FD >= 0 {
		text, err := m.Group.Read("cpu.stat")
		if err != nil {
			return 0, 0
		}
		return 1000 * cgroup.Counter(text, "user_usec"), 1000 * cgroup.Counter(text, "system_usec")
	}
	const tick = 1e9 / Ticks
	words, err := ReadWords(m.File, m.At) // first: see leave
	if err != nil {
		return 0, 0
	}
	user, system = words[WordUser], words[WordSystem]
	for _, pid := range Trees(m.File) {
		if p, err := Look(pid); err == nil {
			user += p.Waited * tick // of all that has ended and had no other parent
		}
	}
	for _, p := range m.all() {
		user += (p.User + p.Waited) * tick
		system += p.System * tick
	}
	return user, system
}
