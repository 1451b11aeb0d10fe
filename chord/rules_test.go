package chord

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// refuses wants m to leave nothing but a Drop with the clause.
func (s *lone) refuses(clause string, from netip.AddrPort, m spec.Message) {
	s.t.Helper()
	before := s.AppendState(nil)
	out := s.step(spec.Recv{From: from, Msg: m})
	require.Len(s.t, out, 1, "%T%+v", m, m)
	drop, ok := out[0].(spec.Drop)
	require.True(s.t, ok, "%T%+v: %T%+v", m, m, out[0], out[0])
	require.Equal(s.t, clause, drop.Clause, "%T%+v: %v", m, m, drop.Reason)
	require.Equal(s.t, from, drop.From)
	require.Error(s.t, drop.Reason)
	require.Equal(s.t, before, s.AppendState(nil), "%T%+v", m, m)
}

type unknown struct{}

func (unknown) IsMessage() {}

// CHORD-ID-001, CHORD-RPC-001, CHORD-RPC-002, CHORD-ASSUME-005.
func TestBadSendersAreRefused(t *testing.T) {
	s := ringOf10(t)
	s.refuses("CHORD-RPC-001", at(20).Addr, unknown{})
	for _, m := range []func(Header) spec.Message{
		func(h Header) spec.Message { return Ping{h} },
		func(h Header) spec.Message { return Pong{h} },
		func(h Header) spec.Message { return GetNeighbors{h} },
		func(h Header) spec.Message { return Neighbors{Header: h} },
		func(h Header) spec.Message { return Busy{h} },
		func(h Header) spec.Message { return Notify{h} },
		func(h Header) spec.Message { return Leaving{Header: h} },
		func(h Header) spec.Message { return ClosestPreceding{h, FromUint(1)} },
		func(h Header) spec.Message { return Step{Header: h} },
		func(h Header) spec.Message { return FindSuccessor{h, at(5), FromUint(1), 1} },
		func(h Header) spec.Message { return FoundSuccessor{h, at(5), 1} },
	} {
		s.refuses("CHORD-ASSUME-005", at(20).Addr, m(hdr(1, 10)))
		s.refuses("CHORD-ID-001", at(20).Addr, m(hdr(1, 64)))
		s.refuses("CHORD-RPC-002", netip.MustParseAddrPort("203.0.113.1:0"), m(hdr(1, 20)))
		s.refuses("CHORD-RPC-002", netip.MustParseAddrPort("0.0.0.0:1"), m(hdr(1, 20)))
	}
	s.refuses("CHORD-ID-001", at(20).Addr, ClosestPreceding{hdr(1, 20), FromUint(64)})
	s.refuses("CHORD-ID-001", at(20).Addr, FindSuccessor{hdr(1, 20), at(5), FromUint(64), 1})
	s.refuses("CHORD-LEAVE-004", at(20).Addr, Leaving{hdr(0, 20), at(64)})
}

// CHORD-INV-003, CHORD-INV-004, CHORD-INV-005, CHORD-RECT-007.
func TestContradictoryListsAreRefused(t *testing.T) {
	s := ringOf10(t)
	s.wake()
	list := func(predecessor Peer, successors ...Peer) Neighbors {
		return Neighbors{hdr(1, 20), predecessor, successors}
	}
	none := Peer{}
	from := at(20).Addr
	s.refuses("CHORD-INV-005", from, list(none, peersAt(21, 22, 23, 24)...))
	s.refuses("CHORD-INV-003", from, list(none, peersAt(30, 30)...))
	s.refuses("CHORD-INV-003", from, list(none, peersAt(20)...))
	s.refuses("CHORD-INV-003", from, list(none, peersAt(30, 20)...))
	s.refuses("CHORD-INV-003", from, list(none, peersAt(40, 30)...))
	s.refuses("CHORD-INV-003", from, list(none, peersAt(5, 63)...))
	s.refuses("CHORD-ID-001", from, list(none, peersAt(64)...))
	s.refuses("CHORD-RPC-002", from, list(none, Peer{ID: FromUint(30)}))
	s.refuses("CHORD-RECT-007", from, list(at(20)))
	s.refuses("CHORD-RECT-007", from, list(at(64)))
	s.refuses("CHORD-RECT-007", from, list(Peer{ID: FromUint(15)}))
	require.Equal(t, Stabilizing, s.Pending().Activity, "it still waits")
}

// CHORD-RPC-003, CHORD-BUSY-004.
func TestOnlyTheAskedNodeAnswers(t *testing.T) {
	s := ringOf10(t)
	s.step(Lookup{Op: 1, Key: FromUint(45)}) // asks 40 with RPC 1
	s.wake()                                 // time out: asks 30 with RPC 2
	for s.Pending().Activity != Stabilizing {
		s.wake()
	}
	rpc := s.query.rpc
	for _, m := range []spec.Message{
		Neighbors{Header: hdr(rpc+1, 20)}, Busy{hdr(rpc, 21)}, Pong{hdr(rpc, 20)}, Step{Header: hdr(rpc, 20)},
		FoundSuccessor{Header: hdr(rpc, 20), Owner: at(30)},
	} {
		s.refuses("CHORD-RPC-003", at(20).Addr, m)
	}
	s.refuses("CHORD-RPC-003", at(30).Addr, Neighbors{Header: hdr(rpc, 20)})
	s.refuses("CHORD-RPC-003", at(30).Addr, Neighbors{Header: hdr(rpc, 30)})
}

// CHORD-ASSUME-001, CHORD-RING-002.
func TestFewMembersAreReported(t *testing.T) {
	create := func(ring ...Peer) []spec.Effect {
		n, err := New(Config{ID: FromUint(10), IDBits: 6, Successors: 3}, 0)
		require.NoError(t, err)
		return n.Step(0, Create{Op: 1, Ring: ring}, nil)
	}
	few := spec.Notify{Event: AssumptionBroken{EnoughMembers}}
	require.Equal(t, effects(few, spec.Done{Op: 1}), create())
	require.Equal(t, effects(few, spec.Done{Op: 1}), create(at(10)))
	require.Contains(t, create(peersAt(10, 20, 30)...), few)
	require.Equal(t, effects(changed(20, 30, 40), preceded(40), spec.Done{Op: 1}),
		create(peersAt(30, 10, 40, 20)...), "in any order")
	require.Equal(t, create(peersAt(10, 20, 30, 40)...), create(peersAt(20, 30, 40)...), "itself or not")
	for _, bad := range [][]Peer{peersAt(20, 20), peersAt(64), {{ID: FromUint(20)}}} {
		require.Equal(t, effects(spec.Done{Op: 1, Err: ErrBadPeer}), create(bad...))
	}
}

// CHORD-RING-002: alone, a node owns all and asks nobody.
func TestAloneOwnsAll(t *testing.T) {
	n, err := New(Config{ID: FromUint(10), IDBits: 6}, 0)
	require.NoError(t, err)
	s := &lone{t: t, Node: n}
	require.False(t, s.Owns(FromUint(10)))
	require.Equal(t, effects(spec.Done{Op: 1, Err: ErrNotMember}), s.step(Lookup{Op: 1}))
	s.step(Create{Op: 2})
	require.Equal(t, effects(spec.Done{Op: 3, Err: ErrMember}), s.step(Create{Op: 3}))
	for key := range uint64(64) {
		found := Found{Key: FromUint(key), Owner: Peer{ID: FromUint(10)}}
		require.Equal(t, effects(spec.Done{Op: 4, Result: found}), s.step(Lookup{Op: 4, Key: FromUint(key)}))
	}
	require.Equal(t, effects(spec.Done{Op: 5, Err: ErrBadID}), s.step(Lookup{Op: 5, Key: FromUint(64)}))
	for i := 1; i <= 6; i++ {
		p, ok := s.Finger(i)
		require.Equal(t, Peer{ID: FromUint(10)}, p)
		require.True(t, ok)
	}
}

// CHORD-BUSY-003: what cannot be stored is answered Busy all the same.
func TestStoredQueriesAreBounded(t *testing.T) {
	s := ringOf10(t)
	s.cfg.MaxWaiting = 2
	s.wake()
	for id := uint64(1); id <= 4; id++ {
		require.Equal(t, effects(says(id, Busy{hdr(uint32(id), 10)})), s.hear(id, GetNeighbors{hdr(uint32(id), id)}))
	}
	require.Len(t, s.waiting, 2)
}

// A snapshot continues where it was taken, but for the query under way.
func TestRestore(t *testing.T) {
	s := ringOf10(t)
	s.wake()
	s.hear(20, Neighbors{hdr(1, 20), at(15), peersAt(30, 40, 50)})
	s.hear(58, Notify{hdr(0, 58)})
	snapshot, ok := s.Snapshot()
	require.True(t, ok)
	require.Equal(t, at(15), snapshot.Candidate)
	r := restored(t, 10, snapshot)
	require.Equal(t, Pending{Paused, at(15)}, r.Pending())
	require.Equal(t, effects(preceded(58)), r.step(spec.Wake{}))
	require.Equal(t, effects(says(15, GetNeighbors{hdr(1, 10)})), r.wake())

	cfg := Config{ID: FromUint(10), IDBits: 6, Successors: 3}
	for _, bad := range []Snapshot{
		{Successors: peersAt(20, 20)}, {Successors: peersAt(10)}, {Successors: peersAt(64)},
		{Successors: peersAt(1, 2, 3, 4)}, {Predecessor: Peer{ID: FromUint(1)}},
		{Successors: peersAt(20), Candidate: at(30)},
		{Fingers: []Finger{{7, true, at(1)}}}, {Fingers: []Finger{{2, true, at(1)}, {1, true, at(2)}}},
	} {
		_, err := Restore(cfg, 0, bad)
		require.ErrorContains(t, err, "chord: snapshot: ", "%+v", bad)
	}
}

// CHORD-LEAVE-006: the value that nobody takes does not keep the node for ever.
func TestLeaveAmongTheSilent(t *testing.T) {
	for _, v := range []Variant{Corrected, Original} {
		s := ringOf10(t)
		s.cfg.Variant = v
		s.hear(50, Write{Header: hdr(5, 50), Key: FromUint(10), Stamp: Stamp{1, FromUint(50), 1}, Value: []byte("v")})
		s.step(Leave{Op: 2})
		var done []spec.Effect
		for s.Member() {
			for _, e := range s.wake() {
				if d, ok := e.(spec.Done); ok && d.Op == 2 {
					done = append(done, d)
				}
			}
		}
		require.Equal(t, effects(spec.Done{Op: 2, Err: map[Variant]error{Original: ErrNoAnswer}[v]}), done)
		require.LessOrEqual(t, s.now, 9*time.Minute)
	}
}
