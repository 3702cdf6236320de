//go:build linux

package atoll

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
	"atoll/internal/transfer"
)

// socketPair makes the two ends of a connection.
func socketPair(t testing.TB, kind int) (a, b *net.UnixConn) {
	t.Helper()
	files := socketFiles(t, kind)
	return connOf(t, files[0]), connOf(t, files[1])
}

func socketFiles(t testing.TB, kind int) (files [2]*os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "socket")
	}
	return files
}

func connOf(t testing.TB, f *os.File) *net.UnixConn {
	t.Helper()
	c, err := net.FileConn(f)
	must(t, err)
	must(t, f.Close())
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.UnixConn)
}

// What is sent and received, over each kind of socket, is a handle of the same
// object, and shares the queue of the process.
func TestSendToOneself(t *testing.T) {
	for kind, name := range map[int]string{unix.SOCK_STREAM: "stream", unix.SOCK_SEQPACKET: "packets", unix.SOCK_DGRAM: "datagrams"} {
		a, b := socketPair(t, kind)
		for _, prefix := range []string{"", "sent-", `Global\sent-`} {
			for _, o := range fiveTypes(t, prefix) {
				t.Run(name+"/"+prefix+o.Type().String(), func(t *testing.T) {
					before := len(testkit.Descriptors())
					must(t, Send(a, o, SameAccess))
					r, err := Receive[Object](b)
					must(t, err)
					if !SameObject(o, r) || r.Name() != o.Name() || r.Access() != o.Access() {
						t.Errorf("received %s %q with %s", r.Type(), r.Name(), r.Access())
					}
					works(t, o, r)
					if m, ok := r.(Waitable); ok && o.Type() == TypeEvent {
						wakes(t, o.(*Event), m)
					}
					must(t, r.Close())
					if n := len(testkit.Descriptors()); n > before {
						t.Errorf("%d descriptors, before %d: %v", n, before, testkit.Descriptors())
					}
					must(t, o.Close())
					alive(t, o.Name(), false)
				})
			}
		}
	}
}

// wakes checks that a waiter through one handle is woken through another.
func wakes(t *testing.T, e *Event, w Waitable) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := WaitAny(context.Background(), w); err != nil {
			t.Error(err)
		}
	}()
	testkit.Blocked(t, done, "the event is not set")
	must(t, e.Set())
	testkit.Soon(t, done, "the event is set")
}

// A handle on its way keeps the object alive, and the object dies with it if nobody
// receives it.
func TestHandleInFlight(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_STREAM)
	s, err := CreateSection("flight", SectionOptions{Size: 4096})
	must(t, err)
	must(t, Move(a, s, Read))
	if _, err := s.Map(0, 0, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a section that was moved is mapped: %v", err)
	}
	alive(t, "flight", true)
	r, err := Receive[*Section](b)
	must(t, err)
	if r.Access() != Read {
		t.Errorf("received with %s", r.Access())
	}
	alive(t, "flight", true)
	must(t, Move(a, r, Read))
	must(t, errors.Join(a.Close(), b.Close()))
	alive(t, "flight", false)
	// Its file is there until it is swept, as after a kill.
	s, err = CreateSection("flight", SectionOptions{Size: 4096})
	must(t, err)
	must(t, s.Close())
}

// clog sends messages until the connection takes no more.
func clog(t *testing.T, c *net.UnixConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		for err == nil {
			_, err = unix.SendmsgN(int(fd), []byte("full"), nil, nil, unix.MSG_DONTWAIT)
		}
	}))
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
}

// A handle that is closed while it is being sent leaves nothing behind if that fails:
// who sends is then the last to hold the object.
func TestCloseWhileSending(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_SEQPACKET)
	s, err := CreateSection("closed while sent", SectionOptions{Size: 4096})
	must(t, err)
	clog(t, a)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := Send(a, s, SameAccess); err == nil {
			t.Error("it was sent")
		}
	}()
	testkit.Blocked(t, done, "the connection is full")
	must(t, s.Close())
	alive(t, s.Name(), true)
	must(t, b.Close())
	testkit.Soon(t, done, "the peer is gone")
	alive(t, s.Name(), false)
	if left := testkit.Objects(testkit.Base()); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// What is moved is closed, whatever becomes of it.
func TestMoveThatFails(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_STREAM)
	must(t, b.Close())
	m := newTestMutex(t, "moved", MutexOptions{InitiallyOwned: true})
	isError(t, Move(a, m, SameAccess), unix.EPIPE)
	wantError(t, m.Close(), os.ErrClosed, 6)
	alive(t, "moved", false)
	e := newTestEvent(t, "", EventOptions{})
	isError(t, Move(a, e, Read), fs.ErrPermission)
	wantError(t, e.Close(), os.ErrClosed, 6)
	wantError(t, Send(nil, e, 0), fs.ErrInvalid, 6)
	wantError(t, Move(a, Object(nil), 0), fs.ErrInvalid, 6)
	wantError(t, Send(a, e, 0), os.ErrClosed, 6)
}

// A handle of another type is refused, and nothing of it stays.
func TestReceiveWrongType(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_STREAM)
	e := newTestEvent(t, "", EventOptions{})
	before := len(testkit.Descriptors())
	must(t, Send(a, e, SameAccess))
	_, err := Receive[*Mutex](b)
	isError(t, err, ErrWrongType, "event", "mutex")
	must(t, Send(a, e, SameAccess))
	r, err := Receive[*Event](b)
	must(t, err)
	must(t, r.Close())
	if n := len(testkit.Descriptors()); n > before {
		t.Errorf("%d descriptors, before %d", n, before)
	}
}

// A section that is sent for reading cannot be written through what was sent.
func TestReadOnlyHandleIsReadOnly(t *testing.T) {
	for _, name := range []string{"", "read only"} {
		a, b := socketPair(t, unix.SOCK_STREAM)
		s, err := CreateSection(name, SectionOptions{Size: 4096})
		must(t, err)
		must(t, Send(a, s, Read))
		h, err := transfer.Receive(b)
		must(t, err)
		if _, err := unix.Mmap(h.Object.FD, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); !errors.Is(err, unix.EACCES) {
			t.Errorf("mapped for writing: %v", err)
		}
		h.Close()
		must(t, Send(a, s, Read))
		r, err := Receive[*Section](b)
		must(t, err)
		_, err = r.Map(Write, 0, 0)
		wantError(t, err, fs.ErrPermission, 5)
		must(t, errors.Join(r.Close(), s.Close()))
	}
}

// Deadlines and ends of a connection are errors, and nothing is left open.
func TestReceiveEnds(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_STREAM)
	before := len(testkit.Descriptors())
	must(t, b.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err := Receive[Object](b)
	if !errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(err.Error(), "inside a message") {
		t.Errorf("got %v", err)
	}
	must(t, b.SetReadDeadline(time.Time{}))
	s, err := CreateSection("", SectionOptions{Size: 4096})
	must(t, err)
	must(t, Send(a, s, SameAccess)) // the connection can still be used
	r, err := Receive[Object](b)
	must(t, err)
	must(t, r.Close())

	_, _, err = a.WriteMsgUnix([]byte("ATOLLHND\x01\x00\x00"), unix.UnixRights(int(s.Descriptor())), nil)
	must(t, err)
	must(t, b.SetReadDeadline(time.Now().Add(testkit.Quiet)))
	_, err = Receive[Object](b)
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "inside a message") {
		t.Errorf("got %v", err)
	}
	must(t, s.Close())
	must(t, a.Close())
	must(t, b.SetReadDeadline(time.Time{}))
	_, err = Receive[Object](b)
	endsWith(t, err, io.EOF)
	must(t, b.Close())
	if n := len(testkit.Descriptors()); n > before-2 {
		t.Errorf("%d descriptors, before %d", n, before-2)
	}

	a, b = socketPair(t, unix.SOCK_STREAM)
	_, err = a.Write([]byte("ATOLL"))
	must(t, err)
	must(t, a.Close())
	_, err = Receive[Object](b)
	endsWith(t, err, io.ErrUnexpectedEOF)
}

// Who sends into a full connection waits, until its deadline or until there is room.
func TestSendWaits(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_SEQPACKET)
	e := newTestEvent(t, "full", EventOptions{})
	before := len(testkit.Descriptors())
	sent := 0
	for ; ; sent++ {
		must(t, a.SetWriteDeadline(time.Now().Add(testkit.Quiet)))
		if err := Send(a, e, Wait); err != nil {
			endsWith(t, err, os.ErrDeadlineExceeded)
			break
		}
	}
	must(t, a.SetWriteDeadline(time.Time{}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := Send(a, e, Modify); err != nil {
			t.Error(err)
		}
	}()
	testkit.Blocked(t, done, "the connection is full")
	for i := range sent + 1 {
		r, err := Receive[*Event](b)
		must(t, err)
		if want := map[bool]Access{false: Wait, true: Modify}[i == sent]; r.Access()&want != want {
			t.Errorf("handle %d of %d has %s", i, sent, r.Access())
		}
		must(t, r.Close())
	}
	testkit.Soon(t, done, "there is room")
	if n := len(testkit.Descriptors()); n > before {
		t.Errorf("%d descriptors, before %d", n, before)
	}
}

func endsWith(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// A file section brings its file, also one that has no name any more.
func TestSendFileSection(t *testing.T) {
	a, b := socketPair(t, unix.SOCK_STREAM)
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	must(t, err)
	s, err := CreateSection("", SectionOptions{File: f, Size: 4096})
	must(t, err)
	must(t, f.Close())
	must(t, os.Remove(path))
	must(t, Send(a, s, SameAccess))
	must(t, Send(a, s, Read))
	r, err := Receive[*Section](b)
	must(t, err)
	works(t, s, r)
	must(t, s.Close())
	q, err := Receive[*Section](b)
	must(t, err)
	works(t, r, q)
	if _, err := q.Map(Write, 0, 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a section for reading is mapped for writing: %v", err)
	}
	must(t, errors.Join(r.Close(), q.Close()))
}
