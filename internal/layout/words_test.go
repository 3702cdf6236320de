package layout

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

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
