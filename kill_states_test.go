//go:build linux

package atoll

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/testkit"
)

// The objects of the kill proofs, as they lie in memory.

// killedNames are the objects' names, in the order of their places.
var killedNames = [...]string{"m", "e", "f", "s", "t"}

const (
	theMutex = iota
	theAuto
	theManual
	theSemaphore
	theTimer
	killedNumber
)

// killedObjects are the calls that open them, in every process of a proof.
var killedObjects = []string{"mutex m", "auto e", "manual f", "semaphore s", "timer t"}

// killedApart are the same with the semaphore in Global.
var killedApart = []string{"mutex m", "auto e", "manual f", `semaphore Global\s`, "timer t"}

// objectState is what an object's page said at one moment.
type objectState struct {
	layout.State
	pending uint32
	wakes   uint32 // how often everybody was woken
	// settled is the word as it counts: if a wait for all that took the object has
	// been decided, but not been done, what the object becomes.
	settled uint32
}

// objectStates are the states of all objects.
type objectStates struct {
	of      [killedNumber]objectState
	decided bool // the victim's wait for all that holds gates
}

// mapFile maps a file, to look at it while others write.
func mapFile(t testing.TB, path string, size int) []byte {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	must(t, err)
	return b
}

// look reads the pages of the objects and the victim's decisions. It is exact if
// the victim is stopped or dead and nobody else does anything.
func (k *killing) look() (s objectStates) {
	k.t.Helper()
	decision := layout.DecisionOf(k.member)
	if k.proof.apart && decision.Elsewhere == k.global {
		decision = layout.DecisionOf(k.globalMember)
	}
	s.decided = decision.Made != 0
	for i := range s.of {
		page := k.cast.page(i)
		o := &s.of[i]
		o.State = page.Cell.Load()
		o.pending = page.Pending
		o.wakes = page.Wakes.Load()
		o.settled = o.Word()
		if o.IsForAll() && o.Holder() == k.numberAt(i) && s.decided {
			o.settled = o.pending
		}
	}
	return s
}

// numberAt is the victim's number as it stands in an object.
func (k *killing) numberAt(object int) uint32 {
	if k.proof.apart && object == theSemaphore {
		return k.global
	}
	return k.number
}

// memberNumber is the number that stands for a process in the words of objects of a
// directory, and path its member file.
func memberNumber(t *testing.T, c *testkit.Child, dir string) (number uint32, path string) {
	t.Helper()
	path = memberFileIn(t, dir, c.PID())
	n, err := strconv.ParseUint(path[strings.LastIndexByte(path, '/')+1:], 16, 32)
	must(t, err)
	return uint32(n), path
}

// waitFor waits until processes are registered as sleepers of an object.
func (k *killing) waitFor(object int) {
	k.t.Helper()
	until(k.t, "nobody waits", func() bool { return k.cast.page(object).Cell.Load().Gate() == layout.Many })
}

// page is an object's.
func (c *cast) page(object int) *layout.Page {
	return layout.PageOf(unsafe.Pointer(&c.files[object][layout.StateOffset]))
}

// sleeps says whether the victim's thread sleeps for an object: in the kernel, or
// with its goroutine, for which others watch the objects.
func (k *killing) sleeps(tid int) bool {
	if sleepsOnFutex(k.victim.PID(), strconv.Itoa(tid)) {
		return true
	}
	for i := range k.cast.files {
		if state := k.cast.page(i).Cell.Load(); state.Sleeper() == k.numberAt(i) || state.Gate() == layout.Many {
			return sleepsPrivately(k.victim.PID(), strconv.Itoa(tid))
		}
	}
	return false
}

// taken says what of the objects the victim has, or has used up, since before.
func (k *killing) taken(object int) bool {
	switch now, was := k.atDeath.of[object].settled, k.before.of[object].settled; object {
	case theMutex:
		return layout.MutexWord.Owner(now) == k.number
	case theSemaphore:
		return now < was
	case theTimer:
		return now != was
	default:
		return now&layout.SignaledBit < was&layout.SignaledBit
	}
}

// allOrNone says whether the victim has taken all of some objects.
func (k *killing) allOrNone(objects ...int) bool {
	k.t.Helper()
	n := 0
	for _, object := range objects {
		if k.taken(object) {
			n++
		}
	}
	if n != 0 && n != len(objects) {
		k.t.Fatalf("%d of %d objects are taken: %+v, before %+v", n, len(objects), k.atDeath, k.before)
	}
	return n != 0
}
