package namespace

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"atoll/internal/lockfile"
)

// LooseNumbers adds the member numbers that objects without a name have. They are
// in the processes that are members: living are the member files of those that are
// alive. sure says that every one could be looked into, which one is if its member
// file is among its descriptors.
//
// # Errors
//
// An object that cannot be read; then nothing is known.
func LooseNumbers(living []lockfile.Identity, named map[uint32]bool) (sure bool, err error) {
	unseen := make(map[lockfile.Identity]bool, len(living))
	for _, id := range living {
		unseen[id] = true
	}
	processes, _ := os.ReadDir("/proc") // where it is not mounted nobody can be looked into
	for _, process := range processes {
		if strings.Trim(process.Name(), "0123456789") != "" {
			continue
		}
		if err := numbersOfProcess("/proc/"+process.Name()+"/fd", named, unseen); err != nil {
			return false, err
		}
	}
	return len(unseen) == 0, nil
}

// numbersOfProcess looks at what a process has: the objects without a name, and its
// member file.
func numbersOfProcess(dir string, named map[uint32]bool, unseen map[lockfile.Identity]bool) error {
	entries, _ := os.ReadDir(dir) // none, if the process has ended, or is another user's
	for _, e := range entries {
		path := dir + "/" + e.Name()
		target, err := os.Readlink(path)
		if err != nil {
			continue // closed meanwhile: it has it no more
		}
		switch {
		case strings.HasPrefix(target, "/memfd:atoll:section"): // names nobody
		case strings.HasPrefix(target, "/memfd:atoll:"):
			if err := numbersOfDescriptor(path, named); err != nil {
				return err
			}
		case strings.Contains(target, "/members/"):
			if id, err := lockfile.IdentityAt(path); err == nil {
				delete(unseen, id)
			}
		}
	}
	return nil
}

func numbersOfDescriptor(path string, named map[uint32]bool) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	var st unix.Stat_t
	switch {
	case err == unix.ENOENT, err == unix.ESRCH:
		return nil // closed meanwhile
	case err != nil && unix.Stat(path, &st) == nil && st.Uid != uint32(os.Geteuid()):
		// Another user has leased it, say, to root, who looks into all processes. What
		// it names is that user's own affair.
		return nil
	case err != nil:
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return NumbersOf(fd, named)
}
