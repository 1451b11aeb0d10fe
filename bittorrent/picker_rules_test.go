package bittorrent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
)

// rulesModel has pieces of four blocks, in rarest-first order.
func rulesModel(pieces int32) *swarmModel {
	return newSwarmModel(pickerConfig{blockSize: 1, maxBegun: 4, maxCopies: 9},
		Layout{Pieces: pieces, PieceLength: 4}, 1)
}

// BEP03-CHOKE-010 (economics paper §2.4.1): a piece that was begun is finished
// before another is, even by a peer that has a rarer one.
func TestStrictPriority(t *testing.T) {
	m := rulesModel(3)
	a, b := m.joinWith(0, 1), m.joinWith(0, 2)
	begun := m.pick(t, a, 1)[0].piece
	require.EqualValues(t, 1, begun) // one copy; 0 has two
	require.Equal(t, []block{{1, 1, 1}, {1, 2, 1}}, m.pick(t, a, 2))
	require.Equal(t, []block{{2, 0, 1}}, m.pick(t, b, 1), "b lacks what was begun")
	c := m.joinWith(0, 1, 2)
	require.Equal(t, []block{{1, 3, 1}, {2, 1, 1}, {2, 2, 1}, {2, 3, 1}, {0, 0, 1}}, m.pick(t, c, 5))
}

// BEP03-PEER-044, BEP03-PEER-045 (economics paper §2.4.4): once every block was
// asked for, the last ones are asked of everybody, and the block that comes
// cancels the other requests.
func TestEndgame(t *testing.T) {
	m := rulesModel(1)
	a, b, c := m.joinWith(), m.joinWith(), m.joinWith()
	m.pick(t, a, 2)
	require.False(t, m.picker.inEndgame())
	m.pick(t, b, 2)
	require.True(t, m.picker.inEndgame())
	require.Equal(t, []block{{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 3, 1}}, m.pick(t, c, 5))
	require.Equal(t, []block{{0, 2, 1}, {0, 3, 1}}, m.pick(t, a, 5))
	require.Empty(t, m.pick(t, a, 5))
	cancel, wanted := m.picker.arrived(b.conn, block{0, 2, 1}, nil)
	require.True(t, wanted)
	require.Equal(t, []spec.Conn{c.conn, a.conn}, cancel)
	_, wanted = m.picker.arrived(c.conn, block{0, 2, 1}, nil)
	require.False(t, wanted, "it came too late for the cancel")
	require.False(t, m.picker.stored(block{0, 3, 1}), "it has not come")
	require.NoError(t, m.check())
}

// Of what others were asked for, that comes first which the fewest were asked for.
func TestEndgameSpreadsItsCopies(t *testing.T) {
	m := rulesModel(1)
	m.pick(t, m.joinWith(), 4)
	for index := range int32(4) {
		require.Equal(t, []block{{0, index, 1}}, m.pick(t, m.joinWith(), 1))
	}
}

// A piece that only a leaving peer had does not keep the others from endgame,
// and one that somebody has does.
func TestEndgameIgnoresWhatNobodyHas(t *testing.T) {
	m := rulesModel(2)
	a, b := m.joinWith(0), m.joinWith(0)
	gone := m.joinWith(1)
	m.pick(t, a, 4)
	require.False(t, m.picker.inEndgame())
	m.leave(gone)
	require.True(t, m.picker.inEndgame())
	gone = m.joinWith(1)
	m.arrive(t, gone, m.pick(t, gone, 1)[0])
	require.False(t, m.picker.inEndgame())
	m.leave(gone)
	require.True(t, m.picker.inEndgame(), "one block of it came")
	require.Len(t, m.pick(t, b, 4), 4)
}

// With one copy allowed there is no endgame.
func TestEndgameCopiesAreLimited(t *testing.T) {
	m := rulesModel(1)
	m.picker.cfg.maxCopies = 1
	m.pick(t, m.joinWith(), 4)
	require.Empty(t, m.pick(t, m.joinWith(), 4))
}

// BEP06-FAST-017, BEP06-FAST-018: a peer that chokes us is asked for what it
// allows and has, and for nothing else.
func TestAllowedFastWhileChoked(t *testing.T) {
	m := rulesModel(4)
	a := m.joinWith(0, 1)
	a.choked = true
	require.Empty(t, m.pick(t, a, 9))
	a.allowed = []int32{9, 3, 1, -1} // of no torrent, not had, had, nonsense
	require.Equal(t, []block{{1, 0, 1}, {1, 1, 1}, {1, 2, 1}, {1, 3, 1}}, m.pick(t, a, 9))
}

// BEP06-FAST-022: a suggestion is followed when it can be, and harmless when not.
func TestSuggestions(t *testing.T) {
	m := rulesModel(4)
	m.joinWith(0, 1)
	a := m.joinWith(0, 1, 2)
	a.suggested = []int32{3, 77, -5, 1}
	require.Equal(t, []block{{1, 0, 1}}, m.pick(t, a, 1), "2 is rarer")
}

// BEP06-FAST-016: what comes back is asked of another; a piece of which
// nothing is left to keep competes by its rarity again.
func TestReturnedBlocksAreAskedAgain(t *testing.T) {
	m := rulesModel(2)
	a, b := m.joinWith(), m.joinWith()
	first := m.pick(t, a, 2)
	m.arrive(t, a, first[0])
	m.giveBack(a, first[1])
	require.Equal(t, first[1:], m.pick(t, b, 1))
	m.giveBack(b, first[1])
	m.picker.storeFailed(first[0])
	m.leave(b)
	require.Equal(t, first, m.pick(t, a, 2))
	m.giveBack(a, first[0])
	m.giveBack(a, first[1])
	require.Empty(t, m.picker.begun)
}

// A slow peer does not hold up a block, is not asked for it twice, and what it
// sends late is welcome.
func TestOverdueBlocks(t *testing.T) {
	m := rulesModel(1)
	a, b := m.joinWith(), m.joinWith()
	late := m.pick(t, a, 4)[0]
	m.picker.overdue(a.conn, late)
	a.late = append(a.late, late)
	require.Empty(t, m.pick(t, a, 4))
	require.Equal(t, []block{late}, m.pick(t, b, 1))
	cancel, wanted := m.picker.arrived(a.conn, late, nil)
	require.True(t, wanted)
	require.Equal(t, []spec.Conn{b.conn}, cancel)
}

// BEP03-PEER-042: a piece that failed is fetched before others, and from one
// peer; another takes over from scratch when that one has stopped.
func TestFailedPiecesHaveOneSource(t *testing.T) {
	m := rulesModel(3)
	a, b := m.joinWith(), m.joinWith()
	bad := m.pick(t, a, 4)[0].piece
	for _, part := range a.asked {
		m.arrive(t, a, part)
	}
	m.settle()
	m.picker.failed(&m.rng, bad, true)
	first := m.pick(t, a, 1)[0]
	require.Equal(t, bad, first.piece)
	m.arrive(t, a, first)
	m.settle()
	for _, other := range m.pick(t, b, 4) {
		require.NotEqual(t, bad, other.piece)
	}
	a.asked = nil
	require.Contains(t, m.pick(t, b, 8), first, "from scratch, once there is nothing else")
	require.NoError(t, m.check())
}

// What the former source of such a piece sends late is not mixed with what the
// new one sends.
func TestFormerSourcesAreNotMixedIn(t *testing.T) {
	m := rulesModel(1)
	a, b := m.joinWith(), m.joinWith()
	m.picker.failed(&m.rng, 0, true)
	for _, part := range m.pick(t, a, 4) {
		m.picker.overdue(a.conn, part)
		a.late = append(a.late, part)
	}
	require.Len(t, m.pick(t, b, 4), 4)
	cancel, wanted := m.picker.arrived(a.conn, a.asked[0], nil)
	require.False(t, wanted)
	require.Empty(t, cancel)
	require.NoError(t, m.check())
}

// Peers that leave in the middle of pieces which nobody else has do not use up
// the room for pieces that can be finished.
func TestAbandonedPiecesMakeRoom(t *testing.T) {
	m := rulesModel(9)
	for i := range int32(8) {
		a := m.joinWith(i)
		m.arrive(t, a, m.pick(t, a, 1)[0])
		m.settle()
		m.leave(a)
		require.NoError(t, m.check())
	}
	require.Len(t, m.pick(t, m.joinWith(8), 9), 4)
}

// The piece that makes room is the one of which the least is there.
func TestLeastIsLost(t *testing.T) {
	m := rulesModel(5)
	for i := range int32(4) {
		a := m.joinWith(i)
		for _, part := range m.pick(t, a, 1+(i+1)%3) { // 2, 3, 1 and 2 blocks
			m.arrive(t, a, part)
		}
		m.settle()
		m.leave(a)
	}
	m.pick(t, m.joinWith(4), 1)
	require.Equal(t, pieceWanted, m.picker.pieces[2].state)
}
