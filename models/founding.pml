/*
 * Founding a private namespace: several who would, one who does, and death at any
 * step.
 *
 * Nobody outside the boundary may be able to decide who founds, so there is no
 * common name and no common lock: each founder has a record of its own, which only
 * it can write, and looks at those of the others.
 *
 * PARTICIPANTS
 *
 *   Founder  makes a record, claims the namespace, looks at the others, founds it or
 *            gives up; a founder holds it for a while and closes it; ROUNDS times
 *   kernel   keeps the lock on byte 0 of each record
 *   Reaper   kills up to KILLS founders, between any two of their steps
 *
 * One atomic block is one system call with the private bookkeeping that goes with
 * it.
 *
 * A RECORD
 *
 *   held     byte 0 is locked exclusively: since before the record had its name,
 *            until its founder closes the namespace, gives up, or dies
 *   says     the first byte. It counts only while the record is held
 *
 * Which of two goes before is told by their names, in an order that is the same for
 * all; here it is the number.
 *
 * WHAT IS PROVEN
 *
 *   (a) Never are two records held that say "founded".
 *   (b) Who gives up has seen one that was held and said so. So if nobody is killed,
 *       somebody has founded.
 *   (c) No step leaves a founder stuck, and with -DLIVENESS: under a weakly fair
 *       scheduler each founds or gives up, whoever dies.
 *
 * WHAT IS ABSTRACTED
 *
 *   Proofs of the boundary: who is outside has no record that counts. Making the
 *   record complete is one step. Waiting for a claim to be decided is a step that
 *   becomes possible when it is; the library looks again and again.
 */

#ifndef FOUNDERS
#define FOUNDERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#define RECORDS (FOUNDERS * ROUNDS)
#define ALL ((1 << FOUNDERS) - 1)
#define bit(n) (1 << (n))

/* What a record says. */
#define NOTHING   0 /* there is none, or its founder has closed it or died */
#define PREPARING 1 /* not heeded by others */
#define CLAIMING  2
#define FOUNDED   3

bool held[RECORDS];
byte says[RECORDS];
byte ended, dead; /* sets of founders */
byte winners;     /* how often it was founded */
byte kills;

/* undecided: whoever made record r may yet found. */
#ifdef BREAK_STATE_WITHOUT_LOCK
#define undecided(r) (says[r] == CLAIMING)
#else
#define undecided(r) (held[r] && says[r] == CLAIMING)
#endif

/* Reading a record: F_OFD_GETLK on byte 0, then the first byte. */
#ifdef BREAK_STATE_WITHOUT_LOCK
#define ask(r) alive = true
#else
#define ask(r) alive = held[r]
#endif
#define read_state(r) \
	if \
	:: alive -> seen = says[r] \
	:: else -> seen = NOTHING \
	fi

inline list_records() {
	listed = 0;
	r = 0;
	do
	:: r < RECORDS ->
		if
		:: says[r] != NOTHING -> listed = listed | bit(r)
		:: else
		fi;
		r++
	:: else -> break
	od;
	r = 0
}

/* (a) */
inline judge_founded() {
	r = 0;
	do
	:: r < RECORDS ->
		assert(r == mine || !held[r] || says[r] != FOUNDED);
		r++
	:: else -> break
	od;
	r = 0;
	winners++
}

proctype Founder(byte me) {
	byte round, mine, r, listed, seen;
	bool alive;
	{
	round = 0;
next:
	atomic { /* the record is locked before it has its name */
		if
		:: round == ROUNDS -> ended = ended | bit(me); goto end_of_life
		:: else
		fi;
		mine = me * ROUNDS + round;
		round++;
		held[mine] = true;
		says[mine] = PREPARING
	};

claim:
#ifdef BREAK_LISTS_BEFORE_CLAIM
	atomic { list_records() };
#endif
#ifndef BREAK_LOOKS_BEFORE_CLAIM
	atomic { says[mine] = CLAIMING };
#endif
#ifndef BREAK_LISTS_BEFORE_CLAIM
	atomic { list_records() };
#endif

look:
	atomic {
		do
		:: r < RECORDS && (r == mine || !(listed & bit(r))) -> r++
		:: else -> break
		od;
		if
		:: r == RECORDS -> r = 0; goto won
		:: else -> ask(r)
		fi
	};
	atomic {
		read_state(r);
		if
		:: seen == FOUNDED -> goto lost
#ifndef BREAK_IGNORES_STRONGER
		:: seen == CLAIMING && r < mine -> goto withdraw
#endif
#ifndef BREAK_IGNORES_WEAKER
		:: seen == CLAIMING && r > mine -> goto wait
#endif
		:: else -> r++; goto look
		fi
	};
wait:
	atomic { !undecided(r) -> goto look }; /* and see what it says now */

withdraw:
#ifndef BREAK_KEEPS_CLAIM
	atomic { says[mine] = PREPARING };
#endif
await:
	atomic { !undecided(r) -> ask(r) };
	atomic {
		read_state(r);
		if
		:: seen == CLAIMING -> goto await
		:: seen == FOUNDED -> goto lost
		:: else -> r = 0; goto claim
		fi
	};

won:
	atomic { says[mine] = FOUNDED; judge_founded() };
	atomic { held[mine] = false; seen = NOTHING; listed = 0; goto next }; /* it closes it */

lost:
	atomic { held[mine] = false; says[mine] = NOTHING; r = 0; seen = NOTHING; listed = 0; alive = false; goto next };

end_of_life:
	false
	} unless { atomic {
		(dead & bit(me)) ->
		round = 0; mine = 0; r = 0; listed = 0; seen = NOTHING; alive = false
	} };
end_dead:
	false
}

/* Death: the kernel drops the lock, and what the record says stays. */
inline kill(p) {
	d_step {
		dead = dead | bit(p);
		ended = ended | bit(p);
		k = p * ROUNDS;
		do
		:: k < (p + 1) * ROUNDS -> held[k] = false; k++
		:: else -> break
		od;
		k = 0;
		kills++
	}
}

proctype Reaper() {
	byte k;
end:	do
	:: atomic { kills < KILLS -> kills = KILLS } /* and no more: who could still be killed never counts as stuck */
	:: atomic { kills < KILLS && !(ended & bit(0)) -> kill(0) }
	:: atomic { kills < KILLS && !(ended & bit(1)) -> kill(1) }
#if FOUNDERS > 2
	:: atomic { kills < KILLS && !(ended & bit(2)) -> kill(2) }
#endif
	od
}

init {
	atomic {
		run Founder(0);
		run Founder(1);
#if FOUNDERS > 2
		run Founder(2);
#endif
		run Reaper()
	};
	d_step {
		ended == ALL ->
		assert(dead || winners > 0) /* (b) */
	}
}

#ifdef LIVENESS
ltl all_end { <> (ended == ALL) } /* (c) */
#endif
