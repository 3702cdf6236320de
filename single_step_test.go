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
)

// killsInCI is at how many moments of each call CI kills, other ones each time,
// besides those near a change of an object's state.
const killsInCI = 16

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
			if i%stride != first && !hot[m] {
				continue
			}
			kills++
			if !killAtMoment(t, c, p, m) {
				missed++
			}
			if kills%50 == 0 {
				sweepAll(t, "m", "e", "f")
			}
		}
		t.Logf("%d of %d moments (every %d from %d, and %d near a change); %d were not met again", kills, len(moments), stride, first, len(hot), missed)
		if missed > kills/10 {
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
	for _, entry := range libraryEntries() {
		thread.setTrap(entry)
	}
	r := recorder{tracee: thread, times: make(map[uintptr]int)}
	asleep := func() {
		r.moments = append(r.moments, sleeping)
		k.release()
	}
	last := k.before
	for at := thread.pc(); at != endPC; at = thread.pc() {
		if ofTheLibrary(at) {
			if now := k.states(); now != last {
				changes, last = append(changes, len(r.moments)), now
			}
			r.record(at)
			thread.step(asleep)
		} else {
			r.skip(at, asleep)
		}
	}
	k.end(thread)
	return r.moments, changes
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

// skip runs through what is not the library's, until that goes on. at is where it
// begins, or goes on after it has called the library.
func (r *recorder) skip(at uintptr, asleep func()) {
	r.t.Helper()
	if isEntry(at) {
		if strings.HasPrefix(runtime.FuncForPC(at).Name(), "runtime.morestack") {
			r.forgetBeginning()
		}
		r.setTrap(r.returnAddress())
	}
	r.setTrap(endPC)
	at = r.run(asleep)
	if !isEntry(at) {
		r.removeTrap(at)
	}
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
	thread := traceThread(t, k.victim.PID(), tid)
	k.victim.Tell("go")
	return thread
}

// end kills the victim where it is, and checks the others.
func (k *killing) end(thread *tracee) {
	if !thread.dead {
		k.atDeath, k.exact = k.states(), true
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
			k.atDeath, k.exact = k.states(), true
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
