//go:build linux

package testkit

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Named times. Quiet is how long a thing must not happen before we believe that
// it is blocked; Hang is how long it may take before we believe that it never
// happens. No test asserts a smaller maximum.
const (
	Quiet = 50 * time.Millisecond
	Hang  = 60 * time.Second
)

const roleVariable = "ATOLL_TEST_ROLE"

// Self is the child's side of a role.
type Self struct {
	Args []string
	in   *bufio.Scanner
}

// Say sends a line to the test.
func (s *Self) Say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Hear waits for a line of the test; false at the end.
func (s *Self) Hear() (string, bool) {
	ok := s.in.Scan()
	return s.in.Text(), ok
}

// Must ends the child with a message if err is not nil.
func (s *Self) Must(err error) {
	if err != nil {
		fmt.Println("FAILED:", err)
		os.Exit(3)
	}
}

var roles = map[string]func(*Self){}

// Role registers what a child process can play. Call it in a var or init beside
// the test that uses it.
func Role(name string, play func(*Self)) bool {
	if roles[name] != nil {
		panic("testkit: two roles " + name)
	}
	roles[name] = play
	return true
}

// playRole runs the role of this process, if it has one, and ends it.
func playRole() {
	name := os.Getenv(roleVariable)
	if name == "" {
		return
	}
	play := roles[name]
	if play == nil {
		fmt.Println("FAILED: no role", name)
		os.Exit(3)
	}
	play(&Self{Args: os.Args[1:], in: bufio.NewScanner(os.Stdin)})
	os.Exit(0)
}

// Child is a process that plays a role.
type Child struct {
	t     testing.TB
	Cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
	wait  sync.Once
	err   error
}

// Start starts this test binary as a child with a role. It is killed at the end
// of the test if it still lives.
func Start(t testing.TB, role string, args ...string) *Child {
	t.Helper()
	return StartCommand(t, Command(role, args...))
}

// Command is the command that Start starts, to be changed before StartCommand.
func Command(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	// A race build sleeps a second at its end unless told not to.
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

// StartCommand starts a command made by Command.
func StartCommand(t testing.TB, cmd *exec.Cmd) *Child {
	t.Helper()
	return StartBy(t, cmd, cmd.Start)
}

// StartBy is StartCommand with a function that starts the command.
func StartBy(t testing.TB, cmd *exec.Cmd, start func() error) *Child {
	t.Helper()
	c := &Child{t: t, Cmd: cmd, lines: make(chan string, 1024)}
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			c.lines <- in.Text()
		}
		close(c.lines)
	}()
	t.Cleanup(func() { c.Kill() })
	return c
}

// PID is the child's process number.
func (c *Child) PID() int { return c.Cmd.Process.Pid }

// Tell sends a line to the child.
func (c *Child) Tell(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.stdin, format+"\n", args...); err != nil {
		c.t.Fatalf("tell child: %v", err)
	}
}

// Line waits for the child's next line; "" when it has ended.
func (c *Child) Line() string {
	c.t.Helper()
	select {
	case line := <-c.lines:
		if strings.HasPrefix(line, "FAILED:") {
			c.t.Fatalf("child %d: %s", c.PID(), line)
		}
		return line
	case <-time.After(Hang):
		c.t.Fatalf("child %d says nothing: it hangs", c.PID())
		return ""
	}
}

// Expect waits for a certain line.
func (c *Child) Expect(want string) {
	c.t.Helper()
	if got := c.Line(); got != want {
		c.t.Fatalf("child %d said %q, want %q", c.PID(), got, want)
	}
}

// Silent checks that the child says nothing for a while: it is blocked.
func (c *Child) Silent() {
	c.t.Helper()
	select {
	case line, ok := <-c.lines:
		c.t.Fatalf("child %d said %q (open %v), it should be blocked", c.PID(), line, ok)
	case <-time.After(Quiet):
	}
}

// Kill kills the child with SIGKILL and waits for its end.
func (c *Child) Kill() {
	_ = c.Cmd.Process.Kill()
	_ = c.Wait()
}

// Signal sends a signal.
func (c *Child) Signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.Cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// End closes the child's input and waits for its end, which must be a good one.
func (c *Child) End() {
	c.t.Helper()
	_ = c.stdin.Close()
	if err := c.Wait(); err != nil {
		c.t.Fatalf("child %d: %v", c.PID(), err)
	}
}

// Wait waits for the child's end.
func (c *Child) Wait() error {
	c.wait.Do(func() {
		done := make(chan struct{})
		go func() {
			for range c.lines { // what it still said
			}
			c.err = c.Cmd.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(Hang):
			_ = c.Cmd.Process.Kill()
			<-done
			c.err = fmt.Errorf("hung and was killed")
		}
	})
	return c.err
}

// Blocked checks that done is not closed for a while.
func Blocked(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
		t.Fatalf("%s: it should be blocked", what)
	case <-time.After(Quiet):
	}
}

// Soon waits for done, as long as it takes.
func Soon(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(Hang):
		t.Fatalf("%s: it hangs", what)
	}
}

// Pending says whether the child has said a line that nobody has read.
func (c *Child) Pending() bool { return len(c.lines) > 0 }
