//go:build linux

package guardian

import (
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Launch is what a process limits itself to before it becomes the command; zero
// values limit nothing.
type Launch struct {
	Data       uint64 // bytes of memory of its own
	CPU        uint64 // seconds
	NoCore     bool
	Nice       *int
	Processors []uint64 // a bit for each, as in a CPU set
}

// Any says whether there is anything to be limited.
func (l Launch) Any() bool {
	return l.Data != 0 || l.CPU != 0 || l.NoCore || l.Nice != nil || len(l.Processors) > 0
}

// String is the launch as an argument.
func (l Launch) String() string {
	parts := []string{strconv.FormatUint(l.Data, 10), strconv.FormatUint(l.CPU, 10), strconv.FormatBool(l.NoCore), ""}
	if l.Nice != nil {
		parts[3] = strconv.Itoa(*l.Nice)
	}
	for _, word := range l.Processors {
		parts = append(parts, strconv.FormatUint(word, 16))
	}
	return strings.Join(parts, ",")
}

// ParseLaunch reads what String writes.
func ParseLaunch(text string) (l Launch, ok bool) {
	parts := strings.Split(text, ",")
	if len(parts) < 4 {
		return l, false
	}
	var errs [4]error
	l.Data, errs[0] = strconv.ParseUint(parts[0], 10, 64)
	l.CPU, errs[1] = strconv.ParseUint(parts[1], 10, 64)
	l.NoCore, errs[2] = strconv.ParseBool(parts[2])
	if parts[3] != "" {
		nice, err := strconv.Atoi(parts[3])
		l.Nice, errs[3] = &nice, err
	}
	for _, part := range parts[4:] {
		word, err := strconv.ParseUint(part, 16, 64)
		if err != nil {
			return l, false
		}
		l.Processors = append(l.Processors, word)
	}
	return l, errs == [4]error{}
}

// Apply limits a process, 0 itself. Of another process that has several threads it
// reaches all of them.
func (l Launch) Apply(pid int) error {
	for _, limit := range []struct {
		resource int
		value    uint64
	}{{unix.RLIMIT_DATA, l.Data}, {unix.RLIMIT_CPU, l.CPU}, {unix.RLIMIT_CORE, l.core()}} {
		if limit.value == 0 {
			continue
		}
		if err := lower(pid, limit.resource, limit.value); err != nil {
			return err
		}
	}
	threads := []int{0}
	if pid != 0 {
		threads = numbers("/proc/" + strconv.Itoa(pid) + "/task")
	}
	for _, tid := range threads {
		if err := l.applyThread(tid); err != nil && err != unix.ESRCH { //nolint:errorlint // errno straight from the call
			return err
		}
	}
	return nil
}

// core is 1 byte for none: programs that the system pipes images to see that, too,
// while they do not see 0.
func (l Launch) core() uint64 {
	if l.NoCore {
		return 1
	}
	return 0
}

// lower sets a limit for good, unless it is lower already.
func lower(pid, resource int, value uint64) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &now); err != nil {
		return err
	}
	next := unix.Rlimit{Cur: min(value, now.Cur), Max: min(value, now.Max)}
	return unix.Prlimit(pid, resource, &next, nil)
}

func (l Launch) applyThread(tid int) error {
	if l.Nice != nil {
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, *l.Nice); err != nil {
			return err
		}
	}
	if len(l.Processors) == 0 {
		return nil
	}
	var set unix.CPUSet
	for i, word := range l.Processors {
		for bit := range 64 {
			if word>>bit&1 != 0 {
				set.Set(64*i + bit)
			}
		}
	}
	return unix.SchedSetaffinity(tid, &set)
}

// launch limits this process and becomes the command. Its arguments: READY SPEC PATH
// NAME ARGUMENTS…. READY gets the number of the error, or is closed by success.
func launch(args []string) {
	fd := integers(args, 1)[0]
	unix.CloseOnExec(fd)
	l, ok := Launch{}, len(args) >= 4
	if ok {
		l, ok = ParseLaunch(args[1])
	}
	err := error(unix.EINVAL)
	if ok {
		if err = l.Apply(0); err == nil {
			err = syscall.Exec(args[2], args[3:], unix.Environ())
		}
	}
	say(fd, strconv.Itoa(int(errnoOf(err))))
	unix.Exit(127)
}

func errnoOf(err error) unix.Errno {
	if errno, ok := err.(unix.Errno); ok { //nolint:errorlint // errno straight from the call
		return errno
	}
	return unix.EINVAL
}

// forkExec starts this program as a guardian.
func forkExec(argv []string, files []uintptr) (int, error) {
	return syscall.ForkExec(self, argv, &syscall.ProcAttr{
		Env: append(unix.Environ(), Variable+"=1"), Files: files,
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
}

const self = "/proc/self/exe"
