//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"atoll/internal/testkit"
)

// The club is a group that ann and ben are in, and cal is not.
const club = 61900

// A member, or would-be member, of a private namespace for the club.
//
//	new, new MODE     creates it, with a Security of that mode and the group club
//	open, close       the namespace
//	create NAME MODE  makes a mutex in it, likewise
//	mutex NAME        opens one
//	lock NAME, unlock NAME, drop NAME
//	sweep
var _ = testkit.Role("club", func(self *testkit.Self) {
	var p *PrivateNamespace
	mutexes := map[string]*Mutex{}
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		words := append(strings.Fields(line), "", "")
		name := `club\` + words[1]
		var err error
		switch words[0] {
		case "new":
			p, err = NewPrivateNamespaceWith(clubBoundary, "club", PrivateNamespaceOptions{Security: clubSecurity(words[1])})
		case "open":
			var opened *PrivateNamespace
			if opened, err = OpenPrivateNamespace(clubBoundary, "club"); err == nil {
				p = opened
			}
		case "close":
			err = p.Close()
		case "create":
			mutexes[words[1]], err = CreateMutex(name, MutexOptions{Security: clubSecurity(words[2])})
		case "mutex":
			mutexes[words[1]], err = OpenMutex(name, 0)
		case "lock":
			var previous *Abandoned
			if previous, err = mutexes[words[1]].Lock(context.Background()); previous != nil {
				self.Say("%s: abandoned by %d", line, previous.PID)
				continue
			}
		case "unlock":
			err = mutexes[words[1]].Unlock()
		case "drop":
			err = mutexes[words[1]].Close()
		case "sweep":
			_, err = Sweep(LocalScope)
		}
		self.Say("%s: %s", line, outcome(err))
	}
})

var clubBoundary = Boundary{Groups: []int{club}}

// clubSecurity is the mode given, with the group; nil for "". "+r" behind it lets
// cal read, too, and "+w" write as well.
func clubSecurity(mode string) *Security {
	if mode == "" {
		return nil
	}
	mode, extra, _ := strings.Cut(mode, "+")
	bits, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		panic(err)
	}
	group := club
	s := &Security{Mode: fs.FileMode(bits), Group: &group}
	if access := map[string]Access{"r": Read, "w": Read | Write}[extra]; access != 0 {
		s.ACL = []ACE{{Who: Trustee{Kind: TrusteeUser, ID: cal}, Access: access}}
	}
	return s
}

// startClub starts a user's process in a base; ann and ben are members.
func startClub(t *testing.T, base string, uid int) *testkit.Child {
	t.Helper()
	cmd := testkit.Command("club")
	cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
	credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	if uid != cal {
		credential.Groups = []uint32{club}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	return testkit.StartCommand(t, cmd)
}

func does(t *testing.T, c *testkit.Child, line, want string) {
	t.Helper()
	c.Tell("%s", line)
	c.Expect(line + ": " + want)
}

// Two users of one group coordinate in their namespace; a third cannot get in, nor
// found it in their place. A death is told to whoever comes next, across users.
func TestPrivateNamespaceOfAGroup(t *testing.T) {
	testkit.NeedRoot(t)
	base := publicBase(t)
	a, b, c := startClub(t, base, ann), startClub(t, base, ben), startClub(t, base, cal)
	does(t, c, "new", "denied")
	does(t, c, "open", "no such")
	does(t, a, "new", "ok")
	does(t, b, "new", "exists")
	does(t, c, "open", "denied")
	does(t, b, "open", "ok")
	does(t, a, "create m 660", "ok")
	does(t, a, "create own 600", "ok")
	does(t, b, "mutex own", "denied")
	does(t, b, "mutex m", "ok")
	does(t, a, "lock m", "ok")
	b.Tell("lock m")
	b.Silent()
	a.Kill()
	b.Expect(fmt.Sprintf("lock m: abandoned by %d", a.PID()))
	does(t, b, "open", "no such") // its creator is gone
	does(t, b, "create more 660", "ok")
	does(t, b, "drop more", "ok")
	does(t, b, "drop m", "ok")
	does(t, b, "close", "ok")
	// ben cannot remove the directory that ann has made; ann can.
	does(t, b, "sweep", "ok")
	if n := len(clubDirs(t, base)); n != 1 {
		t.Errorf("%d directories", n)
	}
	does(t, startClub(t, base, ann), "sweep", "ok")
	if n := len(clubDirs(t, base)); n != 0 {
		t.Errorf("%d directories are left", n)
	}
	b.End()
	c.End()
}

func clubDirs(t *testing.T, base string) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(base, "atoll-private-*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// Who may enter is what Security says.
func TestPrivateNamespaceWithSecurity(t *testing.T) {
	testkit.NeedRoot(t)
	for _, row := range []struct{ mode, benOpens, benCreates, calOpens, calCreates string }{
		{"600", "denied", "", "denied", ""},
		{"640", "ok", "denied", "denied", ""},
		{"660", "ok", "ok", "denied", ""},
		{"664", "ok", "ok", "ok", "denied"},
		{"666", "ok", "ok", "ok", "ok"},
		{"600+r", "denied", "", "ok", "denied"},
		{"640+w", "ok", "denied", "ok", "ok"},
	} {
		t.Run(row.mode, func(t *testing.T) {
			base := publicBase(t)
			a := startClub(t, base, ann)
			does(t, a, "new "+row.mode, "ok")
			does(t, a, "create m 666", "ok")
			for uid, want := range map[int][2]string{ben: {row.benOpens, row.benCreates}, cal: {row.calOpens, row.calCreates}} {
				c := startClub(t, base, uid)
				does(t, c, "open", want[0])
				if want[0] == "ok" {
					does(t, c, "mutex m", "ok")
					does(t, c, "lock m", "ok")
					does(t, c, "unlock m", "ok")
					does(t, c, "drop m", "ok")
					does(t, c, fmt.Sprintf("create of-%d", uid), want[1])
					does(t, c, "close", "ok")
				}
				c.End()
			}
			does(t, a, "drop m", "ok")
			does(t, a, "close", "ok")
			a.End()
			if dirs := clubDirs(t, base); len(dirs) != 0 {
				t.Errorf("left behind: %v", dirs)
			}
		})
	}
	base := publicBase(t)
	a := startClub(t, base, ann)
	does(t, a, "new 060", "denied") // not even for the creator
	if dirs := clubDirs(t, base); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
	a.End()
	other := os.Geteuid() + 1
	_, err := NewPrivateNamespaceWith(mine("x"), "club", PrivateNamespaceOptions{Security: &Security{Owner: &other}})
	if !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("another owner: %v", err)
	}
}

// Whoever opens an object under a name that anybody could take can tell whose it is.
func TestOwnerOf(t *testing.T) {
	m := newTestMutex(t, "whose", MutexOptions{})
	s, err := CreateSection("", SectionOptions{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Object{m, s} {
		if uid, err := OwnerOf(o); err != nil || uid != os.Geteuid() {
			t.Errorf("%v: %d, %v", o.Type(), uid, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OwnerOf(s); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	for _, o := range []Object{nil, (*Mutex)(nil)} {
		if _, err := OwnerOf(o); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("nil: %v", err)
		}
	}
	testkit.NeedRoot(t)
	base := company(t)
	squatter := testkit.Command("squat")
	squatter.Env = append(squatter.Env, "ATOLL_ROOT="+base)
	squatter.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: cal, Gid: cal}}
	c := testkit.StartCommand(t, squatter)
	c.Expect("mine: 61003")
	victim := testkit.Command("squat")
	victim.Env = append(victim.Env, "ATOLL_ROOT="+base)
	victim.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ann, Gid: ann}}
	v := testkit.StartCommand(t, victim)
	v.Expect("theirs: 61003")
	v.End()
	c.End()
}

var _ = testkit.Role("squat", func(self *testkit.Self) {
	m, created, err := CreateOrOpenMutex(`Global\service`, MutexOptions{Security: &Security{Mode: 0o666}})
	self.Must(err)
	uid, err := OwnerOf(m)
	self.Must(err)
	self.Say("%s: %d", map[bool]string{true: "mine", false: "theirs"}[created], uid)
	self.Hear()
	self.Must(m.Close())
})
