//go:build linux

package park

// wait is an arm that is in a ring or group, and the value that its word has.
type wait struct {
	arm      *Arm
	expected uint32
}

// table gives waits numbers that the kernel hands back, and that are not used
// twice: a slot, and above it how often the slot was used.
type table struct {
	slots []slot
	free  []uint32
}

type slot struct {
	wait
	sequence uint32
}

// add gives a wait a slot.
func (t *table) add(w wait) uint32 {
	last := len(t.free) - 1
	if last < 0 {
		t.slots = append(t.slots, slot{wait: w})
		return uint32(len(t.slots) - 1)
	}
	i := t.free[last]
	t.free = t.free[:last]
	t.slots[i].wait = w
	return i
}

// name is the number of the wait in a slot.
func (t *table) name(i uint32) uint64 { return uint64(t.slots[i].sequence)<<32 | uint64(i) }

// has says whether an arm is in the slot that it was given last.
func (t *table) has(a *Arm) bool { return int(a.slot) < len(t.slots) && t.slots[a.slot].arm == a }

// remove takes out the wait with a name, if it is there.
func (t *table) remove(name uint64) (wait, bool) {
	i := uint32(name)
	if int(i) >= len(t.slots) || t.name(i) != name || t.slots[i].arm == nil {
		return wait{}, false
	}
	s := &t.slots[i]
	w := s.wait
	s.wait = wait{}
	s.sequence++
	t.free = append(t.free, i)
	return w, true
}

// all is every wait that is in the table.
func (t *table) all() (waits []wait) {
	for i := range t.slots {
		if t.slots[i].arm != nil {
			waits = append(waits, t.slots[i].wait)
		}
	}
	return waits
}
