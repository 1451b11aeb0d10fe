package transport

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/p2pspec/p2pspec/spec"
)

const (
	// maxDatagram holds the largest UDP payload, so that nothing is cut short.
	maxDatagram = 1 << 16
	// socketBuffer is what we ask of the kernel, to ride out bursts.
	socketBuffer = 1 << 20
)

// UDPStats counts datagrams and the payload bytes in them.
type UDPStats struct {
	Received, ReceivedBytes uint64
	Sent, SentBytes         uint64
	Malformed               uint64 // received, and refused by the codec
	Unsent                  uint64 // refused by the codec or by the system
}

// datagrams is a bound socket and what is spoken on it. One goroutine may parse
// while another sends.
type datagrams struct {
	conn  *net.UDPConn
	codec spec.Codec
	local netip.AddrPort

	packet []byte // memory of what is sent

	received, receivedBytes, sent, sentBytes, malformed, unsent atomic.Uint64
}

func (d *datagrams) bind(conn *net.UDPConn, codec spec.Codec) {
	d.conn, d.codec = conn, codec
	d.local = unmap(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	// Where the system grants less than asked, bursts are lost sooner: no error.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
}

// parse is the message in a datagram, which may borrow from b, or what to tell
// of one that the codec refuses.
func (d *datagrams) parse(from netip.AddrPort, b []byte) (spec.Recv, *spec.Drop) {
	d.received.Add(1)
	d.receivedBytes.Add(uint64(len(b)))
	msg, err := d.codec.ParseMessage(b)
	if err != nil {
		d.malformed.Add(1)
		return spec.Recv{}, &spec.Drop{From: from, Reason: err}
	}
	return spec.Recv{From: from, Msg: msg}, nil
}

// send transmits a message, or returns what to tell of one that was not sent.
func (d *datagrams) send(s spec.Send) *spec.Drop {
	b, err := d.codec.AppendMessage(d.packet[:0], s.Msg)
	if err == nil {
		d.packet = b
		_, err = d.conn.WriteToUDPAddrPort(b, s.To)
	}
	if err != nil {
		d.unsent.Add(1)
		return &spec.Drop{From: s.To, Reason: fmt.Errorf("transport: not sent: %w", err)}
	}
	d.sent.Add(1)
	d.sentBytes.Add(uint64(len(b)))
	return nil
}

func (d *datagrams) counted() UDPStats {
	return UDPStats{
		Received: d.received.Load(), ReceivedBytes: d.receivedBytes.Load(),
		Sent: d.sent.Load(), SentBytes: d.sentBytes.Load(),
		Malformed: d.malformed.Load(), Unsent: d.unsent.Load(),
	}
}

// unmap turns the IPv4-mapped addresses of a socket for both families into
// plain IPv4, so that a machine sees one address a peer.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
