package bittorrent

import (
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Handshake judges how a seeder opens a connection: BEP 3 §peer protocol.
var bep3Handshake = []Case{
	{
		ID: "bep3/handshake/answers-in-kind", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-001"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target announces its pieces on the same connection",
		Explain: "A plain handshake without any feature. The answer must be 68 bytes: 19, " +
			"'BitTorrent protocol', 8 reserved bytes, the same info-hash, and a peer id that is not ours.",
		Causes: []string{"the reserved bytes are left out", "the peer id of the other side is sent back"},
		Kills:  []string{"handshake-echoes-the-peer-id"},
		Run: func(t *T) {
			p := Dial(t)
			p.Greet()
			t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
			switch {
			case p.Fault != nil:
				t.Mismatch("the handshake", p.Fault, "19, 'BitTorrent protocol', 8 bytes, info-hash, peer id")
			case p.Theirs == nil:
				t.Failf("a plain handshake for the torrent was not answered: %s", p.Last())
			case p.Theirs.InfoHash != p.content.Hash():
				t.Mismatch("the info-hash", p.Theirs.InfoHash, "the one that was asked for")
			case p.Theirs.PeerID == p.ID:
				t.Failf("the peer id is the one that was sent to the target")
			}
			p.GoesOn()
			t.Earn()
		},
	},
	{
		ID: "bep3/handshake/unknown-torrent-is-refused", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-002"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer exchanges plain handshakes before and after",
		Explain: "A handshake for an info-hash that the target does not serve. The connection must be " +
			"cut; an answer that names the unknown torrent, or one that stays open, is a failure.",
		Causes: []string{"the info-hash of the handshake is echoed", "torrents are looked up after the answer"},
		Kills:  []string{"handshake-for-any-torrent", "hybrid-in-one-swarm"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			h := &wire.Handshake{PeerID: p.ID}
			t.Rand().Fill(h.InfoHash[:])
			p.GreetWith(h)
			dropped := p.Dropped(refuseWithin)
			if p.Theirs != nil && p.Theirs.InfoHash == h.InfoHash {
				t.Failf("the target answered a handshake for a torrent that nobody has")
			}
			p.Alive()
			if !dropped {
				t.Failf("the connection is open %v after a handshake for an unknown torrent", refuseWithin)
			}
		},
	},
	{
		ID: "bep3/handshake/other-protocol-is-refused", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-005"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer exchanges plain handshakes before and after",
		Explain: "A handshake whose protocol string reads 'BitTorrent protocoI'. The target must not " +
			"answer it and should close; it must serve others as before. A target that also speaks " +
			"encrypted connections may take it for the beginning of one, and wait: that is accepted.",
		Causes: []string{"only the first byte is looked at", "the string is not compared at all"},
		Kills:  []string{"handshake-of-any-protocol", "handshake-takes-the-segment"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			b := encode(&wire.Handshake{InfoHash: p.content.Hash(), PeerID: p.ID})
			b[19] = 'I'
			p.WriteMalformed(b, "a handshake of another protocol")
			t.Until(func() bool { return p.Theirs != nil || p.Ended() }, refuseWithin)
			if p.Theirs != nil {
				t.Failf("the target answered a handshake of another protocol with its own")
			}
			p.Alive()
		},
	},
	{
		ID: "bep3/handshake/byte-by-byte", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-006"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "another peer's handshake in one segment",
		Explain: "The handshake arrives in segments of one byte, 5 ms apart. It must be answered as if " +
			"it had come at once: TCP keeps no boundaries.",
		Causes: []string{"one read is taken for one handshake"},
		Kills:  []string{"handshake-in-one-read"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			b := encode(&wire.Handshake{InfoHash: p.content.Hash(), PeerID: p.ID})
			for i := range b {
				p.WriteMalformed(b[i:i+1], "")
				t.Wait(5 * time.Millisecond)
			}
			t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
			if p.Theirs == nil {
				p.Alive()
				t.Failf("a handshake in 68 segments was not answered: %s", p.Last())
			}
			t.Earn()
		},
	},
	{
		ID: "bep3/handshake/messages-in-the-same-segment", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-007"}, Role: conformance.Seeder, Kind: conformance.State,
		Control: "the target unchokes us and serves a block, on the same connection",
		Explain: "Handshake, interest and a keep-alive arrive in one segment. The target must act on the " +
			"interest: it unchokes us within the time that a round of choking may take.",
		Causes: []string{"what follows the handshake in the buffer is thrown away"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"handshake-takes-the-segment"},
		Run: func(t *T) {
			p := Dial(t)
			b := encode(&wire.Handshake{InfoHash: p.content.Hash(), PeerID: p.ID})
			p.Mine = &wire.Handshake{InfoHash: p.content.Hash(), PeerID: p.ID}
			b = append(append(b, encode(wire.Interested)...), encode(wire.KeepAlive)...)
			p.WriteMalformed(b, "handshake, interested and keep-alive in one segment")
			p.Met()
			if t.Until(func() bool { return !p.Choked || p.Gone() }, UnchokeWithin); p.Choked {
				q := Meet(t)
				q.Unchoke()
				t.Failf("interest behind the handshake is not heard, and that of another peer is: %s", p.Last())
			}
			p.Serves(0)
		},
	},
	{
		ID: "bep3/handshake/unknown-reserved-bits", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-008"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "another peer's handshake without them",
		Explain: "A handshake with every reserved bit set that no document assigns. It must be answered " +
			"like any other: the bits are there for extensions to come.",
		Causes: []string{"the reserved bytes are compared with a constant"},
		Kills:  []string{"reserved-bits-compared"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			h := &wire.Handshake{InfoHash: p.content.Hash(), PeerID: p.ID}
			h.Reserved = [8]byte{0x7f, 0xff, 0xf7, 0xff, 0xff, 0xec, 0xff, 0xe0}
			p.GreetWith(h)
			t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
			if p.Theirs == nil {
				p.Alive()
				t.Failf("a handshake with unknown reserved bits was not answered: %s", p.Last())
			}
			t.Earn()
		},
	},
	{
		ID: "bep3/handshake/silent-peer-is-dropped", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-010"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "another peer exchanges plain handshakes before and after",
		Explain: "A connection on which nothing is ever said. It must not hold a slot for good: the " +
			"target is given five minutes.",
		Causes: []string{"the handshake has no timeout"},
		Within: 6 * time.Minute,
		Kills:  []string{"no-handshake-timeout"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			dropped := p.Dropped(silentWithin)
			p.Alive()
			if !dropped {
				t.Failf("the connection is open after %v without a handshake", silentWithin)
			}
		},
	},
}

const (
	// refuseWithin is how long a target may take to close what it refuses.
	refuseWithin = 5 * time.Second
	// silentWithin is how long it may keep a connection on which nothing is said.
	silentWithin = 5 * time.Minute
)
