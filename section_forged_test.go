//go:build linux

package atoll

import (
	"errors"
	"os"
	"path/filepath"
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
	forger := asUser(t, ben, base, "forged.forge", filepath.Join(base, "atoll", "forged"), secret)
	forger.Expect("forged")
	forger.End()
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
	var st unix.Stat_t
	self.Must(unix.Stat(self.Args[1], &st)) // all may look; a forger could also guess
	h := layout.Header{
		Type: layout.Section, Flags: layout.FlagFile, Size: 4096, Protection: 1, Created: 1,
		FileDev: st.Dev, FileIno: st.Ino, Name: "forged", Path: self.Args[1],
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
