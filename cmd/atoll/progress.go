package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// progressDelay is how long a copy takes before its progress is shown.
const progressDelay = 500 * time.Millisecond

// progress shows on standard error how far a copy has come: on a terminal only, if
// it takes long, and until it has ended.
type progress struct {
	done atomic.Int64 // bytes
	stop chan struct{}
	over chan struct{}
}

// newProgress begins to look at a copy of so many bytes, -1 if that is not known. It
// shows nothing unless standard error is a terminal, and beside, a file that is the
// terminal as well, would not be mixed with it.
func newProgress(cmd *cobra.Command, what string, total int64, beside any) *progress {
	p := &progress{}
	w, ok := cmd.ErrOrStderr().(*os.File)
	if f, both := beside.(*os.File); !ok || !isTerminal(w) || both && isTerminal(f) {
		return p
	}
	p.stop, p.over = make(chan struct{}), make(chan struct{})
	go p.show(w, what, total)
	return p
}

func (p *progress) show(w io.Writer, what string, total int64) {
	defer close(p.over)
	select {
	case <-p.stop:
		return
	case <-time.After(progressDelay):
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowBytes(true), progressbar.OptionShowCount(),
		progressbar.OptionFullWidth(), progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionUseIECUnits(true))
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = bar.Set64(p.done.Load()) // a terminal that is gone stops no copy
		select {
		case <-p.stop:
			_ = bar.Clear()
			return
		case <-tick.C:
		}
	}
}

// add counts bytes that have been copied.
func (p *progress) add(n int) { p.done.Add(int64(n)) }

// end takes the bar away.
func (p *progress) end() {
	if p.stop != nil {
		close(p.stop)
		<-p.over
	}
}

// counted is a reader whose bytes are counted.
type counted struct {
	io.Reader
	p *progress
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.add(n)
	return n, err
}

// lengthOf is how many bytes there are to read; -1 if that is not to be known.
func lengthOf(in io.Reader) int64 {
	f, ok := in.(*os.File)
	if !ok {
		return -1
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return -1
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1
	}
	return max(0, st.Size()-at)
}
