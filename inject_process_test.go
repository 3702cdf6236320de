//go:build linux

package atoll

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// systemCall is the nth call of a name that a thread makes.
type systemCall struct {
	name string
	nth  int
	// byChance: one that is made or not as it happens, by Go's scheduler or to ask
	// whether a dying process is gone.
	byChance bool
}

// TestKilledAtEverySystemCall: strace shows which system calls a call makes; then
// one process for each of them is killed just as it enters it, and the others go
// on. strace watches the one thread that makes the call, from just before it: so
// it counts that thread's system calls and no others.
func TestKilledAtEverySystemCall(t *testing.T) {
	strace, err := exec.LookPath("strace")
	testkit.Need(t, err == nil, "strace")
	eachKillProof(t, func(t *testing.T, c *cast, p *killProof) {
		calls := learnSystemCalls(t, c, p, strace)
		missed := 0
		for _, call := range calls {
			if !metSystemCall(t, c, p, strace, call) && !call.byChance {
				missed++
			}
		}
		t.Logf("%d system calls, %d of them not met again: %v", len(calls), missed, calls)
		if missed > 1+len(calls)/10 {
			t.Errorf("%d of %d system calls were not met when they should be: the call does not do the same each time", missed, len(calls))
		}
	})
}

// Go's scheduler makes system calls of its own on the thread, before and in between,
// more or less of them as it happens. They count with the others of their name, so
// both what is learnt and what is met are a matter of luck, which is tried again.
const luck = 3

// metSystemCall kills victims at a system call until one has come there.
func metSystemCall(t *testing.T, c *cast, p *killProof, strace string, call systemCall) bool {
	t.Helper()
	for range luck {
		if killAtSystemCall(t, c, p, strace, call) {
			return true
		}
		if call.byChance {
			break
		}
	}
	return false
}

// learnSystemCalls lists the system calls that a call makes, with as few of the
// scheduler's among and before them as can be had.
func learnSystemCalls(t *testing.T, c *cast, p *killProof, strace string) (least []systemCall) {
	t.Helper()
	counted := func(calls []systemCall) (n int) {
		for _, call := range calls {
			n += call.nth
		}
		return n
	}
	learnt := 0
	for range 5 * luck {
		// Now and then strace does not see the thread before it is done.
		calls, whole := traceSystemCalls(t, c, p, strace)
		if !whole {
			continue
		}
		if learnt++; learnt == 1 || counted(calls) < counted(least) {
			least = calls
		}
		if learnt == luck {
			return least
		}
	}
	t.Fatal("strace does not see the marks before and behind the call")
	return nil
}

func traceSystemCalls(t *testing.T, c *cast, p *killProof, strace string) (calls []systemCall, whole bool) {
	t.Helper()
	k := c.prepare(t, p)
	trace := filepath.Join(t.TempDir(), "trace")
	if !k.underStrace(strace, "-o", trace) {
		t.Fatal("strace kills the victim")
	}
	k.endUntraced()
	return callsOfTrace(t, trace)
}

// callsOfTrace lists the system calls between the two marks of a thread's trace,
// counted from the beginning of the trace; whole: both marks are there.
func callsOfTrace(t *testing.T, path string) (calls []systemCall, whole bool) {
	t.Helper()
	file, err := os.Open(path)
	must(t, err)
	defer func() { _ = file.Close() }()
	marks := 0
	times := make(map[string]int)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, _, isCall := strings.Cut(lines.Text(), "(")
		// The call that it was in when the trace began has been entered already.
		if !isCall || strings.ContainsAny(name, " <") {
			continue
		}
		if name == "getppid" {
			marks++
			continue
		}
		if times[name]++; marks == 1 {
			calls = append(calls, systemCall{name, times[name], strings.Contains(lines.Text(), "_PRIVATE") || name == "fcntl" && times[name] > 2})
		}
	}
	return calls, marks == 2
}

// killAtSystemCall kills a victim as it enters a system call, and says whether it
// came there; otherwise it is killed at the end.
func killAtSystemCall(t *testing.T, c *cast, p *killProof, strace string, at systemCall) bool {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("killed at %v", at)
		}
	}()
	k := c.prepare(t, p)
	lived := k.underStrace(strace, "-o", "/dev/null", "-e", "trace="+at.name,
		"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", at.name, at.nth))
	k.endUntraced()
	return !lived
}

// underStrace makes the victim make its call while strace watches, and says
// whether it lived to the end of it.
func (k *killing) underStrace(strace string, args ...string) (lived bool) {
	k.t.Helper()
	k.victim.Tell("arm %s", k.proof.call)
	var tid int
	if _, err := fmt.Sscanf(k.victim.Line(), "armed %d", &tid); err != nil {
		k.t.Fatal(err)
	}
	cmd := exec.Command(strace, append(args, "-q", "-e", "signal=none", "-p", strconv.Itoa(tid))...)
	cmd.Stderr = os.Stderr
	must(k.t, cmd.Start())
	// It ends when what it watches does, or is ended with the victim.
	defer func() {
		k.victim.Kill()
		_ = cmd.Wait()
	}()
	until(k.t, "strace does not attach", func() bool { return isTraced(k.victim.PID(), tid) })
	k.victim.Tell("go")
	until(k.t, "the victim neither dies nor returns", func() bool {
		if !k.released && k.sleeps(tid) {
			k.release()
		}
		return k.victim.Pending() || processState(k.victim.PID()) == "Z"
	})
	return k.victim.Pending()
}

// isTraced says whether somebody traces a thread.
func isTraced(pid, tid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", pid, tid))
	_, after, found := strings.Cut(string(b), "TracerPid:\t")
	return found && !strings.HasPrefix(after, "0\n")
}

// endUntraced checks the others after a victim's death. When exactly it died is
// not known, and so not what state it left, if others may have acted since.
func (k *killing) endUntraced() {
	k.t.Helper()
	k.atDeath = k.look()
	k.proof.after(k)
	k.reopens()
}
