//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"atoll/internal/errs"
	"atoll/internal/namespace"
)

// Compare says whether this process and another one can see each other's objects,
// and if not, why.
//
// # Errors
//
// fs.ErrNotExist: there is no such process.
func Compare(pid int) ([]Finding, error) {
	other, err := sideOf(pid)
	if err != nil {
		return nil, err
	}
	return (&pair{report{topic: fmt.Sprintf("pid %d", pid)}, side{"self", "this process"}, other}).compare(), nil
}

// ComparePair says the same of two processes, neither of which need be this one.
//
// # Errors
//
// fs.ErrNotExist: one of them does not exist.
func ComparePair(one, other int) ([]Finding, error) {
	a, err := sideOf(one)
	if err != nil {
		return nil, err
	}
	b, err := sideOf(other)
	if err != nil {
		return nil, err
	}
	return (&pair{report{topic: fmt.Sprintf("pids %d and %d", one, other)}, a, b}).compare(), nil
}

// side is one of two processes that are compared.
type side struct {
	proc string // its directory in /proc
	who  string
}

func sideOf(pid int) (side, error) {
	proc := strconv.Itoa(pid)
	if _, err := os.Stat(filepath.Join("/proc", proc)); err != nil || pid <= 0 {
		return side{}, errs.New(fs.ErrNotExist, "no process has the pid %d, in the pid namespace of this process", pid)
	}
	return side{proc, "pid " + proc}, nil
}

// pair is what is found of two processes.
type pair struct {
	report
	a, b side
}

func (r *pair) compare() []Finding {
	base, user := r.sameBase(), r.sameUser()
	r.sameSpaces()
	if base && user {
		r.fine("the two see each other's objects")
	}
	return r.findings
}

// sight is how to see what may not be seen.
const sight = "run it as the user of the processes, or with CAP_SYS_PTRACE"

// apart begins the finding that settles it.
const apart = "these two can never see each other's objects, because "

// sameBase compares the directories in which both have their objects. What cannot
// be read is taken for the default, and then nothing is certain.
func (r *pair) sameBase() bool {
	mine, certain := r.base(r.a)
	theirs, known := r.base(r.b)
	certain = certain && known
	m, err := mountOf(r.a.proc, mine)
	n, err2 := mountOf(r.b.proc, theirs)
	if err := errors.Join(err, err2); err != nil {
		r.add(Note, "whether they use the same directory cannot be told", sight, "%v", err)
		return certain
	}
	level, why := Problem, apart
	if !certain {
		level, why = Note, "if that is so, "+apart
	}
	a, b := filepath.Join(m.root, strings.TrimPrefix(mine, m.point)), filepath.Join(n.root, strings.TrimPrefix(theirs, n.point))
	switch {
	case m.dev != n.dev:
		r.add(level, why+"their base directories are on two file systems", "mount one tmpfs into both, at the same place or by ATOLL_ROOT",
			"%s of %s is on device %s, %s of %s on device %s", mine, r.a.who, device(m.dev), theirs, r.b.who, device(n.dev))
		return false
	case a != b:
		r.add(level, why+"their base directories are two", "the same ATOLL_ROOT for both", "%s uses %s, %s uses %s", r.a.who, mine, r.b.who, theirs)
		return false
	}
	r.fine("both use %s, on device %s", mine, device(m.dev))
	return certain
}

func device(dev uint64) string { return fmt.Sprintf("%d:%d", dev>>8&0xfff, dev&0xff|dev>>12&0xfff00) }

// base is the base directory of a process; certain is false if that was not to be
// read, which is noted.
func (r *pair) base(s side) (base string, certain bool) {
	if s.proc == "self" {
		return namespace.Base(), true
	}
	text, err := os.ReadFile(filepath.Join("/proc", s.proc, "environ"))
	if err != nil {
		r.add(Note, "if its ATOLL_ROOT is another one, its objects lie there", sight,
			"the environment of %s may not be read; it is taken to use %s", s.who, namespace.DefaultBase)
		return namespace.DefaultBase, false
	}
	for entry := range strings.SplitSeq(string(text), "\x00") {
		if value, ok := strings.CutPrefix(entry, namespace.RootVariable+"="); ok && value != "" {
			return value, true
		}
	}
	return namespace.DefaultBase, true
}

// sameUser compares the users that both act as.
func (r *pair) sameUser() bool {
	mine, err := effectiveUser(r.a.proc)
	theirs, err2 := effectiveUser(r.b.proc)
	if err := errors.Join(err, err2); err != nil {
		r.add(Note, "whose they are cannot be told", "", "%v", err)
		return false
	}
	if mine == theirs {
		r.fine("both act as uid %d: Local names are the same", mine)
		return true
	}
	r.add(Note, "Local names are each user's own; objects for both need Global names, or a private namespace, and rights for both", "Global\\ in the names (atoll setup prepares it), and a Security",
		"%s acts as uid %d, %s as uid %d", r.a.who, mine, r.b.who, theirs)
	return false
}

func effectiveUser(proc string) (int, error) {
	file := filepath.Join("/proc", proc, "status")
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		// Uid: real, effective, saved, of the file system.
		if f := strings.Fields(line); len(f) == 5 && f[0] == "Uid:" {
			return strconv.Atoi(f[2])
		}
	}
	return 0, fmt.Errorf("%s has no user", file)
}

// sameSpaces compares the namespaces of both.
func (r *pair) sameSpaces() {
	for _, s := range []side{r.a, r.b} {
		if spaceID(s.proc, "pid") == 0 {
			r.add(Note, "whether they are the same cannot be told", sight, "the namespaces of %s may not be seen", s.who)
			return
		}
	}
	for _, k := range kinds {
		mine, theirs := spaceID(r.a.proc, k.file), spaceID(r.b.proc, k.file)
		switch {
		case mine == 0 || theirs == 0:
			r.fine("no %s namespaces here", k.name)
		case mine == theirs:
			r.fine("both are in one %s namespace", k.name)
		case k.file == "user":
			r.add(Note, "the same number may be two users; the kernel compares those of the first namespace", "", "they are in two user namespaces")
		case k.inner == "" || k.file == "mnt":
			r.fine("they are in two %s namespaces, which alone does not matter", k.name)
		default:
			r.add(Note, k.inner, "", "they are in two %s namespaces", k.name)
		}
	}
}
