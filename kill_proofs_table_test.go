//go:build linux

package atoll

import (
	"testing"

	"atoll/internal/testkit"
)

// killProofs are all the calls in which processes are killed.
var killProofs = []killProof{
	{
		name: "lock", call: "lock m",
		after: func(k *killing) { k.mutexGoesOn(k.abandoner()) },
	},
	{
		name: "lock, asleep", call: "lock m",
		others: func(k *killing) { ask(k.t, k.cast.a, "lock m") },
		goOn:   func(k *killing) { ask(k.t, k.cast.a, "unlock m") },
		after: func(k *killing) {
			if !k.released {
				ask(k.t, k.cast.a, "unlock m")
			}
			k.mutexGoesOn(k.abandoner())
		},
	},
	{
		name: "lock, after an owner that is killed", call: "lock m",
		others: func(k *killing) { k.third = startHand(k.t, "mutex m", "lock m") },
		goOn:   func(k *killing) { k.third.Kill() },
		after: func(k *killing) {
			if !k.released {
				k.third.Kill()
			}
			by := k.abandoner()
			if by == nil {
				by = k.third
			}
			k.mutexGoesOn(by)
		},
	},
	{
		name: "unlock", ready: []string{"lock m"}, call: "unlock m",
		after: func(k *killing) { k.mutexGoesOn(k.abandoner()) },
	},
	{
		name: "unlock, others asleep", ready: []string{"lock m"}, call: "unlock m",
		others: bothAre("lock m"),
		after:  (*killing).mutexIsHandedOver,
	},
	{
		name: "close of the owner", ready: []string{"lock m"}, call: "close m",
		after: func(k *killing) { k.mutexGoesOn(k.victim) },
	},
	{
		name: "close of the owner, others asleep", ready: []string{"lock m"}, call: "close m",
		others: bothAre("lock m"),
		after: func(k *killing) {
			one, other, said := k.first("lock m")
			k.locked(said, k.victim)
			ask(k.t, one, "unlock m")
			other.Expect("lock m")
			ask(k.t, other, "unlock m")
		},
	},
	{
		name: "set auto", call: "set e",
		after: (*killing).autoGoesOn,
	},
	{
		name: "set auto, others asleep", call: "set e",
		others: bothAre("wait e"),
		after:  (*killing).autoReleasesOneEach,
	},
	{
		name: "wait auto", call: "wait e",
		others: func(k *killing) { must(k.t, k.cast.auto.Set()) },
		after:  (*killing).autoGoesOn,
	},
	{
		name: "wait auto, asleep", call: "wait e",
		goOn:  func(k *killing) { must(k.t, k.cast.auto.Set()) },
		after: (*killing).autoGoesOn,
	},
	{
		name: "set manual, others asleep", call: "set f",
		others: bothAre("wait f"),
		after:  (*killing).manualReleasesBoth,
	},
	{
		name: "wait manual, asleep", call: "wait f",
		goOn: func(k *killing) {
			must(k.t, k.cast.manual.Set())
			must(k.t, k.cast.manual.Reset())
		},
		after: func(k *killing) { k.mustTry(k.cast.manual, false) },
	},
	{
		name: "reset manual, others asleep", call: "reset f",
		others: bothAre("wait f"),
		after: func(k *killing) {
			must(k.t, k.cast.manual.Set())
			k.cast.a.Expect("wait f")
			k.cast.b.Expect("wait f")
			must(k.t, k.cast.manual.Reset())
		},
	},
	{
		name: "release", call: "release s",
		after: func(k *killing) { k.countIs(int(k.atDeath.of[theSemaphore].settled)) },
	},
	{
		name: "release, others asleep", call: "release s",
		others: bothAre("take s"),
		after:  func(k *killing) { k.releasesOneEach(theSemaphore, "take s") },
	},
	{
		name: "wait semaphore", call: "take s",
		others: func(k *killing) { k.signal(theSemaphore) },
		after:  func(k *killing) { k.countIs(int(k.atDeath.of[theSemaphore].settled)) },
	},
	{
		name: "wait semaphore, asleep", call: "take s",
		goOn:  func(k *killing) { k.signal(theSemaphore) },
		after: func(k *killing) { k.countIs(int(k.atDeath.of[theSemaphore].settled)) },
	},
	{
		name: "pulse auto, others asleep", call: "pulse e",
		others: bothAre("wait e"),
		after: func(k *killing) {
			if !k.wasSet(theAuto) {
				must(k.t, k.cast.auto.Pulse())
			}
			must(k.t, k.cast.auto.Reset()) // repairs the gate, if need be
			_, other, _ := k.first("wait e")
			other.Silent()
			must(k.t, k.cast.auto.Pulse())
			other.Expect("wait e")
			k.mustTry(k.cast.auto, false)
		},
	},
	{
		name: "pulse manual, others asleep", call: "pulse f",
		others: bothAre("wait f"),
		after:  (*killing).manualReleasesBoth,
	},
	{
		name: "set timer, others asleep", parks: true, call: "fire t",
		others: func(k *killing) { k.bothWait("take t", theTimer) },
		after:  func(k *killing) { k.releasesOneEach(theTimer, "take t") },
	},
	{
		name: "take timer", call: "take t",
		others: func(k *killing) { k.signal(theTimer) },
		after:  func(k *killing) { k.mustTake(theTimer, !k.taken(theTimer)) },
	},
	{
		name: "any, the second", call: "any f,e",
		others: func(k *killing) { k.signal(theAuto) },
		after:  (*killing).autoGoesOn,
	},
	{
		name: "any, asleep", parks: true, call: "any f,e,s",
		goOn:  func(k *killing) { k.signal(theSemaphore) },
		after: func(k *killing) { k.countIs(int(k.atDeath.of[theSemaphore].settled)) },
	},
	{
		name: "all", call: "all m,e,s",
		others: func(k *killing) { k.signal(theAuto, theSemaphore) },
		after:  (*killing).allWereTakenOrNone,
	},
	{
		name: "all, in two directories", apart: true, call: `all m,e,Global\s`,
		others: func(k *killing) { k.signal(theAuto, theSemaphore) },
		after:  (*killing).allWereTakenOrNone,
	},
	{
		name: "all, asleep", parks: true, call: "all m,e,s",
		others: func(k *killing) { k.signal(theAuto) },
		goOn:   func(k *killing) { k.signal(theSemaphore) },
		after: func(k *killing) {
			if !k.released {
				k.signal(theSemaphore)
				k.before, k.atDeath = k.look(), k.look()
			}
			k.before.of[theSemaphore].settled = 1
			k.allWereTakenOrNone()
		},
	},
	{
		name: "all, others asleep", parks: true, call: "all m,e,s",
		others: func(k *killing) {
			k.bothWait("all m,e,s,f", theMutex, theAuto, theSemaphore, theManual)
			k.signal(theAuto, theSemaphore)
		},
		after: (*killing).othersTakeAll,
	},
	{
		name: "create", call: "mutex new",
		after: func(k *killing) { k.nameGoesOn("mutex new", "new") },
	},
	{
		name: "open", call: "mutex old",
		others: func(k *killing) { ask(k.t, k.cast.a, "mutex old") },
		after: func(k *killing) {
			ask(k.t, k.cast.a, "close old")
			k.nameGoesOn("mutex old", "old")
		},
	},
	{
		name: "last close", ready: []string{"manual last"}, call: "close last",
		after: func(k *killing) { k.nameGoesOn("manual last", "last") },
	},
}

// eachKillProof runs a test for each proof, with a cast of its own.
func eachKillProof(t *testing.T, run func(t *testing.T, c *cast, p *killProof)) {
	t.Helper()
	for i := range killProofs {
		t.Run(killProofs[i].name, func(t *testing.T) {
			if killProofs[i].apart {
				testkit.NeedRoot(t)
				t.Cleanup(func() {
					_, err := Sweep(GlobalScope)
					must(t, err)
				})
			}
			c := newCast(t, &killProofs[i])
			run(t, c, &killProofs[i])
			c.a.End()
			c.b.End()
		})
	}
}
