//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"atoll/bench/internal/calling"
)

// hang is how long a program may take before it is believed to hang.
const hang = 5 * time.Minute

// bench is one run of the command.
type bench struct {
	options
	ctx      context.Context // ends when somebody interrupts
	progress io.Writer
	dir      string   // of the programs, and of Atoll's objects, on tmpfs
	machine  *machine // as it was before
	metrics  []*metric
	built    map[*kind][]string
	missing  map[*kind]error // why it could not be built
}

func newBench(ctx context.Context, o options, progress io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp("/dev/shm", "atoll-bench-")
	if err != nil {
		return nil, fmt.Errorf("a tmpfs at /dev/shm is needed: %w", err)
	}
	b := &bench{ctx: ctx, options: o, progress: progress, dir: dir, machine: thisMachine(), built: make(map[*kind][]string), missing: make(map[*kind]error)}
	for i := range metrics {
		if m := &metrics[i]; chosen(o.metrics, m.name) {
			b.metrics = append(b.metrics, m)
		}
	}
	for i := range subjects {
		if s := &subjects[i]; b.needed(s) && ctx.Err() == nil && (o.reps > 0 || o.list || s.kind == inGo) {
			b.build(s.kind)
		}
	}
	if err := b.ready(); err != nil {
		b.end()
		return nil, err
	}
	return b, nil
}

// ready says why nothing can be measured, if that is so.
func (b *bench) ready() error {
	switch {
	case b.ctx.Err() != nil:
		return b.ctx.Err()
	case b.options.list:
		return nil
	case b.missing[inGo] != nil: // Atoll's are among them
		return fmt.Errorf("the programs in Go: %w", b.missing[inGo])
	}
	for i := range subjects {
		if s := &subjects[i]; b.needed(s) && (b.reps == 0 || b.built[s.kind] != nil) {
			return nil
		}
	}
	for _, err := range b.missing {
		return fmt.Errorf("none of these subjects is installed: %w", err)
	}
	return errors.New("nothing is measured of these subjects by these metrics; --list with the same flags shows what there is")
}

// chosen says whether a name is in the list of a flag, which is empty if it was not given.
func chosen(list []string, name string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// needed says whether a subject has been chosen, and something of it is measured.
func (b *bench) needed(s *subject) bool {
	return chosen(b.options.subjects, s.name) &&
		slices.ContainsFunc(b.metrics, func(m *metric) bool { return slices.Contains(m.subjects, s.name) })
}

func (b *bench) build(k *kind) {
	if b.built[k] != nil || b.missing[k] != nil {
		return
	}
	command, err := k.build(b.dir)
	if err != nil {
		b.missing[k] = errors.New(strings.Join(strings.Fields(err.Error()), " ")) // in one line
		return
	}
	b.built[k] = command
}

func (b *bench) end() {
	for k, command := range b.built {
		if k.end != nil {
			k.end(command)
		}
	}
	_ = os.RemoveAll(b.dir)
}

// measure runs every metric for every subject, in turns, as often as asked.
func (b *bench) measure() (*figures, error) {
	f := newFigures(b)
	if b.reps < 5 && b.reps > 0 && !b.quick {
		_, _ = fmt.Fprintf(b.progress, "%d repetitions are few: show nobody these figures\n", b.reps)
	}
	if load := loadAverage(); load > 2 && b.reps > 0 {
		_, _ = fmt.Fprintf(b.progress, "the load is %.1f: the machine does other things, and the figures mean little\n", load)
	}
	for rep := range b.reps {
		for _, m := range b.metrics {
			b.say("%d of %d: %s", rep+1, b.reps, m.name)
			for _, name := range m.subjects {
				s := subjectOf(name)
				if s == nil {
					return nil, fmt.Errorf("metric %s: there is no subject %s", m.name, name)
				}
				if b.built[s.kind] == nil || !b.needed(s) {
					continue
				}
				if err := b.once(f, m, s); err != nil {
					return nil, fmt.Errorf("%s of %s: %w", m.name, s.name, err)
				}
			}
		}
	}
	b.say("")
	return f, nil
}

// say replaces the line that tells what is going on; only a terminal has one.
func (b *bench) say(format string, args ...any) {
	if f, ok := b.progress.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			_, _ = fmt.Fprintf(f, "\r\x1b[K"+format, args...)
		}
	}
}

// once runs a program and notes what it prints.
func (b *bench) once(f *figures, m *metric, s *subject) error {
	out, err := b.output(m, s)
	if err != nil {
		return err
	}
	return f.read(m, s, out)
}

func (b *bench) output(m *metric, s *subject) ([]byte, error) {
	command := b.built[s.kind]
	if s.kind.before != nil {
		if err := s.kind.before(command, m.oneCPU); err != nil {
			return nil, err
		}
	}
	sizes := m.sizes
	switch {
	case b.quick:
		sizes = m.quick
	case s.slow && m.slow != "":
		sizes = m.slow
	}
	root, err := os.MkdirTemp(b.dir, "root-") // objects of its own
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(root) }()
	var args []string
	if s.kind != inGo {
		args = append(args, m.program)
	}
	args = append(append(args, s.name), strings.Fields(sizes)...)
	return b.call(command, args, root, m)
}

// call calls a program, on one processor if the metric wants it. What it prints goes to
// files: a server that it starts, as programs of Wine do, would keep a pipe open.
func (b *bench) call(command, args []string, root string, m *metric) (printed []byte, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, hang)
	defer cancel()
	out, err := os.Create(filepath.Join(root, "out"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	errs, err := os.Create(filepath.Join(root, "errs"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, errs.Close()) }()
	cmd := exec.CommandContext(ctx, command[0], append(slices.Clone(command[1:]), args...)...)
	cmd.Env = append(os.Environ(), calling.Program+"="+m.program, "ATOLL_ROOT="+root, "TMPDIR="+root)
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL} // so that it is ended with all that it forked
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	start := cmd.Start
	if m.oneCPU {
		start = func() error { return onOneCPU(cmd.Start) }
	}
	err = start()
	if err == nil {
		err = cmd.Wait()
	}
	switch {
	case b.ctx.Err() != nil:
		return nil, b.ctx.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%q hangs", args)
	case err != nil:
		said, _ := os.ReadFile(errs.Name())
		return nil, fmt.Errorf("%q: %w: %s", args, err, said)
	}
	return os.ReadFile(out.Name())
}

// onOneCPU has start start a process that may run on one processor only.
func onOneCPU(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for i := 0; one.Count() == 0; i++ {
		if all.IsSet(i) {
			one.Set(i)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	return errors.Join(start(), unix.SchedSetaffinity(0, &all))
}

// loadAverage is that of the last minute; 0 if it is not known.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// list writes what there is.
func (b *bench) list(out io.Writer) error {
	text := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	_, _ = fmt.Fprintln(text, "Metrics:")
	for _, m := range b.metrics {
		_, _ = fmt.Fprintf(text, "  %s\t%s\n", m.name, m.what)
	}
	_, _ = fmt.Fprintln(text, "Subjects:")
	for i := range subjects {
		s := &subjects[i]
		if !b.needed(s) {
			continue
		}
		_, _ = fmt.Fprintf(text, "  %s\t%s", s.name, s.what)
		if err := b.missing[s.kind]; err != nil {
			_, _ = fmt.Fprintf(text, "; not installed: %v", err)
		}
		_, _ = fmt.Fprintln(text)
	}
	return text.Flush()
}
