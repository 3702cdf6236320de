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
	proc := strconv.Itoa(pid)
	if _, err := os.Stat(filepath.Join("/proc", proc)); err != nil || pid <= 0 {
		return nil, errs.New(fs.ErrNotExist, "no process has the pid %d, in the pid namespace of this process", pid)
	}
	r := &report{topic: fmt.Sprintf("pid %d", pid)}
	together := r.sameBase(proc)
	if together {
		together = r.sameUser(proc)
	}
	r.sameSpaces(proc)
	if together {
		r.fine("the two see each other's objects")
	}
	return r.findings, nil
}

// sight is how to see what may not be seen.
const sight = "run it as that process's user, or with CAP_SYS_PTRACE"

// apart begins the finding that settles it.
const apart = "these two can never see each other's objects, because "

// sameBase compares the directories in which both have their objects. What cannot
// be read is taken for the same, and said.
func (r *report) sameBase(proc string) bool {
	mine := namespace.Base()
	theirs, known := baseOf(proc)
	if !known {
		r.add(Note, "if its ATOLL_ROOT is another one they do not see each other", sight, "its environment may not be read; it is taken to use %s", theirs)
	}
	m, err := mountOf("self", mine)
	n, err2 := mountOf(proc, theirs)
	if err := errors.Join(err, err2); err != nil {
		r.add(Note, "whether they use the same directory cannot be told", sight, "%v", err)
		return true
	}
	a, b := filepath.Join(m.root, strings.TrimPrefix(mine, m.point)), filepath.Join(n.root, strings.TrimPrefix(theirs, n.point))
	switch {
	case m.dev != n.dev:
		r.add(Problem, apart+"their base directories are on two file systems", "mount one tmpfs into both, at the same place or by ATOLL_ROOT",
			"%s here is on device %s, %s there on device %s", mine, device(m.dev), theirs, device(n.dev))
		return false
	case a != b:
		r.add(Problem, apart+"their base directories are two", "the same ATOLL_ROOT for both", "%s here, %s there", mine, theirs)
		return false
	}
	r.fine("both use %s, on device %s", mine, device(m.dev))
	return true
}

func device(dev uint64) string { return fmt.Sprintf("%d:%d", dev>>8&0xfff, dev&0xff|dev>>12&0xfff00) }

// baseOf is the base directory of another process, as far as it can be told.
func baseOf(proc string) (base string, known bool) {
	text, err := os.ReadFile(filepath.Join("/proc", proc, "environ"))
	if err != nil {
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
func (r *report) sameUser(proc string) bool {
	theirs, err := effectiveUser(proc)
	if err != nil {
		r.add(Note, "whose it is cannot be told", "", "%v", err)
		return true
	}
	mine := os.Geteuid()
	if mine == theirs {
		r.fine("both act as uid %d: Local names are the same", mine)
		return true
	}
	r.add(Note, "Local names are each user's own; objects for both need Global names, or a private namespace, and rights for both", "Global\\ in the names (atoll setup prepares it), and a Security",
		"this process acts as uid %d, the other as uid %d", mine, theirs)
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
func (r *report) sameSpaces(proc string) {
	if spaceID(proc, "pid") == 0 {
		r.add(Note, "whether they are this process's cannot be told", sight, "its namespaces may not be seen")
		return
	}
	for _, k := range kinds {
		mine, theirs := spaceID("self", k.file), spaceID(proc, k.file)
		switch {
		case theirs == 0:
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
