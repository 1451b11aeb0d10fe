/*
 * SWIM's suspicion and refutation in the order of claims that memberlist has, and the package
 * gossip/swim. The network is a set of claims that only grows: who hears one may hear it late, again,
 * before an older one, or never, as if it was lost. See README.md.
 */
#ifndef N
#define N 3         /* members 0 ... N-1 */
#endif
#ifndef SUBJECTS
#define SUBJECTS N  /* of whom something is said: the first so many */
#endif
#ifndef MAX
#define MAX 1       /* incarnations are 0 ... MAX, 1 or 2; the machines begin with 1 */
#endif

/* A claim is an incarnation and a status, in the order in which they overrule each other. */
#define ALIVE   0
#define SUSPECT 1
#define DEAD    2
#define CLAIMS  (3 * MAX + 3)
#define NONE    255
#define status(c)           ((c) % 3)
#define inc(c)              ((c) / 3)
#define claim(k, s)         (3 * (k) + (s))
#define at(a, b)            ((a) * N + (b))
#define has(set, x)         ((set) >> (x) & 1)

byte view[N * N];       /* view[at(a, b)]: the claim about b that a believes */
byte own[N];            /* a member's incarnation */
short claims[N];        /* claims[b]: what was said about b, a mask */
byte dead;              /* who has crashed, a mask */
hidden byte i, j, x, y, undelivered;
hidden short weight, voice;

#define lives(a)            (!has(dead, a))
/* a, which believes v of another, believes c after it has heard that: GO-FD-08, GO-FD-13, GO-FD-17 */
#define adopts(v, c)        (status(c) == ALIVE && inc(c) > inc(v) || \
                             status(c) == SUSPECT && inc(c) >= inc(v) && status(v) == ALIVE || \
                             status(c) == DEAD && inc(c) >= inc(v) && status(v) != DEAD)
/* b has to answer c, which is about itself: GO-FD-12 */
#define accuses(b, c)       (status(c) != ALIVE && inc(c) >= own[b])

#ifdef EDGES
#include "edges.pml"
#else
#define before()            weigh(); weight = voice
#define after(event, a, b, c) survey()
#endif

/* The sum of all that events raise. */
inline weigh() {
	voice = 100 * dead;     /* views that are gone weigh less */
	for (i : 0 .. SUBJECTS-1) {
		voice = voice + own[i] + claims[i];
		for (j : 0 .. N-1) { voice = voice + (lives(j) -> view[at(j, i)] : 0) }
	}
}

/* Asserts what has to hold; every event ends here. */
inline survey() {
	for (i : 0 .. SUBJECTS-1) {
		undelivered = 0; x = CLAIMS;
		for (j : 0 .. N-1) {
			if
			:: j != i && lives(j) ->
				assert(inc(view[at(j, i)]) <= own[i]);		/* NoInvention */
				assert(has(claims[i], view[at(j, i)]));		/* Justified */
				for (y : 0 .. CLAIMS-1) {
					undelivered = undelivered | (has(claims[i], y) && adopts(view[at(j, i)], y))
				}
			:: else fi
		}
		for (y : 0 .. CLAIMS-1) {
			undelivered = undelivered | (lives(i) && has(claims[i], y) && accuses(i, y))
		}
		for (j : 0 .. N-1) {
			if
			:: j != i && lives(j) && !undelivered ->				/* all is delivered */
				assert(x == CLAIMS || status(x) == status(view[at(j, i)]));	/* Agreement */
				x = view[at(j, i)];
				assert(!lives(i) || status(x) == ALIVE)			/* Cleared */
			:: else fi
		}
	}
	weigh();
	assert(voice > weight)							/* Progress */
}

inline believe(a, b, c) {
	assert(c > view[at(a, b)]);						/* Precedence */
	view[at(a, b)] = c
}

inline say(b, c) { claims[b] = claims[b] | 1 << (c) }

/* A probe fails. A member of the last incarnation is no longer suspected wrongly. */
inline Suspect(a, b) {
	d_step {
		lives(a) && status(view[at(a, b)]) == ALIVE && (has(dead, b) || inc(view[at(a, b)]) < MAX) -> before();
		x = claim(inc(view[at(a, b)]), SUSPECT);
		believe(a, b, x); say(b, x);
		after(Suspect, a, b, NONE)
	}
}

/* The time under suspicion is over. */
inline Condemn(a, b) {
	d_step {
		lives(a) && status(view[at(a, b)]) == SUSPECT -> before();
		x = claim(inc(view[at(a, b)]), DEAD);
		believe(a, b, x); say(b, x);
		after(Condemn, a, b, NONE)
	}
}

inline Hear(a, b, c) {
	d_step {
		lives(a) && has(claims[b], c) && adopts(view[at(a, b)], c) -> before();
		believe(a, b, c);
		after(Hear, a, b, c)
	}
}

inline Refute(b, c) {
	d_step {
		lives(b) && has(claims[b], c) && accuses(b, c) -> before();
		own[b] = inc(c) + 1;
		say(b, claim(own[b], ALIVE));
		after(Refute, b, NONE, c)
	}
}

inline Crash(b) {
	d_step {
		lives(b) -> before();
		dead = dead | 1 << b;
		for (i : 0 .. N-1) { view[at(b, i)] = 0 }
		after(Crash, b, NONE, NONE)
	}
}

proctype Observer(byte me, subject) {
end:	do
	:: Suspect(me, subject) :: Condemn(me, subject)
	:: Hear(me, subject, 1) :: Hear(me, subject, 2) :: Hear(me, subject, 3)
	:: Hear(me, subject, 4) :: Hear(me, subject, 5)
#if MAX > 1
	:: Hear(me, subject, 6) :: Hear(me, subject, 7) :: Hear(me, subject, 8)
#endif
	od
}
proctype Subject(byte me) {
end:	do
	:: Refute(me, 1) :: Refute(me, 2)
#if MAX > 1
	:: Refute(me, 4) :: Refute(me, 5)
#endif
	od
}
proctype Mortal(byte me) {
end:	do
	:: Crash(me)
	od
}

/* Everybody has heard that everybody is alive, of the first incarnation. */
init {
	atomic {
		for (x : 0 .. N-1) {
			run Mortal(x);
			if
			:: x < SUBJECTS ->
				say(x, claim(0, ALIVE));
				run Subject(x);
				for (y : 0 .. N-1) {
					if
					:: y != x -> run Observer(y, x)
					:: else
					fi
				}
			:: else
			fi
		}
	}
}
