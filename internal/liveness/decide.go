//go:build linux

package liveness

import (
	"errors"
	"io"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/lockfile"
)

// Deciding is held by the one wait for all of this process that holds gates, from
// before it has closed the first until it has opened the last. It is short: who has
// it waits for nothing.
//
// What that wait came to is told by one word in this process's own member file.
// Storing it decides, once and for everybody: whoever repairs what a killed decider
// left looks at it.
//
// The stores are plain ones: within the process they are ordered by the lock, and
// others read them when the process is dead and has done all that it came to do.
var Deciding sync.Mutex

// Undecided comes before the first gate is closed, and says that nothing is decided.
// The caller is a member, and holds Deciding.
func (f *Folder) Undecided() { *f.decision.Load() = layout.Decision{} }

// Refer says that what is decided over objects of this folder's directory stands in
// the file of Global's member.
func (f *Folder) Refer(global *Folder) {
	*f.decision.Load() = layout.Decision{Elsewhere: global.Self()}
}

// Decide decides.
func (f *Folder) Decide() { f.decision.Load().Made = 1 }

func (m *membership) decision() *layout.Decision {
	return (*layout.Decision)(unsafe.Add(m.ring.base, unix.Getpagesize()+layout.MemberDecision))
}

// Decided says whether the wait for all of a member was decided that holds gates of
// objects in the folder's directory. The answer counts only with the status Dead:
// nobody but a decider who is alive changes it.
func (f *Folder) Decided(number uint32) (decided bool, status Status) {
	d, status := f.decisionOf(number)
	if status != Dead || d.Elsewhere == 0 || f.global == nil {
		return d.Made != 0, status
	}
	global := f.global()
	if global == nil {
		return false, Unknown
	}
	d, status = global.decisionOf(d.Elsewhere)
	return d.Made != 0, status
}

func (f *Folder) decisionOf(number uint32) (layout.Decision, Status) {
	fd, _, err := f.open(number)
	if err != nil {
		return layout.Decision{}, Unknown
	}
	defer func() { _ = unix.Close(fd) }()
	held, err := lockfile.HeldExclusively(fd, lockfile.Holders)
	switch {
	case err != nil:
		return layout.Decision{}, Unknown
	case held:
		return layout.Decision{}, Alive
	}
	d, err := readDecision(fd)
	if err != nil {
		return layout.Decision{}, Unknown
	}
	return d, Dead
}

func readDecision(fd int) (layout.Decision, error) {
	b := make([]byte, layout.MemberSize)
	n, err := lockfile.ReadAt(fd, b, 0)
	if err == nil && n < len(b) {
		err = io.ErrUnexpectedEOF // somebody has cut it off: it says nothing to anybody
	}
	if err != nil {
		return layout.Decision{}, err
	}
	return layout.DecisionOf(b), nil
}

// Elsewhere adds the numbers of Global's members in whose files stands what this user's
// members of this folder decided.
//
// # Errors
//
// The system's; then nothing is known.
func (f *Folder) Elsewhere(named map[uint32]bool) error {
	var failures []error
	err := lockfile.Names(f.fd, func(name string) bool {
		if parseFileName(name) == 0 || !f.isMine(name) {
			return true
		}
		fd, _, _, err := lockfile.Open(f.fd, name)
		if errors.Is(err, unix.ENOENT) {
			return true
		}
		if err != nil {
			failures = append(failures, err)
			return true
		}
		defer func() { _ = unix.Close(fd) }()
		d, err := readDecision(fd)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			failures = append(failures, err)
		}
		if d.Elsewhere != 0 {
			named[d.Elsewhere] = true
		}
		return true
	})
	return errors.Join(append(failures, err)...)
}

// IsGlobal says whether this is the folder of Global.
func (f *Folder) IsGlobal() bool { return f.global == nil }

// LookIn says where the members of Global are found: what is decided over objects of
// this folder's directory may stand in the file of one of them.
func (f *Folder) LookIn(global func() *Folder) { f.global = global }
