//go:build linux

package guardian

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Name is what the guardians call themselves; who lists the processes of a job
// leaves them out.
const Name = "atoll-guardian"

// Ticks is how many of the kernel's units of CPU time are a second, on every
// system that Go runs on.
const Ticks = 100

// Process is what /proc says of a process. Times are in ticks.
type Process struct {
	PID, Parent int
	Zombie      bool
	Name        string
	Start       uint64 // since the machine was started: with PID it names one process for good
	User        uint64
	System      uint64
	Waited      uint64 // of its children that it has waited for
	Faults      uint64 // page faults, of them too
}

// Look reads what /proc says of one process.
func Look(pid int) (Process, error) {
	text, err := readFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{}, err
	}
	// pid (name) state ppid …; name may have anything in it, also parentheses.
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return Process{}, unix.ESRCH
	}
	f := strings.Fields(text[end+1:])
	if len(f) < 20 {
		return Process{}, unix.ESRCH
	}
	number := func(field int) uint64 {
		n, _ := strconv.ParseUint(f[field-3], 10, 64) // fields count from 1, and f begins with the third
		return n
	}
	return Process{
		PID: pid, Parent: int(number(4)), Zombie: f[0] == "Z" || f[0] == "X", Name: text[open+1 : end],
		Start: number(22), User: number(14), System: number(15), Waited: number(16) + number(17),
		Faults: number(10) + number(11) + number(12) + number(13),
	}, nil
}

// All lists the processes that this one can see.
func All() (list []Process) {
	for _, pid := range numbers("/proc") {
		if p, err := Look(pid); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// Below lists what descends from one of the roots, without them.
func Below(all []Process, roots ...int) (list []Process) {
	children := make(map[int][]Process)
	for _, p := range all {
		children[p.Parent] = append(children[p.Parent], p)
	}
	seen := make(map[int]bool)
	for queue := slices.Clone(roots); len(queue) > 0; queue = queue[1:] {
		for _, p := range children[queue[0]] {
			if !seen[p.PID] && !slices.Contains(roots, p.PID) {
				seen[p.PID] = true
				list = append(list, p)
				queue = append(queue, p.PID)
			}
		}
	}
	return list
}

// Memory is how many bytes of its own a process has in memory or swapped out.
func Memory(pid int) uint64 {
	text, err := readFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	sum := uint64(0)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 3 && (f[0] == "RssAnon:" || f[0] == "RssShmem:" || f[0] == "VmSwap:") {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			sum += n << 10
		}
	}
	return sum
}

func readFile(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	var text []byte
	for buffer := make([]byte, 4096); ; {
		n, err := unix.Read(fd, buffer)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return "", err
		case n <= 0:
			return string(text), nil
		default:
			text = append(text, buffer[:n]...)
		}
	}
}

// numbers lists the entries of a directory that are numbers.
func numbers(dir string) (list []int) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	for buffer := make([]byte, 16<<10); ; {
		n, err := unix.Getdents(fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			slices.Sort(list)
			return list
		}
		_, _, names := unix.ParseDirent(buffer[:n], -1, nil)
		for _, name := range names {
			if number, err := strconv.Atoi(name); err == nil {
				list = append(list, number)
			}
		}
	}
}
