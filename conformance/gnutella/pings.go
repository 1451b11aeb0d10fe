package gnutella

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// pings judges how the target answers pings, and what it asks itself.
var pings = []Case{
	{
		ID: "gnutella06/ping/pong-has-the-guid-of-the-ping", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-03", "GN-PG-04"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "any pong at all within the same time",
		Explain: "A ping with TTL 1 and hops 0 must be answered by a pong with its GUID, that has made no hop " +
			"and tells the target's own address.",
		Causes: []string{"the pong gets a GUID of its own, as a remark in the 0.4 document has it",
			"the GUID is the servent's"},
		Kills: []string{"compresses-unasked", "pong-with-hops", "pong-with-its-own-guid"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			ping := NewPing(t, 1, 0)
			p.Send(ping)
			pong := p.AwaitType(AnswerWithin, wire.TypePong)
			switch {
			case pong == nil:
				t.Failf("a ping of TTL 1 is not answered: %s", p.Last())
			case pong.GUID != ping.GUID:
				t.Mismatch("the GUID of the pong", pong.GUID, "that of the ping")
			case pong.Hops != 0:
				t.Mismatch("the hops of the target's own pong", pong.Hops, "0")
			}
			t.Earn()
		},
	},
	{
		ID: "gnutella06/ping/layout-of-the-pong", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-02", "GN-HD-01", "GN-HD-02", "GN-HS-19"}, Role: conformance.Servent,
		Kind:    conformance.Reply,
		Control: "the pong itself",
		Explain: "The pong has 14 bytes, or more if GGEP follows: the port that the target listens on " +
			"with its lower byte first, its address in network order, files and kilobytes. The next " +
			"descriptor follows at once. An address of another interface is recorded.",
		Causes: []string{"the port is written in network order", "the address is written the lower byte first",
			"the default port is told, and not the port in use"},
		Kills: []string{
			"big-endian-ports", "compresses-unasked", "little-endian-addresses", "pong-with-hops",
			"pong-with-its-own-guid", "pongs-are-padded",
		},
		Run: func(t *T) {
			p := Meet(t, Equal())
			ping := NewPing(t, 1, 0)
			p.Send(ping)
			judgePong(t, p, p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID), false)
			p.Control()
		},
	},
	{
		ID: "gnutella06/ping/of-a-neighbours-neighbour", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-04", "GN-PG-05"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping with hops 0 is answered",
		Explain: "A ping with TTL 1 and hops 1 has come from one host further. It must be answered as " +
			"well, by a pong with hops 0 and a TTL of 1 at least, which leads it back.",
		Causes: []string{"only pings of the neighbour itself are answered", "the TTL is that of the ping less one"},
		Kills:  []string{"answers-neighbours-alone", "pong-with-hops", "pongs-with-ttl-0"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Control()
			t.Wait(PingPause)
			ping := NewPing(t, 1, 1)
			p.Send(ping)
			pong := p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID)
			switch {
			case pong == nil:
				p.Control()
				t.Failf("a ping with TTL 1 and hops 1 is not answered")
			case pong.TTL < 1 || pong.Hops != 0:
				t.Mismatch("TTL and hops of the pong", pong.String(), "TTL 1 at least, and hops 0")
			}
		},
	},
	{
		ID: "gnutella06/ping/own-pings-are-well-formed", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-01", "GN-PG-17"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "a ping of TTL 1 is answered on each link",
		Explain: "Two neighbours are met, one of which knows GGEP. The pings that the target sends of " +
			"itself must have no payload, or a GGEP block for that one alone; and TTL and hops of 7 together " +
			"at most.",
		Causes: []string{"a ping with extensions goes to everybody"},
		Within: 3 * pingsWithin,
		Kills: []string{
			"pings-are-padded", "pings-have-blocks-for-all", "pings-with-ggep-for-all", "pings-with-junk",
		},
		Run: func(t *T) {
			plain, knows := Meet(t, Equal().Without("GGEP")), Meet(t, Equal())
			for _, p := range []*Peer{plain, knows} {
				p.Control()
				firstPing(p)
				for _, r := range p.Log {
					if r.Type == wire.TypePing {
						judgePing(t, r, p == knows)
					}
				}
			}
		},
	},
	{
		ID: "gnutella06/ping/counts-what-is-shared", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-09"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the pong itself; a query for a shared file is answered",
		Explain: "The target shares three files. Its pong should count them, and their kilobytes; an " +
			"ultrapeer may have a power of two in the place of these. What else it shares is not held " +
			"against it.",
		Causes: []string{"the fields are left at 0", "bytes are counted"},
		Kills:  []string{"counts-bytes", "counts-no-files"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			pong := ownPong(t, p)
			low, high := SharedKilobytes()
			switch {
			case int(pong.Files) < len(Shared()):
				t.Mismatch("the files in the pong", pong.Files, fmt.Sprint(len(Shared())))
			case int(pong.Files) > len(Shared()):
				t.Observef("the target counts %d files: it shares others beside those that it was given", pong.Files)
			case (pong.Kilobytes < low || pong.Kilobytes > high) && !pong.Ultrapeer():
				t.Mismatch("the kilobytes in the pong", pong.Kilobytes, fmt.Sprintf("%d to %d", low, high))
			}
		},
	},
	{
		ID: "gnutella06/ping/ultrapeers-mark-their-pongs", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-10"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "the pong itself",
		Explain: "The kilobytes in an ultrapeer's pong are a power of two, 8 at least, whatever it " +
			"shares: so others know whom to recommend.",
		Causes: []string{"the mark is not known"},
		Kills:  []string{"counts-bytes", "unmarked-pongs"},
		Run: func(t *T) {
			if pong := ownPong(t, Meet(t, Equal())); !pong.Ultrapeer() {
				t.Mismatch("the kilobytes in an ultrapeer's pong", pong.Kilobytes, "a power of two, 8 at least")
			}
		},
	},
	{
		ID: "gnutella06/ping/too-many-get-few-pongs", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-07"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a single ping is answered by several pongs before, and one of TTL 1 afterwards",
		Explain: "Six neighbours have told of themselves. A seventh sends a ping with TTL 7, which has to be answered " +
			"by three pongs or more: where there is less to tell, nothing can grow. Then it sends 50 at once. Those " +
			"that come within a second of another need no answer: more than 100 pongs in two seconds are too many.",
		Causes: []string{"each ping is answered from the cache, however soon it comes"}, Within: time.Minute,
		Kills: []string{"answers-all-pings"},
		Run: func(t *T) {
			var told []*Peer
			for range 6 {
				told = append(told, met(t))
			}
			p := Meet(t, Equal())
			p.severalPongs(told)
			before := p.Count(isPong)
			var burst []wire.Descriptor
			for range 50 {
				burst = append(burst, NewPing(t, 7, 0))
			}
			p.Send(burst...)
			t.Wait(2 * time.Second)
			n := p.Count(isPong) - before
			p.Control()
			t.Observef("50 pings at once were answered by %d pongs", n)
			if n > 100 {
				t.Mismatch("the pongs for 50 pings within a second", n, "100 at most")
			}
		},
	},
}

// severalPongs ends the case as unsupported if a single ping is not answered by so many
// pongs that those for 50 would be too many. It may take the target a while to hear of
// the neighbours.
func (p *Peer) severalPongs(neighbours []*Peer) {
	const several = 3
	one := p.pongsFor(7)
	if one < several {
		p.t.Until(func() bool {
			return !slices.ContainsFunc(neighbours, func(n *Peer) bool { return n.Count(isPing) == 0 })
		}, CallWithin)
		one = p.pongsFor(7)
	}
	if one < several {
		p.t.Unsupportedf("a single ping is answered by %d pongs: nothing can grow", one)
	}
}

func isPing(r *Received) bool { return r.Type == wire.TypePing }
func isPong(r *Received) bool { return r.Type == wire.TypePong }

// judgePong holds a pong to its layout, and to the target's address.
func judgePong(t *T, p *Peer, r *Received, plain bool) {
	if r == nil {
		t.Failf("a ping of TTL 1 is not answered: %s", p.Last())
	}
	m, err := wire.ParsePong(r.Payload)
	if err != nil {
		t.Failf("the pong is none: %v", err)
	}
	switch {
	case plain && len(m.GGEP) > 0:
		t.Mismatch("the length of a pong for a servent without GGEP", len(r.Payload), "14")
	case len(m.GGEP) > 0 && m.GGEP[0] != ggep.Magic:
		t.Mismatch("what follows the 14 bytes of a pong", fmt.Sprintf("%x", m.GGEP), "a GGEP block, which begins c3")
	case r.Hops != 0:
		t.Mismatch("the hops of the target's own pong", r.Hops, "0")
	}
	addressOf(t, "the pong", m.Addr)
	t.Earn()
}

// judgePing holds a ping of the target's own to the rules.
func judgePing(t *T, r *Received, knowsGGEP bool) {
	switch {
	case len(r.Payload) > 0 && !knowsGGEP:
		t.Mismatch("the payload of a ping for a neighbour without GGEP", fmt.Sprintf("%x", r.Payload), "nothing")
	case len(r.Payload) > 0 && r.Payload[0] != ggep.Magic:
		t.Mismatch("the payload of a ping", fmt.Sprintf("%x", r.Payload), "nothing, or a GGEP block")
	case r.TTL == 0 || int(r.TTL)+int(r.Hops) > maxHops:
		t.Mismatch("TTL and hops of a ping", r.String(), "7 together at most, and a TTL of 1 at least")
	}
}

// ownPong is the target's pong for a ping of TTL 1.
func ownPong(t *T, p *Peer) wire.Pong {
	p.Control()
	r := p.Log[p.cursor-1] // what the control went past
	m, err := wire.ParsePong(r.Payload)
	if err != nil {
		t.Failf("the pong is none: %v", err)
	}
	return m
}
