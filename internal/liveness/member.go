//go:build linux

package liveness

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Folder is the folder of the members of one directory of objects, and this
// process's own membership in it.
type Folder struct {
	fd int

	mu    sync.Mutex
	uses  int
	self  *membership
	peers map[uint32]*Peer
	// buried is the one that was found dead last.
	buried *Peer

	// decision is in the file of self. It changes with that, and under Deciding: the
	// file that has the member's name must stay the one in which is decided.
	decision atomic.Pointer[layout.Decision]
	global   func() *Folder // nil: this is Global's, or there are no others
}

// membership is what this process holds while it is a member.
type membership struct {
	number uint32
	fd     int
	id     lockfile.Identity
	ring   *bellMapping
	// former are the files of this membership that somebody removed. They stay
	// locked and ringing for those who had opened them.
	former []*membership
	// keep: an object says that this member abandoned it. It stays a member until
	// its process ends, so that its file says who that was.
	keep bool
}

// OpenFolder uses the folder behind fd, which stays the caller's.
func OpenFolder(fd int) *Folder {
	return &Folder{fd: fd, peers: make(map[uint32]*Peer)}
}

// Join makes this process a member, or counts another use of its membership, and
// returns its number, which is never 0 and fits in 30 bits.
//
// # Errors
//
// The system's; nothing is left behind.
func (f *Folder) Join() (uint32, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.self == nil {
		self, err := f.enroll(nil)
		if err != nil {
			return 0, fmt.Errorf("join: %w", err)
		}
		f.self = self
		f.decision.Store(self.decision())
	}
	f.uses++
	return f.self.number, nil
}

// Self is this process's number, or 0.
func (f *Folder) Self() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.self == nil {
		return 0
	}
	return f.self.number
}

// Stay makes the membership last until the process ends, because an object that
// others go on with names this member.
func (f *Folder) Stay() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.self != nil {
		f.self.keep = true
	}
}

// Leave ends a use; the last one ends the membership and removes the file.
func (f *Folder) Leave() error {
	f.mu.Lock()
	f.uses--
	if f.uses > 0 || f.self.keep {
		f.mu.Unlock()
		return nil
	}
	self := f.self
	f.self = nil
	err := f.resign(self)
	f.mu.Unlock()
	f.Forget()
	return err
}

func (f *Folder) resign(self *membership) error {
	// The lock is still held, so this is ours to remove.
	_, err := lockfile.UnlinkLocked(f.fd, fileName(self.number), self.id)
	check.Point("leave.removed")
	for _, m := range append(self.former, self) {
		theKeeper.take(m.ring)
		err = errors.Join(err, lockfile.Unlock(m.fd, lockfile.Holders), unix.Close(m.fd))
	}
	return err
}

func fileName(number uint32) string { return fmt.Sprintf("%08x", number) }

// parseFileName is the inverse of fileName; 0 for any other name.
func parseFileName(name string) uint32 {
	n, err := strconv.ParseUint(name, 16, 32)
	if err != nil || n > layout.OwnerMask || fileName(uint32(n)) != name {
		return 0
	}
	return uint32(n)
}

// enroll publishes a member file that is locked and rings before anybody can
// see it, with a random number that is free, or in place of another membership of
// this process.
func (f *Folder) enroll(former *membership) (*membership, error) {
	// Readable by all who share the directory, which decides who that is.
	fd, st, err := lockfile.CreateUnnamed(f.fd, 0o644)
	if err != nil {
		return nil, err
	}
	m := &membership{fd: fd, id: lockfile.IdentityOf(&st)}
	if err = f.prepare(m); err == nil {
		number := uint32(0)
		if former != nil {
			number = former.number
			*m.decision() = *former.decision()
		}
		if err = f.publish(m, number); err == nil {
			return m, nil
		}
		theKeeper.take(m.ring)
	}
	_ = unix.Close(fd)
	return nil, err
}

func (f *Folder) prepare(m *membership) error {
	info := layout.MemberInfo{PID: os.Getpid(), Started: time.Now().UnixNano(), Command: filepath.Base(os.Args[0])}
	bytes := layout.EncodeMember(info)
	// Reserve first: a full tmpfs must be an error here, not a fault later.
	if err := lockfile.Reserve(m.fd, 0, int64(len(bytes))); err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	if err := lockfile.WriteAt(m.fd, bytes, 0); err != nil {
		return err
	}
	if _, err := lockfile.TryExclusive(m.fd, lockfile.Holders); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	check.Point("join.locked")
	var err error
	m.ring, err = theKeeper.hang(m.fd)
	return err
}

func (f *Folder) publish(m *membership, number uint32) error {
	const draws = 100
	for range draws {
		m.number = number
		if number == 0 {
			m.number = 1 + rand.Uint32N(layout.OwnerMask)
		}
		if err := lockfile.WriteAt(m.fd, layout.EncodeMemberNumber(m.number), layout.MemberNumber); err != nil {
			return err
		}
		err := lockfile.Publish(m.fd, f.fd, fileName(m.number))
		if err == nil {
			check.Point("join.linked")
			return nil
		}
		if !errors.Is(err, fs.ErrExist) || number != 0 {
			return err
		}
	}
	return errs.New(errs.ErrStuck, "no free member number after %d draws", draws)
}

// Reappear publishes this process's member file again if somebody has removed
// it: without it, others could not tell that we are alive.
func (f *Folder) Reappear() error {
	Deciding.Lock()
	defer Deciding.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.self == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(f.self.fd, &st); err != nil || st.Nlink > 0 {
		return err
	}
	// A file that was unlinked cannot get a name again, so it is a new one with
	// the old number; the old file keeps its lock and its bell.
	again, err := f.enroll(f.self)
	if err != nil {
		return fmt.Errorf("publish member file again: %w", err)
	}
	again.keep = f.self.keep
	again.former = append(f.self.former, f.self)
	f.self.former = nil
	f.self = again
	f.decision.Store(again.decision())
	return nil
}
