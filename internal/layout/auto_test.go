package layout

import (
	"testing"

	"pgregory.net/rapid"
)

// An autoModel is an auto-reset event told in the plainest way: the Sets that
// nobody has consumed, each with who waited when it came.
//
// What the word promises of it:
//   - there are never more takes than Sets, and who comes when there is no signal is
//     not released before the next Set;
//   - a Set gives one of those who waited for it the right to be released, which
//     Reset does not take away.
type autoModel struct {
	word    uint32
	set     bool // for newcomers: one signal
	sets    int  // Set and Pulse, all together
	takes   int
	waiters []autoWaiter
}

type autoWaiter struct {
	claim Claim
	owed  int // Sets and Pulses that came while it was registered, and that it has not been released by
}

func (m *autoModel) check(t *rapid.T) {
	if !AutoEventWord.Sound(State(m.word), 0) {
		t.Fatalf("the word %#x is not sound", m.word)
	}
	if m.takes > m.sets {
		t.Fatalf("%d takes of %d signals", m.takes, m.sets)
	}
	if m.set != (m.word&SignaledBit != 0) && m.set {
		t.Fatalf("set, but the word %#x says no", m.word)
	}
}

// come adds a waiter that registers at once, or takes the signal.
func (m *autoModel) come(t *rapid.T) {
	c := Claim{Kind: AutoEventWord, Me: 1, Start: m.word}
	next, v := c.Take(m.word)
	if (v == Taken) != (m.word&SignaledBit != 0) {
		t.Fatalf("one who comes at %#x: verdict %d", m.word, v)
	}
	if v == Taken {
		m.word, m.set = next, false
		m.takes++
		return
	}
	m.register()
	m.waiters = append(m.waiters, autoWaiter{claim: c})
}

// look has one of the waiters look, which registers again if it gets nothing.
func (m *autoModel) look(t *rapid.T, i int) (taken bool) {
	next, v := m.waiters[i].claim.Take(m.word)
	if v == Blocked {
		if next != m.word {
			t.Fatalf("blocked, but %#x became %#x", m.word, next)
		}
		m.register()
		return false
	}
	if m.waiters[i].owed == 0 && m.word&SignaledBit == 0 {
		t.Fatalf("released at %#x, but no Set came since it waits (%#x)", m.word, m.waiters[i].claim.Start)
	}
	m.word = next
	m.set = m.word&SignaledBit != 0
	m.takes++
	m.waiters = append(m.waiters[:i], m.waiters[i+1:]...)
	return true
}

// register is what one does who gets nothing, before it sleeps.
func (m *autoModel) register() { m.word = AutoEventWord.Register(State(m.word), 1).Word() }

// signal is Set, or Pulse.
func (m *autoModel) signal(change func(word uint32, waiting bool) uint32) {
	m.word = change(m.word, len(m.waiters) > 0)
	m.set = m.word&SignaledBit != 0
	m.sets++
	for i := range m.waiters {
		m.waiters[i].owed++
	}
}

// TestAutoEventModel: whatever happens in whatever order, no more are released
// than there were signals, and nobody for whom there was none.
func TestAutoEventModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &autoModel{word: rapid.Uint32Range(0, 1<<12-1).Draw(t, "epoch") * epochStep}
		t.Repeat(map[string]func(*rapid.T){
			"":       m.check,
			"comes":  m.come,
			"set":    func(*rapid.T) { m.signal(SetAuto) },
			"pulse":  func(*rapid.T) { m.signal(PulseAuto) },
			"reset":  func(*rapid.T) { m.word, m.set = ResetEvent(m.word), false },
			"leaves": func(t *rapid.T) { m.leave(t) },
			"looks": func(t *rapid.T) {
				if len(m.waiters) == 0 {
					t.Skip("nobody waits")
				}
				m.look(t, rapid.IntRange(0, len(m.waiters)-1).Draw(t, "who"))
			},
		})
	})
}

// leave takes a waiter out whose time is over.
func (m *autoModel) leave(t *rapid.T) {
	if len(m.waiters) == 0 {
		t.Skip("nobody waits")
	}
	i := rapid.IntRange(0, len(m.waiters)-1).Draw(t, "who")
	if !m.look(t, i) { // once more, so that it leaves no grant behind
		m.waiters = append(m.waiters[:i], m.waiters[i+1:]...)
	}
}

// waitersAt is a word at which n wait, registered.
func waitersAt(t *rapid.T, n int) *autoModel {
	m := &autoModel{word: rapid.Uint32Range(0, 1<<12-1).Draw(t, "epoch") * epochStep}
	for range n {
		m.come(t)
	}
	return m
}

// settle has all look, in any order, until nobody gets anything more.
func (m *autoModel) settle(t *rapid.T) {
	for again := true; again; {
		again = false
		for _, i := range rapid.Permutation(upTo(len(m.waiters))).Draw(t, "order") {
			if i < len(m.waiters) && m.look(t, i) {
				again = true
			}
		}
	}
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// TestAutoEventSetsReleaseAsMany: of n registered waiters, k Sets release k
// if nobody else comes, also with a Reset after them, and whatever some
// of them see in between.
func TestAutoEventSetsReleaseAsMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "waiters")
		k := rapid.IntRange(1, n).Draw(t, "sets")
		change := SetAuto
		if rapid.Bool().Draw(t, "pulse") {
			change = PulseAuto
		}
		hasty := rapid.Bool().Draw(t, "hasty")
		m := waitersAt(t, n)
		for range k {
			m.signal(change)
			for range rapid.IntRange(0, 2).Draw(t, "looks") {
				if hasty && len(m.waiters) > 0 {
					m.look(t, rapid.IntRange(0, len(m.waiters)-1).Draw(t, "who"))
				}
			}
		}
		if rapid.Bool().Draw(t, "reset") {
			m.word, m.set = ResetEvent(m.word), false
		}
		m.settle(t)
		if m.takes != k || len(m.waiters) != n-k {
			t.Fatalf("%d Sets released %d of %d", k, m.takes, n)
		}
	})
}

// TestAutoEventSlowWaiter: one who has not run keeps the grant of a Set that came
// while it waited, however many others come, are signaled and leave meanwhile, with
// Resets or without.
func TestAutoEventSlowWaiter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := waitersAt(t, 1)
		slow := m.waiters[0]
		m.waiters[0].owed = -1 // told apart
		others := rapid.IntRange(0, 20).Draw(t, "others")
		m.signal(SetAuto)
		m.word, m.set = ResetEvent(m.word), false
		for range others {
			m.come(t)
			m.signal(SetAuto)
			m.word, m.set = ResetEvent(m.word), false
			if !m.look(t, len(m.waiters)-1) {
				t.Fatal("another one is not released by its Set")
			}
		}
		if next, v := slow.claim.Take(m.word); v != Taken {
			t.Fatalf("the slow one, since %#x, is not released by %#x (%#x)", slow.claim.Start, m.word, next)
		}
	})
}

// TestAutoEventOldGrantsFirst: one who waited through two Sets takes what only it, of
// the two who wait, may take.
func TestAutoEventOldGrantsFirst(t *testing.T) {
	const from = 7 * epochStep
	first := Claim{Kind: AutoEventWord, Start: from | crowdBit}
	word := ResetEvent(SetAuto(first.Start, true))
	second := Claim{Kind: AutoEventWord, Start: AutoEventWord.Join(State(word)).Word()}
	word = SetAuto(second.Start, true)
	next, v := first.Take(word)
	if v != Taken || next&SignaledBit == 0 || next != word-oldStep {
		t.Fatalf("the first: %#x became %#x, verdict %d; the second Set is another's still", word, next, v)
	}
	last, v := second.Take(next)
	if v != Taken || last != word&epochMask {
		t.Fatalf("the second: %#x became %#x, verdict %d; the signal went with the last grant", next, last, v)
	}
	if next, v := second.Take(ResetEvent(next)); v != Taken || next != last {
		t.Fatalf("the second, after a Reset: %#x, verdict %d", next, v)
	}
}

// TestAutoEventEachSetReleasesOne: whoever registers and looks between the Sets, and
// in whatever order, and whatever is reset: while more wait than Sets are owed to,
// each Set releases one.
func TestAutoEventEachSetReleasesOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := waitersAt(t, rapid.IntRange(1, 4).Draw(t, "waiters"))
		t.Repeat(map[string]func(*rapid.T){
			"":      m.check,
			"comes": m.come,
			"signal": func(t *rapid.T) {
				if m.sets-m.takes >= min(len(m.waiters), oldMax) {
					t.Skip("the Set would be for nobody")
				}
				m.signal(SetAuto)
				if rapid.Bool().Draw(t, "reset") {
					m.word, m.set = ResetEvent(m.word), false
				}
			},
			"looks": func(t *rapid.T) {
				if len(m.waiters) == 0 {
					t.Skip("nobody waits")
				}
				m.look(t, rapid.IntRange(0, len(m.waiters)-1).Draw(t, "who"))
			},
		})
		m.settle(t)
		if m.takes != m.sets {
			t.Fatalf("%d Sets released %d, and %d sleep at %#x", m.sets, m.takes, len(m.waiters), m.word)
		}
	})
}

// TestAutoEventIdempotent: for who comes later, any number of Sets is one signal,
// and after a Reset none.
func TestAutoEventIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &autoModel{word: words(t, "word")}
		if !AutoEventWord.Sound(State(m.word), 0) {
			m.word &^= SignaledBit
		}
		for range rapid.IntRange(1, 300).Draw(t, "sets") {
			if rapid.Bool().Draw(t, "crowd") {
				m.register()
			}
			m.word = SetAuto(m.word, rapid.Bool().Draw(t, "waiting"))
			if m.word&SignaledBit == 0 || !AutoEventWord.Sound(State(m.word), 0) {
				t.Fatalf("set: %#x", m.word)
			}
		}
		reset := ResetEvent(m.word)
		if _, v := (Claim{Kind: AutoEventWord, Start: reset}).Take(reset); v != Blocked {
			t.Fatalf("released after Reset: %#x", reset)
		}
		now := rapid.Bool().Draw(t, "now")
		next, v := (Claim{Kind: AutoEventWord, Start: m.word, Now: now}).Take(m.word)
		if v != Taken || next&SignaledBit != 0 {
			t.Fatalf("the first who comes: %#x became %#x, verdict %d", m.word, next, v)
		}
		if _, v := (Claim{Kind: AutoEventWord, Start: next, Now: now}).Take(next); v != Blocked {
			t.Fatalf("the second who comes: %#x, verdict %d", next, v)
		}
	})
}

// TestTakeAutoAnyWord: on any word at all a take leaves one signal or grant less,
// and a wait that needs the event now takes nothing but the signal.
func TestTakeAutoAnyWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Claim{Kind: AutoEventWord, Start: words(t, "start"), Now: rapid.Bool().Draw(t, "now")}
		word := words(t, "word")
		next, v := c.Take(word)
		switch {
		case v == Inherited, v == Blocked && next != word, v == Taken && next >= word, next&epochMask != word&epochMask:
			t.Fatalf("%#x became %#x, verdict %d", word, next, v)
		case c.Now && (v == Taken) != (word&SignaledBit != 0):
			t.Fatalf("%#x now: verdict %d", word, v)
		case AutoEventWord.Sound(State(word), 0) && !AutoEventWord.Sound(State(next), 0):
			t.Fatalf("%#x was sound, %#x is not", word, next)
		}
	})
}
