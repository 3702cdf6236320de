//go:build linux

package atoll

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// timerAgent starts an agent that has opened a timer.
func timerAgent(t testing.TB, verb, name string) *testkit.Child {
	t.Helper()
	c := testkit.Start(t, "agent")
	ask(t, c, verb+" "+name)
	return c
}

func TestTimerBetweenProcesses(t *testing.T) {
	t.Run("C325", func(t *testing.T) {
		for _, verb := range []string{"timer", "timers"} {
			setter := timerAgent(t, verb, "C325-"+verb)
			timer := openTestTimer(t, "C325-"+verb)
			ask(t, setter, fmt.Sprintf("after C325-%s %v", verb, 2*testkit.Quiet))
			done := make(chan error, 1)
			go func() { done <- timer.Wait(t.Context()) }()
			setter.Kill() // nothing fires it, so nobody needs to live for it
			must(t, within60(t, done))
		}
	})
	t.Run("C328", func(t *testing.T) {
		for verb, manual := range map[string]bool{"timer": false, "timers": true} {
			name := "C328-" + verb
			timer := newTestTimer(t, name, TimerOptions{ManualReset: manual})
			must(t, timer.SetAfter(0, 0))
			c := timerAgent(t, verb, name) // opens it, which changes nothing
			if !takes(t, timer) || takes(t, timer) != manual {
				t.Error("opening it changed it")
			}
			must(t, timer.SetAfter(time.Hour, 0))
			c.Tell("await %s", name)
			c.Silent()
			done := make(chan error, 1)
			go func() { done <- timer.Wait(t.Context()) }()
			queued(t, timer, 1)
			setter := timerAgent(t, verb, name)
			ask(t, setter, "after "+name+" 0s")
			if manual {
				must(t, within60(t, done))
				c.Expect("await " + name + " 0")
			} else {
				oneOfBoth(t, done, c, func() { ask(t, setter, "after "+name+" 1ns") }, "await "+name+" 0")
			}
			setter.End()
			c.End()
		}
	})
	t.Run("cancelled by another", func(t *testing.T) {
		timer := newTestTimer(t, "cancelled", TimerOptions{})
		c := timerAgent(t, "timer", "cancelled")
		must(t, timer.SetAfter(2*testkit.Quiet, 0))
		done := make(chan error, 1)
		go func() { done <- timer.Wait(t.Context()) }()
		queued(t, timer, 1)
		ask(t, c, "cancel cancelled")
		for range 3 {
			still(t, done)
		}
		ask(t, c, "after cancelled 1ms")
		must(t, within60(t, done))
		c.End()
	})
}

// oneOfBoth checks that of a wait here and one in a child one is over, and the
// other once again has been called.
func oneOfBoth(t testing.TB, here <-chan error, c *testkit.Child, again func(), line string) {
	t.Helper()
	there := make(chan struct{})
	go func() {
		c.Expect(line)
		close(there)
	}()
	select {
	case err := <-here:
		must(t, err)
		testkit.Blocked(t, there, "the second wait for one signal")
		again()
	case <-there:
		still(t, here)
		again()
		must(t, within60(t, here))
	case <-time.After(testkit.Hang):
		t.Fatal("nobody is released")
	}
	testkit.Soon(t, there, "the wait of the child")
}

// TestTimerWaiterKilled: a process killed while it waits takes no signal along,
// and hinders nobody.
func TestTimerWaiterKilled(t *testing.T) {
	timer := newTestTimer(t, "bereft", TimerOptions{})
	must(t, timer.SetAfter(time.Hour, 0))
	var children []*testkit.Child
	for range 3 {
		c := timerAgent(t, "timer", "bereft")
		c.Tell("await bereft")
		children = append(children, c)
	}
	for _, c := range children {
		c.Silent()
	}
	children[0].Kill()
	children[1].Kill()
	must(t, timer.SetAfter(0, 0))
	children[2].Expect("await bereft 0")
	quiet(t, timer, "after one wait")
	must(t, timer.SetAfter(testkit.Quiet, 0))
	children[2].Tell("await bereft")
	children[2].Expect("await bereft 0")
	children[2].End()
}

// TestTimerKilledWhileSetting: processes are killed while they set a timer; it
// goes on to work, whatever they left.
func TestTimerKilledWhileSetting(t *testing.T) {
	timer := newTestTimer(t, "torn", TimerOptions{})
	for i := range scaled(20) {
		c := testkit.Start(t, "timer-setter")
		c.Expect("ready")
		time.Sleep(time.Duration(i%5) * time.Millisecond)
		c.Kill()
		must(t, timer.SetAfter(0, 0))
		if !takes(t, timer) || takes(t, timer) {
			t.Fatal("one signal is not taken once")
		}
	}
}

var _ = testkit.Role("timer-setter", func(self *testkit.Self) {
	timer, err := OpenTimer("torn", 0)
	self.Must(err)
	self.Say("ready")
	for {
		self.Must(timer.SetAfter(time.Hour, time.Hour))
		self.Must(timer.SetAt(time.Now().Add(time.Hour), 0))
		self.Must(timer.Cancel())
	}
})

// TestTimerAcrossTimeNamespaces: a process whose monotonic clock is a day ahead
// sets the timer and waits for it as every other does.
func TestTimerAcrossTimeNamespaces(t *testing.T) {
	testkit.NeedRoot(t)
	unshare, err := exec.LookPath("unshare")
	testkit.Need(t, err == nil, "unshare (util-linux)")
	self, err := os.Executable()
	must(t, err)
	timer := newTestTimer(t, "spaces", TimerOptions{})
	cmd := testkit.Command("agent")
	cmd.Path = unshare
	cmd.Args = []string{unshare, "--time", "--monotonic=86400", "--fork", "--kill-child", self}
	c := testkit.StartCommand(t, cmd)
	ask(t, c, "timer spaces")
	ask(t, c, fmt.Sprintf("after spaces %v", testkit.Quiet))
	must(t, timer.Wait(t.Context()))
	ask(t, c, "after spaces 1h")
	quiet(t, timer, "an hour before it is due")
	i, err := Stat("spaces")
	must(t, err)
	if left := time.Until(*i.Due); left > time.Hour || left < time.Minute {
		t.Errorf("due in %v", left)
	}
	must(t, timer.SetAfter(time.Hour, 0))
	c.Tell("await spaces")
	c.Silent()
	begun := time.Now()
	must(t, timer.SetAfter(2*testkit.Quiet, 0))
	c.Expect("await spaces 0")
	if d := time.Since(begun); d < 2*testkit.Quiet {
		t.Errorf("it was signaled there after %v", d)
	}
	c.End()
}
