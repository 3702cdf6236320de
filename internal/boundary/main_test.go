//go:build linux

package boundary

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/namespace"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The users and groups of these tests own nothing.
const (
	firstUser = 23001
	clubGroup = 23900
	otherClub = 23901
)

// openBase makes an empty base directory as /dev/shm is one: of root, or of who
// runs the tests, sticky, for all.
func openBase(t testing.TB) string {
	t.Helper()
	base, err := os.MkdirTemp("/dev/shm", "atoll-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	if err := os.Chmod(base, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return base
}

// left are the names below a base.
func left(t testing.TB, base string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func empty(t testing.TB, base string) {
	t.Helper()
	if names := left(t, base); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func key(t testing.TB, alias string, users, groups []int) Key {
	t.Helper()
	b, err := New("", users, groups)
	if err != nil {
		t.Fatal(err)
	}
	return Key{Alias: alias, Boundary: b}
}

// A founder does what it is told with the namespace "club" of the users and
// groups given ("users=1,2" "groups=3"), in the base given first.
//
//	patience=DURATION      how long it waits for others
//	die=POINT, stop=POINT  kills or stops itself at a point (build tag atollcheck)
var _ = testkit.Role("founder", func(self *testkit.Self) {
	base := self.Args[0]
	var users, groups []int
	for _, arg := range self.Args[1:] {
		what, value, _ := strings.Cut(arg, "=")
		switch what {
		case "users", "groups":
			var list []int
			for text := range strings.SplitSeq(value, ",") {
				id, err := strconv.Atoi(text)
				self.Must(err)
				list = append(list, id)
			}
			if what == "users" {
				users = list
			} else {
				groups = list
			}
		case "patience":
			var err error
			patience, err = time.ParseDuration(value)
			self.Must(err)
		case "die", "stop":
			signal := map[string]syscall.Signal{"die": syscall.SIGKILL, "stop": syscall.SIGSTOP}[what]
			check.SetHook(func(point string) {
				if point == value {
					_ = syscall.Kill(syscall.Getpid(), signal)
					if signal == syscall.SIGKILL {
						select {} // the signal is on its way
					}
				}
			})
		}
	}
	b, err := New("", users, groups)
	self.Must(err)
	k := Key{Alias: "club", Boundary: b}
	var p *Place
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		switch line {
		case "found":
			p, err = Found(base, k, k.Boundary.Usual())
		case "find":
			p, err = Find(base, k)
		case "enter":
			var dir *namespace.Dir
			if dir, err = p.Names(namespace.Local); err == nil {
				err = dir.Close()
			}
		case "retire":
			p.Retire()
		case "release":
			p.Retire()
			p.Release()
		case "sweep":
			_, err = Sweep(base)
		}
		self.Say("%s", outcome(err))
	}
})

// outcome is an error in few words.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fs.ErrExist):
		return "exists"
	case errors.Is(err, fs.ErrNotExist):
		return "no such"
	case errors.Is(err, fs.ErrPermission):
		return "denied"
	case errors.Is(err, errs.ErrStuck):
		return "stuck"
	}
	return err.Error()
}

// startFounder starts a founder as a user with groups; uid 0 stays as it is.
func startFounder(t testing.TB, uid int, groups []int, args ...string) *testkit.Child {
	t.Helper()
	cmd := testkit.Command("founder", args...)
	if uid != 0 {
		testkit.NeedRoot(t)
		credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
		for _, g := range groups {
			credential.Groups = append(credential.Groups, uint32(g))
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	}
	return testkit.StartCommand(t, cmd)
}

func ask(t testing.TB, c *testkit.Child, line, want string) {
	t.Helper()
	c.Tell("%s", line)
	c.Expect(want)
}
