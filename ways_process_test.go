//go:build linux

package atoll

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"atoll/internal/park"
	"atoll/internal/testkit"
)

// surroundings is how the processes of a test are set up, and where they run.
type surroundings struct {
	setup string
	way   park.Way // that its processes then take; Probed: the machine's own, or several
	// change changes the command of the nth process.
	change func(cmd *exec.Cmd, nth int)
}

// Without bells only the tick finds the dead. In all other surroundings a test that
// needs it hangs.
const noTick = "tick=24h "

// everywhere are the surroundings in which processes must coordinate alike.
var everywhere = map[string]surroundings{
	"as it is":                    {setup: noTick},
	"io_uring":                    {setup: noTick + "way=io_uring", way: park.IOUring},
	"futex_waitv":                 {setup: noTick + "way=futex_waitv", way: park.FutexWaitv},
	"threads":                     {setup: noTick + "way=threads waitv=off", way: park.Threads},
	"without bell":                {setup: "tick=2ms bell=off"},
	"without bell, threads":       {setup: "tick=2ms bell=off way=threads waitv=off", way: park.Threads},
	"tick beside the bell":        {setup: "tick=1ms"},
	"io_uring is unknown":         {setup: noTick + "forbid=38:io_uring_setup", way: park.FutexWaitv},
	"io_uring is not allowed":     {setup: noTick + "forbid=1:io_uring_setup", way: park.FutexWaitv},
	"futex_waitv is unknown":      {setup: noTick + "forbid=38:futex_waitv", way: park.IOUring},
	"futex_waitv is not allowed":  {setup: noTick + "forbid=1:futex_waitv", way: park.IOUring},
	"old kernel":                  {setup: noTick + "forbid=38:io_uring_setup,futex_waitv", way: park.Threads},
	"strict container":            {setup: noTick + "forbid=1:io_uring_setup,futex_waitv", way: park.Threads},
	"different ways":              {setup: noTick, change: inDifferentWays},
	"pid namespaces":              {setup: noTick, change: inPIDNamespace},
	"time namespaces":             {setup: noTick, change: inTimeNamespace},
	"pid and time namespaces":     {setup: noTick, change: inBothNamespaces},
	"time namespaces, old kernel": {setup: noTick + "forbid=38:io_uring_setup,futex_waitv", way: park.Threads, change: inTimeNamespace},
}

func inDifferentWays(cmd *exec.Cmd, nth int) {
	cmd.Args = append(cmd.Args, strings.Fields([]string{"way=io_uring", "way=futex_waitv", "way=threads waitv=off"}[nth%3])...)
}

func inPIDNamespace(cmd *exec.Cmd, _ int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
}

// inTimeNamespace has clocks that differ by many days, in both directions; the
// first process, and every third, stays where the test is.
func inTimeNamespace(cmd *exec.Cmd, nth int) {
	if nth%3 > 0 {
		testkit.AheadInTime(cmd, time.Duration(nth%3)*1000*time.Hour)
	}
}

func inBothNamespaces(cmd *exec.Cmd, nth int) {
	inPIDNamespace(cmd, nth)
	inTimeNamespace(cmd, nth)
}

// stage starts the processes of one test.
type stage struct {
	surroundings
	started int
}

// agent starts an agent that has made the calls.
func (s *stage) agent(t *testing.T, calls ...string) *testkit.Child {
	t.Helper()
	c := s.start(t, "agent")
	for _, call := range calls {
		ask(t, c, call)
	}
	return c
}

func (s *stage) start(t *testing.T, role string, args ...string) *testkit.Child {
	t.Helper()
	cmd := testkit.Command(role, append(strings.Fields(s.setup), args...)...)
	if s.change != nil {
		s.change(cmd, s.started)
	}
	s.started++
	return testkit.StartCommand(t, cmd)
}

// TestEverywhere: processes coordinate alike, whatever the kernel allows and
// wherever they run.
func TestEverywhere(t *testing.T) {
	for place, around := range everywhere {
		t.Run(place, func(t *testing.T) {
			if strings.Contains(place, "namespaces") {
				testkit.NeedRoot(t)
			}
			needWay(t, around.way)
			for name, test := range map[string]func(t *testing.T, s *stage){
				"mutex handed over":  mutexHandedOver,
				"owner killed":       ownerKilled,
				"owner of many":      ownersOfManyKilled,
				"auto-reset event":   autoEvent,
				"manual-reset event": manualEvent,
				"semaphore":          semaphorePermits,
				"timer":              timerDue,
				"manual-reset timer": manualTimerDue,
				"any of 64":          anyOf64,
				"all":                allTogether,
				"200 parked":         manyParked,
			} {
				t.Run(name, func(t *testing.T) { test(t, &stage{surroundings: around}) })
			}
		})
	}
}

// needWay skips a test where the kernel does not have a way.
func needWay(t *testing.T, way park.Way) {
	t.Helper()
	park.Force(way)
	there := way == park.Probed || park.Current() == way
	park.Force(park.Probed)
	testkit.Need(t, there, way.String())
}

func mutexHandedOver(t *testing.T, s *stage) {
	t.Helper()
	a, b := s.agent(t, "mutex m", "lock m"), s.agent(t, "mutex m")
	for range 3 {
		b.Tell("lock m")
		b.Silent()
		ask(t, a, "unlock m")
		b.Expect("lock m")
		a, b = b, a
	}
	a.End() // which abandons it
	b.Tell("lock m")
	if line := b.Line(); !strings.HasPrefix(line, "lock m abandoned by ") {
		t.Fatal(line)
	}
	ask(t, b, "unlock m")
	b.End()
}

func ownerKilled(t *testing.T, s *stage) {
	t.Helper()
	owner := s.agent(t, "mutex m", "lock m")
	var waiters []*testkit.Child
	for range 3 {
		c := s.agent(t, "mutex m")
		c.Tell("lock m")
		waiters = append(waiters, c)
	}
	silent(t, waiters...)
	owner.Kill()
	first := firstToSpeak(t, waiters...)
	if line := waiters[first].Line(); !strings.HasPrefix(line, "lock m abandoned by ") {
		t.Fatal(line)
	}
	silent(t, waiters...)
	ask(t, waiters[first], "unlock m")
	second := firstToSay(t, "lock m", waiters...)
	silent(t, waiters...)
	waiters[second].Kill() // and so on
	third := waiters[3-first-second]
	if line := third.Line(); !strings.HasPrefix(line, "lock m abandoned by ") {
		t.Fatal(line)
	}
	ask(t, third, "unlock m")
	third.End()
	waiters[first].End()
}

// ownersOfManyKilled has each of the others wait for another mutex, half of them
// with a thread of their own. The kernel tells one of them of the death, the first
// who came, and that one the others.
func ownersOfManyKilled(t *testing.T, s *stage) {
	t.Helper()
	ownerOfManyKilled(t, s, 0)
	ownerOfManyKilled(t, s, 1)
}

func ownerOfManyKilled(t *testing.T, s *stage, parity int) {
	t.Helper()
	owner := s.agent(t)
	var waiters []*testkit.Child
	var calls []string
	for i := range 6 {
		name := fmt.Sprintf("m%d", i)
		ask(t, owner, "mutex "+name)
		ask(t, owner, "lock "+name)
		c := s.agent(t, "mutex "+name, "event never")
		call := "lock " + name
		if i%2 == parity {
			call = "any " + name + ",never"
		}
		c.Tell("%s", call)
		c.Silent()
		waiters, calls = append(waiters, c), append(calls, call)
	}
	owner.Kill()
	for i, c := range waiters {
		line := c.Line()
		said, _, abandoned := strings.Cut(strings.TrimPrefix(line, calls[i]), "abandoned by ")
		if !abandoned || strings.Trim(said, " 0") != "" {
			t.Fatal(line)
		}
		ask(t, c, fmt.Sprintf("unlock m%d", i))
		c.End()
	}
}

// tellAll has agents make the same call, in which they sleep.
func tellAll(t *testing.T, call string, children ...*testkit.Child) {
	t.Helper()
	for _, c := range children {
		c.Tell("%s", call)
	}
	silent(t, children...)
}

func autoEvent(t *testing.T, s *stage) {
	t.Helper()
	setter := s.agent(t, "event e")
	a, b := s.agent(t, "event e"), s.agent(t, "event e")
	tellAll(t, "wait e", a, b)
	for range 5 {
		ask(t, setter, "set e")
		first := firstToSay(t, "wait e", a, b)
		if first == 1 {
			a, b = b, a
		}
		silent(t, a, b)
		tellAll(t, "wait e", a)
	}
	ask(t, setter, "set e")
	ask(t, setter, "reset e") // leaves the signal to those who waited
	first := firstToSay(t, "wait e", a, b)
	silent(t, a, b)
	ask(t, setter, "set e")
	[]*testkit.Child{b, a}[first].Expect("wait e")
	for _, c := range []*testkit.Child{setter, a, b} {
		c.End()
	}
}

func manualEvent(t *testing.T, s *stage) {
	t.Helper()
	setter := s.agent(t, "events e")
	a, b := s.agent(t, "events e"), s.agent(t, "events e")
	for _, calls := range []string{"set e,reset e", "pulse e"} {
		tellAll(t, "wait e", a, b)
		for call := range strings.SplitSeq(calls, ",") {
			ask(t, setter, call)
		}
		a.Expect("wait e")
		b.Expect("wait e")
	}
	ask(t, setter, "set e")
	ask(t, a, "wait e")
	ask(t, a, "wait e")
	for _, c := range []*testkit.Child{setter, a, b} {
		c.End()
	}
}

func semaphorePermits(t *testing.T, s *stage) {
	t.Helper()
	giver := s.agent(t, "semaphore s")
	takers := []*testkit.Child{s.agent(t, "semaphore s"), s.agent(t, "semaphore s"), s.agent(t, "semaphore s")}
	tellAll(t, "await s", takers...)
	for range takers {
		ask(t, giver, "release s")
		i := firstToSay(t, "await s 0", takers...)
		silent(t, takers...)
		takers[i].End()
		takers = append(takers[:i:i], takers[i+1:]...)
	}
	giver.End()
}

// timerDue sets a timer in one process, for others. Where their clocks differ by
// days, one that did not convert the time would be released at once, or not in
// this life.
func timerDue(t *testing.T, s *stage) {
	t.Helper()
	agents := []*testkit.Child{s.agent(t, "timer t"), s.agent(t, "timer t"), s.agent(t, "timer t")}
	for i, setter := range agents {
		a, b := agents[(i+1)%3], agents[(i+2)%3]
		ask(t, setter, "after t 100h")
		tellAll(t, "await t", a, b)
		ask(t, setter, "after t 1ms")
		first := firstToSay(t, "await t 0", a, b)
		silent(t, a, b)
		ask(t, setter, "after t 1ms")
		[]*testkit.Child{b, a}[first].Expect("await t 0")
		// And without anybody who says so while they wait.
		ask(t, setter, "after t 200ms")
		a.Tell("await t")
		a.Expect("await t 0")
	}
	for _, c := range agents {
		c.End()
	}
}

func manualTimerDue(t *testing.T, s *stage) {
	t.Helper()
	agents := []*testkit.Child{s.agent(t, "timers t"), s.agent(t, "timers t"), s.agent(t, "timers t")}
	for i, setter := range agents {
		a, b := agents[(i+1)%3], agents[(i+2)%3]
		ask(t, setter, "after t 100h")
		tellAll(t, "await t", a, b)
		ask(t, setter, "after t 1ms")
		a.Expect("await t 0")
		b.Expect("await t 0")
		ask(t, setter, "cancel t") // it stays signaled
		a.Tell("await t")
		a.Expect("await t 0")
	}
	for _, c := range agents {
		c.End()
	}
}

func anyOf64(t *testing.T, s *stage) {
	t.Helper()
	var opens, names []string
	for i := range MaxWait {
		name := fmt.Sprintf("n%d", i)
		names = append(names, name)
		opens = append(opens, []string{"event ", "events ", "semaphore ", "timer "}[i%4]+name)
	}
	signaler, waiter := s.agent(t, opens...), s.agent(t, opens...)
	call := "any " + strings.Join(names, ",")
	for _, i := range []int{63, 0, 1, 30, 62} {
		waiter.Tell("%s", call)
		waiter.Silent()
		ask(t, signaler, signalCall(i))
		waiter.Expect(fmt.Sprintf("%s %d", call, i))
		if i%4 == 1 {
			ask(t, signaler, fmt.Sprintf("reset n%d", i))
		}
	}
	ask(t, signaler, signalCall(40))
	ask(t, signaler, signalCall(20))
	for _, i := range []int{20, 40} { // the first one first
		waiter.Tell("%s", call)
		waiter.Expect(fmt.Sprintf("%s %d", call, i))
	}
	waiter.Tell("%s", call)
	waiter.Silent()
	ask(t, signaler, signalCall(7))
	waiter.Expect(call + " 7")
	signaler.End()
	waiter.End()
}

// signalCall signals the ith of 64 objects.
func signalCall(i int) string {
	return fmt.Sprintf([]string{"set n%d", "set n%d", "release n%d", "after n%d 0s"}[i%4], i)
}

func allTogether(t *testing.T, s *stage) {
	t.Helper()
	opens := []string{"mutex m", "event e", "semaphore s", "timer t"}
	const call = "all m,e,s,t"
	owner := s.agent(t, append(opens, "lock m")...)
	a, b := s.agent(t, opens...), s.agent(t, opens...)
	tellAll(t, call, a, b)
	for _, signal := range []string{"set e", "release s", "after t 1ms"} {
		ask(t, owner, signal)
		silent(t, a, b)
	}
	ask(t, owner, "wait e") // nobody has taken it
	ask(t, owner, "unlock m")
	silent(t, a, b)
	ask(t, owner, "set e")
	first := firstToSay(t, call+" 0", a, b)
	silent(t, a, b)
	if first == 1 {
		a, b = b, a
	}
	for _, signal := range []string{"after t 1ms", "release s", "set e"} {
		ask(t, owner, signal)
	}
	b.Silent()
	a.Kill() // the owner of the mutex
	if line := b.Line(); !strings.HasPrefix(line, call+" 0 abandoned by ") {
		t.Fatal(line)
	}
	ask(t, b, "unlock m")
	b.End()
	owner.End()
}

func manyParked(t *testing.T, s *stage) {
	t.Helper()
	const n = 200
	crowd := s.start(t, "crowd", "kind=events", fmt.Sprintf("n=%d", n))
	crowd.Expect("asleep")
	signaler := s.agent(t)
	for i := range n {
		ask(t, signaler, fmt.Sprintf("event crowd-%d", i))
	}
	crowd.Silent()
	for i := range n {
		i = (i*37 + 11) % n
		ask(t, signaler, fmt.Sprintf("set crowd-%d", i))
		ask(t, crowd, fmt.Sprintf("await %d", i))
	}
	if s.way != park.Probed {
		crowd.Tell("way")
		crowd.Expect("way " + s.way.String())
	}
	ask(t, crowd, "close")
	crowd.End()
	signaler.End()
}
