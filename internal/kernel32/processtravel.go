//go:build linux

package kernel32

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/ending"
	"atoll/internal/errs"
	"atoll/internal/parley"
)

// A handle of a thread travels as the number of the thread, or of a process whose
// first thread it is.
const (
	threadText  = "thread "
	processText = ""
)

func init() {
	unpackers[access.Process] = func(descriptors []int, text string) (object, error) {
		p, err := unpackProcess(descriptors, text)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	unpackers[access.Thread] = unpackThread
}

// strange refuses what has come.
func strange(descriptors []int, what string) error {
	note := parley.Note{Descriptors: descriptors}
	note.Discard()
	return errs.New(errs.ErrCorrupt, "what has come as a %s is none, or not the one that has the number here", what)
}

// pack gives a descriptor of the process, its number, and by which code it was ended.
func (p *process) pack() (descriptors []int, text string, err error) {
	descriptors, text, err = packEnding(p.Process, processText)
	if code := p.condemned.Load(); code != 0 {
		text += " " + strconv.FormatUint(uint64(uint32(code)), 10)
	}
	return descriptors, text, err
}

func packEnding(p *ending.Process, text string) (descriptors []int, _ string, err error) {
	again := -1
	e := p.Control(func(fd uintptr) { again, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(e, err); err != nil {
		return nil, "", err
	}
	return []int{again}, text + strconv.Itoa(p.PID()), nil
}

// unpackProcess makes a process of what pack gave: it is the one that has the number
// here, or had it.
func unpackProcess(descriptors []int, text string) (*process, error) {
	number, code, condemned := strings.Cut(text, " ")
	pid, err := strconv.Atoi(number)
	if err != nil || len(descriptors) != 1 || !leadsTo(descriptors[0], pid) {
		return nil, strange(descriptors, "process")
	}
	opened, err := ending.Of(descriptors[0], pid)
	if err != nil {
		return nil, err
	}
	p := &process{Process: opened, handles: 1}
	if n, err := strconv.ParseUint(code, 10, 32); condemned && err == nil {
		p.condemn(uint32(n))
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

func (t *someThread) pack() (descriptors []int, text string, err error) {
	if t.other != nil {
		return packEnding(t.other, threadText)
	}
	own, err := ending.OpenThread(t.id)
	if err != nil {
		return nil, "", err
	}
	defer own.Close()
	return packEnding(own, threadText)
}

// unpackThread makes a thread of what one of the two gave.
func unpackThread(descriptors []int, text string) (object, error) {
	number, of := bytes.CutPrefix([]byte(text), []byte(threadText))
	if !of {
		p, err := unpackProcess(descriptors, text)
		if err != nil {
			return nil, err
		}
		return thread{p}, nil
	}
	id, err := strconv.Atoi(string(number))
	if err != nil || len(descriptors) != 1 {
		return nil, strange(descriptors, "thread")
	}
	t, err := threadWith(id)
	if err != nil {
		return nil, errors.Join(err, strange(descriptors, "thread"))
	}
	again, _, err := t.pack()
	if err != nil || !sameFile(descriptors[0], again[0]) {
		t.close()
		return nil, errors.Join(err, strange(append(descriptors, again...), "thread"))
	}
	note := parley.Note{Descriptors: append(descriptors, again...)}
	note.Discard()
	return t, nil
}

func sameFile(a, b int) bool {
	var first, second unix.Stat_t
	return unix.Fstat(a, &first) == nil && unix.Fstat(b, &second) == nil && first.Dev == second.Dev && first.Ino == second.Ino
}
