package chord

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// A Peer is what one node knows of another.
type Peer struct {
	ID   ID
	Addr netip.AddrPort
}

// The commands. Each ends in exactly one [spec.Done] that echoes its Op; the
// comment names the Result and the errors. A command that fails at once leaves
// the state unchanged.

// Create makes the node a member of a new ring whose members are all in Ring,
// the node itself included or not: its successor list, predecessor and fingers
// are what they would be in the ideal ring. With no other member the node is
// alone and owns every key.
//
// The protocol keeps its promises in a ring that began with, or has grown to,
// at least Config.Successors+1 members; until then [AssumptionBroken] says what
// could go wrong.
//
// Result nil. Errors: [ErrMember], [ErrBadPeer].
//
// CHORD-RING-001 (Zave 2017, initialization).
type Create struct {
	Op   spec.OpID
	Ring []Peer
}

// Join enters the ring of the member at Via: the node finds its place and takes
// over the successor list of the member before it.
//
// Result [Joined]. Errors: [ErrMember], [ErrBadPeer], [ErrBusy], [ErrNoAnswer],
// [ErrTaken] when a member has the own identifier.
type Join struct {
	Op  spec.OpID
	Via Peer
}

// Lookup finds the node that Key belongs to: find_successor of the paper.
//
// Result [Found]. Errors: [ErrNotMember], [ErrBadID], [ErrBusy], [ErrNoAnswer].
type Lookup struct {
	Op   spec.OpID
	Key  ID
	Mode Mode
}

// Mode says who walks to the key.
type Mode uint8

const (
	Iterative Mode = iota // the asking node asks one node after another
	Recursive             // each node passes the question on; the last one answers the first
)

// Put stores Value under Key. What that promises is [Config].Storage.
//
// Result [Stored]. Errors: [ErrNotMember], [ErrBadID], [ErrTooLarge], [ErrBusy],
// [ErrNoAnswer], [ErrNoQuorum].
type Put struct {
	Op    spec.OpID
	Key   ID
	Value []byte
}

// Get reads the value under Key.
//
// Result [Value]. Errors: [ErrNotMember], [ErrBadID], [ErrBusy], [ErrNoAnswer],
// [ErrNotFound], [ErrNoQuorum].
type Get struct {
	Op  spec.OpID
	Key ID
}

// Leave hands the keys to the successor and leaves the ring. To the ring it is
// a failure that was announced: the assumptions on failures hold for it too.
// A node that has left is as new, and may Join again.
//
// Result nil. Errors: [ErrNotMember], [ErrBusy] while leaving already,
// [ErrNoAnswer] when the node has left with keys that no successor has taken.
//
// CHORD-LEAVE-001 (Chord §6, ToN 2003 §IV-E).
type Leave struct{ Op spec.OpID }

func (Create) IsInput() {}
func (Join) IsInput()   {}
func (Lookup) IsInput() {}
func (Put) IsInput()    {}
func (Get) IsInput()    {}
func (Leave) IsInput()  {}
