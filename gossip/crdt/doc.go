// Package crdt holds small state-based replicated types: counters, a set and a map
// whose replicas need no coordination, since their states form a lattice and Merge
// takes the least upper bound of two.
//
// # Implements
//
// [GCounter], a counter that grows; [PNCounter], one that also falls; [GSet], a set
// that grows; [LWWMap], a map in which the last write of a key wins, deletions
// being writes too. They are the types 6, 7, 11 and, per key, 9 of Shapiro, Preguiça,
// Baquero and Zawirski, A comprehensive study of Convergent and Commutative
// Replicated Data Types (2011), §3.
//
// # Does not
//
// It sends nothing and knows no time: what carries states between replicas, and
// when, is the caller's, for instance package epidemic's. It makes no deltas, and
// drops no tombstone.
//
// # Driving the types
//
//	var mine crdt.GCounter // the zero value is empty
//	err := mine.Add("n1", 5)
//	b := mine.AppendState(nil) // to another replica, where
//	theirs, err := crdt.ParseGCounter(b)
//	news := other.Merge(&theirs) // whether it was worth passing on
//
// A site is the name of one replica. Two replicas must never write as the same site.
//
// # Reading order
//
// counter.go, set.go, lwwmap.go; sorted.go (the join that they share); wire.go (the
// canonical bytes).
//
// # State diagram
//
//	a ── Add ──▶ a'        Add and Merge only climb;
//	│             │        whoever has merged the same states,
//	▼ Merge       ▼ Merge  in any order and however often,
//	a ∨ b ─────▶ a' ∨ b    stands at the same point.
//
// # Deviations
//
// The counters name their sites where the study numbers them, so that a site can
// come later. Two writes with one stamp, which only a broken replica makes, are put
// in order by what they wrote, so that Merge stays commutative.
//
// # Guarantees
//
// Merge is commutative, associative and idempotent, and never loses what either
// side had. Equal states have equal bytes, and only the bytes of a state are read.
// No input makes the package panic; what a parse keeps is proportional to its input.
// After an error nothing has changed.
//
// # Compatibility
//
// The exported names are stable. The bytes may change with the package.
package crdt
