package namespace

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/lockfile"
)

// Process is a process that has to do with an object.
type Process struct {
	PID     int
	Command string
}

// Users are the processes that have an object.
type Users struct{ Holders, Viewers []Process }

// UserTable has the users of many objects, by their files.
type UserTable map[lockfile.Identity]Users

// FindUsers looks through the descriptors of all processes for those that hold
// one of the files. Which byte a description has locked stands in its fdinfo, so
// that a process which only looks at a file is not taken for a holder.
//
// Processes of other users cannot be looked into; they are missing.
func FindUsers(sights []Sight) UserTable {
	table := make(UserTable, len(sights))
	if len(sights) == 0 {
		return table
	}
	wanted := make(map[string]bool, 2*len(sights))
	for i := range sights {
		wanted[sights[i].File] = true
		// What a creator's descriptor is called: it was opened without a name.
		wanted["#"+strconv.FormatUint(sights[i].ID.Ino, 10)] = true
		table[sights[i].ID] = Users{}
	}
	for _, pid := range numbersIn("/proc") {
		scanProcess(pid, wanted, table)
	}
	return table
}

// numbersIn lists the entries of a directory that are numbers, in order.
func numbersIn(dir string) (list []int) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the process has ended, or is another user's
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// scanProcess enters a process for every file in the table that it holds.
func scanProcess(pid int, wanted map[string]bool, table UserTable) {
	proc := fmt.Sprintf("/proc/%d", pid)
	var held, viewed []lockfile.Identity
	for _, fd := range numbersIn(proc + "/fd") {
		// Reading the link touches no file system; stat could hang on a dead mount
		// that the process has nothing else to do with.
		target, err := os.Readlink(fmt.Sprintf("%s/fd/%d", proc, fd))
		if err != nil || !wanted[filepath.Base(strings.TrimSuffix(target, " (deleted)"))] {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("%s/fdinfo/%d", proc, fd))
		if err != nil {
			continue
		}
		id, holder, viewer := parseLocks(text)
		if _, ok := table[id]; !ok {
			continue
		}
		if holder && !slices.Contains(held, id) {
			held = append(held, id)
		}
		if viewer && !slices.Contains(viewed, id) {
			viewed = append(viewed, id)
		}
	}
	if held == nil && viewed == nil {
		return
	}
	p := Process{PID: pid, Command: commandOf(proc)}
	for _, id := range held {
		u := table[id]
		u.Holders = append(u.Holders, p)
		table[id] = u
	}
	for _, id := range viewed {
		u := table[id]
		u.Viewers = append(u.Viewers, p)
		table[id] = u
	}
}

// parseLocks reads the locks of one description from its fdinfo. A line is like
//
//	lock:	1: OFDLCK ADVISORY  READ -1 00:1b:22 0 0
//
// with the file system's device and the inode, and the first and last byte
// locked; the kernel joins locks of neighbouring bytes.
func parseLocks(fdinfo []byte) (id lockfile.Identity, holder, viewer bool) {
	for line := range bytes.Lines(fdinfo) {
		f := strings.Fields(string(line))
		if len(f) != 9 || f[0] != "lock:" || f[2] != "OFDLCK" {
			continue
		}
		var major, minor uint32
		var ino uint64
		if _, err := fmt.Sscanf(f[6], "%x:%x:%d", &major, &minor, &ino); err != nil {
			continue
		}
		first, err := strconv.ParseUint(f[7], 10, 64)
		if err != nil {
			continue
		}
		last, err := strconv.ParseUint(f[8], 10, 64)
		if err != nil {
			last = first // "EOF": nothing of ours
		}
		id = lockfile.Identity{Dev: unix.Mkdev(major, minor), Ino: ino}
		holder = holder || first <= lockfile.Holders && lockfile.Holders <= last
		viewer = viewer || first <= lockfile.Viewers && lockfile.Viewers <= last
	}
	return id, holder, viewer
}

// commandOf is the base name of a process's program, which the kernel's own short
// name for it may cut.
func commandOf(proc string) string {
	if exe, err := os.Readlink(proc + "/exe"); err == nil {
		return filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	}
	comm, err := os.ReadFile(proc + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(comm))
}
