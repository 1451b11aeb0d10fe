package gnutella

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Hits out of band: who has some tells who asked by a datagram how many, gets told
// how many are wanted, and sends these by datagrams, past all that lies between.

const (
	oobHops   = 2                // that a query has made at least: nearer ones are answered on its way (GN-VE-06)
	oobFiles  = 10               // of a hit in a datagram, which should not be cut up
	oobLife   = 30 * time.Second // that either side remembers
	oobToken  = "SO"             // the GGEP extension that shows where hits were asked for (GN-VE-07)
	maxToken  = 32               // bytes that are echoed
	tokenSize = 8                // bytes of an own one
	secured   = 3                // version of the vendor messages from which on there are tokens
)

// owed are hits of the servent that wait until who asked says how many it wants.
type owed struct {
	guid    wire.GUID
	to      netip.AddrPort
	at      time.Duration
	payload []byte // of the query
	served  bool   // claimed: what is left of it only keeps its place
}

// promised are hits that somebody is about to send.
type promised struct {
	guid  wire.GUID
	from  netip.AddrPort
	left  int32 // files that were asked for
	token [tokenSize]byte
	safe  bool // the token has to come back
	at    time.Duration
}

// oobGUID is the GUID of an own query: it says where hits may be sent.
//
// GN-VE-05.
func (n *Node) oobGUID() wire.GUID {
	guid := wire.NewGUID(&n.rng)
	if n.asksOutOfBand() {
		ip := n.cfg.Addr.Addr().As4()
		copy(guid[:], ip[:])
		binary.LittleEndian.PutUint16(guid[13:], n.cfg.Addr.Port())
	}
	return guid
}

func (n *Node) asksOutOfBand() bool { return n.cfg.OutOfBand && !n.cfg.Firewalled }

// oobAddr is where hits of a query of a neighbour may be sent, if anywhere: to no group
// of hosts, and into a private network only for somebody who is in one too, as others
// could have it call on hosts that they do not reach.
//
// GN-VE-05, GN-VE-06.
func (n *Node) oobAddr(from *conn, d *wire.Descriptor, w *wish) (a netip.AddrPort, ok bool) {
	n.forgetOOB()
	a = netip.AddrPortFrom(netip.AddrFrom4([4]byte(d.GUID[:4])), binary.LittleEndian.Uint16(d.GUID[13:]))
	ok = n.asksOutOfBand() && w.flags.Has(wire.QueryOutOfBand) && d.Hops >= oobHops &&
		a.Port() != 0 && a != n.cfg.Addr && !isGroup(a.Addr()) && !from.isBeyond(a) && len(n.owed) < n.cfg.MaxQueries
	return a, ok
}

// isGroup says whether an address names no one host.
func isGroup(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// offer tells who asked how many files there are.
//
// GN-VE-06.
func (n *step) offer(to netip.AddrPort, d *wire.Descriptor, files int) {
	const unsolicited = 1 // datagrams that nobody asked for reach the servent
	n.owed = append(n.owed, owed{guid: d.GUID, to: to, at: n.now, payload: d.Payload})
	n.datagram(to, d.GUID, offerHits, secured, []byte{uint8(min(files, 0xff)), unsolicited})
}

// received takes a datagram.
//
// GN-VE-05, GN-VE-06.
func (n *step) received(in spec.Recv) {
	d, ok := in.Msg.(wire.Descriptor)
	if !ok {
		panic("gnutella: a datagram that is no descriptor")
	}
	clause, reason := "GN-VE-05", errType
	if n.cfg.OutOfBand && !n.stopped {
		clause, reason = n.gotDatagram(in.From, d)
	}
	if reason != nil {
		n.emit(spec.Drop{From: in.From, Clause: clause, Reason: reason})
	}
}

func (n *step) gotDatagram(from netip.AddrPort, d wire.Descriptor) (clause string, reason error) {
	if d.Type == wire.TypeQueryHit {
		return n.gotPromised(from, d)
	}
	v, err := wire.ParseVendorMessage(d.Payload)
	switch {
	case d.Type != wire.TypeVendor && d.Type != wire.TypeStandardVendor:
		return "GN-VE-06", errType
	case err != nil:
		return "GN-VE-01", err
	case string(v.Vendor[:]) == lime && v.Selector == offerHits && len(v.Data) > 0:
		return n.gotOffer(from, d.GUID, &v)
	case string(v.Vendor[:]) == lime && v.Selector == claimHits && len(v.Data) > 0:
		return n.gotClaim(from, d.GUID, &v)
	}
	return "GN-VE-02", errType
}

// gotOffer asks for hits of an own query.
//
// GN-VE-06, GN-VE-07.
func (n *step) gotOffer(from netip.AddrPort, guid wire.GUID, v *wire.VendorMessage) (clause string, reason error) {
	n.forgetOOB()
	origin, known := n.seen.find(seenKey{wire.TypeQuery, guid})
	switch {
	case !known || origin != own || v.Data[0] == 0:
		return "GN-VE-06", errNoRoute
	case len(n.promised) == n.cfg.MaxQueries:
		return "GN-VE-06", errBusy
	case n.findPromised(from, guid) >= 0:
		return "GN-VE-06", errDuplicate
	}
	p := promised{guid: guid, from: from, left: int32(v.Data[0]), safe: v.Version >= secured, at: n.now}
	data, version := []byte{v.Data[0]}, uint16(secured-1)
	if p.safe {
		n.rng.Fill(p.token[:])
		data, version = append(data, tokenBlock(p.token[:])...), secured
	}
	n.promised = append(n.promised, p)
	n.datagram(from, guid, claimHits, version, data)
	return "", nil
}

// gotClaim sends so many hits as are wanted.
//
// GN-VE-06, GN-VE-07.
func (n *step) gotClaim(from netip.AddrPort, guid wire.GUID, v *wire.VendorMessage) (clause string, reason error) {
	i := slices.IndexFunc(n.owed, func(o owed) bool {
		return o.guid == guid && o.to == from && !o.served && n.now-o.at <= oobLife
	})
	token := tokenOf(v.Data[1:])
	switch {
	case i < 0:
		return "GN-VE-06", errNoRoute
	case v.Version >= secured && (len(token) == 0 || len(token) > maxToken):
		return "GN-VE-07", errToken
	}
	d := wire.Descriptor{GUID: guid, Type: wire.TypeQueryHit, TTL: 1, Payload: n.owed[i].payload}
	n.owed[i].payload, n.owed[i].served = nil, true
	q, _ := wire.ParseQuery(d.Payload)
	w := understand(&q)
	found := n.matching(&wire.Descriptor{Hops: oobHops}, &w)
	found = found[:min(len(found), int(v.Data[0]))]
	var private []byte
	if v.Version >= secured {
		private = tokenBlock(token)
	}
	for len(found) > 0 {
		some := found[:min(len(found), oobFiles)]
		h, rest := n.fill(some, &w, private)
		found = found[len(some)-len(rest):]
		d.Payload = h.Append(nil)
		n.emit(spec.Send{To: from, Msg: d})
	}
	return "", nil
}

// gotPromised takes hits that were asked for, of who was asked.
//
// GN-VE-06, GN-VE-07.
func (n *step) gotPromised(from netip.AddrPort, d wire.Descriptor) (clause string, reason error) {
	h, err := wire.ParseQueryHit(d.Payload)
	i := n.findPromised(from, d.GUID)
	switch {
	case err != nil:
		return "GN-QH-01", err
	case h.Count == 0:
		return "GN-QH-12", errEmpty
	case i < 0 || n.promised[i].left <= 0:
		return "GN-VE-06", errNoRoute
	}
	p := &n.promised[i]
	if p.safe && (h.Trailer == nil || !bytes.Equal(tokenOf(h.Trailer.Private), p.token[:])) {
		return "GN-VE-07", errToken
	}
	p.left -= int32(h.Count)
	n.countHits(d.GUID, h.Count)
	for i := range n.dynamic {
		if n.dynamic[i].guid == d.GUID {
			n.dynamic[i].results += int32(h.Count)
		}
	}
	n.notify(hitEvent(&d, &h))
	return "", nil
}

func (n *Node) findPromised(from netip.AddrPort, guid wire.GUID) int {
	return slices.IndexFunc(n.promised, func(p promised) bool {
		return p.guid == guid && p.from == from && n.now-p.at <= oobLife
	})
}

// forgetOOB makes room for others.
func (n *Node) forgetOOB() {
	n.owed = slices.DeleteFunc(n.owed, func(o owed) bool { return n.now-o.at > oobLife })
	n.promised = slices.DeleteFunc(n.promised, func(p promised) bool { return n.now-p.at > oobLife })
}

func (n *step) datagram(to netip.AddrPort, guid wire.GUID, selector, version uint16, data []byte) {
	v := vendorMessage(lime, selector, version, data)
	d := wire.Descriptor{GUID: guid, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
	n.emit(spec.Send{To: to, Msg: d})
}

func tokenBlock(token []byte) []byte {
	b, _ := ggep.Append(nil, []ggep.Extension{{ID: oobToken, Data: token}}) // it always is short enough
	return b
}

// tokenOf finds a token in a block, or in the private data of a hit.
func tokenOf(private []byte) []byte {
	e, _ := extensionOf(private, oobToken)
	return e.Data
}
