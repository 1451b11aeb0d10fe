package gnutella

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// somewhere is the address of a host that pongs tell of, where nobody listens. The
// target may still know those of other cases.
func somewhere(t *T, port uint16) netip.AddrPort {
	n := t.Fresh().Uint64()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 77, byte(n >> 8), byte(n)}), port)
}

// rumour is a pong as a neighbour passes it on.
type rumour struct {
	wire.Pong
	hops uint8
}

// meetTelling has a neighbour answer the target's pings with pongs about others as well as its own.
func meetTelling(t *T, pongs ...rumour) *Peer {
	p := Dial(t)
	p.On = func(r *Received) {
		if r.Type != wire.TypePing || r.TTL < 2 {
			return
		}
		for _, m := range pongs {
			p.Send(wire.Descriptor{GUID: r.GUID, Type: wire.TypePong, TTL: 5, Hops: m.hops, Payload: m.Append(nil)})
		}
	}
	p.Greet(Equal().With("Listen-IP", p.Advertised().String()))
	p.Answered()
	p.Met()
	far := func(r *Received) bool { return r.Type == wire.TypePing && r.TTL > 1 }
	if len(pongs) == 0 {
		p.Control()
	} else if !t.Until(func() bool { return p.Count(far) > 0 }, CallWithin) {
		p.Control()
		t.Unsupportedf("the target does not ask a new neighbour for pongs of others within %v", CallWithin)
	}
	t.Wait(200 * time.Millisecond)
	return p
}

// asked pings once and waits for the pongs, which have the GUID.
func (p *Peer) asked(ttl, hops uint8) wire.GUID {
	p.Control()
	p.t.Wait(PingPause)
	ping := NewPing(p.t, ttl, hops)
	p.Send(ping)
	p.t.Wait(GatherFor)
	return ping.GUID
}

// pongsFor is how many pongs answer a ping.
func (p *Peer) pongsFor(ttl uint8) int { return p.Saw(wire.TypePong, p.asked(ttl, 0)) }

// crawl pings once and gathers the pongs, by address.
func (p *Peer) crawl(ttl, hops uint8) map[netip.AddrPort]*Received {
	guid := p.asked(ttl, hops)
	found := map[netip.AddrPort]*Received{}
	for _, r := range p.Log {
		if r.Type == wire.TypePong && r.GUID == guid {
			m, err := wire.ParsePong(r.Payload)
			if err != nil {
				p.t.Failf("a pong is none: %v", err)
			}
			found[m.Addr] = r
		}
	}
	return found
}

// GatherFor is how long pongs are waited for that may or may not come.
const GatherFor = 1500 * time.Millisecond

// cachedPongs judges what the target tells of others.
var cachedPongs = []Case{
	{
		ID: "gnutella06/pong-cache/several-pongs", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-06"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a ping of TTL 1 on the same link before",
		Explain: "Four neighbours have told of themselves. A fifth sends a ping with TTL 7, more than a " +
			"second after its last. It must be answered by several pongs, and by 20 at most: 10 is " +
			"reasonable. Some tell nobody of addresses of loopback: fewer are recorded there.",
		Causes: []string{"only the own pong is sent", "the whole cache is sent"},
		Kills:  []string{"forgets-what-it-saw", "list-of-vendor-messages-comes-first", "unmarked-guids"},
		Run: func(t *T) {
			for range 4 {
				meetTelling(t)
			}
			p := Meet(t, Equal())
			found := p.crawl(7, 0)
			t.Observef("a ping with TTL 7 was answered by %d pongs", len(found))
			if len(found) < 2 && p.Advertised().Addr().IsLoopback() {
				t.Infof("a ping with TTL 7 is answered by %d pongs, on loopback, of whose addresses some tell nobody", len(found))
			}
			if len(found) < 2 || len(found) > 20 {
				t.Mismatch("the number of pongs", len(found), "several: 2 to 20")
			}
		},
	},
	{
		ID: "gnutella06/pong-cache/for-crawlers", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-08"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a ping of TTL 1 on the same link before",
		Explain: "A ping with TTL 2 and hops 0 is a crawler's. It should be answered by the target's own " +
			"pong, and by one for each neighbour, such as the one that has told its address.",
		Causes: []string{"the own pong is left out", "the ping is answered as any other"},
		Kills: []string{
			"big-endian-ports", "crawlers-get-no-neighbours", "crawlers-get-no-own-pong",
			"little-endian-addresses",
		},
		Run: func(t *T) {
			b := meetTelling(t)
			p := Meet(t, Equal())
			found := p.crawl(2, 0)
			if found[t.Target()] == nil {
				t.Mismatch("the pongs for a crawler", fmt.Sprintf("%d, without the target's own", len(found)),
					"its own and its neighbour's")
			}
			if found[b.Advertised()] == nil && p.crawl(7, 0)[b.Advertised()] == nil {
				t.Unsupportedf("the target does not tell of its neighbour in any way: some tell nobody of addresses of loopback")
			}
			if found[b.Advertised()] == nil {
				t.Mismatch("the pongs for a crawler", fmt.Sprintf("%d, without the neighbour's", len(found)),
					"its own and its neighbour's")
			}
		},
	},
	{
		ID: "gnutella06/pong-cache/hops-and-ttl", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-12"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the pong about the distant host, and a ping of TTL 1 before",
		Explain: "One neighbour tells of a host by a pong with hops 2. Another, which asks with TTL 7, " +
			"must get it with hops 3 and a TTL of 4 at most; who has told of it must not get it back.",
		Causes: []string{"cached pongs begin anew with hops 0", "the cache does not know who has told"},
		Kills: []string{
			"cached-pongs-begin-anew", "pong-with-hops", "pongs-with-ttl-0", "tells-the-teller",
		},
		Run: func(t *T) {
			distant := somewhere(t, 6346)
			b := meetTelling(t, rumour{wire.Pong{Addr: distant, Files: 3, Kilobytes: 64}, 2})
			a := Meet(t, Equal())
			r := a.crawl(7, 0)[distant]
			if r == nil {
				t.Unsupportedf("the target does not tell others of a host that a neighbour told it of")
			}
			if r.Hops != 3 || r.TTL < 1 || r.TTL > 4 {
				t.Mismatch("TTL and hops of a cached pong", r.String(), "hops 3, and a TTL of 1 to 4")
			}
			if b.crawl(7, 0)[distant] != nil {
				t.Failf("a pong goes back to the neighbour that it came from")
			}
		},
	},
	{
		ID: "gnutella06/pong-cache/keeps-ggep", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-11", "GN-PG-17", "GN-PG-18"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the pong about the distant host, and a ping of TTL 1 before",
		Explain: "One neighbour tells of a host by a pong with a GGEP block. One that knows GGEP should " +
			"get it with the block, one that does not must get 14 bytes.",
		Causes: []string{"the cache keeps the 14 bytes alone", "the block is sent to everybody"},
		Kills: []string{
			"cache-without-ggep", "pongs-are-padded", "pongs-have-blocks-for-all", "pongs-with-ggep-for-all",
		},
		Run: func(t *T) {
			distant := somewhere(t, 6346)
			block := []byte("\xc3\x82UP\x43\x01\x02\x03")
			meetTelling(t, rumour{wire.Pong{Addr: distant, Files: 3, Kilobytes: 64, GGEP: block}, 1})
			knows, plain := Meet(t, Equal()).says("GGEP"), Meet(t, Equal().Without("GGEP"))
			r := knows.crawl(7, 0)[distant]
			if r == nil {
				t.Unsupportedf("the target does not tell others of a host that a neighbour told it of")
			}
			if !bytes.HasSuffix(r.Payload, block) {
				t.Mismatch("the GGEP block of a cached pong", fmt.Sprintf("%x", r.Payload[14:]), fmt.Sprintf("%x", block))
			}
			if r := plain.crawl(7, 0)[distant]; r != nil && len(r.Payload) != 14 {
				t.Mismatch("a cached pong for a neighbour without GGEP", fmt.Sprintf("%d bytes", len(r.Payload)), "14 bytes")
			}
		},
	},
	{
		ID: "gnutella06/pong-cache/not-of-the-firewalled", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-14"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the pong about another host of the same neighbour",
		Explain: "One neighbour tells of two hosts, one of which has port 0: nobody can connect to it. A " +
			"second neighbour, which asks, should hear of the other alone.",
		Causes: []string{"the port is not looked at"},
		Kills:  []string{"tells-of-the-firewalled"},
		Run: func(t *T) {
			distant, firewalled := somewhere(t, 6346), somewhere(t, 0)
			meetTelling(t, rumour{wire.Pong{Addr: firewalled}, 1}, rumour{wire.Pong{Addr: distant}, 1})
			found := Meet(t, Equal()).crawl(7, 0)
			if found[distant] == nil {
				t.Unsupportedf("the target does not tell others of a host that a neighbour told it of")
			}
			if found[firewalled] != nil {
				t.Failf("a pong about a host with port 0 is passed on")
			}
		},
	},
	{
		ID: "gnutella06/pong-cache/nobody-asked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-13"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "queries that are passed on before and after",
		Explain: "A pong with a GUID that no ping had comes from one neighbour. It must not be passed on " +
			"to another.",
		Causes: []string{"pongs without a way back are sent to all"},
		Kills:  []string{"broadcasts-stray-pongs"},
		Run:    func(t *T) { strayPong(t, Between(t)) },
	},
}
