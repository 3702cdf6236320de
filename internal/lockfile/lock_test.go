//go:build linux

package lockfile

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// want checks what a lock call said.
func want(t testing.TB, what string, got bool, err error, wanted bool) {
	t.Helper()
	if err != nil || got != wanted {
		t.Fatalf("%s: %v, %v, want %v", what, got, err, wanted)
	}
}

func exclusive(t testing.TB, fd int, wanted bool) {
	t.Helper()
	got, err := TryExclusive(fd, Holders)
	want(t, "exclusive", got, err, wanted)
}

func shared(t testing.TB, fd int, wanted bool) {
	t.Helper()
	got, err := TryShared(fd, Holders)
	want(t, "shared", got, err, wanted)
}

// seen checks what a description sees of the others.
func seen(t testing.TB, fd int, any, excl bool) {
	t.Helper()
	got, err := HeldByOther(fd, Holders)
	want(t, "held by another", got, err, any)
	got, err = HeldExclusively(fd, Holders)
	want(t, "held exclusively", got, err, excl)
}

// The design stands on this: locks belong to descriptions, so two of one process
// conflict as those of two processes do.
func TestTwoDescriptionsConflict(t *testing.T) {
	f := newFolder(t)
	a, b := f.file("x"), f.file("x")
	seen(t, b, false, false)
	exclusive(t, a, true)
	seen(t, b, true, true)
	seen(t, a, false, false) // one's own lock is not seen
	shared(t, b, false)
	exclusive(t, b, false)
	must(t, Unlock(a, Holders))
	shared(t, a, true)
	shared(t, b, true)
	seen(t, b, true, false)
	exclusive(t, b, false)
}

// A failed conversion leaves the lock as it was; a good one is one step.
func TestConversion(t *testing.T) {
	f := newFolder(t)
	a, b, c := f.file("x"), f.file("x"), f.file("x")
	shared(t, a, true)
	shared(t, b, true)
	exclusive(t, a, false)
	seen(t, c, true, false)
	must(t, Unlock(b, Holders))
	seen(t, c, true, false) // a has it still
	exclusive(t, c, false)
	exclusive(t, a, true)
	seen(t, c, true, true)
	shared(t, c, false)
	shared(t, a, true) // down again
	shared(t, c, true)
	exclusive(t, a, false)
}

func TestBytesAreIndependent(t *testing.T) {
	f := newFolder(t)
	a, b := f.file("x"), f.file("x")
	exclusive(t, a, true)
	got, err := TryExclusive(b, Viewers)
	want(t, "the other byte", got, err, true)
	must(t, Unlock(a, Viewers)) // unlocking what one does not have is nothing
	got, err = HeldByOther(a, Viewers)
	want(t, "the other byte is held", got, err, true)
}

// A lock lives as long as its description, so as long as any descriptor or
// mapping of it; an explicit unlock ends it whoever else has one.
func TestLockOutlivesItsDescriptor(t *testing.T) {
	f := newFolder(t)
	must(t, Truncate(f.file("x"), 4096))
	watcher := f.file("x")
	open := func() int {
		fd, err := unix.Openat(f.fd, "x", unix.O_RDWR|unix.O_CLOEXEC, 0)
		must(t, err)
		shared(t, fd, true)
		return fd
	}

	fd := open()
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	must(t, err)
	must(t, unix.Close(fd))
	seen(t, watcher, true, false)
	must(t, Unlock(dup, Holders))
	seen(t, watcher, false, false)
	shared(t, dup, true)
	must(t, unix.Close(dup))
	seen(t, watcher, false, false)

	fd = open()
	page, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	must(t, err)
	must(t, unix.Close(fd))
	seen(t, watcher, true, false) // the mapping keeps it
	must(t, unix.Munmap(page))
	seen(t, watcher, false, false)

	fd = open()
	page, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	must(t, err)
	must(t, Unlock(fd, Holders))
	seen(t, watcher, false, false) // an unlock beats the mapping
	must(t, errors.Join(unix.Close(fd), unix.Munmap(page)))
}

// Who may only read can look and hold, but not exclude.
func TestReader(t *testing.T) {
	f := newFolder(t)
	writer, reader := f.file("x"), f.open("x", unix.O_RDONLY)
	if _, err := TryExclusive(reader, Holders); !errors.Is(err, unix.EBADF) {
		t.Fatalf("exclusive by a reader: %v, want EBADF", err)
	}
	seen(t, reader, false, false)
	exclusive(t, writer, true)
	seen(t, reader, true, true)
	shared(t, writer, true)
	shared(t, reader, true)
	exclusive(t, writer, false)
}

func TestReopenedHasLocksOfItsOwn(t *testing.T) {
	f := newFolder(t)
	a := f.file("x")
	exclusive(t, a, true)
	b, err := Reopen(a, unix.O_RDWR)
	must(t, err)
	defer func() { _ = unix.Close(b) }()
	shared(t, b, false)
	flags, err := unix.FcntlInt(uintptr(b), unix.F_GETFD, 0)
	if must(t, err); flags&unix.FD_CLOEXEC == 0 {
		t.Error("it would be inherited")
	}
}

var _ = testkit.Role("lock-file", func(self *testkit.Self) {
	fd, err := unix.Open(self.Args[0], unix.O_RDWR|unix.O_CLOEXEC, 0)
	self.Must(err)
	ok, err := TryExclusive(fd, Holders)
	self.Must(err)
	self.Say("locked %v", ok)
	self.Hear()
	self.Must(Unlock(fd, Holders))
	self.Say("unlocked")
	self.Hear()
})

func TestDeathUnlocks(t *testing.T) {
	f := newFolder(t)
	fd := f.file("x")
	a := testkit.Start(t, "lock-file", f.join("x"))
	a.Expect("locked true")
	seen(t, fd, true, true)
	b := testkit.Start(t, "lock-file", f.join("x"))
	b.Expect("locked false")
	a.Kill()
	seen(t, fd, false, false)
	b.End()
}

var _ = testkit.Role("inherit-locked", func(self *testkit.Self) {
	self.Say("have it")
	self.Hear()
	self.Must(Unlock(3, Holders))
	self.Say("unlocked")
	self.Hear()
})

// A descriptor that a child inherits is the same description: it keeps the lock,
// and its unlock ends ours. That is why what is inherited is opened again.
func TestInheritedDescriptionSharesTheLock(t *testing.T) {
	f := newFolder(t)
	watcher := f.file("x")
	fd, err := unix.Openat(f.fd, "x", unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	exclusive(t, fd, true)
	file := os.NewFile(uintptr(fd), "x")
	cmd := testkit.Command("inherit-locked")
	cmd.ExtraFiles = []*os.File{file}
	child := testkit.StartCommand(t, cmd)
	child.Expect("have it")
	must(t, file.Close())
	seen(t, watcher, true, true)
	child.Tell("unlock")
	child.Expect("unlocked")
	seen(t, watcher, false, false)
	child.End()
}

func TestNames(t *testing.T) {
	f := newFolder(t)
	const count = 3000
	for i := range count {
		must(t, os.WriteFile(f.join(strconv.Itoa(i)), nil, 0o600))
	}
	seen := make(map[string]int)
	// Removing what was seen must not make it skip anything.
	must(t, Names(f.fd, func(name string) bool {
		seen[name]++
		must(t, os.Remove(f.join(name)))
		return true
	}))
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", name, n)
		}
	}
	if len(seen) != count {
		t.Errorf("%d names of %d", len(seen), count)
	}
	must(t, Names(f.fd, func(string) bool { t.Error("a name in an empty directory"); return true }))
	must(t, os.WriteFile(f.join("a"), nil, 0o600))
	must(t, os.WriteFile(f.join("b"), nil, 0o600))
	calls := 0
	must(t, Names(f.fd, func(string) bool { calls++; return false }))
	if calls != 1 {
		t.Errorf("went on after false: %d calls", calls)
	}
}
