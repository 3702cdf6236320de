//go:build linux

package kernel32

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/testkit"
)

// What a child was born with outlives its parent, which is killed before the child has
// called anything, and ends with the child.
func TestInheritanceOutlivesParent(t *testing.T) {
	name := fmt.Sprint("outlives ", time.Now().UnixNano())
	parent := testkit.Start(t, "parent", name)
	pid, err := strconv.Atoi(parent.Line())
	number(t, 0, err)
	defer func() { _ = unix.Kill(pid, unix.SIGKILL) }()
	parent.Kill()
	e, err := OpenEvent(access.Wait, false, name)
	number(t, 0, err)
	number(t, 0, CloseHandle(e))
	child, err := OpenProcess(access.GenericAll, false, uint32(pid))
	number(t, 0, err)
	number(t, 0, TerminateProcess(child, 5))
	if code := endOf(t, child); code != 5 {
		t.Errorf("code %d", code)
	}
	number(t, 0, CloseHandle(child))
	for end := time.Now().Add(testkit.Hang); ; time.Sleep(time.Millisecond) {
		if e, err = OpenEvent(access.Wait, false, name); err != nil || time.Now().After(end) {
			break
		}
		number(t, 0, CloseHandle(e))
	}
	number(t, errs.FileNotFound, err)
}

var _ = testkit.Role("parent", func(s *testkit.Self) {
	_, err := CreateEvent(&Attributes{Inherit: true}, s.Args[0], true, false, 0x1F0003)
	s.Must(err)
	child, err := CreateProcess(&Launch{Application: "/bin/sleep", CommandLine: "sleep 1000", Inherit: true, Flags: detachedProcess})
	s.Must(err)
	s.Say("%d", child.PID)
	s.Hear()
})

// Many at once give to one process, and take from it.
func TestDuplicateByMany(t *testing.T) {
	target := spawn(t, nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			e, err := CreateEvent(nil, "", true, false, 0x1F0003)
			number(t, 0, err)
			for range 30 {
				var there, back Handle
				number(t, 0, DuplicateHandle(CurrentProcess, e, target.Process, &there, 0, i%2 == 0, SameAccess))
				number(t, 0, DuplicateHandle(target.Process, there, CurrentProcess, &back, 0, false, SameAccess|CloseSource))
				number(t, 0, CompareObjectHandles(e, back))
				number(t, 0, CloseHandle(back))
			}
			number(t, 0, CloseHandle(e))
		})
	}
	all.Wait()
	target.ask("6 0", "flags", 4) // nothing is left
	target.ask("4", "make", "after")
	target.ask("0", "close", 4)
}
