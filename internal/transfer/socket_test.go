//go:build linux

package transfer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/lockfile"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pair(t *testing.T, kind int) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(file)
		must(t, errors.Join(err, file.Close()))
		t.Cleanup(func() { _ = c.Close() })
		conns[i] = c.(*net.UnixConn)
	}
	return conns[0], conns[1]
}

// newFile is a descriptor of an anonymous file.
func newFile(t *testing.T) File {
	t.Helper()
	fd, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	return File{fd, lockfile.IdentityOf(&st)}
}

// message is a line with a right header.
func message(line string) []byte {
	b := make([]byte, headerSize)
	copy(b, messageMagic)
	binary.LittleEndian.PutUint32(b[8:], messageVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(line)))
	return append(b, line...)
}

// What a peer can send that is no handle is refused, and whatever came with it is
// closed.
func TestHostileMessages(t *testing.T) {
	f := newFile(t)
	good := message("section 0x6 0:1:2 - -")
	version := bytes.Clone(good)
	version[8] = 9
	long := bytes.Clone(good)
	binary.LittleEndian.PutUint32(long[12:], 1<<31)
	many := make([]int, maxDescriptors)
	for i := range many {
		many[i] = f.FD
	}
	for _, c := range []struct {
		name string
		send []byte
		fds  []int
		want error
		says string
	}{
		{"something else", []byte("GET / HTTP/1.1\r\n\r\n"), nil, errs.ErrCorrupt, "something else than handles"},
		{"something else with descriptors", bytes.Repeat([]byte("x"), 100), []int{f.FD, f.FD}, errs.ErrCorrupt, "something else"},
		{"another version", version, []int{f.FD}, errs.ErrVersion, "version 9"},
		{"an absurd length", long, []int{f.FD}, errs.ErrCorrupt, "2147483648 bytes"},
		{"no descriptor", good, nil, errs.ErrCorrupt, "brings 0 descriptors and describes 1"},
		{"a surplus descriptor", good, []int{f.FD, f.FD}, errs.ErrCorrupt, "brings 2 descriptors and describes 1"},
		{"as many as there can be", good, many, errs.ErrCorrupt, "brings 253"},
		{"one missing", message("section 0x6 0:1:2 1:1:2 -"), []int{f.FD}, errs.ErrCorrupt, "brings 1 descriptors and describes 2"},
		{"wrong places", message("section 0x6 1:1:2 0:1:2 -"), []int{f.FD, f.FD}, errs.ErrCorrupt, "numbered 1 and 0"},
		{"no line", message("?"), []int{f.FD}, errs.ErrCorrupt, "1 fields"},
		{"an empty line", message(""), []int{f.FD}, errs.ErrCorrupt, "fields"},
		{"cut off", good[:20], []int{f.FD}, io.ErrUnexpectedEOF, "inside a message"},
		{"cut off in the header", good[:5], []int{f.FD}, io.ErrUnexpectedEOF, "inside a message"},
	} {
		for kind, name := range map[int]string{unix.SOCK_STREAM: "stream", unix.SOCK_SEQPACKET: "packets"} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				a, b := pair(t, kind)
				before := len(testkit.Descriptors())
				var rights []byte
				if c.fds != nil {
					rights = unix.UnixRights(c.fds...)
				}
				_, _, err := a.WriteMsgUnix(c.send, rights, nil)
				must(t, err)
				must(t, a.CloseWrite())
				h, err := Receive(b)
				want, says := c.want, c.says
				if kind == unix.SOCK_SEQPACKET && errors.Is(want, io.ErrUnexpectedEOF) {
					want, says = errs.ErrCorrupt, "" // a packet has an end of its own
				}
				if !errors.Is(err, want) || !strings.Contains(err.Error(), says) || h != nil {
					t.Errorf("got %v, %v, want %v that says %q", h, err, want, says)
				}
				if n := len(testkit.Descriptors()); n > before {
					t.Errorf("%d descriptors, before %d", n, before)
				}
			})
		}
	}
}

// A packet that is longer than any message is refused, not cut.
func TestLongPacket(t *testing.T) {
	a, b := pair(t, unix.SOCK_SEQPACKET)
	f := newFile(t)
	_, _, err := a.WriteMsgUnix(append(message("x"), make([]byte, maxLine+headerSize)...), unix.UnixRights(f.FD), nil)
	must(t, err)
	if _, err := Receive(b); !errors.Is(err, errs.ErrCorrupt) || !strings.Contains(err.Error(), "longer than any") {
		t.Errorf("got %v", err)
	}
}

// Where a process has no descriptor left the kernel drops what it cannot deliver.
func TestNoDescriptorLeft(t *testing.T) {
	a, b := pair(t, unix.SOCK_STREAM)
	f := newFile(t)
	must(t, Send(a, &Handle{Type: layout.Section, Object: f, Second: None}))
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	defer func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old)) }()
	none := old
	none.Cur = 3 // all that are open are above it already
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
	_, err := Receive(b)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old))
	if !errors.Is(err, errs.ErrCorrupt) || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("got %v", err)
	}
}

// A stream may carry other things before and after a handle, which are left alone.
func TestHandlesAmongOtherThings(t *testing.T) {
	a, b := pair(t, unix.SOCK_STREAM)
	f, g := newFile(t), newFile(t)
	sent := Handle{Type: layout.Event, Access: 3, Object: f, Second: g, Folder: Folder{"/a b", lockfile.Identity{Dev: 1, Ino: 2}}}
	for range 3 {
		_, err := a.Write([]byte("before"))
		must(t, err)
		must(t, Send(a, &sent))
		_, err = a.Write([]byte("after"))
		must(t, err)
	}
	for range 3 {
		text := make([]byte, 6)
		_, err := io.ReadFull(b, text)
		must(t, err)
		h, err := Receive(b)
		must(t, err)
		if h.Type != sent.Type || h.Access != sent.Access || h.Folder != sent.Folder || h.Object.ID != f.ID || h.Second.ID != g.ID || !h.seize() {
			t.Errorf("got %+v", h)
		}
		h.Close()
		_, err = io.ReadFull(b, text[:5])
		must(t, err)
		if string(text[:5]) != "after" {
			t.Errorf("got %q", text)
		}
	}
}

// Descriptors that are not what is claimed of them are refused.
func TestHostileHandles(t *testing.T) {
	f := newFile(t)
	pipe := make([]int, 2)
	must(t, unix.Pipe2(pipe, unix.O_CLOEXEC))
	defer func() { must(t, errors.Join(unix.Close(pipe[0]), unix.Close(pipe[1]))) }()
	open := func(path string, flags int) File {
		t.Helper()
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		must(t, err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		return identify(t, fd)
	}
	reopened := "/proc/self/fd/" + strconv.Itoa(f.FD)
	object := sealed(t, layout.Header{Type: layout.Event}, true)
	section := layout.Header{Type: layout.Section, Size: 4096, Protection: 1}
	section.PlaceData()
	overFile := layout.Header{Type: layout.Section, Flags: layout.FlagFile, Size: 4096, Protection: 1, FileDev: f.ID.Dev, FileIno: f.ID.Ino, Path: "/x"}
	for _, c := range []struct {
		name string
		h    Handle
		says string
	}{
		{"a pipe", Handle{Type: layout.Event, Object: identify(t, pipe[0])}, "no file of memory"},
		{"a device", Handle{Type: layout.Event, Object: open("/dev/null", unix.O_RDWR)}, "no file of memory"},
		{"a directory", Handle{Type: layout.Event, Object: open("/", unix.O_RDONLY)}, "no file of memory"},
		{"O_PATH", Handle{Type: layout.Event, Object: open(reopened, unix.O_PATH)}, "no file of memory"},
		{"for writing only", Handle{Type: layout.Event, Object: open(reopened, unix.O_WRONLY)}, "not for reading"},
		{"another file", Handle{Type: layout.Event, Object: File{object.FD, f.ID}}, "leads to the file"},
		{"no object", Handle{Type: layout.Event, Object: f}, "too short"},
		{"another type", Handle{Type: layout.Mutex, Object: object}, "of type event, not mutex"},
		{"not sealed", Handle{Type: layout.Event, Object: sealed(t, layout.Header{Type: layout.Event}, false)}, "not sealed"},
		{"a second of an event that is a file", Handle{Type: layout.Event, Object: object, Second: f}, "kind"},
		{"a second of a section", Handle{Type: layout.Section, Object: sealed(t, section, true), Second: f}, "second descriptor"},
		{"no file of a file section", Handle{Type: layout.Section, Object: sealed(t, overFile, true)}, "did not come"},
		{"another file of a file section", Handle{Type: layout.Section, Object: sealed(t, overFile, true), Second: newFile(t)}, "another file"},
		{"a file for reading only", Handle{Type: layout.Section, Access: 0xF001F, Object: sealed(t, overFile, true), Second: open(reopened, unix.O_RDONLY)}, "opened for reading"},
	} {
		if c.h.Second == (File{}) {
			c.h.Second = None
		}
		_, err := c.h.Arrive(true)
		if !errors.Is(err, errs.ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want one that says %q", c.name, err, c.says)
		}
	}
	h := Handle{Type: layout.Event, Object: object, Second: None}
	if _, err := h.Arrive(true); err != nil {
		t.Errorf("a sound handle: %v", err)
	}
}

func identify(t *testing.T, fd int) File {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	return File{fd, lockfile.IdentityOf(&st)}
}

// sealed is a file that holds an object.
func sealed(t *testing.T, h layout.Header, seal bool) File {
	t.Helper()
	f := newFile(t)
	must(t, unix.Ftruncate(f.FD, h.FileSize()))
	must(t, lockfile.WriteAt(f.FD, h.Encode(), 0))
	if seal {
		_, err := unix.FcntlInt(uintptr(f.FD), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
		must(t, err)
	}
	return f
}
