//go:build linux

package ending

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func awaitEnd(t *testing.T, p *Process) {
	t.Helper()
	ended := make(chan struct{})
	defer p.Watch(func() { close(ended) })()
	select {
	case <-ended:
	case <-time.After(testkit.Hang):
		t.Fatal("it does not end")
	}
}

// Whatever a child's end was, it is told, and is left for who waits for the child;
// after that the kernel tells it, if it is new enough.
func TestStatus(t *testing.T) {
	for _, script := range []string{"exit 0", "exit 7", "kill -9 $$", "kill -15 $$"} {
		cmd := exec.Command("/bin/sh", "-c", "read x; "+script)
		in, err := cmd.StdinPipe()
		must(t, err)
		must(t, cmd.Start())
		p, err := Open(cmd.Process.Pid)
		must(t, err)
		if _, known, err := p.Status(); known || err != nil {
			t.Errorf("%s: running, but known %v, %v", script, known, err)
		}
		_, err = in.Write([]byte("\n"))
		must(t, err)
		awaitEnd(t, p)
		before, known, err := p.Status()
		if !known || err != nil || !p.There() {
			t.Errorf("%s: known %v, %v, there %v", script, known, err, p.There())
		}
		_ = cmd.Wait()
		want := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if before != want {
			t.Errorf("%s: %#x, want %#x", script, before, want)
		}
		after, known, err := p.Status()
		if err != nil || known == silent.Load() || known && after != want || p.There() {
			t.Errorf("%s: afterwards %#x, %v, %v, want %#x", script, after, known, err, want)
		}
		p.Close()
	}
}

// A process that is no child, and that nobody has waited for yet.
func TestStatusOfGrandchild(t *testing.T) {
	for _, code := range []int{0, 9} {
		cmd := exec.Command("/bin/sh", "-c", `sh -c 'sleep 0.01; read x; exit `+strconv.Itoa(code)+`' <&0 & echo $!; exec 0</dev/null; exec sleep 1000`)
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		text := make([]byte, 20)
		n, err := out.Read(text)
		must(t, err)
		pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
		must(t, err)
		p, err := Open(pid)
		must(t, err)
		must(t, in.Close())
		awaitEnd(t, p)
		if s, known, err := p.Status(); !known || err != nil || s.ExitStatus() != code {
			t.Errorf("%#x, %v, %v, want %d", s, known, err, code)
		}
		p.Close()
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
}

func TestSignal(t *testing.T) {
	p, err := Open(os.Getpid())
	must(t, err)
	defer p.Close()
	if err := p.Signal(0); err != nil || p.PID() != os.Getpid() {
		t.Errorf("%v, pid %d", err, p.PID())
	}
	if err := p.Signal(unix.Signal(200)); err == nil {
		t.Error("signal 200 was sent")
	}
}

// Who begins to watch when others have been told is told, too.
func TestLateWatcher(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "read x")
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	p, err := Open(cmd.Process.Pid)
	must(t, err)
	defer p.Close()
	first := make(chan struct{})
	unwatch := p.Watch(func() { close(first) })
	must(t, in.Close())
	testkit.Soon(t, first, "the first who watches")
	awaitEnd(t, p)
	unwatch()
	awaitEnd(t, p)
	_ = cmd.Wait()
}
