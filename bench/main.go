//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) { // the flags have said it
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	metrics, subjects []string
	reps              int
	quick, json, list bool
	plot, doc         string // where to write
	from              string // where to read
	profile           bool
}

// run is the command; what it finds goes to out, and what it does to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	if err := o.canWrite(); err != nil {
		return err
	}
	if o.from != "" {
		r, err := readRecord(o.from)
		if err != nil {
			return err
		}
		return r.writeDocument(o.doc)
	}
	b, err := newBench(ctx, o, progress)
	if err != nil {
		return err
	}
	defer b.end()
	if o.list {
		return b.list(out)
	}
	f, err := b.measure()
	if err != nil {
		return err
	}
	return errors.Join(f.write(out, progress, o.json), b.keep(f))
}

// canWrite says before anything is measured, which takes long, whether there is a place
// for what will be found.
func (o options) canWrite() error {
	if o.plot != "" {
		if err := os.MkdirAll(o.plot, 0o755); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
		if err := unix.Access(o.plot, unix.W_OK); err != nil {
			return fmt.Errorf("--plot %s: no file can be written there: %w", o.plot, err)
		}
	}
	if o.doc == "" {
		return nil
	}
	if err := unix.Access(filepath.Dir(o.doc), unix.W_OK); err != nil {
		return fmt.Errorf("--doc %s: no file can be written there: %w", o.doc, err)
	}
	return replaceable(o.doc)
}

// keep writes what the flags want besides.
func (b *bench) keep(f *figures) error {
	if b.plot != "" {
		if err := f.plot(b.plot); err != nil {
			return err
		}
	}
	if b.doc == "" {
		return nil
	}
	var profiles []profile
	if b.profile {
		var err error
		if profiles, err = b.profiles(); err != nil {
			return err
		}
	}
	return f.record(b.machine, profiles).writeDocument(b.doc)
}

func parse(args []string, errs io.Writer) (o options, err error) {
	var metrics, subjects string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&metrics, "metric", "", "measure these only, a `list` with commas")
	flags.StringVar(&subjects, "subject", "", "measure these only, a `list` with commas")
	flags.IntVar(&o.reps, "reps", 7, "measure each `n` times, at least 5 for figures that are shown to anybody")
	flags.BoolVar(&o.quick, "quick", false, "measure little, to see that it works: the figures mean nothing")
	flags.BoolVar(&o.json, "json", false, "print a list of {metric, subject, value, unit, lower_is_better}")
	flags.StringVar(&o.plot, "plot", "", "write a chart of each figure into this `folder`, as SVG")
	flags.StringVar(&o.doc, "doc", "", "write this `file`, docs/PERFORMANCE.md, with all figures, and what it shows beside it in folder performance; with --reps 0 it has no figures")
	flags.StringVar(&o.from, "from", "", "write --doc from this `file`, which an earlier --doc wrote, and measure nothing")
	flags.BoolVar(&o.profile, "profile", false, "look what the time goes to, and what calls the kernel, for --doc")
	flags.BoolVar(&o.list, "list", false, "print the metrics, and the subjects with what is missing for them")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 0 {
		return o, fmt.Errorf("%q: there are flags only; see --help", flags.Args())
	}
	if o.reps < 1 && (o.reps != 0 || o.doc == "") {
		return o, fmt.Errorf("--reps %d: measure at least once", o.reps)
	}
	if (o.profile || o.from != "") && o.doc == "" {
		return o, errors.New("--profile and --from are for the document: give --doc, too")
	}
	o.metrics, o.subjects = split(metrics), split(subjects)
	for _, name := range o.metrics {
		if metricOf(name) == nil {
			return o, fmt.Errorf("--metric %s: there is none of this name; see --list", name)
		}
	}
	for _, name := range o.subjects {
		if subjectOf(name) == nil {
			return o, fmt.Errorf("--subject %s: there is none of this name; see --list", name)
		}
	}
	return o, nil
}

// split cuts a list at its commas; "" is none.
func split(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
