//go:build linux

package backing

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The role of a process that has a file of a file system which never answers.
var _ = testkit.Role("dead mount", func(self *testkit.Self) {
	self.Must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	fuse, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	self.Must(err)
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse)
	self.Must(unix.Mount("dead", self.Args[0], "fuse", 0, options))
	_, err = unix.Open(self.Args[0], unix.O_PATH|unix.O_CLOEXEC, 0)
	self.Must(err)
	self.Say("there")
	self.Hear()
})

// Who looks for a section's file among the descriptors of others passes by what
// hangs whoever looks at it.
func TestOpenHeldPassesByTheDead(t *testing.T) {
	testkit.NeedRoot(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		testkit.Need(t, false, "/dev/fuse")
	}
	cmd := testkit.Command("dead mount", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	child := testkit.StartCommand(t, cmd)
	child.Expect("there")
	done := make(chan error, 1)
	go func() {
		w := wantedFile{id: lockfile.Identity{Dev: 1, Ino: 1}}
		_, err := w.openHeld()
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, errElsewhere) {
			t.Error(err)
		}
	case <-time.After(testkit.Hang / 4):
		t.Error("it hangs")
	}
}
