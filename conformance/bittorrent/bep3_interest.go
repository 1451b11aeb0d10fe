package bittorrent

import (
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Interest judges when a leecher is interested, and what it tells of its
// own pieces: BEP 3 §peer protocol.
var bep3Interest = []Case{
	{
		ID: "bep3/interest/shown-for-a-have", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-027", "BEP03-PEER-026", "BEP03-PEER-015"},
		Role:         conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks for the piece once it is unchoked",
		Explain: "A peer without the fast extension says nothing of its pieces for a second, and then have " +
			"5. The target must not be interested before, and must be then, although it is choked; after " +
			"the unchoke it must ask for piece 5 and for no other.",
		Causes: []string{"only a bitfield is looked at", "interest is shown to everybody"},
		Within: 2 * downloadWithin,
		Kills:  []string{"have-is-not-heard", "interest-shown-to-all"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			t.Wait(time.Second)
			if p.Interested {
				t.Failf("the target is interested in a peer that has announced nothing")
			}
			p.Send(have(5))
			if !t.Until(func() bool { return p.Interested || p.Gone() }, reactWithin) || !p.Interested {
				t.Failf("the target shows no interest after have 5: %s", p.Last())
			}
			p.Send(wire.Unchoke)
			switch m := p.AwaitType(reactWithin, wire.Request); {
			case m == nil:
				t.Failf("the target does not ask for the piece that was announced: %s", p.Last())
			case m.Index != 5:
				t.Failf("only piece 5 was announced, and the target asks for %v", m)
			}
		},
	},
	{
		ID: "bep3/interest/withdrawn", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-027"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target was interested, and fetched the pieces from another peer",
		Explain: "One peer has piece 0 alone and keeps the target choked; another serves the pieces 0 to 9. " +
			"When they are fetched, the first has nothing more that is wanted: the target must tell it not " +
			"interested, for it may plan with the interest of the choked.",
		Causes: []string{"interest is looked at only when an unchoke comes"},
		Within: 3 * downloadWithin,
		Kills:  []string{"interest-never-withdrawn"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			s.Gather(cast)
			giver, idler := cast[0], cast[1]
			idler.Send(bits(s.Pieces(), Below(1)))
			idler.MustInterest()
			s.Offer(giver, Below(10))
			giver.MustFetch(s.Blocks(10))
			if !t.Until(func() bool { return !idler.Interested || idler.Gone() }, reactWithin) {
				t.Failf("the target stays interested in a peer that has nothing which it lacks")
			}
			if idler.Interested {
				t.Inconclusivef("the target left the peer: %s", idler.Last())
			}
		},
	},
	{
		ID: "bep3/interest/kept", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-027"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target fetched pieces from another peer",
		Explain: "One peer has every piece and keeps the target choked; another serves the pieces 0 to 9. " +
			"When they are fetched, the first still has what is wanted: the target must be interested in " +
			"it, and ask it for pieces once unchoked.",
		Causes: []string{"interest ends with the first pieces, or with a choke"},
		Within: 3 * downloadWithin,
		Kills:  []string{"asks-for-everything", "interest-ends-with-a-piece"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			s.Gather(cast)
			giver, rich := cast[0], cast[1]
			rich.Send(s.All(rich))
			rich.MustInterest()
			s.Offer(giver, Below(10))
			giver.MustFetch(s.Blocks(10))
			t.Wait(2 * time.Second)
			if rich.Gone() {
				t.Inconclusivef("the target left the peer: %s", rich.Last())
			}
			if !rich.Interested {
				t.Failf("the target has lost its interest in a peer with %d pieces that it lacks", s.Pieces()-10)
			}
			rich.Send(wire.Unchoke)
			if rich.AwaitType(reactWithin, wire.Request) == nil {
				t.Failf("the target asks for nothing after the unchoke: %s", rich.Last())
			}
		},
	},
	{
		ID: "bep3/have/told-to-everybody", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-018", "BEP03-PEER-017"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target fetched the pieces",
		Explain: "A peer without pieces is connected while another serves the pieces 0 to 9. The first must " +
			"be told of each by have: it could not know otherwise what it may ask for.",
		Causes: []string{"have goes to the peer that sent the piece", "the first pieces are told, and later ones are not"},
		Within: 3 * downloadWithin,
		Kills:  []string{"have-to-the-sender"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			s.Gather(cast)
			giver, poor := cast[0], cast[1]
			s.Offer(giver, Below(10))
			giver.MustFetch(s.Blocks(10))
			told := func() (n int) {
				for i := range 10 {
					if poor.Has(i) {
						n++
					}
				}
				return n
			}
			if t.Until(func() bool { return told() == 10 || poor.Gone() }, reactWithin); told() < 10 {
				if poor.Gone() {
					t.Inconclusivef("the target left the peer: %s", poor.Last())
				}
				t.Failf("a connected peer was told of %d of 10 pieces that the target has fetched", told())
			}
		},
	},
	announcedBy("have-alone", "by have messages, and by no bitfield", func(s *Swarm, p *Peer) {
		var all []any
		for i := range s.Pieces() {
			all = append(all, have(i))
		}
		p.Send(all...)
	}),
	announcedBy("have-behind-a-bitfield", "by a bitfield of the even pieces, and the others by have",
		func(s *Swarm, p *Peer) {
			p.Send(bits(s.Pieces(), func(i int) bool { return i%2 == 0 }))
			for i := 1; i < s.Pieces(); i += 2 {
				p.Send(have(i))
			}
		}),
}

// announcedBy is a seeder that announces its pieces in a way that is allowed.
func announcedBy(slug, how string, announce func(*Swarm, *Peer)) Case {
	return Case{
		ID: "bep3/have/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-026"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target connects",
		Explain: "The only seeder announces its pieces " + how + ". Seeders may hide that they have " +
			"everything in this way; the target must fetch every piece.",
		Causes: []string{"only a bitfield is looked at", "have is taken for news of a peer that is complete"},
		Within: 2 * downloadWithin,
		Kills:  []string{"have-is-not-heard", "last-request-too-long"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			p.On = func(m *Received) { s.Serve(p, m) }
			announce(s, p)
			s.MustComplete()
		},
	}
}
