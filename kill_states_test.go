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

// objectState is what an object's page said at one moment.
type objectState struct {
	layout.State
	tag     layout.Tag
	pending uint32
	// settled is the word as it counts: if a wait for all that took the object has
	// been decided, but not been done, what the object becomes.
	settled uint32
}

// objectStates are the states of all objects.
type objectStates struct {
	of        [killedNumber]objectState
	decisions [layout.Decisions]uint64 // of the victim
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
	for i := range s.decisions {
		s.decisions[i] = layout.Decided(k.member, i)
	}
	for i, b := range k.cast.files {
		page := layout.PageOf(unsafe.Pointer(&b[layout.StateOffset]))
		o := &s.of[i]
		o.State = page.Cell.Load()
		o.tag, o.pending = layout.Tag(page.Pending.Tag.Load()), page.Pending.Word.Load()
		o.settled = o.Word()
		if o.tag.Number() == k.number && o.tag != 0 && s.decisions[o.tag.Slot()] == uint64(o.tag.Sequence()) {
			o.settled = o.pending
		}
	}
	return s
}

// memberNumber is the number that stands for a process in the words of objects,
// and path its member file.
func memberNumber(t *testing.T, c *testkit.Child) (number uint32, path string) {
	t.Helper()
	path = memberFile(t, c.PID())
	n, err := strconv.ParseUint(path[strings.LastIndexByte(path, '/')+1:], 16, 32)
	must(t, err)
	return uint32(n), path
}

// waits says whether a process is registered as one that waits for an object.
func (k *killing) waits(object int, number uint32) bool {
	page := layout.PageOf(unsafe.Pointer(&k.cast.files[object][layout.StateOffset]))
	for i := range page.Waiting {
		if w := &page.Waiting[i]; w.Number.Load() == number && w.Count.Load() > 0 {
			return true
		}
	}
	return false
}

// sleeps says whether the victim's thread sleeps for an object: in the kernel, or
// with its goroutine, for which others watch the objects.
func (k *killing) sleeps(tid int) bool {
	if sleepsOnFutex(k.victim.PID(), strconv.Itoa(tid)) {
		return true
	}
	for i := range k.cast.files {
		if k.waits(i, k.number) {
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
