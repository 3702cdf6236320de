//go:build linux

package atoll

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/testkit"
)

// localFile is where the object of a Local name lies.
func localFile(file string) string {
	return filepath.Join(testkit.Base(), "atoll-"+strconv.Itoa(os.Geteuid()), file)
}

// globalFile is where the object of a Global name lies.
func globalFile(file string) string { return filepath.Join(testkit.Base(), "atoll", file) }

// soundFile is the file of the mutex "hostile", whose holders were all killed.
func soundFile() []byte {
	h := layout.Header{Type: layout.Mutex, Name: "hostile"}
	b := h.Encode()
	return append(b, make([]byte, h.FileSize()-int64(len(b)))...)
}

func flip(b []byte, at int) []byte { b[at] ^= 1; return b }

func versioned(b []byte, version byte) []byte { b[8] = version; return b }

// plants are what an enemy, or a mistake, may put where an object of the name
// "hostile" would lie.
var plants = map[string]struct {
	plant func(t *testing.T, path string)
	is    error
	says  string
	root  bool
}{
	"symbolic link to a file of the system": {func(t *testing.T, path string) { must(t, os.Symlink("/etc/passwd", path)) }, ErrCorrupt, "is a symbolic link", false},
	"dangling symbolic link":                {func(t *testing.T, path string) { must(t, os.Symlink(path+"-nowhere", path)) }, ErrCorrupt, "is a symbolic link", false},
	"symbolic link loop":                    {func(t *testing.T, path string) { must(t, os.Symlink(path, path)) }, ErrCorrupt, "is a symbolic link", false},
	"hard link": {func(t *testing.T, path string) {
		elsewhere := filepath.Join(testkit.Base(), "elsewhere")
		must(t, os.WriteFile(elsewhere, soundFile(), 0o600))
		must(t, os.Link(elsewhere, path))
		t.Cleanup(func() { must(t, os.Remove(elsewhere)) })
	}, ErrCorrupt, "has 2 hard links", false},
	"named pipe": {func(t *testing.T, path string) { must(t, unix.Mkfifo(path, 0o600)) }, ErrCorrupt, "is a named pipe", false},
	"socket": {func(t *testing.T, path string) {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		must(t, err)
		l.SetUnlinkOnClose(false)
		t.Cleanup(func() { must(t, l.Close()) })
	}, ErrCorrupt, "is a socket", false},
	"directory": {func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, ErrCorrupt, "is a directory", false},
	"device": {func(t *testing.T, path string) {
		must(t, unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))))
	}, ErrCorrupt, "is a device", true},
	"another user's object": {func(t *testing.T, path string) {
		must(t, os.WriteFile(path, soundFile(), 0o666))
		must(t, os.Chown(path, 12345, 12345))
	}, fs.ErrPermission, "belongs to uid 12345", true},
	"empty file": {func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) }, ErrCorrupt, "is 0 bytes long", false},
	"file of 2^62 bytes": {func(t *testing.T, path string) {
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Truncate(path, 1<<62))
	}, ErrCorrupt, "is not an Atoll object", false},
	"text": {func(t *testing.T, path string) {
		must(t, os.WriteFile(path, []byte(strings.Repeat("text ", 1000)), 0o600))
	}, ErrCorrupt, `is not an Atoll object: it begins with "text tex"`, false},
	"wrong magic":  {func(t *testing.T, path string) { must(t, os.WriteFile(path, flip(soundFile(), 0), 0o600)) }, ErrCorrupt, "is not an Atoll object", false},
	"version 0":    {func(t *testing.T, path string) { must(t, os.WriteFile(path, versioned(soundFile(), 0), 0o600)) }, ErrVersion, "has format version 0, this program reads version 1", false},
	"version 2":    {func(t *testing.T, path string) { must(t, os.WriteFile(path, versioned(soundFile(), 2), 0o600)) }, ErrVersion, "has format version 2, this program reads version 1", false},
	"other layout": {func(t *testing.T, path string) { must(t, os.WriteFile(path, flip(soundFile(), 12), 0o600)) }, ErrVersion, "has layout signature", false},
	"damaged":      {func(t *testing.T, path string) { must(t, os.WriteFile(path, flip(soundFile(), 56), 0o600)) }, ErrCorrupt, "has a damaged header", false},
	"cut off object": {func(t *testing.T, path string) {
		must(t, os.WriteFile(path, soundFile()[:1000], 0o600))
	}, ErrCorrupt, "is 1000 bytes long", false},
}

// tries are all ways to reach a name.
func tries(k kind, name string) map[string]func() (Object, error) {
	return map[string]func() (Object, error){
		"create": func() (Object, error) { return k.create(name) },
		"open":   func() (Object, error) { return k.open(name) },
		"create or open": func() (Object, error) {
			o, _, err := k.createOrOpen(name)
			return o, err
		},
	}
}

// within fails if f hangs.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	testkit.Soon(t, done, what)
}

// Whatever is planted at a name: a clear error that names the path and what was
// found, no hang, and the plant stays as it is.
func TestPlantedAtAName(t *testing.T) {
	must(t, mutexesOnce()) // the directory is there
	for name, p := range plants {
		t.Run(name, func(t *testing.T) {
			if p.root {
				testkit.NeedRoot(t)
			}
			path := localFile("hostile")
			p.plant(t, path)
			t.Cleanup(func() { must(t, os.Remove(path)) })
			passwd, err := os.Stat("/etc/passwd")
			must(t, err)
			before, err := os.Lstat(path)
			must(t, err)
			for _, k := range kinds {
				for how, try := range tries(k, "hostile") {
					within(t, how, func() {
						o, err := try()
						switch {
						case err == nil:
							t.Errorf("%s %s: it was taken: %v", how, k.typ, o.Close())
						case !errors.Is(err, p.is) || !strings.Contains(err.Error(), path+" "+p.says) || strings.Contains(err.Error(), "\n"):
							t.Errorf("%s %s: %q, want %v with %q", how, k.typ, err, p.is, path+" "+p.says)
						}
					})
				}
				info, err := Stat("hostile")
				if err == nil || info.Problem == "" && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("Stat says %v, %q", err, info.Problem)
				}
			}
			after, err := os.Lstat(path)
			must(t, err)
			if !os.SameFile(before, after) || before.Mode() != after.Mode() || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
				t.Errorf("it was changed: %v, %v", before, after)
			}
			if now, err := os.Stat("/etc/passwd"); err != nil || !now.ModTime().Equal(passwd.ModTime()) {
				t.Errorf("a file of the system was touched: %v", err)
			}
		})
	}
}

// mutexesOnce makes and closes an object, so that the directories are there.
func mutexesOnce() error {
	m, err := CreateMutex("once", MutexOptions{})
	if err != nil {
		return err
	}
	return m.Close()
}

// A live object that another process holds, damaged in every byte of its header:
// an error from each way to reach it, and when the byte is right again it works.
func TestDamagedHeaderOfALiveObject(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.typ.String(), func(t *testing.T) {
			holder := testkit.Start(t, "names.hold", k.typ.String(), "hostile", "close")
			holder.Expect("created true")
			f, err := os.OpenFile(localFile("hostile"), os.O_RDWR, 0)
			must(t, err)
			closeLater(t, f)
			sound := make([]byte, layout.NameOffset+len("hostile"))
			_, err = f.ReadAt(sound, 0)
			must(t, err)
			for i := range sound {
				if i >= layout.HeaderSize && i < layout.NameOffset {
					continue
				}
				_, err := f.WriteAt([]byte{sound[i] ^ 1}, int64(i))
				must(t, err)
				for how, try := range tries(k, "hostile") {
					o, err := try()
					if err == nil {
						t.Errorf("byte %d: %s: it was taken: %v", i, how, o.Close())
					} else if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
						t.Errorf("byte %d: %s: %v", i, how, err)
					}
				}
				_, err = f.WriteAt(sound[i:i+1], int64(i))
				must(t, err)
			}
			must(t, made(t)(k.open("hostile")).Close())
			holder.Tell("close")
			holder.End()
			refused(t, 2, fs.ErrNotExist)(k.open("hostile"))
		})
	}
}

// A live object that somebody truncates is refused to who comes now.
func TestTruncatedLiveObject(t *testing.T) {
	for _, k := range kinds {
		for _, size := range []int64{0, 1, 1023, 1024, 4095, 4097, 1 << 20, 1 << 62} {
			holder := testkit.Start(t, "names.hold", k.typ.String(), "hostile")
			holder.Expect("created true")
			must(t, os.Truncate(localFile("hostile"), size))
			for how, try := range tries(k, "hostile") {
				within(t, how, func() {
					if o, err := try(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "bytes long") {
						t.Errorf("%s of a %s of %d bytes: %v, %v", how, k.typ, size, o, err)
					}
				})
			}
			holder.End()
			must(t, os.Remove(localFile("hostile")))
		}
	}
}

// rm of a live object's file: two distinct objects, and no mixing.
func TestRemovedFileOfALiveObject(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.typ.String(), func(t *testing.T) {
			old := made(t)(k.create("hostile"))
			must(t, os.Remove(localFile("hostile")))
			refused(t, 2, fs.ErrNotExist)(k.open("hostile"))
			holder := testkit.Start(t, "names.hold", k.typ.String(), "hostile", "close")
			holder.Expect("created true")
			mine := made(t)(k.open("hostile"))
			if same(t, old, mine) {
				t.Error("the removed object and the new one are one")
			}
			must(t, old.Close())
			holder.Tell("close")
			holder.End()
			must(t, made(t)(k.open("hostile")).Close()) // mine holds it
			must(t, mine.Close())
			refused(t, 2, fs.ErrNotExist)(k.open("hostile"))
		})
	}
}

var _ = testkit.Role("hostile.held", func(self *testkit.Self) {
	m, err := CreateMutex("held", MutexOptions{InitiallyOwned: true})
	self.Must(err)
	s, err := CreateSection("bytes", SectionOptions{Size: 4096})
	self.Must(err)
	v, err := s.Map(0, 0, 0)
	self.Must(err)
	self.Say("held")
	self.Hear()
	// All is gone from the directory; what we hold works, and a create works.
	self.Must(m.Unlock())
	ok, _, err := m.TryLock()
	self.Must(err)
	v.Bytes()[0] = 1
	old, err := CreateEvent("", EventOptions{}) // a member of the removed directory no more
	self.Must(err)
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Quiet)
	defer cancel()
	if err := old.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		self.Must(fmt.Errorf("a wait says %w", err))
	}
	if _, err := m.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		self.Must(fmt.Errorf("a wait in the removed directory says %w", err))
	}
	self.Must(old.Close())
	fresh, created, err := CreateOrOpenMutex("held", MutexOptions{InitiallyOwned: true})
	self.Must(err)
	e, err := CreateEvent("new", EventOptions{Signaled: true})
	self.Must(err)
	self.Say("locked %v, created %v", ok, created)
	self.Hear()
	self.Must(errors.Join(fresh.Unlock(), m.Unlock(), m.Close(), fresh.Close(), e.Close(), v.Close(), s.Close()))
	self.Say("closed")
	self.Hear()
})

// The whole directory is removed under a live process: what is held keeps working,
// the next create makes a new directory, and there its maker is seen to be alive.
func TestRemovedDirectory(t *testing.T) {
	base := publicBase(t)
	t.Setenv("ATOLL_ROOT", base)
	holder := testkit.Start(t, "hostile.held")
	holder.Expect("held")
	must(t, os.RemoveAll(filepath.Join(base, "atoll-"+strconv.Itoa(os.Geteuid()))))
	holder.Tell("go on")
	holder.Expect("locked true, created true")
	watcher := testkit.Start(t, "hostile.watch")
	watcher.Expect("mutex <nil>, free false, signaled true")
	watcher.End()
	holder.Tell("close")
	holder.Expect("closed")
	holder.End()
	if left := testkit.Objects(base); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

var _ = testkit.Role("hostile.watch", func(self *testkit.Self) {
	m, err := OpenMutex("held", 0)
	self.Must(err)
	ok, _, err := m.TryLock()
	e, err2 := OpenEvent("new", 0)
	self.Must(err2)
	signaled, err2 := e.TryWait()
	self.Must(err2)
	self.Say("mutex %v, free %v, signaled %v", err, ok, signaled)
})

// Directories that are not what they should be, through the public calls.
func TestHostileDirectories(t *testing.T) {
	for name, c := range map[string]struct {
		plant  func(path string) error
		number uint32
		says   string
	}{
		"symbolic link": {func(path string) error { return os.Symlink("/tmp", path) }, errs.AccessDenied, "is not a directory; remove it"},
		"file":          {func(path string) error { return os.WriteFile(path, nil, 0o600) }, errs.AccessDenied, "is not a directory; remove it"},
		"mode 0755":     {func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o755)) }, errs.AccessDenied, "has mode 0755, it must have 0700"},
		"mode 0777":     {func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777)) }, errs.AccessDenied, "has mode 0777, it must have 0700"},
	} {
		t.Run(name, func(t *testing.T) {
			base := publicBase(t)
			path := filepath.Join(base, "atoll-"+strconv.Itoa(os.Geteuid()))
			must(t, c.plant(path))
			t.Setenv("ATOLL_ROOT", base)
			child := testkit.Start(t, "names.try", "x")
			for range kinds {
				for range 2 {
					if line := child.Line(); !strings.Contains(line, fmt.Sprintf(": %d, ", c.number)) || !strings.Contains(line, path+" "+c.says) {
						t.Errorf("%q does not say %d and %q", line, c.number, c.says)
					}
				}
			}
			child.End()
		})
	}
	t.Run("not on tmpfs", func(t *testing.T) {
		base := t.TempDir()
		var st unix.Statfs_t
		if must(t, unix.Statfs(base, &st)); int64(st.Type) == unix.TMPFS_MAGIC {
			t.Skip("the directory for temporary files is on tmpfs here")
		}
		t.Setenv("ATOLL_ROOT", base)
		child := testkit.Start(t, "names.try", "x")
		if line := child.Line(); !strings.Contains(line, ": 50, ") || !strings.Contains(line, base+" is not on tmpfs") {
			t.Error(line)
		}
		child.Kill()
	})
}

// tinyBase is a base directory on a tmpfs of its own.
func tinyBase(t *testing.T, options string) string {
	t.Helper()
	testkit.NeedRoot(t)
	base, err := os.MkdirTemp(testkit.Base(), "tiny-")
	must(t, err)
	must(t, unix.Mount("tmpfs", base, "tmpfs", 0, options))
	t.Cleanup(func() { must(t, errors.Join(unix.Unmount(base, unix.MNT_DETACH), os.Remove(base))) })
	t.Setenv("ATOLL_ROOT", base)
	return base
}

var _ = testkit.Role("hostile.fill", func(self *testkit.Self) {
	for _, k := range kinds {
		if k.typ.String() != self.Args[0] {
			continue
		}
		fds := len(testkit.Descriptors())
		var objects []Object
		var failure error
		for len(objects) < 10000 {
			o, err := k.create("fill " + strconv.Itoa(len(objects)))
			if failure = err; err != nil {
				break
			}
			objects = append(objects, o)
		}
		var e *Error
		if !errors.As(failure, &e) {
			self.Must(fmt.Errorf("%d objects, then %w", len(objects), failure))
		}
		self.Say("%d: %v", e.Win32(), failure)
		self.Hear()
		// Once more, the same: and nothing is left of the failed ones.
		for range 100 {
			if o, err := k.create("one more"); err == nil {
				self.Must(fmt.Errorf("there was room for %s", o.Name()))
			}
		}
		self.Must(objects[0].Close())
		objects[0] = nil
		o, err := k.create("one more")
		self.Must(err)
		objects[0] = o
		for _, o := range objects {
			self.Must(o.Close())
		}
		objects = nil
		runtime.GC()
		if now := len(testkit.Descriptors()); now > fds+4 { // the directories
			self.Must(fmt.Errorf("%d descriptors, then %d", fds, now))
		}
		self.Say("closed")
	}
})

// A full file system, and one without inodes: a clear error, nothing left, and
// when something was closed it works again.
func TestFullFileSystem(t *testing.T) {
	for _, c := range []struct{ name, options string }{
		{"full", "size=1m,mode=0700"},
		{"no inodes", "size=64m,nr_inodes=20,mode=0700"},
	} {
		for _, k := range kinds {
			t.Run(c.name+", "+k.typ.String(), func(t *testing.T) {
				base := tinyBase(t, c.options)
				child := testkit.Start(t, "hostile.fill", k.typ.String())
				line := child.Line()
				if !strings.HasPrefix(line, "1455: ") || !strings.Contains(line, base) || !strings.Contains(line, "no space left on device") {
					t.Error(line)
				}
				child.Tell("go on")
				child.Expect("closed")
				child.End()
				if left := testkit.Objects(base); len(left) != 0 {
					t.Errorf("%v are left", left)
				}
			})
		}
	}
}

var _ = testkit.Role("hostile.limited", func(self *testkit.Self) {
	limit, err := strconv.ParseUint(self.Args[1], 10, 64)
	self.Must(err)
	for _, k := range kinds {
		if k.typ.String() != self.Args[0] {
			continue
		}
		var old syscall.Rlimit
		self.Must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
		try := tries(k, self.Args[2])[self.Args[3]]
		self.Must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: old.Max}))
		o, err := try()
		self.Must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old))
		var e *Error
		switch {
		case errors.As(err, &e):
			self.Say("%d, left %q: %v", e.Win32(), objectDescriptors(), err)
		default:
			self.Must(err)
			self.Must(o.Close())
			self.Say("made")
		}
	}
})

// No descriptor is left, at each place where one is needed: a clear error, and
// neither a file nor a descriptor stays.
func TestNoDescriptors(t *testing.T) {
	for _, k := range kinds {
		for _, c := range []struct{ how, name string }{{"create", "limited"}, {"create", ""}, {"create or open", "there"}, {"open", "there"}} {
			t.Run(fmt.Sprintf("%s, %s %q", k.typ, c.how, c.name), func(t *testing.T) {
				there := made(t)(k.create("there"))
				failures := 0
				for limit := 3; ; limit++ {
					child := testkit.Start(t, "hostile.limited", k.typ.String(), strconv.Itoa(limit), c.name, c.how)
					line := child.Line()
					child.End()
					if line == "made" {
						break
					}
					failures++
					if !strings.HasPrefix(line, "4, left []: ") || !strings.Contains(line, "too many open files") || limit > 60 {
						t.Fatalf("with %d descriptors: %s", limit, line)
					}
				}
				if failures < 2 {
					t.Errorf("it failed %d times", failures)
				}
				must(t, there.Close())
				if left := testkit.Objects(testkit.Base()); len(left) != 0 {
					t.Errorf("%v are left", left)
				}
			})
		}
	}
}

// The role lives a whole life of an object, as often as it is told, and says what
// failed in it. Its arguments are the type, the name, and whether another process
// holds it already.
var _ = testkit.Role("hostile.injected", func(self *testkit.Self) {
	runtime.LockOSThread()
	k := mutexes
	if self.Args[0] == "event" {
		k = events
	}
	self.Say("%d", syscall.Gettid())
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		failures := live(k, self.Args[1], line == "live beside another")
		self.Say("lived")
		self.Hear()
		if left := objectDescriptors(); len(left) != 0 {
			failures = append(failures, fmt.Sprintf("descriptors are left: %q", left))
		}
		self.Say("%d failures: %s", len(failures), strings.Join(failures, "; "))
	}
})

// objectDescriptors are what leads to objects or members; not the directories,
// which stay open once they are.
func objectDescriptors() (list []string) {
	for _, target := range testkit.Descriptors() {
		file, inside := strings.CutPrefix(target, testkit.Base()+"/")
		if strings.HasPrefix(target, "/memfd:atoll") || inside && strings.Contains(strings.ReplaceAll(file, "/members", ""), "/") {
			list = append(list, target)
		}
	}
	return list
}

func live(k kind, name string, exists bool) (failures []string) {
	note := func(what string, err error) {
		if err != nil {
			failures = append(failures, what+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	var objects []Object
	use := func(what string, o Object, err error) {
		if note(what, err); err == nil {
			objects = append(objects, o)
		}
	}
	if !exists {
		o, err := k.create(name)
		use("create", o, err)
	}
	o, _, err := k.createOrOpen(name)
	use("create or open", o, err)
	if name != "" {
		if o, err := k.open(name); len(failures) == 0 || !errors.Is(err, fs.ErrNotExist) {
			use("open", o, err)
		}
	}
	for _, o := range objects {
		note("close", o.Close())
	}
	_, err = Sweep(LocalScope)
	note("sweep", err)
	return failures
}

// Each system call of a whole life fails in turn, the first, the second, and so on
// until none is left: error or success, but never a panic, a hang, or a file or
// descriptor that stays.
func TestWhenACallFails(t *testing.T) {
	_, err := exec.LookPath("strace")
	testkit.Need(t, err == nil, "strace (apt-get install strace)")
	testkit.NeedRoot(t) // to trace a process that is not a child of strace
	for _, c := range []struct {
		life, kind, name, calls, fault string
		beside                         bool
	}{
		{"new process", "mutex", "injected", "openat,fcntl,mmap,mkdirat,fallocate,linkat", "EIO", false},
		{"again", "mutex", "injected", "openat", "EMFILE", false},
		{"again", "mutex", "injected", "fallocate,pwrite64,linkat", "ENOSPC", false},
		{"again", "event", "injected", "fcntl", "ENOLCK", false},
		{"again", "event", "injected", "mmap", "ENOMEM", false},
		{"again", "mutex", "injected", "unlinkat,pwrite64,fstat,newfstatat,getdents64", "EIO", false},
		{"new process", "mutex", "injected", "openat,fallocate", "EINTR", false},
		{"again", "mutex", "injected", "openat,fcntl,fallocate,pwrite64,getdents64", "EINTR", false},
		{"beside another", "mutex", "beside", "openat,fcntl,mmap,pread64,fstat,newfstatat", "EIO", true},
		{"beside another", "mutex", "beside", "openat,fcntl,pread64", "EINTR", true},
		{"again", "event", "", "memfd_create", "EMFILE", false},
		{"again", "event", "", "pwrite64,fcntl,fchmod,mmap", "ENOMEM", false},
	} {
		for call := range strings.SplitSeq(c.calls, ",") {
			t.Run(strings.Join(strings.Fields(c.life+" "+c.kind+" "+c.name+" "+call+" "+c.fault), " "), func(t *testing.T) {
				tell, prepare := "live", "live"
				if c.beside {
					tell, prepare = "live beside another", "live beside another"
					holder := testkit.Start(t, "names.hold", c.kind, c.name, "close")
					holder.Expect("created true")
					defer holder.End()
				}
				if c.life == "new process" {
					prepare = ""
				}
				failEachOf(t, c.kind, c.name, prepare, tell, call, c.fault)
			})
		}
	}
	_, err = Sweep(LocalScope)
	must(t, err)
	if left := testkit.Objects(testkit.Base()); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// heapRefused says whether Go's own heap did not get its memory, which ends a program
// with one of several messages from the runtime; a fault or a panic of ours is none.
func heapRefused(stderr string) bool {
	_, trace, fatal := strings.Cut(stderr, "fatal error: ")
	return fatal && (strings.HasPrefix(trace, "runtime: ") || strings.HasPrefix(trace, "out of memory") ||
		strings.Contains(trace, "runtime.(*mheap)") || strings.Contains(trace, "runtime.persistentalloc"))
}

// failEachOf lets the first, the second, and so on of a system call fail in a life.
func failEachOf(t *testing.T, kind, name, prepare, tell, call, fault string) {
	t.Helper()
	failed := 0
	for n := 1; n < 100; n++ {
		var stderr bytes.Buffer
		cmd := testkit.Command("hostile.injected", kind, name)
		cmd.Stderr = &stderr
		child := testkit.StartCommand(t, cmd)
		thread := child.Line()
		if prepare != "" {
			child.Tell("%s", prepare)
			child.Expect("lived")
			child.Tell("tell")
			child.Expect("0 failures: ")
		}
		var lived string
		hit := injected(t, thread, call, fault, n, func() { child.Tell("%s", tell); lived = child.Line() })
		if lived != "lived" {
			_ = child.Wait()
			if call == "mmap" && heapRefused(stderr.String()) {
				continue
			}
			t.Fatalf("number %d: it said %q, and %s", n, lived, &stderr)
		}
		child.Tell("tell")
		line := child.Line()
		child.End()
		switch sound := strings.HasPrefix(line, "0 failures"); {
		case !hit && !sound:
			t.Fatalf("nothing was injected, but %s", line)
		case !hit && n == 1:
			t.Errorf("%s is never called", call)
		case !hit:
			t.Logf("%d of %d failed", failed, n-1)
		case !sound && fault == "EINTR":
			t.Errorf("interrupted number %d: %s", n, line)
		case !sound:
			failed++
		}
		if strings.Contains(line, "descriptors are left") {
			t.Errorf("number %d: %s", n, line)
		}
		if !hit {
			return
		}
	}
	t.Errorf("%s: it never comes to an end", call)
}

var _ = testkit.Role("hostile.swap", func(self *testkit.Self) {
	path, target := localFile("hostile"), localFile("target")
	if len(self.Args) > 0 { // in another directory
		path, target = filepath.Join(self.Args[0], "hostile"), filepath.Join(self.Args[0], "target")
	}
	self.Say("ready")
	done := make(chan struct{})
	go func() { self.Hear(); close(done) }()
	for i := 0; ; i++ {
		select {
		case <-done:
			_ = os.RemoveAll(path)
			self.Say("done")
			return
		default:
		}
		// Each takes the place of the one before in one step.
		next := path + "-next"
		_ = os.RemoveAll(next)
		switch i % 4 {
		case 0:
			self.Must(os.Symlink(target, next))
		case 1:
			self.Must(unix.Mkfifo(next, 0o600))
		case 2:
			self.Must(os.Link(target, next))
		case 3:
			self.Must(os.WriteFile(next, []byte("text"), 0o600))
		}
		self.Must(os.Rename(next, path))
		_ = os.Remove(next) // two links of one file are not renamed
	}
})

// What lies at a name changes all the time while it is opened: it is never
// followed, taken for what it is not, or waited for.
func TestSwappedWhileOpened(t *testing.T) {
	target := made(t)(mutexes.create("target"))
	child := testkit.Start(t, "hostile.swap")
	child.Expect("ready")
	within(t, "opening it", func() {
		for range scaled(20000) {
			o, err := mutexes.open("hostile")
			if err == nil {
				t.Errorf("it was taken: %v", o.Close())
				return
			}
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
				return
			}
		}
	})
	child.Tell("end")
	child.Expect("done")
	child.End()
	_ = os.Remove(localFile("hostile-next"))
	must(t, made(t)(mutexes.open("target")).Close())
	must(t, target.Close())
}
