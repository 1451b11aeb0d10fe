package chord

import (
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Config describes a node. Zero fields take the defaults named, which are the
// paper's where it has one.
type Config struct {
	ID   ID       // own identifier, required unless it is truly 0
	Seed [32]byte // of the node's randomness: which finger to fix, the jitter of periods

	IDBits     int // m: width of the circle, 3…160; default 160
	Successors int // r: length of the successor list, 1…32; default 8

	Variant  Variant // default Corrected
	Storage  Storage // default BestEffort
	Replicas int     // nodes that hold a key, the owner included, 1…Successors+1; default 3

	RoundTrip  time.Duration // the worst that the network is taken to need, busy nodes apart; default 1 s
	RPCTimeout time.Duration // patience with one request, more than RoundTrip; default 2 s
	Stabilize  time.Duration // between two stabilizations; default 30 s
	FixFingers time.Duration // between two fingers' repairs; negative: never; default 30 s
	RPCBits    int           // width of RPC identifiers, 1…32; default 32. A few make the states of an exploration recur
}

// Variant is which ring maintenance the node follows.
type Variant uint8

const (
	// Corrected is Zave's protocol: a ring that kept its assumptions is never lost.
	Corrected Variant = iota
	// Original is that of the 2001 paper, for teaching: it loses its ring.
	Original
)

// Storage is what Put and Get promise.
type Storage uint8

const (
	// BestEffort copies to successors and reads from the owner.
	BestEffort Storage = iota
	// Quorum reads and writes through a majority of the key's replica group.
	Quorum
)

// A Node is one Chord participant. It implements [spec.Machine].
type Node struct {
	cfg Config
	now time.Duration
	rng spec.Rand
}
