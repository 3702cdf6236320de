/*
 * One state cell: word, gate, sleepers bit, bell, and death at any step.
 *
 * A mutex or an event is one 64-bit cell in shared memory: a 32-bit word, on
 * which sleepers sleep in futex(2), and a 32-bit gate beside it. Taking and
 * releasing is one compare-and-swap on both. This model asks whether anybody
 * can be left asleep, or two can own one mutex, when processes are killed
 * between any two steps.
 *
 * PARTICIPANTS
 *
 *   LOCKER   locks the mutex, writes what it guards, unlocks it or leaves it
 *            abandoned (it closes its last handle while it owns it)
 *   WAITER   waits for the event
 *   SETTER   sets the event, and resets it at once or not
 *   kernel   keeps the sleepers of word, gate and bells; compares before it
 *            lets anybody sleep; rings the bell of who dies; drops its lock
 *   Reaper   kills up to KILLS processes
 *
 * One atomic block is one compare-and-swap or one system call. Arming a wait
 * on two words (futex_waitv) is two steps, as in the kernel: a wake can fall
 * between them.
 *
 * THE CELL
 *
 *   word     mutex: `owner` (a member number, 0: free), `left` (free, but its
 *            last owner left it locked), `sleepers`.
 *            event: `signaled`, `generation`, `sleepers`.
 *   gate     0: open. Otherwise the member who holds it. The word changes by
 *            compare-and-swap with the gate open, or by a plain store by who
 *            holds the gate. Nobody else changes it.
 *
 *   sleepers is set only with the gate open, and cleared only under the gate
 *   just before a wake of all. So when it is clear and the gate is open, all
 *   who sleep on the word have been woken. Who is woken looks again and sets
 *   it again.
 *
 * DEATH has two moments, and a dying process may go on between them: its other
 * threads still run, and a system call under way still writes user data.
 *
 *   the bell rings   the kernel marks the bell word in the dying process's
 *                    member file and wakes ONE of those who watch it
 *   the lock goes    its last thread has left; from here on it does nothing
 *
 * Whoever finds that the bell it watched has rung wakes all others who watch
 * it, whatever it was itself woken by, also when it gives up. Nobody takes
 * anything over before the lock is gone.
 *
 * A kill inside the gate, after the word has changed and before the wake,
 * leaves sleepers asleep. They are found by the tick: now and then a sleeper
 * asks whether the holder of the gate is dead. Here the tick does this and no
 * more, so that nothing else can lean on it, with one exception: when the one
 * process whom a bell woke was killed before it could wake the others (the
 * ring is lost), the tick also finds that the owner, or the holder of the gate
 * whom one waits for, is dead.
 *
 * WHAT IS PROVEN
 *
 *   - Nobody owns the mutex while another writes what it guards, dying or not.
 *   - Each mutex that is left or whose owner dies is reported abandoned by the
 *     next owner and by nobody else: exactly once.
 *   - No wake-up is lost: a sleeper whom nobody will wake leaves only if the
 *     event is not signaled and was not set since it began to wait. Otherwise
 *     it stays, and the search reports an invalid end state.
 *   - Set of a manual-reset event, with Reset at once, releases all who had
 *     begun to wait.
 *   - An auto-reset event is taken at most once for each Set that signaled it.
 *   - With -DLIVENESS, under a weakly fair scheduler, every process ends.
 *
 * WHAT IS ABSTRACTED
 *
 *   Sequential consistency. A load, the decision on it and the
 *   compare-and-swap that would fail if the word had changed are one step. A
 *   process has one waiter (the library keeps one slot per word and process).
 *   Waiting for a lock to go is a wait, not a poll. A waiter behind a rung
 *   bell trusts that the lock goes. Pulse, the auto-reset grant, semaphores,
 *   timers, wait-all, and readers who cannot write the cell are left out.
 */

#if !defined(MUTEX) && !defined(AUTO) && !defined(MANUAL)
#define MUTEX
#endif
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef WAITERS /* events: so many wait, the others set */
#define WAITERS 2
#endif
#ifndef ROUNDS /* locks, or sets, by each process; waiters wait once */
#define ROUNDS 1
#endif
#ifndef KILLS
#define KILLS 2
#endif

#define NOBODY  0
#define OPEN    0
#define bit(p)  (1 << (p)) /* members are 1 to PROCESSES */
#define ALL     (bit(PROCESSES + 1) - 2)

mtype = { locking, unlocking, waiting, setting, resetting };

/* The cell. */
byte owner = NOBODY;
bool left;
bool signaled;
byte generation;
bool sleepers;
byte gate = OPEN;

/* The kernel: who sleeps where (a bit each), and who has been woken. */
byte on_word, on_gate;
byte on_bell[PROCESSES + 1];
byte woken;
byte rung; /* bells that have rung */
byte dead; /* members whose lock is gone */

/* The judge. No process decides by any of this. */
byte writing;      /* between lock and unlock, or dying there */
byte abandoned;    /* left or died as owner, and not yet reported */
byte began;        /* waiters that have begun and not ended */
byte must;         /* manual-reset: of these, for whom a Set came since */
byte sets, taken;  /* auto-reset: times it was signaled, and consumed */
byte hit;          /* woken by a bell and not yet done with its duty */
bool lost_ring;    /* one of these was killed */
byte asleep;       /* sleeps in the kernel */
byte ended;
byte kills;

#define is_dead(p)  (dead & bit(p))
#define has_rung(p) (rung & bit(p))

/* Nothing will happen any more, except to those who sleep. */
#define quiet ((ended | dead | (asleep & ~woken)) == ALL && !(rung & ~dead))

inline judge_owns(reported) {
	assert(!(writing & ~bit(me)));
	assert(abandoned == reported);
	abandoned = 0;
	writing = writing | bit(me)
}

inline wake_word() { woken = woken | on_word; on_word = 0 }
inline wake_gate() { woken = woken | on_gate; on_gate = 0 }

/* A wake of one: the kernel takes anybody who sleeps there. */
inline wake_one(queue) {
	if
	:: queue & bit(1) -> woken = woken | bit(1); queue = queue & ~bit(1)
	:: queue & bit(2) -> woken = woken | bit(2); queue = queue & ~bit(2)
	:: queue & bit(3) -> woken = woken | bit(3); queue = queue & ~bit(3)
	:: queue & bit(4) -> woken = woken | bit(4); queue = queue & ~bit(4)
	:: !queue
	fi
}

/* What a futex call does when it returns: it takes the caller off all queues. */
inline leave_queues() {
	on_word = on_word & ~bit(me);
	on_gate = on_gate & ~bit(me);
	on_bell[watched] = on_bell[watched] & ~bit(me);
	woken = woken & ~bit(me);
	asleep = asleep & ~bit(me)
}

#ifdef MUTEX
#define takeable (owner == NOBODY || left)
#define as_seen  (owner == seen && !left && sleepers == marked)
#else
#ifdef AUTO
#define takeable signaled
#else
#define takeable (signaled || generation != noted)
#endif
#define as_seen  (!signaled && generation == seen && sleepers == marked)
#endif

inline signal() {
	if
	:: !signaled ->
		signaled = true;
#ifndef BREAK_GENERATION_NOT_MOVED
		generation++;
#endif
		sets++
	:: else
	fi;
#ifdef MANUAL
	must = must | began
#endif
	skip
}

/* What unlock, or set, does to the word under the gate. */
inline change_word() {
#ifdef MUTEX
	if
	:: leaving -> left = true; abandoned++
	:: else -> owner = NOBODY
	fi
#else
	signal()
#endif
}

/*
 * `noted` is the generation when the wait began, `seen` and `marked` the word
 * that the futex call compares with, `watched` whose bell is watched.
 */
proctype Process(byte me) {
	byte round, noted, seen, watched;
	bool marked, leaving, done;
#ifdef BREAK_SLEEPERS_CLEARED_BY_WAITER
	bool again_asleep;
#endif
	mtype doing;

	{
	goto next;
next:
	atomic {
		noted = 0; seen = 0; watched = 0; marked = false; leaving = false; done = false;
		if
		:: round == ROUNDS -> ended = ended | bit(me); goto end_of_life
		:: else -> round++
		fi;
#ifdef MUTEX
		doing = locking
#else
		if
		:: me <= WAITERS ->
			doing = waiting; round = ROUNDS;
			noted = generation;
#if defined(MANUAL) && !defined(BREAK_NOTE_THEN_LOOK)
			/* The load that notes the generation also looks. Noted while
			 * the event is signaled, the generation tells nothing: a Set
			 * that finds it signaled does not move it. */
			if
#ifdef BREAK_LOOK_NEEDS_OPEN_GATE
			:: signaled && gate == OPEN -> goto next
#else
			:: signaled -> goto next
#endif
			:: else
			fi;
#endif
			began = began | bit(me)
		:: else -> doing = setting
		fi
#endif
	};

again: /* Look, from the start. Who was woken, refused or late comes here. */
	atomic { /* Take it: one compare-and-swap, with the gate open. */
		if
#ifdef MUTEX
		:: doing == unlocking -> goto slow
#else
		:: doing == setting -> goto set
		:: doing == resetting -> goto reset
#endif
		:: else
		fi;
		if
#if defined(MANUAL) && !defined(BREAK_LOOK_NEEDS_OPEN_GATE)
		/* Nothing to change, so no need of the gate. */
		:: takeable -> began = began & ~bit(me); goto next
		:: gate != OPEN && !takeable -> watched = gate; goto behind_gate
#else
		:: gate != OPEN -> watched = gate; goto behind_gate
#endif
#ifdef MUTEX
		:: gate == OPEN && takeable ->
			judge_owns(left);
			owner = me; left = false;
			goto owned
		:: gate == OPEN && !takeable -> watched = owner
#endif
#ifdef AUTO
		:: gate == OPEN && takeable ->
			signaled = false;
			taken++; assert(taken <= sets);
			began = began & ~bit(me); goto next
		:: gate == OPEN && !takeable
#endif
#ifdef MANUAL
#ifdef BREAK_LOOK_NEEDS_OPEN_GATE
		:: gate == OPEN && takeable -> began = began & ~bit(me); goto next
#endif
		:: gate == OPEN && !takeable
#endif
		fi
	};
#ifdef MUTEX
	/* Is the owner alive? F_OFD_GETLK on its member file. */
	if
#ifdef BREAK_TAKEOVER_AT_BELL
	:: has_rung(watched) ->
#else
	:: is_dead(watched) ->
#endif
		atomic { /* Of those behind a dead owner exactly one succeeds. */
			if
			:: gate == OPEN && owner == watched && !left ->
				judge_owns(1);
				owner = me;
				goto owned
			:: else -> goto again
			fi
		}
	:: else
	fi;
#endif
	atomic { /* Set the sleepers bit, with the gate open. */
		if
#ifdef MUTEX
		:: gate == OPEN && owner == watched && !left ->
			seen = watched;
#else
		:: gate == OPEN && !takeable ->
			seen = generation;
#endif
#ifdef BREAK_SLEEPERS_CLEARED_BY_WAITER
			if
			:: again_asleep
			:: else -> sleepers = true
			fi;
			again_asleep = true;
#else
			sleepers = true;
#endif
			marked = sleepers
		:: else -> goto again
		fi
	};
	atomic { /* futex_waitv: first the word */
		if
#ifndef BREAK_NO_FUTEX_COMPARE
		:: !as_seen -> goto again
		:: as_seen
#else
		:: true
#endif
			->
			on_word = on_word | bit(me);
#ifdef MUTEX
			goto watch
#else
			asleep = asleep | bit(me);
			goto sleep
#endif
		fi
	};

behind_gate:
	/* Is the holder of the gate alive? */
	if
	:: is_dead(watched) -> goto repair
	:: else
	fi;
	atomic { /* futex_waitv: first the gate */
		if
		:: gate == watched -> on_gate = on_gate | bit(me)
		:: else -> goto again
		fi
	};
watch:
	atomic { /* then the bell of whom one waits for */
		if
		:: !has_rung(watched) ->
			on_bell[watched] = on_bell[watched] | bit(me);
			asleep = asleep | bit(me)
		:: else -> leave_queues(); goto heard
		fi
	};
sleep:
	atomic {
		if
		:: woken & bit(me)
#ifndef BREAK_NO_TICK
		:: gate != OPEN && is_dead(gate) && (on_word & bit(me))
#endif
#ifndef BREAK_NO_TICK_AFTER_LOST_RING
		:: lost_ring && gate != OPEN && is_dead(gate)
		:: lost_ring && owner != NOBODY && is_dead(owner)
#endif
#ifdef CANCEL
		/* Only one gives up, so that the others cannot get unstuck by it. */
		:: me == 1 && (doing == locking || doing == waiting) -> done = true
#endif
#ifndef MUTEX
		:: doing == waiting && quiet && !signaled && !(must & bit(me)) -> done = true
#endif
		fi;
		leave_queues()
	};

heard:
	atomic { /* Whatever woke us: a bell that has rung is ours to pass on. */
#ifndef BREAK_BELL_WAKES_ONE
		if
#ifdef BREAK_CANCELLED_KEEPS_RING
		:: has_rung(watched) && !done ->
#else
		:: has_rung(watched) ->
#endif
			woken = woken | on_bell[watched]; on_bell[watched] = 0
		:: else
		fi;
#endif
		hit = hit & ~bit(me);
		if
		:: done -> began = began & ~bit(me); goto next
		:: !done && !has_rung(watched) -> goto again
		:: else
		fi
	};
	is_dead(watched); /* the lock goes soon */
	goto again;

repair: /* The gate passes from the dead to us, and opens. */
	atomic {
		if
		:: gate == watched -> gate = me
		:: else -> goto again
		fi
	};
	atomic {
#ifndef BREAK_GATE_LEFT_CLOSED
		gate = OPEN;
#endif
		wake_word(); wake_gate()
	};
	goto again;

#ifdef MUTEX
owned:
	atomic { /* It writes what the mutex guards, until here. */
		writing = writing & ~bit(me);
		doing = unlocking; watched = NOBODY; seen = 0; marked = false; done = false;
		if
		:: leaving = false
		:: leaving = true
		fi
	};
	atomic { /* unlock, fast: one compare-and-swap */
		if
		:: gate == OPEN && !sleepers -> change_word(); goto next
		:: else
		fi
	};
#else
set:
	atomic { /* set, fast: one compare-and-swap */
		if
		:: gate == OPEN && !sleepers -> signal(); goto has_set
		:: else
		fi
	};
#endif

slow: /* There are sleepers, or the gate is closed. */
	atomic {
		if
		:: gate == OPEN -> gate = me
		:: else -> watched = gate; goto behind_gate
		fi
	};
#ifdef BREAK_WAKE_BEFORE_CHANGE
	atomic { wake_word() };
#endif
	atomic { /* a plain store: nobody changes the word of a closed gate */
		change_word();
#ifndef BREAK_WAKE_ONE
		sleepers = false
#endif
	};
#ifdef BREAK_OPEN_THEN_WAKE
	gate = OPEN;
#endif
	atomic { /* FUTEX_WAKE_OP: open the gate and wake all, no kill between */
		gate = OPEN;
#ifdef BREAK_WAKE_ONE
		wake_one(on_word);
#endif
#if !defined(BREAK_WAKE_ONE) && !defined(BREAK_WAKE_BEFORE_CHANGE)
		wake_word();
#endif
		wake_gate()
	};
#ifdef MUTEX
	goto next;
#else
has_set:
	atomic {
		watched = NOBODY;
		if
		:: goto next
		:: doing = resetting
		fi
	};
reset:
	atomic { /* one compare-and-swap; the sleepers bit stays */
		if
		:: gate == OPEN -> signaled = false; goto next
		:: else -> watched = gate; goto behind_gate
		fi
	};
#endif

end_of_life:
	false
	} unless { atomic {
		is_dead(me) ->
		round = 0; noted = 0; seen = 0; watched = 0;
		marked = false; leaving = false; done = false; doing = locking
	} };
end_dead:
	false
}

/* The bell rings: the kernel marks it and wakes one of those who watch it. */
inline ring(p) {
	kills++;
	rung = rung | bit(p);
	before = on_bell[p];
	wake_one(on_bell[p]);
	hit = hit | (before & ~on_bell[p]);
	before = 0
}

/* The lock goes: the last thread of p has left the kernel. */
inline bury(p) {
	dead = dead | bit(p);
	if
	:: owner == p && !left -> abandoned++
	:: else
	fi;
	if
	:: hit & bit(p) -> lost_ring = true
	:: else
	fi;
	writing = writing & ~bit(p); began = began & ~bit(p);
	must = must & ~bit(p); hit = hit & ~bit(p);
	asleep = asleep & ~bit(p); woken = woken & ~bit(p);
	on_word = on_word & ~bit(p); on_gate = on_gate & ~bit(p);
	b = 1;
	do
	:: b <= PROCESSES -> on_bell[b] = on_bell[b] & ~bit(p); b++
	:: else -> break
	od;
	b = 0
}

#define mortal(p) (kills < KILLS && !has_rung(p) && !(ended & bit(p)))
#define dying(p)  (has_rung(p) && !is_dead(p))

proctype Reaper() {
	byte before, b;
end:	do
	:: atomic { kills < KILLS -> kills = KILLS } /* and no more: who could still be killed never counts as stuck */
	:: atomic { mortal(1) -> ring(1) }
	:: atomic { mortal(2) -> ring(2) }
	:: atomic { mortal(3) -> ring(3) }
	:: atomic { dying(1) -> bury(1) }
	:: atomic { dying(2) -> bury(2) }
	:: atomic { dying(3) -> bury(3) }
#if PROCESSES > 3
	:: atomic { mortal(4) -> ring(4) }
	:: atomic { dying(4) -> bury(4) }
#endif
	od
}

init {
	atomic {
		run Process(1);
		run Process(2);
		run Process(3);
#if PROCESSES > 3
		run Process(4);
#endif
		run Reaper()
	};
	(ended | dead) == ALL;
	assert(gate == OPEN || is_dead(gate));
	assert(left || owner == NOBODY || is_dead(owner))
}

#ifdef LIVENESS
ltl all_end { <> ((ended | dead) == ALL) }
#endif
