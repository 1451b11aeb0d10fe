package conformance

import (
	"net/netip"
	"time"
)

// Datagram is one payload that arrived at an open socket.
type Datagram struct {
	At       time.Duration
	From, To netip.AddrPort
	Data     []byte // owned by the receiver
}

// Network is the path between the harness and its target: real sockets, or
// one machine on virtual time. It is driven by a single goroutine.
type Network interface {
	// Now is the time since the network was made.
	Now() time.Duration
	// Open binds a socket. The zero AddrPort asks for a source address that no
	// earlier socket of the run used, where the system has more than one; a
	// zero port asks for any port.
	Open(local netip.AddrPort) (netip.AddrPort, error)
	Close(local netip.AddrPort)
	Send(from, to netip.AddrPort, payload []byte) error
	// Recv returns the next datagram for any open socket. It returns false
	// when the time until has come or Wake was called.
	Recv(until time.Duration) (Datagram, bool)
	// Wake makes a Recv that is under way return. It alone may be called from
	// any goroutine.
	Wake()
	// Shut closes every socket. The network is not used afterwards.
	Shut()
	// Virtual reports that waiting costs no real time.
	Virtual() bool
}
