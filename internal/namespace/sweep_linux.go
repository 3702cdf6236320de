package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// sweepCursor is where this process goes on looking for dead files.
type sweepCursor struct {
	started bool
	offset  int64
}

// sweepBytes bounds how many entries one create looks at: a buffer of the
// kernel's directory entries of this size, about four to eight names.
const sweepBytes = 512

// sweepSome looks at a few entries of the directory and removes what nobody
// holds, so that files left by crashes go away under use, at a cost that does
// not grow with the directory. It begins at a random place, so that many
// short-lived processes together see everything.
func (d *Dir) sweepSome() {
	d.mu.Lock()
	cursor := d.next
	d.mu.Unlock()
	if !cursor.started {
		cursor.offset = rand.Int64N(int64(2) << rand.IntN(16))
	}
	names, offset, err := readSome(d.fd, cursor.offset, sweepBytes)
	if err != nil {
		return // a create must not fail because a sweep did
	}
	if len(names) == 0 {
		offset = 0 // the end: begin again
	}
	for _, name := range names {
		_, _ = d.sweepFile(name)
	}
	d.mu.Lock()
	d.next = sweepCursor{started: true, offset: offset}
	d.mu.Unlock()
}

// readSome reads the names of at most size bytes of directory entries from
// offset, by a description of its own, and returns where to go on.
func readSome(dir int, offset int64, size int) (names []string, next int64, err error) {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	if offset != 0 {
		if _, err := unix.Seek(fd, offset, unix.SEEK_SET); err != nil {
			return nil, 0, err
		}
	}
	buffer := make([]byte, size)
	n, err := unix.Getdents(fd, buffer)
	if err != nil || n == 0 {
		return nil, 0, err
	}
	_, _, names = unix.ParseDirent(buffer[:n], -1, nil)
	next, err = unix.Seek(fd, 0, unix.SEEK_CUR)
	return names, next, err
}

// Names calls yield with the name of every file in the directory, until it says
// false. What is there from beginning to end is seen exactly once; files that
// come or go meanwhile may or may not be seen.
func (d *Dir) Names(yield func(file string) bool) error {
	return lockfile.Names(d.fd, func(name string) bool { return name == membersName || yield(name) })
}

// Sweep removes every file in the directory that nobody holds, and says how many
// it removed.
//
// # Errors
//
// What kept it from removing a dead file, joined; it goes on to the others.
func (d *Dir) Sweep() (removed int, err error) {
	var failures []error
	err = d.Names(func(file string) bool {
		gone, err := d.sweepFile(file)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s/%s: %w", d.Path, file, err))
		}
		if gone {
			removed++
		}
		return true
	})
	return removed, errors.Join(append(failures, err)...)
}

// sweepFile removes one file if it is an object's and nobody holds it. Files
// that are not Atoll's are left alone.
func (d *Dir) sweepFile(file string) (removed bool, err error) {
	fd, writable, st, err := lockfile.Open(d.fd, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	defer func() { _ = unix.Close(fd) }()
	magic := make([]byte, len(layout.Magic))
	if n, err := lockfile.ReadAt(fd, magic, 0); err != nil || !layout.HasMagic(magic[:n]) || !writable {
		return false, err
	}
	alone, err := lockfile.TryExclusive(fd, lockfile.Holders)
	if err != nil || !alone {
		return false, err
	}
	defer func() { _ = lockfile.Unlock(fd, lockfile.Holders) }()
	return lockfile.UnlinkLocked(d.fd, file, lockfile.IdentityOf(&st))
}
