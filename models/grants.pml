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
 *   old       given in the epoch before, for those who began before that
 *   epoch
 *   crowd     somebody has registered since the epoch moved
 *
 * A Set gives one grant, and signals. If there is a crowd, a new epoch begins
 * first, and the grants of the epoch before the last are dropped. One who
 * registers has the epoch's grants behind it: it notes the epoch anew. Reset leaves
 * the grants. A newcomer, who began in this epoch, takes the signal and one grant
 * with it.
 *
 * WHAT IS PROVEN
 *
 *   - Nobody is released more often than Set was called.
 *   - Whoever begins after Reset is released by none of the Sets before it
 *     alone: the event was set since it began, or is signaled.
 *   - Never are more released than if each Set had chosen its waiter at once.
 *   - Who sleeps for good while the event is not signaled has seen as many others
 *     released, since it registered, as there were Sets. So N waiters who are
 *     registered are released by N Sets, whatever Resets fall between, if nobody
 *     else comes. THE LIMIT: unless some waiter that was woken did not run while
 *     twice more others registered and were set.
 *
 * Without that limit neither way to treat old grants would do. Dropped, as here,
 * they can leave a waiter asleep whom Set has released: RELEASE_ALL asks for the
 * last claim without the limit, and fails. Added up (ADD_UP) they can release one
 * too many, by a Set of long ago, after a Reset; with MAY_RELEASE_MORE, which does
 * not ask for the claim before, they release all.
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

/* The word, and the gate: who has registered since it was opened. */
bool signaled, crowd;
byte grants, old, epoch;
byte registered;

byte asleep, woken, ended;
byte start[WAITERS]; /* the epoch when it began, or registered last */
bool setting = true;
byte opens, cancels;

/* The judge. */
byte sets, taken;
byte fresh;           /* no Set since they began */
byte waiting;         /* have registered, and wait */
byte since[WAITERS];  /* Sets, less releases of others, since it registered */
byte granted, crew;   /* who waits, and how many of them are released */
bool spare;           /* the event is signaled */
bool late;            /* the epoch moved a third time, and somebody woken by the first had not run */
byte i;

#define mine    (start[me] != epoch && grants > 0)
#define ours    (start[me] != epoch && start[me] != epoch - 1 && old > 0)
#define alone   (!(registered & (registered - 1)))
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
#ifndef MAY_RELEASE_MORE
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
		do
		:: i < WAITERS ->
			if
			:: (waiting & bit(i)) && start[i] != epoch && start[i] != epoch - 1 -> late = true
			:: else
			fi;
			i++
		:: else -> i = 0; break
		od;
#ifdef ADD_UP
		old = old + grants;
#else
		old = grants;
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
	:: registered -> wake(); registered = 0
	:: registered && alone -> wake() /* of the own process: the mark stays */
	:: else
	fi
}

/* Who leaves the gate's One(me) takes it away. Nobody can tell then who else has
 * registered since the epoch moved: so the crowd stays. */
inline unregister() {
	if
	:: registered == bit(me) ->
		registered = 0;
#ifdef BREAK_LEAVER_CLEARS_CROWD
		crowd = false
#endif
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
	atomic { start[me] = epoch; crew++; fresh = fresh | bit(me) };
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
		registered = registered | bit(me); crowd = true; start[me] = epoch;
		waiting = waiting | bit(me);
		asleep = asleep | bit(me)
	};
	atomic {
		if
		:: woken & bit(me) -> woken = woken & ~bit(me); goto again
		:: cancels < CANCELS ->
			cancels++;
			asleep = asleep & ~bit(me); woken = woken & ~bit(me);
			unregister(); leave()
		:: quiet && !(woken & bit(me)) ->
			assert(!signaled);
#ifdef RELEASE_ALL
			assert(!since[me])
#else
			assert(!since[me] || late)
#endif
		fi
	};
done:	atomic { unregister(); start[me] = 0; ended = ended | bit(me) }
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
	:: atomic { opens < OPENS && registered -> opens++; wake(); registered = 0 }
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
