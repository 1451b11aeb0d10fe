package kademlia

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// The commands. Each ends in exactly one [spec.Done] that echoes its Op; the
// comment names the Result and the errors. A command that fails at once leaves
// the state unchanged.

// Join enters the network through Seeds: they are filed in the routing table,
// the own identifier is looked up, and every bucket farther away than the
// closest neighbour found is refreshed.
//
// Result [Joined]. Errors: [ErrNoContacts] without a usable seed, [ErrBusy],
// [ErrNoAnswer] when no seed answered.
//
// KAD-JOIN-001, KAD-JOIN-002, KAD-JOIN-003 (Kademlia §2.3).
type Join struct {
	Op    spec.OpID
	Seeds []Contact
}

// Ping asks whether a node is up at To, whose identifier need not be known:
// the way to turn a bare address into a seed.
//
// Result [Ponged]. Errors: [ErrBadAddress], [ErrBusy], [ErrNoAnswer].
type Ping struct {
	Op spec.OpID
	To netip.AddrPort
}

// FindNode looks up the K nodes closest to Target.
//
// Result [Found]. Errors: [ErrBadID], [ErrNoContacts], [ErrBusy], [ErrNoAnswer].
type FindNode struct {
	Op     spec.OpID
	Target ID
}

// FindValue looks up the value stored under Key. A copy at the own node is
// found without a message.
//
// Result [Value], or [Found] with [ErrNotFound]. Errors: [ErrBadID],
// [ErrNoContacts], [ErrBusy], [ErrNotFound].
type FindValue struct {
	Op  spec.OpID
	Key ID
}

// Store publishes Value under Key at the K nodes closest to Key, the own node
// included when it is one of them, and again every Config.Republish until it
// is withdrawn. A second Store of the same key replaces the value.
//
// Result [Stored]. Errors: [ErrBadID], [ErrTooLarge], [ErrFull], [ErrBusy],
// [ErrNoAnswer] when no node took it.
//
// KAD-STORE-001, KAD-STORE-002 (Kademlia §2.3).
type Store struct {
	Op    spec.OpID
	Key   ID
	Value []byte
}

// Withdraw ends the republication of Key. Copies elsewhere expire.
//
// Result nil. Errors: [ErrNotFound] when the key was not published here.
type Withdraw struct {
	Op  spec.OpID
	Key ID
}

func (Join) IsInput()      {}
func (Ping) IsInput()      {}
func (FindNode) IsInput()  {}
func (FindValue) IsInput() {}
func (Store) IsInput()     {}
func (Withdraw) IsInput()  {}
