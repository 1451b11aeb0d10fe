/*
 * Ring maintenance of Chord as P. Zave corrected it (IEEE TSE 43(12), 2017), in
 * shared-state form: a query, its answer and all that follows are one step. See README.md.
 */
#ifndef N
#define N 4         /* identifiers 0 ... N-1, clockwise on the circle; 4 or 5 */
#endif
#ifndef R
#define R 2         /* entries of a successor list, 2 to N-1 */
#endif
#define NONE N

/* What a member knows. Of others all is zero. */
typedef Node {
	byte succ[R];       /* the nearest first; some may be dead, and at the end some NONE */
	byte prdc;          /* it may be dead */
	byte candidate;     /* a better successor to ask next; NONE: no stabilization is under way */
	byte rectifyWith    /* the best of those that have notified; NONE: nobody has */
}
Node node[N];
byte members;           /* sets of identifiers are masks of bits */
byte mayFail;           /* whom the assumptions allow to fail; survey() derives it */
bool ideal;             /* the ring is as it should be; survey() derives it */
#ifdef CONVERGE
bool quiet;             /* nobody joins or fails any more */
ltl converge { [] (quiet -> <> [] ideal) }      /* CHORD-INV-011 */
#else
#define quiet false
#endif
hidden byte h, i, j, k, m, x, y, live, seen, skipped, principals, ring, best[N+1], at[N];

#define has(set, a)       ((set) >> (a) & 1)
#define isMember(a)       has(members, a)
#define arc(a, b)         ((a) < (b) -> (1 << (b)) - (2 << (a)) : (1 << N) - 1 & ~((2 << (a)) - (1 << (b))))
#define between(a, b, c)  has(arc(a, c), b)     /* strictly, going clockwise from a */

#ifdef EDGES
#include "edges.pml"
#else
#define before()
#define after(event, a, b) survey()
#endif

/* Asserts the invariant (CHORD-INV-001, 002) and what follows from it; every event ends here. */
inline survey() {
	skipped = 0; mayFail = members; best[NONE] = NONE;
	for (m : 0 .. N-1) {
		best[m] = NONE; at[m] = NONE;
		if
		:: isMember(m) ->
			at[m] = m; live = 0; seen = 1 << m; x = m;
			for (i : 0 .. R-1) {
				y = node[m].succ[i];
				if
				:: y != NONE ->
					for (j : 0 .. i-1) {			/* CHORD-INV-003 OrderedSuccessorLists */
						assert(between(m, node[m].succ[j], y));
						for (k : 0 .. j-1) {
							assert(between(node[m].succ[k], node[m].succ[j], y))
						}
					}
					assert(!has(seen, y));			/* CHORD-INV-004 NoDuplicates */
					seen = seen | 1 << y;
					skipped = skipped | arc(x, y);
					best[m] = (best[m] == NONE && isMember(y) -> y : best[m]);
					live = live | members & 1 << y;
					x = y
				:: else fi
			}
			assert(live != 0);					/* CHORD-INV-001 OneLiveSuccessor */
			mayFail = mayFail & ~((live & live - 1) == 0 -> live : 0)
		:: else fi
	}
	for (i : 1 .. N) { for (m : 0 .. N-1) { at[m] = best[at[m]] } }         /* N steps end in a ring */
	principals = members & ~skipped; h = 0; ring = 0;
	for (m : 0 .. N-1) {
		h = h + has(principals, m);
		assert(!isMember(m) || at[m] != NONE);				/* CHORD-INV-010 ConnectedAppendages */
		ring = ring | (isMember(m) -> 1 << at[m] : 0);
		x = (isMember(m) -> at[m] : x)
	}
	assert(ring != 0);							/* CHORD-INV-007 AtLeastOneRing */
	assert((principals & ~ring) == 0);					/* CHORD-INV-006 PrincipalsInRing */
	seen = 0; ideal = (ring == members);
	for (m : 0 .. N-1) {
		seen = seen | 1 << x; x = best[x];
		assert(!has(ring, m) || (arc(m, best[m]) & ring) == 0);		/* CHORD-INV-009 OrderedRing */
		y = node[m].succ[0];
		ideal = ideal && (!isMember(m) || isMember(y) && node[y].prdc == m);
		for (i : 1 .. R-1) {
			ideal = ideal && (!isMember(m) || node[y].succ[0] == node[m].succ[i]);
			y = node[m].succ[i]
		}
	}
	assert((ring & ~seen) == 0);						/* CHORD-INV-008 AtMostOneRing */
	mayFail = mayFail & ~(h == R + 1 -> principals : 0);
	assert(h >= R + 1)							/* CHORD-INV-002 SufficientPrincipals */
}

inline adopt(a, b) {            /* a takes over the list of b, which is live, behind b itself */
	node[a].succ[0] = b;
	for (i : 1 .. R-1) { node[a].succ[i] = node[b].succ[i-1] }
}

inline notify(a, b) {           /* a tells b that b is its successor; the best notifier stays */
	if
	:: isMember(b) && (node[b].rectifyWith == NONE || between(node[b].rectifyWith, a, b)) ->
		node[b].rectifyWith = a
	:: else fi
}

inline Join(a, via) {
	d_step {
		!quiet && !isMember(a) && isMember(via) && between(via, a, node[via].succ[0]) -> before();
		members = members | 1 << a;
		for (i : 0 .. R-1) { node[a].succ[i] = node[via].succ[i] }
		node[a].prdc = via; node[a].candidate = NONE; node[a].rectifyWith = NONE;
		after(Join, a, via)
	}
}

inline Fail(a) {
	d_step {
		!quiet && has(mayFail, a) -> before();
		members = members & ~(1 << a);
		for (i : 0 .. R-1) { node[a].succ[i] = 0 }
		node[a].prdc = 0; node[a].candidate = 0; node[a].rectifyWith = 0;
		after(Fail, a, NONE)
	}
}

inline StabilizeFromSuccessor(a) {
	d_step {
		isMember(a) && node[a].candidate == NONE -> before();
		h = node[a].succ[0];
		if
		:: isMember(h) ->
			adopt(a, h);
			if
			:: between(a, node[h].prdc, h) -> node[a].candidate = node[h].prdc
			:: else -> notify(a, h)
			fi
		:: else ->              /* no answer: the list moves up */
			for (i : 1 .. R-1) { node[a].succ[i-1] = node[a].succ[i] }
			node[a].succ[R-1] = NONE;
			notify(a, node[a].succ[0])
		fi;
		after(StabilizeFromSuccessor, a, NONE)
	}
}

inline StabilizeFromPredecessor(a) {
	d_step {
		isMember(a) && node[a].candidate != NONE -> before();
		h = node[a].candidate; node[a].candidate = NONE;
		if
		:: isMember(h) -> adopt(a, h)
		:: else                 /* no answer: the old successor stays */
		fi;
		notify(a, node[a].succ[0]);
		after(StabilizeFromPredecessor, a, NONE)
	}
}

inline Rectify(a) {
	d_step {
		isMember(a) && node[a].rectifyWith != NONE -> before();
		h = node[a].rectifyWith; node[a].rectifyWith = NONE;
		node[a].prdc = (between(node[a].prdc, h, a) || !isMember(node[a].prdc) -> h : node[a].prdc);
		after(Rectify, a, NONE)
	}
}

/* Weak fairness is between processes: each repair of each member gets its turn. */
proctype Stabilizer(byte me) { do :: StabilizeFromSuccessor(me) :: StabilizeFromPredecessor(me) od }
proctype Rectifier(byte me)  { do :: Rectify(me) od }
proctype Churn(byte me) {
	do
	:: Fail(me) :: Join(me, 0) :: Join(me, 1) :: Join(me, 2) :: Join(me, 3)
#if N > 4
	:: Join(me, 4)
#endif
	od
}

/* The ideal ring of the first R+1 identifiers: the fewest that the protocol may start with. */
init {
	d_step {
		members = (1 << (R + 1)) - 1;
		for (m : 0 .. R) {
			for (i : 0 .. R-1) { node[m].succ[i] = (m + 1 + i) % (R + 1) }
			node[m].prdc = (m + R) % (R + 1); node[m].candidate = NONE; node[m].rectifyWith = NONE
		}
		survey()
	}
	atomic { for (x : 0 .. N-1) { run Stabilizer(x); run Rectifier(x); run Churn(x) } }
#ifdef CONVERGE
	quiet = true
#endif
}
