//go:build linux && amd64

package atoll

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// moment is a moment of a call: before the instruction at pc is executed for the
// nth time since the call began.
type moment struct {
	pc  uintptr // as this process has it
	nth int
}

// sleeping is the moment of a thread that sleeps for an object.
var sleeping = moment{}

func (p moment) String() string {
	if p == sleeping {
		return "asleep"
	}
	f := runtime.FuncForPC(p.pc)
	if f == nil {
		return fmt.Sprintf("%#x", p.pc)
	}
	file, line := f.FileLine(p.pc)
	return fmt.Sprintf("%s+%#x (%s:%d), time %d", f.Name(), p.pc-f.Entry(), file[strings.LastIndexByte(file, '/')+1:], line, p.nth)
}

// ofTheLibrary says whether an instruction is the library's own. All others are
// of Go's runtime and its packages: they touch nothing that is shared, but by
// system calls, so a kill there is a kill before or after the call of them. What
// the compiler has put into a function of the library belongs to it.
func ofTheLibrary(pc uintptr) bool {
	f := runtime.FuncForPC(pc)
	if f == nil {
		return false
	}
	f = runtime.FuncForPC(f.Entry())
	file, _ := f.FileLine(f.Entry())
	return (strings.HasPrefix(f.Name(), "atoll") || strings.HasPrefix(f.Name(), "golang.org/x/sys/")) &&
		!strings.HasSuffix(file, "_test.go") && !strings.Contains(file, "/testkit/")
}

// isEntry says whether a function begins at pc.
func isEntry(pc uintptr) bool {
	f := runtime.FuncForPC(pc)
	return f != nil && f.Entry() == pc
}

// libraryEntries are where the functions of the library begin.
var libraryEntries = sync.OnceValue(func() (entries []uintptr) {
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode != "r-xp" || !strings.Contains(line, "/") {
			continue
		}
		for pc := from; pc < to; pc += 16 {
			if isEntry(pc) && ofTheLibrary(pc) {
				entries = append(entries, pc)
			}
		}
	}
	return entries
})

// tracee is a thread of another process that runs the same program, under ptrace.
// The goroutine that made it must keep its own thread: the kernel takes orders
// only from that one.
type tracee struct {
	t        testing.TB
	pid, tid int
	bias     uintptr // from this process's addresses to its
	dead     bool
	traps    map[uintptr]byte // what was where traps are now
}

// traceThread stops a thread.
func traceThread(t testing.TB, pid, tid int) *tracee {
	t.Helper()
	c := &tracee{t: t, pid: pid, tid: tid, bias: programBase(t, strconv.Itoa(pid)) - programBase(t, "self"), traps: make(map[uintptr]byte)}
	err := unix.PtraceSeize(tid)
	testkit.Need(t, err != unix.EPERM, "the right to trace its children (CAP_SYS_PTRACE or no filter against it)")
	must(t, err)
	must(t, unix.PtraceInterrupt(tid))
	c.wait(nil)
	return c
}

// programBase is where a process has its program in memory.
func programBase(t testing.TB, pid string) uintptr {
	t.Helper()
	maps, err := os.ReadFile("/proc/" + pid + "/maps")
	must(t, err)
	first, _, _ := strings.Cut(string(maps), "-")
	base, err := strconv.ParseUint(first, 16, 64)
	must(t, err)
	return uintptr(base)
}

// wait waits until the thread stops. If it sleeps for an object before that,
// asleep is called, which may kill it, or see to it that it wakes.
func (c *tracee) wait(asleep func()) {
	c.t.Helper()
	deadline := time.Now().Add(testkit.Hang)
	for i := 0; ; i++ {
		var status unix.WaitStatus
		switch got, err := unix.Wait4(c.tid, &status, unix.WALL|unix.WNOHANG, nil); {
		case err == unix.EINTR:
		case err != nil:
			c.t.Fatal("wait for the traced thread: ", err)
		case got == c.tid && status.Stopped():
			return
		case got == c.tid:
			c.dead = true
			return
		case i < 100: // it will take microseconds
		case asleep != nil && sleepsOnFutex(c.pid, strconv.Itoa(c.tid)):
			if asleep(); c.dead {
				return
			}
			asleep = nil
		case time.Now().After(deadline):
			c.t.Fatal("the traced thread neither stops nor sleeps nor dies")
		default:
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// resume lets the thread go on by one instruction, or until something stops it.
// It passes on signals, but for those that come of tracing.
func (c *tracee) resume(oneStep bool, asleep func()) {
	c.t.Helper()
	var err error
	if oneStep {
		err = unix.PtraceSingleStep(c.tid)
	} else {
		err = unix.PtraceCont(c.tid, 0)
	}
	if err != nil && err != unix.ESRCH { // killed meanwhile
		c.t.Fatal("resume: ", err)
	}
	c.wait(asleep)
}

// pc is where the thread is, in this process's addresses.
func (c *tracee) pc() uintptr {
	c.t.Helper()
	var regs unix.PtraceRegs
	must(c.t, unix.PtraceGetRegs(c.tid, &regs))
	return uintptr(regs.Rip) - c.bias
}

func (c *tracee) setPC(pc uintptr) {
	c.t.Helper()
	var regs unix.PtraceRegs
	must(c.t, unix.PtraceGetRegs(c.tid, &regs))
	regs.Rip = uint64(pc + c.bias)
	must(c.t, unix.PtraceSetRegs(c.tid, &regs))
}

// trap is the instruction that stops.
const trap = 0xCC

// poke changes one byte of the program and returns what was there.
func (c *tracee) poke(pc uintptr, b byte) (was byte) {
	c.t.Helper()
	var one [1]byte
	_, err := unix.PtracePeekText(c.tid, pc+c.bias, one[:])
	must(c.t, err)
	_, err = unix.PtracePokeText(c.tid, pc+c.bias, []byte{b})
	must(c.t, err)
	return one[0]
}

func (c *tracee) setTrap(pc uintptr) {
	c.t.Helper()
	if _, set := c.traps[pc]; !set {
		c.traps[pc] = c.poke(pc, trap)
	}
}

func (c *tracee) removeTrap(pc uintptr) {
	c.t.Helper()
	if was, set := c.traps[pc]; set {
		c.poke(pc, was)
		delete(c.traps, pc)
	}
}

// step executes one instruction, also one on which there is a trap.
func (c *tracee) step(asleep func()) {
	c.t.Helper()
	pc := c.pc()
	_, set := c.traps[pc]
	if set {
		c.removeTrap(pc)
	}
	c.resume(true, asleep)
	if set && !c.dead {
		c.setTrap(pc)
	}
}

// run lets the thread go on until it is at a trap, and returns where; 0 if it
// is dead.
func (c *tracee) run(asleep func()) uintptr {
	c.t.Helper()
	if _, set := c.traps[c.pc()]; set {
		c.step(asleep)
		if c.dead {
			return 0
		}
		if _, set := c.traps[c.pc()]; set {
			return c.pc()
		}
	}
	c.resume(false, asleep)
	if c.dead {
		return 0
	}
	at := c.pc() - 1
	if _, set := c.traps[at]; !set {
		c.t.Fatalf("the thread stopped at %v, where there is no trap", moment{at, 0})
	}
	c.setPC(at)
	return at
}

// runTo lets the thread run until it is at a moment, and says whether it came
// there: or else it is at end.
func (c *tracee) runTo(p moment, end uintptr, asleep func()) bool {
	c.t.Helper()
	c.setTrap(end)
	if p != sleeping {
		c.setTrap(p.pc)
	}
	for nth := 1; ; nth++ {
		switch at := c.run(asleep); {
		case c.dead:
			return p == sleeping
		case at != p.pc:
			return false
		case nth == p.nth:
			return true
		}
	}
}

// kill kills the whole process, and waits until the thread is gone.
func (c *tracee) kill() {
	c.t.Helper()
	must(c.t, unix.Kill(c.pid, unix.SIGKILL))
	for !c.dead {
		c.wait(nil)
	}
}

// returnAddress is where a function that is just beginning will return to.
func (c *tracee) returnAddress() uintptr {
	c.t.Helper()
	var regs unix.PtraceRegs
	must(c.t, unix.PtraceGetRegs(c.tid, &regs))
	var word [8]byte
	_, err := unix.PtracePeekData(c.tid, uintptr(regs.Rsp), word[:])
	must(c.t, err)
	return uintptr(binary.LittleEndian.Uint64(word[:])) - c.bias
}
