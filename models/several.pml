/*
 * Waiting for several objects: any of them, or all in one decision.
 *
 * cell.pml shows one cell. Here a wait for all closes the gates of several,
 * decides by one store in its own member file, and may be killed at any step; so
 * may whoever repairs what it left.
 *
 * PARTICIPANTS
 *
 *   Thread 1    waits for all objects
 *   Thread 2    waits for any; with ALL2 for all, too. WANTS2 says of which
 *   Thread 3    owns the mutex: unlocks it, then signals object 1
 *   Thread 4    signals the last object; with SIGNALS=2 then object 1
 *   Kernel      kills up to KILLS processes; with STOPS stops them instead, for ever
 *
 * Each is a thread of its own process; with MATES 1 and 2 are of one process, with
 * PAIR 1 and 4.
 *
 * THE OBJECTS
 *
 *   0 is a mutex: its word is the owner. The others count permits, with LIMIT up to
 *   that many: a signal is refused when there are so many. Wakes,
 *   registering and signals are as in cell.pml. A gate can be, besides,
 *
 *   ALL_OF(p)   closed, held by process p in a wait for all
 *   MARKED(p)   the same, and somebody sleeps on the gate, or is about to
 *
 *   Beside the cell is pend, what the word becomes; in the member file of each
 *   process: decision, whether its wait for all has been decided.
 *
 *   GLOBAL (a bit for each object) says which objects are in Global. The others are in
 *   another directory, and each process has a member file, with a lock and a decision,
 *   in both; in the other one decision_here, and refers: look in Global's.
 *
 * WAIT FOR ALL: look without gates; if all can be had, no other thread of the process
 * is past this point, and nothing is decided: close the gates in the order of the
 * objects. One that cannot be closed at once: open those that are closed; register
 * with all objects, sleep. All closed: write pend of each; DECIDE; then for each: the
 * word, and open. Of objects in both directories it decides in Global, to which the
 * other member file refers from before the first gate is closed until the last is open.
 *
 * TO OPEN: if nobody slept when the gate was closed, and nobody has marked it since,
 * word and gate are one compare-and-swap. Else: the word and a gate that is held
 * otherwise, in one store; wakes moved; opened and woken.
 *
 * TO SLEEP ON A GATE of a wait for all: mark it; the kernel compares the marked one.
 *
 * REPAIR: the holder is found dead; then, if it held the gate in a wait for all, its
 * decision is read. Then one compare-and-swap takes the gate and, if that was decided,
 * makes the word what is pending. Wakes moved, the gate opened. Where the decision stands
 * in the file of the other directory, that lock must have gone, too: else look again.
 *
 * WHAT IS PROVEN
 *
 *   - Whenever a gate is open the word is what the judge counts: each permit is
 *     taken once; what a decided wait takes, it takes of all its objects, and one
 *     that is not decided takes nothing. The judge takes all at the decision.
 *   - Nobody owns the mutex while another writes what it guards. No signal is refused
 *     for want of room that the judge has.
 *   - A thread that sleeps for good could not have what it waits for. Everybody
 *     else gets to the end: nothing deadlocks through gates, nobody is stuck
 *     behind a gate but one of a process that was stopped while it held that one.
 *   - Who sleeps holds no gate.
 *   - With -DLIVENESS, under a weakly fair scheduler, every thread ends.
 *
 * WHAT IS ABSTRACTED
 *
 *   As in cell.pml. Bells: who listens to an owner, or sleeps behind a gate, is told
 *   of the death. Tick: a sleeper finds any gate that a dead process holds. A process
 *   dies in one moment (with GLOBAL its two locks go later, one by one), its arms go
 *   into the kernel as they are set: cell.pml has the rest. The first look of a wait for all is one
 *   step: it only decides whether closing gates is worth it.
 */

#ifndef OBJECTS
#define OBJECTS 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef SIGNALS
#define SIGNALS 1
#endif
#ifndef OWNER /* of the mutex at first */
#define OWNER 3
#endif

#define bit(p)   (1 << (p))
#define EVERY    (bit(OBJECTS) - 1)
#define LAST     (OBJECTS - 1)
#ifndef WANTS1
#define WANTS1 EVERY
#endif
#ifndef WANTS2
#define WANTS2 EVERY
#endif
#define wants(t) ((t) == 1 -> WANTS1 : WANTS2)
#ifdef ALL2
#define for_all(t) true
#else
#define for_all(t) ((t) == 1)
#endif

#ifdef MATES
#define home_of(t) ((t) == 2 -> 1 : (t))
#define GONE       (((dead | stopped) & 24) | ((dead | stopped) & 2) * 3)
#define crew(p)    ((p) == 1 -> 6 : bit(p))
#else
#ifdef PAIR
#define home_of(t) ((t) == 4 -> 1 : (t))
#define GONE       (((dead | stopped) & 12) | ((dead | stopped) & 2) * 9)
#define crew(p)    ((p) == 1 -> 18 : bit(p))
#else
#define home_of(t) (t)
#define GONE       (dead | stopped)
#define crew(p)    bit(p)
#endif
#endif
#define ALL 30 /* the threads */

#define OPEN      0
#define ONE(p)    (8 + (p))
#define MANY      16
#define ALL_OF(p) (32 + (p))
#define MARKED(p) (64 + (p))
#define together(g) ((g) >= 32)
#define closed(o) (gate[o] & 7 && !(gate[o] & 8))
#define holder(g) ((g) & 7) /* of a closed gate */

/* The objects. */
byte word[3], gate[3], pend[3];
byte fresh[3];   /* threads for which wakes has not moved since they read it */
byte on[3];      /* processes that sleep on wakes */
byte on_gate[3]; /* threads that sleep on the gate */
/* The member files. */
byte decision;   /* processes that have decided */
#ifdef GLOBAL    /* that is the one in Global; and in the other directory: */
byte decision_here, refers;
byte no_lock, no_lock_global; /* of dead processes, in each of the two */
#endif
/* Within processes. */
byte queue[3];   /* waiters */
byte deciding;   /* processes of which a thread is between looking and the end */
byte poked;
byte listens;    /* threads that watch the bell of the mutex's owner */
bool second;     /* MATES: thread 2 began first */

byte dead, stopped, rung;

/* The judge. */
byte owed[3];    /* what the words are to be */
byte writing;
byte asleep, ended, kills;

/* Whether process p's lock in the directory of object x has gone. */
#ifdef GLOBAL
#define is_global(x) (GLOBAL & bit(x))
#define is_dead(x, p) ((is_global(x) -> no_lock_global : no_lock) & bit(p))
#else
#define is_dead(x, p) (dead & bit(p))
#endif
#ifdef BREAK_TAKEOVER_AT_BELL
#define seems_dead(x, p) (rung & bit(p))
#else
#define seems_dead(x, p) is_dead(x, p)
#endif
#define gone(p)    ((dead | stopped) & bit(p))
#ifdef GLOBAL
#define all_locks_gone ((no_lock & no_lock_global) == dead)
#else
#define all_locks_gone true
#endif
#define quiet      ((ended | GONE | (asleep & ~poked)) == ALL && !(rung & ~dead) && all_locks_gone)

#define wanted(o)   (wants(me) & bit(o))
#define can(o)      ((o) -> word[o] > 0 : (word[0] == 0 || seems_dead(0, word[0])))
#define has(o)      (!wanted(o) || (!closed(o) && can(o)))
#define might(o)    (wanted(o) && !closed(o) && can(o))
#if OBJECTS > 2
#define has_all     (has(0) && has(1) && has(2))
#define might_any   (might(0) || might(1) || might(2))
#define stuck_gate(o) (closed(o) && !(stopped & bit(holder(gate[o]))))
#define jammed      ((wanted(0) && stuck_gate(0)) || (wanted(1) && stuck_gate(1)) || (wanted(2) && stuck_gate(2)))
#else
#define has_all     (has(0) && has(1))
#define might_any   (might(0) || might(1))
#define stuck_gate(o) (closed(o) && !(stopped & bit(holder(gate[o]))))
#define jammed      ((wanted(0) && stuck_gate(0)) || (wanted(1) && stuck_gate(1)))
#endif
#ifdef LIMIT
#define is_full     (o && word[o] == LIMIT)
#else
#define is_full     false
#endif
/* The tick asks after holders of gates. */
#define dead_hold(x) (wanted(x) && closed(x) && is_dead(x, holder(gate[x])))
#if OBJECTS > 2
#define dead_gate   (dead_hold(0) || dead_hold(1) || dead_hold(2))
#else
#define dead_gate   (dead_hold(0) || dead_hold(1))
#endif
#define could       (for_all(me) -> has_all : might_any)

inline tell(p, x) {
#ifdef MATES
	if
	:: (queue[x] & crew(p)) == 6 ->
		/* The first; if it waits for all, the next as well. */
		if
		:: second -> poked = poked | 4; if :: for_all(2) -> poked = poked | 2 :: else fi
		:: !second -> poked = poked | 6
		fi
	:: else -> poked = poked | (queue[x] & crew(p))
	fi
#else
	poked = poked | (queue[x] & crew(p))
#endif
}

inline wake_all(x) {
	if :: on[x] & 2  -> tell(1, x) :: else fi;
	if :: on[x] & 4  -> tell(2, x) :: else fi;
	on[x] = 0;
	poked = poked | on_gate[x]; on_gate[x] = 0
}

inline move_wakes(x) { fresh[x] = 0 }

inline open_and_wake(x) {
	assert(word[x] == owed[x]);
	gate[x] = OPEN;
	wake_all(x)
}

/* The kernel compares the gate, and the holder's bell. */
#define asleep_on(x) (gate[x] == from && !seems_dead(x, holder(from)))

/* Who is about to sleep on a gate says so, if its holder would not wake anybody. */
inline mark(x) {
	if
#ifndef BREAK_NO_MARK
	:: gate[x] == ALL_OF(holder(gate[x])) -> gate[x] = MARKED(holder(gate[x]))
#endif
	:: else
	fi
}

/* The judge gives an object to this thread. */
inline judge_takes(x) {
	if
	:: x -> assert(owed[x] > 0); owed[x]--
	:: else ->
		assert(!(writing & ~bit(me)));
		writing = writing | bit(me); owed[0] = home
	fi
}

inline take(x) {
	assert(word[x] == owed[x]);
	if
	:: x -> word[x]--
	:: else -> word[0] = home
	fi;
	judge_takes(x);
	holds = (x == 0)
}

inline signal(x) {
	if
	:: x -> word[x]++; owed[x]++
	:: else -> word[0] = 0; owed[0] = 0
	fi
}

#ifdef GLOBAL
#define is_both (wants(me) & GLOBAL && wants(me) & ~GLOBAL)

inline undecided() {
	if
	:: wants(me) & GLOBAL -> decision = decision & ~bit(home)
	:: else -> undecided_here()
	fi
}

inline undecided_here() {
	decision_here = decision_here & ~bit(home);
#ifndef BREAK_REFERENCE_STAYS
	refers = refers & ~bit(home)
#endif
}

inline refer() {
	if
	:: is_both -> decision_here = decision_here & ~bit(home); refers = refers | bit(home)
	:: else
	fi
}

inline decide() {
	if
	:: wants(me) & GLOBAL -> decision = decision | bit(home)
	:: else -> decision_here = decision_here | bit(home)
	fi
}

inline end_reference() {
	if
	:: is_both -> undecided_here()
	:: else
	fi
}

/* What holder p of object x decided; known: nobody but the dead changes it. */
#define in_global(x, p) (is_global(x) || refers & bit(p))
#define has_decided(x, p) ((in_global(x, p) -> decision : decision_here) & bit(p))
#define is_known(x, p) (!in_global(x, p) || no_lock_global & bit(p))
#else
inline undecided() { decision = decision & ~bit(home) }
inline decide() { decision = decision | bit(home) }
inline end_reference() { skip }
#define has_decided(x, p) (decision & bit(p))
#define is_known(x, p) true
#endif

inline next_object() {
	do
	:: o < OBJECTS && !(mask & bit(o)) -> o++
	:: else -> break
	od
}

/* Leave the queues; the next looks; the last takes the process's mark away. */
inline leave_queues() {
	o = 0;
	do
	:: o < OBJECTS ->
		if
		:: queue[o] & bit(me) ->
			queue[o] = queue[o] & ~bit(me);
			on_gate[o] = on_gate[o] & ~bit(me);
			fresh[o] = fresh[o] & ~bit(me);
			if
			:: queue[o] & crew(home) -> tell(home, o)
			:: else ->
				on[o] = on[o] & ~bit(home);
				if
				:: gate[o] == ONE(home) -> gate[o] = OPEN
				:: else
				fi
			fi
		:: else
		fi;
		o++
	:: else -> o = 0; break
	od
}

proctype Thread(byte me, home) {
	byte o, mask, ready, from, slept, n;
	bool holds, waiting, decided;

	{
	if
	:: me <= 2 -> waiting = true
	:: else ->
		holds = (me == OWNER);
		goto signals
	fi;

again:
	atomic { /* look; a wait for any takes the first */
		poked = poked & ~bit(me); listens = listens & ~bit(me);
		mask = 0; ready = 0; from = 0;
		if
		:: for_all(me) && has_all -> mask = wants(me)
		:: for_all(me) && !has_all -> goto prepare
		:: !for_all(me) && might(0) -> take(0); goto taken
		:: !for_all(me) && !might(0) && might(1) -> take(1); goto taken
#if OBJECTS > 2
		:: !for_all(me) && !might(0) && !might(1) && might(2) -> take(2); goto taken
#endif
		:: !for_all(me) && !might_any -> goto prepare
		fi;
#ifdef BREAK_CALLERS_ORDER
		o = (me == 1 -> 0 : LAST)
#else
		o = 0; next_object()
#endif
	};
#ifdef BREAK_TWO_AT_ONCE
	atomic { undecided() };
#else
	atomic {
		!(deciding & bit(home)) ->
		deciding = deciding | bit(home);
#ifndef BREAK_DECISION_STAYS
		undecided()
#endif
	};
#endif
#if defined(GLOBAL) && !defined(BREAK_NOT_REFERRED) && !defined(BREAK_REFERS_LATE)
	atomic { refer() };
#endif
closing:
	atomic { /* close one gate more */
		if
		:: !closed(o) && can(o) ->
			if :: gate[o] != OPEN -> slept = slept | bit(o) :: else fi;
			gate[o] = ALL_OF(home); ready = ready | bit(o);
#ifdef BREAK_CALLERS_ORDER
			if
			:: ready == mask -> goto pending
			:: me == 1 -> o++
			:: else -> o--
			fi;
#else
			o++; next_object();
			if
			:: o == OBJECTS -> goto pending
			:: else
			fi;
#endif
			goto closing
#if defined(BREAK_CALLERS_ORDER) || defined(BREAK_WAITS_HOLDING)
		:: closed(o) && !is_dead(o, holder(gate[o])) ->
			mark(o);
			on_gate[o] = on_gate[o] | bit(me);
			asleep = asleep | bit(me); goto sleep_holding
		:: (closed(o) && is_dead(o, holder(gate[o]))) || (!closed(o) && !can(o)) ->
#else
		:: else ->
#endif
			mask = ready; o = 0; next_object();
			if
			:: !mask -> end_reference(); deciding = deciding & ~bit(home); slept = 0; goto prepare
			:: else -> goto opening
			fi
		fi
	};
#if defined(BREAK_CALLERS_ORDER) || defined(BREAK_WAITS_HOLDING)
sleep_holding:
	atomic {
		(poked & bit(me)) || (closed(o) && is_dead(o, holder(gate[o]))) ->
		poked = poked & ~bit(me); asleep = asleep & ~bit(me);
		on_gate[o] = on_gate[o] & ~bit(me);
		goto closing
	};
#endif

pending: /* all gates are ours */
	atomic { o = 0; next_object() };
write_pend:
	atomic {
		pend[o] = (o -> word[o] - 1 : home);
		o++; next_object();
		if
		:: o < OBJECTS -> goto write_pend
		:: else -> o = 0; next_object()
		fi
	};
	atomic { /* the decision: one store */
		decide(); decided = true;
		if :: mask & 1 -> judge_takes(0) :: else fi;
		if :: mask & 2 -> judge_takes(1) :: else fi;
#if OBJECTS > 2
		if :: mask & 4 -> judge_takes(2) :: else fi;
#endif
		holds = mask & 1
	};
#ifdef BREAK_REFERS_LATE
	atomic { refer() };
#endif
#ifdef BREAK_REFERENCE_ENDS_EARLY
	atomic { end_reference() };
#endif
opening: /* what was decided, or as it was */
	atomic { /* one compare-and-swap */
		if
#ifdef BREAK_MARK_IGNORED
		:: !(slept & bit(o)) ->
#else
		:: gate[o] == ALL_OF(home) && !(slept & bit(o)) ->
#endif
			if :: decided -> word[o] = pend[o] :: else fi;
			assert(word[o] == owed[o]);
			gate[o] = OPEN; goto opened
		:: else /* a plain store of both halves */
			if :: decided -> word[o] = pend[o] :: else fi;
			gate[o] = home
		fi
	};
	atomic { move_wakes(o) };
	atomic { open_and_wake(o) };
opened:
	atomic {
		o++; next_object();
		if
		:: o < OBJECTS -> goto opening
		:: else ->
			end_reference(); deciding = deciding & ~bit(home); slept = 0;
			if
			:: decided -> decided = false; goto taken
			:: else -> mask = 0; goto prepare
			fi
		fi
	};

prepare:
	atomic {
		mask = wants(me); ready = 0; o = 0; next_object();
		queue[0] = queue[0] | (mask & 1 -> bit(me) : 0);
		queue[1] = queue[1] | (mask & 2 -> bit(me) : 0);
#if OBJECTS > 2
		queue[2] = queue[2] | (mask & 4 -> bit(me) : 0);
#endif
		fresh[o] = fresh[o] | bit(me) /* read wakes */
	};
registering:
	atomic { /* look at the object; register */
		if
		:: closed(o) && seems_dead(o, holder(gate[o])) ->
			fresh[o] = fresh[o] & ~bit(me); from = gate[o]; goto repair
		:: closed(o) && !seems_dead(o, holder(gate[o])) -> mark(o); from = gate[o]
#ifdef BREAK_NO_RECHECK
		:: !closed(o) ->
#else
		:: !closed(o) && can(o) && !for_all(me) ->
			fresh[o] = fresh[o] & ~bit(me); goto again
		:: !closed(o) && can(o) && for_all(me) -> ready = ready | bit(o);
			if
			:: gate[o] == OPEN || gate[o] == ONE(home) -> gate[o] = ONE(home)
			:: else -> gate[o] = MANY
			fi
		:: !closed(o) && !can(o) ->
#endif
			if
			:: o == 0 && word[0] && !seems_dead(0, word[0]) && word[0] != home -> listens = listens | bit(me)
			:: else
			fi;
			if
			:: gate[o] == OPEN || gate[o] == ONE(home) -> gate[o] = ONE(home)
			:: else -> gate[o] = MANY
			fi
		fi
	};
	atomic { /* set the arm; look at wakes, or the gate */
		if
		:: from && asleep_on(o) -> on_gate[o] = on_gate[o] | bit(me); from = 0
		:: from && !asleep_on(o) -> fresh[o] = fresh[o] & ~bit(me); from = 0; goto again
		:: !from && (poked & bit(me)) -> /* woken already, and nothing is lost by it */
			fresh[o] = fresh[o] & ~bit(me); goto again
		:: !from && !(poked & bit(me)) && (fresh[o] & bit(me)) -> on[o] = on[o] | bit(home)
		:: else -> goto again
		fi;
		fresh[o] = fresh[o] & ~bit(me);
		o++; next_object();
		if
		:: o < OBJECTS -> fresh[o] = fresh[o] | bit(me); goto registering
		:: else
		fi;
		o = 0;
		if
		:: ready == mask -> goto again
		:: else -> mask = 0; ready = 0; asleep = asleep | bit(me)
		fi
	};
sleep:
	atomic {
		if
		:: (poked & bit(me)) || dead_gate -> asleep = asleep & ~bit(me); goto again
		:: quiet && !dead_gate && !could && !jammed && !(poked & bit(me)) -> asleep = asleep & ~bit(me) /* for good */
		fi
	};
taken:
	atomic {
		mask = 0; ready = 0; o = 0;
		leave_queues();
		waiting = false; listens = listens & ~bit(me); poked = poked & ~bit(me);
		if
		:: holds -> goto signals
		:: else -> goto over
		fi
	};

repair: /* the decision, and then the gate */
	atomic {
#ifdef BREAK_DECISION_READ_BEFORE_DEATH
		from = (closed(o) -> gate[o] : 0); /* of any holder, who is found dead later */
#else
		if
		:: together(from) && !is_known(o, holder(from)) -> from = 0; goto repaired /* soon */
		:: else
		fi;
#endif
#ifdef BREAK_GATES_ALIKE
		decided = has_decided(o, holder(from))
#else
#ifdef BREAK_APPLY_WITHOUT_DECISION
		decided = together(from)
#else
#ifdef BREAK_DECISION_IGNORED
		decided = false
#else
		decided = together(from) && has_decided(o, holder(from))
#endif
#endif
#endif
	};
	atomic {
		if
		:: from && gate[o] == from && seems_dead(o, holder(from)) ->
#ifndef BREAK_REPAIRS_IN_TWO
			if :: decided -> word[o] = pend[o]; decided = false :: else fi;
#endif
			gate[o] = home; from = 0
		:: else -> from = 0; decided = false; goto repaired
		fi
	};
#ifdef BREAK_REPAIRS_IN_TWO
	atomic { if :: decided -> word[o] = pend[o]; decided = false :: else fi };
#endif
#ifndef BREAK_WAKES_NOT_MOVED_BY_REPAIR
	atomic { move_wakes(o) };
#endif
#ifdef BREAK_GATE_LEFT_CLOSED
	atomic { wake_all(o) };
#else
	atomic { open_and_wake(o) };
#endif
repaired:
	if
	:: waiting -> goto again
	:: else -> goto change
	fi;

signals: /* who owns the mutex unlocks it; then permits, if it gives any */
	atomic {
		if
		:: holds -> o = 0; writing = writing & ~bit(me); holds = false
		:: !holds && me == 3 && n == 0 -> n++; o = 1
		:: !holds && me == 4 && n < SIGNALS -> o = (n == 0 -> LAST : 1); n++
		:: else -> goto over
		fi
	};
change:
	atomic {
		if
#ifdef LIMIT
#ifdef BREAK_REFUSES_BEHIND_GATE
		:: is_full -> assert(owed[o] == LIMIT); goto signals
#else
		:: is_full && !closed(o) -> assert(owed[o] == LIMIT); goto signals
#endif
#endif
		:: closed(o) && seems_dead(o, holder(gate[o])) -> from = gate[o]; goto repair
		:: closed(o) && !seems_dead(o, holder(gate[o])) -> mark(o); from = gate[o]; goto wait_gate
		:: !is_full && gate[o] == OPEN -> assert(word[o] == owed[o]); signal(o); goto signals
		:: !is_full && gate[o] == ONE(home) -> assert(word[o] == owed[o]); signal(o)
		:: !is_full && !closed(o) && gate[o] > 8 && gate[o] != ONE(home) -> gate[o] = home; goto slow
		fi
	};
	atomic { tell(home, o); goto signals };
wait_gate:
	atomic { /* the kernel compares */
		if
		:: asleep_on(o) ->
			from = 0; on_gate[o] = on_gate[o] | bit(me); asleep = asleep | bit(me)
		:: else -> from = 0; goto change
		fi
	};
	atomic {
		if
		:: poked & bit(me) -> goto woken
		:: quiet && (stopped & bit(holder(gate[o]))) && !(poked & bit(me)) ->
			on_gate[o] = on_gate[o] & ~bit(me); asleep = asleep & ~bit(me); goto over
		fi;
woken:		on_gate[o] = on_gate[o] & ~bit(me);
		poked = poked & ~bit(me); asleep = asleep & ~bit(me);
		goto change
	};
slow:
#ifdef BREAK_WAKE_BEFORE_CHANGE
	atomic { move_wakes(o); wake_all(o) };
	atomic { signal(o) };
	atomic { assert(word[o] == owed[o]); gate[o] = OPEN; goto signals };
#else
	atomic { signal(o) };
#ifndef BREAK_WAKES_NOT_MOVED
	atomic { move_wakes(o) };
#endif
	atomic { open_and_wake(o); goto signals };
#endif

over:
	atomic { o = 0; n = 0; mask = 0; ended = ended | bit(me) };
end_of_life:
	false
	} unless { atomic {
		gone(home) ->
		o = 0; mask = 0; ready = 0; from = 0; slept = 0; n = 0;
		holds = false; waiting = false; decided = false
	} };
end_dead:
	false
}

/* Those who watch p's bell, because it holds a gate or owns the mutex. */
inline toll(x, p) {
	if
	:: closed(x) && holder(gate[x]) == p -> poked = poked | (on_gate[x] & ~crew(p))
	:: else
	fi;
	if
	:: x == 0 && word[0] == p -> poked = poked | (listens & ~crew(p))
	:: else
	fi
}

inline bury(p) {
	dead = dead | bit(p);
#ifndef BREAK_TAKEOVER_AT_BELL
	kills++;
#endif
	forget(0, p); forget(1, p);
#if OBJECTS > 2
	forget(2, p);
#endif
	writing = writing & ~crew(p); ended = ended & ~crew(p);
	deciding = deciding & ~bit(p);
#ifndef GLOBAL
	toll(0, p); toll(1, p);
#if OBJECTS > 2
	toll(2, p);
#endif
#endif
	asleep = asleep & ~crew(p); poked = poked & ~crew(p); listens = listens & ~crew(p)
}

inline forget(x, p) {
	on[x] = on[x] & ~bit(p);
	on_gate[x] = on_gate[x] & ~crew(p); fresh[x] = fresh[x] & ~crew(p);
	queue[x] = queue[x] & ~crew(p)
}

#ifdef GLOBAL
/* The locks of a dead process go one after the other, and each bell with its lock. */
#define locked_here(p)   (dead & bit(p) && !(no_lock & bit(p)))
#define locked_global(p) (dead & bit(p) && !(no_lock_global & bit(p)))

inline toll_if(x, p, global) {
	if
	:: global == (is_global(x) != 0) -> toll(x, p)
	:: else
	fi
}

inline unlock(p, global) {
	if
	:: global -> no_lock_global = no_lock_global | bit(p)
	:: else -> no_lock = no_lock | bit(p)
	fi;
	toll_if(0, p, global); toll_if(1, p, global);
#if OBJECTS > 2
	toll_if(2, p, global)
#endif
}
#endif

#define mortal(p) (kills < KILLS && !gone(p) && !(rung & bit(p)) && (ended & crew(p)) != crew(p))

#ifdef BREAK_TAKEOVER_AT_BELL
inline kill(p) { rung = rung | bit(p); kills++; toll(0, p); toll(1, p) }
#else
#ifdef STOPS
inline kill(p) { stopped = stopped | bit(p); kills++ }
#else
inline kill(p) { bury(p) }
#endif
#endif

proctype Kernel() {
end:	do
	:: atomic { mortal(1) -> kill(1) }
#ifndef MATES
	:: atomic { mortal(2) -> kill(2) }
#endif
	:: atomic { mortal(3) -> kill(3) }
#ifndef PAIR
	:: atomic { mortal(4) -> kill(4) }
#endif
#ifdef BREAK_TAKEOVER_AT_BELL
	:: atomic { (rung & bit(1)) && !(dead & bit(1)) -> bury(1) }
	:: atomic { (rung & bit(2)) && !(dead & bit(2)) -> bury(2) }
	:: atomic { (rung & bit(3)) && !(dead & bit(3)) -> bury(3) }
	:: atomic { (rung & bit(4)) && !(dead & bit(4)) -> bury(4) }
#endif
#ifdef GLOBAL
	:: atomic { locked_here(1) -> unlock(1, false) }
	:: atomic { locked_here(2) -> unlock(2, false) }
	:: atomic { locked_here(3) -> unlock(3, false) }
	:: atomic { locked_here(4) -> unlock(4, false) }
	:: atomic { locked_global(1) -> unlock(1, true) }
	:: atomic { locked_global(2) -> unlock(2, true) }
	:: atomic { locked_global(3) -> unlock(3, true) }
	:: atomic { locked_global(4) -> unlock(4, true) }
#endif
	:: atomic { kills < KILLS -> kills = KILLS }
	od
}

init {
	atomic {
		word[0] = OWNER; owed[0] = OWNER; writing = (OWNER -> bit(OWNER) : 0);
#ifdef MATES
		if :: second = true :: second = false fi;
#endif
		run Thread(1, home_of(1));
		run Thread(2, home_of(2));
		run Thread(3, home_of(3));
		run Thread(4, home_of(4));
		run Kernel()
	};
	(ended | GONE) == ALL;
	assert(!closed(0) || gone(holder(gate[0])));
	assert(!closed(1) || gone(holder(gate[1])));
	assert(!closed(2) || gone(holder(gate[2])))
}

#ifdef LIVENESS
ltl all_end { <> ((ended | GONE) == ALL) }
#endif
