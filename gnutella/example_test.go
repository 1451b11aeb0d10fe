package gnutella_test

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// A leaf dials an ultrapeer and asks it; the example plays driver and ultrapeer.
func Example() {
	n, err := gnutella.New(gnutella.Config{
		Mode: gnutella.Leaf, Addr: netip.MustParseAddrPort("192.0.2.1:6346"),
	}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	up := netip.MustParseAddrPort("192.0.2.2:6346")
	n.Step(0, gnutella.Connect{Op: 1, Addrs: []netip.AddrPort{up}}, nil)
	n.Step(0, spec.Opened{Conn: 1, Remote: up}, nil)
	yes := wire.Status{Code: wire.Accepted, Headers: wire.Headers{{Name: "X-Ultrapeer", Value: "True"}}}
	n.Step(0, spec.Got{Conn: 1, Msg: yes}, nil)
	n.Step(0, spec.Drained{Conn: 1}, nil)
	for _, e := range n.Step(0, gnutella.Search{Op: 2, Text: "free jazz"}, nil) {
		if w, ok := e.(spec.Write); ok {
			d := w.Msg.(wire.Descriptor)
			fmt.Printf("%v, TTL %d: %q\n", d.Type, d.TTL, d.Payload[2:11])
		}
	}
	// Output: Query, TTL 3: "free jazz"
}
