package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// The demo's parent and its processes talk in lines: the parent says a word, the
// process answers with a demoReport when it has done it. This is only to tell the
// story in order; what the processes share, they share through Atoll.

// demoReport is what a process of the demo says to the parent.
type demoReport struct {
	Done    string        `json:"done,omitempty"` // the step
	Error   string        `json:"error,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"`
	PID     int           `json:"pid,omitempty"` // who abandoned the mutex
	Command string        `json:"command,omitempty"`
	At      time.Time     `json:"at"`
	Torn    bool          `json:"torn,omitempty"` // the ledger was half changed
}

// demoPatience is how long a step of the demo may take beyond what it has to do.
const demoPatience = 60 * time.Second

// parentLine is a process's end of the line.
type parentLine struct {
	words chan string
	out   *json.Encoder
}

// listenToParent reads the parent's words until the line is cut, because the
// parent has ended us or itself; then it calls end.
func listenToParent(end func(), in io.Reader, out io.Writer) *parentLine {
	l := &parentLine{words: make(chan string, 8), out: json.NewEncoder(out)}
	go func() {
		defer end()
		for s := bufio.NewScanner(in); s.Scan(); {
			l.words <- s.Text()
		}
	}()
	return l
}

// say sends a report. A parent that does not hear it has ended.
func (l *parentLine) say(r demoReport) { _ = l.out.Encode(r) }

// await waits for a word of the parent.
func (l *parentLine) await(ctx context.Context, word string) error {
	select {
	case got := <-l.words:
		if got != word {
			return fmt.Errorf("the parent said %q, not %q", got, word)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// demoChild is the parent's end of the line.
type demoChild struct {
	role    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	reports chan demoReport
	ended   chan struct{}
}

// startDemoChild starts this program again in a role.
func startDemoChild(role string, plan demoPlan) (*demoChild, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	c := &demoChild{role: role, reports: make(chan demoReport, 8), ended: make(chan struct{})}
	c.cmd = exec.Command(program, "demo-process", role, string(text))
	c.cmd.Args[0] = os.Args[0]
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, c.in.Close())
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.ended)
		for d := json.NewDecoder(out); ; {
			var r demoReport
			if d.Decode(&r) != nil {
				break
			}
			c.reports <- r
		}
		close(c.reports)
		_ = c.cmd.Wait()
	}()
	return c, nil
}

func (c *demoChild) pid() int { return c.cmd.Process.Pid }

func (c *demoChild) String() string { return fmt.Sprintf("process %d (%s)", c.pid(), c.role) }

// tell says a word, which begins a step.
func (c *demoChild) tell(word string) error {
	if _, err := fmt.Fprintln(c.in, word); err != nil {
		return fmt.Errorf("%s has ended too early: %w", c, err)
	}
	return nil
}

// done waits until the process has done the step.
func (c *demoChild) done(ctx context.Context, step string) (demoReport, error) {
	select {
	case r, open := <-c.reports:
		switch {
		case !open:
			return r, fmt.Errorf("%s ended before it was done with %q", c, step)
		case r.Error != "":
			return r, fmt.Errorf("%s: %s", c, r.Error)
		case r.Done != step:
			return r, fmt.Errorf("%s did %q, not %q", c, r.Done, step)
		}
		return r, nil
	case <-ctx.Done():
		return demoReport{}, fmt.Errorf("%s was not done with %q: %w", c, step, context.Cause(ctx))
	}
}

// step is tell and done.
func (c *demoChild) step(ctx context.Context, word string) (demoReport, error) {
	if err := c.tell(word); err != nil {
		return demoReport{}, err
	}
	return c.done(ctx, word)
}

// kill is kill -9. It returns when the process is no more.
func (c *demoChild) kill() {
	_ = c.cmd.Process.Kill()
	c.await(0)
	_ = c.in.Close()
}

// end lets the process close what it has, and kills it only if it does not.
func (c *demoChild) end() {
	_ = c.in.Close()
	if !c.await(demoPatience) {
		c.kill()
	}
}

// await waits for the end of the process; patience 0 is without limit.
func (c *demoChild) await(patience time.Duration) bool {
	var late <-chan time.Time
	if patience > 0 {
		late = time.After(patience)
	}
	for {
		select {
		case <-c.ended:
			return true
		case <-c.reports: // what nobody listens to any more
		case <-late:
			return false
		}
	}
}
