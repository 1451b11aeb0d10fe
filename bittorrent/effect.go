package bittorrent

import (
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// The events of spec.Notify.
type (
	// PieceVerified says that a piece is stored and has its hash. Connected
	// peers are told in the same step, never before.
	PieceVerified struct{ Piece int32 }

	// PieceFailed says that a stored piece did not have its hash. It is fetched
	// again.
	PieceFailed struct{ Piece int32 }

	// Completed says that every piece is there now. It does not come for a
	// torrent that was complete from the start (BEP03-TRK-008).
	Completed struct{}

	// MetadataReceived holds the info dictionary that peers sent, as bytes that
	// have the info-hash. The driver needs its hashes for the first Verify.
	// Private says that sources of peers other than the tracker have to be left
	// from now on (BEP27-PRIV-006).
	MetadataReceived struct {
		Info    []byte
		Private bool
	}

	// LayersReceived holds the torrent of version 2 with the piece layers that
	// its metadata lacks: the hashes that the driver needs for the first Verify.
	LayersReceived struct{ Info *metainfo.Info }

	// MetadataBad says that the torrent of a magnet link cannot be used: its
	// dictionary has the hash, and breaks a rule.
	MetadataBad struct{ Err error }

	// PeerBanned says that an address is kept out from now on, and why. It has
	// a port on the loopback network alone, where all peers have one address.
	PeerBanned struct {
		Addr   netip.AddrPort
		Reason error
	}

	// DHTNode is an address at which a peer says to have a DHT node (BEP 5).
	DHTNode struct{ Addr netip.AddrPort }

	// StorageFailed says that nothing more is asked of peers until a Start,
	// because storing or verifying failed. Nothing that was verified is lost.
	StorageFailed struct {
		Piece int32
		Err   error
	}
)

// Added is the result of AddPeers: how many addresses were new and can be used.
type Added struct{ Addrs int32 }

func (PieceVerified) IsEvent()    {}
func (PieceFailed) IsEvent()      {}
func (Completed) IsEvent()        {}
func (MetadataReceived) IsEvent() {}
func (LayersReceived) IsEvent()   {}
func (MetadataBad) IsEvent()      {}
func (PeerBanned) IsEvent()       {}
func (DHTNode) IsEvent()          {}
func (StorageFailed) IsEvent()    {}
func (Added) IsEvent()            {}

// ErrPiece is the error of DropPiece. State: unchanged.
var ErrPiece = errors.New("bittorrent: the piece is not held")

// Reasons in spec.Drop and PeerBanned, wrapped with what was found.
var (
	errHash      = errors.New("bittorrent: another torrent")
	errSelf      = errors.New("bittorrent: a connection to oneself")
	errTwice     = errors.New("bittorrent: a second connection to one peer")
	errOrder     = errors.New("bittorrent: a message out of order")
	errNotAgreed = errors.New("bittorrent: a message of an extension that was not agreed on")
	errUnasked   = errors.New("bittorrent: nobody asked for this")
	errRange     = errors.New("bittorrent: outside of the torrent")
	errTooMany   = errors.New("bittorrent: too many requests")
	errFormat    = errors.New("bittorrent: a payload that breaks its format")
	errPoison    = errors.New("bittorrent: data that did not have its hash")
	errHashes    = errors.New("bittorrent: hashes that do not lead to the root")
	errMetadata  = errors.New("bittorrent: metadata that does not have its hash")
)
