//go:build linux

package atoll

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/testkit"
)

// Whoever may write a section of memory can make its header say that it is over a
// file. Another who opens it must not be led to one that the forger could not open.
func TestSectionForgedIntoFile(t *testing.T) {
	base := company(t)
	secret := filepath.Join(base, "secret")
	must(t, os.WriteFile(secret, make([]byte, 4096), 0o600))
	open := func(name string) error {
		child := asUser(t, 0, base, "forged.open", name)
		defer child.End()
		if line := child.Line(); line != "opened" {
			return errors.New(line)
		}
		return nil
	}
	holder := asUser(t, 0, base, "forged.hold", `Global\forged`, secret)
	defer holder.End()
	holder.Expect("made")
	// One that nobody else can reach, though its mode is open to everybody, and one
	// that has no path at all.
	private := filepath.Join(base, "private")
	must(t, os.Mkdir(private, 0o700))
	inside := filepath.Join(private, "open")
	must(t, os.WriteFile(inside, make([]byte, 4096), 0o600))
	must(t, os.Chmod(inside, 0o666))
	fd, err := unix.MemfdCreate("open", unix.MFD_CLOEXEC)
	must(t, err)
	memory := os.NewFile(uintptr(fd), "open")
	defer func() { must(t, memory.Close()) }()
	must(t, errors.Join(memory.Truncate(4096), memory.Chmod(0o777)))
	for _, path := range []string{inside, fmt.Sprintf("/proc/self/fd/%d", fd), secret} {
		var st unix.Stat_t
		must(t, unix.Stat(path, &st)) // a forger could guess the numbers
		forger := asUser(t, ben, base, "forged.forge", filepath.Join(base, "atoll", "forged"), path, strconv.FormatUint(st.Dev, 10), strconv.FormatUint(st.Ino, 10))
		forger.Expect("forged")
		forger.End()
		if err := open(`Global\forged`); err == nil {
			t.Errorf("root was led to %s, which the forger could not open", path)
		}
	}
	if err := open(`Global\forged`); err == nil {
		t.Error("root was led to a file that the forger could not open")
	} else {
		t.Log(err)
	}
	// The same with rights that were narrowed since.
	must(t, os.Chmod(filepath.Join(base, "atoll", "forged"), 0o600))
	if err := open(`Global\forged`); err == nil {
		t.Error("once its rights are narrowed, the forged header is believed")
	}
	// What its owner alone may write is believed.
	if err := open(`Global\honest`); err != nil {
		t.Errorf("an honest section over a file: %v", err)
	}
}

var _ = testkit.Role("forged.hold", func(self *testkit.Self) {
	s, err := CreateSection(self.Args[0], SectionOptions{Size: 4096, Security: &Security{Mode: 0o666}})
	self.Must(err)
	f, err := os.OpenFile(self.Args[1], os.O_RDWR, 0)
	self.Must(err)
	honest, err := CreateSection(`Global\honest`, SectionOptions{File: f, Security: &Security{Mode: 0o644}})
	self.Must(err)
	self.Say("made")
	self.Hear()
	self.Must(s.Close())
	self.Must(honest.Close())
})

var _ = testkit.Role("forged.forge", func(self *testkit.Self) {
	f, err := os.OpenFile(self.Args[0], os.O_RDWR, 0)
	self.Must(err)
	dev, err := strconv.ParseUint(self.Args[2], 10, 64)
	self.Must(err)
	ino, err := strconv.ParseUint(self.Args[3], 10, 64)
	self.Must(err)
	h := layout.Header{
		Type: layout.Section, Flags: layout.FlagFile, Size: 4096, Protection: 1, Created: 1,
		FileDev: dev, FileIno: ino, Name: "forged", Path: self.Args[1],
	}
	self.Must(f.Truncate(h.FileSize()))
	_, err = f.WriteAt(h.Encode(), 0)
	self.Must(err)
	self.Say("forged")
})

var _ = testkit.Role("forged.open", func(self *testkit.Self) {
	s, err := OpenSection(self.Args[0], 0)
	if err != nil {
		self.Say("%v", err)
		return
	}
	self.Must(s.Close())
	self.Say("opened")
})
