package hyparview

import (
	"errors"
	"net/netip"
)

// The errors of [spec.Done].
var (
	// ErrBadPeer: no stream can be dialled there, or the node itself is meant.
	// State: unchanged.
	ErrBadPeer = errors.New("hyparview: unusable contact")
	// ErrBusy: another contact is being asked. State: unchanged.
	ErrBusy = errors.New("hyparview: another join is under way")
	// ErrNoAnswer: the contact does not accept the stream, or the node has left.
	ErrNoAnswer = errors.New("hyparview: the contact does not answer")
)

// The events of [spec.Notify].
type (
	// NeighborUp says that Peer is in the active view: what is written to
	// [Node.Conn] reaches it.
	NeighborUp struct{ Peer netip.AddrPort }
	// NeighborDown says that Peer has left the active view: it has failed or left,
	// or one of the two sides needed the place.
	NeighborDown struct{ Peer netip.AddrPort }
	// Isolated says that the active view has become empty and that the passive
	// view names nobody who answers: it takes an Enter to come back.
	Isolated struct{}
)

func (NeighborUp) IsEvent()   {}
func (NeighborDown) IsEvent() {}
func (Isolated) IsEvent()     {}
