//go:build linux

package transfer

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"atoll/internal/errs"
	"atoll/internal/namespace"
)

// inherited is what this process found in its environment.
var inherited struct {
	sync.Mutex
	err  error
	list map[string]*heirloom
}

// heirloom is a handle that nobody has asked for yet, or somebody has.
type heirloom struct {
	*Handle
	lost  bool // the variable outlived its descriptors
	taken bool
}

// Before the program begins, and so before it can start a child, the descriptors
// are set to be closed in children: only Start passes them on.
func init() { inherited.list, inherited.err = findInherited() }

func findInherited() (map[string]*heirloom, error) {
	value, set := os.LookupEnv(Variable)
	if !set || namespace.SecureExecution() {
		return nil, nil
	}
	list, err := ParseVariable(value)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*heirloom, len(list))
	for _, h := range list {
		found[h.Key] = &heirloom{Handle: h.Handle, lost: !h.seize()}
	}
	return found, nil
}

// Inherit has the handle of a key taken, and closes its descriptors after that. It can
// be taken once.
//
// # Errors
//
// fs.ErrNotExist, fs.ErrClosed, ErrCorrupt, ErrVersion: as the root package documents
// it. Those of take; then it can be tried again.
func Inherit(key string, take func(*Handle) error) error {
	inherited.Lock()
	defer inherited.Unlock()
	h := inherited.list[key]
	switch {
	case inherited.err != nil:
		return inherited.err
	case h == nil && len(inherited.list) == 0:
		return errs.New(fs.ErrNotExist, "this process has inherited no handles: whoever started it did not use Start, or changed %s", Variable)
	case h == nil:
		return errs.New(fs.ErrNotExist, "no handle was inherited under the key %q, but under %q", key, slices.Sorted(maps.Keys(inherited.list)))
	case h.taken:
		return errs.New(fs.ErrClosed, "the handle of the key %q was taken before; Duplicate makes another of it", key)
	case h.lost:
		return errs.New(fs.ErrNotExist, "descriptor %d is not the %s that %s means by %q: the variable was passed on by a process that did not pass on the descriptors; pass on handles with Start", h.Object.FD, h.Type, Variable, key)
	}
	if err := take(h.Handle); err != nil {
		return err
	}
	h.taken = true
	h.Close()
	return nil
}
