//go:build linux

package atoll

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/check"
	"atoll/internal/futex"
	"atoll/internal/liveness"
	"atoll/internal/park"
	"atoll/internal/testkit"
	"atoll/internal/wait"
)

// The agent is a process that does what a test tells it, a line a call, and says
// a line when the call has returned. Its arguments set it up:
//
//	tick=10ms        how often it asks about the dead
//	bell=off         its bell stays silent when it dies
//	waitv=off        it behaves as on a kernel without futex_waitv
//	way=WAY          it waits for parked goroutines in that way of package park
//	forbid=N:CALL,…  these system calls fail with the error number N
//	die=POINT:N      it kills itself when it comes for the Nth time to a point of
//	                 package check (build tag atollcheck); without :N the first
//	stop=POINT:N     it stops itself there
var _ = testkit.Role("agent", func(self *testkit.Self) {
	setUp(self)
	a := agent{mutexes: make(map[string]*Mutex), events: make(map[string]*Event), semaphores: make(map[string]*Semaphore), timers: make(map[string]*Timer)}
	for line, ok := self.Hear(); ok; line, ok = self.Hear() {
		verb, name, _ := strings.Cut(line, " ")
		answer, err := a.do(verb, name)
		self.Must(err)
		self.Say("%s %s%s", verb, name, answer)
	}
	a.close(self)
})

// setUp does what the arguments of an agent say.
func setUp(self *testkit.Self) {
	for _, arg := range self.Args {
		switch key, value, _ := strings.Cut(arg, "="); key {
		case "tick":
			d, err := time.ParseDuration(value)
			self.Must(err)
			wait.SetTick(d)
		case "bell":
			liveness.SilenceBell()
		case "waitv":
			futex.ForbidWaitAny(true)
		case "way":
			self.Must(forceWay(value))
		case "forbid":
			self.Must(forbid(value))
		case "die":
			at(value, func() {
				_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
				select {} // the signal is on its way
			})
		case "stop":
			at(value, func() {
				// To this very thread, so that it stops before it does anything else.
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGSTOP)
			})
		}
	}
}

// at does something at a point of package check, POINT or POINT:N.
func at(point string, do func()) {
	point, text, numbered := strings.Cut(point, ":")
	nth := int64(1)
	if numbered {
		var err error
		if nth, err = strconv.ParseInt(text, 10, 64); err != nil {
			panic(err)
		}
	}
	var count atomic.Int64
	check.SetHook(func(p string) {
		if p == point && count.Add(1) == nth {
			do()
		}
	})
}

// forbid makes system calls fail, as NUMBER:CALL,CALL says.
func forbid(what string) error {
	text, calls, _ := strings.Cut(what, ":")
	errno, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	numbers := map[string]uint32{"io_uring_setup": unix.SYS_IO_URING_SETUP, "futex_waitv": unix.SYS_FUTEX_WAITV}
	var list []uint32
	for call := range strings.SplitSeq(calls, ",") {
		list = append(list, numbers[call])
	}
	return testkit.Forbid(unix.Errno(errno), list...)
}

type agent struct {
	mutexes    map[string]*Mutex
	events     map[string]*Event
	semaphores map[string]*Semaphore
	timers     map[string]*Timer
}

// forceWay takes the name that park gives to a way.
func forceWay(name string) error {
	for _, way := range []park.Way{park.IOUring, park.FutexWaitv, park.Threads} {
		if way.String() == name {
			park.Force(way)
			return nil
		}
	}
	return fmt.Errorf("package park has no way %q", name)
}

func (a *agent) do(verb, name string) (answer string, err error) {
	ctx := context.Background()
	switch verb {
	case "mutex":
		a.mutexes[name], _, err = CreateOrOpenMutex(name, MutexOptions{})
	case "event":
		a.events[name], _, err = CreateOrOpenEvent(name, EventOptions{})
	case "lock":
		var previous *Abandoned
		previous, err = a.mutexes[name].Lock(ctx)
		if previous != nil {
			answer = fmt.Sprintf(" abandoned by %d", previous.PID)
		}
	case "try":
		var ok bool
		ok, _, err = a.mutexes[name].TryLock()
		answer = fmt.Sprintf(" %v", ok)
	case "unlock":
		err = a.mutexes[name].Unlock()
	case "events":
		// Manual reset.
		a.events[name], _, err = CreateOrOpenEvent(name, EventOptions{ManualReset: true})
	case "reset":
		err = a.events[name].Reset()
	case "set":
		err = a.events[name].Set()
	case "wait":
		err = a.events[name].Wait(ctx)
	case "pulse":
		err = a.events[name].Pulse()
	case "semaphore", "release", "timer", "timers", "after", "cancel":
		return a.doCounting(verb, name)
	case "any", "all", "await":
		return a.doSeveral(verb, strings.Split(name, ","))
	case "close":
		if m := a.mutexes[name]; m != nil {
			err = m.Close()
			delete(a.mutexes, name)
		}
	}
	return answer, err
}

// doCounting is do for semaphores and timers.
func (a *agent) doCounting(verb, name string) (answer string, err error) {
	switch verb {
	case "semaphore":
		a.semaphores[name], _, err = CreateOrOpenSemaphore(name, SemaphoreOptions{Max: 100})
	case "release":
		_, err = a.semaphores[name].Release(1)
	case "timer":
		a.timers[name], _, err = CreateOrOpenTimer(name, TimerOptions{})
	case "timers":
		// Manual reset.
		a.timers[name], _, err = CreateOrOpenTimer(name, TimerOptions{ManualReset: true})
	case "after":
		// NAME DURATION
		name, text, _ := strings.Cut(name, " ")
		d, e := time.ParseDuration(text)
		if e != nil {
			return "", e
		}
		err = a.timers[name].SetAfter(d, 0)
	case "cancel":
		err = a.timers[name].Cancel()
	}
	return answer, err
}

// doSeveral waits for any or all of the objects; "await" waits for one.
func (a *agent) doSeveral(verb string, names []string) (answer string, err error) {
	var objects []Waitable
	for _, name := range names {
		objects = append(objects, a.find(name))
	}
	wait := WaitAny
	if verb == "all" {
		wait = WaitAll
	}
	r, err := wait(context.Background(), objects...)
	answer = fmt.Sprintf(" %d", r.Index)
	if r.Abandoned != nil {
		answer += fmt.Sprintf(" abandoned by %d", r.Abandoned.PID)
	}
	return answer, err
}

func (a *agent) find(name string) Waitable {
	switch {
	case a.mutexes[name] != nil:
		return a.mutexes[name]
	case a.events[name] != nil:
		return a.events[name]
	case a.semaphores[name] != nil:
		return a.semaphores[name]
	}
	return a.timers[name]
}

func (a *agent) close(self *testkit.Self) {
	for _, m := range a.mutexes {
		self.Must(m.Close())
	}
	for _, e := range a.events {
		self.Must(e.Close())
	}
	for _, s := range a.semaphores {
		self.Must(s.Close())
	}
	for _, t := range a.timers {
		self.Must(t.Close())
	}
}

// startAgent starts an agent that has opened the mutexes named.
func startAgent(t testing.TB, setup string, mutexes ...string) *testkit.Child {
	t.Helper()
	c := testkit.Start(t, "agent", strings.Fields(setup)...)
	for _, name := range mutexes {
		ask(t, c, "mutex "+name)
	}
	return c
}

// ask tells an agent to do something and waits until it has.
func ask(t testing.TB, c *testkit.Child, call string) {
	t.Helper()
	c.Tell("%s", call)
	c.Expect(call)
}

// stop stops a child and waits until the kernel says that it is.
func stop(t testing.TB, c *testkit.Child) {
	t.Helper()
	c.Signal(syscall.SIGSTOP)
	stopped(t, c)
}

// stopped waits until the kernel says that a child is stopped.
func stopped(t testing.TB, c *testkit.Child) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Hang); processState(c.PID()) != "T"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child does not stop")
		}
	}
}

func abandonedBy(call string, c *testkit.Child) string {
	return call + " abandoned by " + strconv.Itoa(c.PID())
}
