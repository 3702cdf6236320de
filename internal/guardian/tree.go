//go:build linux

package guardian

import (
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// What a tree says to its proxy, each a line: that the command runs as PID, that it
// could not be started because of ERRNO, that it ended with the wait STATUS.
const (
	SayStarted = "started "
	SayFailed  = "failed "
	SayEnded   = "ended "
)

// tree starts a command and stays above all that comes of it: orphans come back to
// it, whatever session they have moved to. It ends when nothing is left.
//
// Its arguments, and those of a proxy: FILES is how many descriptors, from 0, are the
// command's; behind them lie the job's file and the line to the other. OFFSET is that
// of the job's region. Then the command as launch has it: SPEC PATH NAME ARGUMENTS….
func tree(args []string) {
	n := integers(args, 2)
	files, file, control := n[0], n[0], n[0]+1
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	for _, fd := range []int{file, control} {
		unix.CloseOnExec(fd)
	}
	place := claimTree(file)
	if place == 0 {
		say(control, SayFailed+strconv.Itoa(int(unix.ENOLCK))+"\n")
		return
	}
	pid, err := startBelow(files, args[2:])
	if err != 0 {
		say(control, SayFailed+strconv.Itoa(int(err))+"\n")
		return
	}
	// What the terminal sends is not for us. A group of our own in the command's session
	// would be what connects that group with the session: when the command ends the
	// kernel sends SIGHUP to a group that nothing else connects, as those of CI and of
	// services are, if any process of it is stopped.
	_, _ = unix.Setsid()
	closeBut([]int{file, control})
	_, _ = unix.Write(control, []byte(SayStarted+strconv.Itoa(pid)+"\n"))
	t := &reaper{pid: pid}
	go t.followProxy(control)
	t.reap(control)
	leave(file, place, int64(n[1]))
}

// leave adds what the processes used up to what the job knows. In between it is
// missing there, for an instant, rather than counted twice.
func leave(file int, place, at int64) {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &used) != nil || !claim(file, place+treeBytes) {
		return
	}
	lockByte(file, place, unix.F_UNLCK)
	lockByte(file, sumByte, unix.F_WRLCK)
	words, err := ReadWords(file, at)
	if err != nil {
		return
	}
	_ = WriteWord(file, at, WordUser, words[WordUser]+uint64(used.Utime.Nano()))
	_ = WriteWord(file, at, WordSystem, words[WordSystem]+uint64(used.Stime.Nano()))
	_ = WriteWord(file, at, WordFaults, words[WordFaults]+uint64(used.Minflt+used.Majflt))
}

// startBelow starts the command, by way of a launch that reports what fails.
func startBelow(files int, command []string) (pid int, err unix.Errno) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return 0, errnoOf(err)
	}
	defer func() { _ = unix.Close(pipe[0]) }()
	list := make([]uintptr, files, files+1)
	for i := range list {
		list[i] = uintptr(i)
	}
	argv := append([]string{Name, RoleLaunch, strconv.Itoa(files)}, command...)
	pid, failed := forkExec(argv, append(list, uintptr(pipe[1])))
	_ = unix.Close(pipe[1])
	if failed != nil {
		return 0, errnoOf(failed)
	}
	return pid, awaitLaunch(pipe[0])
}

// awaitLaunch reads what a launch says: nothing, if it became the command.
func awaitLaunch(fd int) unix.Errno {
	b := make([]byte, 16)
	for {
		n, err := unix.Read(fd, b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return errnoOf(err)
		case n <= 0:
			return 0
		}
		number, _ := strconv.Atoi(string(b[:n]))
		return unix.Errno(number)
	}
}

// reaper waits for the command, and for the orphans that come to this process.
type reaper struct {
	pid   int
	mu    sync.Mutex
	ended bool // the command is gone, and its number may be another's
}

// reap returns when no child is left.
func (t *reaper) reap(control int) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		t.mu.Lock()
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		t.ended = t.ended || pid == t.pid
		t.mu.Unlock()
		if err == nil && pid == t.pid {
			_, _ = unix.Write(control, []byte(SayEnded+strconv.Itoa(int(status))+"\n"))
		}
	}
}

// followProxy kills the command when its proxy is killed: whoever did that meant the
// command.
func (t *reaper) followProxy(control int) {
	for b := make([]byte, 16); ; {
		n, err := unix.Read(control, b)
		if err == unix.EINTR || n > 0 {
			continue
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.ended {
			_ = unix.Kill(t.pid, unix.SIGKILL)
		}
		return
	}
}
