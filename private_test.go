//go:build linux

package atoll

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"atoll/internal/testkit"
)

// mine is a boundary that this process satisfies.
func mine(name string) Boundary { return Boundary{Name: name, Users: []int{os.Geteuid()}} }

func newPrivate(t *testing.T, b Boundary, alias string) *PrivateNamespace {
	t.Helper()
	p, err := NewPrivateNamespace(b, alias)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// privateDirs are the directories of private namespaces.
func privateDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(testkit.Base(), "atoll-private-*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func TestPrivateNamespace(t *testing.T) {
	p := newPrivate(t, mine("one"), "club")
	if p.Alias() != "club" || p.Scope().String() != "club" {
		t.Errorf("alias %q, scope %v", p.Alias(), p.Scope())
	}
	m, err := CreateMutex(`club\m`, MutexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := CreateSection(`club\s`, SectionOptions{Size: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateMutex(`club\m`, MutexOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one of the name: %v", err)
	}
	if _, err := OpenMutex(`m`, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is Local too: %v", err)
	}
	if i, err := Stat(`club\m`); err != nil || i.Name != `club\m` || i.Type != TypeMutex || filepath.Dir(i.Path) != p.Path() {
		t.Errorf("Stat: %+v, %v", i, err)
	}
	names := map[string]bool{}
	for i, err := range List(p.Scope()) {
		if err != nil {
			t.Fatal(err)
		}
		names[i.Name] = true
	}
	if len(names) != 2 || !names[`club\m`] || !names[`club\s`] {
		t.Errorf("listed: %v", names)
	}
	for i, err := range List(PrivateScope) {
		if err != nil {
			t.Fatal(err)
		}
		if !names[i.Name] || !i.Alive || len(i.Holders) != 1 {
			t.Errorf("among all: %+v", i)
		}
		delete(names, i.Name)
	}
	if len(names) != 0 {
		t.Errorf("not among all: %v", names)
	}
	for _, err := range List(PrivateScope) {
		if err != nil {
			t.Fatal(err)
		}
		break // and nothing is listed after that
	}
	mustLock(t, m, false)
	if err := errors.Join(m.Close(), s.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
	if err := p.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	_, err = OpenMutex(`club\m`, 0)
	var e *Error
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Win32() != 3 {
		t.Errorf("after Close: %v", err)
	}
	for _, err := range List(p.Scope()) {
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("List after Close: %v", err)
		}
	}
}

// Objects keep the namespace's directory, not its name.
func TestPrivateNamespaceClosedBeforeItsObjects(t *testing.T) {
	p := newPrivate(t, mine("objects"), "club")
	m, err := CreateMutex(`club\m`, MutexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := CreateEvent(`club\e`, EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPrivateNamespace(mine("objects"), "club"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened after its creator has closed it: %v", err)
	}
	mustLock(t, m, false)
	if err := errors.Join(m.Unlock(), e.Set(), e.Wait(context.Background())); err != nil {
		t.Errorf("the objects do not work: %v", err)
	}
	// A new one of the same alias and boundary is another one.
	again := newPrivate(t, mine("objects"), "club")
	if _, err := OpenMutex(`club\m`, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the object of the old one: %v", err)
	}
	if len(privateDirs(t)) != 2 {
		t.Errorf("directories: %v", privateDirs(t))
	}
	if err := errors.Join(m.Close(), e.Close(), again.Close()); err != nil {
		t.Fatal(err)
	}
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

func TestPrivateNamespacesOfOneAlias(t *testing.T) {
	a := newPrivate(t, mine("a"), "club")
	if _, err := NewPrivateNamespace(mine("a"), "club"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	if _, err := NewPrivateNamespace(mine("b"), "club"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another under the same alias in one process: %v", err)
	}
	same, err := OpenPrivateNamespace(Boundary{Name: "a", Users: []int{os.Geteuid(), os.Geteuid()}}, "club")
	if err != nil {
		t.Fatal(err)
	}
	if same.Scope() != a.Scope() {
		t.Errorf("scopes %d and %d", same.Scope(), a.Scope())
	}
	// Another process can have the other one, and its object of the same name.
	c := testkit.Start(t, "private", "b", "club")
	answers(t, c, "new", "ok")
	answers(t, c, "mutex m", "ok")
	if len(privateDirs(t)) != 2 {
		t.Errorf("directories: %v", privateDirs(t))
	}
	m, err := CreateMutex(`club\m`, MutexOptions{})
	if err != nil {
		t.Fatalf("the names of the other namespace are in the way: %v", err)
	}
	if err := errors.Join(a.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	if m, err = CreateMutex(`club\m`, MutexOptions{}); err != nil {
		t.Fatalf("one handle is still open: %v", err)
	}
	if err := errors.Join(same.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	answers(t, c, "close", "ok")
	c.End()
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

// The process "private" has one namespace, of the boundary with the name given.
var _ = testkit.Role("private", func(self *testkit.Self) {
	b, alias := mine(self.Args[0]), self.Args[1]
	var p *PrivateNamespace
	objects := []Object{}
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		var err error
		verb, name, _ := strings.Cut(line, " ")
		switch verb {
		case "new":
			p, err = NewPrivateNamespace(b, alias)
		case "open":
			p, err = OpenPrivateNamespace(b, alias)
		case "mutex":
			var m *Mutex
			m, _, err = CreateOrOpenMutex(alias+`\`+name, MutexOptions{InitiallyOwned: true})
			objects = append(objects, m)
		case "close":
			for _, o := range objects {
				err = errors.Join(err, o.Close())
			}
			err = errors.Join(err, p.Close())
		}
		self.Say("%s", outcome(err))
	}
})

// outcome is an error in two words.
func outcome(err error) string {
	for text, sentinel := range map[string]error{"no such": fs.ErrNotExist, "exists": fs.ErrExist, "denied": fs.ErrPermission, "stuck": ErrStuck} {
		if errors.Is(err, sentinel) {
			return text
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func answers(t testing.TB, c *testkit.Child, line, want string) {
	t.Helper()
	c.Tell("%s", line)
	c.Expect(want)
}

func TestPrivateNamespaceBetweenProcesses(t *testing.T) {
	creator := testkit.Start(t, "private", "x", "club")
	answers(t, creator, "open", "no such")
	answers(t, creator, "new", "ok")
	answers(t, creator, "mutex m", "ok")
	p, err := OpenPrivateNamespace(mine("x"), "club")
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenMutex(`club\m`, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Closed and opened again, while an object is held: it is the same.
	scope := p.Scope()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMutex(`club\m`, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("by an alias that is closed: %v", err)
	}
	if p, err = OpenPrivateNamespace(mine("x"), "club"); err != nil {
		t.Fatal(err)
	}
	again, err := OpenMutex(`club\m`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !SameObject(m, again) || p.Scope() != scope {
		t.Error("opened again it is another one")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	creator.Kill()
	if previous := mustLock(t, m, true); previous.PID != creator.PID() {
		t.Errorf("abandoned by %+v, want %d", previous, creator.PID())
	}
	if _, err := OpenPrivateNamespace(mine("x"), "club"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened after the creator's death: %v", err)
	}
	more, err := CreateEvent(`club\more`, EventOptions{})
	if err != nil {
		t.Errorf("who has it open cannot create any more: %v", err)
	}
	if err := errors.Join(m.Close(), more.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

func TestSweepRemovesPrivateNamespacesOfTheKilled(t *testing.T) {
	creator := testkit.Start(t, "private", "y", "club")
	answers(t, creator, "new", "ok")
	answers(t, creator, "mutex m", "ok")
	creator.Kill()
	if len(privateDirs(t)) != 1 {
		t.Fatalf("directories: %v", privateDirs(t))
	}
	if n, err := Sweep(LocalScope); n != 1 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

func TestPrivateNamespaceRefuses(t *testing.T) {
	me := os.Geteuid()
	for _, c := range []struct {
		b     Boundary
		alias string
		want  error
	}{
		{Boundary{}, "club", fs.ErrInvalid},
		{Boundary{Users: []int{-1}}, "club", fs.ErrInvalid},
		{Boundary{Groups: []int{-2}}, "club", fs.ErrInvalid},
		{Boundary{Users: []int{me + 1}}, "club", fs.ErrPermission},
		{Boundary{Users: []int{me, me + 1}}, "club", fs.ErrPermission},
		{Boundary{Users: []int{me}, Groups: []int{987654}}, "club", fs.ErrPermission},
		{Boundary{Name: "\xff", Users: []int{me}}, "club", ErrBadName},
		{mine(""), "", ErrBadName},
		{mine(""), `a\b`, ErrBadName},
		{mine(""), "\x00", ErrBadName},
		{mine(""), "Local", ErrWrongType},
		{mine(""), "Global", ErrWrongType},
		{mine(""), "Session", ErrWrongType},
	} {
		if _, err := NewPrivateNamespace(c.b, c.alias); !errors.Is(err, c.want) {
			t.Errorf("NewPrivateNamespace(%v, %q) = %v, want %v", c.b, c.alias, err, c.want)
		}
		want := c.want
		if errors.Is(want, fs.ErrPermission) {
			want = fs.ErrNotExist // the opener need not be inside
		}
		if _, err := OpenPrivateNamespace(c.b, c.alias); !errors.Is(err, want) {
			t.Errorf("OpenPrivateNamespace(%v, %q) = %v, want %v", c.b, c.alias, err, want)
		}
	}
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

func TestWaitAllOverPrivateNamespaces(t *testing.T) {
	p := newPrivate(t, mine("all"), "club")
	q := newPrivate(t, mine("all"), "other")
	event := func(name string) *Event {
		e, err := CreateEvent(name, EventOptions{Signaled: true, ManualReset: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	a, b, local, other := event(`club\a`), event(`club\b`), event(`a`), event(`other\a`)
	ctx := context.Background()
	if _, err := WaitAll(ctx, a, b); err != nil {
		t.Errorf("within one: %v", err)
	}
	for _, pair := range [][]Waitable{{a, local}, {local, a}, {a, other}} {
		if _, err := WaitAll(ctx, pair...); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("of two: %v", err)
		}
	}
	if os.Geteuid() == 0 {
		global := event(`Global\a`)
		for _, set := range [][]Waitable{{a, global}, {global, b, local}, {a, local, other, global}} {
			if _, err := WaitAll(ctx, set...); err != nil {
				t.Errorf("with a global one: %v", err)
			}
		}
	}
	if _, err := WaitAny(ctx, a, local, other); err != nil {
		t.Errorf("any: %v", err)
	}
	_, _ = p, q
}

// A process that gets an object of a private namespace need not have that open, if it
// may enter it.
func TestPrivateObjectIsInherited(t *testing.T) {
	p := newPrivate(t, mine("heirs"), "club")
	m, err := CreateMutex(`club\m`, MutexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := CreateSection(`club\s`, SectionOptions{Size: 4096})
	if err != nil {
		t.Fatal(err)
	}
	cmd := testkit.Command("private.heir")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := Start(cmd, map[string]Object{"m": m, "s": s}); err != nil {
		t.Fatal(err)
	}
	// The creator lets go of all of it: what the heir has keeps the directory.
	if err := errors.Join(m.Close(), s.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	expect := func(want string) {
		t.Helper()
		if !said.Scan() || said.Text() != want {
			t.Errorf("the heir said %q, want %q", said.Text(), want)
		}
	}
	expect("has both")
	if n := len(privateDirs(t)); n != 1 {
		t.Errorf("%d directories", n)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	expect("closed")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

var _ = testkit.Role("private.heir", func(self *testkit.Self) {
	m, err := Inherited[*Mutex]("m")
	self.Must(err)
	s, err := Inherited[*Section]("s")
	self.Must(err)
	if previous, err := m.Lock(context.Background()); previous != nil || err != nil {
		self.Say("lock: %v, %v", previous, err)
	}
	_, err = OpenMutex(`club\m`, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		self.Say("the alias is none here: %v", err)
	}
	self.Say("has both")
	self.Hear()
	self.Must(errors.Join(m.Unlock(), m.Close(), s.Close()))
	self.Say("closed")
})

// Goroutines open and close the namespace, and objects in it, all at once; the
// directory stays as long as one of them, or the creator, needs it.
func TestPrivateNamespaceIsOpenedAndClosedAtOnce(t *testing.T) {
	creator := testkit.Start(t, "private", "busy", "club")
	answers(t, creator, "new", "ok")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				if err := comeAndGo(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if n := len(privateDirs(t)); n != 1 {
		t.Errorf("%d directories", n)
	}
	answers(t, creator, "close", "ok")
	creator.End()
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

// comeAndGo uses the namespace for a moment, and an object for a moment longer.
func comeAndGo() error {
	p, err := OpenPrivateNamespace(mine("busy"), "club")
	if err != nil {
		return err
	}
	e, _, err := CreateOrOpenEvent(`club\e`, EventOptions{ManualReset: true})
	if err != nil {
		return errors.Join(err, p.Close())
	}
	s, _, err := CreateOrOpenSection(`club\s`, SectionOptions{Size: 1})
	if err != nil {
		return errors.Join(err, e.Close(), p.Close())
	}
	return errors.Join(e.Set(), p.Close(), e.Wait(context.Background()), e.Close(), s.Close())
}

func TestPrivateNamespaceLeaksNothing(t *testing.T) {
	creator := testkit.Start(t, "private", "leaks", "club")
	answers(t, creator, "new", "ok")
	cycle := func() {
		t.Helper()
		if _, err := NewPrivateNamespace(mine("leaks"), "club"); !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		if _, err := NewPrivateNamespace(Boundary{Users: []int{os.Geteuid() + 1}}, "club"); !errors.Is(err, fs.ErrPermission) {
			t.Fatal(err)
		}
		if _, err := OpenPrivateNamespace(mine("none"), "club"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		p, err := OpenPrivateNamespace(mine("leaks"), "club")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewPrivateNamespace(mine("another"), "club"); !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		e, err := CreateEvent(`club\e`, EventOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.Close(), e.Close()); err != nil {
			t.Fatal(err)
		}
	}
	cycle() // what a process opens once
	before := len(testkit.Descriptors())
	for range 50 {
		cycle()
	}
	if n := len(testkit.Descriptors()); n != before {
		t.Errorf("%d descriptors, before %d: %v", n, before, testkit.Descriptors())
	}
	answers(t, creator, "close", "ok")
	creator.End()
	if dirs := privateDirs(t); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}
