//go:build linux

package liveness

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Inspect says what is known of a member, for people. It looks through a
// description of its own that does not stay open, and takes no lock.
func (f *Folder) Inspect(number uint32) (layout.MemberInfo, Status) {
	fd, _, err := f.open(number)
	if err != nil {
		return layout.MemberInfo{}, Unknown
	}
	defer func() { _ = unix.Close(fd) }()
	held, err := lockfile.HeldExclusively(fd, lockfile.Holders)
	if err != nil {
		return layout.MemberInfo{}, Unknown
	}
	status := Dead
	if held {
		status = Alive
	}
	b := make([]byte, layout.MemberSize)
	n, err := lockfile.ReadAt(fd, b, 0)
	if err != nil {
		return layout.MemberInfo{}, status
	}
	info, err := layout.ParseMember(b[:n])
	if err != nil {
		return layout.MemberInfo{}, status
	}
	return info, status
}

// Many says whether this user has so many member files. It does not look at more
// names than some multiple of that: others may fill the folder with theirs.
func (f *Folder) Many(limit int) (bool, error) {
	looks, mine := 16*limit, 0
	err := lockfile.Names(f.fd, func(name string) bool {
		if parseFileName(name) != 0 && f.isMine(name) {
			mine++
		}
		looks--
		return mine < limit && looks > 0
	})
	return mine >= limit, err
}

// isMine says whether a file is this user's.
func (f *Folder) isMine(name string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(f.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Uid == uint32(os.Geteuid())
}

// deadMember is a member file that nobody held when it was looked at.
type deadMember struct {
	name   string
	number uint32
	id     lockfile.Identity
}

// SweepDead removes the files of dead members that no object names any more. It
// says how many it removed.
//
// named returns all the numbers that objects name, and is called once, after it
// is known who is dead. The order is what makes it right: a file is locked before
// it has a name, so one without a lock belongs to a dead process, which writes
// its number nowhere any more; whatever object names it has been published by
// then, and named, which looks at all of them later, sees it. A living process
// writes only its own number. And a number is not used again while its file is
// there; if somebody else removes the file meanwhile and the number is drawn
// again, the new file is another one, which is left alone.
//
// Objects without a name it sees where they are, in processes; loose is the folder
// whose members have them, which is frozen meanwhile, so that none is on its way;
// nil if there are none.
//
// If named is not sure that it saw all, or something is on its way, nothing is
// removed.
//
// # Errors
//
// Those of named and of the system, joined; it goes on to the other files.
func (f *Folder) SweepDead(loose *Folder, named func() (numbers map[uint32]bool, sure bool, err error)) (removed int, err error) {
	dead, err := f.dead()
	if err != nil || len(dead) == 0 {
		return 0, err
	}
	if loose != nil {
		fd, frozen, err := loose.freeze()
		if err != nil || !frozen {
			return 0, err
		}
		defer func() { _ = unix.Close(fd) }()
	}
	numbers, sure, err := named()
	if err != nil || !sure {
		return 0, err
	}
	var failures []error
	for _, m := range dead {
		if numbers[m.number] {
			continue
		}
		gone, err := f.sweepMember(m)
		if err != nil {
			failures = append(failures, err)
		}
		if gone {
			removed++
		}
	}
	return removed, errors.Join(failures...)
}

// dead lists this user's member files that nobody holds. Another user's may be named
// by that user's own objects, which we cannot all see.
func (f *Folder) dead() (list []deadMember, err error) {
	err = lockfile.Names(f.fd, func(name string) bool {
		number := parseFileName(name)
		if number == 0 || !f.isMine(name) {
			return true
		}
		fd, writable, st, err := lockfile.Open(f.fd, name)
		if err != nil {
			return true // gone, or nothing of ours
		}
		defer func() { _ = unix.Close(fd) }()
		mine := writable && st.Uid == uint32(os.Geteuid())
		if held, err := lockfile.HeldByOther(fd, lockfile.Holders); err == nil && !held && mine {
			list = append(list, deadMember{name, number, lockfile.IdentityOf(&st)})
		}
		return true
	})
	return list, err
}

func (f *Folder) sweepMember(m deadMember) (bool, error) {
	fd, _, st, err := lockfile.Open(f.fd, m.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	defer func() { _ = unix.Close(fd) }()
	if lockfile.IdentityOf(&st) != m.id {
		return false, nil
	}
	alone, err := lockfile.TryExclusive(fd, lockfile.Holders)
	if err != nil || !alone {
		return false, err
	}
	defer func() { _ = lockfile.Unlock(fd, lockfile.Holders) }()
	return lockfile.UnlinkLocked(f.fd, m.name, m.id)
}
