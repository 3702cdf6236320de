//go:build linux

package atoll

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
	"atoll/internal/transfer"
)

// What became of each line about handles (12.4) of the list of Windows' behaviours;
// see sectionLines.
var handleLines = map[string]string{
	"C234": "TestHandleLines/C234",
	"C236": "win32: handles of the Go face cannot be protected from Close",
	"C237": "win32: handles of the Go face are pointers, not numbers",
	"C238": "win32: handles of the Go face are pointers, not numbers; nil is 6 (TestDuplicateAccess)",
	"C240": "win32: handles of the Go face cannot be protected from Close",
	"C241": "win32: handles of the Go face have no flag of inheritance: Start is given what the child gets (TestInheritance)",
	"C242": "win32: handles of the Go face have no flags",
	"C244": "win32: the Go face has no pseudo-handles",
	"C245": "win32: the Go face has no pseudo-handles",
	"C246": "win32: handles of the Go face are pointers, not numbers",
	"C248": "win32: Duplicate of the Go face always returns the handle",
	"C249": "TestHandleLines/C249",
	"C250": "TestHandleLines/C250",
	"C252": "win32: files are os.File here",
	"C253": "TestHandleLines/C253",
	"C254": "TestHandlesElsewhere/C254",
	"C256": "TestHandlesCompared/C256",
	"C257": "TestHandlesCompared/C257",
	"C258": "win32: a child of the Go face finds handles by keys (TestInheritance)",
	"C260": "TestHandlesOfChildren/C260",
	"C261": "TestHandlesOfChildren/C261",
	"C262": "win32: handles of the Go face have no flag of inheritance: Start is given what the child gets (TestInheritance)",
	"C264": "TestHandlesOfChildren/C264",
	"C265": "TestHandlesOfChildren/C265",
	"C413": "win32: access 0 asks the Go face for all that is usual",
	"C414": "win32: the Go face has no pseudo-handles",
}

func TestHandleLines(t *testing.T) {
	t.Run("C234", func(t *testing.T) {
		for _, o := range fiveTypes(t, "") {
			must(t, o.Close())
			wantError(t, o.Close(), os.ErrClosed, 6)
		}
	})
	t.Run("C249", func(t *testing.T) {
		for _, o := range fiveTypes(t, "") {
			_, err := Duplicate(o, ^Access(0))
			wantError(t, err, fs.ErrPermission, 5)
		}
	})
	t.Run("C250", func(t *testing.T) {
		s, err := CreateSection("", SectionOptions{Size: 4096, Protection: ExecuteReadWrite})
		must(t, err)
		d, err := Duplicate(s, GenericAll)
		must(t, err)
		if got := s.kernel.Rights(); got != 0xF000F {
			t.Errorf("the section's access is %#x", uint32(got))
		}
		if got := d.kernel.Rights(); got != 0xF001F {
			t.Errorf("the duplicate's access is %#x", uint32(got))
		}
		must(t, errors.Join(s.Close(), d.Close()))
	})
	t.Run("C253", func(t *testing.T) {
		e := newTestEvent(t, "", EventOptions{})
		c := startHeir(t, stranger(t, publicBase(t)), nil)
		heirSays(t, c, fmt.Sprintf("pull %d %d", os.Getpid(), e.Descriptor()), "does not let this process trace")
		c.End()
		if n := strangersNumber(t, e); n != 5 {
			t.Errorf("the number is %d", n)
		}
	})
}

func TestHandlesElsewhere(t *testing.T) {
	t.Run("C254", func(t *testing.T) {
		for _, o := range fiveTypes(t, "moved-") {
			ends := socketFiles(t, unix.SOCK_STREAM)
			cmd := testkit.Command("heir")
			cmd.ExtraFiles = []*os.File{ends[1]}
			c := startHeir(t, cmd, nil)
			socket := connOf(t, ends[0])
			must(t, errors.Join(ends[1].Close(), Move(socket, o, SameAccess)))
			heirSays(t, c, "receive x", fmt.Sprintf("%s %q", o.Type(), o.Name()))
			heirSays(t, c, "raw", "0") // what was received is closed in children
			alive(t, o.Name(), true)
			heirSays(t, c, "close x", "closed")
			alive(t, o.Name(), false)
			c.End()
		}
	})
}

func TestHandlesCompared(t *testing.T) {
	t.Run("C256", func(t *testing.T) {
		e, m := newTestEvent(t, "same", EventOptions{}), newTestMutex(t, "", MutexOptions{})
		again, err := OpenEvent("same", Wait)
		must(t, err)
		d, err := Duplicate(e, Query)
		must(t, err)
		if !SameObject(e, d) || !SameObject(d, again) || SameObject(e, m) || SameObject(m, nil) {
			t.Error("handles of one object are not the same, or others are")
		}
		must(t, errors.Join(again.Close(), d.Close()))
	})
	t.Run("C257", func(t *testing.T) {
		f, err := os.Create(filepath.Join(t.TempDir(), "file"))
		must(t, err)
		a, err := CreateSection("", SectionOptions{File: f, Size: 4096})
		must(t, err)
		b, err := CreateSection("", SectionOptions{File: f, Size: 4096})
		must(t, err)
		if SameObject(a, b) {
			t.Error("two sections of one file are one object")
		}
		must(t, errors.Join(f.Close(), a.Close(), b.Close()))
	})
}

func TestHandlesOfChildren(t *testing.T) {
	t.Run("C260", func(t *testing.T) {
		newTestEvent(t, "kept from children", EventOptions{})
		c := testkit.Start(t, "heir")
		heirSays(t, c, "inherit x", "has inherited no handles")
		heirSays(t, c, "open", "0")
		c.End()
	})
	t.Run("C261", func(t *testing.T) {
		a, b := newTestEvent(t, "", EventOptions{}), newTestEvent(t, "", EventOptions{})
		c := startHeir(t, testkit.Command("heir"), map[string]Object{"a": a})
		heirSays(t, c, "inherit a", "event")
		heirSays(t, c, "inherit b", `no handle was inherited under the key "b", but under ["a"]`)
		heirSays(t, c, fmt.Sprintf("pull %d %d", c.PID(), b.Descriptor()+1000), "has no descriptor")
		c.End()
	})
	t.Run("C264", func(t *testing.T) {
		s, err := CreateSection("", SectionOptions{Size: 4096})
		must(t, err)
		v, err := s.Map(0, 0, 0)
		must(t, err)
		c := startHeir(t, testkit.Command("heir"), map[string]Object{"s": s})
		heirSays(t, c, "inherit s", "section")
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", c.PID()))
		must(t, err)
		if strings.Contains(string(maps), "memfd:atoll:section") {
			t.Error("the child has a view that it has not mapped")
		}
		heirSays(t, c, "read s", "0")
		c.End()
		must(t, errors.Join(v.Close(), s.Close()))
	})
	t.Run("C265", func(t *testing.T) {
		m := newTestMutex(t, "", MutexOptions{InitiallyOwned: true})
		c := startHeir(t, testkit.Command("heir"), map[string]Object{"m": m})
		heirSays(t, c, "inherit m", "mutex")
		c.Tell("await m")
		c.Silent()
		mustUnlock(t, m)
		c.Expect("waited")
		c.End()
		mustLock(t, m, true)
	})
}

// strangersNumber is the Win32 number that another user gets who wants to take a
// handle out of this process.
func strangersNumber(t *testing.T, o Object) (number int) {
	t.Helper()
	c := startHeir(t, stranger(t, publicBase(t)), nil)
	c.Tell("number %d %d", os.Getpid(), o.Descriptor())
	_, err := fmt.Sscan(c.Line(), &number)
	must(t, err)
	c.End()
	return number
}

// A peer cannot claim more than its descriptor can do.
func TestClaimedAccess(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_STREAM)
	s, err := CreateSection("claimed", SectionOptions{Size: 4096})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, Send(a, s, Read))
	h, err := transfer.Receive(b)
	must(t, err)
	defer h.Close()
	h.Access = s.kernel.Rights()
	must(t, transfer.Send(a, h))
	_, err = Receive[*Section](b)
	wantError(t, err, ErrCorrupt, 1392)
}
