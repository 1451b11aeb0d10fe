package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Reasons in [spec.Closed] that are the driver's own.
var (
	// ErrTooManyConns says that a Dial found MaxConns streams.
	ErrTooManyConns = errors.New("transport: too many connections")
	// ErrSendQueue says that the machine wrote more than MaxSendQueue ahead of
	// what a remote party took.
	ErrSendQueue = errors.New("transport: the send queue is full")
)

// TCPConfig says what runs on streams. Zero limits take the default named.
type TCPConfig struct {
	// Machine is driven from now on by the TCP alone. Its clock reads Start
	// when the TCP starts: zero for a new machine, the time of the snapshot for
	// a restored one.
	Machine spec.Machine
	Start   time.Duration
	Codec   spec.StreamCodec

	// Datagrams, if set, is a bound socket on which the machine sends and receives
	// beside its streams. The TCP then owns it. DatagramCodec goes with it.
	Datagrams     *net.UDPConn
	DatagramCodec spec.Codec

	// Storage performs Load, Store and Verify. A machine without storage needs
	// none.
	Storage Storage

	// Wrap, if set, may put a layer such as encryption around a new connection
	// before the machine hears of it. It may return another connection to the
	// same party, having closed the given one. It obeys ctx, and the driver
	// closes conn when it fails. What it returns should have a CloseWrite.
	Wrap func(ctx context.Context, conn net.Conn, outbound bool) (net.Conn, error)

	// Observe, if set, is shown every Notify, Done and Drop, on the goroutine
	// that owns the machine: it should return soon, may call Do and Snapshot,
	// and must not call Close. A message that could not be encoded or sent, and a
	// datagram that the codec refuses, appear as a [spec.Drop] without a clause.
	Observe func(now time.Duration, e spec.Effect)

	Bind netip.Addr // local address of dialled streams; default: the system's choice

	MaxConns       int           // streams of both directions; default 1024: sockets of one process
	MaxHalfOpen    int           // being dialled at once, and accepted but not wrapped; default 64
	MaxSendQueue   int           // bytes written that one party has yet to take; default 16 MiB
	MaxStoring     int           // bytes of Stores at which all reading pauses; default 32 MiB
	Workers        int           // goroutines for the storage; default one for each core
	OpenTimeout    time.Duration // for a dial, and for Wrap; default 15 s
	WriteTimeout   time.Duration // for a party to take writeChunk bytes; default 60 s
	CloseTimeout   time.Duration // to flush a stream that is closed; default 5 s
	LingerDuration time.Duration // after it, for the party to close, too; default 1 s
}

func (c TCPConfig) withDefaults() TCPConfig {
	for _, n := range []struct {
		v        *int
		standard int
	}{
		{&c.MaxConns, 1024}, {&c.MaxHalfOpen, 64}, {&c.MaxSendQueue, 16 << 20},
		{&c.MaxStoring, 32 << 20}, {&c.Workers, runtime.GOMAXPROCS(0)},
	} {
		if *n.v <= 0 {
			*n.v = n.standard
		}
	}
	for _, d := range []struct {
		v        *time.Duration
		standard time.Duration
	}{
		{&c.OpenTimeout, 15 * time.Second}, {&c.WriteTimeout, time.Minute},
		{&c.CloseTimeout, 5 * time.Second}, {&c.LingerDuration, time.Second},
	} {
		if *d.v <= 0 {
			*d.v = d.standard
		}
	}
	return c
}

// TCPStats counts streams and the bytes on them, compressed where they are, and the
// datagrams beside them.
type TCPStats struct {
	Accepted, Dialled        uint64 // opened
	Refused                  uint64 // accepted beyond a limit, or not wrapped
	Undialled                uint64 // not opened
	ReceivedBytes, SentBytes uint64
	Received                 uint64 // messages
	Open                     int    // streams now, those being opened or closed included
	Datagrams                UDPStats
}
