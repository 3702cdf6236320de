//go:build linux && amd64

package atoll

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// entryOf is where the program has a function.
func entryOf(name string) (entry uintptr) {
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode != "r-xp" || !strings.Contains(line, "/") {
			continue
		}
		for pc := from; pc < to; pc += 16 {
			if f := runtime.FuncForPC(pc); f != nil && f.Name() == name {
				return f.Entry()
			}
		}
	}
	return 0
}

// tracee is a thread of another process that runs the same program, under ptrace.
// The goroutine that made it must keep its own thread: the kernel takes orders
// only from that one.
type tracee struct {
	t        testing.TB
	pid, tid int
	bias     uintptr // from this process's addresses to its
	dead     bool
	// sleeps says whether the thread sleeps for an object, or because its goroutine does.
	sleeps func() bool
	// traps are where the thread stops: the processor compares, so no other thread
	// of the process does. 0 is none.
	traps [2]uintptr
	calls map[uintptr]bool // which instructions, of those that were met, are system calls
}

// traceThread stops a thread.
func traceThread(t testing.TB, pid, tid int, sleeps func() bool) *tracee {
	t.Helper()
	c := &tracee{t: t, pid: pid, tid: tid, sleeps: sleeps, calls: make(map[uintptr]bool), bias: programBase(t, strconv.Itoa(pid)) - programBase(t, "self")}
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
	options := unix.WALL
	if asleep != nil {
		options |= unix.WNOHANG
	}
	for {
		var status unix.WaitStatus
		switch got, err := unix.Wait4(c.tid, &status, options, nil); {
		case err == unix.EINTR:
		case err != nil:
			c.t.Fatal("wait for the traced thread: ", err)
		case got == c.tid && status.Stopped():
			return
		case got == c.tid:
			c.dead = true
			return
		case c.sleeps():
			if asleep(); c.dead {
				return
			}
			options = unix.WALL
		case time.Now().After(deadline):
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", c.pid, c.tid))
			c.t.Fatalf("the traced thread neither stops nor sleeps nor dies: state %s, call %s", taskState(c.pid, strconv.Itoa(c.tid)), b)
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
		if !c.atSystemCall() {
			asleep = nil // the next instruction ends at once
		}
		err = unix.PtraceSingleStep(c.tid)
	} else {
		err = unix.PtraceCont(c.tid, 0)
	}
	if err != nil && err != unix.ESRCH { // killed meanwhile
		c.t.Fatal("resume: ", err)
	}
	c.wait(asleep)
}

// atSystemCall says whether the next instruction is a system call.
func (c *tracee) atSystemCall() bool {
	c.t.Helper()
	pc := c.pc()
	is, known := c.calls[pc]
	if !known {
		var two [2]byte
		_, err := unix.PtracePeekText(c.tid, pc+c.bias, two[:])
		is = err == nil && two == [2]byte{0x0F, 0x05}
		c.calls[pc] = is
	}
	return is
}

// pc is where the thread is, in this process's addresses.
func (c *tracee) pc() uintptr {
	c.t.Helper()
	var regs unix.PtraceRegs
	must(c.t, unix.PtraceGetRegs(c.tid, &regs))
	return uintptr(regs.Rip) - c.bias
}

// debugRegisters is where ptrace has the processor's, in struct user.
const debugRegisters = 848

// setTraps has the thread stop before it executes what is at these places.
func (c *tracee) setTraps(at ...uintptr) {
	c.t.Helper()
	c.debug(7, 0)
	c.traps = [2]uintptr{}
	enabled := uintptr(0)
	for i, pc := range at {
		c.traps[i] = pc
		c.debug(i, pc+c.bias)
		enabled |= 1 << (2 * i)
	}
	c.debug(7, enabled)
}

func (c *tracee) debug(register int, value uintptr) {
	c.t.Helper()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(value))
	_, err := unix.PtracePokeUser(c.tid, debugRegisters+8*uintptr(register), b[:])
	testkit.Need(c.t, err != unix.EIO && err != unix.ENOSPC, "the processor's debug registers")
	if err != unix.ESRCH { // killed meanwhile
		must(c.t, err)
	}
}

// run lets the thread go on until it is at a trap, and returns where; 0 if it
// is dead.
func (c *tracee) run(asleep func()) uintptr {
	c.t.Helper()
	if slices.Contains(c.traps[:], c.pc()) { // else it would stop where it is
		if c.resume(true, asleep); c.dead {
			return 0
		}
		if at := c.pc(); slices.Contains(c.traps[:], at) {
			return at
		}
	}
	if c.resume(false, asleep); c.dead {
		return 0
	}
	at := c.pc()
	if !slices.Contains(c.traps[:], at) {
		c.t.Fatalf("the thread stopped at %v, where there is no trap", moment{at, 0})
	}
	return at
}

// runTo lets the thread run until it is at a moment, and says whether it came
// there: or else it is at end.
func (c *tracee) runTo(p moment, end uintptr, asleep func()) bool {
	c.t.Helper()
	if c.setTraps(end); p != sleeping {
		c.setTraps(end, p.pc)
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
