package hyparview

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// script drives one node by hand.
type script struct {
	*testing.T
	*Node
	now      time.Duration
	accepted spec.Conn
}

func newScript(t *testing.T, cfg Config) *script {
	cfg.Self = at(10)
	n, err := New(cfg, 0)
	require.NoError(t, err)
	return &script{T: t, Node: n}
}

func (s *script) give(in spec.Input) []spec.Effect {
	s.Helper()
	out := s.Step(s.now, in, nil)
	require.NoError(s, s.Check())
	return out
}

// hears is a message on a stream that a peer has opened.
func (s *script) hears(m spec.Message) (spec.Conn, []spec.Effect) {
	s.Helper()
	s.accepted--
	require.Empty(s, s.give(spec.Opened{Conn: s.accepted}))
	return s.accepted, s.give(spec.Got{Conn: s.accepted, Msg: m})
}

// neighbours gives the node peers that have joined by it.
func (s *script) neighbours(peers ...int) {
	for _, i := range peers {
		s.hears(Join{at(i)})
	}
}

// A new node is taken by its contact, which tells its neighbours; a full view drops
// a random one for it.
//
// GO-PX-02.
func TestJoin(t *testing.T) {
	s := newScript(t, Config{Active: 3})
	conn1, out := s.hears(Join{at(1)})
	require.Equal(t, []spec.Effect{spec.Notify{Event: NeighborUp{at(1)}}}, out)
	conn2, out := s.hears(Join{at(2)})
	require.Equal(t, []spec.Effect{
		spec.Notify{Event: NeighborUp{at(2)}},
		spec.Write{Conn: conn1, Msg: ForwardJoin{at(2), 6}},
	}, out)
	conn3, _ := s.hears(Join{at(3)})
	_, out = s.hears(Join{at(4)})
	require.Len(t, out, 6, "a neighbour goes, one comes, two are told")
	dropped := out[0].(spec.Write)
	require.Contains(t, []spec.Conn{conn1, conn2, conn3}, dropped.Conn)
	require.Equal(t, Disconnect{}, dropped.Msg)
	require.Equal(t, spec.Close{Conn: dropped.Conn}, out[1])
	gone := out[2].(spec.Notify).Event.(NeighborDown).Peer
	require.Equal(t, []netip.AddrPort{gone}, s.Passive(nil))
	require.Contains(t, s.Active(nil), at(4))
}

// The walk of a new node passes through passive views at PRWL and ends in an active
// one, or where there is nobody else.
//
// GO-PX-01, GO-PX-02.
func TestForwardJoin(t *testing.T) {
	s := newScript(t, Config{})
	s.neighbours(1)
	asks := []spec.Effect{spec.Dial{Conn: 1, To: at(7)}}
	require.Equal(t, asks, s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(7), 6}}), "nobody else")
	require.Equal(t, []spec.Effect{spec.Write{Conn: 1, Msg: Neighbor{at(10), true}}}, s.give(spec.Opened{Conn: 1}))
	require.Equal(t, []spec.Effect{spec.Notify{Event: NeighborUp{at(7)}}},
		s.give(spec.Got{Conn: 1, Msg: NeighborReply{true}}))

	passed := []spec.Effect{spec.Write{Conn: 1, Msg: ForwardJoin{at(8), 3}}}
	require.Equal(t, passed, s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(8), 4}}))
	require.Empty(t, s.Passive(nil))
	s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(8), 3}})
	require.Equal(t, []netip.AddrPort{at(8)}, s.Passive(nil))
	require.Equal(t, []spec.Effect{spec.Dial{Conn: 2, To: at(9)}},
		s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(9), 0}}), "the end")
	require.Empty(t, s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(7), 0}}), "a neighbour already")
	for _, bad := range []ForwardJoin{{at(8), 7}, {at(10), 1}, {netip.AddrPort{}, 1}} {
		require.IsType(t, spec.Drop{}, s.give(spec.Got{Conn: -1, Msg: bad})[0])
	}
}

// Who asks with high priority is always taken; with low priority only where there
// is room.
//
// GO-PX-03.
func TestPriority(t *testing.T) {
	s := newScript(t, Config{Active: 2})
	s.neighbours(1)
	conn, out := s.hears(Neighbor{at(2), false})
	require.Equal(t, []spec.Effect{
		spec.Write{Conn: conn, Msg: NeighborReply{true}}, spec.Notify{Event: NeighborUp{at(2)}}}, out)
	conn, out = s.hears(Neighbor{at(3), false})
	require.Equal(t, []spec.Effect{
		spec.Write{Conn: conn, Msg: NeighborReply{false}}, spec.Close{Conn: conn}}, out)
	conn, out = s.hears(Neighbor{at(3), true})
	require.Equal(t, spec.Write{Conn: conn, Msg: NeighborReply{true}}, out[0])
	require.Contains(t, s.Active(nil), at(3))
	require.Len(t, s.Active(nil), 2)
}

// A failed neighbour is replaced out of the passive view: with low priority while
// there are others, with high priority without. Who does not answer is forgotten,
// who refuses is not; and when nobody is left the application hears it.
//
// GO-PX-03.
func TestRepair(t *testing.T) {
	s := newScript(t, Config{Active: 3})
	s.neighbours(1, 2)
	s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(5), 3}})
	out := s.give(spec.Closed{Conn: -2})
	require.Equal(t, []spec.Effect{spec.Notify{Event: NeighborDown{at(2)}}, spec.Dial{Conn: 1, To: at(5)}}, out)
	require.Equal(t, []spec.Effect{spec.Write{Conn: 1, Msg: Neighbor{at(10), false}}}, s.give(spec.Opened{Conn: 1}))
	require.Equal(t, []spec.Effect{spec.Close{Conn: 1}}, s.give(spec.Got{Conn: 1, Msg: NeighborReply{false}}))
	require.Equal(t, []netip.AddrPort{at(5)}, s.Passive(nil), "it has refused")

	out = s.give(spec.Closed{Conn: -1})
	require.Equal(t, []spec.Effect{spec.Notify{Event: NeighborDown{at(1)}}, spec.Dial{Conn: 2, To: at(5)}}, out)
	require.Equal(t, []spec.Effect{spec.Write{Conn: 2, Msg: Neighbor{at(10), true}}}, s.give(spec.Opened{Conn: 2}))
	require.Equal(t, []spec.Effect{spec.Notify{Event: Isolated{}}}, s.give(spec.Closed{Conn: 2}))
	require.Empty(t, s.Passive(nil), "it is dead")
}

// A node that has nobody left but the one that disconnected it joins anew.
//
// GO-PX-02, GO-PX-03.
func TestRejoin(t *testing.T) {
	s := newScript(t, Config{})
	s.neighbours(1)
	require.Equal(t, []spec.Effect{
		spec.Close{Conn: -1}, spec.Notify{Event: NeighborDown{at(1)}}, spec.Dial{Conn: 1, To: at(1)},
	}, s.give(spec.Got{Conn: -1, Msg: Disconnect{}}))
	require.Equal(t, []spec.Effect{
		spec.Write{Conn: 1, Msg: Join{at(10)}}, spec.Notify{Event: NeighborUp{at(1)}},
	}, s.give(spec.Opened{Conn: 1}))
}

// Two nodes that ask each other at once keep the stream of the lower address.
//
// GO-PX-03.
func TestCrossingRequests(t *testing.T) {
	for other, kept := range map[int]bool{5: false, 15: true} {
		s := newScript(t, Config{})
		s.neighbours(1)
		s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(other), 0}})
		s.give(spec.Opened{Conn: 1})
		conn, out := s.hears(Neighbor{at(other), false})
		if kept {
			require.Equal(t, []spec.Effect{
				spec.Write{Conn: conn, Msg: NeighborReply{false}}, spec.Close{Conn: conn}}, out)
			s.give(spec.Got{Conn: 1, Msg: NeighborReply{true}})
		} else {
			require.Equal(t, spec.Close{Conn: 1}, out[0])
			require.Equal(t, spec.Write{Conn: conn, Msg: NeighborReply{true}}, out[1])
		}
		require.Equal(t, []netip.AddrPort{at(1), at(other)}, s.Active(nil))
	}
}

// A Shuffle has samples of both views and walks; its end answers with as many. In
// a full view, what was sent away makes room first.
//
// GO-PX-01.
func TestShuffle(t *testing.T) {
	s := newScript(t, Config{Passive: 2, Active: 2})
	s.neighbours(1, 2)
	s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(5), 3}})
	s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(6), 3}})
	s.now, _ = s.Node.Deadline()
	sent := s.give(spec.Wake{})[0].(spec.Write).Msg.(Shuffle)
	require.Equal(t, at(10), sent.Origin)
	require.Equal(t, uint8(6), sent.TTL)
	require.Len(t, sent.Peers, 3, "one neighbour and both others")
	require.Subset(t, sent.Peers, s.Passive(nil))

	conn, out := s.hears(ShuffleReply{[]netip.AddrPort{at(7), at(1), at(10), at(8)}})
	require.Equal(t, []spec.Effect{spec.Close{Conn: conn}}, out)
	require.ElementsMatch(t, []netip.AddrPort{at(7), at(8)}, s.Passive(nil))
	_, out = s.hears(ShuffleReply{})
	require.IsType(t, spec.Drop{}, out[0], "nobody asked")

	walk := Shuffle{at(9), 4, []netip.AddrPort{at(11)}}
	require.Equal(t, []spec.Effect{spec.Write{Conn: -2, Msg: Shuffle{at(9), 3, walk.Peers}}},
		s.give(spec.Got{Conn: -1, Msg: walk}))
	walk.TTL = 1
	require.Equal(t, []spec.Effect{spec.Dial{Conn: 1, To: at(9)}}, s.give(spec.Got{Conn: -1, Msg: walk}))
	require.ElementsMatch(t, []netip.AddrPort{at(9), at(11)}, s.Passive(nil), "the answer went away")
	out = s.give(spec.Opened{Conn: 1})
	require.ElementsMatch(t, []netip.AddrPort{at(7), at(8)}, out[0].(spec.Write).Msg.(ShuffleReply).Peers)
	require.Equal(t, spec.Close{Conn: 1}, out[1])
}

// Streams that come to nothing are given up, and there are not too many of them.
func TestPatience(t *testing.T) {
	s := newScript(t, Config{MaxPending: 4})
	require.Equal(t, []spec.Effect{spec.Dial{Conn: 1, To: at(1)}}, s.give(Enter{1, at(1)}))
	require.Equal(t, []spec.Effect{spec.Done{Op: 2, Err: ErrBusy}}, s.give(Enter{2, at(2)}))
	require.Equal(t, []spec.Effect{spec.Done{Op: 3, Err: ErrBadPeer}}, s.give(Enter{3, at(10)}))
	require.Empty(t, s.give(spec.Opened{Conn: -1}))
	require.Equal(t, []spec.Effect{spec.Close{Conn: -2}}, s.give(spec.Opened{Conn: -2}))
	s.now = 5 * time.Second
	require.Equal(t, []spec.Effect{
		spec.Close{Conn: 1}, spec.Done{Op: 1, Err: ErrNoAnswer}, spec.Close{Conn: -1},
	}, s.give(spec.Wake{}))
}

// GO-PX-01.
func TestConfig(t *testing.T) {
	n, err := New(Config{Self: at(1)}, 0)
	require.NoError(t, err)
	require.Equal(t, [...]int{5, 30, 6, 3, 3, 4, 6}, [...]int{n.cfg.Active, n.cfg.Passive, n.cfg.ARWL, n.cfg.PRWL,
		n.cfg.ShuffleActive, n.cfg.ShufflePassive, n.cfg.ShuffleTTL})
	for want, cfg := range map[string]Config{
		"Config.Self is invalid AddrPort":      {},
		"Config.Self is [::ffff:10.0.0.1]:400": {Self: netip.MustParseAddrPort("[::ffff:10.0.0.1]:4000")},
		"Config.Active is 33, want 1 to 32":    {Self: at(1), Active: 33},
		"Config.PRWL is 7, want 1 to 6":        {Self: at(1), PRWL: 7},
		"Config.Patience is -1ns":              {Self: at(1), Patience: -1},
	} {
		_, err := New(cfg, 0)
		require.ErrorContains(t, err, want)
		_, err = cfg.MaxEffects()
		require.Error(t, err)
	}
}

// In a full passive view, what comes takes the places of what was sent away.
//
// GO-PX-01.
func TestShuffleReplaces(t *testing.T) {
	s := newScript(t, Config{Passive: 12, ShufflePassive: 2, ShuffleActive: 1})
	s.neighbours(1, 2)
	for i := 21; i <= 32; i++ {
		s.give(spec.Got{Conn: -1, Msg: ForwardJoin{at(i), 3}})
	}
	before := s.Passive(nil)
	s.now, _ = s.Node.Deadline()
	sent := s.give(spec.Wake{})[0].(spec.Write).Msg.(Shuffle).Peers
	s.hears(ShuffleReply{[]netip.AddrPort{at(41), at(42)}})
	for _, p := range before {
		if slices.Contains(sent, p) {
			require.NotContains(t, s.Passive(nil), p)
		} else {
			require.Contains(t, s.Passive(nil), p)
		}
	}
}
