package conformance

import (
	"encoding/gob"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"atoll/win32"
)

// Children: this program, started again in a role. A line says what to do and hears
// what came of it:
//
//	var opener = newRole("opener", func(t *T, p *Parent) {
//		_, err := win32.OpenMutex(win32.SYNCHRONIZE, false, p.Arg(0))
//		p.Say(number(err))
//	})
//
//	child := t.Child(opener, name)
//	child.Expect(0)
//
// They talk over a connection of this machine, so that it does not matter how a child
// was started, and what it inherited. A child whose parent ends the connection ends.

// role is what a child does, on a thread that it has locked.
type role struct {
	name string
	do   func(t *T, p *Parent)
	used bool
}

var (
	roles     = make(map[string]*role)
	rolesLock sync.Mutex
)

// newRole names a role. A run of all lines in which nobody plays it fails.
func newRole(name string, do func(t *T, p *Parent)) *role {
	if roles[name] != nil {
		panic("two roles are called " + name)
	}
	roles[name] = &role{name: name, do: do}
	return roles[name]
}

// playing is how a child is told its parent's address.
const playing = "atoll-conformance-child"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == playing {
		os.Exit(play(os.Args[2]))
	}
	remove, err := ownNames()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	remove()
	if err := writeResults(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	code = max(code, checkRoles())
	os.Exit(code)
}

// checkRoles says which roles nobody plays when all lines are checked. On Linux that
// is none; elsewhere lines with roles may have no meaning.
func checkRoles() (code int) {
	for _, choice := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(choice).Value.String() != "" {
			return 0
		}
	}
	for _, r := range roles {
		if !r.used && system() == onLinux {
			fmt.Fprintf(os.Stderr, "nobody plays the role %s\n", r.name)
			code = 1
		}
	}
	return code
}

// Call is a child that is to be started.
type Call struct {
	t      *T
	listen net.Listener
	role   *role
	args   []string
}

// Call prepares a child, which the line itself starts: as CommandLine says.
func (t *T) Call(r *role, args ...any) *Call {
	listen, err := net.Listen("tcp4", "127.0.0.1:0")
	t.OK(err)
	t.Cleanup(func() { _ = listen.Close() })
	use(r.name)
	c := &Call{t: t, listen: listen, role: r}
	for _, arg := range args {
		c.args = append(c.args, fmt.Sprint(arg))
	}
	return c
}

// Program is the file to start.
func (c *Call) Program() string {
	exe, err := os.Executable()
	c.t.OK(err)
	return exe
}

// CommandLine is what [win32.CreateProcess] is given.
func (c *Call) CommandLine() string {
	return fmt.Sprintf(`"%s" %s %s`, c.Program(), playing, c.listen.Addr())
}

// Answer waits until the child is there.
func (c *Call) Answer() *Child {
	_ = c.listen.(*net.TCPListener).SetDeadline(time.Now().Add(hang))
	conn, err := c.listen.Accept()
	if err != nil {
		c.t.Fatalf("no child in the role %s: %v", c.role.name, err)
	}
	child := &Child{t: c.t, role: c.role, talk: newTalk(conn, func() {})}
	c.t.Cleanup(func() { _ = conn.Close() })
	child.PID, _ = strconv.Atoi(child.Line())
	child.Tell(c.role.name)
	child.Tell(strconv.Itoa(len(c.args)))
	for _, arg := range c.args {
		child.Tell(arg)
	}
	return child
}

// Child starts a child that inherits nothing. It is killed when the line ends.
func (t *T) Child(r *role, args ...any) *Child { return t.ChildOf(0, r, args...) }

// ChildOf is Child for a child of another user, of Linux; 0: of this one.
func (t *T) ChildOf(user uint32, r *role, args ...any) *Child {
	call := t.Call(r, args...)
	cmd := exec.Command(call.Program(), playing, call.listen.Addr().String())
	if user != 0 {
		asUser(cmd, user)
	}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	t.OK(cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	child := call.Answer()
	child.cmd = cmd
	return child
}

// Child is a process in a role.
type Child struct {
	*talk
	t    *T
	role *role
	cmd  *exec.Cmd // nil: the line started it
	PID  int
}

// hang is when a child hangs, and quiet how long it must say nothing to be believed
// that it waits.
const (
	hang  = time.Minute
	quiet = 50 * time.Millisecond
)

// Tell says something, which the child hears.
func (c *Child) Tell(what ...any) {
	if err := c.say(what...); err != nil {
		c.t.Fatalf("the child in the role %s is gone: %v", c.role.name, err)
	}
}

// Line is what the child says next.
func (c *Child) Line() string {
	select {
	case text, ok := <-c.heard:
		if !ok {
			c.t.Fatalf("the child in the role %s ended", c.role.name)
		}
		return text
	case <-time.After(hang):
		c.t.Fatalf("the child in the role %s says nothing", c.role.name)
	}
	return ""
}

// Expect demands what the child says next.
func (c *Child) Expect(what ...any) {
	if want, got := sentence(what...), c.Line(); got != want {
		c.t.Errorf("the child in the role %s says %q, want %q", c.role.name, got, want)
	}
}

// Quiet demands that the child says nothing for a while: it waits.
func (c *Child) Quiet() {
	select {
	case text, ok := <-c.heard:
		c.t.Fatalf("the child in the role %s says %q (alive: %v), want it to wait", c.role.name, text, ok)
	case <-time.After(quiet):
	}
}

// Kill ends the child, which has no say in it.
func (c *Child) Kill() {
	process, err := os.FindProcess(c.PID)
	c.t.OK(err)
	c.t.OK(process.Kill())
	if c.cmd != nil { // under Wine the connection can outlive it
		_ = c.cmd.Wait()
		_ = c.conn.Close()
	}
	c.Exit()
}

// Exit waits until the child has ended, and gives its exit code if it was started by
// [T.Child]; -1 after a signal of Linux.
func (c *Child) Exit() int {
	if c.cmd != nil {
		_ = c.cmd.Wait()
		return c.cmd.ProcessState.ExitCode()
	}
	for range c.heard { // what it still says nobody wants to know
	}
	return 0
}

// Parent is who started this child.
type Parent struct {
	*talk
	args []string
}

// parent is this process' own; nil if it is nobody's child.
var parent *Parent

// Arg is an argument that the parent gave.
func (p *Parent) Arg(i int) string { return p.args[i] }

// Number is an argument that is a number.
func (p *Parent) Number(i int) int {
	n, err := strconv.Atoi(p.args[i])
	if err != nil {
		panic(err)
	}
	return n
}

// Say says something to the parent, which expects it.
func (p *Parent) Say(what ...any) { _ = p.say(what...) }

// Hear waits for what the parent tells.
func (p *Parent) Hear() string { return <-p.heard }

// play is a child's life. Whatever fails in it is said, and makes its exit code.
func play(address string) int {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return failedRole
	}
	p := &Parent{talk: newTalk(conn, func() { os.Exit(orphaned) })}
	p.Say(os.Getpid())
	name := p.Hear()
	n, _ := strconv.Atoi(p.Hear())
	for range n {
		p.args = append(p.args, p.Hear())
	}
	r := roles[name]
	if r == nil {
		fmt.Fprintf(os.Stderr, "there is no role %q\n", name)
		return failedRole
	}
	parent = p
	t := &T{line: name}
	<-t.Begin(func() { defer t.cleanUp(); r.do(t, p) })
	if t.failed {
		fmt.Fprintf(os.Stderr, "in the role %s: %s\n", name, t.said())
		return failedRole
	}
	return 0
}

// Exit codes of children.
const (
	failedRole = 70
	orphaned   = 71
)

// talk is a connection over which sentences go both ways.
type talk struct {
	conn  net.Conn
	out   *gob.Encoder
	heard <-chan string // closed when the other has ended
}

// newTalk begins to listen, and calls ended when the other has ended.
func newTalk(conn net.Conn, ended func()) *talk {
	heard := make(chan string, 1000)
	go func() {
		defer close(heard)
		defer ended()
		in, text := gob.NewDecoder(conn), ""
		for in.Decode(&text) == nil {
			if name, uses := strings.CutPrefix(text, usesRole); uses {
				use(name)
				continue
			}
			heard <- text
		}
	}()
	return &talk{conn: conn, out: gob.NewEncoder(conn), heard: heard}
}

func (t *talk) say(what ...any) error { return t.out.Encode(sentence(what...)) }

// sentence is what is said: the words, and blanks between them.
func sentence(what ...any) string { return strings.TrimSuffix(fmt.Sprintln(what...), "\n") }

// usesRole is what a child begins with that tells which role a child of its own plays.
const usesRole = "\x00role "

// use remembers that somebody plays a role.
func use(name string) {
	rolesLock.Lock()
	defer rolesLock.Unlock()
	roles[name].used = true
	if parent != nil {
		parent.Say(usesRole + name)
	}
}

// number is the number of an error; 0: none.
func number(err error) int {
	if err == nil {
		return 0
	}
	if n, ok := err.(win32.Errno); ok {
		return int(n)
	}
	return -1
}
