package bittorrent

import (
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Blocks judges what a leecher makes of blocks that it did not expect:
// BEP 3 §peer messages.
var bep3Blocks = []Case{
	{
		ID: "bep3/blocks/late-after-a-choke", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-041"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFiles},
		Control: "the download completes on the same connection",
		Explain: "Without the fast extension a seeder chokes, and the blocks that were asked for come behind " +
			"the choke, as they do when both cross. The connection should be kept, and the download must " +
			"complete on it.",
		Causes: []string{"a block that is not expected is taken for an attack"},
		Within: 3 * downloadWithin,
		Kills: []string{
			"choke-is-not-heard", "files-misplaced", "last-request-too-long", "unasked-block-ends-it",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			var asked []*Received
			p.On = func(m *Received) {
				if m.Type == wire.Request {
					asked = append(asked, m)
				}
			}
			p.Send(s.All(p))
			p.MustAsk()
			t.Wait(500 * time.Millisecond)
			p.Send(wire.Choke)
			t.Wait(200 * time.Millisecond)
			for _, m := range asked {
				p.Send(s.Piece(m))
			}
			if p.Dropped(time.Second) {
				t.Failf("a block that crossed a choke ends the connection")
			}
			p.On = func(m *Received) { s.Serve(p, m) }
			p.Send(wire.Unchoke)
			s.MustComplete()
			s.MustHaveFiles()
		},
	},
	{
		ID: "bep3/blocks/never-asked-for", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-041"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks for pieces on the same connection afterwards",
		Explain: "Without the fast extension a peer sends a good block that nobody asked for, before it " +
			"unchokes. The document has it that this happens when chokes and requests cross; the " +
			"connection should be kept.",
		Causes: []string{"a block that is not expected is taken for an attack"},
		Within: 2 * downloadWithin,
		Kills:  []string{"fast-without-agreement", "unasked-block-ends-it"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			p.Send(s.All(p))
			p.MustInterest()
			p.Send(wire.Message{Type: wire.Piece, Index: 7, Data: s.Block(7, 0, BlockSize)})
			if p.Dropped(time.Second) {
				t.Failf("a block that was not asked for ends the connection")
			}
			p.MustAsk()
		},
	},
	{
		ID: "bep3/blocks/never-over-verified-data", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-041"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFiles},
		Control: "the files get their bytes when another seeder serves what is missing",
		Explain: "A seeder serves the pieces 0 to 9, and when the target announces one of them it sends bad " +
			"blocks of it once more. Another serves the rest. The files must have the bytes of the torrent: " +
			"what was verified may not be written over.",
		Causes: []string{"blocks are written as they come, and the hash is looked at once"},
		Within: 4 * downloadWithin,
		Kills:  []string{"files-misplaced", "last-request-too-long", "stores-what-comes-again"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			s.Gather(cast)
			liar, friend := cast[0], cast[1]
			s.Offer(liar, Below(10))
			liar.MustFetch(s.Blocks(10))
			if !t.Until(func() bool { return friend.Has(3) || friend.Gone() }, reactWithin) || friend.Gone() {
				t.Inconclusivef("the target does not announce the piece that it has fetched: %s", friend.Last())
			}
			for begin := 0; begin < s.Size(3); begin += BlockSize {
				bad := corrupted(s.Block(3, begin, BlockSize))
				liar.Send(wire.Message{Type: wire.Piece, Index: 3, Begin: uint32(begin), Data: bad})
			}
			t.Wait(time.Second)
			s.Seed(friend)
			s.MustComplete()
			s.MustHaveFiles()
		},
	},
	{
		ID: "bep3/blame/poisoner-is-dropped", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-043"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the download completes from an honest seeder that joins later",
		Explain: "The only seeder corrupts every block. It should be dropped before it has been asked for " +
			"the content three times over; then an honest one serves, which must be kept.",
		Causes: []string{"failures are counted and never looked at", "the address is asked again at once"},
		Within: 4 * downloadWithin,
		Kills: []string{
			"bans-all-who-shared", "each-block-asked-once", "hashes-nothing", "last-request-too-long",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			s.Gather(cast)
			liar, friend := cast[0], cast[1]
			limit := 3 * s.Blocks(s.Pieces())
			liar.On = func(m *Received) {
				switch {
				case m.Type != wire.Request:
					s.Serve(liar, m)
				case limit > 0:
					limit--
					answer := s.Piece(m)
					answer.Data = corrupted(answer.Data)
					liar.Send(answer)
				}
			}
			liar.Send(s.All(liar))
			liar.MustFetch(2)
			if !t.Until(func() bool { return liar.Ended() || limit == 0 }, downloadWithin) || !liar.Ended() {
				t.Failf("a peer that sent %d bad blocks and no good one is kept", liar.Count(isRequest))
			}
			friend.On = func(m *Received) { s.Serve(friend, m) }
			friend.Send(s.All(friend))
			s.MustComplete()
		},
	},
	{
		ID: "bep3/blame/honest-sharer-is-kept", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-043"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the download completes",
		Explain: "Pieces of sixteen blocks come from two seeders at once, of which one corrupts the first " +
			"three blocks that it sends. Pieces fail to which both contributed; the honest one should not " +
			"be dropped for it.",
		Causes: []string{"everybody who contributed to a bad piece is banned"},
		Within: 4 * downloadWithin,
		Kills: []string{
			"bans-all-who-shared", "each-block-asked-once", "last-request-too-long", "odd-blocks-crash",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Shared)
			cast := s.Cast(2)
			s.Gather(cast)
			liar, friend := cast[0], cast[1]
			lies := 3
			liar.On = func(m *Received) {
				if m.Type != wire.Request || lies == 0 {
					s.Serve(liar, m)
					return
				}
				lies--
				answer := s.Piece(m)
				answer.Data = corrupted(answer.Data)
				liar.Send(answer)
			}
			dropped := false
			friend.On = func(m *Received) { s.Serve(friend, m) }
			for _, p := range cast {
				p.Send(s.All(p))
			}
			complete := func() bool {
				dropped = dropped || friend.Ended() && !s.Complete()
				return dropped || s.Complete()
			}
			if !t.Until(complete, downloadWithin) {
				t.Failf("the download is not complete after %v: %s", downloadWithin, s.standing())
			}
			if dropped {
				t.Failf("the peer that only sent good blocks was dropped")
			}
		},
	},
	oddBlock("one-byte-short", "without its last byte", func(s *Swarm, m *Received) []byte {
		return rawPiece(m.Index, m.Begin, s.Piece(m).Data[:m.Length-1])
	}, "short-blocks-crash"),
	oddBlock("one-byte-too-long", "with one byte more", func(s *Swarm, m *Received) []byte {
		return rawPiece(m.Index, m.Begin, append(s.Piece(m).Data[:m.Length:m.Length], 0))
	}),
	oddBlock("empty", "without a byte", func(_ *Swarm, m *Received) []byte {
		return rawPiece(m.Index, m.Begin, nil)
	}, "odd-blocks-crash"),
	oddBlock("end-overflows", "whose begin and length add up to 16, modulo 2^32",
		func(_ *Swarm, m *Received) []byte { return rawPiece(m.Index, 0xFFFFFFF0, make([]byte, 32)) },
		"odd-blocks-crash"),
	oddBlock("behind-the-piece", "that begins at the end of the piece", func(s *Swarm, m *Received) []byte {
		return rawPiece(m.Index, uint32(s.Size(int(m.Index))), make([]byte, BlockSize))
	}, "odd-blocks-crash"),
	oddBlock("index-beyond-counting", "of piece 2^32-1",
		func(_ *Swarm, m *Received) []byte { return rawPiece(1<<32-1, m.Begin, make([]byte, BlockSize)) },
		"odd-blocks-crash"),
	oddBlock("cut-short", "message of five bytes, which has no room for a begin",
		func(*Swarm, *Received) []byte { return []byte{0, 0, 0, 5, byte(wire.Piece), 0, 0, 0, 0} }, "cut-blocks-crash"),
	{
		ID: "bep3/blocks/length-prefix-of-4-gib", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-012"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target was interested before, and asks another peer for pieces afterwards",
		Explain: "A peer that the target has connected to announces a message of 2^32-1 bytes and sends a " +
			"part of it. No message is so long: the connection should be closed at once, or the target " +
			"keeps what any peer likes to send.",
		Causes: []string{"the prefix is believed, and memory taken for it"},
		Within: 2 * downloadWithin,
		Kills:  []string{"any-length-awaited", "partial-messages-lost"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			s.Gather(cast)
			p := cast[0]
			p.Send(s.All(p))
			p.MustInterest()
			p.WriteMalformed([]byte{0xFF, 0xFF, 0xFF, 0xFF, byte(wire.Piece)}, "a message of 2^32-1 bytes")
			p.WriteMalformed(make([]byte, 10_000), "a part of it")
			dropped := p.Dropped(refuseWithin)
			cast[1].Send(s.All(cast[1]))
			cast[1].MustAsk()
			if !dropped {
				t.Failf("the connection is open %v after a message of 2^32-1 bytes began", refuseWithin)
			}
		},
	},
}

// Shared has pieces of so many blocks that several peers send parts of one.
var Shared = Design{Name: "p2pspec shared", PieceLength: 16 * BlockSize, Lengths: []int{1_500_000}}

// oddBlock answers the first request by a block that is none. Then the peer is
// gone and an honest one serves.
func oddBlock(slug, what string, answer func(*Swarm, *Received) []byte, kills ...string) Case {
	return Case{
		ID: "bep3/blocks/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-037", "BEP03-PEER-042"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFiles},
		Control: "the download completes from an honest seeder",
		Explain: "The first request is answered by a block " + what + ". A second later the peer is gone, " +
			"and another serves everything. The target may close the connection; it must not crash, and " +
			"the files must get the bytes of the torrent.",
		Causes: []string{"the length of a block is taken from the request", "offsets are added up in 32 bits"},
		Within: 4 * downloadWithin,
		Kills:  append([]string{"each-block-asked-once", "files-misplaced", "last-request-too-long"}, kills...),
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			s.Gather(cast)
			liar, friend := cast[0], cast[1]
			liar.Send(s.All(liar))
			liar.WriteMalformed(answer(s, liar.MustAsk()), "a block "+what)
			t.Wait(time.Second)
			liar.Close()
			friend.On = func(m *Received) { s.Serve(friend, m) }
			friend.Send(s.All(friend))
			s.MustComplete()
			s.MustHaveFiles()
		},
	}
}
