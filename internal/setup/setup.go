//go:build linux

package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/lockfile"
	"atoll/internal/namespace"
)

// Step is one thing that must be so.
type Step struct {
	What    string // what is so when it is done
	Command string // what does it in a shell, as root
	Done    bool   // it is so already
	apply   func() error
}

// Plan says what an administrator must do so that all users can use Global names
// below base, with the snippet that makes it so after each start in the folder
// snippets, unless that is "".
//
// # Errors
//
// What is in the way, with what was found; nothing is repaired that somebody may
// have made on purpose.
func Plan(base, snippets string) ([]Step, error) {
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	var steps []Step
	for _, name := range []string{namespace.GlobalName, filepath.Join(namespace.GlobalName, namespace.MembersName)} {
		step, err := planFolder(fd, base, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	if snippets == "" {
		return steps, nil
	}
	step, err := planSnippet(base, snippets)
	if err != nil {
		return nil, err
	}
	return append(steps, step), nil
}

// planFolder looks at one of the two directories.
func planFolder(fd int, base, name string) (Step, error) {
	path := filepath.Join(base, name)
	s := Step{
		What: fmt.Sprintf("%s is a directory of root's with mode %o", path, namespace.GlobalMode),
		// In place of the umask.
		Command: fmt.Sprintf("mkdir -m %o %s", namespace.GlobalMode, quote(path)),
		apply:   func() error { return makeFolder(base, name) },
	}
	var st unix.Stat_t
	err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, fmt.Errorf("%s: %w", path, err)
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return s, errs.New(fs.ErrPermission, "%s is a symbolic link, made by uid %d; look where it leads, and remove it: rm %s", path, st.Uid, quote(path))
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return s, errs.New(fs.ErrPermission, "%s is no directory, made by uid %d; remove it: rm %s", path, st.Uid, quote(path))
	case st.Uid != 0:
		return s, errs.New(fs.ErrPermission, "%s belongs to uid %d, who could remove what others make in it; look what is in it, and remove it: rm -r %s", path, st.Uid, quote(path))
	}
	s.Done = st.Mode&0o7777 == namespace.GlobalMode
	s.Command = fmt.Sprintf("chmod %o %s", namespace.GlobalMode, quote(path))
	return s, nil
}

// makeFolder makes a directory or gives it its mode, verified by descriptor.
func makeFolder(base, name string) error {
	fd, err := namespace.OpenBase(base)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Mkdirat(fd, name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := lockfile.OpenDirectory(fd, name, unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return err
	}
	if st.Uid != 0 {
		return errs.New(fs.ErrPermission, "belongs to uid %d", st.Uid)
	}
	return unix.Fchmod(dir, namespace.GlobalMode)
}

// snippetName is the file for systemd-tmpfiles.
const snippetName = "atoll.conf"

const snippetHead = "# Global names of Atoll. Written by \"atoll setup\".\n"

// snippet is what systemd-tmpfiles does at each start (tmpfiles.d(5)).
func snippet(base string) string {
	var text strings.Builder
	text.WriteString(snippetHead)
	for _, name := range []string{namespace.GlobalName, filepath.Join(namespace.GlobalName, namespace.MembersName)} {
		// A quoted string is read with C's escapes, and % begins a specifier.
		path := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`).Replace(filepath.Join(base, name))
		fmt.Fprintf(&text, "d \"%s\" %o root root -\n", path, namespace.GlobalMode)
	}
	return text.String()
}

func planSnippet(base, folder string) (Step, error) {
	path, text := filepath.Join(folder, snippetName), snippet(base)
	s := Step{
		What:    fmt.Sprintf("%s makes both again at each start of the system", path),
		Command: fmt.Sprintf("cat >%s <<'END'\n%sEND", quote(path), text),
		apply:   func() error { return writeFile(path, text) },
	}
	found, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(folder); err != nil {
			return s, errs.Because(err, 0, nil, "no folder for what is made at each start; name another one, or none, and see to it that the directories are made again after a start")
		}
		return s, nil
	case err != nil:
		return s, err
	case string(found) == text:
		s.Done = true
	case !strings.HasPrefix(string(found), snippetHead):
		return s, errs.New(fs.ErrExist, "%s was not written by atoll setup; move it out of the way", path)
	}
	return s, nil
}

// writeFile replaces a file in one step.
func writeFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".atoll-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Apply performs the steps that are not done, in their order, and marks in each
// that it is done. It is for root.
//
// # Errors
//
// fs.ErrPermission: for anybody else. What kept a step from being done; those after
// it are not tried.
func Apply(steps []Step) error {
	if os.Geteuid() != 0 {
		return errs.New(fs.ErrPermission, "only root can prepare the Global names; this is uid %d", os.Geteuid())
	}
	for i := range steps {
		if steps[i].Done {
			continue
		}
		if err := steps[i].apply(); err != nil {
			return fmt.Errorf("so that %s: %w", steps[i].What, err)
		}
		steps[i].Done = true
	}
	return nil
}

// quote makes one word for a shell.
func quote(path string) string {
	if strings.IndexFunc(path, func(r rune) bool {
		return r != '/' && r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
