//go:build linux && atollcheck && !race

package atoll

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// The role of a user who waits for all of three mutexes and semaphores, of which one
// of another user is truncated when the wait comes to a point: POINT:N, as the agent
// has it. Says what came of it, and of its own objects.
var _ = testkit.Role("company.all", func(self *testkit.Self) {
	wait.SetTick(10 * time.Millisecond)
	ctx := context.Background()
	m, err := CreateMutex(`Global\own`, MutexOptions{})
	self.Must(err)
	s, err := CreateSemaphore(`Global\ownsemaphore`, SemaphoreOptions{Initial: 1, Max: 1})
	self.Must(err)
	theirs, err := OpenSemaphore(`Global\semaphore`, 0)
	self.Must(err)
	at(self.Args[0], func() { self.Must(os.Truncate(self.Args[1], 0)) })
	_, err = WaitAll(ctx, m, theirs, s)
	taken := err == nil
	if err != nil && !errors.Is(err, ErrCorrupt) {
		self.Must(err)
	}
	// All or nothing, and the gates are open.
	if taken {
		self.Must(m.Unlock())
		_, err = s.Release(1)
		self.Must(err)
	}
	_, err = m.Lock(ctx)
	self.Must(errors.Join(err, m.Unlock(), s.Wait(ctx)))
	if ok, err := s.TryWait(); ok || err != nil {
		self.Must(errors.Join(err, errors.New("it was released twice")))
	}
	if _, err := theirs.TryWait(); !errors.Is(err, ErrCorrupt) {
		self.Must(errors.Join(err, errors.New("it is not lost")))
	}
	self.Must(errors.Join(m.Close(), s.Close()))
	_ = theirs.Close()
	self.Say("taken %v", taken)
})

// One of the objects of a wait for all is lost at any of its steps: before the
// decision none is taken, after it all are, and the others' gates are open.
func TestLostWithinAWaitForAll(t *testing.T) {
	base := company(t)
	path := filepath.Join(base, "atoll", "semaphore")
	a := asUser(t, ann, base, "company")
	for point, taken := range map[string]string{
		"all.closed:1": "taken false", "all.closed:2": "taken false", "all.closed:3": "taken false",
		"all.pending:1": "", "all.pending:2": "", "all.pending:3": "taken true",
		"all.decided:1": "taken true", "all.opened:1": "taken true", "all.opened:2": "taken true",
	} {
		tells(t, a, `create; semaphore; Global\semaphore; 0666`, "done")
		tells(t, a, `Global\semaphore; free`, "done")
		b := asUser(t, ben, base, "company.all", point, path)
		// Which of the three comes first is up to the files' numbers.
		if line := b.Line(); line != taken && (taken != "" || line != "taken false" && line != "taken true") {
			t.Errorf("%s: it said %q, want %q", point, line, taken)
		}
		b.End()
		a.Tell(`Global\semaphore; close`)
		a.Line()
		_ = os.Remove(path)
	}
	a.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// A writer is killed after it has changed what a reader waits for, and before it has
// woken anybody: the reader's tick looks through the gate. Before the change it finds
// nothing, and is woken by whoever comes next.
func TestReaderBehindADeadGate(t *testing.T) {
	base := company(t)
	a := asUser(t, ann, base, "company")
	for _, kind := range []string{"manual", "manual-timer"} {
		name := `Global\` + kind
		for _, line := range []string{name + "; wait", "any; own," + name, "all; " + name} {
			for _, point := range []string{"gate.closed", "gate.changed", "gate.opened"} {
				tells(t, a, "create; "+kind+"; "+name+"; 0644", "done")
				b := asUser(t, ben, base, "company")
				tells(t, b, "open; "+kind+"; "+name+"; "+readerAccess, "done")
				tells(t, b, "create; auto; own; 0600", "done")
				b.Tell("%s", line)
				b.Silent()
				dying := asUser(t, ann, base, "company", "die="+point)
				tells(t, dying, "open; "+kind+"; "+name+"; 0", "done")
				dying.Tell("%s", name+"; free")
				if err := dying.Wait(); err == nil {
					t.Fatal("it lives")
				}
				if point == "gate.closed" {
					b.Silent()
					tells(t, a, name+"; free", "done")
				}
				says(t, b, line, "")
				tells(t, b, name+"; wait", "done")
				tells(t, b, "own; close", "done")
				b.End()
				tells(t, a, name+"; close", "done")
			}
		}
	}
	a.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// The role of a reader who waits for all: its own semaphore and ann's event. With the
// gate closed it says so, and goes on when it hears a line.
var _ = testkit.Role("company.agrees", func(self *testkit.Self) {
	wait.SetTick(10 * time.Millisecond)
	s, err := CreateSemaphore("own", SemaphoreOptions{Initial: 1, Max: 1})
	self.Must(err)
	e, err := OpenEvent(`Global\event`, Wait)
	self.Must(err)
	at("all.closed", func() {
		self.Say("closed")
		self.Hear()
	})
	_, err = WaitAll(context.Background(), s, e)
	self.Must(err)
	ok, err := s.TryWait()
	self.Say("taken, and another %v", ok)
	self.Must(errors.Join(err, s.Close(), e.Close()))
})

// What a reader waits for is reset between its first look and the moment at which all
// else is taken: then nothing is taken, until it is signaled again.
func TestReadersAgree(t *testing.T) {
	base := company(t)
	a := asUser(t, ann, base, "company")
	tells(t, a, `create; manual; Global\event; 0644`, "done")
	tells(t, a, `Global\event; free`, "done")
	b := asUser(t, ben, base, "company.agrees")
	b.Expect("closed")
	tells(t, a, `Global\event; reset`, "done")
	b.Tell("go on")
	b.Silent()
	tells(t, a, `Global\event; free`, "done")
	b.Expect("taken, and another false")
	b.End()
	tells(t, a, `Global\event; close`, "done")
	a.End()
}
