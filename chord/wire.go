package chord

// A Header opens every message.
type Header struct {
	RPC    uint32 // chosen by who asks, echoed in the reply; 0 where no reply is awaited
	Sender ID
}

// The messages of ring maintenance.
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
		Predecessor    Peer
		HasPredecessor bool
		Successors     []Peer
	}
	Busy struct{ Header }
	// Notify tells a node that the sender takes it for its successor. It is not
	// answered.
	Notify struct{ Header }
	// Leaving tells the neighbours that the sender has left: whom they may put
	// in its place is in Successors and Predecessor.
	Leaving struct {
		Header
		Predecessor    Peer
		HasPredecessor bool
		Successors     []Peer
	}
)

// The messages of lookups.
type (
	// ClosestPreceding asks for a step towards Key: it is answered by Step.
	ClosestPreceding struct {
		Header
		Key ID
	}
	// Step answers ClosestPreceding: the owner if the sender knows it, or nodes
	// that are closer, the best one first.
	Step struct {
		Header
		Done  bool // Nodes begins with the owner, whose successors follow
		Nodes []Peer
	}
	// FindSuccessor is passed on from node to node; the one that knows the owner
	// sends FoundSuccessor to Origin.
	FindSuccessor struct {
		Header
		Origin Peer
		Key    ID
		Hops   uint16
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
