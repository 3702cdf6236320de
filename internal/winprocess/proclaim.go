//go:build linux

package winprocess

import (
	"bytes"
	"os"
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
	proclaimTime = 2 * time.Second // for all; who is stopped is not waited for
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
			if err := parley.Send(c, &note); err != nil || stopped(peer) {
				return
			}
			if answer, err := parley.Hear(c); err == nil {
				answer.Discard()
			}
		})
	}
	all.Wait()
}

// stopped says whether a process is stopped, and so hears nothing for now.
func stopped(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	state := text[bytes.LastIndexByte(text, ')')+1:] // behind its name, which can be anything
	return err == nil && len(state) > 1 && (state[1] == 'T' || state[1] == 't')
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
