/*
 * A process closes its handles of a mutex while a thread of it owns that. The handle
 * that is closed is left to the thread, so that the process stays a member as long as
 * the mutex names it. The thread gives the mutex up, or ends, at the same time.
 *
 * PARTICIPANTS
 *
 *   Owner    a thread that takes the mutex and gives it up, ROUNDS times, through a
 *            handle of its own. Then it may take it once more and end: somebody gives it
 *            up for it, who uses no handle
 *   Closer   closes a handle; HANDLES of them, and one for that of the Owner
 *
 * They are goroutines of one process. One atomic block is one step on shared words.
 *
 * THE WORDS
 *
 *   named    the cell says that this process owns the mutex
 *   owner    a thread does, as the process has it
 *   left     the handle that was left to the thread; 0: none
 *   members  how many handles keep the process a member
 *   giving   the lock under which a handle is left, and a mutex given up for another
 *
 * WHAT IS PROVEN
 *
 *   - While the cell names the process, it is a member.
 *   - In the end all handles are closed, each once, and nothing is left.
 */

#ifndef HANDLES
#define HANDLES 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

bool named, owner, giving;
byte left, done, ended;
byte members = HANDLES + 1;

/* A handle's end. */
inline end(handle) {
	atomic {
		assert((ended & (1 << handle)) == 0);
		ended = ended | (1 << handle);
		members--;
		assert(!named || members > 0)
	}
}

inline takeLeft() { atomic { got = left; left = 0 } }

inline endTaken() {
	if
	:: got != 0 -> end(got)
	:: else
	fi;
	got = 0
}

inline lockGiving() {
#ifdef BREAK_NO_LOCK
	skip
#else
	atomic { !giving -> giving = true }
#endif
}

inline unlockGiving() { giving = false }

proctype Closer(byte handle) {
	byte got;
	bool mine;
	lockGiving();
	if
	:: owner -> atomic {
		mine = left == 0;
		if
		:: mine -> left = handle
		:: else
		fi }
	:: else
	fi;
#ifdef BREAK_LATE
	got = !owner;
	unlockGiving();
	if
	:: mine && got -> takeLeft()
	:: else -> got = 0
	fi;
#else
#ifndef BREAK_TRUSTS
	if
	:: mine && !owner -> takeLeft()
	:: else
	fi;
#endif
	unlockGiving();
#endif
	if
	:: !mine -> end(handle)
	:: else -> endTaken()
	fi;
	done++
}

proctype Owner() {
	byte got, round;
	do
	:: round < ROUNDS ->
		named = true;
		owner = true;
		owner = false;
		named = false;
		takeLeft();
		endTaken();
		round++
	:: else -> break
	od;
	if
	:: run Closer(HANDLES + 1)
	:: named = true;
		owner = true;
		run Closer(HANDLES + 1);
		lockGiving();
		owner = false;
		named = false;
#ifndef BREAK_DOES_NOT_LOOK
		takeLeft();
#endif
		unlockGiving();
		endTaken()
	fi;
	done++
}

init {
	byte i = 1;
	atomic {
		run Owner();
		do
		:: i <= HANDLES -> run Closer(i); i++
		:: else -> break
		od
	};
	done == HANDLES + 2;
	assert(members == 0 && left == 0)
}
