package main

import (
	"bufio"
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

const replayLong = `Play a recording of atoll record back into a section: the one that was recorded,
or NAME. It is created and held, or with --or-open the existing one is written
to. Samples come as long after each other as they were taken, divided by
--speed.`

type replayFlags struct {
	speed       float64
	loop        bool
	orOpen      bool
	lock, event string
	bar         *progress
}

func newReplay() *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay FILE [NAME]",
		Short: "Play a recording back into a section",
		Long:  replayLong,
		Example: `  atoll replay lap1.rec
  atoll replay lap1.rec telemetry-test --speed 2 --loop
  atoll replay - telemetry --or-open --event fresh <lap1.rec`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) < 1 || len(args) > 2:
				return usage("atoll replay wants a file, and may have a name; try atoll replay --help")
			case !(f.speed >= 0.001 && f.speed <= 1e6): // nor NaN
				return usage("--speed is from 0.001 to 1000000; 1 is as it was recorded")
			case f.loop && args[0] == "-":
				return usage("--loop needs a file: standard input cannot be read again")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			name := ""
			if len(args) > 1 {
				name = args[1]
			}
			// How long it takes nobody knows who has not read it all.
			f.bar = newProgress(cmd, "replaying", -1, nil)
			n, err := f.replay(ctx, cmd.InOrStdin(), args[0], name)
			f.bar.end()
			if err == nil {
				_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%d samples\n", n)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&f.speed, "speed", 1, "how many times as fast as it was recorded")
	flags.BoolVar(&f.loop, "loop", false, "begin again at the end, until interrupted")
	flags.BoolVar(&f.orOpen, "or-open", false, "if the section exists already, write to the existing one")
	flags.StringVar(&f.lock, "lock", "", "a mutex to hold during each sample")
	flags.StringVar(&f.event, "event", "", "an event to set after each sample")
	return cmd
}

// replay plays a file, and says how many samples that were.
func (f *replayFlags) replay(ctx context.Context, stdin io.Reader, path, name string) (samples int, err error) {
	var p *player
	defer func() {
		if p != nil {
			err = errors.Join(err, p.close())
		}
	}()
	for {
		r, done, err := openRecording(stdin, path)
		if err != nil {
			return samples, err
		}
		if p == nil {
			p, err = f.player(r.header, name)
		} else if r.header.Length != p.length {
			err = fmt.Errorf("%s is another recording now", show(path))
		}
		if err == nil {
			var n int
			n, err = p.play(ctx, r, f.speed)
			samples += n
		}
		done()
		if err != nil || !f.loop || ctx.Err() != nil {
			return samples, unlessEnded(ctx, err)
		}
	}
}

// recording is a recording that is being read.
type recording struct {
	header recordHeader
	in     *bufio.Reader
}

// mostHeader is what the line of JSON can have: a name of 32,766 units, and more.
const mostHeader = 256 << 10

func openRecording(stdin io.Reader, path string) (r *recording, done func(), err error) {
	in, closeFile := stdin, func() {}
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		in, closeFile = file, func() { _ = file.Close() }
	}
	z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		closeFile()
		return nil, nil, err
	}
	done = func() { z.Close(); closeFile() }
	r, err = readRecording(z)
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("%s is no recording of atoll record: %w", show(path), err)
	}
	return r, done, nil
}

// readRecording reads and checks the beginning.
func readRecording(in io.Reader) (*recording, error) {
	r := &recording{in: bufio.NewReaderSize(in, mostHeader)}
	magic := make([]byte, len(recordMagic))
	if _, err := io.ReadFull(r.in, magic); err != nil {
		return nil, err
	}
	if string(magic) != recordMagic {
		return nil, fmt.Errorf("it begins with %q", magic)
	}
	line, err := r.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &r.header); err != nil {
		return nil, err
	}
	if h := r.header; h.Offset < 0 || h.Length <= 0 || h.Size <= 0 || h.Offset > h.Size || h.Length > h.Size-h.Offset {
		return nil, fmt.Errorf("%d bytes from offset %d do not lie in a section of %d bytes", h.Length, h.Offset, h.Size)
	}
	return r, nil
}

// next reads a sample into bytes, which has the one before; more is false at the end.
func (r *recording) next(bytes, scratch []byte) (at time.Duration, more bool, err error) {
	n, err := binary.ReadUvarint(r.in)
	if errors.Is(err, io.EOF) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("the recording is cut off: %w", err)
	}
	kind, err := r.in.ReadByte()
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("the recording is cut off: %w", err)
	case kind == unchanged:
		return time.Duration(n), true, nil
	case kind != changed:
		return 0, false, fmt.Errorf("the recording is damaged: %d is no kind of sample", kind)
	}
	if _, err := io.ReadFull(r.in, scratch); err != nil {
		return 0, false, fmt.Errorf("the recording is cut off: %w", err)
	}
	difference(bytes, scratch)
	return time.Duration(n), true, nil
}

// player writes samples into a section.
type player struct {
	section *atoll.Section
	view    *atoll.View
	mutex   *atoll.Mutex
	event   *atoll.Event
	offset  int64
	length  int64
	bar     *progress
}

func (f *replayFlags) player(h recordHeader, name string) (p *player, err error) {
	if name == "" {
		name = h.Name
	}
	p = &player{offset: h.Offset, length: h.Length, bar: f.bar}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
			p = nil
		}
	}()
	if f.orOpen {
		p.section, _, err = atoll.CreateOrOpenSection(name, atoll.SectionOptions{Size: h.Size})
	} else {
		p.section, err = atoll.CreateSection(name, atoll.SectionOptions{Size: h.Size})
	}
	if err != nil {
		return p, err
	}
	if have := p.section.Size(); have < h.Offset+h.Length {
		return p, fmt.Errorf("section %s has %d bytes; the recording needs %d", show(name), have, h.Offset+h.Length)
	}
	if p.view, err = p.section.Map(atoll.Read|atoll.Write, 0, 0); err != nil {
		return p, err
	}
	if f.lock != "" {
		if p.mutex, err = atoll.OpenMutex(f.lock, atoll.Wait); err != nil {
			return p, err
		}
	}
	if f.event != "" {
		p.event, err = atoll.OpenEvent(f.event, atoll.Modify)
	}
	return p, err
}

func (p *player) close() error {
	var failures []error
	if p.view != nil {
		failures = append(failures, p.view.Close())
	}
	if p.event != nil {
		failures = append(failures, p.event.Close())
	}
	if p.mutex != nil {
		failures = append(failures, p.mutex.Close())
	}
	if p.section != nil {
		failures = append(failures, p.section.Close())
	}
	return errors.Join(failures...)
}

// play writes the samples, each at its time.
func (p *player) play(ctx context.Context, r *recording, speed float64) (samples int, err error) {
	bytes, scratch := make([]byte, p.length), make([]byte, p.length)
	begun := time.Now()
	for {
		at, more, err := r.next(bytes, scratch)
		if err != nil || !more {
			return samples, err
		}
		select {
		case <-ctx.Done():
			return samples, nil
		case <-time.After(time.Until(begun.Add(time.Duration(float64(at) / speed)))):
		}
		if err := p.show(ctx, bytes); err != nil {
			return samples, err
		}
		samples++
		p.bar.add(len(bytes))
	}
}

// show writes one sample.
func (p *player) show(ctx context.Context, bytes []byte) (err error) {
	if p.mutex != nil {
		if _, err := p.mutex.Lock(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.mutex.Unlock()) }()
	}
	if _, err := p.view.WriteAt(bytes, p.offset); err != nil {
		return err
	}
	if p.event != nil {
		return p.event.Set()
	}
	return nil
}
