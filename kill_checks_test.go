//go:build linux

package atoll

import (
	"context"
	"errors"

	"atoll/internal/layout"
	"atoll/internal/testkit"
)

// What the kill proofs do with objects of every kind.

// signal makes objects signaled.
func (k *killing) signal(objects ...int) {
	k.t.Helper()
	for _, object := range objects {
		switch object {
		case theAuto:
			must(k.t, k.cast.auto.Set())
		case theManual:
			must(k.t, k.cast.manual.Set())
		case theSemaphore:
			_, err := k.cast.semaphore.Release(1)
			must(k.t, err)
		case theTimer:
			must(k.t, k.cast.timer.SetAfter(0, 0))
		}
	}
}

// take takes an object if it is signaled.
func (k *killing) take(object int) bool {
	k.t.Helper()
	var ok bool
	var err error
	switch object {
	case theAuto:
		ok, err = k.cast.auto.TryWait()
	case theSemaphore:
		ok, err = k.cast.semaphore.TryWait()
	case theTimer:
		ok, err = k.cast.timer.TryWait()
	}
	must(k.t, err)
	return ok
}

func (k *killing) mustTake(object int, want bool) {
	k.t.Helper()
	if k.take(object) != want {
		k.t.Fatalf("%s is signaled: %v, want %v (states at the kill %+v)", killedNames[object], !want, want, k.atDeath)
	}
	if want {
		k.mustTake(object, false)
	}
}

// countIs takes as many from the semaphore as it should have.
func (k *killing) countIs(count int) {
	k.t.Helper()
	for range count {
		if !k.take(theSemaphore) {
			k.t.Fatalf("the semaphore has less than %d", count)
		}
	}
	k.mustTake(theSemaphore, false)
}

// bothWait makes the others wait for some objects.
func (k *killing) bothWait(call string, objects ...int) {
	k.t.Helper()
	for _, c := range []*testkit.Child{k.cast.a, k.cast.b} {
		c.Tell("%s", call)
	}
	for _, object := range objects {
		k.waitFor(object)
	}
}

// releasesOneEach checks an object for which both of the others wait: every
// signal, the victim's if it happened, releases one of them.
func (k *killing) releasesOneEach(object int, call string) {
	k.t.Helper()
	now, before := k.atDeath.of[object], k.before.of[object]
	// What the victim gave may have been taken already, but not without a wake.
	happened := now.Word() != before.Word() || now.wakes != before.wakes
	if happened && now.Holder() != 0 && k.take(object) {
		happened = false // this process, which repaired the gate, was the first to come
	}
	if !happened {
		k.signal(object)
	}
	_, other, said := k.first(call)
	if said != call {
		k.t.Fatal(said)
	}
	k.signal(object)
	other.Expect(call)
	k.mustTake(object, false) // if one signal had released both, the other would be left
}

// allWereTakenOrNone checks a wait for all of m, e and s.
func (k *killing) allWereTakenOrNone() {
	k.t.Helper()
	taken := k.allOrNone(theMutex, theAuto, theSemaphore)
	k.mutexGoesOn(k.abandoner())
	k.mustTake(theAuto, !taken)
	k.mustTake(theSemaphore, !taken)
}

// othersTakeAll checks a wait for all of m, e and s when the others wait for the
// same and f: they get them one after another.
func (k *killing) othersTakeAll() {
	k.t.Helper()
	const call = "all m,e,s,f"
	if k.allOrNone(theMutex, theAuto, theSemaphore) {
		k.signal(theAuto, theSemaphore)
	}
	k.signal(theManual)
	one, other, said := k.first(call)
	want := call + " 0"
	if by := k.abandoner(); by != nil {
		want = abandonedBy(want, by)
	}
	if said != want {
		k.t.Fatalf("the first of the others said %q, want %q", said, want)
	}
	ask(k.t, one, "unlock m")
	k.signal(theAuto, theSemaphore)
	other.Expect(call + " 0")
	ask(k.t, other, "unlock m")
	must(k.t, k.cast.manual.Reset())
	k.mustTake(theAuto, false)
	k.mustTake(theSemaphore, false)
	r, err := WaitAll(hasEnded(), k.cast.mutex, k.cast.manual)
	if !errors.Is(err, context.Canceled) || r.Abandoned != nil || layout.MutexWord.Owner(k.look().of[theMutex].settled) != 0 {
		k.t.Fatal("something was taken: ", err)
	}
}
