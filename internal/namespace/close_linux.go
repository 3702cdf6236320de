package namespace

import (
	"errors"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// mu guards the counts: the directory's lock, or that of all objects in none.
func (o *Object) mu() sync.Locker {
	if o.dir == nil {
		return &loose.mu
	}
	return &o.dir.mu
}

// Owner is the user to whom the object's file belongs.
func (o *Object) Owner() (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(o.FD, &st); err != nil {
		return 0, err
	}
	return int(st.Uid), nil
}

// Named says whether the object has a name.
func (o *Object) Named() bool { return o.dir != nil }

// Descriptor is the description's descriptor, -1 when nothing needs it any more.
func (o *Object) Descriptor() int {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	return o.FD
}

// AddHandle counts another handle of this process.
//
// # Errors
//
// fs.ErrClosed: the last one is gone, and with it the object's name.
func (o *Object) AddHandle() error {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	if o.handles == 0 {
		return errs.ErrClosed
	}
	o.handles++
	return nil
}

// Shared returns what the first handle of this process made with create, the
// same for all of them.
func (o *Object) Shared(create func() (any, error)) (any, error) {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	if o.shared == nil {
		shared, err := create()
		if err != nil {
			return nil, err
		}
		o.shared = shared
	}
	return o.shared, nil
}

// AddView counts a view: it keeps the memory, by the byte Viewers, but not the name.
func (o *Object) AddView() error {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	if o.locked() && o.views == 0 {
		if _, err := lockfile.TryShared(o.FD, lockfile.Viewers); err != nil {
			return err
		}
	}
	o.views++
	return nil
}

// DropView ends a view.
func (o *Object) DropView() error {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	o.views--
	if o.views > 0 {
		return nil
	}
	var err error
	if o.locked() {
		err = lockfile.Unlock(o.FD, lockfile.Viewers)
	}
	return errors.Join(err, o.closeIdle())
}

// DropHandle closes a handle. The last one of the process lets go of the object,
// and if no other process holds it either, its name is free when this returns.
func (o *Object) DropHandle() error {
	released, err := o.dropHandle()
	for range released {
		o.dir.Release()
	}
	return err
}

// dropHandle says how many uses of the directory have ended.
func (o *Object) dropHandle() (released int, err error) {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	o.handles--
	if o.handles > 0 {
		return 0, nil
	}
	if o.dir == nil {
		return 0, errors.Join(o.letGoLoose(), o.closeIdle())
	}
	return o.leave()
}

// leave lets go of an object in a directory that has no handle any more. A
// description that can write stays as long as the process has one that can only
// read: it is the one that can remove the name.
func (o *Object) leave() (released int, err error) {
	twin := o.dir.held[descriptionKey{o.ID, !o.Writable}]
	if o.Writable && twin != nil {
		return 0, nil
	}
	delete(o.dir.held, o.key())
	err = errors.Join(o.letGo(), o.closeIdle())
	if twin == nil || twin.handles > 0 {
		return 1, err
	}
	released, e := twin.leave()
	return 1 + released, errors.Join(err, e)
}

// Share says that other processes may have the object, although it has no name.
func (o *Object) Share() {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	o.passed = o.dir == nil
}

// LeftToOthers says whether this process has let go of the object while others
// may go on with it.
func (o *Object) LeftToOthers() bool {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	return (o.dir != nil && !o.ended || o.passed) && o.handles == 0
}

// Ended says whether nobody held the object any more when this process let go of it.
func (o *Object) Ended() bool {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	return o.ended
}

// closeIdle closes the description when neither handle nor view needs it, nor the
// process, to remove the name.
func (o *Object) closeIdle() error {
	if o.handles > 0 || o.views > 0 || o.dir != nil && o.dir.held[o.key()] == o {
		return nil
	}
	fd := o.FD
	o.FD = -1
	return unix.Close(fd)
}

// letGo drops byte 0, and destroys the object if nobody else holds it. Closing
// the descriptor is not enough: a mapping of the page keeps the description, and
// with it the lock.
//
// Of two last closers the first try fails for both, because each still holds the
// byte shared; the second try of the later one succeeds. So it is the second that
// counts, and an object that others had from the beginning, who most likely still have
// it, gets no first one. But a job's guard waits to have the byte exclusively, and
// removes nothing: the last holder must not let go in between.
func (o *Object) letGo() error {
	if !o.Writable {
		// A reader cannot lock exclusively, so it cannot remove: whoever may
		// write and touches the name next, or a sweep, does.
		return lockfile.Unlock(o.FD, lockfile.Holders)
	}
	check.Point("close.begin")
	last, err := false, error(nil)
	if !o.found || o.Header.Type == layout.Job {
		last, err = lockfile.TryExclusive(o.FD, lockfile.Holders)
		check.Point("close.tried")
	}
	if err == nil && !last {
		if err := lockfile.Unlock(o.FD, lockfile.Holders); err != nil {
			return err
		}
		check.Point("close.dropped")
		last, err = lockfile.TryExclusive(o.FD, lockfile.Holders)
		check.Point("close.again")
	}
	if err != nil {
		return errors.Join(err, lockfile.Unlock(o.FD, lockfile.Holders))
	}
	if !last {
		return nil // nothing is locked any more
	}
	defer func() { _ = lockfile.Unlock(o.FD, lockfile.Holders) }()
	o.ended = true
	_, err = lockfile.UnlinkLocked(o.dir.fd, o.file, o.ID)
	check.Point("close.removed")
	if errors.Is(err, fs.ErrPermission) {
		// Another user's file, in a directory where only its owner may remove it:
		// the handle is closed all the same, and an open says what to do.
		if o.views == 0 {
			o.shrink()
		}
		return nil
	}
	return err
}
