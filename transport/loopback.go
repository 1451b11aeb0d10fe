package transport

import (
	"fmt"
	"net"
	"net/netip"
)

// BindLoopback binds n UDP sockets at successive loopback addresses with the
// port of first: 127.0.0.1, 127.0.0.2 and so on. With port 0 each gets a free
// one. Programs that limit rates or routing-table entries by source address
// then see n different peers.
//
// Linux answers for all of 127.0.0.0/8. Other systems have 127.0.0.1 alone
// until an administrator adds aliases, and IPv6 has only ::1: there it fails
// with an error that says so, and binds nothing.
func BindLoopback(first netip.AddrPort, n int) (conns []*net.UDPConn, err error) {
	defer func() {
		if err != nil {
			for _, c := range conns {
				c.Close()
			}
			conns = nil
		}
	}()
	addr := first.Addr()
	for i := range n {
		if !addr.IsLoopback() {
			return conns, fmt.Errorf("transport: binding %d loopback addresses from %v: %v is not one",
				n, first.Addr(), addr)
		}
		at := netip.AddrPortFrom(addr, first.Port())
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil && i > 0 {
			return conns, fmt.Errorf("transport: address %d of %d: %w "+
				"(only Linux has all of 127.0.0.0/8; elsewhere add an alias to the loopback interface)",
				i+1, n, err)
		}
		if err != nil {
			return conns, fmt.Errorf("transport: %w", err)
		}
		conns = append(conns, conn)
		addr = addr.Next()
	}
	return conns, nil
}
