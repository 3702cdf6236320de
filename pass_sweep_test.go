//go:build linux

package atoll

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// localMembers counts the members of this user's directory.
func localMembers(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("%s/atoll-%d/members", testkit.Base(), os.Geteuid()))
	must(t, err)
	return len(entries)
}

// The file of a dead member is kept as long as an object without a name says that
// it owns it, wherever that object is: in this process, in another, on its way, or
// inherited by one who has not asked for it.
func TestSweepKeepsOwnersOfUnnamedMutexes(t *testing.T) {
	sweep := func() int {
		t.Helper()
		_, err := Sweep(LocalScope)
		must(t, err)
		return localMembers(t)
	}
	keeper := newTestEvent(t, "", EventOptions{}) // keeps this process a member
	before := sweep()
	m, err := CreateMutex("", MutexOptions{})
	must(t, err)
	owner := startHeir(t, testkit.Command("heir"), map[string]Object{"m": m})
	heirSays(t, owner, "inherit m", "mutex")
	heirSays(t, owner, "lock m", "locked")
	owner.Kill()
	if n := sweep(); n != before+1 {
		t.Fatalf("here: %d member files, want %d", n, before+1)
	}

	a, b := socketPair(t, unix.SOCK_STREAM)
	must(t, Move(a, m, SameAccess))
	if n := sweep(); n != before+1 {
		t.Fatalf("on its way: %d member files, want %d", n, before+1)
	}
	m, err = Receive[*Mutex](b)
	must(t, err)

	idle := startHeir(t, testkit.Command("heir"), map[string]Object{"m": m, "keeper": keeper})
	must(t, m.Close())
	if n := sweep(); n != before+1 {
		t.Fatalf("inherited: %d member files, want %d", n, before+1)
	}
	heirSays(t, idle, "inherit m", "mutex")
	heirSays(t, idle, "inherit keeper", "event")
	if n := sweep(); n != before+2 { // and that of the heir, who lives
		t.Fatalf("elsewhere: %d member files, want %d", n, before+2)
	}
	heirSays(t, idle, "lock m", fmt.Sprint(owner.PID()))
	heirSays(t, idle, "close m", "closed")
	if n := sweep(); n != before+1 {
		t.Errorf("after all: %d member files, want %d", n, before+1)
	}
	idle.End()
	if n := sweep(); n != before {
		t.Errorf("in the end: %d member files, want %d", n, before)
	}
}

// The owner of an unnamed mutex is known also to one who took it out of a process.
func TestSweepKeepsOwnersOfPulledMutexes(t *testing.T) {
	testkit.NeedRoot(t) // or Yama may forbid it
	m := newTestMutex(t, "", MutexOptions{})
	puller := testkit.Start(t, "heir")
	// Only those who use the same members may: this one has none open yet.
	heirSays(t, puller, fmt.Sprintf("pull %d %d", os.Getpid(), m.Descriptor()), "mutex")
	heirSays(t, puller, "lock pulled", "locked")
	puller.Kill()
	_, err := Sweep(LocalScope)
	must(t, err)
	previous := mustLock(t, m, true)
	if previous.PID != puller.PID() {
		t.Errorf("abandoned by %d, not %d", previous.PID, puller.PID())
	}
	must(t, errors.Join(m.Unlock()))
}
