/*
 * The life of a name: create, open, last close, sweep, and death at any step.
 *
 * Atoll has no daemon that counts handles. The kernel counts them: who holds a
 * handle holds a shared lock on byte 0 of the object's file, and the kernel
 * drops that lock when its holder dies, however it dies. This model asks
 * whether the few system calls around that lock keep a name honest.
 *
 * PARTICIPANTS
 *
 *   WRITER   creates or opens (as it likes), holds, closes; may write the file
 *   READER   opens, holds, closes; may only read the file, so it cannot take
 *            an exclusive lock and cannot unlink
 *   SWEEPER  removes what crashes left behind
 *   kernel   keeps the locks, one open file description per process and file
 *   Reaper   kills up to KILLS processes, between any two of their steps
 *   init     starts the others and, when all is over, sweeps once more
 *
 * One atomic block is one system call with the private bookkeeping that goes
 * with it. Nothing here ever waits for a lock (F_OFD_SETLK, not SETLKW).
 *
 * BYTES OF AN OBJECT'S FILE THAT ARE LOCKED
 *
 *   life     byte 0. Shared: "I have this object, or I am certain to get it
 *            unless I die." Exclusive: "nobody has it, and I remove it."
 *   door     another byte, only ever locked shared: "I have seen life, and my
 *            own lock is on its way." It makes an open that is under way
 *            visible to a reader, who can see that an object is dead but
 *            cannot make that final by unlinking it.
 *
 * WHAT IS PROVEN
 *
 *   (a) From the success of a create or open until the start of its close the
 *       name leads to the object that was opened. No unlink takes a name from
 *       an object that somebody holds.
 *   (b) All who hold the name at one time hold the same object.
 *   (c) The dead are not raised. Precisely: every history of the operations
 *       can be put in one order, each operation at a moment between its start
 *       and its end, in which an object exists exactly as long as somebody
 *       holds it. An operation cut short by death may count as done or not.
 *       Two rules say the same in a form that a state can be checked for
 *       (see "The judge" below):
 *         - when an open says "does not exist" of an object that was there
 *           before it started, nobody has a handle to that object, and nobody
 *           ever gets one;
 *         - while nobody has a handle, an object passes only to an open that
 *           was under way when the last handle went: it may count as having
 *           come in time. If another open gets it first, one of those must
 *           still get it (or be killed trying).
 *   (d) When all have ended and a sweep has run, the name leads nowhere. When
 *       nobody was killed and nobody was a mere reader, it does so without a
 *       sweep.
 *   (e) No step leaves a process stuck, and with -DLIVENESS: under a weakly
 *       fair scheduler every process ends, so retries are bounded by what the
 *       others do.
 *
 * WHAT IS ABSTRACTED
 *
 *   One name. Making the file complete before it has a name is one step. A
 *   process does one thing at a time with the name (the library serialises
 *   its own goroutines) and has one description per file. Inodes are not
 *   reused, which the kernel guarantees too while a descriptor refers to one.
 *   Writers that may not unlink (sticky directories) and file sections are
 *   left out, and so are hostile peers.
 */

mtype = { opening, closing, sweeping };

#define WRITER  1
#define READER  2
#define SWEEPER 3

#ifndef KINDS /* who takes part, one kind a process */
#define PROCESSES 3
#define KIND0 WRITER
#define KIND1 WRITER
#define KIND2 READER
#endif
#ifndef ROUNDS /* create-or-open and close, so many times for each process */
#define ROUNDS 1
#endif
#ifndef KILLS
#define KILLS 2
#endif

#define INODES  (PROCESSES * ROUNDS) /* each create brings its own */
#define NOWHERE 0
#define bit(p)  (1 << (p))
#define ALL     (bit(PROCESSES) - 1)

/* What the kernel knows. */
byte name = NOWHERE;         /* the inode the name leads to */
byte shared[INODES + 1];     /* who locks the life byte shared: a bit each */
byte exclusive[INODES + 1];  /* who locks it exclusively: its bit, or 0 */
byte door[INODES + 1];       /* who locks the door byte shared */
byte dead;                   /* who was killed */
byte ended;                  /* who has ended, in either way */

#define others_share(i)      (shared[i] & ~bit(me))
#define others_exclude(i)    (exclusive[i] & ~bit(me))
#define others_at_door(i)    (door[i] & ~bit(me))
#define may_exclude(i)       (!others_share(i) && !others_exclude(i))
#define may_share(i)         (!others_exclude(i))

/* F_OFD_SETLK replaces the lock that the description has, in one step. */
inline take_exclusive(i) { exclusive[i] = bit(me); shared[i] = shared[i] & ~bit(me) }
inline take_shared(i)    { shared[i] = shared[i] | bit(me) }
inline enter_door(i)     { door[i] = door[i] | bit(me) }
inline leave_door(i)     { door[i] = door[i] & ~bit(me) }
inline drop_all(i) {
	shared[i] = shared[i] & ~bit(me);
	exclusive[i] = exclusive[i] & ~bit(me);
	leave_door(i)
}

/*
 * The judge. It watches what the operations answer, knows nothing of locks,
 * and is not part of the protocol: no process decides by it.
 *
 * All of it is about the inode that the name leads to now.
 */
byte holders;            /* have a handle: from success to start of close */
byte closers;            /* have begun to close and not ended */
byte flying;             /* have begun to open or create and not ended */
byte older[PROCESSES];   /* the inode that the name led to when each began */
bool gap;                /* nobody has a handle or is giving one up */
byte heirs;              /* opens under way when the gap began */
bool owed;               /* a stranger got the object in the gap: some heir must too */
bool denied;             /* an open has said that this object does not exist */

inline judge_settle() {
	if
	:: name != NOWHERE && !holders && !closers && !gap ->
		gap = true;
		if
		:: !owed -> heirs = flying
		:: else
		fi
	:: else
	fi
}

inline judge_landed(p) {
	flying = flying & ~bit(p);
	heirs = heirs & ~bit(p);
	older[p] = NOWHERE;
	assert(!owed || heirs) /* (c) nobody is left who can explain the gap */
}

inline judge_begins(p) {
	flying = flying | bit(p);
	older[p] = name;
	judge_settle()
}

inline judge_created(p) {
	assert(!holders); /* (b) */
	holders = bit(p);
	gap = false; denied = false;
	judge_landed(p)
}

inline judge_opened(p, i) {
	assert(name == i); /* (a), (b) */
	assert(!denied);   /* (c) it was said not to exist */
	if
	:: heirs & bit(p) -> gap = false; owed = false; heirs = 0
	:: !(heirs & bit(p)) && gap -> owed = true
	:: else
	fi;
	holders = holders | bit(p);
	judge_landed(p)
}

inline judge_absent(p) {
	if
	:: name != NOWHERE && older[p] == name ->
		assert(!holders); /* (c) it existed before, and it does now */
		denied = true
	:: else
	fi;
	judge_landed(p)
}

inline judge_unlinked() {
	assert(!holders); /* (a) */
	assert(!owed);    /* (c) */
	closers = 0; gap = false; denied = false; heirs = 0;
	judge_settle()
}

inline judge_closing(p) {
	holders = holders & ~bit(p);
	closers = closers | bit(p);
	judge_settle()
}

inline judge_closed(p) {
	closers = closers & ~bit(p);
	judge_settle()
}

/* An open that is killed may count as done, up to the moment of the kill. */
inline judge_killed(p) {
	if
	:: heirs & bit(p) -> owed = false; gap = false; heirs = 0
	:: else
	fi;
	holders = holders & ~bit(p);
	closers = closers & ~bit(p);
	flying = flying & ~bit(p);
	older[p] = NOWHERE;
	judge_settle()
}

/*
 * One process of the library. `fresh` is the inode it makes while it has no
 * name, `i` the inode that its descriptor of the moment refers to.
 */
proctype Process(byte me; byte kind) {
	byte i, fresh, round;
	mtype doing;
	bool creating;

	{
	goto next;
next:
	atomic {
		doing = opening; creating = false; i = NOWHERE; fresh = NOWHERE;
		if
		:: round == ROUNDS -> ended = ended | bit(me); goto end_of_life
		:: else -> round++
		fi;
		if
		:: kind == SWEEPER -> doing = sweeping; goto sweep
		:: kind == READER
		:: kind == WRITER
		:: kind == WRITER -> creating = true
		fi;
		judge_begins(me)
	};

	if
	:: creating ->
		/* Create: complete the file and lock it while it has no name. */
		atomic {
			fresh = me * ROUNDS + round;
#ifndef BREAK_PUBLISH_BEFORE_LOCK
			take_shared(fresh)
#endif
		}
	:: else
	fi;

again:
	if
	:: creating ->
		atomic { /* linkat */
			if
			:: name == NOWHERE ->
				name = fresh;
#ifdef BREAK_PUBLISH_BEFORE_LOCK
				gap = true; heirs = flying
#else
				judge_created(me);
				i = fresh; fresh = NOWHERE;
				goto held
#endif
			:: else -> goto open /* EEXIST */
			fi
		};
#ifdef BREAK_PUBLISH_BEFORE_LOCK
		atomic {
			if
			:: may_share(fresh) ->
				take_shared(fresh); judge_opened(me, fresh);
				i = fresh; fresh = NOWHERE;
				goto held
			:: else -> goto again
			fi
		}
#endif
	:: else
	fi;

open:
	atomic { /* openat */
		i = name;
		if
		:: i == NOWHERE && creating -> goto again
		:: i == NOWHERE && !creating -> judge_absent(me); goto next
		:: else
		fi
	};

#ifdef BREAK_OPEN_DECIDES_AFTER_OWN_LOCK
	atomic {
		if
		:: may_share(i) -> take_shared(i)
		:: else -> goto again
		fi
	};
	atomic {
		if
		:: others_share(i) -> goto which
		:: else
		fi
	};
	atomic {
		if
		:: kind == WRITER && may_exclude(i) -> take_exclusive(i); goto bury
		:: kind == READER -> drop_all(i); judge_absent(me); goto next
		:: else -> drop_all(i); goto again
		fi
	};
#endif

	if
	:: kind == WRITER ->
#ifdef WITHOUT_DOOR
		/* Where nobody is a mere reader, a question comes first, as most
		 * objects live. */
		atomic { /* F_OFD_GETLK on the life byte */
			if
			:: others_share(i) -> goto take
#ifdef BREAK_OPEN_TRUSTS_ANY_LOCK
			:: others_exclude(i) -> goto take
#endif
			:: else
			fi
		};
#endif
		atomic { /* Is it dead? Only the exclusive lock tells and keeps it so. */
			if
			:: may_exclude(i) -> take_exclusive(i); goto bury
			:: else
			fi
		};
#ifdef BREAK_WRITER_TAKES_CONFLICT_FOR_LIFE
		/* The conflict may be the exclusive lock of one who found it dead,
		 * and who is killed before the unlink. */
		goto take
#endif
	:: else ->
#ifdef BREAK_READER_LOCKS_TO_FIND_OUT
		/* A lock taken to find out, and dropped when alone, looks like life
		 * to everybody else in between. */
		atomic { /* F_OFD_GETLK */
			if
			:: may_exclude(i) && !others_at_door(i) -> judge_absent(me); goto next
			:: may_exclude(i) && others_at_door(i) -> goto again
			:: else
			fi
		};
		atomic {
			if
			:: may_share(i) -> take_shared(i)
			:: else -> goto again
			fi
		};
		atomic { /* F_OFD_GETLK */
			if
			:: others_share(i) -> goto which
			:: else -> drop_all(i); goto again
			fi
		};
#endif
		atomic { /* Is it dead? F_OFD_GETLK on the life byte. */
			if
			:: others_share(i) -> goto doorstep
			:: others_exclude(i) -> goto again /* somebody is removing it */
			:: else
#ifdef BREAK_READER_IGNORES_DOOR
				-> judge_absent(me); goto next
#endif
			fi
		};
		/* F_OFD_GETLK on both bytes in one call: nobody has it, and nobody
		 * who saw it alive is still on the way. */
		atomic {
			if
#ifdef BREAK_READER_ASKS_DOOR_APART
			:: !others_at_door(i) -> judge_absent(me); goto next
#else
			:: may_exclude(i) && !others_at_door(i) -> judge_absent(me); goto next
#endif
			:: else -> goto again
			fi
		}
	fi;

doorstep:
#ifndef WITHOUT_DOOR
	enter_door(i);
#endif
	atomic { /* F_OFD_GETLK on the life byte: a shared lock there is life */
		if
		:: others_share(i)
#ifdef BREAK_OPEN_TRUSTS_ANY_LOCK
		:: others_exclude(i)
#endif
		:: else -> drop_all(i); goto again
		fi
	};

take:
	atomic { /* From here on this open is certain to succeed while i has its name. */
		if
		:: may_share(i) -> take_shared(i)
		:: else -> drop_all(i); goto again
		fi
	};
which:
	atomic { /* the path check */
		if
#ifdef BREAK_OPEN_FORGETS_PATH_CHECK
		:: true
#else
		:: name == i
		:: else -> drop_all(i); goto again
#endif
		fi
	};
	atomic { leave_door(i); judge_opened(me, i); fresh = NOWHERE };

held:
	atomic { /* The process has a handle, for as long as it likes. */
		doing = closing;
		judge_closing(me)
	};

	/* Close of the last handle in this process. */
	if
	:: kind == READER -> goto let_go
	:: kind == WRITER -> goto drop /* most likely others have it: only the second try */
	:: kind == WRITER
	fi;
	atomic {
		if
		:: may_exclude(i) -> take_exclusive(i); goto bury
		:: else
		fi
	};
#ifdef BREAK_CLOSE_TRIES_ONCE
	goto let_go;
#endif
drop:
	drop_all(i);
	atomic { /* Of two last closers the later one succeeds here. */
		if
		:: may_exclude(i) -> take_exclusive(i); goto bury
		:: else -> judge_closed(me); goto next
		fi
	};
let_go:
	atomic { drop_all(i); judge_closed(me); goto next };

sweep:
	atomic { /* openat */
		i = name;
		if
		:: i == NOWHERE -> goto next
		:: else
		fi
	};
	atomic {
		if
		:: may_exclude(i) -> take_exclusive(i)
		:: else -> goto next
		fi
	};

	/* Every unlink is: exclusive lock, path check, unlink. */
bury:
	atomic { /* the path check */
		if
#ifdef BREAK_CLOSE_FORGETS_PATH_CHECK
		:: doing == closing
#endif
#ifdef BREAK_SWEEP_FORGETS_PATH_CHECK
		:: doing == sweeping
#endif
		:: name == i
		:: else -> goto buried
		fi
	};
	atomic { /* unlinkat: by name, whatever it leads to by now */
		if
		:: name != NOWHERE -> name = NOWHERE; judge_unlinked()
		:: else
		fi
	};
buried:
	atomic {
		drop_all(i);
		if
		:: doing == opening && creating -> goto again
		:: doing == opening && !creating -> judge_absent(me)
		:: doing == closing -> judge_closed(me)
		:: doing == sweeping
		fi;
		goto next
	};

end_of_life:
	false
	} unless { atomic {
		(dead & bit(me)) ->
		i = NOWHERE; fresh = NOWHERE; round = 0; creating = false; doing = opening
	} };
end_dead:
	false
}

/* Death: the kernel drops every lock of the process, and the file stays. */
inline kill(p) {
	d_step {
		dead = dead | bit(p);
		ended = ended | bit(p);
		f = 1;
		do
		:: f <= INODES ->
			shared[f] = shared[f] & ~bit(p);
			exclusive[f] = exclusive[f] & ~bit(p);
			door[f] = door[f] & ~bit(p);
			f++
		:: else -> break
		od;
		f = 0;
		judge_killed(p);
		kills++
	}
}

byte kills;

proctype Reaper() {
	byte f;
end:	do
	:: atomic { kills < KILLS -> kills = KILLS } /* and no more: who could still be killed never counts as stuck */
	:: atomic { kills < KILLS && !(ended & bit(0)) -> kill(0) }
	:: atomic { kills < KILLS && !(ended & bit(1)) -> kill(1) }
	:: atomic { kills < KILLS && !(ended & bit(2)) -> kill(2) }
#if PROCESSES > 3
	:: atomic { kills < KILLS && !(ended & bit(3)) -> kill(3) }
#endif
	od
}

init {
	atomic {
		run Process(0, KIND0);
		run Process(1, KIND1);
		run Process(2, KIND2);
#if PROCESSES > 3
		run Process(3, KIND3);
#endif
		run Reaper()
	};
	d_step {
		ended == ALL ->
		assert(!owed);
#ifdef ONLY_WRITERS
		assert(dead || name == NOWHERE); /* (d) nothing to sweep */
#endif
		if /* the last sweep: nobody lives, so the lock is free */
		:: name != NOWHERE ->
			assert(!shared[name] && !exclusive[name]);
			name = NOWHERE;
			judge_unlinked()
		:: else
		fi
	};
	assert(name == NOWHERE) /* (d) */
}

#ifdef LIVENESS
ltl all_end { <> (ended == ALL) } /* (e) */
#endif
