package gnutella

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// A leaf behind a firewall has its ultrapeers take pushes for it by HTTP, which is
// faster and surer than the way of its hits back, and it names them in its hits.

const (
	maxProxies = 4      // in a hit: more than a leaf has ultrapeers
	proxyID    = "PUSH" // of the GGEP extension
	proxySize  = 6      // bytes: address, and port as all integers are
)

// wantsProxy says whether the servent is a leaf that a neighbour could take pushes for.
func (n *Node) wantsProxy(c *conn) bool {
	return n.cfg.Firewalled && n.mode == Leaf && c.mode == Ultrapeer && c.offers.has(offersVendor)
}

// askProxy asks a new neighbour to take pushes.
//
// GN-VE-08.
func (n *step) askProxy(c *conn) {
	if n.wantsProxy(c) {
		n.tell(c, n.id, vendorMessage(lime, proxyRequest, 1, nil))
	}
}

// standFor takes pushes for a leaf from now on.
//
// GN-VE-08.
func (n *step) standFor(leaf *conn, id wire.GUID) {
	leaf.standsFor = id
	n.tell(leaf, id, vendorMessage(lime, proxyReply, 2, appendEndpoint(nil, n.cfg.Addr)))
}

// gotProxy remembers where a neighbour takes pushes.
//
// GN-VE-08.
func (n *step) gotProxy(c *conn, data []byte) (clause string, reason error) {
	list := endpoints(data)
	if len(list) != 1 || len(data) != proxySize {
		return "GN-VE-08", errAddr
	}
	c.proxy = list[0]
	return "", nil
}

// relay executes Relay.
//
// GN-VE-08, GN-PU-04.
func (n *step) relay(in Relay) {
	i := slices.IndexFunc(n.conns, func(c *conn) bool {
		return c.phase == talking && c.standsFor == in.ServentID && in.ServentID != wire.GUID{}
	})
	if i < 0 {
		n.fail(in.Op, ErrNoRoute)
		return
	}
	p := wire.Push{ServentID: in.ServentID, Index: in.Index, Addr: in.To}
	d := wire.Descriptor{GUID: wire.NewGUID(&n.rng), Type: wire.TypePush, TTL: 1, Payload: p.Append(nil)}
	n.seen.put(seenKey{wire.TypePush, d.GUID}, own, n.cfg.MaxSeen)
	n.send(n.conns[i], d)
	n.done(in.Op, nil)
}

// proxies is the GGEP block of a hit that names those who take pushes, if there are
// some.
//
// GN-VE-08.
func (n *Node) proxies() []byte {
	var list []byte
	for _, c := range n.conns {
		if c.phase == talking && c.proxy.IsValid() && len(list) < maxProxies*proxySize {
			list = appendEndpoint(list, c.proxy)
		}
	}
	if list == nil {
		return nil
	}
	b, _ := ggep.Append(nil, []ggep.Extension{{ID: proxyID, Data: list}}) // it always is short enough
	return b
}

// proxiesOf finds them in the private data of a hit.
//
// GN-VE-08.
func proxiesOf(private []byte) []netip.AddrPort {
	e, _ := extensionOf(private, proxyID)
	return endpoints(e.Data[:min(len(e.Data), maxProxies*proxySize)])
}

// extensionOf finds an extension in the private data of a hit, where a block begins at
// the first of its magic bytes.
//
// GN-QH-09.
func extensionOf(private []byte, id string) (e ggep.Extension, ok bool) {
	at := bytes.IndexByte(private, ggep.Magic)
	if at < 0 {
		return e, false
	}
	block, _, err := ggep.Parse(private[at:])
	if err != nil {
		return e, false
	}
	return ggep.Find(block, id)
}

func appendEndpoint(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As4()
	return binary.LittleEndian.AppendUint16(append(b, ip[:]...), a.Port())
}

// endpoints reads a list, but for what nobody could dial.
func endpoints(b []byte) (list []netip.AddrPort) {
	for ; len(b) >= proxySize; b = b[proxySize:] {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.LittleEndian.Uint16(b[4:]))
		if a.Port() != 0 && !a.Addr().IsUnspecified() {
			list = append(list, a)
		}
	}
	return list
}
