//go:build linux

package wait

import "atoll/internal/layout"

// TakeAny is a wait for any of the targets as far as that goes without a queue: it
// looks, for a while if another processor may be signaling one of them, and takes
// the lowest that is there. false: the caller must wait.
//
// It takes nothing that others of this process wait for.
func TakeAny(targets []Target) (Outcome, bool) {
	spins := true
	for _, t := range targets {
		if t.Slot == nil || t.Slot.writers != nil || t.Slot.kind.IsTimer() {
			return Outcome{}, false
		}
		spins = spins && t.Slot.outside.Load() && !t.Slot.isTaken()
	}
	first := targets[0].Slot
	budget := first.spinBudget()
	var buffer [spinTargets]layout.State
	states := buffer[:min(len(targets), spinTargets)]
	for looked := int32(0); ; {
		for i := range states {
			states[i] = targets[i].Slot.cell.Load()
		}
		out, there, taken := takeLowest(targets)
		if taken {
			if looked > 0 {
				first.spunFor(looked)
			}
			return out, true
		}
		if there {
			continue // another was quicker
		}
		if !spins {
			return out, false
		}
		more, changed := spinOn(targets, states, budget-looked)
		if looked += more; !changed {
			first.spunInVain(budget)
			return out, false
		}
	}
}

// spinTargets is how many targets are spun for; later ones come into it when the
// others have been looked at.
const spinTargets = 64

// spinOn looks at the targets until one of them is not in its state any more, or so
// many times, and says how many times it did.
func spinOn(targets []Target, states []layout.State, most int32) (looked int32, changed bool) {
	weight := int32(1)
	if len(states) > 1 {
		weight = 4 // the pages' first lines are in each other's way in the cache
	}
	for looked < most {
		looked += pause(int32(len(states)) * weight)
		for i, state := range states {
			if targets[i].Slot.cell.Load() != state {
				return looked, true
			}
		}
	}
	return looked, false
}

// isTaken says whether what the object signals is for others of this process.
func (s *Slot) isTaken() bool { return !s.keeps() && s.waiting.Load() > 0 }

// takeLowest takes the lowest target that is there.
func takeLowest(targets []Target) (out Outcome, there, taken bool) {
	i, pk := lowestOf(targets)
	if i < 0 {
		return out, false, false
	}
	// A lower one may have become signaled after we looked there.
	for i > 0 {
		lower, lowerPeek := lowestOf(targets[:i])
		if lower < 0 {
			break
		}
		i, pk = lower, lowerPeek
	}
	out = pk.outcome()
	out.Index = i
	taken, err := targets[i].Slot.take(pk)
	return out, err == nil, taken
}

func lowestOf(targets []Target) (int, peek) {
	for i := range targets {
		s := targets[i].Slot
		p := peek{state: s.cell.Load(), never: true}
		word := p.state.Word()
		p.next, p.verdict = layout.Claim{Kind: s.kind, Me: s.me, Start: word}.Take(word)
		if p.verdict == layout.Blocked || s.isTaken() || !s.kind.Sound(p.state, s.limit) {
			continue
		}
		if s.keeps() || p.state.Holder() == 0 {
			return i, p
		}
	}
	return -1, peek{}
}
