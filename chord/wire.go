package chord

// A Header opens every message.
type Header struct {
	RPC    uint32 // chosen by who asks, echoed in the reply; 0 where no reply is awaited
	Sender ID
}

// The messages of ring maintenance. In these and those of lookups the sender
// itself is named without an address, which who receives from it knows best.
type (
	// Ping asks whether a node is up. It is answered by Pong, busy or not.
	Ping struct{ Header }
	Pong struct{ Header }
	// GetNeighbors asks a member for its successor list and predecessor. It is
	// answered by Neighbors, or by Busy while an operation of the member is
	// under way that may change its list; Neighbors then follows when that ends.
	GetNeighbors struct{ Header }
	Neighbors    struct {
		Header
		Predecessor Peer // zero: none
		Successors  []Peer
	}
	Busy struct{ Header }
	// Notify tells a node that the sender takes it for its successor. It is not
	// answered.
	Notify struct{ Header }
	// Leaving tells the neighbours that the sender leaves the ring.
	Leaving struct {
		Header
		Predecessor Peer // of the sender, zero: none
	}
)

// The messages of lookups.
type (
	// ClosestPreceding asks for a step towards Key: it is answered by Step.
	ClosestPreceding struct {
		Header
		Key ID
	}
	// Step answers ClosestPreceding with what the sender knows. Without
	// Preceding the sender takes itself for the predecessor of Key.
	Step struct {
		Header
		Preceding []Peer // between the sender and Key, the closest to Key first
		Owners    []Peer // the sender's successors from Key on, in their order
	}
	// FindSuccessor is passed on from node to node; the one that knows the owner
	// sends FoundSuccessor to Origin.
	FindSuccessor struct {
		Header
		Origin Peer // its identifier alone when the origin sends it
		Key    ID
		Hops   uint16 // nodes that it has reached, the receiver included
	}
	FoundSuccessor struct {
		Header
		Owner Peer
		Hops  uint16
	}
)

func (Ping) IsMessage()             {}
func (Pong) IsMessage()             {}
func (GetNeighbors) IsMessage()     {}
func (Neighbors) IsMessage()        {}
func (Busy) IsMessage()             {}
func (Notify) IsMessage()           {}
func (Leaving) IsMessage()          {}
func (ClosestPreceding) IsMessage() {}
func (Step) IsMessage()             {}
func (FindSuccessor) IsMessage()    {}
func (FoundSuccessor) IsMessage()   {}
