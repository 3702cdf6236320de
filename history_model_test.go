//go:build linux

package atoll

import (
	"fmt"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
)

// The sequential models: what one call after another would do. Histories of calls
// that overlap must be explained by some order of such calls, each between its
// beginning and its end. The state is that of all objects of a history together,
// as one call may be about several.

// historyObjects is how many objects a history has at the most.
const historyObjects = 5

// deed is what a call of a history does.
type deed int32

const (
	deedLock deed = iota
	deedTryLock
	deedUnlock
	deedClose // of a mutex: if it is owned it is abandoned
	deedSet
	deedReset
	deedWait
	deedTryWait
	deedRelease
	deedAll  // WaitAll; object has a bit for each
	deedPart // not a call: what a WaitAll has to do with one object
	deedDie  // not a call: the process is killed
)

func (d deed) String() string {
	return [...]string{"Lock", "TryLock", "Unlock", "Close", "Set", "Reset", "Wait", "TryWait", "Release", "WaitAll", "WaitAll of", "Die"}[d]
}

// historyCall is the input of an operation.
type historyCall struct {
	deed   deed
	object int
	client int // the process, counted from 1
}

// historyAnswer is its output.
type historyAnswer struct {
	// cut: the process was killed before the call returned. It may have had its
	// effect, whatever that was, or not.
	cut      bool
	ok       bool
	previous int // the client that abandoned the mutex, or 0; of Release the count before
}

// objectModel is one object's state. A mutex has an owner or, when it is free,
// perhaps one who abandoned it; an event has a signal; a semaphore has a count.
//
// An auto-reset event does what is here as A as long as nobody sleeps for it. Who
// sleeps, and then does not run for a while, can have his signal taken by one who
// came after a Reset, or after another Set: see Grants in RATIONALE.md. What holds
// even then is G: no release without a Set of its own before it.
type objectModel struct {
	kind      byte // M: mutex, A and G: auto-reset event, H: manual-reset event ("by hand"), S: semaphore
	count     int  // S, and G: Sets that have released nobody yet
	owner     int
	abandoner int
	signaled  bool
}

// historyState is a state of all objects; dead are the killed, one bit each.
type historyState struct {
	objects [historyObjects]objectModel
	dead    uint64
}

func initialState(kinds string) historyState {
	var s historyState
	for i := range kinds {
		s.objects[i].kind = kinds[i]
	}
	return s
}

// step says whether a call can have an answer in a state, and what state follows.
func (s historyState) step(c historyCall, a historyAnswer) (bool, historyState) {
	switch {
	case c.deed == deedDie:
		return true, s.die(c.client)
	case s.dead&(1<<c.client) != 0:
		// A call that was cut off has no effect after the death.
		return a.cut, s
	}
	if c.deed == deedAll {
		return s.all(c, a)
	}
	o := &s.objects[c.object]
	if a.cut {
		// Before the death it may have had its effect, if it could. That it had
		// none is a place in the order at which it could not, or after the death.
		o.effect(c)
		return true, s
	}
	possible := o.allows(c, a)
	if a.ok {
		o.effect(c)
	}
	return possible, s
}

// all is step for a WaitAll, which takes all of its objects or none. Not to get them
// is always allowed: somebody may have been looking at one.
func (s historyState) all(c historyCall, a historyAnswer) (bool, historyState) {
	if !a.ok && !a.cut {
		return true, s
	}
	there, abandoner := true, 0
	each := func(do func(*objectModel)) {
		for i := range s.objects {
			if c.object>>i&1 != 0 {
				do(&s.objects[i])
			}
		}
	}
	each(func(o *objectModel) {
		there = there && o.there()
		if abandoner == 0 {
			abandoner = o.abandoner
		}
	})
	if there {
		each(func(o *objectModel) { o.effect(historyCall{deed: deedPart, client: c.client}) })
	}
	return a.cut || there && abandoner == a.previous, s
}

func (s historyState) die(client int) historyState {
	s.dead |= 1 << client
	for i := range s.objects {
		if o := &s.objects[i]; o.owner == client {
			o.owner, o.abandoner = 0, client
		}
	}
	return s
}

// allows says whether a call on this object can have an answer now.
func (o *objectModel) allows(c historyCall, a historyAnswer) bool {
	switch c.deed {
	case deedLock, deedTryLock:
		if !a.ok {
			return c.deed == deedLock || o.owner != 0
		}
		return o.owner == 0 && o.abandoner == a.previous
	case deedUnlock:
		return a.ok && o.owner == c.client
	case deedWait, deedTryWait:
		if !a.ok {
			return c.deed == deedWait || o.kind == 'G' || !o.available()
		}
		return o.available()
	case deedPart:
		return !a.ok || o.there() && (o.abandoner == 0 || a.previous != 0) // which is another's, perhaps
	case deedRelease:
		return a.ok == (o.count < handLimit) && (!a.ok || o.count == a.previous)
	}
	return a.ok
}

// available says whether a wait that begins now is released at once.
func (o *objectModel) available() bool { return o.signaled || o.count > 0 }

// there says whether the object can be taken.
func (o *objectModel) there() bool {
	if o.kind == 'M' {
		return o.owner == 0
	}
	return o.available()
}

// effect does what a call does when it can.
func (o *objectModel) effect(c historyCall) {
	switch c.deed {
	case deedPart:
		if o.kind != 'M' {
			o.effect(historyCall{deed: deedWait})
			return
		}
		o.effect(historyCall{deed: deedLock, client: c.client})
	case deedLock, deedTryLock:
		if o.owner == 0 {
			o.owner, o.abandoner = c.client, 0
		}
	case deedUnlock:
		if o.owner == c.client {
			o.owner = 0
		}
	case deedClose:
		if o.owner == c.client {
			o.owner, o.abandoner = 0, c.client
		}
	case deedSet:
		o.signaled = o.kind != 'G'
		o.count += b2i(o.kind == 'G')
	case deedRelease:
		o.count = min(o.count+1, handLimit)
	case deedReset:
		o.signaled = false
	case deedWait, deedTryWait:
		o.signaled = o.signaled && o.kind != 'A'
		o.count = max(o.count-1, 0)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// historyModel is the model for objects of some kinds, for porcupine.
func historyModel(kinds string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initialState(kinds) },
		Step: func(state, input, output any) (bool, any) {
			return state.(historyState).step(input.(historyCall), output.(historyAnswer))
		},
		DescribeOperation: func(input, output any) string {
			return describeCall(input.(historyCall), output.(historyAnswer))
		},
		DescribeState: func(state any) string { return state.(historyState).describe() },
	}
}

func describeCall(c historyCall, a historyAnswer) string {
	text := fmt.Sprintf("%v(%d)", c.deed, c.object)
	if c.deed == deedAll {
		text = fmt.Sprintf("%v(%0*b)", c.deed, historyObjects, c.object)
	}
	switch {
	case c.deed == deedDie:
		return "killed"
	case a.cut:
		return text + " cut off"
	case !a.ok:
		return text + " → no"
	case c.deed == deedRelease:
		return fmt.Sprintf("%s → %d", text, a.previous)
	case a.previous != 0:
		return fmt.Sprintf("%s → abandoned by %d", text, a.previous)
	}
	return text
}

func (s historyState) describe() (text string) {
	for i, o := range s.objects {
		switch {
		case o.kind == 0:
		case o.kind == 'S' || o.kind == 'G':
			text += fmt.Sprintf("%d %c: %d; ", i, o.kind, o.count)
		case o.kind != 'M':
			text += fmt.Sprintf("%d %c: signaled %v; ", i, o.kind, o.signaled)
		case o.owner != 0:
			text += fmt.Sprintf("%d M: owned by %d; ", i, o.owner)
		case o.abandoner != 0:
			text += fmt.Sprintf("%d M: abandoned by %d; ", i, o.abandoner)
		default:
			text += fmt.Sprintf("%d M: free; ", i)
		}
	}
	return text
}

// written is a history written by hand: each line is client, deed, object, when it
// began and ended, and the answer.
type written struct {
	client   int
	deed     deed
	object   int
	from, to int64
	answer   historyAnswer
}

func operations(list []written) (all []porcupine.Operation) {
	for _, w := range list {
		all = append(all, porcupine.Operation{
			ClientId: w.client, Call: w.from, Return: w.to,
			Input: historyCall{w.deed, w.object, w.client}, Output: w.answer,
		})
	}
	return all
}

var (
	yes = historyAnswer{ok: true}
	no  = historyAnswer{}
	cut = historyAnswer{cut: true}
)

func before(count int) historyAnswer { return historyAnswer{ok: true, previous: count} }

func leftBy(client int) historyAnswer { return historyAnswer{ok: true, previous: client} }

// The test of the test: the models accept what may happen and refuse what may
// not. Object 0 is a mutex, 1 an auto-reset event, 2 a manual-reset event, 3 a semaphore.
func TestHistoryModels(t *testing.T) {
	for _, c := range []struct {
		name  string
		legal bool
		list  []written
	}{
		{"one after another", true, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedUnlock, 0, 3, 4, yes}, {2, deedLock, 0, 5, 6, yes}}},
		{"overlapping", true, []written{{1, deedLock, 0, 1, 9, yes}, {2, deedLock, 0, 1, 3, yes}, {2, deedUnlock, 0, 4, 8, yes}}},
		{"two owners", false, []written{{1, deedLock, 0, 1, 9, yes}, {2, deedLock, 0, 1, 3, yes}, {2, deedUnlock, 0, 10, 11, yes}}},
		{"refused though free", false, []written{{1, deedTryLock, 0, 1, 2, no}}},
		{"refused while owned", true, []written{{1, deedLock, 0, 1, 2, yes}, {2, deedTryLock, 0, 3, 4, no}, {2, deedLock, 0, 3, 5, no}}},
		{"abandoned by death", true, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedDie, 0, 3, 6, yes}, {2, deedLock, 0, 3, 5, leftBy(1)}}},
		{"death kept quiet", false, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedDie, 0, 3, 6, yes}, {2, deedLock, 0, 3, 5, yes}}},
		{"taken before the death", false, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedDie, 0, 5, 6, yes}, {2, deedLock, 0, 3, 4, leftBy(1)}}},
		{"death reported twice", false, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedDie, 0, 3, 4, yes}, {2, deedLock, 0, 5, 6, leftBy(1)}, {2, deedUnlock, 0, 7, 8, yes}, {3, deedLock, 0, 9, 10, leftBy(1)}}},
		{"death reported though unlocked", false, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedUnlock, 0, 3, 4, yes}, {1, deedDie, 0, 5, 6, yes}, {2, deedLock, 0, 7, 8, leftBy(1)}}},
		{"another's death", false, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedDie, 0, 3, 4, yes}, {2, deedDie, 0, 3, 4, yes}, {3, deedLock, 0, 5, 6, leftBy(2)}}},
		{"cut off, had effect", true, []written{{1, deedLock, 0, 1, 5, cut}, {1, deedDie, 0, 4, 5, yes}, {2, deedLock, 0, 6, 7, leftBy(1)}}},
		{"cut off, had none", true, []written{{1, deedLock, 0, 1, 5, cut}, {1, deedDie, 0, 4, 5, yes}, {2, deedLock, 0, 6, 7, yes}}},
		{"cut off unlock", true, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedUnlock, 0, 3, 5, cut}, {1, deedDie, 0, 4, 5, yes}, {2, deedLock, 0, 6, 7, yes}}},
		{"cut off, effect after the death", false, []written{{1, deedSet, 1, 1, 5, cut}, {1, deedDie, 0, 4, 5, yes}, {2, deedTryWait, 1, 6, 7, no}, {2, deedTryWait, 1, 8, 9, yes}}},
		{"closed while owned", true, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedClose, 0, 3, 4, yes}, {2, deedLock, 0, 5, 6, leftBy(1)}}},
		{"one signal releases one", false, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedWait, 1, 1, 9, yes}, {3, deedWait, 1, 1, 9, yes}}},
		{"one signal, one in vain", true, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedWait, 1, 1, 9, yes}, {3, deedWait, 1, 1, 9, no}, {3, deedTryWait, 1, 10, 11, no}}},
		{"released by nothing", false, []written{{2, deedWait, 1, 1, 9, yes}}},
		{"set by hand releases all", true, []written{{1, deedSet, 2, 1, 2, yes}, {2, deedWait, 2, 1, 9, yes}, {3, deedWait, 2, 1, 9, yes}}},
		{"set and reset release who waits", true, []written{{2, deedWait, 2, 1, 9, yes}, {1, deedSet, 2, 2, 3, yes}, {1, deedReset, 2, 4, 5, yes}}},
		{"not who comes later", false, []written{{1, deedSet, 2, 2, 3, yes}, {1, deedReset, 2, 4, 5, yes}, {2, deedWait, 2, 6, 9, yes}}},
		{"one for each release", true, []written{{1, deedRelease, 3, 1, 2, before(0)}, {1, deedRelease, 3, 3, 4, before(1)}, {2, deedWait, 3, 1, 9, yes}, {3, deedTryWait, 3, 5, 6, yes}, {3, deedTryWait, 3, 10, 11, no}}},
		{"two for one release", false, []written{{1, deedRelease, 3, 1, 2, before(0)}, {2, deedWait, 3, 1, 9, yes}, {3, deedWait, 3, 1, 9, yes}}},
		{"another count before", false, []written{{1, deedRelease, 3, 1, 2, before(0)}, {1, deedRelease, 3, 3, 4, before(0)}}},
		{"refused below the limit", false, []written{{1, deedRelease, 3, 1, 2, no}}},
		{"all at once", true, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedAll, 0b11, 1, 9, yes}, {3, deedTryLock, 0, 10, 11, no}, {3, deedTryWait, 1, 10, 11, no}}},
		{"all, and one is left", false, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedAll, 0b11, 1, 9, yes}, {3, deedTryWait, 1, 10, 11, yes}}},
		{"all, and one was not there", false, []written{{2, deedAll, 0b11, 1, 9, yes}}},
		{"all, at no one moment", false, []written{{1, deedSet, 1, 1, 2, yes}, {1, deedTryWait, 1, 3, 4, yes}, {1, deedRelease, 3, 5, 6, before(0)}, {2, deedAll, 0b1010, 1, 9, yes}}},
		{"all in vain", true, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedAll, 0b1010, 3, 9, no}, {3, deedTryWait, 1, 10, 11, yes}}},
		{"all cut off, all taken", true, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedAll, 0b11, 3, 9, cut}, {2, deedDie, 0, 8, 9, yes}, {3, deedTryWait, 1, 10, 11, no}, {3, deedLock, 0, 10, 11, leftBy(2)}}},
		{"all cut off, none taken", true, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedAll, 0b11, 3, 9, cut}, {2, deedDie, 0, 8, 9, yes}, {3, deedTryWait, 1, 10, 11, yes}, {3, deedLock, 0, 10, 11, yes}}},
		{"all cut off, half taken", false, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedAll, 0b11, 3, 9, cut}, {2, deedDie, 0, 8, 9, yes}, {3, deedTryWait, 1, 10, 11, yes}, {3, deedLock, 0, 10, 11, leftBy(2)}}},
		{"all cut off, the other half", false, []written{{1, deedSet, 1, 1, 2, yes}, {2, deedAll, 0b11, 3, 9, cut}, {2, deedDie, 0, 8, 9, yes}, {3, deedTryWait, 1, 10, 11, no}, {3, deedLock, 0, 10, 11, yes}}},
		{"all, one abandoned", true, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedClose, 0, 3, 4, yes}, {1, deedSet, 2, 3, 4, yes}, {2, deedAll, 0b101, 5, 6, leftBy(1)}}},
		{"all, one abandoned in secret", false, []written{{1, deedLock, 0, 1, 2, yes}, {1, deedClose, 0, 3, 4, yes}, {1, deedSet, 2, 3, 4, yes}, {2, deedAll, 0b101, 5, 6, yes}}},
		{"not seen though set", false, []written{{1, deedSet, 2, 2, 3, yes}, {2, deedTryWait, 2, 4, 5, no}}},
	} {
		if got := porcupine.CheckOperations(historyModel("MAHS"), operations(c.list)); got != c.legal {
			t.Errorf("%s: legal is %v, want %v", c.name, got, c.legal)
		}
		// The order in which the operations are listed does not matter.
		slices.Reverse(c.list)
		if got := porcupine.CheckOperations(historyModel("MAHS"), operations(c.list)); got != c.legal {
			t.Errorf("%s, backwards: legal is %v, want %v", c.name, got, c.legal)
		}
	}
}
