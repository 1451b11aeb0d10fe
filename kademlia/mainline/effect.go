package mainline

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
)

// The results of commands, in spec.Done.
type (
	// Bootstrapped tells how many contacts the routing tables now hold.
	Bootstrapped struct{ Contacts int32 }

	// Ponged tells who answered a ping, and how fast.
	Ponged struct {
		ID  kademlia.ID
		RTT time.Duration
	}

	// NodesFound holds, for each family, up to K nodes that answered, nearest
	// to the target first.
	NodesFound struct {
		Target        kademlia.ID
		Nodes, Nodes6 []kademlia.Contact
	}

	// PeersFound holds the peers in the order in which they became known, each
	// once, at most MaxPeersFound.
	PeersFound struct {
		InfoHash kademlia.ID
		Peers    []netip.AddrPort

		// The unions of the filters that nodes sent; nil without Scrape or
		// when no node had any.
		Seeds, Downloaders *Filter
	}

	// Announced tells how many nodes took the announce. Peers are those that
	// the lookup found.
	Announced struct {
		InfoHash kademlia.ID
		Nodes    int32
		Peers    []netip.AddrPort
	}

	// ItemFound holds a verified item: of a mutable one, that with the highest
	// seq among all answers.
	ItemFound struct {
		Target kademlia.ID
		Item   Item
	}

	// ItemStored tells how many nodes took the item.
	ItemStored struct {
		Target kademlia.ID
		Nodes  int32
	}

	// Sampled holds what a node answered.
	Sampled struct {
		Samples  []kademlia.ID
		Num      int64         // info-hashes that the node stores
		Interval time.Duration // until it may be asked again
		Nodes    []kademlia.Contact
		Nodes6   []kademlia.Contact
	}
)

// IDChanged is notified when enough nodes agreed on an own address that the
// id did not fit. The routing tables are rebuilt around the new id, and the
// node looks it up.
type IDChanged struct {
	Old, New   kademlia.ID
	ExternalIP netip.Addr
}

func (Bootstrapped) IsEvent() {}
func (Ponged) IsEvent()       {}
func (NodesFound) IsEvent()   {}
func (PeersFound) IsEvent()   {}
func (Announced) IsEvent()    {}
func (ItemFound) IsEvent()    {}
func (ItemStored) IsEvent()   {}
func (Sampled) IsEvent()      {}
func (IDChanged) IsEvent()    {}

// Errors in spec.Done. None of them leaves anything of the command behind but
// what nodes answered about themselves.
var (
	// ErrCommand wraps what is wrong with a command. State: unchanged.
	ErrCommand = errors.New("mainline: bad command")

	// ErrBusy: Config.MaxPending queries could be exceeded. State: unchanged.
	ErrBusy = errors.New("mainline: too many queries in flight")

	// ErrTooSoon: the node asked to be left alone for longer. State: unchanged.
	ErrTooSoon = errors.New("mainline: within the node's sample interval (BEP51-SAMPLE-003)")

	ErrTimeout   = errors.New("mainline: no answer")
	ErrNoNodes   = errors.New("mainline: no node answered")
	ErrNotFound  = errors.New("mainline: no node has the item")
	ErrNotStored = errors.New("mainline: no node took it")
)

// RemoteError is an error that a node answered with.
type RemoteError struct {
	Code int32
	Text string
}

func (e *RemoteError) Error() string {
	return fmt.Sprintf("mainline: remote error %d: %q", e.Code, e.Text)
}
