//go:build linux

package cgroup

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Group is an open control group. Everything is done relative to its descriptor.
type Group struct{ FD int }

// Open opens a group by where it lies in the file system.
func Open(dir string) (Group, error) {
	fd, err := openAt(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	return Group{fd}, err
}

// Child opens a group below this one.
func (g Group) Child(name string) (Group, error) {
	fd, err := openAt(g.FD, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	return Group{fd}, err
}

// Close closes the descriptor; the group stays.
func (g Group) Close() error { return unix.Close(g.FD) }

// Identity is the number of the group, which no other has at the same time, and whose
// it is.
func (g Group) Identity() (id uint64, owner uint32, err error) {
	var st unix.Stat_t
	err = unix.Fstat(g.FD, &st)
	return st.Ino, st.Uid, err
}

// Make makes a group below this one.
func (g Group) Make(name string) error { return unix.Mkdirat(g.FD, name, 0o755) }

// Remove removes an empty group below this one.
func (g Group) Remove(name string) error { return unix.Unlinkat(g.FD, name, unix.AT_REMOVEDIR) }

// Read returns what a file of the group says.
func (g Group) Read(file string) (string, error) { return read(g.FD, file) }

// Write writes a file of the group. The kernel takes it or refuses it as a whole.
func (g Group) Write(file, value string) error {
	fd, err := openAt(g.FD, file, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	for {
		_, err = unix.Write(fd, []byte(value))
		if err != unix.EINTR { //nolint:errorlint // errno straight from the call
			return err
		}
	}
}

// Writable says whether this process may make groups here and move processes into
// them.
func (g Group) Writable() error {
	return errors.Join(
		unix.Faccessat(g.FD, ".", unix.W_OK, unix.AT_EACCESS),
		unix.Faccessat(g.FD, "cgroup.procs", unix.W_OK, unix.AT_EACCESS))
}

// Delegates says whether a controller works in the groups below this one.
func (g Group) Delegates(controller string) bool {
	return g.lists("cgroup.subtree_control", controller)
}

// Has says whether a controller works in this group.
func (g Group) Has(controller string) bool { return g.lists("cgroup.controllers", controller) }

func (g Group) lists(file, controller string) bool {
	text, err := g.Read(file)
	return err == nil && slices.Contains(strings.Fields(text), controller)
}

// Delegate makes a controller work in the groups below this one, if it works here.
//
// # Errors
//
// unix.ENOENT: it does not work here. unix.EBUSY: the group has processes of its
// own, which the kernel does not allow a group that divides something up, but for
// the root. The system's.
func (g Group) Delegate(controller string) error {
	if err := g.CanDelegate(controller); err != nil || g.Delegates(controller) {
		return err
	}
	return g.Write("cgroup.subtree_control", "+"+controller)
}

// CanDelegate says what would keep Delegate from it, and changes nothing.
//
// # Errors
//
// As Delegate.
func (g Group) CanDelegate(controller string) error {
	switch {
	case g.Delegates(controller):
		return nil
	case !g.Has(controller):
		return unix.ENOENT
	case g.busy():
		return unix.EBUSY
	}
	return unix.Faccessat(g.FD, "cgroup.subtree_control", unix.W_OK, unix.AT_EACCESS)
}

// busy says whether the group has processes of its own, and is not the root, which
// has no type. The kernel would take some controllers all the same, and make the
// group one of threads, in which no process can be.
func (g Group) busy() bool {
	_, err := g.Read("cgroup.type")
	procs, _ := g.Read("cgroup.procs")
	return err == nil && strings.TrimSpace(procs) != ""
}

// Below calls yield with each group below this one and itself, parents last. The
// groups are closed when yield returns; name is "" for itself.
func (g Group) Below(yield func(parent Group, name string, group Group)) {
	for _, name := range g.Names() {
		child, err := g.Child(name)
		if err != nil {
			continue // it went away
		}
		child.Below(func(parent Group, inner string, group Group) {
			if inner == "" {
				parent, inner = g, name
			}
			yield(parent, inner, group)
		})
		_ = child.Close()
	}
	yield(Group{-1}, "", g)
}

// Names lists the groups directly below this one.
func (g Group) Names() (names []string) {
	fd, err := openAt(g.FD, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	for buffer := make([]byte, 8<<10); ; {
		n, err := unix.Getdents(fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return names
		}
		_, _, all := unix.ParseDirent(buffer[:n], -1, nil)
		for _, name := range all {
			var st unix.Stat_t
			if unix.Fstatat(g.FD, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
				names = append(names, name)
			}
		}
	}
}

// Processes lists the processes of the group and of all below it, without zombies.
func (g Group) Processes() (pids []int) {
	g.Below(func(_ Group, _ string, group Group) {
		text, err := group.Read("cgroup.procs")
		if err != nil {
			return
		}
		for field := range strings.FieldsSeq(text) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 { // 0: of another pid namespace
				pids = append(pids, pid)
			}
		}
	})
	return pids
}

// Populated says whether a process is left in the group or below it.
func (g Group) Populated() (bool, error) {
	text, err := g.Read("cgroup.events")
	return Counter(text, "populated") != 0, err
}

// Counter reads a number from text with a name and a number on each line, as
// cgroup.events and cpu.stat have it; 0 if it is not there.
func Counter(text, name string) uint64 {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == name {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// killTries bounds the rounds of a kernel without cgroup.kill.
const killTries = 1000

// Kill kills all processes of the group and below it. Those that they are just
// starting are killed, too.
//
// # Errors
//
// The system's.
func (g Group) Kill() error {
	err := g.Write("cgroup.kill", "1")
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	return g.killByHand()
}

// killByHand is Kill before Linux 5.14: what is frozen starts nothing, and dies all
// the same. Whoever is in the group itself cannot freeze it, and ends with one of the
// first rounds.
func (g Group) killByHand() error {
	if !slices.Contains(g.Processes(), unix.Getpid()) {
		_ = g.Write("cgroup.freeze", "1")
		defer func() { _ = g.Write("cgroup.freeze", "0") }()
	}
	for range killTries {
		pids := g.Processes()
		if len(pids) == 0 {
			return nil
		}
		slices.SortStableFunc(pids, func(a, b int) int { return selfLast(a) - selfLast(b) })
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the kernel tells nobody that they are gone
	}
	return unix.EBUSY
}

func selfLast(pid int) int {
	if pid == unix.Getpid() {
		return 1
	}
	return 0
}

// Hold says that somebody needs the group, as long as the descriptor is open.
func (g Group) Hold() error { return unix.Flock(g.FD, unix.LOCK_SH|unix.LOCK_NB) }

// Discard removes a group below this one with what is below it, if nobody holds any
// of them and no process is in them. It says whether the group is gone.
func (g Group) Discard(name string) bool {
	child, err := g.Child(name)
	if err != nil {
		return errors.Is(err, unix.ENOENT)
	}
	defer func() { _ = child.Close() }()
	if unix.Flock(child.FD, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	if populated, err := child.Populated(); err != nil || populated {
		return false
	}
	for _, inner := range child.Names() {
		if !child.Discard(inner) {
			return false
		}
	}
	return g.Remove(name) == nil
}
