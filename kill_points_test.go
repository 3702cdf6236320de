//go:build linux && atollcheck

package atoll

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"atoll/internal/check"
	"atoll/internal/testkit"
)

// lifePoints are the points of names and members in the sources.
func lifePoints(t *testing.T) (points []string) {
	t.Helper()
	seen := make(map[string]bool)
	for _, folder := range []string{"internal/namespace", "internal/liveness"} {
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		must(t, err)
		for _, source := range sources {
			text, err := os.ReadFile(source)
			must(t, err)
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			for _, m := range regexp.MustCompile(`check\.Point\("([^"]+)"\)`).FindAllStringSubmatch(string(text), -1) {
				if !seen[m[1]] {
					seen[m[1]] = true
					points = append(points, m[1])
				}
			}
		}
	}
	return points
}

// wholeLife creates or opens an event that is signaled before it has a name,
// looks, and closes it: who finds it reset has seen a half-made one.
func wholeLife(name string) error {
	e, _, err := CreateOrOpenEvent(name, EventOptions{ManualReset: true, Signaled: true})
	if err != nil {
		return err
	}
	ok, err := e.TryWait()
	if err == nil && !ok {
		err = errors.New("it is half-made")
	}
	return errors.Join(err, e.Close())
}

var _ = testkit.Role("names.killed-at", func(self *testkit.Self) {
	nth, err := strconv.ParseInt(self.Args[1], 10, 64)
	self.Must(err)
	var count atomic.Int64
	check.SetHook(func(p string) {
		if p == self.Args[0] && count.Add(1) == nth {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	})
	for deadline := time.Now().Add(testkit.Hang / 2); time.Now().Before(deadline); {
		// What killed processes left, to be found by an open and by a sweep.
		for _, name := range []string{"hostile", "y"} {
			self.Must(os.WriteFile(localFile(name), soundFile(), 0o600))
		}
		self.Must(wholeLife("hostile"))
		_, err := Sweep(LocalScope)
		self.Must(err)
		_ = os.Chmod(localFile("z"), 0o644) // with readers, an open goes through the door
		self.Must(wholeLife("z"))
	}
	self.Say("the point was never reached")
})

var _ = testkit.Role("names.survive", func(self *testkit.Self) {
	self.Say("ready")
	var ending atomic.Bool
	go func() { self.Hear(); ending.Store(true) }()
	for !ending.Load() {
		self.Must(wholeLife("z"))
	}
	for range 20 {
		self.Must(wholeLife("z"))
	}
	self.Say("done")
})

// A process is killed at each step of the life of a name and of a member, beside
// two that live: they go on, and nothing is left.
func TestKillPointsOfNames(t *testing.T) {
	points := lifePoints(t)
	if len(points) < 18 {
		t.Fatalf("only the points %v", points)
	}
	for _, point := range points {
		for nth := range 2 {
			t.Run(point+" "+strconv.Itoa(nth+1), func(t *testing.T) {
				var survivors []*testkit.Child
				for range 2 {
					survivors = append(survivors, testkit.Start(t, "names.survive"))
				}
				for _, s := range survivors {
					s.Expect("ready")
				}
				victim := testkit.Start(t, "names.killed-at", point, strconv.Itoa(nth+1))
				victim.Expect("")
				_ = victim.Wait()
				for _, s := range survivors {
					s.Tell("end")
				}
				for _, s := range survivors {
					s.Expect("done")
					s.End()
				}
				for _, name := range []string{"hostile", "y", "x", "z"} {
					refused(t, 2, fs.ErrNotExist)(events.open(name))
				}
				_, err := Sweep(LocalScope)
				must(t, err)
				if left := testkit.Objects(testkit.Base()); len(left) != 0 {
					t.Errorf("%v are left", left)
				}
				members, err := os.ReadDir(localFile("members"))
				if must(t, err); len(members) != 0 {
					t.Errorf("%d members are left", len(members))
				}
			})
		}
	}
}
