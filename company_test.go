//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// readerAccess asks for what a reader may.
var readerAccess = strconv.Itoa(int(Wait))

// Users who share objects under Global\. ann makes them, ben uses them, and cal is
// up to no good.
const (
	ann = 61001
	ben = 61002
	cal = 61003
)

// company prepares a directory for several users: as an administrator does.
func company(t *testing.T) (base string) {
	t.Helper()
	testkit.NeedRoot(t)
	base = publicBase(t)
	for _, dir := range []string{"atoll", "atoll/members"} {
		path := filepath.Join(base, dir)
		must(t, os.Mkdir(path, 0o700))
		must(t, os.Chmod(path, fs.ModeSticky|0o777))
	}
	return base
}

// companyKinds are the types of objects that coordinate.
var companyKinds = []string{"mutex", "auto", "manual", "semaphore", "timer", "manual-timer"}

// guest is an object of any of these types, and what can be done with it.
type guest struct {
	Object
	waitable Waitable
	calls    map[string]func(ctx context.Context) error
}

func (g *guest) do(ctx context.Context, call string) error {
	f := g.calls[call]
	if f == nil {
		return fmt.Errorf("no call %q", call)
	}
	return f(ctx)
}

// errNot says that a try has found nothing to take.
var errNot = errors.New("not now")

func orNot(ok bool, err error) error {
	if err == nil && !ok {
		return errNot
	}
	return err
}

type call = func(context.Context) error

// securityOf reads a mode or a descriptor.
func securityOf(text string) (*Security, error) {
	mode, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return ParseSDDL(text)
	}
	return &Security{Mode: fs.FileMode(mode)}, nil
}

// openGuest creates an object with a mode or a descriptor, or opens it with an access,
// by a line of words: create KIND NAME MODE, or open KIND NAME ACCESS.
func openGuest(line []string) (*guest, error) {
	kind, name, create := line[1], line[2], line[0] == "create"
	security, err := securityOf(line[3])
	if err != nil {
		return nil, err
	}
	access := Access(security.Mode)
	switch kind {
	case "mutex":
		open := func() (*Mutex, error) { return OpenMutex(name, access) }
		if create {
			open = func() (*Mutex, error) { return CreateMutex(name, MutexOptions{Security: security}) }
		}
		m, err := open()
		return guestMutex(m), err
	case "section":
		open := func() (*Section, error) { return OpenSection(name, access) }
		if create {
			open = func() (*Section, error) { return CreateSection(name, SectionOptions{Size: 4096, Security: security}) }
		}
		s, err := open()
		return sectionGuest(s), err
	case "semaphore":
		open := func() (*Semaphore, error) { return OpenSemaphore(name, access) }
		if create {
			open = func() (*Semaphore, error) {
				return CreateSemaphore(name, SemaphoreOptions{Max: 1 << 30, Security: security})
			}
		}
		s, err := open()
		return guestSemaphore(s), err
	case "auto", "manual":
		open := func() (*Event, error) { return OpenEvent(name, access) }
		if create {
			open = func() (*Event, error) {
				return CreateEvent(name, EventOptions{ManualReset: kind == "manual", Security: security})
			}
		}
		e, err := open()
		return guestEvent(e), err
	default:
		open := func() (*Timer, error) { return OpenTimer(name, access) }
		if create {
			open = func() (*Timer, error) {
				return CreateTimer(name, TimerOptions{ManualReset: kind != "timer", Security: security})
			}
		}
		o, err := open()
		return guestTimer(o), err
	}
}

func guestMutex(m *Mutex) *guest {
	return &guest{Object: m, waitable: m, calls: map[string]call{
		"wait": func(ctx context.Context) error { _, err := m.Lock(ctx); return err },
		"try":  func(context.Context) error { ok, _, err := m.TryLock(); return orNot(ok, err) },
		"free": func(context.Context) error { return m.Unlock() },
	}}
}

func guestSemaphore(s *Semaphore) *guest {
	return &guest{Object: s, waitable: s, calls: map[string]call{
		"wait": s.Wait,
		"try":  func(context.Context) error { return orNot(s.TryWait()) },
		"free": func(context.Context) error { _, err := s.Release(1); return err },
	}}
}

func guestEvent(e *Event) *guest {
	return &guest{Object: e, waitable: e, calls: map[string]call{
		"wait":  e.Wait,
		"try":   func(context.Context) error { return orNot(e.TryWait()) },
		"free":  func(context.Context) error { return e.Set() },
		"pulse": func(context.Context) error { return e.Pulse() },
		"reset": func(context.Context) error { return e.Reset() },
	}}
}

// sectionGuest maps a view for each call, as Read allows.
func sectionGuest(s *Section) *guest {
	mapped := func(f func(v *View) error) call {
		return func(context.Context) error {
			v, err := s.Map(Read, 0, 0)
			if err != nil {
				return err
			}
			return errors.Join(f(v), v.Close())
		}
	}
	return &guest{Object: s, calls: map[string]call{
		"read": mapped(func(v *View) error { _, err := v.ReadAt(make([]byte, 10), 0); return err }),
		"guard": mapped(func(v *View) error {
			return v.Guard(func(b []byte) error { _ = append([]byte(nil), b...); return nil })
		}),
	}}
}

func guestTimer(o *Timer) *guest {
	return &guest{Object: o, waitable: o, calls: map[string]call{
		"wait":   o.Wait,
		"try":    func(context.Context) error { return orNot(o.TryWait()) },
		"free":   func(context.Context) error { return o.SetAfter(0, 0) },
		"later":  func(context.Context) error { return o.SetAfter(time.Hour, 0) },
		"cancel": func(context.Context) error { return o.Cancel() },
	}}
}

// The role of a user who does what it is told, a line a call, each in its own time,
// and says what came of it.
//
//	create KIND NAME MODE   makes an object
//	open KIND NAME ACCESS   opens it
//	NAME CALL               one of the guest's calls, or close; briefly is wait with
//	                        a short time limit
//	any NAME,NAME           waits for one of several, and all for all
//	sweep                   sweeps Global
//	stat NAME               looks at what it may not open, and learns nothing
//	measure N               see measure
//	hammer NAME N           see hammer
var _ = testkit.Role("company", func(self *testkit.Self) {
	wait.SetTick(10 * time.Millisecond)
	setUp(self) // die=POINT
	if slices.Contains(self.Args, "impatient") {
		wait.SetPatience(testkit.Quiet)
	}
	guests := make(map[string]*guest)
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		words := strings.Split(line, "; ")
		switch words[0] {
		case "create", "open":
			g, err := openGuest(words)
			if err == nil {
				guests[words[2]] = g
			}
			self.Say("%s: %s", line, spell(err))
		case "any", "all":
			var objects []Waitable
			for name := range strings.SplitSeq(words[1], ",") {
				objects = append(objects, guests[name].waitable)
			}
			go func() { self.Say("%s: %s", line, several(words[0], objects)) }()
		case "hammer":
			n, err := strconv.Atoi(words[2])
			self.Must(err)
			self.Must(hammer(words[1], n))
			self.Say("%s", line)
		case "measure":
			n, err := strconv.Atoi(words[1])
			self.Must(err)
			speed, err := measure(n)
			self.Must(err)
			self.Say("%s", speed)
		case "stat":
			info, err := Stat(words[1])
			self.Say("%s: %s", line, spell(err))
			if info.Count != nil || info.Signaled != nil || info.Owner != nil || info.Size != 0 {
				self.Must(fmt.Errorf("it learns %+v", info))
			}
		case "sweep":
			n, err := Sweep(GlobalScope)
			self.Say("sweep: %d, %s", n, spell(err))
		default:
			g := guests[words[0]]
			if words[1] == "close" {
				self.Say("%s: %s", line, spell(g.Close()))
				continue
			}
			go func() {
				// Without a limit: at its end a wait looks, and finds what nobody told it.
				ctx, call := context.Background(), words[1]
				if call == "briefly" {
					brief, cancel := context.WithTimeout(ctx, testkit.Quiet)
					defer cancel()
					ctx, call = brief, "wait"
				}
				self.Say("%s: %s", line, spell(g.do(ctx, call)))
			}()
		}
	}
})

func several(how string, objects []Waitable) string {
	ctx := context.Background()
	if how == "all" {
		_, err := WaitAll(ctx, objects...)
		return spell(err)
	}
	r, err := WaitAny(ctx, objects...)
	if err != nil {
		return spell(err)
	}
	return strconv.Itoa(r.Index)
}

// spell is an error in a few words.
func spell(err error) string {
	var e *Error
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, errNot):
		return "not now"
	case errors.As(err, &e):
		return fmt.Sprintf("%d, %s", e.Win32(), strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return err.Error()
}

// tells has a child do something, and expects what comes of it: a line that begins
// so and has the texts in it.
func tells(t *testing.T, c *testkit.Child, line, want string, texts ...string) {
	t.Helper()
	c.Tell("%s", line)
	says(t, c, line, want, texts...)
}

func says(t *testing.T, c *testkit.Child, line, want string, texts ...string) {
	t.Helper()
	got := c.Line()
	for _, text := range append(texts, line+": "+want) {
		if !strings.Contains(got, text) {
			t.Fatalf("it said %q, want %q with %q", got, want, texts)
		}
	}
}

// A mutex of one user goes to and fro between two others, and what the one signals
// the other gets, of each type.
func TestUsersShareObjects(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
	for _, kind := range companyKinds {
		name := `Global\` + kind
		tells(t, a, "create; "+kind+"; "+name+"; 0666", "done")
		tells(t, b, "open; "+kind+"; "+name+"; 0", "done")
		if kind == "mutex" {
			tells(t, a, name+"; wait", "done")
		}
		tells(t, b, name+"; try", "not now")
		b.Tell("%s", name+"; wait")
		b.Silent()
		tells(t, a, name+"; free", "done")
		says(t, b, name+"; wait", "done")
		if kind == "mutex" {
			tells(t, a, name+"; try", "not now")
			tells(t, a, name+"; free", "288")
			tells(t, b, name+"; free", "done")
		}
		tells(t, b, name+"; close", "done")
		tells(t, a, name+"; close", "done")
	}
	a.End()
	b.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// The mutex of a user who is killed goes to another user, once, and says so; also
// through a wait for several and for all.
func TestKilledUserAbandons(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
	for _, how := range []string{"wait", "try", "any", "all"} {
		c := asUser(t, cal, base, "company")
		tells(t, a, `create; mutex; Global\m; 0666`, "done")
		tells(t, a, `create; manual; Global\e; 0666`, "done")
		tells(t, a, `Global\e; free`, "done")
		for _, u := range []*testkit.Child{b, c} {
			tells(t, u, `open; mutex; Global\m; 0`, "done")
			tells(t, u, `open; manual; Global\e; 0`, "done")
		}
		tells(t, c, `Global\m; wait`, "done")
		line := `Global\m; ` + how
		switch how {
		case "any":
			line = `any; Global\m`
		case "all":
			line = `all; Global\e,Global\m`
		}
		if how != "try" {
			b.Tell("%s", line)
			b.Silent()
		}
		c.Kill()
		if how == "try" {
			b.Tell("%s", line)
		}
		says(t, b, line, map[bool]string{true: "0", false: "done"}[how == "any"])
		tells(t, a, `Global\m; try`, "not now")
		for _, u := range []*testkit.Child{b, a} {
			tells(t, u, `Global\m; close`, "done")
			tells(t, u, `Global\e; close`, "done")
		}
	}
	a.End()
	b.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// Who may only read an object's file waits for a manual-reset event or timer, for
// any of several, and for all, and is woken by every change; but can do nothing
// else with it, and waits for no other type.
func TestReadersWait(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
	refusal := []string{"belongs to uid 61001", "mode 0644", "with the access Wait"}
	for _, kind := range companyKinds {
		name := `Global\` + kind
		tells(t, a, "create; "+kind+"; "+name+"; 0644", "done")
		if !strings.HasPrefix(kind, "manual") {
			tells(t, b, "open; "+kind+"; "+name+"; 0", "5", refusal...)
			tells(t, b, "open; "+kind+"; "+name+"; "+readerAccess, "5", refusal...)
			tells(t, a, name+"; close", "done")
			continue
		}
		tells(t, b, "open; "+kind+"; "+name+"; 0", "5", "open it with the access Wait")
		tells(t, b, fmt.Sprintf("open; %s; %s; %d", kind, name, Wait|Modify), "5", "open it with the access Wait")
		tells(t, b, "open; "+kind+"; "+name+"; "+readerAccess, "done")
		tells(t, b, "create; auto; own; 0600", "done")
		tells(t, b, "create; manual; ownmanual; 0600", "done")
		tells(t, b, "ownmanual; free", "done")
		tells(t, b, name+"; try", "not now")
		tells(t, b, name+"; free", "5")
		for range 3 {
			for _, line := range []string{name + "; wait", "any; own," + name, "all; ownmanual," + name, "all; own," + name} {
				b.Tell("%s", line)
				b.Silent()
				want := "done"
				if strings.HasPrefix(line, "any") {
					want = "1"
				}
				if line == "all; own,"+name {
					tells(t, a, name+"; free", "done")
					b.Silent()
					tells2(t, b, "own; free", line)
				} else {
					tells(t, a, name+"; free", "done")
					says(t, b, line, want)
				}
				tells(t, b, name+"; wait", "done") // it stays signaled
				reset := name + "; reset"
				if kind != "manual" {
					reset = name + "; later"
				}
				tells(t, a, reset, "done")
				tells(t, b, name+"; try", "not now")
			}
			if kind == "manual" {
				b.Tell("%s", name+"; wait")
				b.Silent()
				tells(t, a, name+"; pulse", "done")
				says(t, b, name+"; wait", "done")
			}
		}
		tells(t, b, name+"; close", "done")
		tells(t, b, "own; close", "done")
		tells(t, b, "ownmanual; close", "done")
		tells(t, a, name+"; close", "done")
	}
	a.End()
	b.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// tells2 has a child do something that ends another call of it as well.
func tells2(t *testing.T, c *testkit.Child, line, other string) {
	t.Helper()
	c.Tell("%s", line)
	got := map[string]bool{c.Line(): true, c.Line(): true}
	if !got[line+": done"] || !got[other+": done"] {
		t.Fatalf("it said %v", got)
	}
}

// The last who closes another user's object cannot remove it: the owner, or root,
// can. Its memory goes back, and Close is no error.
func TestLastCloserIsNotTheOwner(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
	for _, kind := range companyKinds {
		name, path := `Global\`+kind, filepath.Join(base, "atoll", kind)
		tells(t, a, "create; "+kind+"; "+name+"; 0666", "done")
		tells(t, b, "open; "+kind+"; "+name+"; 0", "done")
		tells(t, a, name+"; close", "done")
		tells(t, b, name+"; try", "")
		tells(t, b, name+"; close", "done")
		st, err := os.Stat(path)
		must(t, err)
		if st.Size() >= 4096 {
			t.Errorf("%s: %d bytes are left", kind, st.Size())
		}
		tells(t, b, "open; "+kind+"; "+name+"; 0", "5", path, "belongs to uid 61001", "nobody has it any more")
		tells(t, a, "create; "+kind+"; "+name+"; 0600", "done") // and goes on
		tells(t, a, name+"; close", "done")
	}
	a.End()
	b.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// What a user who was killed left under Global\ cannot be removed by others, who are
// told whose it is and get its memory back if they may write; that user, or root,
// removes it.
func TestLeftovers(t *testing.T) {
	base := company(t)
	for _, c := range []struct {
		mode string
		back bool // its memory can be given back by others
	}{{"0666", true}, {"0644", false}, {"0600", false}} {
		a, b := asUser(t, ann, base, "company"), asUser(t, ben, base, "company")
		tells(t, a, `create; manual; Global\x; `+c.mode, "done")
		path := filepath.Join(base, "atoll", "x")
		a.Kill()
		whose := []string{path, "belongs to uid 61001", "atoll sweep"}
		if c.mode == "0600" {
			whose = []string{path, "belongs to uid 61001 with mode 0600"}
		}
		tells(t, b, `create; manual; Global\x; 0600`, "5", whose...)
		if c.mode == "0644" {
			tells(t, b, `open; manual; Global\x; `+readerAccess, "2")
		} else {
			tells(t, b, `open; manual; Global\x; 0`, "5", whose...)
		}
		if c.mode == "0600" {
			tells(t, b, "sweep", "0, done") // nobody but ann can tell whether it is alive
		} else {
			tells(t, b, "sweep", "0, 5", path, "uid 61001")
		}
		st, err := os.Stat(path)
		must(t, err)
		if back := st.Size() < 4096; back != c.back {
			t.Errorf("mode %s: %d bytes are left", c.mode, st.Size())
		}
		a = asUser(t, ann, base, "company")
		tells(t, a, `create; auto; Global\x; 0600`, "done")
		a.Kill()
		a = asUser(t, ann, base, "company")
		tells(t, a, "sweep", "1, done")
		a.End()
		b.End()
		if left := testkit.Objects(base); len(left) != 0 {
			t.Errorf("%v are left", left)
		}
	}
}
