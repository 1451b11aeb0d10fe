package hyparview

import "net/netip"

// The messages. A node is named by the address at which it accepts streams.
type (
	// Join opens the stream of a new node to its contact, which takes it into
	// its active view whatever it costs.
	Join struct{ Peer netip.AddrPort }
	// ForwardJoin is the random walk on which a contact sends a new node.
	ForwardJoin struct {
		Peer netip.AddrPort
		TTL  uint8 // steps that are left
	}
	// Neighbor opens the stream of a node that wants the receiver in its active
	// view. It is answered by NeighborReply.
	Neighbor struct {
		Peer netip.AddrPort // who asks
		High bool           // the priority: cannot be refused
	}
	NeighborReply struct{ Accepted bool }
	// Disconnect is the last message of an active stream whose sender needs the
	// place for another node, and lives on.
	Disconnect struct{}
	// Shuffle is the random walk of a sample of its origin's views.
	Shuffle struct {
		Origin netip.AddrPort
		TTL    uint8
		Peers  []netip.AddrPort
	}
	// ShuffleReply is the sample that the end of that walk returns to the origin.
	ShuffleReply struct{ Peers []netip.AddrPort }
)

func (Join) IsMessage()          {}
func (ForwardJoin) IsMessage()   {}
func (Neighbor) IsMessage()      {}
func (NeighborReply) IsMessage() {}
func (Disconnect) IsMessage()    {}
func (Shuffle) IsMessage()       {}
func (ShuffleReply) IsMessage()  {}
