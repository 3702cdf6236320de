package layout

import (
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// words draws a word: any bits at all, or one that programs make.
func words(t *rapid.T, label string) uint32 {
	return rapid.OneOf(
		rapid.Uint32(),
		rapid.SampledFrom([]uint32{
			0, 1, 2, 3, AbandonedBit, AbandonedBit | 7,
			OwnerMask, generationMask, generationMask | SignaledBit, 1<<32 - 1,
		}),
	).Draw(t, label)
}

// member draws the number of one.
func member(t *rapid.T) uint32 { return rapid.Uint32Range(1, OwnerMask).Draw(t, "me") }

func TestTakeMutex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word, me := words(t, "word"), member(t)
		next, v := Claim{Kind: MutexWord, Me: me, Start: words(t, "start")}.Take(word)
		owner := word & OwnerMask
		var want Verdict
		switch {
		case owner == 0:
			want = Taken
		case word&AbandonedBit != 0:
			want = Inherited
		default:
			want = Blocked
		}
		if v != want {
			t.Fatalf("%#x: verdict %d, want %d", word, v, want)
		}
		if v == Blocked && next != word {
			t.Fatalf("blocked, but %#x became %#x", word, next)
		}
		if v != Blocked && (MutexWord.Owner(next) != me || next != me || !MutexWord.Sound(State(next), 0)) {
			t.Fatalf("%#x became %#x, not mine (%#x)", word, next, me)
		}
	})
}

func TestTakeOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		me := member(t)
		if next := (Claim{Kind: MutexWord, Me: me}).TakeOver(); next != me {
			t.Fatalf("%#x took over, and left %#x", me, next)
		}
	})
}

// A life of a mutex's word: whatever happens in whatever order, it is sound, has
// one owner or none, and who takes it after Abandon is told.
func TestMutexLife(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var word, owner uint32
		abandoned := false
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			me := member(t)
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				next, v := Claim{Kind: MutexWord, Me: me}.Take(word)
				if got := v != Blocked; got != (owner == 0) || (v == Inherited) != (owner == 0 && abandoned) {
					t.Fatalf("word %#x of owner %#x, abandoned %v: verdict %d", word, owner, abandoned, v)
				}
				if v != Blocked {
					word, owner, abandoned = next, me, false
				}
			case 1:
				if owner != 0 {
					word, owner, abandoned = Unlocked(word), 0, false
				}
			case 2:
				if owner != 0 {
					word, owner, abandoned = Abandon(word), 0, true
				}
			}
			if !MutexWord.Sound(State(word), 0) || MutexWord.Owner(word) != owner {
				t.Fatalf("word %#x, owner %#x", word, owner)
			}
		}
	})
}

func TestTakeManualEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word, start, me := words(t, "word"), words(t, "start"), member(t)
		next, v := Claim{Kind: ManualEventWord, Me: me, Start: start}.Take(word)
		released := (word|start)&SignaledBit != 0 || (word^start)&generationMask != 0
		if (v == Taken) != released || v == Inherited || next != word {
			t.Fatalf("%#x since %#x became %#x, verdict %d", word, start, next, v)
		}
		_, v = Claim{Kind: ManualEventWord, Me: me, Start: start, Now: true}.Take(word)
		if (v == Taken) != (word&SignaledBit != 0) || ManualEventWord.Signaled(word) != (v == Taken) {
			t.Fatalf("%#x since %#x, now: verdict %d", word, start, v)
		}
		if AutoEventWord.Owner(word) != 0 || ManualEventWord.Owner(word) != 0 {
			t.Fatal("an event has no owner")
		}
	})
}

func TestSetAndResetManualEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := words(t, "word")
		set := SetManual(word)
		switch {
		case set&SignaledBit == 0:
			t.Fatalf("%#x set is %#x", word, set)
		case SetManual(set) != set:
			t.Fatalf("set twice: %#x, %#x", set, SetManual(set))
		case word&SignaledBit != 0 && set != word:
			t.Fatalf("%#x was set already and became %#x", word, set)
		case word&SignaledBit == 0 && (set-word)&generationMask != generationStep:
			t.Fatalf("%#x set is %#x: the generation did not move by one", word, set)
		}
		reset := ResetEvent(set)
		if reset != set&^SignaledBit || ResetEvent(reset) != reset {
			t.Fatalf("%#x reset is %#x", set, reset)
		}
		pulsed := PulseManual(word)
		// Who waited before is released by Set then Reset, and by Pulse; who comes
		// after is not.
		for _, after := range []uint32{reset, pulsed} {
			if _, v := (Claim{Kind: ManualEventWord, Start: word}).Take(after); v != Taken {
				t.Fatalf("one who waited since %#x is not released by %#x", word, after)
			}
			if _, v := (Claim{Kind: ManualEventWord, Start: after}).Take(after); v != Blocked {
				t.Fatalf("one who came after the reset is released by %#x", after)
			}
		}
	})
}

// The generation comes round after 2^31 sets, not sooner, and never touches
// another bit.
func TestGenerationWraps(t *testing.T) {
	if next := SetManual(generationMask); next != SignaledBit {
		t.Errorf("after the last generation: %#x", next)
	}
}

// Sound accepts any bits, and everything that Atoll itself writes.
func TestSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := State(rapid.Uint64().Draw(t, "state"))
		limit := rapid.Uint32Range(1, MaxCount).Draw(t, "limit")
		for k := range Kinds {
			if sound := k.Sound(s, limit); sound && s.Holder() == 0 && s.Gate() != 0 && s.Gate() != Many && s.Sleeper() == 0 {
				t.Fatalf("%#x: the gate says nothing", uint64(s))
			}
		}
	})
	for _, c := range []struct {
		k    Kind
		s    State
		want bool
	}{
		{MutexWord, 0, true},
		{MutexWord, MakeState(7, 0), true},
		{MutexWord, MakeState(7, 9), true},
		{MutexWord, MakeState(7, Many), true},
		{MutexWord, MakeState(7, Many|1), true},
		{MutexWord, MakeState(7, Many|oneBit|1), true},
		{MutexWord, MakeState(7, Many|oneBit), false},
		{MutexWord, MakeState(7, oneBit|9), true},
		{MutexWord, MakeState(7, oneBit), false},
		{MutexWord, MakeState(1<<31|7, 0), false},
		{MutexWord, MakeState(AbandonedBit|7, OwnerMask), true},
		{MutexWord, MakeState(AbandonedBit, 0), false},
		{SemaphoreWord, MakeState(5, 0), true},
		{SemaphoreWord, MakeState(6, 0), false},
		{ManualEventWord, MakeState(NewEvent(true), 0), true},
		{AutoEventWord, MakeState(NewEvent(true), 0), true},
		{AutoEventWord, MakeState(SignaledBit, 0), true},
		{AutoEventWord, MakeState(NewEvent(false), 1<<31), true},
		{AutoTimerWord, MakeState(1<<32-1, 0), true},
	} {
		if got := c.k.Sound(c.s, 5); got != c.want {
			t.Errorf("kind %d, %#x: sound is %v", c.k, uint64(c.s), got)
		}
	}
}

// TakeNow says what Sound and Take do.
func TestTakeNow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word, limit := rapid.OneOf(rapid.Uint32(), rapid.Uint32Range(0, 8)).Draw(t, "word"), rapid.Uint32Range(1, MaxCount).Draw(t, "limit")
		for k := MutexWord; k <= AutoEventWord; k++ {
			next, v := Claim{Kind: k, Me: 5, Start: word, Now: true}.Take(word)
			there := v == Taken && k.Sound(MakeState(word, 0), limit)
			if got, ok := k.TakeNow(word, 5, limit); ok != there || ok && got != next {
				t.Fatalf("kind %d, %#x: %#x, %v, want %#x, %v", k, word, got, ok, next, there)
			}
		}
	})
	for _, k := range []Kind{ManualTimerWord, AutoTimerWord} {
		if _, ok := k.TakeNow(1, 5, 1); ok {
			t.Errorf("kind %d, by its word", k)
		}
	}
}

// What the gate says of its holder, and whether somebody who sleeps on it must say so.
func TestGate(t *testing.T) {
	held := MakeState(7, 0).HeldForAll(9)
	for _, c := range []struct {
		s       State
		holder  uint32
		sleeper uint32
		forAll  bool
		marked  State
	}{
		{s: MakeState(7, 0), marked: MakeState(7, 0)},
		{s: MakeState(7, Many), marked: MakeState(7, Many)},
		{s: MakeState(7, oneBit|9), sleeper: 9, marked: MakeState(7, oneBit|9)},
		{s: MakeState(7, 9), holder: 9, marked: MakeState(7, 9)},
		{s: held, holder: 9, forAll: true, marked: MakeState(7, Many|oneBit|9)},
		{s: held.Marked(), holder: 9, forAll: true, marked: held.Marked()},
	} {
		if h, s, a, m := c.s.Holder(), c.s.Sleeper(), c.s.IsForAll(), c.s.Marked(); h != c.holder || s != c.sleeper || a != c.forAll || m != c.marked {
			t.Errorf("%#x: holder %d, sleeper %d, for all %v, marked %#x", uint64(c.s), h, s, a, uint64(m))
		}
	}
}

// Other processes and the kernel see the halves at fixed places.
func TestCellLayout(t *testing.T) {
	var c Cell
	if unsafe.Sizeof(c) != 8 || unsafe.Alignof(c) != 8 {
		t.Errorf("size %d, alignment %d", unsafe.Sizeof(c), unsafe.Alignof(c))
	}
	if !c.CompareAndSwap(0, MakeState(0x11223344, 0x55667788)) || c.CompareAndSwap(0, 1) {
		t.Error("compare and swap")
	}
	if c.GateWord().Load() != 0x55667788 {
		t.Errorf("gate %#x", c.GateWord().Load())
	}
	c.StoreUnderGate(7, 9)
	if s := c.Load(); s.Word() != 7 || s.Gate() != 9 {
		t.Errorf("state %#x", uint64(s))
	}
	if pageSize > StateSize {
		t.Errorf("the state takes %d bytes, and has %d", pageSize, StateSize)
	}
	if StateOffset%64 != 0 || MemberBell%64 != 0 {
		t.Error("what changes must have a cache line of its own")
	}
}

func TestStateInAFile(t *testing.T) {
	h := soundHeaders()["mutex"]
	b := h.Encode()
	PutState(b, MakeState(5, 6))
	if s, ok := GetState(b); !ok || s != MakeState(5, 6) {
		t.Errorf("got %#x, %v", uint64(s), ok)
	}
	if got, err := ParseHeader(b); err != nil || got != h {
		t.Errorf("the state disturbs the header: %+v, %v", got, err)
	}
	if _, ok := GetState(b[:StateOffset+7]); ok {
		t.Error("a state out of too few bytes")
	}
}
