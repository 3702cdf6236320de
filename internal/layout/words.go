package layout

// Kind selects the rules of a word.
type Kind uint8

// The kinds of words.
const (
	MutexWord Kind = iota
	SemaphoreWord
	ManualEventWord
	AutoEventWord
	ManualTimerWord
	AutoTimerWord
	Kinds // how many there are
)

// The bits of a word.
const (
	// Mutex: bits 0–29 are the number of the owning member, 0 if it is free.
	// With AbandonedBit the owner is the one who left it without unlocking while
	// its process lived on: the mutex is free, and the next owner is told.
	AbandonedBit = 1 << 30

	// Semaphore: the count.
	MaxCount = 1<<31 - 1

	// Events: bit 0 is the signal.
	SignaledBit = 1

	// Manual-reset event: bits 1–31 are the generation, which moves with every
	// change from reset to set, and with Pulse. A waiter is released by the
	// signal, now or when it began, or by another generation than it began with:
	// so Set followed by Reset releases all who waited.
	generationStep = 2
	generationMask = 1<<32 - generationStep

	// Auto-reset event: grants are what Set gives to those who waited when it
	// came. A Reset leaves them, and who came later cannot take them.
	//
	//	bit 1       crowd: somebody has come to wait in this epoch
	//	bits 2–11   grants of this epoch
	//	bits 12–19  grants of those before
	//	bits 20–31  epoch: moves with a Set that finds a crowd
	crowdBit    = 1 << 1
	grantsShift = 2
	grantStep   = 1 << grantsShift
	grantMax    = 1<<10 - 1
	oldShift    = 12
	oldStep     = 1 << oldShift
	oldMax      = 1<<8 - 1
	epochStep   = 1 << 20
	epochMask   = 1<<32 - epochStep

	// Timer: bit 0 says which of the two settings counts (see Schedule), bits 1–31
	// move with every change.
	settingBit = 1
	changeStep = 2
)

// Sound says whether a state can occur at all, of a semaphore with that limit. A
// state that is not sound was written by nobody who follows the rules.
func (k Kind) Sound(s State, limit uint32) bool {
	if !s.soundGate() {
		return false
	}
	switch w := s.Word(); k {
	case MutexWord:
		return w&(1<<31) == 0 && (w&OwnerMask != 0 || w&AbandonedBit == 0)
	case SemaphoreWord:
		return w <= limit
	default: // any word will do
		return true
	}
}

// IsTimer says whether the object's state is in its settings, too.
func (k Kind) IsTimer() bool { return k == ManualTimerWord || k == AutoTimerWord }

// Verdict is what Take says.
type Verdict uint8

// The verdicts.
const (
	Blocked   Verdict = iota // it cannot be had now
	Taken                    // it can: store next
	Inherited                // as Taken, but the one who had it before left without unlocking
)

// Claim is a wait for one object: by whom, and since when.
type Claim struct {
	Kind  Kind
	Me    uint32 // the waiter's member number
	Start uint32 // the word when the wait began
	// Now: the wait needs the object signaled at this instant, because it needs
	// others at the same instant. What released those who waited then, and is
	// over, does not count.
	Now bool
}

// Take says whether a waiter can have the object in this state of its word, and
// what the word is afterwards. Timers have Schedule.Signaled instead.
func (c Claim) Take(word uint32) (next uint32, v Verdict) {
	switch c.Kind {
	case MutexWord:
		switch {
		case word&OwnerMask == 0:
			return c.Me, Taken
		case word&AbandonedBit != 0:
			return c.Me, Inherited
		}
	case SemaphoreWord:
		if word > 0 {
			return word - 1, Taken
		}
	case ManualEventWord:
		// Signaled when the wait began is enough: a Set that came since may have
		// found it signaled, and moved nothing, before a Reset.
		if word&SignaledBit != 0 || !c.Now && (c.Start&SignaledBit != 0 || (word^c.Start)&generationMask != 0) {
			return word, Taken
		}
	case AutoEventWord:
		return c.takeAuto(word)
	default: // a timer's word does not tell
	}
	return word, Blocked
}

// TakeNow is Take for a claim that begins with this word and needs the object now, of
// an object whose gate is open; false also if the word cannot be, or tells of somebody
// who left the object locked. limit is a semaphore's.
func (k Kind) TakeNow(word, me, limit uint32) (next uint32, there bool) {
	switch k {
	case SemaphoreWord:
		return word - 1, word != 0 && word <= limit
	case MutexWord:
		return me, word == 0
	case ManualEventWord:
		return word, word&SignaledBit != 0
	case AutoEventWord:
		next, v := Claim{Kind: k, Start: word, Now: true}.takeAuto(word)
		return next, v == Taken
	default: // a timer's word does not tell
		return 0, false
	}
}

func grants(word uint32) uint32    { return word >> grantsShift & grantMax }
func oldGrants(word uint32) uint32 { return word >> oldShift & oldMax }

// takeAuto takes a grant of one who waited long enough, or else the signal. Grants
// of epochs before go first: who may take one may take one of this epoch, too, but
// others may take no other.
func (c Claim) takeAuto(word uint32) (next uint32, v Verdict) {
	epoch, start := word&epochMask, c.Start&epochMask
	older := !c.Now && start != epoch
	switch {
	case older && start != epoch-epochStep && oldGrants(word) > 0:
		return word - oldStep, Taken // the signal is another permit
	case older && grants(word) > 0:
		word -= grantStep
		if grants(word) == 0 {
			word &^= SignaledBit
		}
		return word, Taken
	case word&SignaledBit != 0:
		// The signal goes to one who came later: one grant less for the others.
		word &^= SignaledBit
		if grants(word) > 0 {
			word -= grantStep
		}
		return word, Taken
	}
	return word, Blocked
}

// TakeOver is the word of a mutex whose owner is known to be dead, once the waiter
// has it.
func (c Claim) TakeOver() (next uint32) { return c.Me }

// Owner returns who owns the mutex and must be alive for a waiter to wait; 0 if
// there is no such process.
func (k Kind) Owner(word uint32) uint32 {
	if k == MutexWord && word&AbandonedBit == 0 {
		return word & OwnerMask
	}
	return 0
}

// Signaled says whether a wait that begins now for an object that is no timer
// would be released at once; for people.
func (k Kind) Signaled(word uint32) bool {
	_, v := Claim{Kind: k, Start: word, Now: true}.Take(word)
	return v != Blocked
}

// Join is a state once somebody has come to wait.
func (k Kind) Join(s State) State {
	if k == AutoEventWord {
		return s | crowdBit
	}
	return s
}

// Part is a state once nobody waits any more.
func (k Kind) Part(s State) State {
	if k == AutoEventWord {
		return s.With(s.Word() & (epochMask | crowdBit | SignaledBit))
	}
	return s
}

// Register is a state with an open gate once member me sleeps, too.
func (k Kind) Register(s State, me uint32) State {
	switch s.Gate() {
	case 0, oneBit | me:
		return k.Join(MakeState(s.Word(), oneBit|me))
	}
	return k.Join(MakeState(s.Word(), Many))
}

// Change is what a call makes of a word.
type Change func(word uint32) (next uint32)

// Unlocked is the word of a mutex after its owner unlocked it.
func Unlocked(uint32) uint32 { return 0 }

// Abandon is the word of a mutex after its owner left it without unlocking.
func Abandon(word uint32) uint32 { return word | AbandonedBit }

// SetManual is the word of a manual-reset event after Set.
func SetManual(word uint32) uint32 {
	if word&SignaledBit != 0 {
		return word
	}
	return word + generationStep | SignaledBit
}

// PulseManual is the word of a manual-reset event after Pulse.
func PulseManual(word uint32) uint32 { return (word + generationStep) &^ SignaledBit }

// SetAuto is the word of an auto-reset event after Set. A Set that finds no crowd
// may come while those whom the last one woke are still on their way: so it adds a
// grant to theirs. Where nobody waits there is nobody to grant anything to, and
// what nobody took is for nobody.
func SetAuto(word uint32, waiting bool) uint32 {
	if !waiting {
		return word&(epochMask|crowdBit) | SignaledBit
	}
	if word&crowdBit != 0 {
		old := min(grants(word)+oldGrants(word), oldMax)
		return (word+epochStep)&epochMask | old<<oldShift | grantStep | SignaledBit
	}
	if grants(word) < grantMax {
		word += grantStep
	}
	return word | SignaledBit
}

// PulseAuto is the word of an auto-reset event after Pulse.
func PulseAuto(word uint32, waiting bool) uint32 {
	return SetAuto(word, waiting) &^ SignaledBit
}

// ResetEvent is the word of an event after Reset, of either kind.
func ResetEvent(word uint32) uint32 { return word &^ SignaledBit }

// NewEvent is the word of an event that nobody has used.
func NewEvent(signaled bool) uint32 {
	if signaled {
		return SignaledBit
	}
	return 0
}
