//go:build linux

package boundary

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// namesName is the folder of the objects in a namespace's directory. Who may enter
// it is the founder's to say; the record and the proofs beside it are for all.
const namesName = "names"

// Place is the directory of a namespace, which stays as long as this process has
// the Place.
type Place struct {
	Path   string // of the directory, for people
	UID    uint32 // whose it is
	Record Record // for people

	name     string // below the base
	base     int
	dir      int
	record   int
	writable bool // the record can be locked exclusively
}

// parseName reads whose directory a name says it is.
func parseName(name string) (uid uint32, ok bool) {
	parts := strings.Split(strings.TrimPrefix(name, Prefix), "-")
	if !strings.HasPrefix(name, Prefix) || len(parts) != 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(parts[1], 10, 32)
	return uint32(n), err == nil && strconv.FormatUint(n, 10) == parts[1]
}

// precedes is the order of those who would found the same namespace.
func precedes(a, b string) int {
	u, _ := parseName(a)
	v, _ := parseName(b)
	return cmp.Or(cmp.Compare(u, v), cmp.Compare(a, b))
}

// candidates lists the directories whose names begin with prefix, in order of
// precedence.
func candidates(base int, prefix string) (names []string, err error) {
	err = lockfile.Names(base, func(name string) bool {
		if _, ok := parseName(name); ok && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
		return true
	})
	slices.SortFunc(names, precedes)
	return names, err
}

// openDir opens a directory below the base that belongs to whom its name says.
func openDir(base int, name string) (dir int, uid uint32, err error) {
	// O_PATH: others may search the directory, not list it.
	dir, err = lockfile.OpenDirectory(base, name, unix.O_NOFOLLOW|unix.O_PATH)
	if err != nil {
		return -1, 0, err
	}
	uid, _ = parseName(name)
	var st unix.Stat_t
	err = unix.Fstat(dir, &st)
	switch {
	case err != nil:
	case st.Uid != uid || !namespace.Mapped("uid", uid):
		err = errs.New(fs.ErrPermission, "it belongs to uid %d, its name says %d", st.Uid, uid)
	case st.Mode&0o022 != 0:
		err = errs.New(fs.ErrPermission, "it has mode %#o: others could change it", st.Mode&0o7777)
	}
	if err != nil {
		_ = unix.Close(dir)
		return -1, 0, err
	}
	return dir, uid, nil
}

// visit opens a directory and its record. The caller has no hold of it yet.
func visit(base int, path, name string) (*Place, error) {
	dir, uid, err := openDir(base, name)
	if err != nil {
		return nil, err
	}
	record, writable, err := openRecord(dir, uid)
	// Whoever may write the record is not meant, but those who may remove all.
	me := uint32(os.Geteuid())
	writable = writable && (me == uid || me == 0)
	if err != nil {
		_ = unix.Close(dir)
		return nil, err
	}
	return &Place{
		Path: filepath.Join(path, name), UID: uid,
		name: name, base: -1, dir: dir, record: record, writable: writable,
	}, nil
}

// leave closes what visit opened.
func (p *Place) leave() {
	for _, fd := range []int{p.record, p.dir, p.base} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// look says how far the founder of a directory is, if it is inside the boundary.
// What is not a sound namespace of this key counts as absent: an outsider made it,
// or it is just being made or removed.
func (k *Key) look(base int, path, name string) (state, *Place) {
	// By the name alone what somebody may have made by the thousand.
	if uid, _ := parseName(name); slices.ContainsFunc(k.Boundary.Users, func(u uint32) bool { return u != uid }) {
		return absent, nil
	}
	p, err := visit(base, path, name)
	if err != nil {
		return absent, nil
	}
	if k.Boundary.proves(p.dir, p.UID) == nil {
		if s, err := stateOf(p.record); err == nil && s != absent {
			return s, p
		}
	}
	p.leave()
	return absent, nil
}

// Find opens the namespace of a key, if a living process has it founded.
//
// # Errors
//
// fs.ErrNotExist. What is wrong with the base, as namespace.OpenBase says it.
func Find(base string, key Key) (*Place, error) {
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	names, err := candidates(fd, key.prefix())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s, p := key.look(fd, base, name)
		if s == founded {
			if err := p.hold(fd); err == nil {
				return p, nil
			} else if !errors.Is(err, errClosing) {
				return nil, err
			}
			continue
		}
		if p != nil {
			p.leave()
		}
	}
	return nil, errs.New(fs.ErrNotExist, "no process that is inside the boundary has this private namespace open as its creator")
}

// errClosing: the last process that used it is about to remove it.
var errClosing = errs.New(fs.ErrNotExist, "the private namespace is just being closed")

// hold makes the directory stay. It takes p over, also if it fails.
func (p *Place) hold(base int) (err error) {
	defer func() {
		if err != nil {
			p.leave()
		}
	}()
	if p.base, err = unix.FcntlInt(uintptr(base), unix.F_DUPFD_CLOEXEC, 3); err != nil {
		return err
	}
	got, err := lockfile.TryShared(p.record, usersByte)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if !got {
		return errClosing
	}
	if same, err := p.linked(); err != nil || !same {
		return errors.Join(err, errClosing)
	}
	p.Record = describe(p.record)
	return nil
}

// linked says whether record and directory still have their names.
func (p *Place) linked() (bool, error) {
	var record, dir unix.Stat_t
	if err := errors.Join(unix.Fstat(p.record, &record), unix.Fstat(p.dir, &dir)); err != nil {
		return false, err
	}
	same, err := lockfile.SamePath(p.dir, recordName, lockfile.IdentityOf(&record))
	if err != nil || !same {
		return false, err
	}
	return lockfile.SamePath(p.base, p.name, lockfile.IdentityOf(&dir))
}

// Enter opens the directory of a namespace by the name that Name gives, as one who
// got an object of it from a process that has it open. It need not be founded any
// more. Whether its owner is inside a boundary is not asked: whoever trusts the
// giver of the object trusts its place.
//
// # Errors
//
// fs.ErrNotExist. fs.ErrPermission: the directory is not what the name says.
func Enter(base, name string) (*Place, error) {
	if _, ok := parseName(name); !ok || strings.Contains(name, "/") {
		return nil, errs.New(fs.ErrNotExist, "%q is no directory of a private namespace", name)
	}
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	p, err := visit(fd, base, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(base, name), err)
	}
	for range tries {
		if err = p.hold(fd); !errors.Is(err, errClosing) {
			break
		}
		// Whoever looks whether it can be removed finds the object, and leaves it.
		time.Sleep(time.Millisecond) //nolint:forbidigo // the kernel tells nobody that a lock was dropped
		if p, err = visit(fd, base, name); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(base, name), err)
		}
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// tries bounds how often Enter meets somebody who looks whether anybody is in.
const tries = 100

// Name is the directory's name below the base.
func (p *Place) Name() string { return p.name }

// alias is what the record says, if it fits to the directory's name.
func (p *Place) alias() string {
	if !strings.HasPrefix(p.name, p.Record.prefix()) {
		return "?"
	}
	return p.Record.Alias
}

// Names opens the folder of objects, under a scope of this process.
//
// # Errors
//
// fs.ErrPermission: its founder does not let this user in.
func (p *Place) Names(scope namespace.Scope) (*namespace.Dir, error) {
	return namespace.OpenDirAt(p.dir, namesName, filepath.Join(p.Path, namesName), scope, p.UID)
}
