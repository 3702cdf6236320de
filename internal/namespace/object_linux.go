package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Object is one object that this process holds: its one open file description,
// whose lock on byte 0 keeps the object alive, and how many handles and views of
// this process share it.
//
// The description outlives the last handle while a view is open, but without
// byte 0: the name goes, the memory stays.
type Object struct {
	Header   layout.Header
	FD       int
	Writable bool // the description can write
	ID       lockfile.Identity
	UID      uint32 // the file's owner and mode, when this process came to have it
	Mode     uint32
	Own      bool // it was this process's user

	dir     *Dir // nil: loose
	file    string
	outside bool // loose, but with a name
	found   bool // another process had it when this one opened it
	passed  bool // loose, and other processes may have it; under mu()
	handles int  // under mu()
	views   int
	ended   bool // nobody held it any more when this process let go
	shared  any  // what the kernel above keeps for all handles of this process
}

// descriptionKey tells apart what may not share a description: a handle for
// reading must not get one that can write.
type descriptionKey struct {
	id       lockfile.Identity
	writable bool
}

// belongs notes whose the file is.
func (o *Object) belongs(st *unix.Stat_t) {
	o.UID, o.Mode, o.Own = st.Uid, st.Mode, st.Uid == uint32(os.Geteuid())
}

func (o *Object) key() descriptionKey { return descriptionKey{o.ID, o.Writable} }

// Bounds of the tries that meet another process half-way. Each try sleeps a
// little longer; together they take about a second, so that only a stopped
// process can use them up.
const (
	tries    = 60
	maxPause = 25 * time.Millisecond
)

func pause(try int) {
	time.Sleep(min(time.Duration(try*try)*50*time.Microsecond, maxPause)) //nolint:forbidigo // the kernel tells nobody that a lock was dropped
}

// Build completes an unnamed file: size, header, state.
type Build func(fd int) error

// Create makes an object under a name that is free. The file is complete and
// held, and has its rights, before it has the name; if the process dies before,
// nothing is left.
//
// # Errors
//
// fs.ErrExist: the name leads to something, alive or dead; Open tells. What
// build returns. fs.ErrPermission: not an owner or group that we can give. The
// system's errors.
func (d *Dir) Create(name Name, header layout.Header, rights access.FileRights, build Build) (*Object, error) {
	if me := os.Geteuid(); d.Scope == Local && rights.UID >= 0 && rights.UID != me {
		return nil, errs.New(fs.ErrPermission, "a Local object belongs to its creator, uid %d, and cannot be made for uid %d; a Global one can", me, rights.UID)
	}
	if d.creates.Add(1)%sweepEvery == 1 {
		d.sweepSome()
	}
	fd, st, err := lockfile.CreateUnnamed(d.fd, 0o600)
	if err != nil {
		return nil, err
	}
	check.Point("create.file")
	o, err := d.publish(fd, &st, name, header, rights, build)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return o, nil
}

// publish completes the file, which is st, and gives it its name.
func (d *Dir) publish(fd int, st *unix.Stat_t, name Name, header layout.Header, rights access.FileRights, build Build) (*Object, error) {
	if err := errors.Join(build(fd), lockfile.SetRights(fd, rights)); err != nil {
		return nil, err
	}
	check.Point("create.built")
	if rights != access.CreatorAlone {
		if err := unix.Fstat(fd, st); err != nil {
			return nil, err
		}
	}
	if _, err := lockfile.TryShared(fd, lockfile.Holders); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	check.Point("create.locked")
	o := &Object{
		Header: header, FD: fd, Writable: true, ID: lockfile.IdentityOf(st),
		dir: d, file: name.FileName(), handles: 1,
	}
	o.belongs(st)
	// Publishing and entering it here are one step for the other goroutines of
	// this process.
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := lockfile.Publish(fd, d.fd, o.file); err != nil {
		return nil, err
	}
	check.Point("create.linked")
	d.held[o.key()] = o
	d.uses++
	return o, nil
}

// Open opens the object of a name, if anybody holds it.
//
// # Errors
//
// fs.ErrNotExist: nobody does. A file that its last holder left behind when it
// was killed is removed on the way. ErrCorrupt, ErrVersion: something else lies
// there. fs.ErrPermission. ErrStuck: another process stopped while it destroyed
// the object.
func (d *Dir) Open(name Name) (*Object, error) {
	file := name.FileName()
	for try := range tries {
		if o, err := d.share(file); o != nil || err != nil {
			return o, err
		}
		o, err := d.openOnce(name, file)
		if !errors.Is(err, errAgain) {
			return o, err
		}
		pause(try)
	}
	return nil, errs.New(errs.ErrStuck, "%s: another process, which seems to be stopped, holds its file exclusively (lsof %s/%s shows which)", name, d.Path, file)
}

// errAgain: another process was half-way; look again.
var errAgain = errors.New("look again")

// share gives another handle to what this process holds already, if the name
// still leads to it, and this process would get as much by an open. Only of its
// owner's file is that plain from the mode alone; of any other, and of one whose
// mode leaves its owner less, an open must tell: rights may have changed, for
// better or worse, and neither an ACL nor what a security module thinks can be
// foretold.
func (d *Dir) share(file string) (*Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.held) == 0 {
		return nil, nil
	}
	var st unix.Stat_t
	switch err := unix.Fstatat(d.fd, file, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err // which an open would also say
	case err != nil:
		return nil, nil // the open that follows says why
	}
	if st.Uid != uint32(os.Geteuid()) || st.Mode&0o600 != 0o600 {
		return nil, nil
	}
	o := d.held[descriptionKey{lockfile.IdentityOf(&st), true}]
	if o == nil || o.file != file || st.Nlink > 1 {
		return nil, nil // not ours, or somebody has moved or linked it: the open says so
	}
	o.handles++
	return o, nil
}

func (d *Dir) openOnce(name Name, file string) (*Object, error) {
	fd, writable, st, err := lockfile.Open(d.fd, file)
	if err != nil {
		err = d.named(file, err)
		if d.Scope != Local && errors.Is(err, fs.ErrPermission) {
			// Whether it is in use cannot be told either.
			err = fmt.Errorf("%w; if no process has it any more, only that user or root can free the name, with: %s", err, d.Sweeper())
		}
		return nil, err
	}
	o := &Object{FD: fd, Writable: writable, ID: lockfile.IdentityOf(&st), dir: d, file: file, handles: 1, found: true}
	o.belongs(&st)
	check.Point("open.opened")
	if err := d.admit(o, name, &st); err != nil {
		// Drop the lock by hand: a process forked just now may have a copy of the
		// descriptor.
		_ = lockfile.Unlock(fd, lockfile.Holders)
		_ = unix.Close(fd)
		return nil, err
	}
	return d.enter(o), nil
}

// Sweeper is what a person calls to have the dead files of the directory removed.
func (d *Dir) Sweeper() string {
	switch {
	case d.Scope == Global:
		return "atoll sweep --global"
	case d.Scope.Private():
		return "Sweep of the namespace's scope"
	}
	return "atoll sweep"
}

// named puts the path in front of what was found there, or of what the system
// said about it.
func (d *Dir) named(file string, err error) error {
	var found *errs.Detail
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case errors.As(err, &found):
		return fmt.Errorf("%s/%s %w", d.Path, file, err)
	}
	return fmt.Errorf("%s/%s: %w", d.Path, file, err)
}

// admit decides whether the object that was opened exists, and holds it if so.
func (d *Dir) admit(o *Object, name Name, st *unix.Stat_t) error {
	if st.Dev != d.id.Dev {
		return d.named(o.file, errs.New(errs.ErrCorrupt, "lies on another file system than its directory; unmount it"))
	}
	if d.Scope == Local && !o.Own {
		return d.named(o.file, errs.New(fs.ErrPermission, "belongs to uid %d, not to you; that user or root must remove it", st.Uid))
	}
	header, err := readHeader(o.FD)
	if err != nil {
		if same, e := lockfile.SamePath(d.fd, o.file, o.ID); e == nil && !same {
			return errAgain
		}
		return d.named(o.file, err)
	}
	o.Header = header
	if err := d.join(o, !o.Writable || mayHaveReaders(st.Mode)); err != nil {
		return err
	}
	switch {
	case header.Name != name.Base:
		return d.named(o.file, errs.New(errs.ErrCorrupt, "is the object %q, not %q; remove it", header.Name, name.Base))
	case st.Size != header.FileSize():
		return d.named(o.file, errs.New(errs.ErrCorrupt, "is %d bytes long, its header says %d: somebody has truncated it", st.Size, header.FileSize()))
	}
	return nil
}

// mayHaveReaders says whether there can be openers of a file who may only read it: its
// owner, or anybody else. Rights for others are in the bits of group and others, those
// of an ACL too.
func mayHaveReaders(mode uint32) bool { return mode&0o077 != 0 || mode&0o600 != 0o600 }

// copies are buffers for copies of headers.
var copies = sync.Pool{New: func() any { return new([layout.StateMapSize]byte) }}

// readHeader copies the header once and looks at the copy only.
func readHeader(fd int) (layout.Header, error) {
	buffer := copies.Get().(*[layout.StateMapSize]byte)
	defer copies.Put(buffer)
	b := buffer[:]
	n, err := lockfile.ReadAt(fd, b, 0)
	if err != nil {
		return layout.Header{}, fmt.Errorf("cannot be read: %w", err)
	}
	need, err := layout.HeaderLength(b[:min(n, layout.NameOffset)])
	if err != nil {
		return layout.Header{}, err
	}
	if need > n && n == len(b) {
		b = append(b, make([]byte, need-n)...)
		m, err := lockfile.ReadAt(fd, b[n:], int64(n))
		if err != nil {
			return layout.Header{}, fmt.Errorf("cannot be read: %w", err)
		}
		n += m
	}
	return layout.ParseHeader(b[:n])
}

// join takes the shared lock if somebody else held the object before we did. We
// never decide by what we see after taking our own lock: two openers would each
// see the other, and raise the dead. Nor does a refusal of our exclusive lock say
// that the object lives: it may be the exclusive lock of one who found it dead,
// and is killed before it removes it. Only a shared lock of another is life.
//
// A reader, who finds an object dead but cannot remove it, must also know that
// nobody who saw it alive is still on the way to a lock. So where there may be
// readers, an open goes through the door. Where there are none it begins with the
// question whether the object lives, as most do.
func (d *Dir) join(o *Object, readers bool) error {
	if o.Writable && !readers {
		switch lives, err := lives(o); {
		case err != nil:
			return err
		case lives:
			return d.take(o)
		}
	}
	if o.Writable {
		alone, err := lockfile.TryExclusive(o.FD, lockfile.Holders)
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		check.Point("open.tried")
		if alone {
			return d.remove(o)
		}
	} else if err := lookAlive(o.FD); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return d.leftover(o, err)
		}
		return err
	}
	if readers {
		defer func() { _ = lockfile.Unlock(o.FD, lockfile.Door) }()
		if got, err := lockfile.TryShared(o.FD, lockfile.Door); err != nil || !got {
			return errors.Join(err, errAgain)
		}
		check.Point("open.door")
	}
	return d.hold(o)
}

// hold takes the shared lock if the object lives, and its name.
func (d *Dir) hold(o *Object) error {
	lives, err := lives(o)
	if err != nil {
		return err
	}
	if !lives {
		return errAgain
	}
	return d.take(o)
}

// lives says whether somebody else holds the object.
func lives(o *Object) (bool, error) {
	held, err := lockfile.Ask(o.FD, lockfile.Holders)
	check.Point("open.asked")
	if err != nil {
		return false, fmt.Errorf("lock: %w", err)
	}
	return held == lockfile.Shared, nil
}

// take takes the shared lock of an object that was just alive, if it has its name.
func (d *Dir) take(o *Object) error {
	got, err := lockfile.TryShared(o.FD, lockfile.Holders)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	check.Point("open.locked")
	if !got {
		return errAgain
	}
	return d.stillNamed(o)
}

// lookAlive is how one who may only read finds out whether an object is dead.
func lookAlive(fd int) error {
	held, err := lockfile.Ask(fd, lockfile.Holders)
	check.Point("open.tried")
	switch {
	case err != nil:
		return fmt.Errorf("lock: %w", err)
	case held == lockfile.Shared:
		return nil
	case held == lockfile.Exclusive:
		return errAgain // somebody is removing it
	}
	if held, err = lockfile.AskBoth(fd); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if held != lockfile.Nobody {
		return errAgain
	}
	return unix.ENOENT
}

// remove destroys what a dead holder left: nobody has it, and with byte 0 held
// exclusively nobody can get it.
func (d *Dir) remove(o *Object) error {
	_, err := lockfile.UnlinkLocked(d.fd, o.file, o.ID)
	check.Point("open.removed")
	if err != nil {
		return d.leftover(o, err)
	}
	return unix.ENOENT
}

// leftover explains a dead object that we may not remove, and gives its memory
// back if nobody views it and we may write.
func (d *Dir) leftover(o *Object, cause error) error {
	var st unix.Stat_t
	if err := unix.Fstat(o.FD, &st); err != nil {
		return err
	}
	sentinel := fs.ErrPermission
	if o.Writable {
		o.shrink()
	} else {
		sentinel = fs.ErrNotExist // as long as nobody wants the name
	}
	return errs.Because(cause, 0, sentinel, "%s/%s belongs to uid %d, and nobody has it any more; only that user or root can free the name, with: %s", d.Path, o.file, st.Uid, d.Sweeper())
}

// shrink gives the memory of a dead object back, unless somebody views it. This
// process does not.
func (o *Object) shrink() {
	if free, err := lockfile.TryExclusive(o.FD, lockfile.Viewers); err == nil && free {
		_ = lockfile.Truncate(o.FD, shrunk(&o.Header))
		_ = lockfile.Unlock(o.FD, lockfile.Viewers)
	}
}

// shrunk is the size of a dead object's file when its memory was given back.
func shrunk(h *layout.Header) int64 {
	return layout.NameOffset + int64(len(h.Name)+len(h.Path))
}

// stillNamed says whether nobody has unlinked the file. It was opened by its name, when
// it had one only, and a file that has lost that has none: Atoll renames nothing, and
// what somebody moves by hand is moved a moment later, too. But where other users come
// one may have given it another name since, so there the name itself is asked.
func (d *Dir) stillNamed(o *Object) error {
	var st unix.Stat_t
	err := unix.Fstat(o.FD, &st)
	same := st.Nlink != 0
	if err == nil && same && d.Scope != Local {
		same, err = lockfile.SamePath(d.fd, o.file, o.ID)
	}
	check.Point("open.checked")
	if err == nil && !same {
		return errAgain
	}
	return err
}

// enter makes o the process's object, or, if the process has such a description
// already, gives back that one.
func (d *Dir) enter(o *Object) *Object {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := d.held[o.key()]
	if first == nil {
		d.held[o.key()] = o
		d.uses++
		return o
	}
	first.handles++
	_ = lockfile.Unlock(o.FD, lockfile.Holders)
	_ = unix.Close(o.FD)
	return first
}
