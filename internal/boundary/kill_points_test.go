//go:build linux && atollcheck

package boundary

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// points are the kill points in this package's source.
func points(t *testing.T) (list []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`check\.Point\("([^"]+)"\)`).FindAllStringSubmatch(string(text), -1) {
			list = append(list, m[1])
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) < 12 {
		t.Fatalf("only %v", list)
	}
	return list
}

// club is the arguments of founders of these tests: of one group as root, so that
// there are proofs.
func club() string {
	if os.Geteuid() == 0 {
		return fmt.Sprintf("groups=%d", clubGroup)
	}
	return fmt.Sprintf("users=%d", os.Geteuid())
}

func startMember(t *testing.T, n int, args ...string) *testkit.Child {
	t.Helper()
	if os.Geteuid() != 0 {
		return startFounder(t, 0, nil, args...)
	}
	return startFounder(t, firstUser+n, []int{clubGroup}, args...)
}

// A founder killed at any point hinders nobody, and a sweep removes what it left.
func TestKillPoints(t *testing.T) {
	for _, point := range points(t) {
		t.Run(point, func(t *testing.T) {
			base := openBase(t)
			victim := startMember(t, 1, base, club(), "die="+point)
			rival := startMember(t, 0, base, club()) // goes before the victim
			victim.Tell("found")
			reached := victim.Line() == ""
			if !reached {
				ask(t, rival, "find", "ok")
				if point != "release.dropped" {
					ask(t, rival, "release", "ok")
				}
				victim.Tell("release")
				reached = victim.Line() == ""
				if point == "release.dropped" {
					ask(t, rival, "release", "ok")
				}
			}
			if point != "found.withdrawn" && !reached {
				t.Fatal("the victim never came there")
			}
			ask(t, rival, "found", "ok")
			ask(t, rival, "release", "ok")
			rival.End()
			owner := startMember(t, 1, base, club())
			ask(t, owner, "sweep", "ok")
			owner.End()
			empty(t, base)
		})
	}
}

// One who goes before is stopped in the middle of its claim: another waits, and
// then says so; when it goes on, exactly one has it.
func TestStoppedClaimer(t *testing.T) {
	base := openBase(t)
	stopped := startMember(t, 0, base, club(), "stop=found.claimed")
	stopped.Tell("found")
	other := startMember(t, 1, base, club(), "patience=500ms")
	waitFor(t, func() bool { return stateOfOnly(t, base) == claiming })
	ask(t, other, "find", "no such")
	ask(t, other, "found", "stuck")
	stopped.Kill()
	ask(t, other, "found", "ok")
	ask(t, other, "release", "ok")
	other.End()
}

// A founder who meets a claim that goes before its own takes its own back, waits,
// and loses; one who is killed just then is in nobody's way.
func TestWithdrawn(t *testing.T) {
	for _, die := range []bool{false, true} {
		base := openBase(t)
		first := startMember(t, 0, base, club(), "stop=found.claimed")
		first.Tell("found")
		waitFor(t, func() bool { return stateOfOnly(t, base) == claiming })
		args := []string{base, club()}
		if die {
			args = append(args, "die=found.withdrawn")
		}
		second := startMember(t, 1, args...)
		second.Tell("found")
		if die {
			second.Expect("")
		} else {
			second.Silent()
		}
		first.Signal(syscall.SIGCONT)
		first.Expect("ok")
		if !die {
			second.Expect("exists")
			second.End()
		}
		ask(t, first, "release", "ok")
		first.End()
		sweeper := startMember(t, 1, base, club())
		ask(t, sweeper, "sweep", "ok")
		sweeper.End()
		empty(t, base)
	}
}

func waitFor(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Hang); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it hangs")
		}
	}
}

// stateOfOnly reads the state in the only directory below base.
func stateOfOnly(t *testing.T, base string) state {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(base, Prefix+"*", recordName))
	if err != nil || len(records) != 1 {
		return absent
	}
	f, err := os.Open(records[0])
	if err != nil {
		return absent
	}
	defer func() { _ = f.Close() }()
	s, err := stateOf(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
