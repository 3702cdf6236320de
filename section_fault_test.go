//go:build linux

package atoll

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// Each system call that makes or maps a section fails, the first one, the second,
// and so on until none is left to fail: every failure is an error, and leaves
// neither a file nor a descriptor nor a mapping. What is only interrupted is done
// again. (mmap is left out, because Go's runtime does not live without it:
// TestMapWithoutAddressSpace has its failures.)
func TestSectionWhenACallFails(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed: apt-get install strace")
	}
	asRoot(t) // to trace a process that is not a child of strace
	for _, c := range []struct {
		kind, calls, fault string
		harmless           bool
	}{
		{"named", "openat,fchmod,ftruncate,fallocate,pwrite64,linkat,fcntl", "EIO", false},
		{"named", "fallocate,ftruncate", "ENOSPC", false},
		{"named", "openat,ftruncate,fallocate,pwrite64", "EINTR", true},
		{"unnamed", "memfd_create,fchmod,ftruncate,fallocate,pwrite64,fcntl", "EIO", false},
		{"over", "readlinkat,openat,fchmod,ftruncate,fallocate,pwrite64,linkat,fcntl", "EIO", false},
		{"existing", "openat,fcntl", "EIO", false},
		{"existing", "openat", "EMFILE", false},
	} {
		t.Run(strings.Join([]string{c.kind, c.fault, c.calls}, " "), func(t *testing.T) {
			child := testkit.Start(t, "makes-sections", c.kind, testFile(t, 4096).Name())
			thread := child.Line()
			for call := range strings.SplitSeq(c.calls, ",") {
				failures := failEach(t, child, thread, call, c.fault)
				if failures > 0 && c.harmless || failures == 0 && !c.harmless {
					t.Errorf("%s failed %d times", call, failures)
				}
			}
			child.End()
		})
	}
}

// failEach lets the first, the second, and so on of a system call fail, and says
// how often the child failed by it.
func failEach(t *testing.T, child *testkit.Child, thread, call, fault string) (failures int) {
	t.Helper()
	for n := 1; n < 60; n++ {
		hit := injected(t, thread, call, fault, n, func() { child.Tell("make"); child.Expect("tried") })
		child.Tell("tell")
		answer := child.Line()
		failed := strings.HasPrefix(answer, "failed")
		if strings.HasPrefix(answer, "left") || failed && !hit {
			t.Fatalf("%s number %d: %s", call, n, answer)
		}
		if !hit {
			return failures
		}
		if failed {
			failures++
		}
	}
	t.Fatalf("%s: it never comes to an end", call)
	return 0
}

// injected runs f while the n-th of a system call of a thread fails, and says
// whether one did.
func injected(t *testing.T, thread, call, fault string, n int, f func()) (hit bool) {
	t.Helper()
	inject := fmt.Sprintf("inject=%s:error=%s:when=%d", call, fault, n)
	// Without lines about signals, of which a garbage collection sends so many that
	// the pipe, which is read at the end, would be full.
	cmd := exec.Command("strace", "-p", thread, "-e", "signal=none", "-e", "trace="+call, "-e", inject)
	out, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.Contains(lines.Text(), "attached") {
		t.Fatalf("strace says %q", lines.Text())
	}
	f()
	must(t, cmd.Process.Signal(syscall.SIGINT))
	for lines.Scan() {
		hit = hit || strings.Contains(lines.Text(), "(INJECTED)")
	}
	_ = cmd.Wait() // it ends by the signal
	return hit
}

var _ = testkit.Role("makes-sections", func(self *testkit.Self) {
	runtime.LockOSThread()
	kind := self.Args[0]
	if kind == "named" {
		unix.Umask(0o277) // so that its mode must be set
	}
	f, err := os.OpenFile(self.Args[1], os.O_RDWR, 0)
	self.Must(err)
	if kind == "existing" {
		holder, err := CreateSection("made", SectionOptions{File: f})
		self.Must(err)
		defer func() { self.Must(holder.Close()) }()
	}
	make := func() (s *Section, v *View, err error) {
		switch kind {
		case "named":
			s, err = CreateSection("made", SectionOptions{Size: 1 << 20})
		case "unnamed":
			s, err = CreateSection("", SectionOptions{Size: 1 << 20})
		case "over":
			s, err = CreateSection("made", SectionOptions{File: f, Size: 1 << 20})
		case "existing":
			s, err = OpenSection("made", 0)
		}
		if err == nil {
			v, err = s.Map(0, 0, 0)
		}
		return s, v, err
	}
	s, v, err := make() // what is opened once is open
	self.Must(err)
	self.Must(errors.Join(v.Close(), s.Close()))
	before := sectionTraces()
	self.Say("%d", syscall.Gettid())
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		if line != "make" {
			continue
		}
		s, v, err := make()
		self.Say("tried")
		_, _ = self.Hear()
		var closing error
		if v != nil {
			closing = v.Close()
		}
		if s != nil {
			closing = errors.Join(closing, s.Close())
		}
		self.Must(closing)
		if kind == "over" {
			self.Must(f.Truncate(4096))
		}
		var e *Error
		switch after := sectionTraces(); {
		case after != before:
			self.Say("left: %s; before: %s; error %v", after, before, err)
		case errors.As(err, &e):
			self.Say("failed %d: %v", e.Win32(), err)
		default:
			self.Must(err)
			self.Say("made")
		}
	}
})

// sectionTraces is what a section would leave: files, descriptors and mappings.
func sectionTraces() string {
	maps := must1(os.ReadFile("/proc/self/maps"))
	return fmt.Sprintf("files %v, %d descriptors, %d mappings", testkit.Objects(testkit.Base()),
		len(testkit.Descriptors()), strings.Count(string(maps), "rw-s"))
}
