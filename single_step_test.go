//go:build linux && amd64

package atoll

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

var (
	beginPC = reflect.ValueOf(markBegin).Pointer()
	endPC   = reflect.ValueOf(markEnd).Pointer()
	// Where Go's runtime gives a function that begins a larger stack, or its turn to
	// another goroutine, and then lets it begin again.
	morestackPC = entryOf("runtime.morestack")
)

// killsInCI is at how many moments of each call CI kills, other ones each time,
// besides some near a change of an object's state.
const killsInCI = 16

// hotKillsInCI is at how many of those near a change CI kills.
const hotKillsInCI = 24

// TestKilledAtEveryInstruction: a process is stepped through a call to learn which
// instructions it executes, and then one process for each of them is killed just
// before it. Wherever that is, the others go on.
func TestKilledAtEveryInstruction(t *testing.T) {
	eachKillProof(t, func(t *testing.T, c *cast, p *killProof) {
		// ptrace obeys only the thread that began.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		moments, hot := learnMoments(t, c, p)
		stride := 1
		if !long() {
			stride = max(1, len(moments)/killsInCI)
		}
		first, kills, missed := rand.IntN(stride), 0, 0
		for i, m := range moments {
			if i%stride != first && (!hot[m] || !long() && rand.IntN(len(hot)) >= hotKillsInCI) {
				continue
			}
			kills++
			if !killAtMoment(t, c, p, m) {
				missed++
			}
			if kills%50 == 0 {
				sweepAll(t, killedNames[:]...)
			}
		}
		t.Logf("%d of %d moments (every %d from %d, and %d near a change); %d were not met again", kills, len(moments), stride, first, len(hot), missed)
		if missed > kills/4 && !p.parks || missed > kills/2 {
			t.Errorf("%d of %d moments were not met when they should be: the call does not do the same each time", missed, kills)
		}
	})
}

// learnMoments steps through a call, several times, because what others do
// meanwhile may make it go other ways. It returns the moments in the order of the
// first run that had them, of a loop only the first rounds; and which are near a
// change of an object's state.
func learnMoments(t *testing.T, c *cast, p *killProof) (moments []moment, hot map[moment]bool) {
	t.Helper()
	const rounds, near = 8, 6
	runs := 1
	if long() {
		runs = 3
	}
	known := make(map[moment]bool)
	hot = make(map[moment]bool)
	for range runs {
		run, changes := stepThrough(t, c, p)
		for _, m := range run {
			if !known[m] && m.nth <= rounds {
				known[m] = true
				moments = append(moments, m)
			}
		}
		for _, i := range changes {
			for _, m := range run[max(0, i-near):min(len(run), i+near)] {
				hot[m] = known[m]
			}
		}
	}
	return append(moments, moment{endPC, 1}), hot
}

// stepThrough makes a victim execute a call, the library's part of it instruction
// by instruction. changes are the moments just after an object's state has changed.
func stepThrough(t *testing.T, c *cast, p *killProof) (run []moment, changes []int) {
	t.Helper()
	k := c.prepare(t, p)
	thread := k.arm(t)
	if !thread.runTo(moment{beginPC, 1}, endPC, nil) {
		t.Fatal("the call does not begin")
	}
	r := recorder{tracee: thread, times: make(map[uintptr]int)}
	asleep := func() {
		if !k.released {
			r.moments = append(r.moments, sleeping)
		}
		k.release()
	}
	last := k.before
	library := false // the last instruction was the library's
	for at := thread.pc(); at != endPC; at = thread.pc() {
		switch name := runtime.FuncForPC(at).Name(); {
		case ofTheLibrary(at):
			library = true
			if now := k.look(); now != last {
				changes, last = append(changes, len(r.moments)), now
			}
			r.record(at)
		case name == "runtime.morestack_noctxt": // as runtime.morestack, to which it jumps
		case at == morestackPC && library:
			r.forgetBeginning()
			library = false
			if r.again != 0 {
				// A goroutine that is being stepped through is told to make way for
				// others again and again, and what the scheduler does then would be
				// most of the steps.
				thread.setTraps(endPC, r.again)
				thread.run(asleep)
				thread.setTraps()
				continue
			}
		default:
			if library && isEntry(at) && returns(name) {
				thread.setTraps(endPC, thread.returnAddress())
				thread.run(asleep)
				thread.setTraps()
				continue
			}
			library = false
		}
		thread.resume(true, asleep)
	}
	k.end(thread)
	return r.moments, changes
}

// returns says of a function that is not the library's, and that the library has
// called, that it returns without calling the library.
func returns(name string) bool {
	for _, prefix := range []string{"sync.", "slices.", "sort.", "maps.", "iter.", "context.", "runtime.defer", "runtime.call", "runtime.morestack", "runtime.gopanic", "atoll"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// recorder notes the moments of a call.
type recorder struct {
	*tracee
	moments []moment
	times   map[uintptr]int
	// again is where a function begins once more that was interrupted at its
	// first instructions, because its stack is too small or its time is up.
	again uintptr
}

func (r *recorder) record(at uintptr) {
	if r.again != 0 && at != r.again {
		return // the jump back
	}
	r.again = 0
	r.times[at]++
	r.moments = append(r.moments, moment{at, r.times[at]})
}

// forgetBeginning forgets the first instructions of the function that is just
// being interrupted: it will begin again.
func (r *recorder) forgetBeginning() {
	for n := len(r.moments); n > 0; n-- {
		m := r.moments[n-1]
		r.moments = r.moments[:n-1]
		r.times[m.pc]--
		if isEntry(m.pc) {
			r.again = m.pc
			return
		}
	}
}

// arm brings the victim to just before its call.
func (k *killing) arm(t testing.TB) *tracee {
	t.Helper()
	k.victim.Tell("arm %s", k.proof.call)
	var tid int
	if _, err := fmt.Sscanf(k.victim.Line(), "armed %d", &tid); err != nil {
		t.Fatal(err)
	}
	thread := traceThread(t, k.victim.PID(), tid, func() bool { return k.sleeps(tid) })
	k.victim.Tell("go")
	return thread
}

// end kills the victim where it is, and checks the others.
func (k *killing) end(thread *tracee) {
	if !thread.dead {
		k.atDeath, k.exact = k.look(), true
		thread.kill()
	}
	k.victim.Kill()
	k.proof.after(k)
	k.reopens()
}

// killAtMoment kills a victim at a moment of a call, and says whether it came there;
// otherwise it is killed at the end.
func killAtMoment(t *testing.T, c *cast, p *killProof, at moment) bool {
	t.Helper()
	k := c.prepare(t, p)
	thread := k.arm(t)
	asleep := k.release
	if at == sleeping {
		asleep = func() {
			k.atDeath, k.exact = k.look(), true
			thread.kill()
		}
	}
	defer func() {
		if t.Failed() {
			t.Logf("killed at %v", at)
		}
	}()
	met := thread.runTo(at, endPC, asleep)
	k.end(thread)
	return met
}
