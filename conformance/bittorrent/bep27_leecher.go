package bittorrent

import (
	"net/url"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep27Leecher judges a leecher of a private torrent: BEP 27.
var bep27Leecher = []Case{
	{
		ID: "bep27/private/no-dht-and-no-exchange", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP27-PRIV-002"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Control: "the target's handshake, its extension handshake and its requests for pieces",
		Explain: "The target downloads a private torrent from a seeder that offers the DHT and registers " +
			"ut_pex. It must not offer ut_pex itself, tell a DHT port or exchange peers. The DHT's bit in " +
			"its handshake is recorded: some set it for every torrent.",
		Causes: []string{"the private flag is parsed and never looked at"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"bitfields-of-any-length", "last-request-too-long", "private-is-public", "spare-bits-crash",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Private)
			cast := s.Cast(1, wire.FeatureExtension, wire.FeatureDHT)
			s.Gather(cast)
			p := cast[0]
			p.mustExtend()
			register(p, ourPex)
			s.Offer(p, func(int) bool { return true })
			s.MustComplete()
			p.extends()
			if id, ok := p.Extensions.Lookup(wire.ExtPex); ok && id != 0 {
				t.Failf("ut_pex is offered under the id %d for a private torrent", id)
			}
			for _, m := range p.Log {
				if m.Type == wire.Port || isExtended(m) && m.ExtID == ourPex {
					t.Failf("%v came for a private torrent", m)
				}
			}
			if p.Theirs.Offers(wire.FeatureDHT) {
				t.Observef("the handshake has the bit of the DHT")
			}
		},
	},
	{
		ID: "bep27/private/deaf-to-exchange", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP27-PRIV-003"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Control: "the target downloads from another peer that the tracker names",
		Explain: "A peer tells the target of another by ut_pex, under every id from 1 to 8, though the target " +
			"should have registered none. The other must not be connected to: of a private torrent only the " +
			"tracker's peers are.",
		Causes: []string{"the extension is not offered, and its messages are read"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"bitfields-of-any-length", "last-request-too-long", "private-exchange-heard", "spare-bits-crash",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Private)
			cast := s.Cast(2, wire.FeatureExtension)
			s.Gather(cast)
			p := cast[0]
			p.mustExtend()
			register(p, ourPex)
			met := 0
			l := t.Listen(func(*conformance.Stream) { met++ })
			p.extends()
			for id := range uint8(8) {
				isOther := false
				for _, e := range p.Extensions.M {
					isOther = isOther || e.ID == id+1 && e.Name != wire.ExtPex
				}
				if !isOther {
					p.Send(extended(id+1, []byte(encodedPex(Dict{"added": compactOf(l.Addr()), "added.f": "\x00"}))))
				}
			}
			t.Wait(2 * time.Second)
			s.Offer(cast[1], func(int) bool { return true })
			s.MustComplete()
			if met > 0 {
				t.Failf("the target connected to a peer that it was told of by ut_pex")
			}
		},
	},
	{
		ID: "bep27/private/one-tracker-at-a-time", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP27-PRIV-004"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Control: "the target downloads from the peers of the one tracker",
		Explain: "The private torrent names two trackers, one in each tier, which both answer. The target must " +
			"announce itself to one of them alone, as long as that answers.",
		Causes: []string{"every tier is announced to, as is common for public torrents"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"all-tiers-at-once", "bitfields-of-any-length", "last-request-too-long", "peers-compact-unknown",
			"spare-bits-crash",
		},
		Run: func(t *T) {
			s, further := twoTrackers(t)
			s.Add(Plain, s.Seed)
			s.Start()
			s.MustComplete()
			t.Wait(2 * time.Second)
			if len(s.Announces) > 0 && len(further.Announces) > 0 {
				t.Failf("both trackers were announced to: %d and %d times", len(s.Announces), len(further.Announces))
			}
		},
	},
	{
		ID: "bep27/private/drops-all-on-a-switch", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP27-PRIV-005", "BEP27-PRIV-004"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target announces itself to the second tracker when the first fails",
		Explain: "The first of two trackers answers once, with an interval of five minutes, and fails from " +
			"then on. When the target turns to the second it must drop the peers of the first: the swarms " +
			"of private trackers are not to be joined.",
		Causes: []string{"the list of peers belongs to the torrent, not to the tracker"},
		Within: 30 * time.Minute,
		Kills: []string{
			"all-tiers-at-once", "announce-answer-without-peers-crashes", "announce-once",
			"private-peers-survive-a-switch",
		},
		Run: func(t *T) {
			s, further := twoTrackers(t)
			cast := s.Cast(1)
			s.Reply = func(*Announce) tracker.AnnounceResponse {
				return tracker.AnnounceResponse{
					Interval: 5 * time.Minute, Complete: -1, Incomplete: -1, Peers: []tracker.Peer{{Addr: s.named[0]}},
				}
			}
			s.Raw = func(a *Announce) []byte {
				if a == s.Announces[0] {
					return s.plain(a)
				}
				return []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}
			further.Raw = func(*Announce) []byte { return OK([]byte("d8:intervali1800e5:peers0:e")) }
			s.Gather(cast)
			first := cast[0]
			first.Send(have(1))
			for len(further.Announces) == 0 && t.Now() < 25*time.Minute {
				first.Send(wire.KeepAlive) // or it is dropped for its silence
				t.Until(func() bool { return len(further.Announces) > 0 }, 30*time.Second)
			}
			if len(further.Announces) == 0 {
				t.Inconclusivef("the target did not turn to the second tracker; the first was asked %d times", len(s.Announces))
			}
			if !first.Dropped(10 * time.Second) {
				t.Failf("a peer of the first tracker is kept after the switch to the second")
			}
		},
	},
	{
		ID: "bep27/private/drops-strangers-of-a-magnet", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP27-PRIV-006"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the target gets the metadata and downloads from the tracker's peer",
		Explain: "A magnet link names a tracker and, by x.pe, a peer that the tracker does not know. The " +
			"metadata says that the torrent is private: the peer should be dropped then.",
		Causes: []string{"the flag is looked at only when a torrent file is read"},
		Within: 3 * downloadWithin,
		Kills: []string{
			"asks-for-what-it-has", "asks-while-choked", "early-announcements-lost",
			"extension-ids-as-strings", "last-request-too-long", "metadata-is-not-asked-for",
			"metadata-under-the-own-id", "no-extension-handshake", "private-magnet-keeps-strangers",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Private)
			s.mustLearn()
			cast := s.Cast(1, Fast...)
			var stranger *Peer
			l := t.Listen(func(stream *conformance.Stream) {
				s.meet(stream, Fast, func(p *Peer) {
					p.Send(wire.HaveNone)
					stranger = p
				})
			})
			s.StartMagnet(s.Magnet() + "&x.pe=" + url.QueryEscape(l.Addr().String()))
			s.Gather(cast)
			if !t.Until(func() bool { return stranger != nil }, reactWithin) {
				t.Unsupportedf("the target does not connect to the peers that a link names")
			}
			s.Teacher(s.size(), s.lesson)(cast[0])
			s.MustComplete()
			if !stranger.Dropped(refuseWithin) {
				t.Failf("the peer that no tracker named is kept, though the torrent is private")
			}
		},
	},
}

// twoTrackers is a swarm of a private torrent with a second tracker.
func twoTrackers(t *T) (*Swarm, *FurtherTracker) {
	s := NewSwarm(t, Private)
	further := s.Further()
	d := Private
	d.Top = map[string]any{"announce-list": []any{[]any{s.URL("/announce")}, []any{further.URL()}}}
	s.Content = d.Make(s.URL("/announce"))
	return s, further
}
