package layout

// Quick says whether nothing but two steps lies between a state and the one that is
// QuickStep above it: up by a signal that releases nobody, and down by one who takes
// it. So a handle that remembers the lower state signals and takes by one
// compare-and-swap each, and need not look before. limit is a semaphore's.
func (k Kind) Quick(low State, limit uint32) bool {
	word := low.Word()
	switch k {
	case SemaphoreWord:
		return low.Gate() == 0 && word < limit
	case ManualEventWord:
		return low.Gate() == 0 && word&SignaledBit != 0
	case AutoEventWord:
		return low.Gate() == 0 && word&^uint32(epochMask) == 0
	default: // who has it, or when it was due, is more than that
		return false
	}
}

// QuickStep is what a quick signal adds to the state. To a manual-reset event that
// is set it adds nothing, nor does anybody take anything from it.
func (k Kind) QuickStep() State {
	if k == ManualEventWord {
		return 0
	}
	return 1
}
