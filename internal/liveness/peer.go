//go:build linux

package liveness

import (
	"bytes"
	"os"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/futex"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Status is what is known of a member.
type Status uint8

// The answers to "is N alive?".
const (
	Alive   Status = iota
	Dead           // its lock is gone: it writes nothing any more
	Unknown        // its file is gone: it may be alive, so nothing is taken from it
)

func (s Status) String() string { return [...]string{"alive", "dead", "unknown"}[s] }

// Peer is another member, or this one, opened to be watched.
type Peer struct {
	number uint32
	fd     int
	bell   *futex.Word // nil: cannot be mapped; the tick serves
	uid    uint32      // whose file it is
	mine   bool        // this user's
	uses   int
	gone   bool // not in the folder's table any more
	dead   bool // one of these stays open, see bury
	folder *Folder
}

// overflowUID is nobody's, and what a user namespace shows for all whom it does not
// know, perhaps this user among them.
const overflowUID = 65534

// idlePeers is how many peers stay open though nobody watches them, because
// whoever owned a mutex once will soon again.
const idlePeers = 64

// Watch opens member number. Release ends that.
//
// # Errors
//
// fs.ErrNotExist: it has no file, so its status is Unknown.
func (f *Folder) Watch(number uint32) (*Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.peers[number]; p != nil {
		p.uses++
		return p, nil
	}
	fd, st, err := f.open(number)
	if err != nil {
		return nil, err
	}
	p := &Peer{number: number, fd: fd, uses: 1, folder: f, uid: st.Uid, mine: st.Uid == uint32(os.Geteuid())}
	page := uintptr(unix.Getpagesize())
	if st.Size >= layout.MemberSize {
		if base, err := unix.MmapPtr(fd, 0, nil, page, unix.PROT_READ, unix.MAP_SHARED); err == nil {
			p.bell = (*futex.Word)(unsafe.Add(base, layout.MemberBell))
		}
	}
	f.evict()
	f.peers[number] = p
	return p, nil
}

// open opens a member's file. It must say itself that it is the number's: who owns the
// folder, as a private namespace's founder does, can give the name of a living member
// to the file of a dead one, but has no such file of another user's that says so.
//
// # Errors
//
// ErrCorrupt: it is another's. As lockfile.Open.
func (f *Folder) open(number uint32) (fd int, st unix.Stat_t, err error) {
	fd, _, st, err = lockfile.Open(f.fd, fileName(number))
	if err != nil {
		return -1, st, err
	}
	said := make([]byte, 4)
	_, err = lockfile.ReadAt(fd, said, layout.MemberNumber)
	// Another user may have cut off its own file: that changes nothing.
	cut := [4]byte(said) == [4]byte{} && st.Uid != uint32(os.Geteuid())
	if err == nil && !cut && !bytes.Equal(said, layout.EncodeMemberNumber(number)) {
		err = errs.New(errs.ErrCorrupt, "is another member's file; remove it")
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// evict closes idle peers when there are many. The caller holds f.mu.
func (f *Folder) evict() {
	if len(f.peers) < idlePeers {
		return
	}
	for _, p := range f.peers {
		if p.uses == 0 {
			p.retire()
		}
	}
}

// Forget closes what is open only because it was watched once.
func (f *Folder) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.peers {
		p.retire()
	}
}

// retire takes the peer out of the table, and closes it when nobody watches it.
// The caller holds f.mu.
func (p *Peer) retire() {
	if !p.gone {
		delete(p.folder.peers, p.number)
		p.gone = true
	}
	if p.uses > 0 {
		return
	}
	if p.bell != nil {
		_ = unix.MunmapPtr(unsafe.Add(unsafe.Pointer(p.bell), -layout.MemberBell), uintptr(unix.Getpagesize()))
	}
	_ = unix.Close(p.fd)
}

// Release ends a Watch.
func (p *Peer) Release() {
	p.folder.mu.Lock()
	defer p.folder.mu.Unlock()
	p.uses--
	if p.gone {
		p.retire()
	} else if p.dead && p.uses == 0 {
		p.bury()
	}
}

// bury keeps the member open in place of the last one that was found dead: whoever
// found it asks once more, takes over from it, and says who it was. The caller holds
// the folder's lock.
func (p *Peer) bury() {
	last := p.folder.buried
	p.folder.buried = p
	if last != nil && last != p && !last.gone && last.uses == 0 {
		last.retire()
	}
}

// Status asks the kernel whether the member is alive.
func (p *Peer) Status() Status {
	held, err := lockfile.HeldExclusively(p.fd, lockfile.Holders)
	switch {
	case err != nil:
		return Unknown
	case held:
		return Alive
	}
	if p.number == p.folder.Self() {
		// The lock of this process's own member is seen by this description as
		// anybody's; not seen means that the file is not ours.
		return Unknown
	}
	// Its file may be one of several (see Reappear), or removed: only the lock
	// of the file that has the name now decides.
	p.folder.mu.Lock()
	defer p.folder.mu.Unlock()
	var st unix.Stat_t
	if err := unix.Fstat(p.fd, &st); err == nil && st.Nlink > 0 {
		p.dead = true
		return Dead
	}
	if !p.gone {
		p.retire()
	}
	return Unknown
}

// Bell returns the word that rings when the member dies, and the value that it
// has while it is silent. A nil word, or a value that says it has rung, is not
// to be slept on.
func (p *Peer) Bell() (bell *futex.Word, silent uint32) {
	if p.bell == nil {
		return nil, 0
	}
	value, ok := p.load()
	if !ok || value&futex.OwnerDied != 0 || value&futex.Waiters == 0 {
		return nil, 0
	}
	return p.bell, value
}

// Rung says whether the bell says that the member died.
func (p *Peer) Rung() bool {
	if p.bell == nil {
		return false
	}
	value, ok := p.load()
	return ok && value&futex.OwnerDied != 0
}

// load reads the bell; false: it is gone, because its owner, another user, has
// truncated the file.
func (p *Peer) load() (value uint32, ok bool) {
	if p.mine && p.uid != overflowUID {
		return p.bell.Load(), true
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			value, ok = 0, false
		}
	}()
	return p.bell.Load(), true
}

// PassOn wakes all who watch the bell: the kernel wakes only one.
func (p *Peer) PassOn() {
	if p.bell != nil {
		futex.Wake(p.bell)
	}
}

// Private says whether the member is this user's own, or root's: one who can be
// in an object that nobody else may write.
func (p *Peer) Private() bool { return p.mine || p.uid == 0 }

// Status asks about a member by number.
func (f *Folder) Status(number uint32) Status {
	p, err := f.Watch(number)
	if err != nil {
		return Unknown
	}
	defer p.Release()
	return p.Status()
}

// Describe reads what a member says about itself, for people.
func (f *Folder) Describe(number uint32) (layout.MemberInfo, error) {
	f.mu.Lock()
	p := f.peers[number]
	if p != nil {
		p.uses++
	}
	f.mu.Unlock()
	if p != nil {
		defer p.Release()
		return describe(p.fd)
	}
	fd, _, err := f.open(number)
	if err != nil {
		return layout.MemberInfo{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	return describe(fd)
}

func describe(fd int) (layout.MemberInfo, error) {
	b := make([]byte, layout.MemberSize)
	n, err := lockfile.ReadAt(fd, b, 0)
	if err != nil {
		return layout.MemberInfo{}, err
	}
	return layout.ParseMember(b[:n])
}
