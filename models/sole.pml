/*
 * The only handle that a process has of a mutex: it owns the mutex if the cell says
 * that the process does, and nothing else is written down. The second handle ends
 * that while Locks and Unlocks are under way.
 *
 * PARTICIPANTS
 *
 *   User     locks and unlocks through the first handle, ROUNDS times; USERS
 *            goroutines take turns, as the mutex lets them
 *   Opener   opens the second handle: ends the time of the only one, under giving,
 *            and then locks and unlocks through its own
 *   Closer   closes the first handle when nobody uses it any more: it owns nothing
 *   Visitor  waits for the mutex and gives up: says in the cell that the process
 *            sleeps, and takes that back
 *
 * They are goroutines of one process. One atomic block is one step on shared words.
 *
 * THE WORDS
 *
 *   mine     the word of the cell: this process owns the mutex
 *   mark     the gate of the cell: this process sleeps. No fast path fits
 *   pinned   the mark stays, whoever gives up waiting
 *   sole     the first handle is the only one
 *   owner    the handle that owns the mutex, once there are two
 *   giving   the lock under which sole ends, and an Unlock gives that is not quick
 *
 * WHAT IS PROVEN
 *
 *   - No two are inside at once.
 *   - Whoever has locked can unlock: it is never told that its handle is not the
 *     owner, nor finds that the cell says something else.
 *   - Who closes the first handle after its last Unlock abandons nothing.
 *   - In the end the mutex is free, no handle is its owner, and the fast paths fit.
 *
 * WHAT IS ABSTRACTED
 *
 *   The wait for a mutex that is not free is a step that becomes possible when it
 *   is: cell.pml has the rest, also other processes, whose sleep marks the cell like
 *   that of this one.
 */

#ifndef USERS
#define USERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define FIRST  1
#define SECOND 2

bool mine, mark, pinned, giving;
bool sole = true;
byte owner, waiting;
byte inside, ended, done;

inline lock(handle) {
	if
	:: handle == FIRST -> seen = sole
	:: else -> seen = false
	fi;
	did = false;
	if
	:: seen -> atomic { if :: !mine && !mark -> mine = true; did = true :: else fi };
		if
		:: did -> seen = sole /* still? */
		:: else -> seen = false
		fi
	:: else
	fi;
	if
	:: seen /* it has taken it, and was the only one to the end */
	:: else ->
		if
		:: did
		:: else -> atomic { !mine -> mine = true }
		fi;
		if /* own */
		:: handle == FIRST && sole
		:: else -> owner = handle
		fi
	fi;
	atomic { assert(inside == 0); inside++ }
}

inline unlock(handle) {
	atomic { inside--; did = false };
	if
	:: handle == FIRST -> seen = sole
	:: else -> seen = false
	fi;
	if
	:: seen -> atomic { if :: mine && !mark -> mine = false; did = true :: else fi }
#ifdef BREAK_LOOKS_AFTERWARDS
		if
		:: did && !sole -> atomic { if :: owner == FIRST -> owner = 0 :: else fi }
		:: else
		fi
#endif
	:: else
	fi;
	if
	:: did
	:: else ->
		owns = owner == handle;
		if
		:: owns -> owner = 0;
			atomic { if :: mine && !mark -> mine = false; did = true :: else fi }
		:: else
		fi
	fi;
	if
	:: did
	:: else ->
#ifndef BREAK_GIVES_WITHOUT_LOCK
		atomic { !giving -> giving = true };
#endif
		assert(owns || owner == handle || handle == FIRST && sole && mine);
		owner = 0;
		atomic { assert(mine); mine = false };
		atomic { pinned = false; mark = waiting > 0 };
#ifndef BREAK_GIVES_WITHOUT_LOCK
		giving = false
#endif
	fi
}

active [USERS] proctype User() {
	bool seen, did, owns;
	byte round;
	do
	:: round < ROUNDS -> lock(FIRST); unlock(FIRST); round++
	:: else -> break
	od;
	atomic { seen = false; did = false; owns = false; round = 0; ended++; done++ }
}

/* What the cell says is written down. The caller holds giving. */
inline endSole() {
	if
	:: sole ->
		sole = false;
#if defined(BREAK_NO_PIN) || defined(BREAK_LOOKS_AFTERWARDS)
		did = mine;
#else
		atomic { did = mine; if :: mine -> mark = true; pinned = true :: else fi };
#endif
		if
		:: did -> owner = FIRST
		:: else
		fi
	:: else
	fi
}

active proctype Opener() {
	bool seen, did, owns;
	atomic { !giving -> giving = true };
	endSole();
	giving = false;
	lock(SECOND);
	unlock(SECOND);
	atomic { seen = false; did = false; owns = false; ended++ }
}

active proctype Closer() {
	bool did;
	atomic { done == USERS && !giving -> giving = true };
	endSole();
	assert(owner != FIRST);
	giving = false;
	atomic { did = false; ended++ }
}

active proctype Visitor() {
	if
	:: atomic { mine -> mark = true; waiting++ }
#ifdef BREAK_VISITOR_UNPINS
		atomic { waiting--; mark = false }
#else
		atomic { waiting--; mark = pinned }
#endif
	:: true
	fi;
	ended++
}

active proctype Judge() {
	atomic { ended == USERS + 3 -> assert(!mine && !mark && !owner && !pinned) }
}
