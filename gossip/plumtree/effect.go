package plumtree

import (
	"errors"
	"net/netip"
)

// The errors of [spec.Done].
var (
	// ErrTooLarge: the payload exceeds Config.MaxPayload. State: unchanged.
	ErrTooLarge = errors.New("plumtree: payload too large")
	// ErrFull: as many broadcasts as Config.MaxMessages are remembered. State: unchanged.
	ErrFull = errors.New("plumtree: too many broadcasts in a short time")
)

// Sent is the result of [Broadcast].
type Sent struct{ ID ID }

// Delivered is a broadcast of another node. Each is delivered once. The events of
// package hyparview are events of this machine, too.
type Delivered struct {
	ID      ID
	From    netip.AddrPort // the neighbour that it came from
	Hops    int            // links that it has crossed
	Payload []byte
}

func (Sent) IsEvent()      {}
func (Delivered) IsEvent() {}
