/*
 * One state cell: word, gate, sleepers, bell, and death at any step.
 *
 * A mutex, semaphore or event is one 64-bit cell in shared memory: a 32-bit word
 * and a 32-bit gate beside it. Taking and releasing is one compare-and-swap on
 * both. This model asks whether anybody can be left asleep, or two can own one
 * mutex, when processes are killed between any two steps.
 *
 * PARTICIPANTS
 *
 *   LOCKER   locks the mutex, writes what it guards, unlocks it or leaves it
 *            abandoned (it closes its last handle while it owns it)
 *   WAITER   waits for the event or semaphore
 *   SETTER   sets the event, and resets it at once or not; pulses it; releases
 *            the semaphore
 *   Kernel   keeps the sleepers of gate and bells; compares before it lets
 *            anybody sleep; rings the bell of who dies; drops its lock. It also
 *            does what each process's arm does, and kills up to KILLS processes
 *
 * Each is a thread of its own process; with MATES threads 1 and 2 are of one
 * process, with PAIR the first and the last. One atomic block is one
 * compare-and-swap, one system call, or one step under a lock of the process.
 *
 * THE CELL
 *
 *   word     mutex: `owner` (a process, 0: free), `left` (free, but its last
 *            owner left it locked). Semaphore: `count`. Event: `signaled`,
 *            `generation`; what an auto-reset event has besides is in grants.pml.
 *   gate     OPEN    nobody sleeps
 *            ONE(p)  open, only threads of process p sleep
 *            MANY    open, threads of several processes sleep
 *            p       closed, held by process p
 *   wakes    counts how often the gate was opened
 *
 * A waiter reads wakes, looks, registers by a compare-and-swap of both halves,
 * and sleeps ON WAKES, not on the word: the kernel compares it once more. The
 * word, and the gate too, can come back to what they were while the registration
 * is gone: unlocked, with everybody woken, and locked again by the same process.
 * Who takes a registration away has moved wakes. As long as the registration
 * stands, everybody who changes the word wakes. One who finds the gate closed
 * sleeps on the gate, and the kernel compares the holder.
 *
 * Nobody computes with wakes, so the model does not count: it keeps for each
 * reader whether wakes has moved since it read (fresh, same).
 *
 * The word changes by compare-and-swap with the gate open, if nobody sleeps or
 * only threads of the own process (they are told in memory, and wakes stays), or
 * by a plain store by who holds the gate, who then moves wakes, and then opens the
 * gate and wakes all, those on wakes and those on the gate.
 *
 * Threads of one process queue in memory; the first looks, registers and sleeps.
 * Its sleep on wakes is the process's ARM: set, it goes into the kernel some time
 * later, is there until it is woken (or, GAPS times, is out for a moment), and
 * fires. An arm that is set already stays with the value it was set with. So who
 * has set it looks at wakes again. Who leaves the queue pokes the next; the last
 * takes ONE(p) from the gate.
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
 *     begun to wait; so does Pulse.
 *   - An auto-reset event is taken at most once for each Set that signaled it, a
 *     semaphore once for each release; its count never passes the maximum.
 *   - With -DLIVENESS, under a weakly fair scheduler, every thread ends.
 *
 * WHAT IS ABSTRACTED
 *
 *   Sequential consistency. A load, the decision on it and the
 *   compare-and-swap that would fail if the word had changed are one step.
 *   Waiting for a lock to go is a wait, not a poll. A waiter behind a rung
 *   bell trusts that the lock goes. Bells and closed gates are slept on by the
 *   thread, not by an arm. wakes does not overflow between a read and the sleep.
 *   Timers, and readers who cannot write the cell, are left out; several objects
 *   at once are in several.pml.
 */

#if !defined(MUTEX) && !defined(SEMAPHORE) && !defined(AUTO) && !defined(MANUAL)
#define MUTEX
#endif
#ifndef THREADS
#define THREADS 3
#endif
#ifdef MATES /* threads 1 and 2 are of one process */
#define PROCESSES   (THREADS - 1)
#define home_of(t)  ((t) == 1 -> 1 : (t) - 1)
#define crew(p)     ((p) == 1 -> 6 : bit((p) + 1))
#define DEAD_THREADS ((dead & 2) * 3 | ((dead & ~3) << 1))
#else
#ifdef PAIR /* threads 1 and the last are of one process */
#define PROCESSES   (THREADS - 1)
#define home_of(t)  ((t) == THREADS -> 1 : (t))
#define crew(p)     ((p) == 1 -> 2 | bit(THREADS) : bit(p))
#define DEAD_THREADS (dead | (dead & 2) * bit(THREADS - 1))
#else
#define PROCESSES   THREADS
#define home_of(t)  (t)
#define crew(p)     bit(p)
#define DEAD_THREADS dead
#endif
#endif
#ifndef WAITERS /* no mutex: so many threads wait, the others set */
#define WAITERS 2
#endif
#ifndef ROUNDS /* locks, or sets, by each thread; waiters wait once */
#define ROUNDS 1
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef GAPS /* how often an arm is out of the kernel for a moment */
#define GAPS 0
#endif
#ifdef MUTEX
#undef WAITERS
#define WAITERS THREADS
#endif
#ifndef MAX /* of a semaphore */
#define MAX 2
#endif

#define NOBODY  0
#define bit(p)  (1 << (p)) /* threads and processes are numbered from 1 */
#define ALL     (bit(THREADS + 1) - 2)

/* The gate half of the cell: OPEN, the number of who holds it, or: */
#define OPEN    0
#define ONE(p)  (8 + (p)) /* open; sleepers of process p only */
#define MANY    16        /* open; sleepers of several */
#define closed  (gate > 0 && gate < 8)

mtype = { locking, unlocking, waiting, setting, resetting };

/* The cell. */
byte owner = NOBODY;
bool left;
bool signaled;
byte generation;
byte count;
byte gate = OPEN;

/* Each process: the queue of its waiters, in memory, and its arm. */
byte first[5], second[5];
byte armed;            /* set */
byte queued;           /* and in the kernel's queue of the gate */
byte fired;            /* and woken, and not yet noticed */
byte same;             /* wakes has not moved from what it compares with */
byte fresh;            /* of threads: nor from what they read before the look */

/* Other sleeps in the kernel, by thread. */
byte on_gate;
byte on_bell[5];
byte poked;            /* threads that are to look again */
byte rung; /* bells that have rung, by process */
byte dead; /* processes whose lock is gone */

/* The judge. No process decides by any of this. */
byte writing;      /* between lock and unlock, or dying there */
byte abandoned;    /* left or died as owner, and not yet reported */
byte began;        /* waiters that have begun and not ended */
byte must;         /* manual-reset: of these, for whom a Set came since */
byte sets, taken;
byte hit;          /* woken by a bell and not yet done with its duty */
bool lost_ring;    /* one of these was killed */
byte asleep;       /* sleeps */
byte ended;
byte kills, gaps;

#define is_dead(p)  (dead & bit(p))
#define has_rung(p) (rung & bit(p))
#define leads       (first[home] == me)
#ifdef BREAK_TAKEOVER_AT_BELL
#define seems_dead(p) (has_rung(p) && (p) != home)
#else
#define seems_dead(p) is_dead(p)
#endif

/* Nothing will happen any more, except to those who sleep. */
#define quiet ((ended | DEAD_THREADS | (asleep & ~poked)) == ALL && !(rung & ~dead) && armed == queued)

inline judge_owns(reported) {
	assert(!(writing & ~bit(me)));
	assert(abandoned == reported);
	abandoned = 0;
	writing = writing | bit(me)
}

inline notify(p) {
	if
	:: first[p] -> poked = poked | bit(first[p])
	:: else
	fi
}

inline wake_all() {
	fired = fired | queued; queued = 0;
	poked = poked | on_gate; on_gate = 0
}

inline wake_one_bell(p) {
	if
	:: on_bell[p] & bit(1) -> poked = poked | bit(1); on_bell[p] = on_bell[p] & ~bit(1)
	:: on_bell[p] & bit(2) -> poked = poked | bit(2); on_bell[p] = on_bell[p] & ~bit(2)
	:: on_bell[p] & bit(3) -> poked = poked | bit(3); on_bell[p] = on_bell[p] & ~bit(3)
	:: on_bell[p] & bit(4) -> poked = poked | bit(4); on_bell[p] = on_bell[p] & ~bit(4)
	:: !on_bell[p]
	fi
}
#ifdef BREAK_WAKE_ONE
inline wake_one() {
	poked = poked | on_gate; on_gate = 0;
	if
	:: queued & bit(1) -> fired = fired | bit(1); queued = queued & ~bit(1)
	:: queued & bit(2) -> fired = fired | bit(2); queued = queued & ~bit(2)
	:: queued & bit(3) -> fired = fired | bit(3); queued = queued & ~bit(3)
	:: queued & bit(4) -> fired = fired | bit(4); queued = queued & ~bit(4)
	:: !queued
	fi
}
#endif

#ifdef MUTEX
#define takeable (owner == NOBODY || left)
#define as_seen  (owner == watched && !left)
#define WORD     (owner + 8 * left)
#endif
#ifdef SEMAPHORE
#define takeable (count > 0)
#define as_seen  (count == 0)
#define WORD     count
#endif
#ifdef AUTO
#define takeable signaled
#define as_seen  (!signaled)
#define WORD     signaled
#endif
#ifdef MANUAL
#define takeable (signaled || generation != noted)
#define as_seen  (!takeable)
#define WORD     (generation * 2 + signaled)
#endif

#ifdef BREAK_COMPARE_WORD
byte seen[5], expect[5]; /* what threads and arms have seen of the word */
#endif

inline read_wakes() {
	fresh = fresh | bit(me)
}

inline move_wakes() {
	fresh = 0; same = 0
}

/* The arm: it goes into the kernel at some time later, if it is not there. */
inline arm() {
	if
	:: armed & bit(home)
	:: else ->
		armed = armed | bit(home);
		if
		:: fresh & bit(me) -> same = same | bit(home)
		:: else
		fi;
#ifdef BREAK_COMPARE_WORD
		expect[home] = seen[me]
#endif
	fi;
#ifdef BREAK_COMPARE_WORD
	fresh = fresh | bit(me); seen[me] = 0
#endif
}

inline register() {
	if
	:: gate == OPEN -> gate = ONE(home)
	:: gate == ONE(home) || gate == MANY
#ifdef BREAK_ONE_FOR_TWO
	:: else
#else
	:: else -> gate = MANY
#endif
	fi
}

inline enqueue() {
	if
	:: !first[home] -> first[home] = me
	:: else -> assert(!second[home]); second[home] = me
	fi
}

/* Who leaves pokes the next; the last takes the process's mark from the gate. */
inline dequeue() {
#ifdef BREAK_LEAVER_CLEARS
	before = first[home];
#endif
	if
	:: first[home] == me -> first[home] = second[home]
	:: else
	fi;
	second[home] = 0;
#ifdef BREAK_LEAVER_CLEARS
	if
	:: gate == ONE(home) && first[home] && first[home] == before -> gate = OPEN
	:: else -> notify(home)
	fi;
#else
#ifdef BREAK_CANCELLED_KEEPS_TURN
	if :: !done -> notify(home) :: else fi;
#else
	notify(home);
#endif
#endif
	if
	:: gate == ONE(home) && !first[home] -> gate = OPEN
	:: else
	fi
}

inline signal() {
#ifdef SEMAPHORE
#ifdef BREAK_MAX_APART
	count++; sets++; assert(count <= MAX)
#else
	if
	:: count < MAX -> count++; sets++
	:: else
	fi
#endif
#else
	if
	:: pulse || !signaled ->
		signaled = !pulse;
#ifndef BREAK_GENERATION_NOT_MOVED
		generation++;
#endif
		sets++
	:: else
	fi;
#ifdef MANUAL
	must = must | began
#endif
#endif
}

/* What unlock, or set, does to the word. */
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

proctype Thread(byte me, home) {
	byte round, noted, watched;
	bool leaving, done, pulse;
#ifdef BREAK_REGISTERS_ONCE
	bool registered;
#endif
#ifdef BREAK_LEAVER_CLEARS
	byte before;
#endif
	mtype doing;

	{
	goto next;
next:
	atomic {
		noted = 0; watched = 0; leaving = false; done = false; pulse = false;
		if
		:: round == ROUNDS -> ended = ended | bit(me); goto end_of_life
		:: else -> round++
		fi;
		if
		:: me <= WAITERS -> /* the wait begins: its place in the queue, the word noted */
#ifdef MUTEX
			doing = locking;
#else
			doing = waiting;
#ifndef WAIT_AGAIN
			round = ROUNDS;
#endif
			noted = generation;
#if defined(MANUAL) && !defined(BREAK_NOTE_THEN_LOOK)
			/* The load that notes the generation also looks. Noted while
			 * the event is signaled, the generation tells nothing: a Set
			 * that finds it signaled does not move it. */
			if
#ifdef BREAK_LOOK_NEEDS_OPEN_GATE
			:: signaled && !closed -> goto next
#else
			:: signaled -> goto next
#endif
			:: else
			fi;
#endif
			must = must & ~bit(me);
			began = began | bit(me);
#endif
			enqueue()
		:: else ->
			doing = setting;
#ifdef PULSE
			if
			:: true
			:: pulse = true
			fi;
#endif
			goto change
		fi
	};

again: /* Look, from the start. Who was woken, refused or late comes here. */
	atomic { /* Take it: one compare-and-swap, with the gate open. */
		if
		:: !leads -> asleep = asleep | bit(me); goto sleep
		:: else
		fi;
		if
#if defined(MANUAL) && !defined(BREAK_LOOK_NEEDS_OPEN_GATE)
		/* Nothing to change, so no need of the gate. */
		:: takeable -> began = began & ~bit(me); goto leave
		:: closed && !takeable -> watched = gate; goto behind_gate
#else
		:: closed -> watched = gate; goto behind_gate
#endif
#ifdef MUTEX
		:: !closed && takeable ->
			judge_owns(left);
			owner = home; left = false;
			goto leave
		:: !closed && !takeable -> watched = owner
#endif
#ifdef AUTO
		:: !closed && takeable ->
			signaled = false;
			taken++; assert(taken <= sets);
			began = began & ~bit(me); goto leave
		:: !closed && !takeable
#endif
#ifdef SEMAPHORE
		:: !closed && takeable ->
			count--;
			taken++; assert(taken <= sets);
			began = began & ~bit(me); goto leave
		:: !closed && !takeable
#endif
#ifdef MANUAL
#ifdef BREAK_LOOK_NEEDS_OPEN_GATE
		:: !closed && takeable -> began = began & ~bit(me); goto leave
#endif
		:: !closed && !takeable
#endif
		fi
	};
	/* Read wakes. A mutex: is the owner alive? F_OFD_GETLK on its member file. */
#ifndef MUTEX
	atomic { read_wakes() };
#else
	if
	:: seems_dead(watched) ->
		atomic { /* Of those behind a dead owner exactly one succeeds. */
			if
			:: !closed && owner == watched && !left ->
				judge_owns(1);
				owner = home;
				goto leave
			:: else -> goto again
			fi
		}
	:: atomic { !seems_dead(watched) -> read_wakes() }
	fi;
#endif
	atomic { /* Look again, and register, with the gate open. */
		if
		:: !closed && as_seen ->
#ifdef BREAK_REGISTERS_ONCE
			if
			:: registered
			:: else -> registered = true; register()
			fi;
#else
			register();
#endif
#ifdef BREAK_COMPARE_WORD
			seen[me] = WORD
#endif
		:: else -> fresh = fresh & ~bit(me); goto again
		fi
	};
	atomic { /* Set the arm; look at wakes. */
#ifdef BREAK_WAKES_READ_AFTER_REGISTERING
		read_wakes();
#endif
		arm();
		if
		:: fresh & bit(me) -> fresh = fresh & ~bit(me)
		:: else -> goto again
		fi;
#ifdef MUTEX
		if
		:: watched == home -> asleep = asleep | bit(me); goto sleep
		:: else -> goto watch
		fi
#else
		asleep = asleep | bit(me); goto sleep
#endif
	};

behind_gate:
	/* Is the holder of the gate alive? */
	if
	:: is_dead(watched) -> goto repair
	:: else
	fi;
	atomic { /* sleep on the gate */
		if
		:: gate == watched -> on_gate = on_gate | bit(me)
		:: gate != watched && me == first[home] -> watched = 0; goto again
		:: else -> watched = 0; goto change
		fi
	};
watch:
	atomic { /* and watch the bell of whom one waits for */
		if
		:: !has_rung(watched) ->
			on_bell[watched] = on_bell[watched] | bit(me);
			asleep = asleep | bit(me)
		:: else -> on_gate = on_gate & ~bit(me); goto heard
		fi
	};
sleep:
	atomic {
		if
		:: poked & bit(me)
#ifndef BREAK_NO_TICK
		:: leads && closed && is_dead(gate) && watched != gate
#endif
#ifndef BREAK_NO_TICK_AFTER_LOST_RING
		:: lost_ring && closed && is_dead(gate)
		:: lost_ring && owner != NOBODY && is_dead(owner)
#endif
#ifdef CANCEL
		/* Only one gives up, so that the others cannot get unstuck by it. */
		:: me == 1 && (doing == locking || doing == waiting) -> done = true
#endif
#ifndef MUTEX
		:: doing == waiting && quiet && !signaled && !count && !(must & bit(me)) -> done = true
#endif
		fi;
		on_gate = on_gate & ~bit(me);
		on_bell[watched] = on_bell[watched] & ~bit(me);
		poked = poked & ~bit(me);
		asleep = asleep & ~bit(me)
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
			poked = poked | on_bell[watched]; on_bell[watched] = 0
		:: else
		fi;
#endif
		hit = hit & ~bit(me);
		if
		:: done -> began = began & ~bit(me); goto leave
		:: !done && !has_rung(watched) ->
			watched = 0;
			if
			:: doing == locking || doing == waiting -> goto again
			:: else -> goto change
			fi
		:: else
		fi
	};
	atomic { is_dead(watched) -> /* the lock goes soon */
		watched = 0;
		if
		:: doing == locking || doing == waiting -> goto again
		:: else -> goto change
		fi
	};

repair: /* The gate passes from the dead to us, and opens. */
	atomic {
		if
		:: gate == watched -> gate = home
		:: else -> goto repaired
		fi
	};
#ifndef BREAK_WAKES_NOT_MOVED_BY_REPAIR
	atomic { move_wakes() };
#endif
	atomic {
#ifndef BREAK_GATE_LEFT_CLOSED
		gate = OPEN;
#endif
		wake_all()
	};
repaired:
	atomic {
		watched = 0;
		if
		:: doing == locking || doing == waiting -> goto again
		:: else -> goto change
		fi
	};

leave:
	atomic { /* under the lock of the queue */
		dequeue();
		watched = 0;
#ifdef MUTEX
		if
		:: done -> goto next
		:: else
		fi
#else
		goto next
#endif
	};
#ifdef MUTEX
owned:
	atomic { /* It writes what the mutex guards, until here. */
		writing = writing & ~bit(me);
		doing = unlocking; watched = NOBODY; done = false;
		if
		:: leaving = false
		:: leaving = true
		fi
	};
#endif

change: /* unlock, set */
#ifdef BREAK_MAX_APART
	if :: count < MAX :: else -> goto next fi;
#endif
	atomic {
		if
		:: doing == resetting -> goto reset
		:: else
		fi;
		if
		:: closed -> watched = gate; goto behind_gate
		:: gate == OPEN -> change_word(); goto changed
		:: gate == ONE(home) -> change_word()
		:: gate > 8 && gate != ONE(home) -> gate = home; goto slow
		fi
	};
#ifndef BREAK_NO_NOTIFY
	atomic { notify(home) };
#endif
	goto changed;

slow:
#ifdef BREAK_WAKE_BEFORE_CHANGE
	atomic { wake_all() };
#endif
	atomic { change_word() }; /* a plain store: nobody changes the word of a closed gate */
	atomic { move_wakes() };
#ifdef BREAK_OPEN_THEN_WAKE
	gate = OPEN;
#endif
	atomic { /* FUTEX_WAKE_OP: open the gate and wake all, no kill between */
		gate = OPEN;
#ifdef BREAK_WAKE_ONE
		wake_one()
#else
#ifdef BREAK_WAKE_BEFORE_CHANGE
		poked = poked | on_gate; on_gate = 0
#else
		wake_all()
#endif
#endif
	};
changed:
	atomic {
		watched = NOBODY;
		if
		:: goto next
#if defined(AUTO) || defined(MANUAL)
		:: doing = resetting
#endif
		fi
	};
reset:
	atomic { /* one compare-and-swap; the gate's half stays */
		if
		:: !closed -> signaled = false; goto next
		:: else -> watched = gate; goto behind_gate
		fi
	};

end_of_life:
	false
	} unless { atomic {
		is_dead(home) ->
		round = 0; noted = 0; watched = 0;
		leaving = false; done = false; pulse = false; doing = locking
	} };
end_dead:
	false
}

/* The bell rings: the kernel marks it and wakes one of those who watch it. */
inline ring(p) {
	kills++;
	rung = rung | bit(p);
	before = on_bell[p];
	wake_one_bell(p);
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
	:: hit & crew(p) -> lost_ring = true
	:: else
	fi;
	writing = writing & ~crew(p); began = began & ~crew(p);
	must = must & ~crew(p); hit = hit & ~crew(p);
	asleep = asleep & ~crew(p); poked = poked & ~crew(p);
	ended = ended & ~crew(p);
	on_gate = on_gate & ~crew(p);
	first[p] = 0; second[p] = 0;
	fresh = fresh & ~crew(p); same = same & ~bit(p);
	armed = armed & ~bit(p); queued = queued & ~bit(p); fired = fired & ~bit(p);
	b = 1;
	do
	:: b <= PROCESSES -> on_bell[b] = on_bell[b] & ~crew(p); b++
	:: else -> break
	od;
	b = 0
}

#define over(p)   ((ended & crew(p)) == crew(p))
#define mortal(p) (kills < KILLS && !has_rung(p) && !over(p))
#define dying(p)  (has_rung(p) && !is_dead(p))

/* The arm's wait goes into the kernel, which compares; it has been woken. */
#define outside(p) ((armed & bit(p)) && !(queued & bit(p)) && !(fired & bit(p)))
#define inside(p)  (queued & bit(p))
#define is_fired(p)  (fired & bit(p))
#ifdef BREAK_NO_FUTEX_COMPARE
#define as_expected(p) true
#else
#ifdef BREAK_COMPARE_WORD
#define as_expected(p) (WORD == expect[p])
#else
#define as_expected(p) (same & bit(p))
#endif
#endif
inline go_in(p) {
	if
	:: as_expected(p) -> queued = queued | bit(p)
	:: else -> fired = fired | bit(p)
	fi;
	if :: GAPS == 0 -> same = same & ~bit(p) :: else fi
}
inline come_out(p) {
	fired = fired & ~bit(p); armed = armed & ~bit(p); same = same & ~bit(p);
	notify(p)
}

proctype Kernel() {
	byte before, b;
end:	do
	:: atomic { outside(1) -> go_in(1) }
	:: atomic { outside(2) -> go_in(2) }
	:: atomic { is_fired(1) -> come_out(1) }
	:: atomic { is_fired(2) -> come_out(2) }
#if GAPS > 0
	:: atomic { gaps < GAPS && inside(1) -> gaps++; queued = queued & ~bit(1) }
	:: atomic { gaps < GAPS && inside(2) -> gaps++; queued = queued & ~bit(2) }
#endif
	:: atomic { mortal(1) -> ring(1) }
	:: atomic { mortal(2) -> ring(2) }
	:: atomic { dying(1) -> bury(1) }
	:: atomic { dying(2) -> bury(2) }
#if THREADS > 3 || !(defined(MATES) || defined(PAIR))
	:: atomic { outside(3) -> go_in(3) }
	:: atomic { is_fired(3) -> come_out(3) }
	:: atomic { mortal(3) -> ring(3) }
	:: atomic { dying(3) -> bury(3) }
#if GAPS > 0
	:: atomic { gaps < GAPS && inside(3) -> gaps++; queued = queued & ~bit(3) }
#endif
#endif
#if THREADS > 3 && !(defined(MATES) || defined(PAIR))
	:: atomic { outside(4) -> go_in(4) }
	:: atomic { is_fired(4) -> come_out(4) }
	:: atomic { mortal(4) -> ring(4) }
	:: atomic { dying(4) -> bury(4) }
#endif
	:: atomic { kills < KILLS -> kills = KILLS } /* and no more: who could still be killed never counts as stuck */
	od
}

init {
	atomic {
		run Thread(1, home_of(1));
		run Thread(2, home_of(2));
		run Thread(3, home_of(3));
#if THREADS > 3
		run Thread(4, home_of(4));
#endif
		run Kernel()
	};
	(ended | DEAD_THREADS) == ALL;
	assert(!closed || is_dead(gate));
	assert(left || owner == NOBODY || is_dead(owner))
}

#ifdef LIVENESS
ltl all_end { <> ((ended | DEAD_THREADS) == ALL) }
#endif
