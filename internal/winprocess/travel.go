//go:build linux

package winprocess

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/ending"
	"atoll/internal/parley"
)

// Pack gives a descriptor of the process, its number, and by which code it was ended.
func (p *Process) Pack() (descriptors []int, text string, err error) {
	descriptors, text, err = PackEnding(p.Process, "")
	if code := p.condemned.Load(); code != 0 {
		text += " " + strconv.FormatUint(uint64(uint32(code)), 10)
	}
	return descriptors, text, err
}

// PackEnding gives a descriptor of a process or thread, and its number behind a text.
func PackEnding(p *ending.Process, text string) (descriptors []int, _ string, err error) {
	again := -1
	e := p.Control(func(fd uintptr) { again, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(e, err); err != nil {
		return nil, "", err
	}
	return []int{again}, text + strconv.Itoa(p.PID()), nil
}

// Unpack makes a process of what Pack gave, whose descriptors it takes over: it is the one that has the number
// here, or had it.
func Unpack(descriptors []int, text string) (*Process, error) {
	number, code, condemned := strings.Cut(text, " ")
	pid, err := strconv.Atoi(number)
	if err != nil || len(descriptors) != 1 || !leadsTo(descriptors[0], pid) {
		return nil, parley.Strange(descriptors, "process")
	}
	opened, err := ending.Of(descriptors[0], pid)
	if err != nil {
		return nil, err
	}
	p := &Process{Process: opened, handles: 1}
	if n, err := strconv.ParseUint(code, 10, 32); condemned && err == nil {
		p.Condemn(uint32(n))
	}
	processes.Lock()
	defer processes.Unlock()
	if known := processes.open[pid]; known != nil && known.There() && p.There() {
		opened.Close()
		known.handles++
		return known, nil
	}
	processes.open[pid] = p
	return p, nil
}

// leadsTo says whether a descriptor is of the process pid. One that has ended and was
// waited for has the number -1, and is known by what it is.
func leadsTo(fd, pid int) bool {
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(name) == "Pid" {
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			return err == nil && (n == pid || n == -1) && pid > 0
		}
	}
	return false
}
