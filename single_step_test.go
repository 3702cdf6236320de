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

// killsInCI is at how many moments of each call CI kills; other ones each time.
const killsInCI = 40

// TestKilledAtEveryInstruction: a process is stepped through a call to learn which
// instructions it executes, and then one process for each of them is killed just
// before it. Wherever that is, the others go on.
func TestKilledAtEveryInstruction(t *testing.T) {
	eachKillProof(t, func(t *testing.T, c *cast, p *killProof) {
		// ptrace obeys only the thread that began.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		moments := learnMoments(t, c, p)
		stride := 1
		if !long() {
			stride = max(1, len(moments)/killsInCI)
		}
		first, kills, missed := rand.IntN(stride), 0, 0
		for i := first; i < len(moments); i += stride {
			kills++
			if !killAtMoment(t, c, p, moments[i]) {
				missed++
			}
			if kills%50 == 0 {
				sweepAll(t, "m", "e", "f")
			}
		}
		t.Logf("%d of %d moments (from %d, every %d); %d were not met again", kills, len(moments), first, stride, missed)
		if missed > kills/10 {
			t.Errorf("%d of %d moments were not met when they should be: the call does not do the same each time", missed, kills)
		}
	})
}

// learnMoments steps through a call, a few times, because what others do meanwhile
// may make it go other ways. It returns the moments in the order of the first run
// that had them. Of a loop it returns the first rounds.
func learnMoments(t *testing.T, c *cast, p *killProof) (moments []moment) {
	t.Helper()
	const rounds = 8
	known := make(map[moment]bool)
	for range 2 {
		for _, m := range stepThrough(t, c, p) {
			if !known[m] && m.nth <= rounds {
				known[m] = true
				moments = append(moments, m)
			}
		}
	}
	return append(moments, moment{endPC, 1})
}

// stepThrough makes a victim execute a call, the library's part of it instruction
// by instruction.
func stepThrough(t *testing.T, c *cast, p *killProof) []moment {
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
	for at := thread.pc(); at != endPC; at = thread.pc() {
		if ofTheLibrary(at) {
			r.record(at)
			thread.step(asleep)
		} else {
			r.skip(at, asleep)
		}
	}
	k.end(thread)
	return r.moments
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
