//go:build linux

package wait

import "atoll/internal/layout"

// A reader is a process that may only read an object's file. Its page is mapped for
// reading, so it can neither take what others would miss, nor say that it sleeps,
// nor repair a gate. It can wait for what taking leaves as it is: a manual-reset
// event or timer. Of such an object every change wakes everybody, if its file may be
// read by others, whether or not anybody is known to sleep.
//
// A gate in the way does not matter to it: the word behind it is the one before the
// change or the one after. A change whose maker is killed before the wake is found
// by the tick.

// ReaderMayWait says whether one who can only read an object of this kind can wait
// for it.
func ReaderMayWait(kind layout.Kind) bool {
	return kind == layout.ManualEventWord || kind == layout.ManualTimerWord
}

// readersAgree says, with the gates of all other objects of a wait for all closed,
// whether those that this process can only read were signaled at one instant: each
// was, and none had changed when the last had been looked at.
func (w *Waiter) readersAgree() (bool, error) {
	var words [2][]uint32
	for round := range words {
		for _, e := range w.entries {
			if !e.slot.reader {
				continue
			}
			var p peek
			err := e.slot.guard(func() (err error) { p, err = e.slot.peek(e.claim); return err })
			if err != nil || p.verdict == layout.Blocked {
				return false, err
			}
			words[round] = append(words[round], p.state.Word())
		}
	}
	for i, word := range words[0] {
		if words[1][i] != word {
			return false, nil
		}
	}
	return true, nil
}
