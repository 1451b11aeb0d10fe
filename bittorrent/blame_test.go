package bittorrent

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// court is an owner of a blame and a picker, with a storage, and peers some of
// which send bad blocks.
type court struct {
	*swarmModel
	blame    blame
	disk     map[block]byte // what is stored: 0 is good
	poisoner map[netip.AddrPort]bool
	origin   map[block]netip.AddrPort
	lied     map[netip.AddrPort]bool // in a block that was there when its piece was verified
	banned   map[netip.AddrPort]bool
	failures int
}

func addrOf(c *modelConn) netip.AddrPort {
	var ip [4]byte
	binary.BigEndian.PutUint32(ip[:], 10<<24+uint32(c.conn))
	return netip.AddrPortFrom(netip.AddrFrom4(ip), 0)
}

// receive stores a block from a peer and does what follows.
func (c *court) receive(t require.TestingT, from *modelConn, b block, data byte) {
	c.arrive(t, from, b)
	if len(c.stores) == 0 {
		return
	}
	c.stores = nil
	c.disk[b], c.origin[b] = data, addrOf(from)
	c.blame.delivered(b.piece, b.begin, c.layout.Size(b.piece), addrOf(from))
	if !c.picker.stored(b) {
		return
	}
	isGood := true
	for i := range c.layout.Size(b.piece) {
		if part := (block{b.piece, i, 1}); c.disk[part] != 0 {
			isGood = false
			c.lied[c.origin[part]] = true
		}
	}
	if isGood {
		c.picker.verified(b.piece)
		c.blame.verified(b.piece)
	} else {
		c.failures++
		c.judge(c.blame.failed(b.piece))
	}
	c.examine(t)
}

func (c *court) examine(t require.TestingT) {
	for loads := 0; ; loads++ {
		piece, index, ok := c.blame.next()
		if !ok {
			return
		}
		require.Less(t, loads, 100)
		c.judge(c.blame.loaded([]byte{c.disk[block{piece, index, 1}]}))
	}
}

func (c *court) judge(v verdict) {
	if v.retry >= 0 {
		c.picker.failed(&c.rng, v.retry, v.alone)
	}
	if !v.guilty.IsValid() {
		return
	}
	c.banned[v.guilty] = true
	if i := slices.IndexFunc(c.conns, func(m *modelConn) bool { return addrOf(m) == v.guilty }); i >= 0 {
		c.leave(c.conns[i])
	}
}

// BEP03-PEER-042, BEP03-PEER-043: among honest peers and poisoners that lie at
// times, every download ends, all who sent a bad block that was stored are
// banned by then, and nobody else ever is.
func TestPoisonersAndNobodyElseAreBanned(t *testing.T) {
	failures := 0
	rapid.Check(t, func(t *rapid.T) {
		l := Layout{Pieces: rapid.Int32Range(1, 12).Draw(t, "pieces"), PieceLength: rapid.Int32Range(1, 6).Draw(t, "blocks")}
		c := &court{
			swarmModel: newSwarmModel(pickerConfig{blockSize: 1, maxBegun: 20, maxCopies: 3}, l, rapid.Byte().Draw(t, "seed")),
			blame:      newBlame(), disk: map[block]byte{},
			origin:   map[block]netip.AddrPort{},
			poisoner: map[netip.AddrPort]bool{}, lied: map[netip.AddrPort]bool{}, banned: map[netip.AddrPort]bool{},
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "peers") {
			m := c.joinWith()
			c.poisoner[addrOf(m)] = i > 0 && rapid.Bool().Draw(t, "poisons")
		}
		for step := 0; !c.picker.isComplete(); step++ {
			require.Less(t, step, 5000, "it never ends")
			m := c.conns[int(c.rng.Below(uint64(len(c.conns))))]
			if m.alone = c.blame.onParole(addrOf(m)); len(m.asked) == 0 {
				c.swarmModel.pick(t, m, 1+int32(c.rng.Below(3)))
				continue
			}
			data := byte(0)
			if c.poisoner[addrOf(m)] && c.rng.Below(3) == 0 {
				data = 1 + byte(c.rng.Below(2))
			}
			b := m.asked[int(c.rng.Below(uint64(len(m.asked))))]
			c.receive(t, m, b, data)
			require.NoError(t, c.check())
		}
		require.Equal(t, c.lied, c.banned)
		for who := range c.banned {
			require.True(t, c.poisoner[who], "%v is honest", who)
		}
		require.Empty(t, c.blame.trials)
		require.Empty(t, c.blame.traces)
		failures += c.failures
	})
	require.NotZero(t, failures)
}

// feed delivers the blocks of a piece from the senders named.
func feed(l *blame, piece int32, from ...netip.AddrPort) {
	for i, who := range from {
		l.delivered(piece, int32(i), int32(len(from)), who)
	}
}

// BEP03-PEER-043: who contributed alone is guilty at once.
func TestSoleContributorIsGuilty(t *testing.T) {
	l, a := newBlame(), netip.MustParseAddrPort("192.0.2.1:0")
	feed(&l, 7, a, a, a)
	require.Equal(t, verdict{guilty: a, retry: 7}, l.failed(7))
	_, _, ok := l.next()
	require.False(t, ok)
}

// A block that nobody is known to have sent, such as one found on disk, may be
// the bad one.
func TestBlocksOfUnknownOriginAcquit(t *testing.T) {
	l, a := newBlame(), netip.MustParseAddrPort("192.0.2.1:0")
	l.delivered(7, 1, 2, a)
	require.Equal(t, verdict{retry: -1}, l.failed(7))
	require.Equal(t, verdict{retry: 7, alone: true}, answerLoads(t, &l, "b"))
	l.verified(7)
	require.Equal(t, verdict{retry: -1}, answerLoads(t, &l, "b"))
	require.Equal(t, verdict{retry: 3, alone: true}, l.failed(3), "nothing at all is known")
}

// answerLoads loads every block that is named, and returns the last verdict.
func answerLoads(t *testing.T, l *blame, blocks ...string) (v verdict) {
	for _, data := range blocks {
		_, _, ok := l.next()
		require.True(t, ok)
		if v = l.loaded([]byte(data)); v.guilty.IsValid() {
			return v
		}
	}
	_, _, ok := l.next()
	require.False(t, ok)
	return v
}

// The guilty one is found when the piece is good, the others are acquitted;
// parole lasts from the second failure until then.
func TestGuiltIsFoundByComparison(t *testing.T) {
	l := newBlame()
	a, b := netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:0")
	for piece := range int32(2) {
		require.False(t, l.onParole(a))
		feed(&l, piece, a, b, b)
		require.Equal(t, verdict{retry: -1}, l.failed(piece))
		require.Equal(t, verdict{retry: piece, alone: true}, answerLoads(t, &l, "x", "bad", "z"))
	}
	require.True(t, l.onParole(a) && l.onParole(b))
	feed(&l, 0, a, a, a)
	l.verified(0)
	require.Equal(t, b, answerLoads(t, &l, "x", "y").guilty)
	require.False(t, l.onParole(a), "one failure is explained")
	l.verified(1)
	require.Equal(t, b, answerLoads(t, &l, "x", "y").guilty)
	require.Empty(t, l.trials)
}

// What cannot be loaded accuses nobody.
func TestLostEvidenceAcquits(t *testing.T) {
	l := newBlame()
	a, b := netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:0")
	feed(&l, 0, a, b)
	l.failed(0)
	l.next()
	require.Equal(t, verdict{retry: -1}, l.loaded(nil))
	require.Equal(t, verdict{retry: 0, alone: true}, answerLoads(t, &l, "bad"))
	l.verified(0)
	l.next()
	require.Equal(t, verdict{retry: -1}, l.loaded([]byte("good")))
	l.next()
	require.Equal(t, verdict{retry: -1}, l.loaded(nil))
	require.Empty(t, l.trials)
}

// Who sent a block that was replaced is under no suspicion.
func TestReplacedBlocksAcquit(t *testing.T) {
	l := newBlame()
	a, b := netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:0")
	c := netip.MustParseAddrPort("192.0.2.3:0")
	for piece := range int32(2) {
		feed(&l, piece, c, c, c)
		feed(&l, piece, a, b, b)
		l.failed(piece)
	}
	require.True(t, l.onParole(a) && l.onParole(b))
	require.False(t, l.onParole(c))
}

// An owner that does not wait for the evidence gets no verdict, and no wrong one.
func TestHasteAccusesNobody(t *testing.T) {
	l := newBlame()
	a, b := netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:0")
	feed(&l, 7, a, b)
	l.failed(7)
	l.next()
	require.Equal(t, verdict{retry: -1}, l.failed(7))
	l.verified(7)
	feed(&l, 7, a, b)
	l.failed(7)
	require.Equal(t, verdict{retry: -1}, l.loaded([]byte("of the first time")))
	require.Equal(t, verdict{retry: 7, alone: true}, answerLoads(t, &l, "x", "bad"))
}

// State stays bounded however many pieces fail.
func TestBlameIsBounded(t *testing.T) {
	l := newBlame()
	a, b := netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:0")
	for piece := range int32(maxTraced + 5) {
		feed(&l, piece, a, b)
	}
	require.Len(t, l.traces, maxTraced)
	for piece := range int32(maxTrials + 5) {
		v := l.failed(piece)
		if piece < maxTrials {
			require.Equal(t, verdict{retry: -1}, v)
		} else {
			require.Equal(t, verdict{retry: piece, alone: true}, v)
		}
	}
	require.Len(t, l.trials, maxTrials)
}
