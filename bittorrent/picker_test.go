package bittorrent

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

// swarmModel drives a picker as an owner would, and knows what it should know.
type swarmModel struct {
	rng    spec.Rand
	layout Layout
	picker picker
	conns  []*modelConn
	last   spec.Conn
	stores []block // arrived and not stored
	ends   []int32 // complete and not verified
}

// modelConn is a connection with the requests that it has not answered.
type modelConn struct {
	source
	asked []block
	late  []block // of asked
}

func newSwarmModel(cfg pickerConfig, l Layout, seed byte) *swarmModel {
	m := &swarmModel{rng: spec.NewRand([32]byte{seed}), layout: l}
	m.picker = newPicker(cfg, &l, &m.rng)
	return m
}

func (m *swarmModel) join() *modelConn {
	m.last++
	has := newBitfield(m.layout.Pieces)
	c := &modelConn{source: source{conn: m.last, has: &has}}
	m.conns = append(m.conns, c)
	return c
}

// joinWith connects a peer that has the pieces named; none: all.
func (m *swarmModel) joinWith(pieces ...int32) *modelConn {
	c := m.join()
	if len(pieces) == 0 {
		m.picker.peerHasAll(&m.rng, c.has)
	}
	for _, i := range pieces {
		m.picker.peerHas(&m.rng, c.has, i)
	}
	return c
}

func (m *swarmModel) leave(c *modelConn) {
	for _, b := range c.asked {
		m.picker.returned(&m.rng, c.conn, b)
	}
	m.picker.peerLeft(&m.rng, c.has)
	m.conns = slices.DeleteFunc(m.conns, func(d *modelConn) bool { return d == c })
}

// pick asks the picker, and checks what must hold whatever the history.
func (m *swarmModel) pick(t require.TestingT, c *modelConn, n int32) []block {
	picked := m.picker.pick(&m.rng, &m.layout, &c.source, n, nil)
	require.LessOrEqual(t, len(picked), int(n))
	for _, b := range picked {
		require.True(t, c.has.has(b.piece), "the peer lacks %v", b)
		require.False(t, m.picker.have.has(b.piece), "%v is held", b)
		require.NotContains(t, c.asked, b, "it was asked before")
		require.Zero(t, b.begin%m.picker.cfg.blockSize)
		require.Equal(t, min(m.picker.cfg.blockSize, m.layout.Size(b.piece)-b.begin), b.length)
		if c.choked {
			require.Contains(t, c.allowed, b.piece)
		}
		if owner := m.picker.begunPiece(b.piece).owner; c.alone || owner != 0 {
			require.Equal(t, c.conn, owner, "%v is not to be shared", b)
		}
		copies := int32(0)
		for _, other := range m.conns {
			isLive := slices.Contains(other.asked, b) && !slices.Contains(other.late, b)
			if isLive {
				copies++
			}
			require.False(t, isLive && !m.picker.inEndgame(), "%v is asked of %d outside endgame", b, other.conn)
			require.False(t, isLive && c.alone, "%v has two sources, one on parole", b)
		}
		require.True(t, copies == 0 || copies < m.picker.cfg.maxCopies)
		c.asked = append(c.asked, b)
	}
	return picked
}

// arrive is the answer to a request.
func (m *swarmModel) arrive(t require.TestingT, c *modelConn, b block) {
	c.asked = dropBlock(c.asked, b)
	c.late = dropBlock(c.late, b)
	cancel, wanted := m.picker.arrived(c.conn, b, nil)
	if !wanted {
		require.Empty(t, cancel)
		return
	}
	m.stores = append(m.stores, b)
	for _, d := range m.conns {
		require.Equal(t, slices.Contains(d.asked, b), slices.Contains(cancel, d.conn), "cancels of %v", b)
		d.asked = dropBlock(d.asked, b)
		d.late = dropBlock(d.late, b)
	}
}

// giveBack is the other answer.
func (m *swarmModel) giveBack(c *modelConn, b block) {
	m.picker.returned(&m.rng, c.conn, b)
	c.asked, c.late = dropBlock(c.asked, b), dropBlock(c.late, b)
}

// settle stores and verifies everything.
func (m *swarmModel) settle() {
	for _, b := range m.stores {
		if m.picker.stored(b) {
			m.picker.verified(b.piece)
		}
	}
	m.stores = nil
}

func (m *swarmModel) check() error {
	var counted []*bitfield
	for _, c := range m.conns {
		counted = append(counted, c.has)
	}
	return m.picker.check(counted)
}

func dropBlock(blocks []block, b block) []block {
	return slices.DeleteFunc(slices.Clone(blocks), func(a block) bool { return a == b })
}

func drawModel(t *rapid.T) *swarmModel {
	l := Layout{Pieces: rapid.Int32Range(1, 90).Draw(t, "pieces"), PieceLength: rapid.Int32Range(1, 7).Draw(t, "length")}
	if l.PieceLength > 1 {
		l.Short = []ShortPiece{{l.Pieces - 1, rapid.Int32Range(1, l.PieceLength-1).Draw(t, "short")}}
	}
	return newSwarmModel(pickerConfig{
		order:       rapid.SampledFrom([]PieceOrder{RarestFirst, RandomOrder, InOrder}).Draw(t, "order"),
		randomFirst: rapid.Int32Range(0, 2).Draw(t, "random"),
		blockSize:   rapid.Int32Range(1, 4).Draw(t, "block"),
		maxBegun:    rapid.Int32Range(1, 6).Draw(t, "begun"),
		maxCopies:   rapid.Int32Range(1, 4).Draw(t, "copies"),
	}, l, rapid.Byte().Draw(t, "seed"))
}

// act draws one thing that can happen, and does it.
func (m *swarmModel) act(t *rapid.T) {
	if len(m.conns) == 0 || len(m.conns) < 6 && rapid.IntRange(0, 9).Draw(t, "join") == 0 {
		m.actJoin(t)
		return
	}
	c := rapid.SampledFrom(m.conns).Draw(t, "conn")
	piece := rapid.Int32Range(0, m.layout.Pieces-1).Draw(t, "piece")
	switch rapid.IntRange(0, 15).Draw(t, "act") {
	case 0:
		m.leave(c)
	case 1:
		require.Equal(t, !c.has.has(piece), m.picker.peerHas(&m.rng, c.has, piece))
	case 2:
		m.picker.peerLost(&m.rng, c.has, piece)
	case 3:
		c.choked, c.allowed = !c.choked, append(c.allowed, piece)
	case 4:
		c.suggested = append(c.suggested, piece)
	case 5:
		if len(c.asked) == 0 {
			c.alone = !c.alone
		}
	case 6:
		if len(c.asked) > 0 {
			b := rapid.SampledFrom(c.asked).Draw(t, "overdue")
			m.picker.overdue(c.conn, b)
			c.late = append(c.late, b)
		}
	case 7:
		if len(c.asked) > 0 {
			m.giveBack(c, rapid.SampledFrom(c.asked).Draw(t, "returned"))
		}
	case 8, 9, 10:
		if len(c.asked) > 0 {
			m.arrive(t, c, rapid.SampledFrom(c.asked).Draw(t, "arrived"))
		}
	case 11, 12:
		m.actStore(t)
	default:
		m.pick(t, c, rapid.Int32Range(0, 5).Draw(t, "n"))
	}
}

func (m *swarmModel) actJoin(t *rapid.T) {
	c := m.join()
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 1:
		m.picker.peerHasAll(&m.rng, c.has)
	case 2:
		has := newBitfield(m.layout.Pieces)
		for _, i := range rapid.SliceOf(rapid.Int32Range(0, m.layout.Pieces-1)).Draw(t, "has") {
			has.set(i)
		}
		require.NoError(t, m.picker.peerBitfield(&m.rng, c.has, has.append(nil)))
		require.Equal(t, has.words, c.has.words)
	}
}

// actStore ends a store, or a verification.
func (m *swarmModel) actStore(t *rapid.T) {
	isGood := rapid.IntRange(0, 3).Draw(t, "good") > 0
	if len(m.ends) > 0 {
		i := m.ends[0]
		m.ends = m.ends[1:]
		if isGood {
			m.picker.verified(i)
		} else {
			m.picker.failed(&m.rng, i, rapid.Bool().Draw(t, "alone"))
			for _, c := range m.conns { // the owner forgets what it asked before
				c.asked = slices.DeleteFunc(c.asked, func(b block) bool { return b.piece == i })
			}
		}
		return
	}
	if len(m.stores) == 0 {
		return
	}
	b := m.stores[0]
	m.stores = m.stores[1:]
	if !isGood {
		m.picker.storeFailed(b)
	} else if m.picker.stored(b) {
		m.ends = append(m.ends, b.piece)
	}
}

// BEP03-PEER-029, BEP03-PEER-030, BEP03-PEER-031, BEP06-FAST-018: whatever
// happens in whatever order, the picker's counts agree with what it was told,
// and it asks for nothing that it must not ask for.
func TestPickerKeepsItsInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			before := m.picker.clone()
			state := before.appendState(nil)
			m.act(t)
			require.NoError(t, m.check())
			require.Equal(t, state, before.appendState(nil), "a clone shares state")
		}
	})
}

// What the picker asks for is, whatever the history, the rarest of what could
// be asked for, unless a piece is begun, must be fetched again or is suggested.
//
// BEP03-CHOKE-008, BEP03-CHOKE-010
func TestRarestFirstEqualsAnOracle(t *testing.T) {
	bites := 0
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.picker.cfg.order, m.picker.cfg.randomFirst, m.picker.cfg.maxBegun = RarestFirst, 0, 100
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			m.act(t)
		}
		if len(m.conns) == 0 {
			return
		}
		c := rapid.SampledFrom(m.conns).Draw(t, "who")
		c.choked, c.alone, c.suggested = false, false, nil
		before := m.picker.clone()
		picked := m.pick(t, c, 1)
		if len(picked) == 0 {
			return
		}
		copies := func(i int32) (n int) {
			for _, d := range m.conns {
				if d.has.has(i) {
					n++
				}
			}
			return n
		}
		for i := range m.layout.Pieces {
			e := before.pieces[i]
			if !c.has.has(i) || before.pieces[picked[0].piece].alone {
				continue
			}
			switch {
			case e.state == pieceWanted && before.pieces[picked[0].piece].state == pieceWanted:
				require.False(t, e.alone, "piece %d should be fetched first", i)
				require.LessOrEqual(t, copies(picked[0].piece), copies(i), "piece %d is rarer", i)
				bites++
			case e.state == pieceBegun && before.pieces[picked[0].piece].state == pieceWanted:
				g := before.begunPiece(i)
				for index := range g.blocks {
					_, isAsked := g.find(int32(index), c.conn)
					require.False(t, g.owner == 0 && g.blocks[index] == blockMissing && !isAsked,
						"piece %d is begun and lacks block %d", i, index)
				}
			}
		}
	})
	require.NotZero(t, bites)
}

// Both ways of finding the rarest find the same.
func TestRarestFirstFarFromTheEnd(t *testing.T) {
	m := newSwarmModel(pickerConfig{blockSize: 1, maxBegun: 9, maxCopies: 9}, Layout{Pieces: 500, PieceLength: 1}, 1)
	all := make([]int32, 0, 500)
	for i := range int32(500) {
		all = append(all, i)
	}
	m.joinWith(all[:400]...)
	m.joinWith(all[:300]...)
	c := m.joinWith(5, 350, 10)
	require.Equal(t, []block{{350, 0, 1}}, m.pick(t, c, 1)) // 2 copies; 5 and 10 have 3
}

// What nobody prevents comes to an end: with one seed connected that answers,
// everything is fetched, whatever happened before.
func TestPickerCompletes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.act(t)
		}
		for _, c := range slices.Clone(m.conns) {
			m.leave(c)
		}
		seed := m.joinWith()
		seed.alone = rapid.Bool().Draw(t, "parole")
		for round := 0; !m.picker.isComplete(); round++ {
			for _, i := range m.ends {
				m.picker.verified(i)
			}
			m.ends = nil
			m.settle()
			m.pick(t, seed, 3)
			for len(seed.asked) > 0 {
				m.arrive(t, seed, seed.asked[0])
			}
			require.NoError(t, m.check())
			require.Less(t, round, 2000, "it never ends")
		}
		require.Empty(t, m.pick(t, seed, 3))
	})
}

// BEP03-CHOKE-009 (economics paper §2.4.3): the first piece is any, each as
// likely, though one is the rarest.
func TestFirstPieceIsRandom(t *testing.T) {
	counts := make(map[int32]int)
	const runs, pieces = 800, 4
	for seed := range runs {
		m := newSwarmModel(pickerConfig{randomFirst: 1, blockSize: 1, maxBegun: 9, maxCopies: 9},
			Layout{Pieces: pieces, PieceLength: 1}, byte(seed))
		m.rng = spec.NewRand([32]byte{byte(seed), byte(seed >> 8)})
		m.joinWith(1, 2, 3)
		c := m.joinWith()
		picked := m.pick(t, c, 1)
		counts[picked[0].piece]++
		m.arrive(t, c, picked[0])
		m.settle()
		if picked[0].piece != 0 {
			require.EqualValues(t, 0, m.pick(t, c, 1)[0].piece, "the rarest comes second")
		}
	}
	for i := range int32(pieces) {
		require.InDelta(t, runs/pieces, counts[i], 60, fmt.Sprint(counts)) // five standard deviations
	}
}

// Ties are broken at random, so that peers with the same view ask for
// different pieces.
func TestTiesAreBrokenAtRandom(t *testing.T) {
	counts := make(map[int32]int)
	const runs, pieces = 800, 4
	for seed := range runs {
		m := newSwarmModel(pickerConfig{blockSize: 1, maxBegun: 9, maxCopies: 9},
			Layout{Pieces: pieces + 1, PieceLength: 1}, 0)
		m.rng = spec.NewRand([32]byte{byte(seed), byte(seed >> 8)})
		for i := range int32(pieces) { // in the same order in each run
			m.joinWith(i)
		}
		counts[m.pick(t, m.joinWith(0, 1, 2, 3), 1)[0].piece]++
	}
	for i := range int32(pieces) {
		require.InDelta(t, runs/pieces, counts[i], 60, fmt.Sprint(counts))
	}
}
