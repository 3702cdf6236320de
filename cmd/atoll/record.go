package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"atoll"
)

// A recording is a zstd stream of: recordMagic, a line of JSON (recordHeader), and
// samples. A sample is its time since the beginning in nanoseconds, a varint, and
// 0 if nothing changed, or 1 and the bytes, each exclusive-or'd with the one before:
// what did not change is zeros, which cost nothing.
const recordMagic = "atoll recording 1\n"

type recordHeader struct {
	Name   string    `json:"name"`
	Size   int64     `json:"size"`   // of the section
	Offset int64     `json:"offset"` // of the bytes that were sampled
	Length int64     `json:"length"`
	Begun  time.Time `json:"begun"`
}

const (
	unchanged = 0
	changed   = 1
)

const recordLong = `Sample bytes of a section into a file, at a rate, until interrupted, for
--duration, or until nobody holds the section any more. What does not change
takes next to no room. atoll replay plays the file back.

If atoll is killed, the file has what was sampled until a second before.

A sample is taken while others go on writing, unless --lock names the mutex that
they hold while they do. A sample that comes too late is left out.`

type recordFlags struct {
	span
	out      string
	rate     float64
	duration time.Duration
	lock     string
	force    bool
}

func newRecord() *cobra.Command {
	f := &recordFlags{}
	cmd := &cobra.Command{
		Use:   "record NAME -o FILE",
		Short: "Sample a section into a file",
		Long:  recordLong,
		Example: `  atoll record telemetry -o lap1.rec --rate 60
  atoll record telemetry -o - --duration 10s --length 4K >lap1.rec`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.out == "":
				return usage("atoll record wants a file to write: -o FILE, or -o - for standard output")
			case !(f.rate >= 0.001 && f.rate <= 10_000): // nor NaN
				return usage("--rate is in samples a second, from 0.001 to 10000")
			case f.duration < 0:
				return usage("--duration cannot be negative")
			}
			return exactly(1, "the name of a section")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			n, err := record(ctx, f, args[0], cmd.OutOrStdout())
			if err == nil {
				_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%d samples\n", n)
			}
			return err
		},
		ValidArgsFunction: completeNames(atoll.TypeSection),
	}
	f.flags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "the file to write; - is standard output")
	flags.BoolVar(&f.force, "force", false, "write over a file that exists")
	flags.Float64Var(&f.rate, "rate", 10, "samples a second")
	flags.DurationVar(&f.duration, "duration", 0, "how long; 0 is until interrupted")
	flags.StringVar(&f.lock, "lock", "", "a mutex to hold during each sample")
	return cmd
}

// nopCloser is standard output, which is not ours to close.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func (f *recordFlags) create(stdout io.Writer) (io.WriteCloser, error) {
	if f.out == "-" {
		return nopCloser{stdout}, nil
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if f.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(f.out, flags, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s exists; --force writes over it", show(f.out))
	}
	return file, err
}

// record samples until it ends, and says how many samples there are.
func record(ctx context.Context, f *recordFlags, name string, stdout io.Writer) (samples int, err error) {
	v, err := openView(name, atoll.Read)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	first, end, err := f.within(name, v.Size())
	if err != nil {
		return 0, err
	}
	r := &recorder{view: v, first: first, now: make([]byte, end-first), last: make([]byte, end-first), begun: time.Now()}
	if f.lock != "" {
		if r.mutex, err = atoll.OpenMutex(f.lock, atoll.Wait); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, r.mutex.Close()) }()
	}
	out, err := f.create(stdout) // last: what fails before leaves no file
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z, err := zstd.NewWriter(out)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	r.out, r.z = bufio.NewWriter(z), z
	if err := r.header(recordHeader{name, v.Size(), first, end - first, r.begun}); err != nil {
		return 0, err
	}
	return r.run(ctx, f, name)
}

type recorder struct {
	view      *atoll.View
	mutex     *atoll.Mutex // nil: none
	first     int64
	now, last []byte
	begun     time.Time
	out       *bufio.Writer // into z
	z         *zstd.Encoder
	samples   int
}

func (r *recorder) header(h recordHeader) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = r.out.WriteString(recordMagic + string(line) + "\n")
	return err
}

func (r *recorder) run(ctx context.Context, f *recordFlags, name string) (int, error) {
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / f.rate))
	defer tick.Stop()
	held := time.NewTicker(time.Second) // to look, and to flush, costs more than a sample
	defer held.Stop()
	for {
		if err := r.sample(ctx); err != nil {
			return r.samples, errors.Join(unlessEnded(ctx, err), r.out.Flush())
		}
		select {
		case <-ctx.Done():
			return r.samples, r.out.Flush()
		case <-held.C:
			if _, err := atoll.Stat(name); errors.Is(err, os.ErrNotExist) {
				return r.samples, r.out.Flush()
			}
			if err := errors.Join(r.out.Flush(), r.z.Flush()); err != nil {
				return r.samples, err
			}
		case <-tick.C:
		}
	}
}

// unlessEnded is nil for an error that only says that the time is over.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// sample writes what the section has now.
func (r *recorder) sample(ctx context.Context) error {
	if err := r.read(ctx); err != nil {
		return err
	}
	r.samples++
	var head [binary.MaxVarintLen64 + 1]byte
	n := binary.PutUvarint(head[:], uint64(time.Since(r.begun)))
	if r.samples > 1 && bytes.Equal(r.now, r.last) {
		head[n] = unchanged
		_, err := r.out.Write(head[:n+1])
		return err
	}
	head[n] = changed
	if _, err := r.out.Write(head[:n+1]); err != nil {
		return err
	}
	difference(r.last, r.now)
	_, err := r.out.Write(r.last)
	r.now, r.last = r.last, r.now
	return err
}

// read fills now, while the mutex is held if there is one.
func (r *recorder) read(ctx context.Context) (err error) {
	if r.mutex != nil {
		if _, err := r.mutex.Lock(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.mutex.Unlock()) }()
	}
	_, err = r.view.ReadAt(r.now, r.first)
	return err
}

// difference makes old the exclusive-or of both.
func difference(old, now []byte) {
	for i := range old {
		old[i] ^= now[i]
	}
}
