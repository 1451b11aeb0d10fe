package bittorrent

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Selection judges the order in which a leecher asks for pieces: the
// economics paper that BEP 3 refers to.
var bep3Selection = []Case{
	{
		ID: "bep3/selection/begun-pieces-first", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-010"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the download completes",
		Explain: "Pieces have eight blocks and one seeder serves them all. Before a block of another piece is " +
			"asked for, all blocks of the pieces begun before should have been: only whole pieces can be " +
			"verified and given on.",
		Causes: []string{"each block is picked by itself"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"asks-for-what-it-has", "asks-while-choked", "begins-many-pieces", "odd-blocks-crash",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Design{Name: "p2pspec eight", PieceLength: 8 * BlockSize, Lengths: []int{10 * 8 * BlockSize}})
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			s.Offer(p, func(int) bool { return true })
			s.MustComplete()
			asked := map[uint32]map[uint32]bool{}
			for _, m := range p.Log {
				if m.Type != wire.Request {
					continue
				}
				if asked[m.Index] == nil {
					for piece, blocks := range asked {
						if len(blocks) < 8 {
							t.Failf("%v is asked for, and of piece %d, which was begun before, %d blocks are missing",
								m, piece, 8-len(blocks))
						}
					}
					asked[m.Index] = map[uint32]bool{}
				}
				asked[m.Index][m.Begin] = true
			}
		},
	},
	{
		ID: "bep3/selection/rarest-first", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-008"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target fetches all pieces from the seeder",
		Explain: "Of 100 pieces, 20 are with a seeder alone, the others with four more peers that do not " +
			"unchoke. The seeder answers one request at a time. Once some pieces are complete, most of " +
			"those that are begun next should be rare ones, until these are all begun.",
		Causes: []string{"pieces are fetched in the order of the torrent, or in any"},
		Within: 3 * downloadWithin,
		Kills:  []string{"pieces-at-random"},
		Run: func(t *T) {
			s := NewSwarm(t, Design{Name: "p2pspec rare", PieceLength: BlockSize, Lengths: []int{100 * BlockSize}})
			isRare := func(piece uint32) bool { return piece%5 == 3 }
			cast := s.Cast(5)
			s.Gather(cast)
			for _, p := range cast[1:] {
				p.Send(bits(s.Pieces(), func(i int) bool { return !isRare(uint32(i)) }))
			}
			order := s.slowly(cast[0])
			// The first complete pieces are picked at random, and with them
			// what was asked for meanwhile.
			const random = 20
			rare := 0
			for _, piece := range order[random:] {
				if isRare(piece) {
					rare++
				}
			}
			if rare < 5 { // as in a target that does without the random beginning
				t.Observef("%d of the 20 rare pieces are among the first %d", 20-rare, random)
				return
			}
			early := 0
			for _, piece := range order[random : random+rare] {
				if isRare(piece) {
					early++
				}
			}
			t.Observef("%d of the %d pieces begun after the first %d are rare ones; by chance it would be %d",
				early, rare, random, rare*rare/(s.Pieces()-random))
			if 2*early < rare {
				t.Failf("%d of the %d pieces begun after the first %d are rare ones", early, rare, random)
			}
		},
	},
	{
		ID: "bep3/selection/not-in-order", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-009"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target fetches all pieces from the seeder",
		Explain: "A seeder has everything, and nobody else has anything. The first pieces should be picked at " +
			"random: if all downloaders begin at the same end, they have nothing to give to each other. " +
			"The pieces 0 to 3 in this order do not come first by chance.",
		Causes: []string{"pieces are fetched in the order of the torrent"},
		Within: 3 * downloadWithin,
		Kills:  []string{"begins-at-the-front"},
		Run: func(t *T) {
			s := NewSwarm(t, Design{Name: "p2pspec order", PieceLength: BlockSize, Lengths: []int{100 * BlockSize}})
			cast := s.Cast(1)
			s.Gather(cast)
			order := s.slowly(cast[0])
			if slices.Equal(order[:4], []uint32{0, 1, 2, 3}) {
				t.Failf("the first pieces are %v", order[:4])
			}
		},
	},
}

// slowly has a peer serve all pieces, one request every 20 ms, and returns the
// pieces in the order in which the target began them.
func (s *Swarm) slowly(p *Peer) (order []uint32) {
	var queue []*Received
	begun := map[uint32]bool{}
	p.On = func(m *Received) {
		switch {
		case m.Type != wire.Request:
			s.Serve(p, m)
			return
		case !begun[m.Index]:
			begun[m.Index] = true
			order = append(order, m.Index)
		}
		queue = append(queue, m)
	}
	p.Send(s.All(p))
	for limit := s.t.Now() + downloadWithin; len(order) < s.Pieces() && s.t.Now() < limit; {
		s.t.Wait(20 * time.Millisecond)
		if len(queue) > 0 {
			p.Send(s.Piece(queue[0]))
			queue = queue[1:]
		}
	}
	if len(order) < s.Pieces() {
		s.t.Inconclusivef("the target asked for %d of %d pieces: %s", len(order), s.Pieces(), p.Last())
	}
	return order
}
