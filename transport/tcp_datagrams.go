package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// portTries is how often a port that is free for TCP is looked for one that is free
// for UDP, too.
const portTries = 16

// errNoDatagrams reports a Send of a machine whose TCPConfig has no Datagrams.
var errNoDatagrams = errors.New("transport: not sent: there is no socket for datagrams")

// ListenBoth takes one port for streams and for datagrams; port 0 one that is free for
// both.
func ListenBoth(addr netip.AddrPort) (*net.TCPListener, *net.UDPConn, error) {
	for try := 1; ; try++ {
		streams, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return nil, nil, fmt.Errorf("transport: %w", err)
		}
		at := streams.Addr().(*net.TCPAddr)
		packets, err := net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone})
		if err == nil {
			return streams, packets, nil
		}
		if closed := streams.Close(); addr.Port() != 0 || try == portTries || closed != nil {
			return nil, nil, fmt.Errorf("transport: %w", errors.Join(err, closed))
		}
	}
}

// sendTo performs Send.
func (t *TCP) sendTo(now time.Duration, s spec.Send) {
	drop := &spec.Drop{From: s.To, Reason: errNoDatagrams}
	if t.packets != nil {
		drop = t.packets.send(s)
	}
	if drop != nil {
		t.observe(now, *drop)
	}
}

// listen is the goroutine that reads datagrams. It reads on when the machine has
// taken the last one: what comes faster waits with the system, or is lost there.
func (t *TCP) listen() {
	buf := make([]byte, maxDatagram)
	for {
		k, from, err := t.packets.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause) // where the system reports what became of an earlier send
			continue
		}
		got, drop := t.packets.parse(unmap(from), buf[:k])
		t.post(tcpEvent{kind: datagram, in: got, drop: drop})
		select {
		case <-t.resume:
		case <-t.ctx.Done():
			return
		}
	}
}
