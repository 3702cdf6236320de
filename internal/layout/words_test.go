package layout

import (
	"math"
	"math/big"
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

func TestTakeSemaphore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := words(t, "word")
		next, v := Claim{Kind: SemaphoreWord, Me: member(t), Start: words(t, "start"), Now: rapid.Bool().Draw(t, "now")}.Take(word)
		if (v == Taken) != (word > 0) || v == Inherited || v == Taken && next != word-1 || v == Blocked && next != word {
			t.Fatalf("%d became %d, verdict %d", word, next, v)
		}
		if SemaphoreWord.Owner(word) != 0 || SemaphoreWord.Signaled(word) != (word > 0) {
			t.Fatal("owner or signal")
		}
	})
}

// moment draws a time or a duration: any, and often one at an edge.
func moment(t *rapid.T, label string) int64 {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000), rapid.SampledFrom([]int64{
		math.MinInt64, math.MinInt64 + 1, math.MaxInt64, math.MaxInt64 - 1, 1 << 62, -1 << 62,
	})).Draw(t, label)
}

func schedule(t *rapid.T) Schedule {
	return Schedule{Due: moment(t, "due"), Period: moment(t, "period"), Flags: TimerFlags(rapid.Int64Range(0, 15).Draw(t, "flags"))}
}

// sum is an exact sum.
func sum(terms ...int64) *big.Int {
	total := new(big.Int)
	for _, n := range terms {
		total.Add(total, big.NewInt(n))
	}
	return total
}

// TestConsumed: the next time is the next multiple after now, or there is none.
func TestConsumed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := schedule(t), moment(t, "now")
		if !s.Sound() {
			return
		}
		c := s.Consumed(now)
		if c.Period != s.Period || c.Has(TimerLatched) || c.Has(TimerWall) != s.Has(TimerWall) || !c.Sound() {
			t.Fatalf("%+v became %+v", s, c)
		}
		if c.Signaled(now) {
			t.Fatalf("%+v, consumed at %d, is signaled still: %+v", s, now, c)
		}
		if !s.Has(TimerActive) || s.Due > now {
			if c.Due != s.Due || c.Has(TimerActive) != s.Has(TimerActive) {
				t.Fatalf("%+v, which was not due, became %+v", s, c)
			}
			return
		}
		if s.Period == 0 {
			if c.Has(TimerActive) {
				t.Fatalf("%+v was due once and is active: %+v", s, c)
			}
			return
		}
		// due + k * period, the least above now.
		passed := new(big.Int).Sub(sum(now), sum(s.Due))
		k := new(big.Int).Add(new(big.Int).Div(passed, sum(s.Period)), sum(1))
		next := new(big.Int).Add(sum(s.Due), k.Mul(k, sum(s.Period)))
		switch {
		case next.Cmp(sum(math.MaxInt64)) > 0:
			if c.Has(TimerActive) {
				t.Fatalf("%+v at %d is due again at %v, which no clock can say: %+v", s, now, next, c)
			}
		case !c.Has(TimerActive) || sum(c.Due).Cmp(next) != 0:
			t.Fatalf("%+v at %d is due again at %v, not %+v", s, now, next, c)
		}
	})
}

// TestLeft: it is the exact time, or the longest there is, and 0 exactly if the
// timer is signaled.
func TestLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := schedule(t), moment(t, "now")
		left, never := s.Left(now)
		switch want := new(big.Int).Sub(sum(s.Due), sum(now)); {
		case never != !s.Has(TimerActive), never && left != 0:
			t.Fatalf("%+v: %d, never %v", s, left, never)
		case never:
		case s.Signaled(now):
			if left != 0 {
				t.Fatalf("%+v is signaled at %d, and has %d left", s, now, left)
			}
		case want.Cmp(sum(math.MaxInt64)) > 0:
			if left != math.MaxInt64 {
				t.Fatalf("%+v at %d: %d, want the longest", s, now, left)
			}
		case sum(left).Cmp(want) != 0 || left <= 0:
			t.Fatalf("%+v at %d: %d, want %v", s, now, left, want)
		}
	})
}

// TestCancelled: it is inactive for good, and as signaled as it was.
func TestCancelled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now, later := schedule(t), moment(t, "now"), moment(t, "later")
		c := s.Cancelled(now)
		if c.Has(TimerActive) || c.Signaled(later) != s.Signaled(now) || c.Cancelled(later) != c {
			t.Fatalf("%+v cancelled at %d is %+v", s, now, c)
		}
		if _, never := c.Left(later); !never {
			t.Fatalf("%+v becomes signaled by itself", c)
		}
		if s.Sound() != c.Sound() {
			t.Fatalf("%+v is sound: %v; cancelled: %v", s, s.Sound(), c.Sound())
		}
		if got := c.Consumed(later); got.Signaled(later) {
			t.Fatalf("%+v can be taken twice", c)
		}
	})
}

func TestDueFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, d := moment(t, "now"), moment(t, "d")
		if d < 0 {
			return // nobody asks for it
		}
		want := sum(now, d)
		if end := sum(math.MaxInt64); want.Cmp(end) > 0 {
			want = end
		}
		if got := DueFrom(now, d); sum(got).Cmp(want) != 0 {
			t.Fatalf("%d and %d make %d, want %v", now, d, got, want)
		}
	})
}

// TestTurn: a change makes the other setting count, and the word another for the
// next 2^31 changes.
func TestTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := words(t, "word")
		next := Turn(word)
		p := new(Page)
		if p.Current(next) != p.Other(word) || p.Other(next) != p.Current(word) || p.Current(word) == p.Other(word) {
			t.Fatalf("%#x, then %#x: the same setting", word, next)
		}
		if (next-word)&^settingBit != changeStep && (next^settingBit)-word != changeStep {
			t.Fatalf("%#x, then %#x", word, next)
		}
	})
}

// TestAnyStateAnyKind: no 64 bits whatever make anything panic, for no kind; and
// what is sound stays so, whatever those do who follow the rules.
func TestAnyStateAnyKind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := MakeState(words(t, "word"), rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, oneBit, oneBit | 7, 7, Many, Many | 1, 1<<32 - 1})).Draw(t, "gate"))
		limit := rapid.Uint32Range(0, 1<<32-1).Draw(t, "limit")
		c := Claim{Me: member(t), Start: words(t, "start"), Now: rapid.Bool().Draw(t, "now")}
		for c.Kind = range Kinds + 1 { // and one that is none
			sound := c.Kind.Sound(state, limit)
			_, _, _ = c.Kind.Owner(state.Word()), c.Kind.Signaled(state.Word()), c.Kind.IsTimer()
			next, _ := c.Take(state.Word())
			if sound && !c.Kind.Sound(state.With(next), limit) {
				t.Fatalf("kind %d: %#x was sound, and taken is %#x", c.Kind, uint64(state), next)
			}
			if state.Holder() == 0 {
				r := c.Kind.Register(state, c.Me)
				if sound && !c.Kind.Sound(r, limit) {
					t.Fatalf("kind %d: %#x was sound, registered %#x", c.Kind, uint64(state), uint64(r))
				}
			}
			for i, change := range changesOf(c.Kind) {
				if next := change(state.Word()); sound && !c.Kind.Sound(state.With(next), limit) {
					t.Fatalf("kind %d: %#x was sound, and after change %d is %#x", c.Kind, uint64(state), i, next)
				}
			}
		}
	})
}

func changesOf(k Kind) []Change {
	switch k {
	case MutexWord:
		return []Change{Unlocked}
	case ManualEventWord:
		return []Change{SetManual, PulseManual, ResetEvent}
	case AutoEventWord:
		return []Change{
			ResetEvent,
			func(word uint32) uint32 { return SetAuto(word, true) },
			func(word uint32) uint32 { return SetAuto(word, false) },
			func(word uint32) uint32 { return PulseAuto(word, true) },
		}
	case ManualTimerWord, AutoTimerWord:
		return []Change{Turn}
	default:
		return nil
	}
}

// TestRegister: the gate says who sleeps: nobody, one member, or several. The word
// stays, but for an auto-reset event, which notes that there is a crowd.
func TestRegister(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := Kind(rapid.Uint8Range(0, uint8(Kinds)-1).Draw(t, "kind"))
		var crowd uint32
		if kind == AutoEventWord {
			crowd = crowdBit
		}
		word := words(t, "word") &^ crowd
		members := rapid.SliceOfN(rapid.Uint32Range(1, 3), 0, 4).Draw(t, "members")
		s, seen := MakeState(word, 0), make(map[uint32]bool)
		for _, me := range members {
			s = kind.Register(s, me)
			seen[me] = true
			if again := kind.Register(s, me); again != s || s.Word() != word|crowd {
				t.Fatalf("%#x, registered twice %#x", uint64(s), uint64(again))
			}
		}
		switch {
		case s.Holder() != 0 || !ManualEventWord.Sound(s, 0):
			t.Fatalf("%#x", uint64(s))
		case len(seen) == 0 && (s.Gate() != 0 || s.Sleeper() != 0),
			len(seen) == 1 && s.Sleeper() != members[0],
			len(seen) > 1 && (s.Gate() != Many || s.Sleeper() != 0):
			t.Fatalf("%v sleep: %#x, sleeper %d", members, uint64(s), s.Sleeper())
		}
	})
}
