//go:build linux

package atoll

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/errs"
	"atoll/internal/testkit"
	"atoll/internal/transfer"
)

// The heir has inherited handles, or gets them through the socket that is its
// descriptor 3. It does what it hears, and says a line:
//
//	inherit KEY      takes a handle, and says its type, name and access
//	receive KEY      the same, from the socket
//	pull PID FD      the same, out of another process; number says how that fails
//	lock|await|set|wait|read|writable|descriptor|close KEY
//	open             how many of its descriptors lead to objects
//	raw              how many a program that it starts has of them
//	child KEY        what a child with its environment says to inherit KEY
type heir struct {
	held   map[string]Object
	socket *net.UnixConn
}

var _ = testkit.Role("heir", func(self *testkit.Self) {
	h := heir{held: make(map[string]Object)}
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		verb, rest, _ := strings.Cut(line, " ")
		answer, err := h.do(verb, rest)
		if err != nil {
			answer = "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		self.Say("%s", answer)
	}
	for _, o := range h.held {
		self.Must(o.Close())
	}
})

func (h *heir) do(verb, rest string) (answer string, err error) {
	switch verb {
	case "inherit":
		o, err := Inherited[Object](rest)
		return h.keep(rest, o, err)
	case "receive":
		o, err := h.receive()
		return h.keep(rest, o, err)
	case "pull":
		var pid, fd int
		if _, err := fmt.Sscan(rest, &pid, &fd); err != nil {
			return "", err
		}
		o, err := DuplicateFrom[Object](pid, uintptr(fd), 0)
		return h.keep("pulled", o, err)
	case "number":
		var pid, fd int
		if _, err := fmt.Sscan(rest, &pid, &fd); err != nil {
			return "", err
		}
		_, err := DuplicateFrom[Object](pid, uintptr(fd), 0)
		return fmt.Sprint(errs.Number(err)), nil
	case "open":
		return strconv.Itoa(toObjects(testkit.Descriptors())), nil
	case "raw":
		out, err := exec.Command("/bin/ls", "-l", "/proc/self/fd/").Output()
		return strconv.Itoa(strings.Count(string(out), "atoll")), err
	case "child":
		return h.child(rest)
	}
	return h.use(verb, rest, h.held[rest])
}

// use does something with a handle.
func (h *heir) use(verb, key string, o Object) (string, error) {
	switch verb {
	case "lock":
		_, previous, err := o.(*Mutex).TryLock()
		if previous != nil {
			return strconv.Itoa(previous.PID), err
		}
		return "locked", err
	case "set":
		return "set", o.(*Event).Set()
	case "wait":
		return "waited", o.(*Event).Wait(context.Background())
	case "await":
		_, err := o.(*Mutex).Lock(context.Background())
		return "waited", err
	case "read":
		v, err := o.(*Section).Map(Read, 0, 0)
		if err != nil {
			return "", err
		}
		defer func() { _ = v.Close() }()
		return strconv.Itoa(int(v.Bytes()[0])), nil
	case "writable":
		return writable(int(o.Descriptor())), nil
	case "descriptor":
		return strconv.Itoa(int(o.Descriptor())), nil
	case "close":
		delete(h.held, key)
		return "closed", o.Close()
	}
	return "", fmt.Errorf("heirs cannot %q", verb)
}

// writable says how a descriptor's file can be written: by a mapping, or opened again.
func writable(fd int) string {
	var ways []string
	if m, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		_ = unix.Munmap(m)
		ways = append(ways, "mapped")
	}
	if again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Close(again)
		ways = append(ways, "opened")
	}
	return fmt.Sprintf("writable: %q", ways)
}

func (h *heir) keep(key string, o Object, err error) (string, error) {
	if err != nil {
		return "", err
	}
	h.held[key] = o
	return fmt.Sprintf("%s %q %s", o.Type(), o.Name(), o.Access()), nil
}

func (h *heir) receive() (Object, error) {
	if h.socket == nil {
		c, err := net.FileConn(os.NewFile(3, "socket"))
		if err != nil {
			return nil, err
		}
		h.socket = c.(*net.UnixConn)
	}
	return Receive[Object](h.socket)
}

// child passes on the environment, but not the handles.
func (h *heir) child(key string) (string, error) {
	cmd := testkit.Command("heir")
	cmd.Stdin = strings.NewReader("inherit " + key + "\n")
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// toObjects counts the descriptors that lead to objects or their folders.
func toObjects(descriptors map[int]string) (n int) {
	for _, target := range descriptors {
		if strings.Contains(target, "atoll") && !strings.Contains(target, ".test") {
			n++
		}
	}
	return n
}

// startHeir starts an heir with handles.
func startHeir(t testing.TB, cmd *exec.Cmd, inherit map[string]Object) *testkit.Child {
	t.Helper()
	return testkit.StartBy(t, cmd, func() error { return Start(cmd, inherit) })
}

// heirSays tells an heir something and checks the answer, of which a part is enough.
func heirSays(t testing.TB, c *testkit.Child, call, want string) {
	t.Helper()
	c.Tell("%s", call)
	if got := c.Line(); !strings.Contains(got, want) {
		t.Fatalf("%s: %q, want %q", call, got, want)
	}
}

// Of all types, with a name and without, a child has handles of its own, and the
// objects live on by them alone.
func TestInheritance(t *testing.T) {
	for _, prefix := range []string{"", "inherited-"} {
		objects := fiveTypes(t, prefix)
		inherit := make(map[string]Object)
		for _, o := range objects {
			inherit["the "+o.Type().String()] = o
		}
		before := len(testkit.Descriptors())
		c := startHeir(t, testkit.Command("heir"), inherit)
		// Besides pipes to the child, and what the runtime has of it.
		if n := toObjects(testkit.Descriptors()); n > before {
			t.Errorf("%d descriptors of objects, before %d", n, before)
		}
		heirSays(t, c, "raw", "0")
		for _, o := range objects {
			heirSays(t, c, "inherit the "+o.Type().String(), fmt.Sprintf("%s %q %s", o.Type(), o.Name(), o.Access()))
		}
		heirSays(t, c, "raw", "0")
		v, err := objects[0].(*Section).Map(0, 0, 0)
		must(t, err)
		v.Bytes()[0] = 42
		heirSays(t, c, "read the section", "42")
		must(t, v.Close())
		mustLock(t, objects[1].(*Mutex), false)
		mustUnlock(t, objects[1].(*Mutex))
		heirSays(t, c, "lock the mutex", "locked")
		heirSays(t, c, "set the event", "set")
		must(t, objects[2].(*Event).Wait(context.Background()))
		for _, o := range objects[2:] {
			must(t, o.Close())
			alive(t, o.Name(), true)
		}
		must(t, objects[0].Close())
		heirSays(t, c, "read the section", "42")
		c.Kill()
		mustLock(t, objects[1].(*Mutex), true)
		must(t, objects[1].Close())
		for _, o := range objects {
			alive(t, o.Name(), false)
		}
	}
	_, err := Sweep(LocalScope)
	must(t, err)
}

// Ownership of a mutex is not inherited.
func TestInheritedMutexIsNotOwned(t *testing.T) {
	m := newTestMutex(t, "", MutexOptions{InitiallyOwned: true})
	e := newTestEvent(t, "", EventOptions{})
	c := startHeir(t, testkit.Command("heir"), map[string]Object{"m": m, "e": e})
	heirSays(t, c, "inherit m", "mutex")
	heirSays(t, c, "inherit e", "event")
	c.Tell("wait e")
	c.Silent()
	must(t, e.Set())
	c.Expect("waited")
	mustUnlock(t, m)
	heirSays(t, c, "lock m", "locked")
	c.End()
	mustLock(t, m, true)
}

// Who abandons a mutex without a name by closing its handle is still known, as with
// a name.
func TestAbandonedByClose(t *testing.T) {
	m := newTestMutex(t, "", MutexOptions{})
	c := startHeir(t, testkit.Command("heir"), map[string]Object{"m": m})
	heirSays(t, c, "inherit m", "mutex")
	heirSays(t, c, "lock m", "locked")
	heirSays(t, c, "close m", "closed")
	if previous := mustLock(t, m, true); previous.PID != c.PID() {
		t.Errorf("abandoned by %d, not %d", previous.PID, c.PID())
	}
	mustUnlock(t, m)
	c.End()
}

// Each key can be taken once, by its type; and the variable alone is nothing.
func TestInheritedKeys(t *testing.T) {
	e := newTestEvent(t, "kept", EventOptions{})
	cmd := testkit.Command("heir")
	cmd.Env = append(cmd.Env, transfer.Variable+"=rubbish of before")
	c := startHeir(t, cmd, map[string]Object{"a key; with %": e, "b": e})
	heirSays(t, c, "child b", `passed on by a process that did not pass on the descriptors`)
	heirSays(t, c, "inherit c", `["a key; with %" "b"]`)
	heirSays(t, c, "inherit a key; with %", `event "kept"`)
	heirSays(t, c, "inherit a key; with %", "was taken before")
	heirSays(t, c, "inherit b", `event "kept"`)
	heirSays(t, c, "child b", "passed on by a process")
	c.End()
	if slices.ContainsFunc(cmd.Env, func(line string) bool { return strings.Contains(line, "=1;") }) || cmd.ExtraFiles != nil {
		t.Error("the command was changed for good")
	}
	c = testkit.Start(t, "heir")
	heirSays(t, c, "inherit x", "has inherited no handles")
	c.End()
	cmd = testkit.Command("heir")
	cmd.Env = append(cmd.Env, transfer.Variable+"=rubbish")
	c = testkit.StartCommand(t, cmd)
	heirSays(t, c, "inherit x", "version \"rubbish\"")
	c.End()
	_, err := Inherited[*Mutex]("x")
	wantError(t, err, fs.ErrNotExist, 2)
}

// A start that fails leaves nothing open, and nothing behind.
func TestStartThatFails(t *testing.T) {
	objects := fiveTypes(t, "unstarted")
	inherit := map[string]Object{"s": objects[0], "m": objects[1]}
	before := len(testkit.Descriptors())
	isStartError := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if n := len(testkit.Descriptors()); n > before {
			t.Errorf("%d descriptors, before %d", n, before)
		}
	}
	isStartError(Start(exec.Command("/nowhere/at/all"), inherit), fs.ErrNotExist)
	isStartError(Start(exec.Command("/bin/true"), map[string]Object{"": objects[0]}), fs.ErrInvalid)
	isStartError(Start(exec.Command("/bin/true"), map[string]Object{"x": nil}), fs.ErrInvalid)
	must(t, objects[1].Close())
	before = len(testkit.Descriptors())
	isStartError(Start(exec.Command("/bin/true"), inherit), os.ErrClosed)
	must(t, objects[0].Close())
	alive(t, "unstartedsection", false)
}

// A handle can be taken out of a process by those who may trace it.
func TestDuplicateFrom(t *testing.T) {
	testkit.NeedRoot(t) // or Yama may forbid it
	for _, prefix := range []string{"", "pulled-"} {
		for _, o := range fiveTypes(t, prefix) {
			c := startHeir(t, testkit.Command("heir"), map[string]Object{"x": o})
			heirSays(t, c, "inherit x", o.Type().String())
			c.Tell("descriptor x")
			fd, err := strconv.Atoi(c.Line())
			must(t, err)
			d, err := DuplicateFrom[Object](c.PID(), uintptr(fd), SameAccess)
			must(t, err)
			if d.Type() != o.Type() || d.Name() != o.Name() || !SameObject(d, o) {
				t.Errorf("it is %s %q", d.Type(), d.Name())
			}
			must(t, o.Close())
			heirSays(t, c, "close x", "closed")
			works(t, d, d)
			alive(t, o.Name(), true)
			must(t, d.Close())
			alive(t, o.Name(), false)
			_, err = DuplicateFrom[Object](c.PID(), 0, SameAccess)
			wantError(t, err, ErrCorrupt, 6)
			_, err = DuplicateFrom[Object](c.PID(), 999, SameAccess)
			wantError(t, err, fs.ErrInvalid, 6)
			_, err = DuplicateFrom[Object](c.PID(), ^uintptr(0), SameAccess)
			wantError(t, err, fs.ErrInvalid, 6)
			c.End()
			_, err = DuplicateFrom[Object](c.PID(), 3, SameAccess)
			wantError(t, err, fs.ErrNotExist, 2)
		}
	}
}

const strangerUID = 23456

// stranger is an heir of another user.
func stranger(t testing.TB, base string) *exec.Cmd {
	t.Helper()
	testkit.NeedRoot(t)
	cmd := testkit.Command("heir")
	cmd.Env = append(cmd.Env, "ATOLL_ROOT="+base)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: strangerUID, Gid: strangerUID}}
	return cmd
}

// Another user can use a section that was passed on to it, whatever directory it
// lies in; cannot take handles by itself; and is refused what it could not wait for.
func TestStrangersInherit(t *testing.T) {
	s, err := CreateSection("private", SectionOptions{Size: 4096})
	must(t, err)
	u, err := CreateSection("", SectionOptions{Size: 4096})
	must(t, err)
	r, err := Duplicate(u, Read)
	must(t, err)
	p, err := Duplicate(s, Read)
	must(t, err)
	e := newTestEvent(t, "private event", EventOptions{})
	n := newTestEvent(t, "", EventOptions{})
	cmd := stranger(t, testkit.Base())
	err = Start(cmd, map[string]Object{"e": e})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "create the event with a Security that lets that user write") {
		t.Error(err)
	}
	err = Start(cmd, map[string]Object{"n": n})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "use a name in Global\\ or in a private namespace") {
		t.Error(err)
	}
	q, err := Duplicate(e, Query)
	must(t, err)
	c := startHeir(t, stranger(t, publicBase(t)), map[string]Object{"s": s, "u": u, "r": r, "p": p, "q": q})
	for _, key := range []string{"s", "u"} {
		heirSays(t, c, "inherit "+key, "read+write")
		heirSays(t, c, "read "+key, "0")
	}
	heirSays(t, c, "inherit r", `section "" read`)
	heirSays(t, c, "writable r", "writable: []")
	heirSays(t, c, "inherit p", `section "private" read`)
	heirSays(t, c, "writable p", "writable: []")
	heirSays(t, c, "inherit q", "use Global\\, or a private namespace")
	heirSays(t, c, fmt.Sprintf("pull %d %d", os.Getpid(), s.Descriptor()), "does not let this process trace")
	must(t, errors.Join(s.Close(), u.Close(), r.Close(), p.Close(), q.Close()))
	alive(t, "private", true)
	heirSays(t, c, "close s", "closed")
	alive(t, "private", true)
	heirSays(t, c, "close p", "closed")
	alive(t, "private", false)
	c.End()
	_, err = Sweep(LocalScope)
	must(t, err)
}
