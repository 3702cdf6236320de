//go:build linux

package atoll

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// The role of a user who creates, opens and tries. Handles have names of their own,
// so that one process can have several of an object.
//
//	create; HANDLE; TYPE; NAME; MODE    makes an object
//	open; HANDLE; TYPE; NAME; ACCESS    opens it
//	do; HANDLE; CALL                    one of its calls, which may not wait
//	close; HANDLE
//	stat; NAME                          what Stat says
var _ = testkit.Role("rights", func(self *testkit.Self) {
	handles := make(map[string]*guest)
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		words := strings.Split(line, "; ")
		var err error
		switch words[0] {
		case "create", "open":
			handles[words[1]], err = openRights(words)
		case "do":
			g := handles[words[1]]
			if g == nil {
				self.Say("%s: no such handle", line)
				continue
			}
			err = g.do(context.Background(), words[2])
		case "close":
			err = handles[words[1]].Close()
		case "stat":
			var info Info
			if info, err = Stat(words[1]); err == nil {
				self.Say("%s: done %v %d", line, info.Mode, info.UID)
				continue
			}
		}
		self.Say("%s: %s", line, spell(err))
	}
})

func openRights(words []string) (*guest, error) {
	if words[2] != "section" {
		return openGuest([]string{words[0], words[2], words[3], words[4]})
	}
	number, err := strconv.ParseUint(words[4], 0, 32)
	if err != nil {
		return nil, err
	}
	if words[0] == "open" {
		s, err := OpenSection(words[3], Access(number))
		return guestSection(s), err
	}
	s, err := CreateSection(words[3], SectionOptions{Size: 4096, Security: &Security{Mode: fs.FileMode(number)}})
	return guestSection(s), err
}

func guestSection(s *Section) *guest {
	mapAs := func(a Access) call {
		return func(context.Context) error {
			v, err := s.Map(a, 0, 0)
			if err != nil {
				return err
			}
			if a == Write {
				v.Bytes()[0]++
			}
			return v.Close()
		}
	}
	return &guest{Object: s, calls: map[string]call{
		"read": mapAs(Read), "write": mapAs(Write), "copy": mapAs(Copy),
		"sneak": func(context.Context) error { return sneak(s) },
	}}
}

// sneak tries every way around a read-only descriptor that a process has.
func sneak(s *Section) error {
	f, err := s.File()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	fd := int(f.Fd())
	if again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR, 0); err == nil {
		_ = unix.Close(again)
		return fmt.Errorf("it was opened again for writing")
	}
	if _, err := unix.Pwrite(fd, []byte{1}, s.DataOffset()); err == nil {
		return fmt.Errorf("it was written")
	}
	if b, err := unix.Mmap(fd, s.DataOffset(), 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		_ = unix.Munmap(b)
		return fmt.Errorf("it was mapped for writing")
	}
	b, err := unix.Mmap(fd, s.DataOffset(), 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(b) }()
	if unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE) == nil {
		return fmt.Errorf("its pages were made writable")
	}
	for what, err := range map[string]error{
		"truncated": unix.Ftruncate(fd, 1), "given another mode": unix.Fchmod(fd, 0o666), "given away": unix.Fchown(fd, ben, -1),
	} {
		if err == nil {
			return fmt.Errorf("it was %s", what)
		}
	}
	return nil
}

// What rights a file has counts when a handle is made: a process that has the
// object gets no more, and no less, than by a first open. Handles that exist go on.
func TestRightsChange(t *testing.T) {
	base := company(t)
	a, b := asUser(t, ann, base, "rights"), asUser(t, ben, base, "rights")
	path := base + "/atoll/it"
	read, write := strconv.Itoa(int(Read)), strconv.Itoa(int(Write))
	tells(t, a, `create; a; section; Global\it; 0644`, "done")
	tells(t, b, `open; r; section; Global\it; `+read, "done")
	tells(t, b, "do; r; read", "done")
	tells(t, b, "do; r; sneak", "done")
	tells(t, b, `open; w; section; Global\it; `+write, "5", "open it with the access Read")

	must(t, os.Chmod(path, 0o666))
	tells(t, b, `open; w; section; Global\it; `+write, "done")
	tells(t, b, "do; w; write", "done")
	tells(t, b, "do; r; write", "5")
	tells(t, b, `open; w2; section; Global\it; 0`, "done")
	if n := descriptorsOf(t, b, path); n != 2 {
		t.Errorf("%d descriptors of the object, want one for reading and one for writing", n)
	}

	must(t, os.Chmod(path, 0o600)) // C400
	tells(t, b, `open; w3; section; Global\it; 0`, "5", "belongs to uid 61001 with mode 0600")
	tells(t, b, `open; r2; section; Global\it; `+read, "5")
	tells(t, b, "do; w; write", "done")
	tells(t, b, "do; r; read", "done")
	must(t, os.Chmod(path, 0o644))
	tells(t, b, `open; r2; section; Global\it; `+read, "done")
	tells(t, b, `open; w3; section; Global\it; 0`, "5", "open it with the access Read")
	for _, h := range []string{"w", "w2", "r2"} {
		tells(t, b, "close; "+h, "done")
	}
	if n := descriptorsOf(t, b, path); n != 2 {
		t.Errorf("%d descriptors of the object, want both as long as it is read", n)
	}
	tells(t, a, "close; a", "done")
	tells(t, b, "do; r; read", "done")
	tells(t, b, "close; r", "done")
	if n := descriptorsOf(t, b, path); n != 0 {
		t.Errorf("%d descriptors are left", n)
	}
	// The file is another user's, so in a sticky directory only that user and root
	// can remove it; its memory is given back.
	st, err := os.Stat(path)
	must(t, err)
	if st.Size() >= 4096 {
		t.Errorf("%d bytes are left", st.Size())
	}
	tells(t, b, `create; b; section; Global\it; 0644`, "5", "belongs to uid 61001, and nobody has it any more", "atoll sweep")
	tells(t, a, `create; a; section; Global\it; 0644`, "done")
	tells(t, a, "close; a", "done")
}

func descriptorsOf(t *testing.T, c *testkit.Child, path string) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", c.PID())
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil && target == path {
			n++
		}
	}
	return n
}
