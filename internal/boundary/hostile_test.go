//go:build linux

package boundary

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// The role of a founder who changes, as fast as possible, between a folder that
// nobody may enter and a link to somebody else's file.
var _ = testkit.Role("swapper", func(self *testkit.Self) {
	dir, target := self.Args[0], self.Args[1]
	self.Must(os.Mkdir(filepath.Join(dir, "names"), 0))
	self.Must(os.Symlink(target, filepath.Join(dir, "other")))
	self.Say("ready")
	for {
		self.Must(unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "names"), unix.AT_FDCWD, filepath.Join(dir, "other"), unix.RENAME_EXCHANGE))
	}
})

// The role of one who would empty that folder.
var _ = testkit.Role("emptier", func(self *testkit.Self) {
	dir, err := os.Open(self.Args[0])
	self.Must(err)
	for began := time.Now(); time.Since(began) < 2*time.Second; {
		if fd, err := openOwn(int(dir.Fd()), "names"); err == nil {
			_ = unix.Close(fd)
		}
	}
	self.Say("done")
})

// Whoever empties a founder's folder touches nothing to which the founder makes it
// lead meanwhile.
func TestEmptyingFollowsNoLink(t *testing.T) {
	testkit.NeedRoot(t)
	base := openBase(t)
	dir, target := filepath.Join(base, "founder"), filepath.Join(base, "target")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(dir, 0o755))
	must(os.Chown(dir, firstUser, firstUser))
	must(os.WriteFile(target, nil, 0o600))
	must(os.Chown(target, firstUser+1, firstUser+1))
	as := func(uid uint32, role string, args ...string) *testkit.Child {
		cmd := testkit.Command(role, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return testkit.StartCommand(t, cmd)
	}
	swapper := as(firstUser, "swapper", dir, target)
	swapper.Expect("ready")
	emptier := as(firstUser+1, "emptier", dir)
	emptier.Expect("done")
	if st, err := os.Stat(target); err != nil || st.Mode() != fs.FileMode(0o600) {
		t.Errorf("the file of somebody else has the mode %v, %v", st.Mode(), err)
	}
}
