package mutants

// What a test says whose child, or goroutine, sleeps for ever.
const sleepsForEver = "it hangs|nobody says anything|hung and was killed|deadline exceeded"

// mutants are the bugs. Those from which a rule of docs/ARCHITECTURE.md keeps us
// come in its order.
var mutants = []mutant{
	{
		name: "open decides after its own lock",
		edits: []edit{{
			"internal/namespace/object_linux.go", `		alone, err := lockfile.TryExclusive(o.FD, lockfile.Holders)
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
`, `		if got, err := lockfile.TryShared(o.FD, lockfile.Holders); err != nil || !got {
			return errors.Join(err, errAgain)
		}
		check.Point("open.tried")
		held, err := lockfile.Ask(o.FD, lockfile.Holders)
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		alone := false
		if held == lockfile.Nobody {
			alone, _ = lockfile.TryExclusive(o.FD, lockfile.Holders)
		}
`,
		}},
		pkg: "internal/namespace", test: "TestTwoOpenersOfTheDead", points: true, says: `the second has raised the dead`,
	},
	{
		name:  "an open takes the lock of one who removes for life",
		edits: []edit{{"internal/namespace/object_linux.go", "	return held == lockfile.Shared, nil\n", "	return held != lockfile.Nobody, nil\n"}},
		pkg:   "internal/namespace", test: "TestRemoverIsKilled", points: true, says: `the dead was raised`,
	},
	{
		name:  "of two last closers neither removes the name",
		edits: []edit{{"internal/namespace/close_linux.go", "	if err == nil && !last {\n", "	if false {\n"}},
		pkg:   "internal/namespace", test: "TestLastClosersAtOnce", says: `nobody removed`,
	},
	{
		name:  "a name is removed that leads to another file",
		edits: []edit{{"internal/lockfile/file.go", "	if err != nil || !same {\n		return false, err\n	}\n	err = unix.Unlinkat", "	if err != nil && !same {\n		return false, err\n	}\n	err = unix.Unlinkat"}},
		pkg:   "internal/lockfile", test: "TestUnlinkLocked", says: `another file: true, <nil>, want false`,
	},
	{
		name:  "a reader ignores the door",
		edits: []edit{{"internal/namespace/object_linux.go", "	if held != lockfile.Nobody {\n		return errAgain", "	if held == lockfile.Exclusive {\n		return errAgain"}},
		pkg:   "internal/namespace", test: "TestReaderMeetsAnOpenUnderWay", points: true, says: `the reader says .*, and the object lives on`,
	},
	{
		name:  "an open of a file that its owner may only read goes past the door",
		edits: []edit{{"internal/namespace/object_linux.go", " || mode&0o600 != 0o600 }", " }"}},
		pkg:   "internal/namespace", test: "TestReaderMeetsAnOpenOfTheMighty", points: true, says: `the reader says .*, and the object lives on`,
	},
	{
		name:  "an open takes another name for the one that it asked for",
		edits: []edit{{"internal/namespace/object_linux.go", "same && d.Scope != Local", "same && d.Scope > Global && d.Scope != Local"}},
		pkg:   "internal/namespace", test: "TestOpenOfALinkedFile", points: true, says: `of a file that is only y`,
	},
	{
		name:  "newer grants are taken first",
		edits: []edit{{"internal/layout/words.go", "start != epoch-epochStep && oldGrants(word) > 0", "start != epoch-epochStep && oldGrants(word) > 0 && grants(word) == 0"}},
		pkg:   "internal/layout", test: "TestAutoEventEachSetReleasesOne", says: `\d+ Sets released \d+, and \d+ sleep`,
	},
	{
		name:  "the last grant leaves the signal",
		edits: []edit{{"internal/layout/words.go", "		if grants(word) == 0 {\n			word &^= SignaledBit", "		if false {\n			word &^= SignaledBit"}},
		pkg:   "internal/layout", test: "TestAutoEventModel", says: `takes of \d+ signals`,
	},
	{
		name:  "grants of the epoch before are dropped",
		edits: []edit{{"internal/layout/words.go", "min(grants(word)+oldGrants(word), oldMax)", "min(grants(word), oldMax)"}},
		pkg:   "internal/layout", test: "TestAutoEventSlowWaiter", says: `the slow one, since .* is not released`,
	},
	{
		name:  "Set grants nothing to those who wait",
		edits: []edit{{"internal/wait/slot.go", "return s.page.Waiters.Load() != 0", "return s.page.Waiters.Load() == 1<<31"}},
		pkg:   ".", test: "TestStoppedWaiterKeepsItsSet", says: sleepsForEver,
	},
	{
		name:  "generation not moved by Set",
		edits: []edit{{"internal/layout/words.go", "	return word + generationStep | SignaledBit", "	return word | SignaledBit"}},
		pkg:   "internal/layout", test: "TestSetAndResetManualEvent", says: `the generation did not move by one`,
	},
	{
		name:  "the gate says one process, and two sleep",
		edits: []edit{{"internal/layout/words.go", "	case 0, oneBit | me:\n", "	default:\n"}},
		pkg:   "internal/layout", test: "TestRegister", says: `sleep: 0x\w+, sleeper`,
	},
	{
		name:  "abandoned reported twice",
		edits: []edit{{"internal/layout/words.go", "func Unlocked(uint32) uint32 { return 0 }", "func Unlocked(word uint32) uint32 { return word | AbandonedBit }"}},
		pkg:   ".", test: "TestMutexOwnerKilled", says: `abandoned by \d+`,
	},
	{
		name: "wake before the state changes",
		edits: []edit{{"internal/wait/change.go", `	s.cell.StoreUnderGate(word, s.me)
	check.Point("gate.changed")
	s.forgetSince()
	return s.openAndWake()
`, `	err := s.openAndWake()
	time.Sleep(50 * time.Millisecond)
	s.cell.StoreUnderGate(word, 0)
	return err
`}},
		pkg: ".", test: "TestEventProcessesReleasedByEachSignal", says: sleepsForEver,
	},
	{
		name:  "no re-check after registering",
		edits: []edit{{"internal/wait/sleep.go", "	s.announce(next)\n	e.sleepOn(p, &s.wakes, &s.page.Wakes, wakes)", "	s.announce(next)\n	e.sleepOn(p, &s.wakes, &s.page.Wakes, s.page.Wakes.Load())"}},
		pkg:   ".", test: "TestWakeBetweenRegisteringAndSleeping", points: true, says: sleepsForEver,
	},
	{
		name:  "wakes not moved",
		edits: []edit{{"internal/wait/change.go", "	s.page.Wakes.Add(1)\n", ""}},
		pkg:   ".", test: "TestWakeBetweenRegisteringAndSleeping", points: true, says: sleepsForEver,
	},
	{
		name:  "only one process's slot woken",
		edits: []edit{{"internal/futex/futex.go", "uintptr(unsafe.Pointer(word)), opWakeOp, all, all,", "uintptr(unsafe.Pointer(word)), opWakeOp, 1, all,"}},
		pkg:   ".", test: "TestEventFlash", says: sleepsForEver,
	},
	{
		name:  "the gate is opened, and then they are woken",
		edits: []edit{{"internal/wait/change.go", "	err := futex.OpenAndWake(&s.page.Wakes, s.cell.GateWord())\n	check.Point(\"gate.opened\")\n", "	s.cell.GateWord().Store(0)\n	check.Point(\"gate.opened\")\n	err := futex.OpenAndWake(&s.page.Wakes, s.cell.GateWord())\n"}},
		pkg:   ".", test: "TestSetKilledInsideTheGate", points: true, says: sleepsForEver,
	},
	{
		name:  "sleepers bit cleared while somebody sleeps",
		edits: []edit{{"internal/wait/change.go", "		case s.cell.CompareAndSwap(state, state.With(next(state.Word()))):\n", "		case s.cell.CompareAndSwap(state, layout.MakeState(next(state.Word()), 0)):\n"}},
		pkg:   ".", test: "TestEventResetBeforeSet", says: sleepsForEver,
	},
	{
		name:  "a change tells nobody of the own process",
		edits: []edit{{"internal/wait/change.go", "		s.outside.Store(false)\n		s.notify()\n", "		s.outside.Store(false)\n"}},
		pkg:   ".", test: "TestEventAutoResetReleasesOne", says: sleepsForEver,
	},
	{
		name:  "who leaves the queue does not let the next one look",
		edits: []edit{{"internal/wait/slot.go", "	if len(s.queue) > 0 {\n		s.tell()\n", "	if len(s.queue) > 0 {\n"}},
		pkg:   "internal/wait", test: "TestQueueGoesOn", says: sleepsForEver,
	},
	{
		name:  "cancelled waiter that keeps its grant",
		edits: []edit{{"internal/wait/waiter.go", "			if taken || err != nil {\n				return out, err\n			}\n		}\n		if over != nil {", "			if (taken || err != nil) && over == nil {\n				return out, err\n			}\n		}\n		if over != nil {"}},
		pkg:   "internal/wait", test: "TestCancelledWaitsTakeNothing", says: `\d+ were taken`,
	},
	{
		name:  "release that passes the maximum under contention",
		edits: []edit{{"internal/wait/change.go", "				return word, err\n			}\n		}\n		switch {\n		case s.quiet", "				return word, err\n			}\n			allowed = nil\n		}\n		switch {\n		case s.quiet"}},
		pkg:   "internal/wait", test: "TestAllowedIsAskedAgain", says: `the count is 6 of 5`,
	},
	{
		name:  "release refused for what a wait for all has taken",
		edits: []edit{{"internal/wait/change.go", "		if state.Holder() != 0 {\n			// A wait", "		if allowed != nil {\n			if err := allowed(word); err != nil {\n				return word, err\n			}\n		}\n		if state.Holder() != 0 {\n			// A wait"}},
		pkg:   ".", test: "TestWaitAllTakesFromTheFull", points: true, says: `the count is 1 and can be 1 at the most`,
	},
	{
		name:  "timer change that wakes nobody",
		edits: []edit{{"internal/wait/timer.go", "			return s.storeAndOpen(layout.Turn(word))", "			s.cell.StoreUnderGate(layout.Turn(word), 0)\n			return nil"}},
		pkg:   ".", test: "TestTimerReleases", says: sleepsForEver,
	},
	{
		name:  "a periodic timer is never due again",
		edits: []edit{{"internal/layout/timer.go", "uint64(now) + period - since%period", "uint64(now) - since%period"}},
		pkg:   "internal/layout", test: "TestConsumed", says: `is due again at`,
	},
	{
		name:  "takeover before the dead process's lock is gone",
		edits: []edit{{"internal/liveness/peer.go", "	case held:\n		return Alive\n", "	case held && !p.Rung():\n		return Alive\n"}},
		pkg:   ".", test: "TestMutexOwnerKilledInsidePread", says: `the dead owner wrote over \d+ bytes`,
	},
	{
		name:  "the bell's ring is not passed on",
		edits: []edit{{"internal/wait/gate.go", "	if peer.Rung() {\n		peer.PassOn()", "	if !peer.Rung() {\n		peer.PassOn()"}},
		pkg:   ".", test: "TestDeathReachesEveryMutex", says: sleepsForEver,
	},
	{
		name:  "gate left closed after a repair",
		edits: []edit{{"internal/wait/gate.go", "	return true, s.openAndWake()", "	return true, nil"}},
		pkg:   ".", test: "TestGateOfTheDeadIsRepairedWithoutTick", points: true, says: sleepsForEver,
	},
	{
		name:  "pending values applied without decision",
		edits: []edit{{"internal/wait/gate.go", "		if decided {\n", "		if decided || state.IsForAll() {\n"}},
		pkg:   ".", test: "TestWaitAllKilled", points: true, says: `the wait for all was over: false`,
	},
	{
		name:  "decision ignored by the repairer",
		edits: []edit{{"internal/wait/gate.go", "		if decided {\n", "		if decided && !state.IsForAll() {\n"}},
		pkg:   ".", test: "TestWaitAllKilled", points: true, says: `the previous owner is <nil>; the wait for all was over: true`,
	},
	{
		name:  "a decision that is over counts for a gate that is held for a change",
		edits: []edit{{"internal/wait/gate.go", "	if state.IsForAll() {\n", "	if state.Holder() != 0 {\n"}},
		pkg:   ".", test: "TestWaitAllIsOver", points: true, says: `abandoned by \d+`,
	},
	{
		name:  "a wait for all begins as the one before ended: decided",
		edits: []edit{{"internal/wait/all.go", "	members.Undecided()\n	for i := range parts {", "	for i := range parts {"}},
		pkg:   ".", test: "TestWaitAllBeginsUndecided", points: true, says: `abandoned by|can be had|the previous owner is`,
	},
	{
		name:  "who sleeps on the gate of a wait for all does not mark it",
		edits: []edit{{"internal/wait/gate.go", "	marked := state.Marked()\n", "	marked := state\n"}},
		pkg:   ".", test: "TestWaitAllWakesWhoSleepsOnItsGate", points: true, says: sleepsForEver,
	},
	{
		name:  "a wait for all opens a gate on which somebody sleeps without the kernel",
		edits: []edit{{"internal/wait/all.go", "	return p.slot.cell.CompareAndSwap(p.state.HeldForAll(p.slot.me), layout.MakeState(word, 0))\n", "	return p.slot.cell.CompareAndSwap(p.state.HeldForAll(p.slot.me), layout.MakeState(word, 0)) || p.slot.cell.CompareAndSwap(p.state.HeldForAll(p.slot.me).Marked(), layout.MakeState(word, 0))\n"}},
		pkg:   ".", test: "TestWaitAllWakesWhoSleepsOnItsGate", points: true, says: sleepsForEver,
	},
	{
		name:  "gates closed in the callers' order",
		edits: []edit{{"internal/wait/all.go", "return s.id.Ino < other.id.Ino", "return s.id.Dev < other.id.Dev"}},
		pkg:   ".", test: "TestWaitAllClosesGatesInOneOrder", points: true, says: `the gates that were closed first: \[`,
	},
	{
		name:  "second gate awaited while the first is held",
		edits: []edit{{"internal/wait/all.go", "	for range manyTries {\n		f, ok, err := e.find()\n", "	for range manyTries {\n		for holder := e.slot.cell.Load().Holder(); holder != 0 && holder != e.slot.me; {\n			holder = e.slot.cell.Load().Holder()\n		}\n		f, ok, err := e.find()\n"}},
		pkg:   ".", test: "TestWaitAllAwaitsNoSecondGate", points: true, says: `it waits for the gate of`,
	},
	{
		name:  "a wait for all that backs off leaves gates closed",
		edits: []edit{{"internal/wait/all.go", "		if !ok || err != nil {\n			openAll(closed)\n			return Outcome{}, false, err", "		if !ok || err != nil {\n			return Outcome{}, false, err"}},
		pkg:   ".", test: "TestWaitAllBacksOff", points: true, says: `holds the object's gate, and seems to be stopped`,
	},
	{
		name:  "the second handle of a mutex does not mind an Unlock under way",
		edits: []edit{{"internal/onlinux/mutex.go", "	if a.Pin(a.me) {\n", "	if m.cell.Load().Word() == a.me {\n"}},
		pkg:   "internal/onlinux", test: "TestSoleEndsDuringUnlock", says: `an Unlock that is under way does not notice`,
	},
	{
		name:  "who is woken passes over a timer that is due",
		edits: []edit{{"internal/wait/sleep.go", "pk.verdict == layout.Blocked && !s.kind.IsTimer()", "pk.verdict == layout.Blocked"}},
		pkg:   ".", test: "TestTimerWaiterKilled", says: sleepsForEver,
	},
	{
		name:  "a waiter that gives up takes the pin away",
		edits: []edit{{"internal/wait/slot.go", " && !s.pinned.Load() &&", " &&"}},
		pkg:   "internal/onlinux", test: "TestSoleEndsBesideWaiter", says: `an Unlock that is under way does not notice`,
	},
	{
		name:  "a bell that is given up keeps its ring to itself",
		edits: []edit{{"internal/wait/bell.go", "	passOn(b.peer) // it may have rung for us just then\n", ""}},
		pkg:   "internal/wait", test: "TestBellThatIsGivenUpPassesOn", says: `the other one was not woken`,
	},
	{
		name:  "who passes an object on is no member any more",
		edits: []edit{{"internal/onlinux/pass.go", "	if _, err := h.space.Join(); err != nil {\n		return nil, err\n	}\n", ""}, {"internal/onlinux/pass.go", "	return func() { _ = h.letGo(h.inner.DropHandle) }, nil\n", "	return func() { _ = h.inner.DropHandle() }, nil\n"}},
		pkg:   "internal/onlinux", test: "TestPassingKeepsMembership", says: `it locks as member`,
	},
	{
		name:  "who opens a file does not mind others who are deciding",
		edits: []edit{{"internal/fileuse/use.go", "contested := anybody(fd, u.against(deciding))", "contested := false"}},
		pkg:   "internal/fileuse", test: "TestForeignLocks", says: `error 0, <nil>, want 32`,
	},
	{
		name:  "who cuts a file off does not look again",
		edits: []edit{{"internal/fileuse/section.go", "	defer unlock(fd, bit(cutting))\n	if Alive(fd) != 0 {\n		return errMapped\n	}\n", "	defer unlock(fd, bit(cutting))\n"}},
		pkg:   "internal/fileuse", test: "TestMappingKeeps", says: `it was cut off`,
	},
	{
		name:  "a section says nothing of itself",
		edits: []edit{{"internal/backing/file.go", "			fileuse.Hold(own, kindOf(p))\n", ""}},
		pkg:   "internal/kernel32", test: "TestSectionOfTheOtherFace", says: `opening: <nil>, want 32`,
	},
	{
		name:  "a thread that ends as the owner of a mutex says nothing",
		edits: []edit{{"internal/onlinux/threads.go", "	err := a.give(layout.Abandon)\n", "	err := a.give(layout.Unlocked)\n"}},
		pkg:   "internal/onlinux", test: "TestThreadEndsAsOwner", says: `want it abandoned`,
	},
	{
		name:  "an object that is opened again forgets who waits through a retired handle",
		edits: []edit{{"internal/onlinux/sync.go", "a := lingering(o); a != nil {", "a := lingering(o); a != nil && a.me == 0 {"}},
		pkg:   "internal/onlinux", test: "TestRetiredWaiterIsFoundAgain", says: `its place in the queue as before: not so`,
	},
	{
		name:  "the last handle of a mutex that a thread owns is closed",
		edits: []edit{{"internal/onlinux/threads.go", "	if !a.ownedByThread() || m.Retire() != nil", "	if true || m.Retire() != nil"}},
		pkg:   "internal/onlinux", test: "TestThreadOwnsWithoutHandles", says: `not owned through this handle, want <nil>`,
	},
	{
		name:  "a thread is known by its number alone",
		edits: []edit{{"internal/thread/table.go", "t != nil && !t.end.Ended()", "t != nil"}},
		pkg:   "internal/thread", test: "TestNumberIsGivenAgain", says: `taken for the thread that had the number before`,
	},
	{
		name:  "a thread has ended before what it owned is abandoned",
		edits: []edit{{"internal/thread/thread.go", "	t.finish()\n	<-t.done\n", "	t.finish()\n"}},
		pkg:   "internal/thread", test: "TestAliveComesAfterAbandon", says: `it has ended, and what it owned is not abandoned`,
	},
	{
		name:  "a routine is called although its timer has been set anew",
		edits: []edit{{"internal/routine/routine.go", "	stands := r.stands()\n", "	stands := true\n"}},
		pkg:   "internal/kernel32", test: "TestRoutineIsTakenBack", says: `process, queued true: the routine was called`,
	},
	{
		name:  "a handle's object is given back while a call is inside",
		edits: []edit{{"internal/kernel32/table.go", "	if e.uses.Add(-1) == 0 {\n", "	if e.uses.Add(-1) == 1 {\n"}},
		pkg:   "internal/kernel32", test: "TestCloseWhileInside", says: `retired 1, closed 1`,
	},
	{
		name:  "a duplicate that fails leaves its source, which was to be closed",
		edits: []edit{{"internal/kernel32/handle.go", "	if goes && exchange(source, e, nil) {\n", "	if err == nil && goes && exchange(source, e, nil) {\n"}},
		pkg:   "internal/kernel32", test: "TestDuplicateClosesItsSource", says: `out 0x0, closed 0`,
	},
	{
		name:  "what others could write looks private when they may no longer",
		edits: []edit{{"internal/kernel32/security.go", "		rights.StayGuarded()\n", ""}},
		pkg:   "internal/kernel32", test: "TestSecurityIsNarrowed", says: `D:: mode 0`,
	},
	{
		name:  "a guard takes a fault elsewhere for its view's",
		edits: []edit{{"internal/section/fault.go", "faultAddress(r)); !faulted {\n", "faultAddress(r)); false {\n"}},
		pkg:   "internal/section", test: "TestGuardIsOfItsViewAlone", says: `is not the other view's fault`,
	},
	{
		name:  "a copy that faults forgets what came before",
		edits: []edit{{"internal/section/fault.go", "		if good <= 0 {\n", "		if good <= 0 || part != nil {\n"}},
		pkg:   "internal/section", test: "TestFaultOfATruncatedFile", says: `150 pages are left: read 0`,
	},
}
