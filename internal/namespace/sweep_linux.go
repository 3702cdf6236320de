package namespace

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/bits"
	"math/rand/v2"
	"os"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// sweepCursor is where this process goes on looking for dead files.
type sweepCursor struct {
	started bool
	offset  int64
}

// sweepBytes bounds how many entries one create looks at: a buffer of the
// kernel's directory entries of this size, about four to sixteen names.
const sweepBytes = 512

// sweepEvery says which creates of a process look: the first, and each so many.
const sweepEvery = 8

// sweepSome looks at a few entries of the directory and removes what nobody
// holds, so that files left by crashes go away under use, at a cost that does
// not grow with the directory. It begins at a random place, so that many
// short-lived processes together see everything.
func (d *Dir) sweepSome() {
	d.mu.Lock()
	cursor := d.next
	d.mu.Unlock()
	if !cursor.started {
		cursor.offset = d.somewhere()
	}
	entries, err := readSome(d.fd, cursor.offset)
	if err != nil {
		return // a create must not fail because a sweep did
	}
	next := int64(0) // after the end from the beginning
	for _, e := range entries {
		if e.name != MembersName {
			_, _ = d.sweepFile(e.name)
		}
		next = e.next
	}
	d.mu.Lock()
	d.next = sweepCursor{started: true, offset: next}
	d.mu.Unlock()
}

// somewhere returns a random place in the directory. What offsets mean depends on
// the kernel: before 6.6 they count the entries; since then each entry has one
// that stays, later ones have higher, and the directory is read upward, or since
// 6.14 downward. Long-lived entries at one end must not hide what is behind them,
// and after millions of creates the offsets are high and have wide gaps: so every
// order of magnitude of distance from either end is as likely as any other.
func (d *Dir) somewhere() int64 {
	first, err := readSome(d.fd, 0)
	if err != nil || len(first) < 2 {
		return 0
	}
	a, b := first[0].next, first[len(first)-1].next
	if rest, err := readSome(d.fd, b); err != nil || len(rest) == 0 {
		return 0 // a look from the beginning sees everything
	}
	low, high := min(a, b), max(a, b)
	if a < b {
		high = low + d.distance(low)
	} else {
		low = 0
	}
	switch span := high - low; rand.IntN(3) {
	case 0:
		return low + someMagnitude(span)
	case 1:
		return high - someMagnitude(span)
	default:
		return low + rand.Int64N(span+1)
	}
}

// distance is about how far entries reach behind low in a directory that is read
// upward: less than twice as far as the last one.
func (d *Dir) distance(low int64) int64 {
	return 1 << sort.Search(61, func(k int) bool {
		rest, err := readSome(d.fd, low+1<<k)
		return err != nil || len(rest) == 0
	})
}

// someMagnitude returns a number from 0 to span, as likely a small as a large one.
func someMagnitude(span int64) int64 {
	return min(span, rand.Int64N(1<<rand.IntN(bits.Len64(uint64(span))+1)))
}

// entry is an entry of a directory, and the offset behind it.
type entry struct {
	name string
	next int64
}

// readSome reads sweepBytes of directory entries from offset, by a description of
// its own, without "." and "..".
func readSome(dir int, offset int64) (entries []entry, err error) {
	fd, err := lockfile.OpenDirectory(dir, ".", 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	if offset != 0 {
		if _, err := unix.Seek(fd, offset, unix.SEEK_SET); err != nil {
			return nil, err
		}
	}
	buffer := make([]byte, sweepBytes)
	n, err := unix.Getdents(fd, buffer)
	if err != nil {
		return nil, err
	}
	// struct linux_dirent64: u64 ino, s64 off, u16 length, u8 type, name.
	for b := buffer[:n]; len(b) > 19; {
		length := int(binary.NativeEndian.Uint16(b[16:]))
		if length <= 19 || length > len(b) {
			break
		}
		name, _, _ := strings.Cut(string(b[19:length]), "\x00")
		if name != "." && name != ".." {
			entries = append(entries, entry{name, int64(binary.NativeEndian.Uint64(b[8:]))})
		}
		b = b[length:]
	}
	return entries, nil
}

// Names calls yield with the name of every file in the directory, until it says
// false. What is there from beginning to end is seen exactly once; files that
// come or go meanwhile may or may not be seen.
func (d *Dir) Names(yield func(file string) bool) error {
	return lockfile.Names(d.fd, func(name string) bool { return name == MembersName || yield(name) })
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
			failures = append(failures, d.named(file, err))
		}
		if gone {
			removed++
		}
		return true
	})
	return removed, errors.Join(append(failures, err)...)
}

// mine says whether a file is this user's.
func (d *Dir) mine(file string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd, file, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Uid == uint32(os.Geteuid())
}

// sweepFile removes one file if it is an object's and nobody holds it. Files
// that are not Atoll's are left alone.
func (d *Dir) sweepFile(file string) (removed bool, err error) {
	fd, writable, st, err := lockfile.Open(d.fd, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, fs.ErrPermission) && !d.mine(file):
		return false, nil // another user's, alive or dead
	case err != nil:
		return false, err
	}
	defer func() { _ = unix.Close(fd) }()
	magic := make([]byte, len(layout.Magic))
	if n, err := lockfile.ReadAt(fd, magic, 0); err != nil || !layout.HasMagic(magic[:n]) {
		return false, err
	}
	if !writable {
		if held, err := lockfile.Ask(fd, lockfile.Holders); err != nil || held != lockfile.Nobody {
			return false, err
		}
		return false, errs.New(fs.ErrPermission, "nobody holds it, but it may only be read by this user (it belongs to uid %d, mode %#o); that user or root can remove it", st.Uid, st.Mode&0o7777)
	}
	alone, err := lockfile.TryExclusive(fd, lockfile.Holders)
	if err != nil || !alone {
		return false, err
	}
	defer func() { _ = lockfile.Unlock(fd, lockfile.Holders) }()
	check.Point("sweep.locked")
	removed, err = lockfile.UnlinkLocked(d.fd, file, lockfile.IdentityOf(&st))
	check.Point("sweep.removed")
	if errors.Is(err, fs.ErrPermission) {
		// In a directory that many share only its owner may remove it.
		if h, e := readHeader(fd); e == nil {
			(&Object{Header: h, FD: fd}).shrink()
		}
		err = errs.Because(err, 0, fs.ErrPermission, "belongs to uid %d, and nobody has it any more; only that user or root can free the name, with: %s", st.Uid, d.Sweeper())
	}
	return removed, err
}
