//go:build linux

package winprocess

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"atoll/internal/errs"
	"atoll/internal/parley"
)

// Linux keeps no code of a process that was killed. So whoever ends one tells it to all
// who may have a handle to it, before; afterwards nobody gets a new one but of them.

const (
	proclaimTime = 300 * time.Millisecond // for all; who is stopped meanwhile does not hear
	proclaimTo   = 256
)

// Proclaim says by which code processes are about to be ended.
func Proclaim(code uint32, pids ...int) {
	var text strings.Builder
	for _, pid := range pids {
		if text.Len() < parley.MaxText-20 {
			text.WriteString(strconv.Itoa(pid) + " ")
		}
	}
	note := parley.Note{Op: parley.Condemn, Access: code, Text: text.String()}
	peers := parley.Peers()
	limit := time.Now().Add(proclaimTime)
	var all sync.WaitGroup
	for _, peer := range peers[:min(len(peers), proclaimTo)] {
		all.Go(func() {
			c, err := parley.Dial(peer)
			if err != nil {
				return
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(limit)
			if answer, err := parley.Ask(c, &note); err == nil {
				answer.Discard()
			}
		})
	}
	all.Wait()
}

// Proclaimed remembers what another process has proclaimed. It counts if the process was killed.
func Proclaimed(note *parley.Note) error {
	for word := range strings.FieldsSeq(note.Text) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return errs.Because(err, errs.InvalidParameter, nil, "it names no process")
		}
		processes.Lock()
		if p := processes.open[pid]; p != nil && p.There() {
			p.Condemn(note.Access)
		}
		processes.Unlock()
	}
	return nil
}
