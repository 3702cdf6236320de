//go:build linux

package doctor

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"atoll/internal/boundary"
	"atoll/internal/namespace"
)

// directories looks at the directories of names.
func directories(r *report, base string) {
	fd, err := namespace.OpenBase(base)
	if err != nil {
		r.add(Problem, "nothing can be created or opened", "as the text says", "%v", err)
		return
	}
	_ = unix.Close(fd)
	r.fine("%s is as it must be", base)
	for _, scope := range []namespace.Scope{namespace.Local, namespace.Global} {
		switch dir, err := namespace.LookDir(base, scope); {
		case err == nil:
			r.fine("%s\\ is %s", scope, dir.Path)
			_ = dir.Close()
		case errors.Is(err, fs.ErrNotExist) && scope == namespace.Local:
			r.fine("%s\\ has no directory yet: the first Create makes it", scope)
		case errors.Is(err, fs.ErrNotExist):
			r.add(Note, "no user but root can create Global names", "as root: atoll setup --apply", "%s\\ is not prepared", scope)
		default:
			r.add(Problem, "no name in it can be created or opened", "as the text says", "%v", err)
		}
	}
}

// leftovers counts what killed processes left behind.
func leftovers(r *report, base string) {
	if fd, err := namespace.OpenBase(base); err != nil {
		return // directories has said so
	} else if err := unix.Close(fd); err != nil {
		return
	}
	for _, scope := range []namespace.Scope{namespace.Local, namespace.Global} {
		dir, err := namespace.LookDir(base, scope)
		if err != nil {
			continue
		}
		r.count(dir)
		_ = dir.Close()
	}
	removed(r, base)
	switch n, err := boundary.Dead(base); {
	case err != nil:
		r.add(Note, "", "", "private namespaces: %v", err)
	case n > 0:
		r.add(Note, "they take up memory", "atoll sweep", "%d private namespaces that nobody has open", n)
	default:
		r.fine("no private namespace that nobody has open")
	}
}

// count reports the dead and the damaged files of a directory.
func (r *report) count(dir *namespace.Dir) {
	sights, err := dir.PeekAll()
	if err != nil {
		r.add(Problem, "what lies in it cannot be seen", "", "%s: %v", dir.Path, err)
		return
	}
	var dead, strange int
	bytes := int64(0)
	example := ""
	for i := range sights {
		switch s := &sights[i]; {
		case s.Problem != nil && !errors.Is(s.Problem, fs.ErrPermission):
			strange++
			example = s.File + " " + s.Problem.Error()
		case s.Problem == nil && !s.Alive:
			dead++
			bytes += s.Stat.Blocks * 512
		}
	}
	remedy := "atoll sweep"
	if dir.Scope == namespace.Global {
		remedy = "atoll sweep --global, by whom they belong to or by root"
	}
	if dead > 0 {
		r.add(Note, "they take up memory; their names are free", remedy, "%d objects in %s that killed processes left, of %d bytes", dead, dir.Path, bytes)
	} else {
		r.fine("nothing left by killed processes in %s", dir.Path)
	}
	if strange > 0 {
		r.add(Problem, "their names cannot be used", "atoll ls shows them all; remove them", "%d files in %s are no sound objects: %s", strange, dir.Path, example)
	}
}
