/*
 * The word of an auto-reset event: who is released by which Set.
 *
 * cell.pml shows that whoever sleeps is woken. This model takes that for granted
 * (a wake reaches all who are registered, at once) and asks what the word must
 * hold so that Set, Reset and Pulse release those, and as many, as they should.
 *
 * PARTICIPANTS
 *
 *   Waiter   is counted, joins, looks, registers, sleeps, looks again, leaves; one
 *            may give up, and one may be killed, which leaves it counted
 *   Setter   sets, sets and resets, or pulses
 *   Opener   opens the gate and changes nothing: a repair, or a wait for all
 *            objects that could not be satisfied. It wakes everybody, and nobody
 *            is registered any more
 *
 * THE WORD
 *
 *   signaled  for anybody
 *   grants    given in this epoch, for those who joined before it
 *   old       given in the epochs before, added up, for those who joined before
 *             the last of them
 *   epoch
 *   crowd     somebody has joined since the epoch moved
 *
 * and beside it
 *
 *   waiters   how many wait, from before they join until they have left
 *
 * A Set gives one grant, and signals. If there is a crowd, a new epoch begins
 * first. If nobody is counted it gives no grant, and takes back those that nobody
 * took; so does the last who leaves. One who registers has the epoch's grants
 * behind it: it notes the epoch anew. Old grants are taken first. Reset leaves the
 * grants. A newcomer, who joined in this epoch, takes the signal and one grant with
 * it.
 *
 * Set reads the word and then the count, and changes the word if it is still the
 * same. So does the last who leaves, which reads the count again after the word.
 *
 * WHAT IS PROVEN
 *
 *   - As many are released as if each Set had at once chosen one of those who were
 *     registered, if somebody was. So N Sets release N waiters, whatever Resets fall
 *     between, and however late they run.
 *   - Who sleeps for good while the event is not signaled has seen as many others
 *     released, since it registered, as there were Sets.
 *   - Nobody is released more often than Set was called; and once nobody waits, all
 *     the Sets before are no more than the signal is: one, or after Reset none.
 *   - Whoever joins after Reset is released by none of the Sets before it alone: the
 *     event was set since it joined, or is signaled.
 *
 * What is not claimed is that a Set of long ago, whose Reset has come, never counts
 * for one who came later. It may, while somebody has waited all the time since.
 */

#ifndef WAITERS
#define WAITERS 3
#endif
#ifndef SETS
#define SETS 3
#endif
#ifndef OPENS
#define OPENS 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef KILLS
#define KILLS 0
#endif
#define bit(p) (1 << (p))
#define ALL    (bit(WAITERS) - 1)
#define SETTER WAITERS /* its place among those who read the word */

/* The word, and the gate: who has registered since it was opened. */
bool signaled, crowd;
byte grants, old, epoch;
byte registered;
byte fits; /* who has read the word and the gate, and they are still the same */

byte waiters;
byte asleep, woken, ended;
byte start[WAITERS]; /* the epoch when it joined, or registered last */
bool setting = true;
byte opens, cancels, kills;

/* The judge. */
byte fresh;          /* no Set since they joined */
byte waiting;        /* have registered, and wait */
byte since[WAITERS]; /* Sets, less releases of others, since it registered */
byte crew, granted;  /* how many wait, and how many of them the Sets have chosen */
byte budget;         /* how many the Sets so far may still release */
bool idle;           /* nobody has been counted since all was taken back */
byte i;

#define mine    (start[me] != epoch && grants > 0)
#define ours    (start[me] != epoch && start[me] != epoch - 1 && old > 0)
#define alone   (!(registered & (registered - 1)))
#define quiet   (!setting && (ended | asleep) == ALL)
#define change  fits = 0
#define read(p) fits = fits | bit(p)
#define same(p) (fits & bit(p))
#ifdef BREAK_EPOCH_BY_GATE
#define present registered
#else
#define present crowd
#endif

inline leave() {
	if
	:: waiting & bit(me) -> crew--
	:: else
	fi;
	since[me] = 0; waiting = waiting & ~bit(me); fresh = fresh & ~bit(me)
}

/* Leaves without being released: one less can have been chosen. */
inline giveUp() {
	if
	:: (waiting & bit(me)) && granted > 0 -> granted--
	:: else
	fi;
	leave()
}

inline take(any) {
	change;
	assert(budget > 0); budget--;
	assert(any || !(fresh & bit(me)));
	if
	:: granted > 0 -> granted--
	:: else
	fi;
	do
	:: i < WAITERS -> if :: since[i] > 0 -> since[i]-- :: else fi; i++
	:: else -> i = 0; break
	od;
	leave()
}

inline takeGrant() {
	grants--;
#ifndef BREAK_LAST_GRANT_LEAVES_SIGNAL
	if
	:: !grants -> signaled = false
	:: else
	fi;
#endif
	take(false)
}

inline takeOld() { old--; take(false) }

inline takeBack() { grants = 0; old = 0 }

inline wake() { woken = woken | asleep; asleep = 0 }

inline set(counted) {
	change;
	if
#ifndef BREAK_NEVER_TAKEN_BACK
	:: !counted -> takeBack()
	:: counted && present ->
#else
	:: present ->
#endif
#ifdef BREAK_OLD_DROPPED
		old = grants;
#else
		old = old + grants;
#endif
		grants = 1; epoch++; crowd = false
	:: else -> grants++
	fi;
	signaled = true;
	fresh = 0;
	if
	:: counted -> budget++
	:: else -> budget = 1; idle = !waiters
	fi;
	if
	:: granted < crew -> granted++
	:: else
	fi;
	do
	:: i < WAITERS -> if :: waiting & bit(i) -> since[i]++ :: else fi; i++
	:: else -> i = 0; break
	od;
	if
	:: registered && alone -> wake() /* of the own process: the mark stays */
	:: registered -> wake(); registered = 0
	:: else
	fi
}

/* Who leaves the gate's One(me) takes it away. Nobody can tell then who else has
 * joined since the epoch moved: so the crowd stays. */
inline unregister() {
	if
	:: registered == bit(me) ->
		registered = 0; change;
#ifdef BREAK_LEAVER_CLEARS_CROWD
		crowd = false
#endif
	:: else
	fi
}

inline reset() {
	if
	:: signaled -> change
	:: else
	fi;
	signaled = false;
	if
	:: idle -> budget = 0
	:: else
	fi;
#ifdef BREAK_RESET_TAKES_GRANTS
	takeBack()
#endif
}

inline count() { waiters++; idle = false }

inline die() {
	kills++;
	asleep = asleep & ~bit(me); woken = woken & ~bit(me);
	giveUp(); start[me] = 0; ended = ended | bit(me)
}

proctype Waiter(byte me) {
	bool over;
#ifdef BREAK_COUNTS_SLEEPERS
	bool slept;
#endif
#ifndef BREAK_COUNTED_LATE
	count();
#endif
	atomic {
		if
		:: !crowd -> crowd = true; change
		:: else
		fi;
		start[me] = epoch; fresh = fresh | bit(me)
	};
again:
	atomic { /* look, and take: one compare-and-swap */
		if
		:: kills < KILLS -> die(); goto dead
#ifdef BREAK_NEWEST_FIRST
		:: mine -> takeGrant(); goto done
		:: !mine && ours -> takeOld(); goto done
#else
		:: ours -> takeOld(); goto done
		:: !ours && mine -> takeGrant(); goto done
#endif
#ifdef BREAK_NEWCOMER_TAKES_GRANT
		:: !mine && !ours && (signaled || grants > 0) ->
#else
		:: !mine && !ours && signaled ->
#endif
			i = signaled; /* for the judge */
			signaled = false;
#ifndef BREAK_SIGNAL_WITHOUT_GRANT
			if
			:: grants > 0 -> grants--
			:: else
			fi;
#endif
			if
			:: i -> i = 0; take(true)
			:: !i -> take(false)
			fi;
			goto done
		:: !mine && !ours && !signaled
		fi
	};
	atomic { /* register */
		if
		:: over -> giveUp(); goto done
		:: !over && (mine || ours || signaled) -> goto again
		:: else
		fi;
		if
		:: (registered & bit(me)) && crowd
		:: else -> change
		fi;
		registered = registered | bit(me); crowd = true; start[me] = epoch;
		if
		:: waiting & bit(me)
		:: else -> waiting = waiting | bit(me); crew++
		fi;
		asleep = asleep | bit(me)
	};
#ifdef BREAK_COUNTED_LATE
	count();
#endif
#ifdef BREAK_COUNTS_SLEEPERS
	if
	:: slept -> count()
	:: else -> slept = true
	fi;
#endif
	atomic {
		if
		:: woken & bit(me) ->
			woken = woken & ~bit(me);
#ifdef BREAK_COUNTS_SLEEPERS
			waiters--;
#endif
			goto again
		:: cancels < CANCELS && !over ->
			cancels++; over = true;
			asleep = asleep & ~bit(me); woken = woken & ~bit(me);
			goto again
		:: quiet && !(woken & bit(me)) ->
			assert(!signaled && !granted && !since[me])
		fi
	};
done:	atomic {
		waiters--;
		if
		:: waiters != 0 -> goto left
		:: else
		fi
	};
	read(me); /* the word, and then the count once more */
	atomic {
		if
#ifndef BREAK_LAST_DOES_NOT_COUNT
		:: waiters != 0 -> fits = fits & ~bit(me); goto left
#endif
		:: else
		fi
	};
	atomic {
		if
#ifdef BREAK_LAST_DOES_NOT_COMPARE
		:: true ->
#else
		:: same(me) ->
#endif
#ifndef BREAK_NEVER_TAKEN_BACK
			if
			:: grants || old -> takeBack(); change
			:: else
			fi;
#endif
			budget = signaled; idle = !waiters
		:: else
		fi;
		fits = fits & ~bit(me)
	};
left:	atomic { unregister(); start[me] = 0; ended = ended | bit(me) };
dead:	skip
}

proctype Setter() {
	byte n;
	bool counted;
next:
#ifdef BREAK_COUNT_READ_BEFORE_WORD
	counted = waiters != 0;
#endif
	atomic {
		read(SETTER);
#ifndef BREAK_COUNT_READ_BEFORE_WORD
		counted = waiters != 0
#endif
	};
	atomic {
		if
		:: n < SETS && !same(SETTER) -> goto next
		:: n < SETS && same(SETTER) ->
			n++; set(counted); counted = false;
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
	:: atomic { opens < OPENS && registered -> opens++; wake(); registered = 0; change }
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
