package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"atoll"
)

// demoResult is what demo --json prints: all of it was checked.
type demoResult struct {
	Objects     []string      `json:"objects"`
	Maker       int           `json:"maker"`  // pid
	Reader      int           `json:"reader"` // pid
	Rounds      int           `json:"rounds"`
	BlockBytes  int64         `json:"blockBytes"`
	Bytes       int64         `json:"bytes"` // sent and checked, both ways
	Seconds     float64       `json:"seconds"`
	GBPerSecond float64       `json:"gbPerSecond"`
	RoundTripUs float64       `json:"roundTripUs"`
	FileBytes   int64         `json:"fileBytes"` // compared by plain read, twice
	AbandonedBy atoll.Process `json:"abandonedBy"`
	TakeoverUs  float64       `json:"takeoverUs"` // from kill -9 until the survivor owned the mutex
	ObjectsLeft int           `json:"objectsLeft"`
	OpenLeft    int           `json:"descriptorsLeft"`
}

// demo is the parent: it starts the processes, tells the story, and checks it.
type demo struct {
	plan          demoPlan
	dir           string // for the shared file
	out           io.Writer
	maker, reader *demoChild
	result        demoResult
	descriptors   []string // open at the beginning
}

// runDemo is the whole demo. Whatever happens, it leaves nothing behind.
func runDemo(ctx context.Context, plan demoPlan, pause time.Duration, out io.Writer) (demoResult, error) {
	d := &demo{plan: plan, out: out}
	suffix := make([]byte, 3)
	_, _ = rand.Read(suffix)
	d.plan.Prefix = "demo-" + hex.EncodeToString(suffix) + "-"
	if err := d.prepare(); err != nil {
		return demoResult{}, err
	}
	err := d.play(ctx, pause)
	if ctx.Err() != nil {
		err = errors.New("the demo was interrupted")
	}
	for _, c := range []*demoChild{d.maker, d.reader} {
		if c != nil {
			c.end()
		}
	}
	err = errors.Join(err, os.RemoveAll(d.dir))
	if err == nil {
		err = d.checkNothingLeft()
	} else {
		// What was to be shown was not, but what was killed leaves nothing either.
		_, e := atoll.Sweep(atoll.LocalScope)
		err = errors.Join(err, e)
	}
	return d.result, err
}

// prepare opens once what stays open in every process that uses the library and
// the runtime's poller, so that what is open at the end can be compared.
func (d *demo) prepare() error {
	s, err := atoll.CreateSection(d.plan.name("probe"), atoll.SectionOptions{Size: 4096})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		return err
	}
	d.descriptors = openDescriptors()
	d.dir, err = os.MkdirTemp("", "atoll-demo-")
	d.plan.File = filepath.Join(d.dir, "table.bin")
	return err
}

// openDescriptors lists what this process has open, without the listing itself.
func openDescriptors() (list []string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			list = append(list, e.Name()+" "+target)
		}
	}
	return list
}

// tell prints a line of the story: who, and what.
func (d *demo) tell(who fmt.Stringer, format string, args ...any) {
	name := ""
	if who != nil {
		name = who.String()
	}
	_, _ = fmt.Fprintf(d.out, "%-25s %s\n", name, fmt.Sprintf(format, args...))
}

// watcher is this process in the story.
type watcher struct{}

func (watcher) String() string { return fmt.Sprintf("process %d (demo)", os.Getpid()) }

func (d *demo) play(ctx context.Context, pause time.Duration) error {
	p := d.plan
	_, _ = fmt.Fprintf(d.out, "Two processes share a file and a block of memory. All they have in common is names.\n\n")
	if err := d.meet(ctx); err != nil {
		return err
	}
	if err := d.exchange(ctx); err != nil {
		return err
	}
	if err := d.checkFile("as written through the views", p.Rounds-1-p.Rounds%2, p.Rounds-1-p.Rounds%2); err != nil {
		return err
	}
	if pause > 0 {
		d.tell(watcher{}, "pauses for %v: see the objects with atoll ls, in another shell", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := d.killMaker(ctx); err != nil {
		return err
	}
	return d.checkFile("with the survivor's last block", p.Rounds, p.Rounds-1-p.Rounds%2)
}

// meet starts the processes, and has one create what the other opens.
func (d *demo) meet(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	p := d.plan
	if d.maker, err = startDemoChild("maker", p); err != nil {
		return err
	}
	if _, err := d.maker.step(ctx, stepCreate); err != nil {
		return err
	}
	d.tell(d.maker, "creates section %q: %s, over %s", p.name("file"), showSize(p.fileSize()), p.File)
	d.tell(d.maker, "creates section %q: %s of memory", p.name("memory"), showSize(p.memorySize()))
	d.tell(d.maker, "creates mutex %q, events %q and %q", p.name("mutex"), p.name("ping"), p.name("pong"))
	if d.reader, err = startDemoChild("reader", p); err != nil {
		return err
	}
	if _, err := d.reader.step(ctx, stepOpen); err != nil {
		return err
	}
	d.tell(d.reader, "opens all five by name, and maps views of both sections")
	d.result.Maker, d.result.Reader, d.result.Objects = d.maker.pid(), d.reader.pid(), p.names()
	return d.checkHolders(d.maker.pid(), d.reader.pid())
}

// checkHolders checks who holds the objects, as atoll ls shows it.
func (d *demo) checkHolders(want ...int) error {
	slices.Sort(want)
	if d.plan.Fault == "holder" {
		want = want[:1]
	}
	for _, name := range d.plan.names() {
		info, err := atoll.Stat(name)
		if err != nil {
			return err
		}
		var pids []int
		for _, p := range info.Holders {
			pids = append(pids, p.PID)
		}
		slices.Sort(pids)
		if !slices.Equal(pids, want) {
			return fmt.Errorf("%q is held by the processes %v, it should be %v", name, pids, want)
		}
	}
	d.tell(watcher{}, "sees that exactly these two hold all five (atoll ls shows it)")
	return nil
}

// exchange has both send each other blocks, and checks them.
func (d *demo) exchange(ctx context.Context) error {
	p, r := d.plan, &d.result
	// As long as it takes, but not for ever: a megabyte a second is slow.
	limit := demoPatience + time.Duration(p.Rounds)*(time.Second+time.Duration(p.Size)*time.Microsecond)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, c := range []*demoChild{d.reader, d.maker} {
		if err := c.tell(stepExchange); err != nil {
			return err
		}
	}
	report, err := d.firstDone(ctx)
	if err != nil {
		return err
	}
	r.Rounds, r.BlockBytes, r.Bytes = p.Rounds, p.Size, 2*int64(p.Rounds)*p.Size
	r.Seconds = report.Elapsed.Seconds()
	r.GBPerSecond = float64(r.Bytes) / 1e9 / r.Seconds
	r.RoundTripUs = r.Seconds * 1e6 / float64(p.Rounds)
	_, _ = fmt.Fprintln(d.out)
	d.tell(both{}, "exchange %s there and %s back, %d times, through memory and file in turn", showSize(p.Size), showSize(p.Size), p.Rounds)
	d.tell(nil, "%d bytes, each checked by the one who received it", r.Bytes)
	d.tell(nil, "%.2f GB/s; %.1f µs a round: write, set event, wait, check, and the same back", r.GBPerSecond, r.RoundTripUs)
	return nil
}

type both struct{}

func (both) String() string { return "both" }

// firstDone waits until both are done with the exchange, or one has failed: then
// the other would wait in vain.
func (d *demo) firstDone(parent context.Context) (demoReport, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	var readerFailed error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, readerFailed = d.reader.done(ctx, stepExchange); readerFailed != nil {
			cancel(readerFailed)
		}
	}()
	report, err := d.maker.done(ctx, stepExchange)
	if err != nil {
		cancel(err)
	}
	<-ended
	if parent.Err() == nil && ctx.Err() != nil {
		return report, context.Cause(ctx) // the first failure, not what followed from it
	}
	return report, errors.Join(err, readerFailed)
}

// checkFile reads the shared file as any program would, and compares all of it:
// the block of the first round given, then that of the second one's answer.
func (d *demo) checkFile(what string, there, back int) error {
	p := d.plan
	if d.plan.Fault == "file" {
		if err := os.Truncate(p.File, p.fileSize()-1); err != nil {
			return err
		}
	}
	got, err := os.ReadFile(p.File)
	if err != nil {
		return err
	}
	want := append(patternBytes(p.Size, there, toReader), patternBytes(p.Size, back, toMaker)...)
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s, read from disk, is not what was written through the views", p.File)
	}
	d.result.FileBytes = int64(len(got))
	d.tell(watcher{}, "reads the file as anybody would: %d bytes, all right, %s", len(got), what)
	return nil
}

// killMaker has the maker take the mutex and kills it while the reader waits.
func (d *demo) killMaker(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	r := &d.result
	_, _ = fmt.Fprintln(d.out)
	if _, err := d.maker.step(ctx, stepLock); err != nil {
		return err
	}
	d.tell(d.maker, "takes the mutex, and begins to change the ledger that it protects")
	if err := d.reader.tell(stepInherit); err != nil {
		return err
	}
	if err := d.awaitWaiter(ctx); err != nil {
		return err
	}
	d.tell(d.reader, "waits for the mutex")
	killed := time.Now()
	d.maker.kill()
	d.tell(watcher{}, "kills process %d with kill -9", d.maker.pid())
	report, err := d.reader.done(ctx, stepInherit)
	if err != nil {
		return err
	}
	r.AbandonedBy = atoll.Process{PID: report.PID, Command: report.Command}
	r.TakeoverUs = float64(report.At.Sub(killed).Nanoseconds()) / 1e3
	want := atoll.Process{PID: d.maker.pid(), Command: filepath.Base(os.Args[0])}
	switch {
	case r.AbandonedBy != want:
		return fmt.Errorf("%s was told that the mutex was abandoned by %q, it was %q", d.reader, showProcess(r.AbandonedBy), showProcess(want))
	case !report.Torn:
		return fmt.Errorf("%s did not see what the dead process did last", d.reader)
	}
	d.tell(d.reader, "owns the mutex %.0f µs later, and is told: abandoned by pid %d, %s", r.TakeoverUs, report.PID, report.Command)
	d.tell(d.reader, "finds the ledger half changed, repairs it, and unlocks")
	if report, err = d.reader.step(ctx, stepFinish); err != nil {
		return err
	}
	if report.Bytes != r.Bytes {
		return fmt.Errorf("the ledger says that %d bytes were sent, it was %d", report.Bytes, r.Bytes)
	}
	d.tell(d.reader, "goes on: locks as before, writes a last block into the file; the ledger is right")
	return nil
}

// awaitWaiter waits until somebody waits for the mutex.
func (d *demo) awaitWaiter(ctx context.Context) error {
	for {
		info, err := atoll.Stat(d.plan.name("mutex"))
		switch {
		case err != nil:
			return err
		case info.Waiters > 0:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s does not wait for the mutex: %w", d.reader, ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
}

const demoMoral = `An object lives as long as any process has a handle to it. Linux itself counts the
handles, by locks that fall when a process ends, however it ends. No daemon, no cleaning up.`

// checkNothingLeft checks, after all processes have ended, that nothing of the
// demo is left.
func (d *demo) checkNothingLeft() error {
	_, _ = fmt.Fprintln(d.out)
	// The kernel has ended the objects. All that a killed process leaves for the
	// sweep is the little file that says who it was.
	if _, err := atoll.Sweep(atoll.LocalScope); err != nil {
		return err
	}
	var left []string
	for info, err := range atoll.List(atoll.LocalScope) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(info.Name, d.plan.Prefix) {
			left = append(left, info.Path)
		}
	}
	if len(left) > 0 {
		d.result.ObjectsLeft = len(left)
		return fmt.Errorf("left behind: %s", strings.Join(left, ", "))
	}
	if now := openDescriptors(); !slices.Equal(now, d.descriptors) {
		d.result.OpenLeft = len(now) - len(d.descriptors)
		return fmt.Errorf("descriptors left open: there were %v, now there are %v", d.descriptors, now)
	}
	d.tell(watcher{}, "finds nothing left: no object, no file, no descriptor")
	_, _ = fmt.Fprintf(d.out, "\n%s\n", demoMoral)
	return nil
}
