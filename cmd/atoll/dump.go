package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

// dumpWidth is how many bytes one line shows.
const dumpWidth = 16

func newDump() *cobra.Command {
	var s span
	var follow bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "dump NAME",
		Short: "Show bytes of a section in hexadecimal",
		Long: `Show bytes of a section in hexadecimal and as text. Lines that repeat the one
above are left out; a * stands for them.

With --follow, show lines again whenever they have changed, until interrupted or
until nobody holds the section any more.`,
		Example: `  atoll dump prices
  atoll dump prices --offset 4K --length 64 --follow`,
		Args:              exactly(1, "the name of a section"),
		ValidArgsFunction: completeNames(atoll.TypeSection),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if interval <= 0 {
				return usage("--interval must be more than 0, such as 500ms")
			}
			v, err := openView(args[0], atoll.Read)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, v.Close()) }()
			first, end, err := s.within(args[0], v.Size())
			if err != nil {
				return err
			}
			d := dumper{view: v, out: cmd.OutOrStdout(), first: first, end: end}
			if !follow {
				return d.all()
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return d.follow(ctx, args[0], interval)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on, and show the lines that change")
	cmd.Flags().DurationVar(&interval, "interval", 500*time.Millisecond, "how often --follow looks")
	return cmd
}

// dumper shows the bytes from first to end.
type dumper struct {
	view       *atoll.View
	out        io.Writer
	first, end int64
	seen       []byte // follow: what was shown last
}

// all shows all bytes once.
func (d *dumper) all() error {
	var last []byte
	skipping := false
	err := d.chunks(func(at int64, line []byte) string {
		if bytes.Equal(line, last) {
			if skipping {
				return ""
			}
			skipping = true
			return "*\n"
		}
		last, skipping = append(last[:0], line...), false
		return dumpLine(at, line)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(d.out, "%08x\n", d.end)
	return err
}

// follow shows the lines that changed, again and again.
func (d *dumper) follow(ctx context.Context, name string, interval time.Duration) error {
	d.seen = make([]byte, 0, d.end-d.first)
	if err := d.chunks(d.remember); err != nil {
		return err
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.chunks(d.changed); err != nil {
			return err
		}
		if _, err := atoll.Stat(name); errors.Is(err, fs.ErrNotExist) {
			_, err := fmt.Fprintf(d.out, "nobody holds %s any more\n", show(name))
			return err
		}
	}
}

// remember shows a line for the first time, unless it is all zero: one that
// follows a section wants to see what happens in it.
func (d *dumper) remember(at int64, line []byte) string {
	d.seen = append(d.seen, line...)
	if len(bytes.Trim(line, "\x00")) == 0 {
		return ""
	}
	return dumpLine(at, line)
}

// changed shows a line if it has changed.
func (d *dumper) changed(at int64, line []byte) string {
	old := d.seen[at-d.first:][:len(line)]
	if bytes.Equal(old, line) {
		return ""
	}
	copy(old, line)
	return dumpLine(at, line)
}

// chunks calls show with each line's bytes, and prints what it returns.
func (d *dumper) chunks(show func(at int64, line []byte) string) error {
	buffer := make([]byte, min(chunk, d.end-d.first))
	var text strings.Builder
	for at := d.first; at < d.end; {
		b := buffer[:min(int64(len(buffer)), d.end-at)]
		if n, err := d.view.ReadAt(b, at); n < len(b) {
			return err
		}
		text.Reset()
		for len(b) > 0 {
			n := min(dumpWidth, len(b))
			text.WriteString(show(at, b[:n]))
			b, at = b[n:], at+int64(n)
		}
		if _, err := io.WriteString(d.out, text.String()); err != nil {
			return err
		}
	}
	return nil
}

// dumpLine is a line as hexdump -C has it.
func dumpLine(at int64, line []byte) string {
	var hex, text strings.Builder
	for i := range dumpWidth {
		if i == dumpWidth/2 {
			hex.WriteByte(' ')
		}
		if i >= len(line) {
			hex.WriteString("   ")
			continue
		}
		fmt.Fprintf(&hex, " %02x", line[i])
		if c := line[i]; c >= ' ' && c <= '~' {
			text.WriteByte(c)
		} else {
			text.WriteByte('.')
		}
	}
	return fmt.Sprintf("%08x %s  |%s|\n", at, hex.String(), text.String())
}
