//go:build linux

package guardian

import "golang.org/x/sys/unix"

// The bytes of a job's file that guardians lock, by locks that belong to a process
// and not to a description: so the kernel says who holds one, and forgets it with
// the process. Neither is inherited nor can be forged.
const (
	GuardByte = 16 // the guard
	WatchByte = 17 // the watch
	sumByte   = 18 // a tree that adds up what it saw, for a moment
	treeByte  = 1 << 32
	treeBytes = 1 << 30 // each tree has one of these
	// endedBytes are those of trees that have nothing below them any more.
	endedByte = treeByte + treeBytes
)

// claim takes a byte for this process; false: another has it.
func claim(fd int, at int64) bool {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Start: at, Len: 1}
	for {
		err := unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &l)
		if err != unix.EINTR {
			return err == nil
		}
	}
}

// holder says which process holds a byte in a range, and which; 0 if none does. A process of another pid namespace is -1.
func holder(fd int, first, count int64) (pid int, at int64) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Start: first, Len: count}
	for {
		err := unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &l)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || l.Type == unix.F_UNLCK:
			return 0, 0
		case l.Pid <= 0:
			return -1, l.Start
		}
		return int(l.Pid), l.Start
	}
}

// Guarded says which process is the job's guard or watch, by its byte; 0: none.
func Guarded(fd int, at int64) int {
	pid, _ := holder(fd, at, 1)
	return pid
}

// Trees lists the processes below which the members of a job are.
func Trees(fd int) []int { return holders(fd, treeByte, endedByte) }

// TreesAndEnded lists those, too, that have nothing below them, but have not ended
// themselves.
func TreesAndEnded(fd int) []int { return holders(fd, treeByte, endedByte+treeBytes) }

// holders lists who holds a byte of a range. The kernel says any of them, and not the
// first: so what is before and behind it is asked for, too.
func holders(fd int, first, end int64) (pids []int) {
	if first >= end {
		return nil
	}
	pid, at := holder(fd, first, end-first)
	if pid == 0 || at < first || at >= end {
		return nil
	}
	if pid > 0 {
		pids = append(pids, pid)
	}
	return append(append(pids, holders(fd, first, at)...), holders(fd, at+1, end)...)
}

// claimTree takes a byte of the trees that nobody has, and says which; 0: none.
func claimTree(fd int) (at int64) {
	const tries = 1 << 16
	start := int64(unix.Getpid()) * 61 % treeBytes
	for i := range int64(tries) {
		if at = treeByte + (start+i)%treeBytes; claim(fd, at) {
			return at
		}
	}
	return 0
}

// lockByte waits for a byte, or gives it back.
func lockByte(fd int, at int64, kind int16) {
	l := unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: at, Len: 1}
	for unix.FcntlFlock(uintptr(fd), unix.F_SETLKW, &l) == unix.EINTR {
	}
}

// awaitLast waits until nobody holds the job any more. Then nobody can: the
// description has byte 0 exclusively until it is closed.
func awaitLast(fd int) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Len: 1}
	for unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLKW, &l) == unix.EINTR {
	}
}

// held says whether anybody holds the job.
func held(fd int) bool {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Len: 1}
	err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l)
	return err != nil || l.Type != unix.F_UNLCK
}
