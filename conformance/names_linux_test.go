package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// ownNames gives the suite, and its children, directories of names of their own: one
// for each user, and Global, which root must make.
func ownNames() (remove func(), err error) {
	base, err := os.MkdirTemp("/dev/shm", "atoll-conformance-")
	if err != nil {
		return nil, err
	}
	remove = func() { _ = os.RemoveAll(base) }
	const all = os.ModeSticky | 0o777
	err = os.Chmod(base, all)
	for _, dir := range []string{"atoll", "atoll/members"} {
		if err == nil && os.Geteuid() == 0 {
			err = os.Mkdir(filepath.Join(base, dir), 0o700)
		}
		if err == nil && os.Geteuid() == 0 {
			err = os.Chmod(filepath.Join(base, dir), all)
		}
	}
	if err != nil {
		remove()
		return nil, err
	}
	return remove, os.Setenv("ATOLL_ROOT", base)
}

// almighty says whether nothing is refused to this process.
func almighty() bool { return os.Geteuid() == 0 }

// theUser is somebody who is not root.
const theUser = 23001

// asUser lets a command run as another user, if this one may.
func asUser(cmd *exec.Cmd, user uint32) {
	cmd.Path = "/proc/self/exe" // whoever may enter the directories on the way to it
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
}
