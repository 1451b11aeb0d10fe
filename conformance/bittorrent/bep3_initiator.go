package bittorrent

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Initiator judges a leecher as the one who connects: BEP 3 §peer protocol.
var bep3Initiator = []Case{
	{
		ID: "bep3/initiator/speaks-first", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-001", "BEP03-PEER-002"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged handshake itself",
		Explain: "The target connects to a peer that the tracker names and that says nothing. It must send a " +
			"whole handshake of 68 bytes with the torrent's info-hash without waiting. A target that begins " +
			"encrypted is hung up on, and begins again.",
		Causes: []string{"the handshake is sent up to the info-hash, and the rest when the other side has answered"},
		Within: 2 * downloadWithin,
		Kills:  []string{"dials-with-another-hash", "peers-compact-unknown"},
		Run: func(t *T) {
			s := NewSwarm(t, Greeting)
			s.mustLearn()
			var heard *wire.Handshake
			s.Answer(func(p *Peer) { heard = p.Theirs })
			s.Start()
			if !t.Until(func() bool { return heard != nil }, downloadWithin) {
				s.mustAnnounce()
				t.Failf("no plain handshake came to a peer that waits for it: %d connections", len(s.Peers))
			}
			if heard.InfoHash != s.Hash() {
				t.Mismatch("the info-hash", heard.InfoHash, "that of the torrent")
			}
			t.Earn()
		},
	},
	{
		ID: "bep3/initiator/messages-in-the-segment", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-007"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target connects",
		Explain: "The only seeder answers with its handshake, a bitfield of everything and an unchoke in one " +
			"segment. The target must ask it for pieces: what follows the handshake is lost in clients " +
			"that read the handshake with a buffer of its own.",
		Causes: []string{"the bytes behind the handshake are thrown away with its buffer"},
		Within: 2 * downloadWithin,
		Kills:  []string{"handshake-takes-the-segment"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.mustLearn()
			s.Answer(func(p *Peer) {
				p.Mine = &wire.Handshake{InfoHash: s.Hash(), PeerID: p.ID}
				all := bits(s.Pieces(), func(int) bool { return true })
				p.Send(p.Mine, &all, wire.Unchoke)
			})
			s.Start()
			p := s.Meet()
			if p.AwaitType(downloadWithin, wire.Request) == nil {
				t.Failf("the target asks for nothing: %s", p.Last())
			}
		},
	},
	answeredBy("another-info-hash", "BEP03-PEER-002", "a handshake for another torrent", func(s *Swarm, p *Peer) {
		h := &wire.Handshake{InfoHash: s.Hash(), PeerID: p.ID}
		h.InfoHash[19] ^= 1
		p.GreetWith(h)
		p.Send(bits(s.Pieces(), func(int) bool { return true }))
	}, "any-answer-accepted"),
	answeredBy("another-protocol", "BEP03-PEER-005", "the response of a web server", func(_ *Swarm, p *Peer) {
		page := "HTTP/1.1 400 Bad Request\r\nContent-Length: 20\r\n\r\nthis is a web server"
		p.WriteMalformed([]byte(page), "a web server's answer")
	}, "any-answer-accepted"),
	answeredBy("its-own-peer-id", "BEP03-PEER-009", "the target's own peer id: it has connected to itself",
		func(s *Swarm, p *Peer) {
			p.ID = p.Theirs.PeerID
			p.Greet()
			p.Send(bits(s.Pieces(), func(int) bool { return true }))
		}, "handshake-echoes-the-peer-id", "talks-to-itself"),
	{
		ID: "bep3/initiator/told-its-own-address", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-009"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the download completes from a seeder that the tracker names as well",
		Explain: "The tracker names the target itself before a seeder, as trackers do. Whatever comes of it, " +
			"the target must fetch everything from the seeder.",
		Causes: []string{"a connection to oneself takes up the only place, or blocks the loop"},
		Within: 3 * downloadWithin,
		Kills:  []string{"last-request-too-long", "peers-compact-unknown"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.mustLearn()
			s.Add(Plain, s.Seed)
			s.Reply = func(a *Announce) tracker.AnnounceResponse {
				r := tracker.AnnounceResponse{Interval: 30 * time.Minute, Complete: -1, Incomplete: -1}
				r.Peers = append(r.Peers, tracker.Peer{Addr: netip.AddrPortFrom(a.From.Addr(), a.Port)})
				for _, at := range s.named {
					r.Peers = append(r.Peers, tracker.Peer{Addr: at})
				}
				return r
			}
			s.Start()
			s.MustComplete()
		},
	},
	{
		ID: "bep3/initiator/list-of-dictionaries", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-017"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target announces itself",
		Explain: "The tracker answers as BEP 3 has it, with a list of dictionaries of peer id, ip and port; " +
			"the address is IPv4 text. The target must connect to the seeder that is named.",
		Causes: []string{"only the compact form is read"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"announce-malformed-entries-crash", "list-form-is-not-read", "peers-as-list-unknown",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.mustLearn()
			s.Add(Plain, s.Seed)
			s.listed(tracker.PeerID([]byte("-PS0100-any other id")))
			s.Start()
			if !t.Until(func() bool { return len(s.Peers) > 0 }, downloadWithin) {
				s.mustAnnounce()
				t.Failf("the target does not connect to a peer of the list form")
			}
			t.Earn()
		},
	},
	{
		ID: "bep3/announce/stopped-at-the-end", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-TRK-009"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the first announce of the download",
		Explain: "The target is asked to end in good order in the middle of a download. It should announce " +
			"event=stopped to the tracker that knows of it, so that no peer is sent to it any more.",
		Causes: []string{"the program ends before the request is sent"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-once", "announce-without-stopped"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.FirstAnnounce()
			t.Wait(time.Second)
			before := len(s.Announces)
			t.Quit()
			stopped := func() bool {
				return slices.ContainsFunc(s.Announces[before:], func(a *Announce) bool { return a.Event == tracker.Stopped })
			}
			if !t.Until(stopped, reactWithin) {
				t.Failf("the target was asked to end %v ago, and announced no event=stopped", reactWithin)
			}
		},
	},
	{
		ID: "bep3/initiator/unexpected-peer-id", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP03-PEER-004"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target exchanges handshakes with the peer",
		Explain: "The tracker names a peer with its id in the list form, and who answers at the address has " +
			"another. BEP 3 has the initiator close the connection. Few do since the compact form has no " +
			"ids; what the target does is recorded.",
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-malformed-entries-crash"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.mustLearn()
			cast := s.Cast(1)
			s.listed(tracker.PeerID([]byte("-PS0100-expected one")))
			s.Gather(cast)
			if !cast[0].Dropped(refuseWithin) {
				t.Infof("a peer with another id than the tracker's is kept")
			}
		},
	},
}

// Greeting is a torrent of which only handshakes are exchanged.
var Greeting = Design{Name: "p2pspec greeting", PieceLength: BlockSize, Lengths: []int{3 * BlockSize}}

// mustLearn ends a case for a target that the tracker's answer does not reach.
func (s *Swarm) mustLearn() {
	if how := s.t.Learns(); how != conformance.FromTracker {
		s.t.Unsupportedf("the target does not connect to the peers that a tracker names, but learns them by %q", how)
	}
}

// mustAnnounce ends a case as inconclusive whose target never asked for peers.
func (s *Swarm) mustAnnounce() {
	if len(s.Announces) == 0 {
		s.t.Inconclusivef("the target did not announce itself")
	}
}

// listed has the tracker answer in the list form, every peer with the given id.
func (s *Swarm) listed(id tracker.PeerID) {
	s.Raw = func(*Announce) []byte {
		r := tracker.AnnounceResponse{Interval: 30 * time.Minute, Complete: -1, Incomplete: -1}
		for _, at := range s.named {
			r.Peers = append(r.Peers, tracker.Peer{Addr: at, ID: id})
		}
		return OK(tracker.AppendAnnounceResponse(nil, r, tracker.List, false))
	}
}

// Answer puts a peer into the swarm that answers the target's handshake in a
// way of its own, whatever info-hash it has.
func (s *Swarm) Answer(act Behaviour) {
	l := s.t.Listen(func(stream *conformance.Stream) {
		p := newPeer(s.t, s.Content, stream)
		s.Peers = append(s.Peers, p)
		p.OnHandshake = func() { act(p) }
	})
	s.named = append(s.named, l.Addr())
}

// answeredBy answers the target's handshake by what it has to hang up on.
func answeredBy(slug, clause, what string, answer func(*Swarm, *Peer), kills ...string) Case {
	return Case{
		ID: "bep3/initiator/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks a seeder for pieces that the tracker names as well",
		Explain: "A peer answers the target's handshake by " + what + ". The target must close the " +
			"connection, and ask it for nothing; it must go on with the other peer.",
		Causes: []string{"the answer is read without a comparison"},
		Within: 3 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.mustLearn()
			var odd *Peer
			s.Answer(func(p *Peer) {
				odd = p
				answer(s, p)
			})
			cast := s.Cast(1)
			s.Gather(cast)
			if !t.Until(func() bool { return odd != nil }, downloadWithin) {
				t.Inconclusivef("the target did not connect to the peer in question")
			}
			dropped := odd.Dropped(refuseWithin)
			cast[0].Send(s.All(cast[0]))
			cast[0].MustAsk()
			if !dropped {
				t.Failf("the connection is open %v after %s", refuseWithin, what)
			}
			if odd.Count(isRequest) > 0 {
				t.Failf("the target asked for pieces after %s", what)
			}
		},
	}
}
