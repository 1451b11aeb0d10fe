package plumtree

// ID names a broadcast. Its origin draws it at random.
type ID [16]byte

// The messages, on the streams of neighbours.
type (
	// Gossip is a broadcast with its payload: eager push.
	Gossip struct {
		ID      ID
		Round   uint16 // links that it has crossed when it arrives
		Payload []byte
	}
	// IHave announces broadcasts that the sender has, and the receiver may miss:
	// lazy push.
	IHave struct{ List []Announcement }
	// Announcement is one broadcast of an IHave.
	Announcement struct {
		ID    ID
		Round uint16 // links that it would have crossed by this one
	}
	// Graft makes the link one of the tree. If it wants a broadcast, that is sent
	// again.
	Graft struct {
		Wants bool
		ID    ID // zero unless it wants one
	}
	// Prune takes the link out of the tree.
	Prune struct{}
)

func (Gossip) IsMessage() {}
func (IHave) IsMessage()  {}
func (Graft) IsMessage()  {}
func (Prune) IsMessage()  {}
