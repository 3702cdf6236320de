//go:build linux

package atoll

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// A process in a mount namespace of its own, which mounts what its first argument
// says over the base directory of the tests ("" nothing), then tries to create a
// section of as many MiB as its second one says, and says how that ended.
var _ = testkit.Role("contained", func(self *testkit.Self) {
	self.Must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	base := testkit.Base()
	if options, readOnly := strings.CutPrefix(self.Args[0], "ro,"); options != "" {
		flags := uintptr(0)
		if readOnly {
			flags = unix.MS_RDONLY
		}
		self.Must(unix.Mount("tmpfs", base, "tmpfs", flags, options))
	}
	var mib int64
	_, err := fmt.Sscan(self.Args[1], &mib)
	self.Must(err)
	s, err := CreateSection("contained", SectionOptions{Size: mib << 20})
	if e, ok := errors.AsType[*Error](err); ok {
		self.Say("%d %v", e.Win32(), err)
	} else {
		self.Must(err)
		self.Say("created")
	}
	self.Say("%d files", len(testkit.Objects(base)))
	_, err = OpenMutex("outside", 0)
	self.Say("outside: %s", outcome(err))
	self.Hear()
	if s != nil {
		self.Must(s.Close())
	}
})

// startContained starts a process in a mount namespace of its own.
func startContained(t *testing.T, mount, mib string) *testkit.Child {
	t.Helper()
	testkit.NeedRoot(t)
	cmd := testkit.Command("contained", mount, mib)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	return testkit.StartCommand(t, cmd)
}

// N3: who has a /dev/shm of their own sees nothing of others, and Doctor says so.
func TestContainerWithItsOwnMemory(t *testing.T) {
	newTestMutex(t, "outside", MutexOptions{})
	c := startContained(t, "size=64m,mode=1777", "1")
	c.Expect("created")
	c.Expect("1 files")
	c.Expect("outside: no such")
	if _, err := OpenSection("contained", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the container's object is seen: %v", err)
	}
	r, err := DoctorOf(c.PID())
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Problems(); len(p) != 1 || !strings.Contains(p[0].Why, "can never see each other") || p[0].Remedy == "" {
		t.Errorf("Doctor: %+v", r)
	}
	same := startContained(t, "", "1") // another mount namespace, the same memory
	same.Expect("created")
	same.Expect("2 files")
	same.Expect("outside: ok")
	if r, err = DoctorOf(same.PID()); err != nil || len(r.Problems()) != 0 {
		t.Errorf("Doctor: %+v, %v", r, err)
	}
	same.End()
	c.End()
}

// N4: a section that does not fit is an error from Create, and leaves nothing.
func TestContainerWithLittleMemory(t *testing.T) {
	c := startContained(t, "size=64m,mode=1777", "65")
	if line := c.Line(); !strings.HasPrefix(line, "1455 ") || !strings.Contains(line, "no room") {
		t.Errorf("65 MiB of 64: %q", line)
	}
	c.Expect("0 files")
	c.End()
}

// N7: a base directory that is missing, or cannot be written, is named.
func TestContainerWithoutMemory(t *testing.T) {
	c := startContained(t, "ro,size=64m,mode=1777", "1")
	if line := c.Line(); !strings.Contains(line, testkit.Base()) || !strings.Contains(line, "read-only") {
		t.Errorf("read-only: %q", line)
	}
	c.Expect("0 files")
	c.End()
	cmd := testkit.Command("contained", "", "1")
	cmd.Env = append(cmd.Env, "ATOLL_ROOT=/dev/shm/nothing")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	c = testkit.StartCommand(t, cmd)
	if line := c.Line(); !strings.Contains(line, "base directory /dev/shm/nothing: no such file or directory") {
		t.Errorf("missing: %q", line)
	}
	c.Expect("0 files")
	c.End()
	t.Setenv("ATOLL_ROOT", "/dev/shm/nothing")
	if p := Doctor().Problems(); len(p) == 0 || !strings.Contains(p[0].What, "/nothing") {
		t.Errorf("Doctor: %+v", p)
	}
}

// N2: root of a user namespace is none: what a user of the host has is closed to it,
// although that user is root, too, there.
func TestMappedRootIsNoRoot(t *testing.T) {
	testkit.NeedRoot(t)
	const host = 23011
	base := publicBase(t) // of the host's root
	if err := os.MkdirAll(filepath.Join(base, "atoll-0", "members"), 0o700); err != nil {
		t.Fatal(err)
	}
	child := func(local, rest string) {
		t.Helper()
		cmd := testkit.Command("mapped-root")
		cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			Credential:  &syscall.Credential{}, // root, inside
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: host, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: host, Size: 1}},
		}
		c := testkit.StartCommand(t, cmd)
		for _, what := range []string{"create", "open", "global", "private"} {
			want := rest
			if what == "create" || what == "open" {
				want = local
			}
			if line := c.Line(); !strings.Contains(line, want) || !strings.HasPrefix(line, what+": ") {
				t.Errorf("%q, want %q in it", line, want)
			}
		}
		if line := c.Line(); !strings.Contains(line, "not mapped into this user namespace") {
			t.Errorf("Doctor: %q", line)
		}
		c.End()
	}
	// The host's root owns the base: inside it is nobody's.
	child("not mapped into this user namespace", "not mapped into this user namespace")
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 1 {
		t.Errorf("it made %v, %v", entries, err)
	}
	// The base is its own, and in it lies a directory of the host's root.
	if err := os.Chown(base, host, host); err != nil {
		t.Fatal(err)
	}
	child("atoll-0 belongs to uid 65534", "")
}

var _ = testkit.Role("mapped-root", func(self *testkit.Self) {
	_, err := CreateMutex("x", MutexOptions{})
	self.Say("create: %v", err)
	_, err = OpenMutex("x", 0)
	self.Say("open: %v", err)
	_, err = CreateMutex(`Global\x`, MutexOptions{})
	self.Say("global: %v", err)
	_, err = NewPrivateNamespace(Boundary{Users: []int{0}}, "club")
	self.Say("private: %v", err)
	for _, f := range Doctor().Findings {
		if strings.Contains(f.What, "uids that are not mapped") {
			self.Say("%s", f.What)
		}
	}
})
