//go:build linux

package atoll

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/layout"
	"atoll/internal/testkit"
)

// killProof is a call in which a process, the victim, is killed at some place,
// and what must be true for the others after that, wherever it was.
type killProof struct {
	name  string
	ready []string // what the victim does before the call
	apart bool     // the semaphore is in Global, with another decision and another lock
	// others says what others do before the victim makes the call; it may be nil.
	others func(k *killing)
	call   string
	// parks: the call parks its goroutine, and what it does then depends on others.
	parks bool
	// goOn lets a victim go on that sleeps in the call; nil if it never sleeps.
	goOn func(k *killing)
	// after checks the others, and leaves the objects as it found them.
	after func(k *killing)
}

// killing is one kill.
type killing struct {
	t      *testing.T
	proof  *killProof
	cast   *cast
	victim *testkit.Child
	number uint32 // the victim's, as member
	member []byte // its member file
	// The same in Global, if the proof has an object there.
	global       uint32
	globalMember []byte
	// third is another process that others started.
	third    *testkit.Child
	released bool // goOn was called
	before   objectStates
	// atDeath are the states at the moment of the kill. They are exact only if
	// the victim was stopped then: others may have changed them since.
	atDeath objectStates
	exact   bool
}

// cast is who lives on: two processes, and this one, which holds the objects, too.
// They have no tick to speak of, so that a lost wake-up is lost for good. Where
// the tick is what helps by design, after a kill inside the gate, the test does
// what the next process would do that wants the gate.
type cast struct {
	a, b         *testkit.Child
	mutex        *Mutex
	auto, manual *Event
	semaphore    *Semaphore
	timer        *Timer
	files        [killedNumber][]byte // of the objects
}

func newCast(t *testing.T, p *killProof) *cast {
	t.Helper()
	h := newHand()
	t.Cleanup(func() { must(t, h.closeAll()) })
	objects := p.objects()
	for _, call := range objects {
		_, err := h.do(call)
		must(t, err)
	}
	_, semaphore, _ := strings.Cut(objects[theSemaphore], " ")
	c := &cast{mutex: h.mutexes["m"], auto: h.events["e"], manual: h.events["f"], semaphore: h.semaphores[semaphore], timer: h.timers["t"]}
	for i, name := range killedNames {
		path := localFile(name)
		if p.apart && i == theSemaphore {
			path = globalFile(name)
		}
		c.files[i] = mapFile(t, path, layout.StateMapSize)
		t.Cleanup(func() { must(t, unix.Munmap(c.files[i])) })
	}
	c.a, c.b = startHand(t, objects...), startHand(t, objects...)
	return c
}

// objects are the calls that open what the proof is about.
func (p *killProof) objects() []string {
	if p.apart {
		return killedApart
	}
	return killedObjects
}

// prepare starts a victim and brings everybody to where the call begins.
func (c *cast) prepare(t *testing.T, p *killProof) *killing {
	t.Helper()
	k := &killing{t: t, proof: p, cast: c}
	k.victim = startHand(t, p.objects()...)
	k.number, k.member = k.mapMember(localFile("."))
	if p.apart {
		k.global, k.globalMember = k.mapMember(globalFile("."))
	}
	for _, call := range p.ready {
		ask(t, k.victim, call)
	}
	if p.others != nil {
		p.others(k)
	}
	k.before = k.look()
	return k
}

// mapMember is the victim's number among the members of a directory, and its file there.
func (k *killing) mapMember(dir string) (number uint32, file []byte) {
	k.t.Helper()
	number, path := memberNumber(k.t, k.victim, dir)
	file = mapFile(k.t, path, layout.MemberSize)
	k.t.Cleanup(func() { must(k.t, unix.Munmap(file)) })
	return number, file
}

// release lets a victim go on that sleeps in the call.
func (k *killing) release() {
	if k.released {
		return // it has just not noticed
	}
	k.released = true
	if k.proof.goOn != nil {
		k.proof.goOn(k)
	}
	// A call that sleeps for nobody may sleep for a moment all the same: Go's
	// scheduler has its own locks. Nothing but time ends that.
}

// owned says whether the victim died owning the mutex.
func (k *killing) owned() bool {
	return k.taken(theMutex)
}

// wasSet says whether the victim's Set had happened when it died.
func (k *killing) wasSet(object int) bool {
	const crowd = 1 << 1 // of an auto-reset event: a sleeper has come, no Set
	return (k.before.of[object].Word()^k.atDeath.of[object].Word())&^crowd != 0
}

// first waits until one of the two has returned from a call, and returns it, the
// other, and what it said.
func (k *killing) first(call string) (one, other *testkit.Child, said string) {
	k.t.Helper()
	one, other = k.cast.a, k.cast.b
	until(k.t, "nobody returns from "+call, func() bool {
		if k.cast.b.Pending() {
			one, other = k.cast.b, k.cast.a
		}
		return one.Pending()
	})
	return one, other, one.Line()
}

// locked checks what the next owner of the mutex said: whether it was told that
// the mutex was abandoned, and by whom. by is nil if nobody abandoned it.
func (k *killing) locked(said string, by *testkit.Child) {
	k.t.Helper()
	want := "lock m"
	if by != nil {
		want = abandonedBy(want, by)
	}
	if said != want {
		k.t.Fatalf("the next owner said %q, want %q (state at the kill %#x, victim %#x)", said, want, k.atDeath.of[theMutex].State, k.number)
	}
}

// abandoner is who abandoned the mutex: the victim if it died owning it.
func (k *killing) abandoner() *testkit.Child {
	if k.owned() {
		return k.victim
	}
	return nil
}

// mutexGoesOn checks a mutex that nobody waits for: the next owner is told who
// abandoned it, and is the only one; the second next is told nothing.
func (k *killing) mutexGoesOn(by *testkit.Child) {
	k.t.Helper()
	a, b := k.cast.a, k.cast.b
	b.Tell("lock m")
	k.locked(b.Line(), by)
	a.Tell("trylock m")
	a.Expect("trylock m false")
	ask(k.t, b, "unlock m")
	ask(k.t, a, "lock m")
	ask(k.t, a, "unlock m")
}

// mutexIsHandedOver checks a mutex that both of the others wait for.
func (k *killing) mutexIsHandedOver() {
	k.t.Helper()
	one, other, said := k.first("lock m")
	if !k.exact && said == abandonedBy("lock m", k.victim) {
		k.atDeath.of[theMutex].settled = k.number // so that is how it was
	} else if !k.exact {
		k.atDeath.of[theMutex].settled = 0
	}
	k.locked(said, k.abandoner())
	if other.Pending() {
		k.t.Fatalf("two owners: the other said %q", other.Line())
	}
	ask(k.t, one, "unlock m")
	other.Expect("lock m")
	ask(k.t, other, "unlock m")
}

// bothAre makes the others make a call in which they sleep.
func bothAre(call string) func(*killing) {
	return func(k *killing) {
		for _, c := range []*testkit.Child{k.cast.a, k.cast.b} {
			c.Tell("%s", call)
		}
		untilAsleep(k.t, k.cast.a, k.cast.b)
	}
}

// autoReleasesOneEach checks an auto-reset event that both of the others wait
// for: every Set, the victim's if it happened, releases one of them.
func (k *killing) autoReleasesOneEach() {
	k.t.Helper()
	happened := k.wasSet(theAuto)
	if happened && k.atDeath.of[theAuto].Holder() != 0 && try(k.t, k.cast.auto) {
		happened = false // this process, which repaired the gate, was the first to come
	}
	if !happened {
		must(k.t, k.cast.auto.Set())
	}
	_, other, said := k.first("wait e")
	if said != "wait e" {
		k.t.Fatal(said)
	}
	must(k.t, k.cast.auto.Set())
	other.Expect("wait e")
	// If one Set had released both, the other's would be left.
	if try(k.t, k.cast.auto) {
		k.t.Fatalf("two were released by one signal (the victim's Set had happened: %v)", happened)
	}
}

// mustTry checks whether an event of this process is signaled.
func (k *killing) mustTry(e *Event, want bool) {
	k.t.Helper()
	if try(k.t, e) != want {
		k.t.Fatalf("signaled is %v, want %v (states at the kill %+v)", !want, want, k.atDeath.of)
	}
}

// manualReleasesBoth checks a manual-reset event that both of the others wait for.
func (k *killing) manualReleasesBoth() {
	k.t.Helper()
	switch {
	case !k.wasSet(theManual):
		must(k.t, k.cast.manual.Set())
	case k.atDeath.of[theManual].Holder() != 0:
		must(k.t, k.cast.manual.Reset()) // wakes nobody by itself
	}
	k.cast.a.Expect("wait f")
	k.cast.b.Expect("wait f")
	must(k.t, k.cast.manual.Reset())
	k.mustTry(k.cast.manual, false)
}

// autoGoesOn checks an auto-reset event for which nobody waits.
func (k *killing) autoGoesOn() {
	k.t.Helper()
	k.mustTry(k.cast.auto, k.atDeath.of[theAuto].settled&layout.SignaledBit != 0)
	k.cast.a.Tell("wait e")
	must(k.t, k.cast.auto.Set())
	k.cast.a.Expect("wait e")
	k.mustTry(k.cast.auto, false)
}

func (k *killing) nameGoesOn(open, name string) {
	k.t.Helper()
	ask(k.t, k.cast.a, open)
	ask(k.t, k.cast.b, open)
	ask(k.t, k.cast.b, "close "+name)
	ask(k.t, k.cast.a, "close "+name)
	sweepAll(k.t, killedNames[:]...)
}

// reopens checks that the objects can be opened again, and are the same.
func (k *killing) reopens() {
	k.t.Helper()
	m, created, err := CreateOrOpenMutex("m", MutexOptions{})
	must(k.t, err)
	defer func() { must(k.t, m.Close()) }()
	ctx, cancel := context.WithTimeout(k.t.Context(), testkit.Hang)
	defer cancel()
	if _, err := m.Lock(ctx); created || err != nil {
		k.t.Fatal(created, err)
	}
	must(k.t, m.Unlock())
}
