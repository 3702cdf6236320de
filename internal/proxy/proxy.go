//go:build linux

package proxy

import (
	"bufio"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/guardian"
)

func init() {
	if args := guardian.Arguments(); len(args) > 1 && args[0] == guardian.RoleProxy {
		os.Exit(run(args[1:]))
	}
}

// statusFailed is the status of a proxy that lost its tree.
const statusFailed = 125

// run starts the tree, and stands in for its command. Its arguments are those of a
// tree; behind the job's file lies where to say the command's pid, or why there is
// none.
func run(args []string) int {
	files, err := strconv.Atoi(args[0])
	if err != nil {
		return statusFailed
	}
	signals := make(chan os.Signal, 32)
	signal.Notify(signals)
	control, err := startTree(files, args)
	ready := os.NewFile(uintptr(files+1), "ready")
	for fd := range files + 1 { // what the command has now, and the job's file
		_ = syscall.Close(fd)
	}
	if err != nil {
		_, _ = ready.WriteString(guardian.SayFailed + strconv.Itoa(int(syscall.EAGAIN)) + "\n")
		return statusFailed
	}
	lines := make(chan string)
	go func() {
		for in := bufio.NewScanner(control); in.Scan(); {
			lines <- in.Text()
		}
		close(lines)
	}()
	first := <-lines
	_, _ = ready.WriteString(first + "\n")
	_ = ready.Close()
	text, started := strings.CutPrefix(first, guardian.SayStarted)
	pid, err := strconv.Atoi(text)
	if !started || err != nil {
		return statusFailed
	}
	return standIn(pid, lines, signals)
}

// startTree starts the tree with all that this process has, and returns the line to
// it.
func startTree(files int, args []string) (*os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	list := make([]uintptr, files+1, files+2)
	for i := range list {
		list[i] = uintptr(i)
	}
	_, err = syscall.ForkExec("/proc/self/exe", append([]string{guardian.Name, guardian.RoleTree}, args...), &syscall.ProcAttr{
		Env: append(os.Environ(), guardian.Variable+"=1"), Files: append(list, uintptr(pair[1])),
	})
	_ = unix.Close(pair[1])
	return os.NewFile(uintptr(pair[0]), "tree"), err
}

// standIn passes signals on until the command has ended, and ends in the same way.
func standIn(pid int, lines <-chan string, signals <-chan os.Signal) int {
	fd, err := unix.PidfdOpen(pid, 0) // a number could become another's
	if err != nil {
		fd = -1
	}
	for {
		select {
		case s := <-signals:
			if number, ok := s.(syscall.Signal); ok && fd >= 0 && passed(number) {
				_ = unix.PidfdSendSignal(fd, number, nil, 0)
			}
		case line, ok := <-lines:
			text, ended := strings.CutPrefix(line, guardian.SayEnded)
			status, err := strconv.Atoi(text)
			if !ok || !ended || err != nil {
				return statusFailed
			}
			return endAs(syscall.WaitStatus(status))
		}
	}
}

// own are the signals that are about this process itself, and terminals those that a
// terminal sends.
var (
	own       = []syscall.Signal{syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGWINCH, syscall.SIGTTIN, syscall.SIGTTOU}
	terminals = []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTSTP}
)

// passed says whether a signal is for the command. What a terminal sends, it sends
// to the command as well.
func passed(s syscall.Signal) bool {
	if slices.Contains(own, s) {
		return false
	}
	return !slices.Contains(terminals, s) || !inForeground()
}

func inForeground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(tty) }()
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// endAs ends this process as another ended: by the same signal, or with the same
// status.
func endAs(status syscall.WaitStatus) int {
	if !status.Signaled() {
		return status.ExitStatus()
	}
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	setDefault(status.Signal())
	_ = syscall.Kill(os.Getpid(), status.Signal())
	select {} // the signal is on its way
}

// setDefault gives a signal its default effect: signal.Reset gives it Go's, which is
// another for those that end a program with a dump.
func setDefault(s syscall.Signal) {
	const sizeOfSet = 8
	var action [8]uintptr // a sigaction of zeros, whatever its size
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, sizeOfSet, 0, 0)
}
