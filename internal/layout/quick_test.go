package layout

import (
	"testing"

	"pgregory.net/rapid"
)

// TestQuick: where Quick says yes, the two steps are those of a change and of a take
// that look first.
func TestQuick(t *testing.T) {
	for k := range Kinds {
		found := quickOnes(t, k)
		if is := k == SemaphoreWord || k == AutoEventWord || k == ManualEventWord; is != (found > 0) {
			t.Errorf("kind %d was quick %d times", k, found)
		}
	}
}

// quickOnes checks states of one kind, and says how many of them are quick.
func quickOnes(t *testing.T, k Kind) (found int) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Uint32Range(1, MaxCount).Draw(t, "limit")
		word := rapid.OneOf(rapid.Uint32(), rapid.Uint32Range(0, 8),
			rapid.Map(rapid.Uint32(), func(w uint32) uint32 { return w & epochMask })).Draw(t, "word")
		gate := rapid.SampledFrom([]uint32{0, 0, 0, 7, oneBit | 7, Many}).Draw(t, "gate")
		low := MakeState(word, gate)
		if !k.Quick(low, limit) {
			return
		}
		high := low + k.QuickStep()
		found++
		if gate != 0 || !k.Sound(low, limit) || !k.Sound(high, limit) {
			t.Fatalf("kind %d: %#x to %#x", k, low, high)
		}
		var signal Change
		switch k {
		case SemaphoreWord:
			signal = func(word uint32) uint32 { return word + 1 }
		case AutoEventWord:
			signal = func(word uint32) uint32 { return SetAuto(word, false) }
		case ManualEventWord:
			signal = SetManual
		default:
			t.Fatalf("kind %d has no quick signal", k)
		}
		if next := low.With(signal(low.Word())); next != high {
			t.Fatalf("kind %d: a signal makes %#x of %#x, not %#x", k, next, low, high)
		}
		claim := Claim{Kind: k, Me: 7, Start: high.Word()}
		if next, v := claim.Take(high.Word()); v != Taken || high.With(next) != low {
			t.Fatalf("kind %d: a take makes %#x of %#x, not %#x", k, next, high, low)
		}
	})
	return found
}
