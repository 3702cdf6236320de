//go:build linux

package fileuse

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"atoll/internal/errs"
)

// model is what Windows keeps of a file.
type model struct {
	path     string
	uses     map[int]Use
	sections map[int]Sections
	pending  map[int]bool
}

// wants is the number that a use gets: the rules of share modes and of sections, in
// their order.
func (m *model) wants(u Use) uint32 {
	asked := u.Access
	if u.Truncate {
		asked |= Write
	}
	for range m.pending {
		return errs.AccessDenied
	}
	for _, other := range m.uses {
		if other.Access != 0 && asked&^other.Share != 0 || u.Access != 0 && other.Access&^u.Share != 0 {
			return errs.SharingViolation
		}
	}
	var alive Sections
	for _, s := range m.sections {
		alive |= s
	}
	switch {
	case alive&Writable != 0 && u.Share&Write == 0, alive&Image != 0 && u.WriteData:
		return errs.SharingViolation
	case alive&Image != 0 && u.DeleteOnClose:
		return errs.AccessDenied
	case alive != 0 && u.Truncate:
		return errs.UserMappedFile
	}
	return 0
}

func drawUse(t *rapid.T) Use {
	rights := rapid.Uint8Range(0, uint8(All))
	return Use{
		Access: Rights(rights.Draw(t, "access")), Share: Rights(rights.Draw(t, "share")),
		WriteData: rapid.Bool().Draw(t, "write data"), DeleteOnClose: rapid.Bool().Draw(t, "delete on close"),
		Truncate: rapid.Bool().Draw(t, "truncate"),
	}
}

// Any uses, sections and marks in any order: everybody gets what the model says.
func TestModel(t *testing.T) {
	path := aFile(t)
	rapid.Check(t, func(t *rapid.T) {
		m := model{path, make(map[int]Use), make(map[int]Sections), make(map[int]bool)}
		defer m.close()
		t.Repeat(map[string]func(*rapid.T){
			"open":         m.open,
			"leave":        func(t *rapid.T) { fd := m.someone(t); Leave(fd); m.uses[fd] = Use{}; delete(m.pending, fd) },
			"section":      m.section,
			"section gone": m.sectionGone,
			"mark":         m.mark,
			"unmark":       func(t *rapid.T) { fd := m.someone(t); Unpend(fd); delete(m.pending, fd) },
			"close": func(t *rapid.T) {
				fd := m.someone(t)
				delete(m.uses, fd)
				delete(m.pending, fd)
				_ = unix.Close(fd)
			},
			"cut": func(t *rapid.T) {
				done := false
				err := Cut(m.someone(t), func() error { done = true; return nil })
				if done != (len(m.sections) == 0) || (err == nil) != done {
					t.Fatalf("cut off: %v, %v, with sections %v", done, err, m.sections)
				}
			},
		})
	})
}

func (m *model) fresh(t *rapid.T) int {
	fd, err := unix.Open(m.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func (m *model) close() {
	for fd := range m.uses {
		_ = unix.Close(fd)
	}
	for fd := range m.sections {
		_ = unix.Close(fd)
	}
}

func (m *model) someone(t *rapid.T) int {
	if len(m.uses) == 0 {
		t.Skip("nobody")
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m.uses))).Draw(t, "who")
}

func (m *model) open(t *rapid.T) {
	u, fd := drawUse(t), m.fresh(t)
	err := u.Enter(fd)
	if want := m.wants(u); errs.Number(err) != want {
		t.Fatalf("%+v gets %v, want %d; there are %+v and %v", u, err, want, m.uses, m.sections)
	}
	if err != nil {
		_ = unix.Close(fd)
		return
	}
	m.uses[fd] = u
}

func (m *model) section(t *rapid.T) {
	fd := m.fresh(t)
	m.sections[fd] = rapid.SampledFrom([]Sections{Data, Data | Writable, Image}).Draw(t, "kind")
	Hold(fd, m.sections[fd])
}

func (m *model) sectionGone(t *rapid.T) {
	if len(m.sections) == 0 {
		t.Skip("none")
	}
	fd := rapid.SampledFrom(slices.Sorted(maps.Keys(m.sections))).Draw(t, "which")
	delete(m.sections, fd)
	_ = unix.Close(fd)
}

func (m *model) mark(t *rapid.T) {
	fd := m.someone(t)
	err := Pend(fd)
	if (err == nil) != (len(m.sections) == 0) {
		t.Fatalf("marked: %v, with sections %v", err, m.sections)
	}
	if err == nil {
		m.pending[fd] = true
	}
}

// Many decide at once: never two have it whose uses do not go together, and whoever
// goes with everybody gets it each time.
func TestAtOnce(t *testing.T) {
	path := aFile(t)
	var inside, entered atomic.Int32
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 50 {
				fd := open(t, path, unix.O_RDONLY)
				if err := alone.Enter(fd); err == nil {
					if n := inside.Add(1); n != 1 {
						t.Errorf("%d have it alone", n)
					}
					entered.Add(1)
					inside.Add(-1)
				} else if errs.Number(err) != errs.SharingViolation {
					t.Error(err)
				}
				Leave(fd)
			}
		})
	}
	all.Wait()
	if entered.Load() == 0 {
		t.Error("nobody ever had it")
	}
	for range 6 {
		all.Go(func() {
			for range 50 {
				fd := open(t, path, unix.O_RDONLY)
				if err := (Use{Access: Read | Write, Share: Read | Write}).Enter(fd); err != nil {
					t.Errorf("who shares all that others do: %v", err)
				}
				Leave(fd)
			}
		})
	}
	all.Wait()
	number(t, 0, alone.Enter(open(t, path, unix.O_RDONLY)))
}

// A mapping keeps what the description says, without a descriptor.
func TestMappingKeeps(t *testing.T) {
	path := aFile(t)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	number(t, 0, err)
	Hold(fd, Data|Writable)
	view, err := unix.Mmap(fd, 0, 1<<12, unix.PROT_READ, unix.MAP_SHARED)
	number(t, 0, err)
	number(t, 0, unix.Close(fd))
	other := open(t, path, unix.O_RDONLY)
	number(t, errs.SharingViolation, Use{}.Enter(other))
	number(t, errs.UserMappedFile, Use{Access: Write, Share: All, Truncate: true}.Enter(other))
	number(t, errs.UserMappedFile, Cut(other, func() error { t.Error("it was cut off"); return nil }))
	number(t, errs.AccessDenied, Removable(other))
	number(t, 0, unix.Munmap(view))
	number(t, 0, Use{Access: Write, Share: All, Truncate: true}.Enter(other))
	number(t, 0, Removable(other))
}

// A section changes its kind, when it turns out to be an older one's.
func TestHoldAgain(t *testing.T) {
	path := aFile(t)
	section, other := open(t, path, unix.O_RDWR), open(t, path, unix.O_RDONLY)
	for _, s := range []Sections{Data | Writable, Data, Image, Data | Writable} {
		Rehold(section, s)
		if got := Alive(other); got != s {
			t.Errorf("sections %b, want %b", got, s)
		}
	}
}
