/*
 * Share modes of a file, and what sections impose on it: several who open it, who make
 * it shorter, who make sections over it, and death at any step.
 *
 * PARTICIPANTS
 *
 *   Opener   opens the file to do some things and to forbid some; has it open for a
 *            while and closes it; ROUNDS times
 *   Cutter   makes the file shorter
 *   Maker    makes a section, and looks at the file's size
 *   kernel   keeps the locks of each description
 *   Reaper   kills up to KILLS of them, between any two of their steps
 *
 * One atomic block is one system call with the private bookkeeping that goes with
 * it. All locks are shared ones, so none is ever refused: to take one is one step, to
 * ask for those of others another.
 *
 * THE LOCKS, each a set of two rights, which stand for all three
 *
 *   wants, denies    of whoever is still deciding
 *   does, forbids    of whoever has the file open
 *   cutting          somebody makes the file shorter, or is about to
 *   over             there is a section
 *
 * WHAT IS PROVEN
 *
 *   (a) Never have two the file open of whom one does what the other forbids.
 *   (b) The file is never made shorter under a section whose maker has looked at the
 *       file's size.
 *   (c) No step leaves anybody stuck.
 *
 * WHAT IS ABSTRACTED
 *
 *   Two who both want what the other forbids step back and come again as often as they
 *   like; the library stops after forty times, and sleeps for random times. Waiting for
 *   a cutter is a step that becomes possible when it has done; the library gives up
 *   after a second, because a cutter can be stopped.
 */

#ifndef OPENERS
#define OPENERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifdef SECTIONS
#define ALL 3
#else
#define ALL ((1 << OPENERS) - 1)
#endif
#define bit(n) (1 << (n))

byte wants[3], denies[3], does[3], forbids[3];
byte cutting, over; /* sets of descriptions */
byte looked;        /* makers who have looked at the size */
bool open[3];
byte ended, dead, kills;

/* F_OFD_GETLK: has anybody else one of the bytes? */
#define others(lock, set) \
	((me != 0 && (lock[0] & (set))) || (me != 1 && (lock[1] & (set))) || (me != 2 && (lock[2] & (set))))

/* (a) */
#define clash(p) (p != me && open[p] && ((does[p] & forbids[me]) || (forbids[p] & does[me])))

inline let_go() { wants[me] = 0; denies[me] = 0 }

proctype Opener(byte me) {
	byte round, a, f;
	bool contested, lost;
	{
	round = 0;
next:
	atomic {
		contested = false; lost = false; a = 0; f = 0;
		if
		:: round == ROUNDS -> ended = ended | bit(me); goto end_of_life
		:: else
		fi;
		round++;
		if :: a = 1 :: a = 2 :: a = 3 fi;
		if :: f = 0 :: f = 1 :: f = 2 :: f = 3 fi
	};

again:
#ifndef BREAK_LOOKS_FIRST
	atomic { contested = false; lost = false; wants[me] = a };
	atomic { denies[me] = f };
#endif
#ifdef BREAK_SETTLED_FIRST
	atomic { lost = others(does, f) };
	atomic { lost = lost || others(forbids, a) };
#endif
#ifndef BREAK_IGNORES_THE_UNDECIDED
	atomic { contested = others(wants, f) };
	atomic { contested = contested || others(denies, a) };
#endif
#ifndef BREAK_SETTLED_FIRST
	atomic { lost = others(does, f) };
	atomic { lost = lost || others(forbids, a) };
#endif
#ifdef BREAK_LOOKS_FIRST
	atomic { wants[me] = a };
	atomic { denies[me] = f };
#endif
	if
	:: atomic { lost -> let_go(); goto next }
	:: atomic { !lost && contested -> let_go(); goto again }
	:: atomic { !lost && !contested -> skip }
	fi;

#ifdef BREAK_LETS_GO_FIRST
	atomic { let_go() };
#endif
	atomic { does[me] = a };
	atomic {
		forbids[me] = f;
		open[me] = true;
		assert(!clash(0) && !clash(1) && !clash(2))
	};
#ifndef BREAK_LETS_GO_FIRST
	atomic { let_go() };
#endif
	atomic { open[me] = false; does[me] = 0; forbids[me] = 0; goto next }; /* it closes it */

end_of_life:
	false
	} unless { atomic {
		(dead & bit(me)) -> round = 0; a = 0; f = 0; contested = false; lost = false
	} };
end_dead:
	false
}

proctype Cutter(byte me) {
	byte round;
	bool mapped;
	{
	round = 0;
next:
	atomic {
		mapped = false;
		if
		:: round == ROUNDS -> ended = ended | bit(me); goto end_of_life
		:: else -> round++
		fi
	};
#ifdef BREAK_CUTTER_LOOKS_FIRST
	atomic { mapped = over != 0 };
#endif
	atomic { cutting = cutting | bit(me) };
#ifndef BREAK_CUTTER_LOOKS_FIRST
	atomic { mapped = over != 0 };
#endif
	if
	:: atomic { !mapped -> assert(!looked) } /* (b): ftruncate */
	:: mapped
	fi;
	atomic { cutting = cutting & ~bit(me); goto next };
end_of_life:
	false
	} unless { atomic { (dead & bit(me)) -> round = 0; mapped = false } };
end_dead:
	false
}

proctype Maker(byte me) {
	byte round;
	{
	round = 0;
next:
	atomic {
		if
		:: round == ROUNDS -> ended = ended | bit(me); goto end_of_life
		:: else -> round++
		fi
	};
#ifdef BREAK_MAKER_WAITS_FIRST
	atomic { cutting == 0 };
#endif
	atomic { over = over | bit(me) };
#ifndef BREAK_MAKER_WAITS_FIRST
#ifndef BREAK_MAKER_DOES_NOT_WAIT
	atomic { cutting == 0 };
#endif
#endif
	atomic { looked = looked | bit(me) }; /* fstat */
	atomic { looked = looked & ~bit(me); over = over & ~bit(me); goto next };
end_of_life:
	false
	} unless { atomic { (dead & bit(me)) -> round = 0 } };
end_dead:
	false
}

/* Death: the kernel drops the locks. */
inline kill(p) {
	d_step {
		dead = dead | bit(p);
		ended = ended | bit(p);
		wants[p] = 0; denies[p] = 0; does[p] = 0; forbids[p] = 0; open[p] = false;
		cutting = cutting & ~bit(p); over = over & ~bit(p); looked = looked & ~bit(p);
		kills++
	}
}

proctype Reaper() {
end:	do
	:: atomic { kills < KILLS -> kills = KILLS } /* and no more */
	:: atomic { kills < KILLS && !(ended & bit(0)) -> kill(0) }
	:: atomic { kills < KILLS && !(ended & bit(1)) -> kill(1) }
#if OPENERS > 2
	:: atomic { kills < KILLS && !(ended & bit(2)) -> kill(2) }
#endif
	od
}

init {
	atomic {
#ifdef SECTIONS
		run Cutter(0);
		run Maker(1);
#else
		run Opener(0);
		run Opener(1);
#if OPENERS > 2
		run Opener(2);
#endif
#endif
		run Reaper()
	};
	d_step { ended == ALL -> skip }
}
