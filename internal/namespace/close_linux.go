package namespace

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/lockfile"
)

// mu guards the counts: the directory's lock, or that of all objects in none.
func (o *Object) mu() sync.Locker {
	if o.dir == nil {
		return &loose.mu
	}
	return &o.dir.mu
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
func (o *Object) AddHandle() {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	o.handles++
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
	last, err := o.dropHandle()
	if last && o.dir != nil {
		o.dir.Release()
	}
	return err
}

func (o *Object) dropHandle() (last bool, err error) {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	o.handles--
	if o.handles > 0 {
		return false, nil
	}
	switch {
	case o.dir != nil:
		delete(o.dir.held, o.ID)
		err = o.letGo()
	default:
		err = o.letGoLoose()
	}
	return true, errors.Join(err, o.closeIdle())
}

// LeftToOthers says whether this process has let go of the object while others
// may go on with it.
func (o *Object) LeftToOthers() bool {
	mu := o.mu()
	mu.Lock()
	defer mu.Unlock()
	return o.dir != nil && o.handles == 0 && !o.ended
}

// closeIdle closes the description when neither handle nor view needs it.
func (o *Object) closeIdle() error {
	if o.handles > 0 || o.views > 0 {
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
// byte shared; the second try of the later one succeeds.
func (o *Object) letGo() error {
	defer func() { _ = lockfile.Unlock(o.FD, lockfile.Holders) }()
	if !o.Writable {
		// A reader cannot lock exclusively, so it cannot remove: whoever may
		// write and touches the name next, or a sweep, does.
		return nil
	}
	check.Point("close.begin")
	last, err := lockfile.TryExclusive(o.FD, lockfile.Holders)
	check.Point("close.tried")
	if err == nil && !last {
		if err := lockfile.Unlock(o.FD, lockfile.Holders); err != nil {
			return err
		}
		check.Point("close.dropped")
		last, err = lockfile.TryExclusive(o.FD, lockfile.Holders)
		check.Point("close.again")
	}
	if err != nil || !last {
		return err
	}
	o.ended = true
	_, err = lockfile.UnlinkLocked(o.dir.fd, o.file, o.ID)
	check.Point("close.removed")
	return err
}
