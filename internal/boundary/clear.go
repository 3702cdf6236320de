//go:build linux

package boundary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// Retire ends the founding: nobody can find the namespace any more. Those who have
// it open go on.
func (p *Place) Retire() { _ = lockfile.Unlock(p.record, founderByte) }

// Release gives the Place back. If nobody else has it the directory goes away,
// provided that this user may remove it: it is their own, or they are root.
//
// Of two who leave at once the first try fails for both, because each still holds
// the byte shared; the second try of the later one succeeds.
func (p *Place) Release() {
	defer p.leave()
	check.Point("release.begin")
	last := p.alone()
	if !last {
		_ = lockfile.Unlock(p.record, usersByte)
		check.Point("release.dropped")
		last = p.alone()
	}
	if last {
		_, _ = p.clear() // a sweep says what is in the way
	}
	_ = lockfile.Unlock(p.record, usersByte)
}

// alone takes the users' byte exclusively.
func (p *Place) alone() bool {
	if !p.writable {
		return false
	}
	got, err := lockfile.TryExclusive(p.record, usersByte)
	return err == nil && got
}

// clear removes the directory and all that is in it. The caller holds the users'
// byte exclusively, so nobody is in it and nobody gets in. The record goes last:
// whoever is killed on the way leaves a directory that the next sweep clears.
func (p *Place) clear() (objects int, err error) {
	check.Point("clear.begin")
	if same, err := p.linked(); err != nil || !same {
		return 0, err
	}
	objects, err = p.empty()
	check.Point("clear.emptied")
	if err != nil {
		return objects, err
	}
	for _, group := range p.Record.Boundary.Groups {
		if err := remove(p.dir, proofName(group), 0); err != nil {
			return objects, err
		}
	}
	check.Point("clear.removed")
	if err := p.removeProofs(); err != nil {
		return objects, err
	}
	if err := remove(p.dir, recordName, 0); err != nil {
		return objects, err
	}
	check.Point("clear.ended")
	return objects, remove(p.base, p.name, unix.AT_REMOVEDIR)
}

// removeProofs removes proofs that the record does not name, as far as it can list
// them: there should be none.
func (p *Place) removeProofs() error {
	var proofs []string
	_ = lockfile.Names(p.dir, func(name string) bool {
		if strings.HasPrefix(name, "group-") {
			proofs = append(proofs, name)
		}
		return true
	})
	for _, name := range proofs {
		if err := remove(p.dir, name, 0); err != nil {
			return err
		}
	}
	return nil
}

// empty removes the folder of objects: what is in it was left by processes that
// were killed.
func (p *Place) empty() (objects int, err error) {
	names, err := openOwn(p.dir, namesName)
	if gone(err) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(names) }()
	if file, err := living(names); file != "" || err != nil {
		return 0, errors.Join(err, errs.New(fs.ErrExist, "a handle of %s is on its way to another process", file))
	}
	members, err := openOwn(names, namespace.MembersName)
	if err == nil {
		_, err = removeAll(members, "")
		_ = unix.Close(members)
		err = errors.Join(err, remove(names, namespace.MembersName, unix.AT_REMOVEDIR))
	}
	if err != nil && !gone(err) {
		return 0, err
	}
	if objects, err = removeAll(names, namespace.MembersName); err != nil {
		return objects, err
	}
	return objects, remove(p.dir, namesName, unix.AT_REMOVEDIR)
}

// openOwn opens a folder to empty it, also if its founder has said that not even its
// owner may enter. Its owner may put something else in its place at any moment, so
// only what was looked at is changed.
func openOwn(dir int, name string) (fd int, err error) {
	fd, err = lockfile.OpenDirectory(dir, name, unix.O_NOFOLLOW)
	if !errors.Is(err, fs.ErrPermission) {
		return fd, err
	}
	look, e := lockfile.OpenDirectory(dir, name, unix.O_NOFOLLOW|unix.O_PATH)
	if e != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(look) }()
	var st unix.Stat_t
	if unix.Fstat(look, &st) != nil || st.Uid != uint32(os.Geteuid()) || lockfile.Chmod(look, 0o700) != nil {
		return -1, err
	}
	return lockfile.OpenDirectory(look, ".", 0)
}

// living names an object that somebody holds all the same: it is in flight, in a
// message or to a child, and who gets it will hold the directory, too.
func living(names int) (file string, err error) {
	err = lockfile.Names(names, func(name string) bool {
		fd, _, _, err := lockfile.Open(names, name)
		if err != nil {
			return true // not an object, or nobody's but another user's
		}
		defer func() { _ = unix.Close(fd) }()
		if held, err := lockfile.Ask(fd, lockfile.Holders); err == nil && held == lockfile.Shared {
			file = name
		}
		return file == ""
	})
	return file, err
}

// removeAll removes the files in a directory, but for one, and counts them.
func removeAll(dir int, but string) (n int, err error) {
	var files []string
	if err := lockfile.Names(dir, func(name string) bool { files = append(files, name); return true }); err != nil {
		return 0, err
	}
	var failures []error
	for _, file := range files {
		if file == but {
			continue
		}
		if err := remove(dir, file, 0); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", file, err))
			continue
		}
		n++
	}
	return n, errors.Join(failures...)
}

func remove(dir int, name string, flags int) error {
	if err := unix.Unlinkat(dir, name, flags); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep removes the directories of this user's namespaces, or, for root, of all,
// that nobody has open: their last users were killed, or could not remove them. It
// says how many objects went with them.
//
// # Errors
//
// What kept it from removing one, joined; it goes on to the others.
func Sweep(base string) (objects int, err error) {
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	return sweep(fd, base, Prefix)
}

// sweep is Sweep of the directories whose names begin with a prefix.
func sweep(fd int, base, prefix string) (objects int, err error) {
	names, err := candidates(fd, prefix)
	failures := []error{err}
	me := uint32(os.Geteuid())
	for _, name := range names {
		if uid, _ := parseName(name); uid != me && me != 0 {
			continue
		}
		n, err := sweepOne(fd, base, name)
		objects += n
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", filepath.Join(base, name), err))
		}
	}
	return objects, errors.Join(failures...)
}

func sweepOne(base int, path, name string) (objects int, err error) {
	p, err := visit(base, path, name)
	if gone(err) {
		// Its founder has died before it wrote anything, or somebody after the
		// last thing was removed. A founder who is just there begins again.
		return 0, removeEmpty(base, name)
	} else if err != nil {
		return 0, err
	}
	defer p.leave()
	if p.base, err = unix.FcntlInt(uintptr(base), unix.F_DUPFD_CLOEXEC, 3); err != nil {
		return 0, err
	}
	if !p.alone() {
		return 0, nil
	}
	p.Record = describe(p.record)
	defer func() { _ = lockfile.Unlock(p.record, usersByte) }()
	if objects, err = p.clear(); errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return objects, err
}

func removeEmpty(base int, name string) error {
	err := unix.Unlinkat(base, name, unix.AT_REMOVEDIR)
	switch {
	case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST):
		return errs.New(errs.ErrCorrupt, "somebody has removed its record; remove it: rm -r")
	case gone(err):
		return nil
	}
	return err
}

// All calls f with the alias and the folder of objects of every private namespace
// that this user may enter, until it says false. It has no part in their life: one
// can be removed while f looks.
//
// # Errors
//
// The system's, about the base.
func All(base string, f func(alias string, dir *namespace.Dir) bool) error {
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	names, err := candidates(fd, Prefix)
	for _, name := range names {
		p, err := visit(fd, base, name)
		if err != nil {
			continue // just being made or removed
		}
		p.Record = describe(p.record)
		more := true
		if dir, err := p.Names(namespace.Local); err == nil {
			more = f(p.alias(), dir)
			_ = dir.Close()
		}
		p.leave()
		if !more {
			break
		}
	}
	return err
}

// Dead says how many private namespaces of this user, or, for root, of all, nobody
// has open, so that Sweep would remove them.
//
// # Errors
//
// The system's, about the base.
func Dead(base string) (n int, err error) {
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	names, err := candidates(fd, Prefix)
	me := uint32(os.Geteuid())
	for _, name := range names {
		if uid, _ := parseName(name); uid != me && me != 0 {
			continue
		}
		p, err := visit(fd, base, name)
		if err != nil {
			continue
		}
		if held, err := lockfile.Ask(p.record, usersByte); err == nil && held == lockfile.Nobody {
			n++
		}
		p.leave()
	}
	return n, err
}
