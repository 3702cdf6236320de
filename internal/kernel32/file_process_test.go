//go:build linux

package kernel32

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/fileuse"
	"atoll/internal/onlinux"
	"atoll/internal/testkit"
	"atoll/internal/winfile"
)

// fileBusy opens a file for itself and lets others delete it, makes a section over it,
// and goes on until it is killed.
var _ = testkit.Role("file busy", func(s *testkit.Self) {
	s.Say("goes on")
	for {
		h, err := CreateFile(s.Args[0], readAndWrite|access.Delete, uint32(rand.IntN(8)), nil, winfile.OpenExisting, 0)
		if err != nil {
			continue
		}
		m, err := CreateFileMapping(Mapping{File: h, Protection: 4, Size: 1 << 12, Name: NullName})
		if err == nil {
			s.Must(CloseHandle(m))
		} else {
			s.Say("%v", err)
		}
		s.Must(CloseHandle(h))
	}
})

// fileUser opens a file as another user.
var _ = testkit.Role("file user", func(s *testkit.Self) {
	for {
		path, more := s.Hear()
		if !more {
			return
		}
		for _, asked := range []access.Mask{0, access.GenericRead, access.GenericWrite, access.Delete} {
			h, err := CreateFile(path, asked, sharing, nil, winfile.OpenExisting, 0)
			if err == nil {
				s.Must(CloseHandle(h))
			}
			s.Say("%d", errs.Number(err))
		}
		s.Say("%d", errs.Number(DeleteFile(path)))
	}
})

// Processes that are killed at any moment of opening, mapping and closing leave nothing
// that is in anybody's way.
func TestFileKilled(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "file"), "text", 0o666)
	for range 10 {
		children := make([]*testkit.Child, 3)
		for i := range children {
			children[i] = testkit.Start(t, "file busy", path)
			children[i].Expect("goes on")
		}
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond)
		for _, c := range children {
			c.Kill()
		}
		h, err := CreateFile(path, readAndWrite, 0, nil, winfile.OpenExisting, 0)
		number(t, 0, err)
		number(t, 0, CloseHandle(h))
		h, err = CreateFile(path, access.GenericWrite, 0, nil, winfile.TruncateExisting, 0)
		number(t, 0, err)
		number(t, 0, CloseHandle(h))
	}
	number(t, 0, DeleteFile(path))
}

// What package atoll's sections impose is what package win32's do: from their creation
// to the last handle and view.
func TestSectionOfTheOtherFace(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "file"), string(make([]byte, 1<<13)), 0o666)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	number(t, 0, err)
	defer func() { _ = f.Close() }() // it is open all the time, and in nobody's way
	for _, section := range []struct {
		protection access.Protection
		shared     uint32 // what one gets who lets others only read
	}{{access.ReadWrite, errs.SharingViolation}, {access.ReadOnly, 0}, {access.WriteCopy, 0}} {
		protection, shared := section.protection, section.shared
		s, _, err := onlinux.OpenSection("", onlinux.MustCreate, onlinux.SectionOptions{File: f, Protection: protection})
		number(t, 0, err)
		demand := func(what string, shared, mapped, kept uint32) {
			t.Helper()
			h, err := CreateFile(path, access.GenericRead, 1, nil, winfile.OpenExisting, 0)
			if got := errs.Number(err); got != shared {
				t.Errorf("%s, protection %v: opening: %v, want %d", what, protection, err, shared)
			}
			_ = CloseHandle(h)
			if mapped != 0 {
				refusedFile(t, mapped, path, access.GenericWrite, sharing, winfile.CreateAlways, 0)
			}
			h = openFile(t, path, readAndWrite|access.Delete, sharing, winfile.OpenExisting, 0)
			number(t, mapped, SetEndOfFile(h))
			number(t, kept, disposition(h, 1))
			number(t, 0, disposition(h, 0))
			number(t, 0, CloseHandle(h))
			if kept != 0 {
				number(t, kept, DeleteFile(path))
			}
			number(t, 0, os.Truncate(path, 1<<13)) // who does not ask may all the same
		}
		demand("a handle", shared, errs.UserMappedFile, errs.AccessDenied)
		v, err := s.Map(0, access.Read, 0, 0)
		number(t, 0, err)
		number(t, 0, s.Close())
		demand("a view", shared, errs.UserMappedFile, errs.AccessDenied)
		number(t, 0, v.Close())
		demand("nothing", 0, 0, 0)
	}
}

// Duplicates, and those who open a section by its name, hold its file as its creator does.
func TestSectionHolders(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "file"), string(make([]byte, 1<<13)), 0o666)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	number(t, 0, err)
	defer func() { _ = unix.Close(fd) }()
	file := openFile(t, path, readAndWrite, sharing, winfile.OpenExisting, 0)
	const name = "files: who holds a section"
	first, err := CreateFileMapping(Mapping{File: file, Protection: 4, Name: name})
	number(t, 0, err)
	second, err := CreateFileMapping(Mapping{File: file, Protection: 2, Name: name}) // the same, writable
	number(t, errs.AlreadyExists, err)
	var third Handle
	number(t, 0, DuplicateHandle(CurrentProcess, second, CurrentProcess, &third, access.Read, false, 0))
	for _, h := range []Handle{first, second, third} {
		if s := fileuse.Alive(fd); s != fileuse.Data|fileuse.Writable {
			t.Errorf("before %#x is closed: %b", h, s)
		}
		number(t, 0, CloseHandle(h))
	}
	if s := fileuse.Alive(fd); s != 0 {
		t.Errorf("after the last: %b", s)
	}
}

// Another user gets what the modes of file and directory allow; sharing binds them, too.
func TestFileOfAnotherUser(t *testing.T) {
	testkit.NeedRoot(t)
	dir, err := os.MkdirTemp("/tmp", "atoll-files-")
	number(t, 0, err)
	defer func() { _ = os.RemoveAll(dir) }()
	number(t, 0, os.Chmod(dir, 0o777|os.ModeSticky))
	cmd := testkit.Command("file user")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 23017, Gid: 23017}}
	c := testkit.StartCommand(t, cmd)
	ask := func(path string, want ...string) {
		t.Helper()
		c.Tell("%s", path)
		for i := range want {
			if got := c.Line(); got != want[i] {
				t.Errorf("%s: answer %d is %s, want %v", path, i, got, want)
			}
		}
	}
	secret := write(t, filepath.Join(dir, "secret"), "text", 0o600)
	ask(secret, "0", "5", "5", "5", "5")
	readable := write(t, filepath.Join(dir, "readable"), "text", 0o644)
	number(t, 0, os.Chmod(readable, 0o644))
	ask(readable, "0", "0", "5", "5", "5")
	h := openFile(t, readable, access.GenericRead, 0, winfile.OpenExisting, 0)
	ask(readable, "0", "32", "5", "5", "5")
	number(t, 0, CloseHandle(h))
	number(t, 0, os.Chmod(secret, 0o222)) // written without being read: nothing is imposed
	ask(secret, "0", "5", "0", "5", "5")
	own := write(t, filepath.Join(dir, "own"), "text", 0o600)
	number(t, 0, os.Chown(own, 23017, 23017))
	h = openFile(t, own, access.GenericRead, 3, winfile.OpenExisting, 0)
	ask(own, "0", "0", "0", "32", "32")
	number(t, 0, CloseHandle(h))
	ask(own, "0", "0", "0", "0", "0")
	c.End()
}

// No descriptor is left, whatever fails.
func TestFileLeaks(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "file"), "text", 0o444)
	open := write(t, filepath.Join(dir, "open"), "text", 0o666)
	number(t, 0, os.Symlink("nowhere", filepath.Join(dir, "link")))
	openFile(t, open, readAndWrite, 0, winfile.OpenExisting, 0)
	before := len(testkit.Descriptors())
	for _, p := range []string{path, open, dir, filepath.Join(dir, "link"), filepath.Join(dir, "none", "x"), "/dev/null", "/dev/tty"} {
		for _, asked := range []access.Mask{0, access.GenericRead, access.GenericWrite, access.Delete, access.MaximumAllowed} {
			for _, flags := range []uint32{0, winfile.BackupSemantics, winfile.OpenReparsePoint} {
				for d := uint32(1); d <= 5; d++ {
					if h, _ := CreateFile(p, asked, 0, nil, d, flags); h != InvalidHandle {
						number(t, 0, CloseHandle(h))
					}
				}
			}
		}
		if p != "/dev/null" && p != "/dev/tty" {
			_ = CopyFile(p, open, false)
			_ = CopyFile(open, p, true)
			_ = MoveFile(p, open)
			_ = DeleteFile(dir)
		}
	}
	if after := len(testkit.Descriptors()); after != before {
		t.Errorf("%d descriptors, before it were %d: %v", after, before, testkit.Descriptors())
	}
}
