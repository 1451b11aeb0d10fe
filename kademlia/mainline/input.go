package mainline

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// The commands. Each ends in exactly one spec.Done with its Op. Results and
// errors are named beside each; besides those, every command but Ping and
// Sample may fail with ErrNoNodes, and any with ErrBusy or, before anything
// happens, ErrCommand.
type (
	// Bootstrap looks up the own id, starting from the given addresses, the
	// saved contacts of Config and the routing table: Bootstrapped.
	//
	// BEP05-TBL-008 (BEP 5 §Routing Table).
	Bootstrap struct {
		Op    spec.OpID
		Nodes []netip.AddrPort // at most MaxBootstrap
	}

	// Ping asks one node for its id: Ponged. The node enters the routing table
	// if it answers, as it should when a peer names it in a PORT message
	// (BEP05-PEER-002). ErrTimeout, RemoteError.
	Ping struct {
		Op   spec.OpID
		Addr netip.AddrPort
	}

	// FindNode looks up the nodes closest to a target: NodesFound.
	FindNode struct {
		Op     spec.OpID
		Target kademlia.ID
	}

	// GetPeers looks up the peers of a torrent: PeersFound.
	GetPeers struct {
		Op       spec.OpID
		InfoHash kademlia.ID
		Scrape   bool // ask for filters, too (BEP 33)
		NoSeed   bool // prefer peers that still download (BEP 33)
	}

	// Announce is GetPeers and then tells the K closest nodes that gave a
	// token about a peer at this node's own address: Announced.
	// ErrNotStored.
	Announce struct {
		Op          spec.OpID
		InfoHash    kademlia.ID
		Port        uint16 // 0 only with ImpliedPort
		ImpliedPort bool   // let the nodes store the UDP source port
		Seed        bool   // this peer has it all (BEP33-SCRAPE-002)
	}

	// GetItem looks up an item (BEP 44): ItemFound, or ErrNotFound.
	GetItem struct {
		Op     spec.OpID
		Target kademlia.ID
		Salt   []byte // of a mutable item: needed to verify it
	}

	// PutImmutable stores a value on the K closest nodes: ItemStored.
	// ErrNotStored. Nodes forget it after 2 hours: give the command again
	// every hour (BEP44-ITEM-018).
	PutImmutable struct {
		Op spec.OpID
		V  []byte // bencoded, at most MaxItem bytes
	}

	// PutMutable stores a signed item, see [SignItem]: ItemStored.
	// ErrNotStored, or the RemoteError of a node that has a newer one.
	PutMutable struct {
		Op   spec.OpID
		Item Item
		CAS  *int64 // the seq it may replace; nil: any lower one
	}

	// Sample asks one node for info-hashes that it stores (BEP 51): Sampled.
	// ErrTimeout, RemoteError, or ErrTooSoon within the interval that the
	// node has set.
	Sample struct {
		Op     spec.OpID
		Addr   netip.AddrPort
		Target kademlia.ID // for the nodes that come with the samples
	}
)

func (Bootstrap) IsInput()    {}
func (Ping) IsInput()         {}
func (FindNode) IsInput()     {}
func (GetPeers) IsInput()     {}
func (Announce) IsInput()     {}
func (GetItem) IsInput()      {}
func (PutImmutable) IsInput() {}
func (PutMutable) IsInput()   {}
func (Sample) IsInput()       {}
