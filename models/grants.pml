/*
 * The word of an auto-reset event: who is released by which Set.
 *
 * cell.pml shows that whoever sleeps is woken. This model takes that for granted
 * (a wake reaches all who are registered, at once) and asks what the word must
 * hold so that Set, Reset and Pulse release those, and as many, as they should.
 *
 * PARTICIPANTS
 *
 *   Waiter   begins, looks, registers, sleeps, looks again; one may give up
 *   Setter   sets, sets and resets, or pulses
 *   Opener   opens the gate and changes nothing: a repair, or a wait for all
 *            objects that could not be satisfied. It wakes everybody, and nobody
 *            is registered any more
 *
 * THE WORD
 *
 *   signaled  for anybody
 *   grants    given in this epoch, for those who began before it
 *   old       given in earlier epochs, for those who began before the last
 *   epoch
 *   crowd     somebody has registered since the epoch moved
 *
 * A Set gives one grant, and signals. If there is a crowd, a new epoch begins
 * first. One who registers has the epoch's grants behind it: it notes the epoch
 * anew. Reset leaves the grants. A newcomer, who began in this epoch, takes the
 * signal and one grant with it.
 *
 * WHAT IS PROVEN
 *
 *   - Nobody is released more often than Set was called.
 *   - Whoever begins after Reset is released by none of the Sets before it
 *     alone: the event was set since it began, or is signaled.
 *   - Who sleeps for good while the event is not signaled has seen as many others
 *     released, since it registered, as there were Sets. So N waiters who are
 *     registered are released by N Sets, whatever Resets fall between, if nobody
 *     else comes.
 *
 * What does not hold, whatever the bits: with -DSTRICT, that as many are released
 * as if each Set had chosen its waiter at once. Three Sets in three epochs, while
 * a waiter that was woken by the first has not run yet, make one count too many
 * (the grants of old epochs are added up) or, with FORGET_OLD, one too few (they
 * are forgotten, and a waiter sleeps on that Set has released).
 */

#ifndef WAITERS
#define WAITERS 3
#endif
#ifndef SETS
#define SETS 3
#endif
#ifndef OPENS
#define OPENS 1
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#define bit(p) (1 << (p))
#define ALL    (bit(WAITERS) - 1)

/* The word, and the gate: somebody is registered. */
bool signaled, crowd;
byte grants, old, epoch;
bool registered;

byte asleep, woken, ended;
bool setting = true;
byte opens, cancels;

/* The judge. */
byte sets, taken;
byte fresh;           /* no Set since they began */
byte waiting;         /* have registered, and wait */
byte since[WAITERS];  /* Sets, less releases of others, since it registered */
byte granted, crew;   /* STRICT: who waits, and how many of them are released */
bool spare;           /* STRICT: the event is signaled */
byte i;

#define mine    (start != epoch && grants > 0)
#define ours    (start != epoch && start != epoch - 1 && old > 0)
#define quiet   (!setting && (ended | asleep) == ALL)
#ifdef BREAK_EPOCH_BY_GATE
#define present registered
#else
#define present crowd
#endif

inline leave() {
	crew--;
	if
	:: granted > crew -> granted--; spare = true
	:: else
	fi;
	since[me] = 0; waiting = waiting & ~bit(me); fresh = fresh & ~bit(me)
}

inline take(any) {
	taken++; assert(taken <= sets);
	assert(any || !(fresh & bit(me)));
	if
	:: any && spare -> spare = false
	:: !(any && spare) && granted > 0 -> granted--
	:: else ->
#ifdef STRICT
		assert(spare);
#endif
		spare = false
	fi;
	do
	:: i < WAITERS -> if :: since[i] > 0 -> since[i]-- :: else fi; i++
	:: else -> i = 0; break
	od;
	leave()
}

inline wake() { woken = woken | asleep; asleep = 0 }

inline set() {
	if
	:: present ->
#ifdef FORGET_OLD
		old = grants;
#else
		old = old + grants;
#endif
		grants = 1; epoch++; crowd = false
	:: else -> grants++
	fi;
	signaled = true;
	sets++; fresh = 0;
	if
	:: granted < crew -> granted++
	:: else -> spare = true
	fi;
	do
	:: i < WAITERS -> if :: waiting & bit(i) -> since[i]++ :: else fi; i++
	:: else -> i = 0; break
	od;
	if
	:: registered -> wake(); registered = false
	:: registered -> wake() /* of the own process: the mark stays */
	:: else
	fi
}

inline reset() {
	signaled = false; spare = false;
#ifdef BREAK_RESET_TAKES_GRANTS
	grants = 0; old = 0
#endif
}

proctype Waiter(byte me) {
	byte start;

	atomic { start = epoch; crew++; fresh = fresh | bit(me) };
again:
	atomic { /* look, and take: one compare-and-swap */
		if
		:: mine ->
			grants--;
			if
			:: !grants -> signaled = false
			:: else
			fi;
			take(false); goto done
		:: !mine && ours -> old--; take(false); goto done
#ifdef BREAK_NEWCOMER_TAKES_GRANT
		:: !mine && !ours && (signaled || grants > 0) ->
#else
		:: !mine && !ours && signaled ->
#endif
			i = signaled; /* for the judge */
			signaled = false;
#ifndef BREAK_SIGNAL_WITHOUT_GRANT
			grants--;
#endif
			if
			:: i -> i = 0; take(true)
			:: !i -> take(false)
			fi;
			goto done
		:: else
		fi
	};
	atomic { /* register */
		if
		:: mine || ours || signaled -> goto again
		:: else
		fi;
		registered = true; crowd = true; start = epoch;
		waiting = waiting | bit(me);
		asleep = asleep | bit(me)
	};
	atomic {
		if
		:: woken & bit(me) -> woken = woken & ~bit(me); goto again
		:: cancels < CANCELS -> cancels++; asleep = asleep & ~bit(me); woken = woken & ~bit(me); leave()
		:: quiet && !(woken & bit(me)) -> assert(!signaled && !since[me])
		fi
	};
done:	atomic { start = 0; ended = ended | bit(me) }
}

proctype Setter() {
	byte n;
next:
	atomic {
		if
		:: n < SETS ->
			n++; set();
			if
			:: goto next
			:: true
			:: reset(); goto next /* Pulse */
			fi
		:: else -> n = 0; setting = false; goto done
		fi
	};
	atomic { reset(); goto next };
done:	skip
}

proctype Opener() {
end:	do
	:: atomic { opens < OPENS && registered -> opens++; wake(); registered = false }
	od
}

init {
	atomic {
		run Setter();
		run Opener();
		do
		:: i < WAITERS -> run Waiter(i); i++
		:: else -> i = 0; break
		od
	}
}
