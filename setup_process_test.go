//go:build linux

package atoll

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"atoll/internal/testkit"
)

var _ = testkit.Role("setup", func(self *testkit.Self) {
	_, err := CreateMutex(`Global\x`, MutexOptions{})
	self.Say("create: %s: %v", outcome(err), err)
	steps, err := Setup("", false)
	self.Must(err)
	self.Say("%d steps", len(steps))
	steps, err = Setup("", true)
	self.Say("apply: %s, %d steps, %v", outcome(err), len(steps), err)
})

// A user other than root is told what an administrator must do, and cannot do it.
func TestSetupIsForRoot(t *testing.T) {
	testkit.NeedRoot(t)
	base := publicBase(t)
	start := func() *testkit.Child {
		cmd := testkit.Command("setup")
		cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 23001, Gid: 23001}}
		return testkit.StartCommand(t, cmd)
	}
	c := start()
	if line := c.Line(); !strings.HasPrefix(line, "create: denied: ") || !strings.Contains(line, "as root, run: atoll setup --apply") {
		t.Error(line)
	}
	c.Expect("2 steps")
	if line := c.Line(); !strings.HasPrefix(line, "apply: denied, 2 steps, ") || !strings.Contains(line, "this is uid 23001") {
		t.Error(line)
	}
	c.End()
	t.Setenv("ATOLL_ROOT", base)
	steps, err := Setup("", true)
	if err != nil || len(steps) != 2 || !steps[0].Done || !steps[1].Done {
		t.Fatalf("%+v, %v", steps, err)
	}
	c = start()
	c.Expect("create: ok: <nil>")
	c.Expect("2 steps")
	if line := c.Line(); !strings.HasPrefix(line, "apply: denied, 2 steps, ") {
		t.Error(line)
	}
	c.End()
	if _, err := Setup("/nowhere/at/all", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
