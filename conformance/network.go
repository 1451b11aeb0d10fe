package conformance

import (
	"errors"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Arrival is what the network brings to the harness: a [Datagram] or a
// [StreamEvent].
type Arrival interface{ isArrival() }

// Datagram is one payload that arrived at an open socket.
type Datagram struct {
	At       time.Duration
	From, To netip.AddrPort
	Data     []byte // owned by the receiver
}

// StreamEvent is one thing that happened to a stream.
type StreamEvent struct {
	At            time.Duration
	Kind          StreamKind
	Conn          spec.Conn // as this end numbers its streams
	Local, Remote netip.AddrPort
	Data          []byte // of StreamData; owned by the receiver
	Err           error  // of StreamBroken: one of ErrRefused, ErrReset and ErrClogged, or the system's
}

func (Datagram) isArrival()    {}
func (StreamEvent) isArrival() {}

// StreamKind says what happened to a stream.
type StreamKind uint8

const (
	StreamOpened   StreamKind = iota + 1 // one that this end dialled can be used
	StreamAccepted                       // a remote party has connected
	StreamData                           // bytes arrived
	StreamDrained                        // all that was written has been taken by the network
	StreamEnded                          // the remote party will send no more; it may still read
	StreamBroken                         // the stream was refused or reset: nothing follows
)

// What ends a stream that did not end in good order.
var (
	ErrRefused = errors.New("the connection was refused")
	ErrReset   = errors.New("the connection was reset")
	ErrClogged = errors.New("the other side does not read what it is sent")
)

// Bounds of a stream. The window holds any message of any protocol here, and is
// what a target can make the harness keep of bytes that the case has not
// consumed: beyond it the network stops reading. The queue holds what a case
// writes ahead of a slow reader: some hundred blocks of a torrent.
const (
	StreamWindow = 1 << 20  // bytes
	StreamQueue  = 16 << 20 // bytes
	MaxStreams   = 1024     // that are open at once; more are reset on arrival
)

// DialTimeout is how long a connection may take to be accepted.
const DialTimeout = 5 * time.Second

// Network is the path between the harness and its target: real sockets, or
// hosts on virtual time. It is driven by a single goroutine.
//
// Where a local address is asked for, the zero AddrPort means a source address
// that no earlier socket of the run used, where the system has more than one; a
// zero port means any port.
type Network interface {
	// Now is the time since the network was made.
	Now() time.Duration

	// Open binds a socket for datagrams.
	Open(local netip.AddrPort) (netip.AddrPort, error)
	Close(local netip.AddrPort)
	Send(from, to netip.AddrPort, payload []byte) error

	// Listen accepts streams until Unlisten. They are numbered -1, -2, -3 ….
	Listen(local netip.AddrPort) (netip.AddrPort, error)
	Unlisten(local netip.AddrPort)
	// Dial begins to open a stream: StreamOpened or StreamBroken follows.
	// They are numbered 1, 2, 3 ….
	Dial(local, to netip.AddrPort) (spec.Conn, error)
	// Write queues bytes; with [ErrClogged] they were not taken.
	Write(c spec.Conn, b []byte) error
	// Consume makes room in the stream's window.
	Consume(c spec.Conn, n int)
	// CloseWrite ends this direction after what was written before.
	CloseWrite(c spec.Conn)
	// CloseStream ends the stream after what was written before; nothing more
	// is heard of it.
	CloseStream(c spec.Conn)
	// Abort resets the stream; nothing more is heard of it, and what was
	// written just before may be lost.
	Abort(c spec.Conn)

	// Recv returns the next arrival. It returns false when the time until has
	// come or Wake was called.
	Recv(until time.Duration) (Arrival, bool)
	// Wake makes a Recv that is under way return. It alone may be called from
	// any goroutine.
	Wake()
	// Shut closes everything at once. The network is not used afterwards.
	Shut()
	// Virtual reports that waiting costs no real time.
	Virtual() bool
}
