package namespace

import (
	"sync"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// loose are the objects of this process that lie in no directory of names which
// it uses: those without a name, and those that somebody else passed on from a
// directory of their own. Each is here once, because all handles of a process
// must share one queue, also if the object comes to it a second time.
var loose struct {
	mu   sync.Mutex
	held map[descriptionKey]*Object
}

// Unnamed enters an object whose file has no name, which lives as long as
// somebody holds a descriptor of it and so needs no lock. It takes over fd, which
// can write or not, and closes it if the process has the object already.
//
// # Errors
//
// The system's; then fd stays the caller's.
func Unnamed(fd int, header layout.Header, writable bool) (*Object, error) {
	return enterLoose(fd, header, writable, false)
}

// Outside enters an object that has a name, in a directory that this process
// does not use. fd has a description of its own, with byte 0 locked shared. Its
// last handle unlocks it and removes nothing.
//
// # Errors
//
// As Unnamed.
func Outside(fd int, header layout.Header, writable bool) (*Object, error) {
	return enterLoose(fd, header, writable, true)
}

func enterLoose(fd int, header layout.Header, writable, outside bool) (*Object, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	o := &Object{Header: header, FD: fd, Writable: writable, ID: lockfile.IdentityOf(&st), outside: outside, handles: 1}
	o.belongs(&st)
	loose.mu.Lock()
	defer loose.mu.Unlock()
	if first := loose.held[o.key()]; first != nil {
		first.handles++
		if outside {
			_ = lockfile.Unlock(fd, lockfile.Holders)
		}
		_ = unix.Close(fd)
		return first, nil
	}
	if loose.held == nil {
		loose.held = make(map[descriptionKey]*Object)
	}
	loose.held[o.key()] = o
	return o, nil
}

// locked says whether the description has locks: every object has with a name.
func (o *Object) locked() bool { return o.dir != nil || o.outside }

// letGoLoose ends a loose object's last handle.
func (o *Object) letGoLoose() error {
	delete(loose.held, o.key())
	if !o.outside {
		return nil
	}
	return lockfile.Unlock(o.FD, lockfile.Holders)
}
