//go:build linux

package views

import (
	"testing"

	"pgregory.net/rapid"
)

// Pieces say what an array would.
func TestSpans(t *testing.T) {
	const size = 40
	rapid.Check(t, func(t *rapid.T) {
		var s spans[int]
		var model [size]int // 0: nothing
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			from := rapid.UintptrRange(0, size).Draw(t, "from")
			to := rapid.UintptrRange(from, size).Draw(t, "to")
			value := rapid.IntRange(0, 3).Draw(t, "value")
			if value == 0 {
				s.clear(from, to)
			} else {
				s.set(from, to, value)
			}
			for i := from; i < to; i++ {
				model[i] = value
			}
			compareSpans(t, s, model[:])
		}
		from := rapid.UintptrRange(0, size).Draw(t, "within from")
		to := rapid.UintptrRange(from, size).Draw(t, "within to")
		seen := make([]int, size)
		for _, p := range s.within(from, to) {
			for i := p.from; i < p.to; i++ {
				seen[i] = p.value
			}
		}
		for i := range seen {
			if inside := i >= int(from) && i < int(to); inside && seen[i] != model[i] || !inside && seen[i] != 0 {
				t.Fatalf("within %d and %d: at %d there is %d", from, to, i, seen[i])
			}
		}
	})
}

func compareSpans(t *rapid.T, s spans[int], model []int) {
	for i, want := range model {
		p, found := s.at(uintptr(i))
		if found != (want != 0) || p.value != want {
			t.Fatalf("at %d there is %d, want %d: %v", i, p.value, want, s)
		}
	}
	for i, p := range s {
		if p.from >= p.to || i > 0 && (s[i-1].to > p.from || s[i-1].to == p.from && s[i-1].value == p.value) {
			t.Fatalf("no order, or two that should be one: %v", s)
		}
	}
}
