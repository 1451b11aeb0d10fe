package bittorrent

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// Source says who named an address. BEP27-PRIV-003
type Source uint8

// The sources. Of a private torrent only addresses of FromTracker and FromUser
// are used.
const (
	FromTracker Source = iota
	FromUser           // the person, who knows what is private
	FromDHT
	FromPEX
	FromLSD
	FromMagnet // x.pe
	FromInbound
)

// AddPeers makes addresses known, of which some are dialled at once and some
// as connections end. It is done at once with Added. Addresses beyond MaxAddrs
// are left out.
type AddPeers struct {
	Op     spec.OpID
	Source Source
	Addrs  []netip.AddrPort
}

// Stop closes every connection, forgets the addresses and opens no more, until
// Start. What is being stored goes on. It is done at once.
type Stop struct{ Op spec.OpID }

// Start takes part again after a Stop or after StorageFailed. What could not
// be stored is fetched again; a piece that could not be verified is verified
// again. It is done at once.
type Start struct{ Op spec.OpID }

// DropPeers closes every connection and forgets the addresses, as a private
// torrent has to when it turns to another tracker (BEP27-PRIV-005). It is done
// at once.
type DropPeers struct{ Op spec.OpID }

// DropPiece says that a verified piece is no longer in the storage. Peers are
// told where they understand it (BEP 54), and it is fetched again. It is done
// at once, with ErrPiece for a piece that is not held.
type DropPiece struct {
	Op    spec.OpID
	Piece int32
}

func (DropPiece) IsInput() {}
func (AddPeers) IsInput()  {}
func (Stop) IsInput()      {}
func (Start) IsInput()     {}
func (DropPeers) IsInput() {}
