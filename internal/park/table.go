//go:build linux

package park

// table gives the arms in a ring numbers that the kernel hands back, and that are not used
// twice: a slot, and above it how often the slot was used.
type table struct {
	slots []slot
	free  []uint32
}

type slot struct {
	arm      *Arm
	sequence uint32
}

// add gives an arm a slot.
func (t *table) add(a *Arm) uint32 {
	last := len(t.free) - 1
	if last < 0 {
		t.slots = append(t.slots, slot{arm: a})
		return uint32(len(t.slots) - 1)
	}
	i := t.free[last]
	t.free = t.free[:last]
	t.slots[i].arm = a
	return i
}

// name is the number of the arm in a slot.
func (t *table) name(i uint32) uint64 { return uint64(t.slots[i].sequence)<<32 | uint64(i) }

// has says whether an arm is in the slot that it was given last.
func (t *table) has(a *Arm) bool {
	return uint64(a.slot) < uint64(len(t.slots)) && t.slots[a.slot].arm == a
}

// len is how many arms are in the table.
func (t *table) len() int { return len(t.slots) - len(t.free) }

// remove takes out the arm with a name; nil if it is not there.
func (t *table) remove(name uint64) *Arm {
	i := uint32(name)
	if uint64(i) >= uint64(len(t.slots)) || t.name(i) != name || t.slots[i].arm == nil {
		return nil
	}
	s := &t.slots[i]
	a := s.arm
	s.arm = nil
	s.sequence++
	t.free = append(t.free, i)
	return a
}

// all is every arm that is in the table.
func (t *table) all() (arms []*Arm) {
	for i := range t.slots {
		if t.slots[i].arm != nil {
			arms = append(arms, t.slots[i].arm)
		}
	}
	return arms
}
