//go:build linux

package guardian

import (
	"time"

	"golang.org/x/sys/unix"

	"atoll/internal/cgroup"
)

// Ready is what a guard or watch says once it is one, or another is.
const Ready = "ready\n"

// guard waits until nobody holds the job any more, however that came about, and ends
// its processes, unless that has been taken back. Its arguments: FILE GROUP PARENT
// READY OFFSET, and the group's NAME in PARENT; GROUP and PARENT are -1 for trees.
func guard(args []string) {
	n := integers(args, 5)
	file, group, parent := n[0], cgroup.Group{FD: n[1]}, cgroup.Group{FD: n[2]}
	alone(n[:4]...)
	if !claim(file, GuardByte) {
		say(n[3], Ready) // somebody does it already
		return
	}
	say(n[3], Ready)
	awaitLast(file)
	if words, err := ReadWords(file, int64(n[4])); err == nil && words[WordSpare] != 0 {
		return
	}
	_ = Members{File: file, Group: group}.Kill()
	if group.FD < 0 || len(args) < 6 {
		return
	}
	for range killRounds {
		if parent.Discard(args[5]) || !lingering(group) {
			return
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // until what was killed is gone
	}
}

// lingering says whether what was killed is still on its way out.
func lingering(group cgroup.Group) bool {
	populated, err := group.Populated()
	return err == nil && populated
}

// Pauses of a watch: while there is something to watch, and while the job has no
// process.
const (
	watchPause = 10 * time.Millisecond
	idlePause  = 50 * time.Millisecond
)

// watch enforces the limits that the job's words ask for, as long as anybody holds
// the job or is in it. Its arguments: FILE GROUP READY OFFSET.
func watch(args []string) {
	n := integers(args, 4)
	w := watcher{Members{n[0], int64(n[3]), cgroup.Group{FD: n[1]}}}
	alone(n[:3]...)
	if !claim(w.File, WatchByte) {
		say(n[2], Ready)
		return
	}
	say(n[2], Ready)
	for {
		words, err := ReadWords(w.File, w.At)
		if err != nil || words[WordProcesses]|words[WordMemory]|words[WordTime] == 0 {
			return
		}
		list := w.List()
		if len(list) == 0 && !held(w.File) {
			return
		}
		w.enforce(words, list)
		if len(list) == 0 {
			time.Sleep(idlePause) //nolint:forbidigo // nobody tells it of a new process
		}
		time.Sleep(watchPause) //nolint:forbidigo // as above
	}
}

type watcher struct{ Members }

func (w watcher) enforce(words [Words]uint64, list []Process) {
	if most := words[WordProcesses]; most != 0 && uint64(len(list)) > most {
		w.killSurplus(words, most)
	}
	if most := words[WordMemory]; most != 0 {
		w.killHungry(words, list, most)
	}
	if over := words[WordTime]; over != 0 && words[WordEnded]|words[WordTold] == 0 {
		if user, system := w.Time(); user+system >= over {
			w.endTime(words)
		}
	}
}

// What follows says what it is about to do before it kills, so that whoever sees the
// end sees why.

// killSurplus kills the youngest processes until there are no more than allowed.
func (w watcher) killSurplus(words [Words]uint64, most uint64) {
	if w.Group.FD >= 0 { // nothing is started meanwhile
		_ = w.Group.Write("cgroup.freeze", "1")
		defer func() { _ = w.Group.Write("cgroup.freeze", "0") }()
	}
	list := w.List()
	SortByAge(list)
	if uint64(len(list)) <= most {
		return
	}
	w.killCounted(WordSurplus, words[WordSurplus], list[most:])
}

// killHungry kills the process that has the most memory, if all together have too
// much.
func (w watcher) killHungry(words [Words]uint64, list []Process, most uint64) {
	var sum, largest uint64
	var victim []Process
	for i, p := range list {
		n := Memory(p.PID)
		sum += n
		if n >= largest {
			largest, victim = n, list[i:i+1]
		}
	}
	if sum > most {
		w.killCounted(WordHungry, words[WordHungry], victim)
	}
}

// killCounted kills processes and counts them in a word. What could not be killed is
// taken off again.
func (w watcher) killCounted(word int, before uint64, list []Process) {
	_ = WriteWord(w.File, w.At, word, before+uint64(len(list)))
	killed := 0
	for _, p := range list {
		if unix.Kill(p.PID, unix.SIGKILL) == nil {
			killed++
		}
	}
	if killed < len(list) {
		_ = WriteWord(w.File, w.At, word, before+uint64(killed))
	}
}

// endTime ends the job because its time is over, or tells that.
func (w watcher) endTime(words [Words]uint64) {
	if words[WordTell] != 0 {
		_ = WriteWord(w.File, w.At, WordTold, 1)
		return
	}
	_ = WriteWord(w.File, w.At, WordEnded, 1)
	_ = w.Kill()
}

// SortByAge puts the oldest first.
func SortByAge(list []Process) {
	for i := range list { // few, and mostly in order
		for j := i; j > 0 && older(list[j], list[j-1]); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

func older(a, b Process) bool {
	return a.Start < b.Start || a.Start == b.Start && a.PID < b.PID
}
