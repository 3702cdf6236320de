//go:build linux

package boundary

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// prepareTries bounds how often a sweep may remove what is just being made.
const prepareTries = 100

// Found founds a namespace. It is this process's until Retire.
//
// Each who would found it makes a directory of their own and claims the namespace
// in its record. Then each looks at the claims of the others: who meets a
// namespace that is founded has lost; who meets a claim that goes before its own
// takes its own back and waits until that one is decided; and who meets a claim
// that comes after its own waits until that one is decided or taken back. Only then
// it is founded. So two can never both have seen that the other does not claim.
// Who dies has no lock any more, and does not count.
//
// # Errors
//
// fs.ErrExist: it is founded. fs.ErrPermission: this process is outside the
// boundary. ErrStuck: another process that would found it seems to be stopped.
// What is wrong with the base, as namespace.OpenBase says it.
func Found(base string, key Key, admission Admission) (*Place, error) {
	if err := key.Boundary.satisfied(); err != nil {
		return nil, err
	}
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	var p *Place
	for range prepareTries {
		if p, err = prepare(fd, base, key, admission); !gone(err) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("private namespace in %s: %w", base, err)
	}
	if err := p.claim(base, &key); err != nil {
		p.Retire()
		p.Release()
		return nil, err
	}
	_, _ = sweep(fd, base, key.prefix()) // what earlier founders left who were killed
	return p, nil
}

// prepare makes a directory with all that belongs into it, which nobody heeds yet.
func prepare(base int, path string, key Key, admission Admission) (*Place, error) {
	uid := uint32(os.Geteuid())
	name := fmt.Sprintf("%s%d-%016x", key.prefix(), uid, rand.Uint64())
	p := &Place{Path: filepath.Join(path, name), UID: uid, Record: Record{Key: key}, name: name, dir: -1, record: -1, writable: true}
	var err error
	if p.base, err = unix.FcntlInt(uintptr(base), unix.F_DUPFD_CLOEXEC, 3); err != nil {
		return nil, err
	}
	if err := unix.Mkdirat(base, name, 0o700); err != nil {
		p.leave()
		return nil, err
	}
	check.Point("found.made")
	// The record comes first: as long as it is locked no sweep takes anything.
	if err := p.begin(key); err != nil {
		_ = unix.Unlinkat(base, name, unix.AT_REMOVEDIR)
		p.leave()
		return nil, err
	}
	check.Point("found.recorded")
	if err := p.furnish(&key.Boundary, admission); err != nil {
		p.Retire()
		p.Release()
		return nil, err
	}
	p.Record = describe(p.record)
	return p, nil
}

// begin makes the record in a directory that is new.
func (p *Place) begin(key Key) (err error) {
	if err = unix.Fchmodat(p.base, p.name, 0o700, 0); err != nil { // the umask may have taken bits away
		return err
	}
	if p.dir, err = lockfile.OpenDirectory(p.base, p.name, unix.O_NOFOLLOW); err != nil {
		return err
	}
	p.record, err = newRecord(p.dir, key)
	return err
}

// furnish makes what stands beside the record.
func (p *Place) furnish(b *Boundary, admission Admission) error {
	if err := unix.Fchmod(p.dir, 0o711); err != nil { // record and proofs are for all
		return err
	}
	for _, group := range b.Groups {
		if err := prove(p.dir, group); err != nil {
			return err
		}
		check.Point("found.proved")
	}
	names, err := makeFolder(p.dir, namesName, admission)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(names) }()
	members, err := makeFolder(names, namespace.MembersName, admission.forMembers())
	if err != nil {
		return err
	}
	check.Point("found.furnished")
	return unix.Close(members)
}

func makeFolder(dir int, name string, admission Admission) (fd int, err error) {
	if err := unix.Mkdirat(dir, name, 0o700); err != nil {
		return -1, err
	}
	// Its mode may lack bits that the umask took away.
	if err := unix.Fchmodat(dir, name, 0o700, 0); err != nil {
		return -1, err
	}
	if fd, err = lockfile.OpenDirectory(dir, name, unix.O_NOFOLLOW); err != nil {
		return -1, err
	}
	err = lockfile.SetRights(fd, admission.folder())
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// patience is how long a claim of another process may be undecided, without an
// end or a change. It is decided within moments, unless that process is stopped.
// Tests shorten it.
var patience = 15 * time.Second

// claim makes the namespace this process's, or says whose it is.
func (p *Place) claim(path string, k *Key) error {
	for {
		if err := p.say(claiming); err != nil {
			return err
		}
		check.Point("found.claimed")
		stronger, err := p.contest(path, k)
		if err != nil {
			return err
		}
		if stronger == "" {
			check.Point("found.won")
			err := p.say(founded)
			check.Point("found.founded")
			return err
		}
		if err := p.say(preparing); err != nil {
			return err
		}
		check.Point("found.withdrawn")
		if err := p.await(path, k, stronger); err != nil {
			return err
		}
	}
}

// say writes how far this founder is.
func (p *Place) say(s state) error { return lockfile.WriteAt(p.record, []byte{byte(s)}, 0) }

// contest looks at all others who would found the namespace, and returns when each
// has been seen not to claim it, or with one that goes before.
func (p *Place) contest(path string, k *Key) (stronger string, err error) {
	rivals, err := candidates(p.base, k.prefix())
	if err != nil {
		return "", err
	}
	for _, rival := range rivals {
		switch {
		case rival == p.name:
		case precedes(rival, p.name) < 0:
			switch s, err := p.see(path, k, rival); {
			case err != nil:
				return "", err
			case s == claiming:
				return rival, nil
			}
		default:
			if err := p.await(path, k, rival); err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

// await waits until a rival does not claim the namespace.
func (p *Place) await(path string, k *Key, rival string) error {
	const longest = 10 * time.Millisecond
	for pause, waited := 50*time.Microsecond, time.Duration(0); ; pause = min(2*pause, longest) {
		s, err := p.see(path, k, rival)
		if err != nil || s != claiming {
			return err
		}
		if waited += pause; waited > patience {
			uid, _ := parseName(rival)
			return errs.New(errs.ErrStuck, "a process of uid %d, which seems to be stopped, is about to create the namespace (lsof %s/%s shows which)", uid, p.Path[:len(p.Path)-len(p.name)-1], rival+"/"+recordName)
		}
		time.Sleep(pause) //nolint:forbidigo // nothing tells that another process's state has changed
	}
}

// see looks at a rival once.
//
// # Errors
//
// fs.ErrExist: it has founded the namespace.
func (p *Place) see(path string, k *Key, rival string) (state, error) {
	s, other := k.look(p.base, path, rival)
	if other == nil {
		return absent, nil
	}
	defer other.leave()
	if s == founded {
		r := describe(other.record)
		return s, errs.New(fs.ErrExist, "the private namespace exists already: created by pid %d, %q, of uid %d", r.PID, r.Command, other.UID)
	}
	return s, nil
}
