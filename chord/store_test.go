package chord

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

// storages are the modes that most tests run in.
func storages(t *testing.T, test func(t *testing.T, storage Storage)) {
	t.Run("best effort", func(t *testing.T) { test(t, BestEffort) })
	t.Run("quorum", func(t *testing.T) { test(t, Quorum) })
}

func (n *net) put(from, key uint64, value string) Stored {
	d := n.do(at(from), Put{Op: 2, Key: FromUint(key), Value: []byte(value)})
	require.NoError(n.t, d.Err, "put of %d at %d", key, from)
	return d.Result.(Stored)
}

func (n *net) get(from, key uint64) string {
	d := n.do(at(from), Get{Op: 3, Key: FromUint(key)})
	require.NoError(n.t, d.Err, "get of %d at %d", key, from)
	return string(d.Result.(Value).Value)
}

// holders are the nodes that hold a key, in the order of their identifiers.
func (n *net) holders(key uint64) []uint64 {
	var ids []uint64
	for _, p := range n.nodes {
		if n.Machine(p.Addr).(*Node).record(FromUint(key)) != nil {
			ids = append(ids, p.ID.Uint())
		}
	}
	return ids
}

// should are the nodes that should hold a key: its owner and who follows it.
func (n *net) should(key uint64) []uint64 {
	first := slices.Index(n.nodes, n.owner(FromUint(key)))
	replicas := n.node(n.nodes[0].ID.Uint()).cfg.Replicas
	var ids []uint64
	for i := range min(replicas, len(n.nodes)) {
		ids = append(ids, n.nodes[(first+i)%len(n.nodes)].ID.Uint())
	}
	slices.Sort(ids)
	return ids
}

// leave lets a node hand over and go.
func (n *net) leave(id uint64) {
	require.NoError(n.t, n.do(at(id), Leave{Op: 5}).Err)
	n.fail(id)
}

// CHORD-STORE-001, CHORD-STORE-002, CHORD-STORE-003, CHORD-STORE-004
func TestPutAndGet(t *testing.T) {
	storages(t, func(t *testing.T, storage Storage) {
		n := newNet(t, Config{IDBits: 6, Storage: storage}, lan)
		n.ring(1, 8, 14, 21, 32, 38, 42, 48, 51, 56)
		for key := range uint64(64) {
			first, second := fmt.Sprint("first of ", key), fmt.Sprint("second of ", key)
			require.ErrorIs(t, n.do(at(8), Get{Op: 4, Key: FromUint(key)}).Err, ErrNotFound)
			for i, value := range []string{first, second} {
				stored := n.put(n.nodes[(int(key)+i)%10].ID.Uint(), key, value)
				require.GreaterOrEqual(t, stored.Copies, int32(2))
				for _, p := range n.nodes {
					require.Equal(t, value, n.get(p.ID.Uint(), key))
				}
			}
			n.RunFor(time.Second)
			require.Equal(t, n.should(key), n.holders(key), "key %d", key)
		}
	})
}

// The keys of the figures move as they show.
//
// CHORD-KEY-001, CHORD-KEY-002, CHORD-KEY-003 (Chord §4.2, figures 3 and 5).
func TestKeysOfThePaper(t *testing.T) {
	n := newNet(t, Config{IDBits: 3, Successors: 2, Replicas: 1}, lan)
	n.ring(0, 1, 3)
	for _, key := range []uint64{1, 2, 6} {
		n.put(0, key, "v")
	}
	holders := func() (all [][]uint64) {
		for _, key := range []uint64{1, 2, 6} {
			all = append(all, n.holders(key))
		}
		return all
	}
	require.Equal(t, [][]uint64{{1}, {3}, {0}}, holders())
	n.join(6, 1)
	n.RunFor(2 * time.Minute)
	require.Equal(t, [][]uint64{{1}, {3}, {6}}, holders(), "node 6 joins: key 6 moves to it")
	n.leave(3)
	require.Equal(t, [][]uint64{{1}, {6}, {6}}, holders(), "node 3 leaves: key 2 moves to node 6")
}

// CHORD-KEY-002 (ToN 2003, figure 5).
func TestKeysOfTheJournal(t *testing.T) {
	n := newNet(t, Config{IDBits: 6, Successors: 3, Replicas: 1}, lan)
	n.ring(1, 8, 14, 21, 32, 38, 42, 48, 51, 56)
	owners := map[uint64]uint64{10: 14, 24: 32, 30: 32, 38: 38, 54: 56}
	for key := range owners {
		n.put(8, key, "v")
	}
	for key, owner := range owners {
		require.Equal(t, []uint64{owner}, n.holders(key), "key %d", key)
	}
	n.join(26, 8)
	n.RunFor(3 * time.Minute)
	owners[24] = 26
	for key, owner := range owners {
		require.Equal(t, []uint64{owner}, n.holders(key), "key %d after node 26 has joined", key)
	}
}

// Any sequence of joins and leaves keeps every value, and when the ring is
// quiet each is where it should be and nowhere else.
//
// CHORD-KEY-002, CHORD-KEY-003, CHORD-KEY-005, CHORD-STORE-006, CHORD-STORE-008,
// CHORD-STORE-010
func TestValuesMoveWithTheRing(t *testing.T) {
	storages(t, func(t *testing.T, storage Storage) {
		rapid.Check(t, func(r *rapid.T) {
			cfg := Config{IDBits: 6, Successors: 4, Storage: storage, Stabilize: 5 * time.Second, FixFingers: -1}
			n := newNet(r, cfg, lan)
			n.ring(5, 15, 25, 35, 45, 55)
			values, used := make(map[uint64]string), make(map[uint64]bool)
			for step := range rapid.IntRange(1, 15).Draw(r, "steps") {
				switch rapid.SampledFrom([]string{"put", "put", "join", "leave", "wait"}).Draw(r, "what") {
				case "put":
					key := rapid.Uint64Range(0, 63).Draw(r, "key")
					values[key] = fmt.Sprint("step ", step)
					n.settle()
					n.put(n.any(r), key, values[key])
				case "join":
					id := rapid.Uint64Range(0, 63).Draw(r, "id")
					if id%10 != 5 && !used[id] {
						used[id] = true
						n.join(id, n.any(r))
					}
				case "leave":
					if len(n.nodes) > 5 {
						n.leave(n.any(r))
					}
				default:
					n.RunFor(time.Duration(rapid.IntRange(0, 10).Draw(r, "seconds")) * time.Second)
				}
			}
			n.RunFor(2 * releasePeriods * n.cfg.Stabilize)
			require.True(r, n.ideal())
			for key, value := range values {
				require.Equal(r, n.should(key), n.holders(key), "key %d", key)
				for _, id := range n.holders(key) {
					require.Equal(r, value, string(n.node(id).record(FromUint(key)).value), "key %d at %d", key, id)
				}
			}
		})
	})
}

func (n *net) any(r *rapid.T) uint64 { return rapid.SampledFrom(n.nodes).Draw(r, "node").ID.Uint() }

// settle waits until the ring is ideal, as far as Put by Quorum needs it.
func (n *net) settle() {
	for range 20 {
		if n.ideal() {
			return
		}
		n.RunFor(n.cfg.Stabilize)
	}
}

// Nodes fail one after the other, each when the values of the one before have
// been copied again: all are still there, though none of the first holders is.
//
// CHORD-STORE-004, CHORD-STORE-007
func TestValuesOutliveTheirHolders(t *testing.T) {
	storages(t, func(t *testing.T, storage Storage) {
		cfg := Config{IDBits: 6, Successors: 4, Storage: storage, Stabilize: 5 * time.Second, FixFingers: 5 * time.Second}
		n := newNet(t, cfg, lan)
		n.ring(1, 8, 14, 21, 32, 38, 42, 48, 51, 56)
		for key := range uint64(64) {
			n.put(1, key, fmt.Sprint("value of ", key))
		}
		for _, id := range []uint64{8, 56, 14, 38, 1} {
			n.fail(id)
			n.RunFor(2 * time.Minute)
			require.True(t, n.ideal())
			for key := range uint64(64) {
				require.Equal(t, n.should(key), n.holders(key), "key %d after %d has failed", key, id)
				require.Equal(t, fmt.Sprint("value of ", key), n.get(n.nodes[key%5].ID.Uint(), key))
			}
		}
	})
}

// A replica that has lost its memory gets it back, and one that has heard of a
// Put that the owner has not tells it.
//
// CHORD-STORE-007, CHORD-STORE-008
func TestOwnerAndReplicasAgreeInTheEnd(t *testing.T) {
	n := newNet(t, Config{IDBits: 6, Successors: 4, Stabilize: 5 * time.Second, FixFingers: -1}, lan)
	n.ring(1, 8, 14, 21, 32, 38)
	n.put(1, 10, "old")
	n.RunFor(10 * time.Second)
	n.node(21).dropRecord(FromUint(10))
	n.RunFor((refreshPeriods + 2) * 5 * time.Second)
	require.Equal(t, []uint64{14, 21, 32}, n.holders(10))
	n.node(32).keep(FromUint(10), stamp(9), []byte("new"))
	n.RunFor(3 * refreshPeriods * 5 * time.Second)
	for _, id := range []uint64{14, 21, 32} {
		require.Equal(t, "new", string(n.node(id).record(FromUint(10)).value), "at %d", id)
	}
}

// Before the ring has noticed anything a value is got from the replicas of a
// dead owner, and put there.
//
// CHORD-STORE-011, CHORD-QUORUM-001
func TestDeadOwner(t *testing.T) {
	storages(t, func(t *testing.T, storage Storage) {
		n := newNet(t, Config{IDBits: 6, Successors: 4, Storage: storage, Stabilize: time.Hour}, lan)
		n.ring(1, 8, 14, 21, 32, 38, 42, 48, 51, 56)
		n.put(1, 10, "old")
		n.fail(14)
		for _, p := range n.nodes {
			require.Equal(t, "old", n.get(p.ID.Uint(), 10))
		}
		require.Equal(t, int32(2), n.put(48, 10, "new").Copies)
		for _, p := range n.nodes {
			require.Equal(t, "new", n.get(p.ID.Uint(), 10))
		}
	})
}

// CHORD-QUORUM-006: with the majority gone nobody pretends.
func TestNoMajority(t *testing.T) {
	n := newNet(t, Config{IDBits: 6, Successors: 4, Storage: Quorum, Stabilize: time.Hour}, lan)
	n.ring(1, 8, 14, 21, 32, 38, 42, 48, 51, 56)
	n.put(1, 10, "v")
	n.fail(14)
	n.fail(32)
	require.ErrorIs(t, n.do(at(48), Get{Op: 1, Key: FromUint(10)}).Err, ErrNoQuorum)
	require.ErrorIs(t, n.do(at(48), Put{Op: 1, Key: FromUint(10)}).Err, ErrNoQuorum)
}

// script drives one node of the ring 10, 20, … 60 by hand.
type script struct {
	t testing.TB
	*Node
	effects []spec.Effect
}

func newScript(t testing.TB, id uint64, storage Storage) *script {
	n, err := New(Config{
		ID: FromUint(id), IDBits: 6, Successors: 3, Storage: storage, FixFingers: -1,
		MaxValues: 3, MaxValueBytes: 4, MaxOperations: 2,
	}, 0)
	require.NoError(t, err)
	s := &script{t: t, Node: n}
	s.step(Create{Op: 1, Ring: peersAt(10, 20, 30, 40, 50, 60)})
	return s
}

func (s *script) step(in spec.Input) []spec.Effect {
	s.effects = s.Step(s.now, in, nil)
	require.NoError(s.t, s.Check())
	return s.effects
}

// wait lets time pass, and answers for the ring that it is as it was.
func (s *script) wait(d time.Duration) { s.now += d }

func (s *script) recv(from uint64, m spec.Message) []spec.Effect {
	return s.step(spec.Recv{From: at(from).Addr, Msg: m})
}

// sent returns the messages of type M among the effects, and to whom they went.
func sent[M spec.Message](s *script) (to []uint64, messages []M) {
	for _, e := range s.effects {
		if e, ok := e.(spec.Send); ok {
			if m, ok := e.Msg.(M); ok {
				to = append(to, uint64(e.To.Addr().As4()[3]))
				messages = append(messages, m)
			}
		}
	}
	return to, messages
}

func stamp(counter uint64) Stamp { return Stamp{Counter: counter, Writer: FromUint(50), Serial: 7} }

func header(from uint64, rpc uint32) Header { return Header{rpc, FromUint(from)} }

// CHORD-KEY-002, CHORD-KEY-005: a value goes to the new owner, and is given up
// only when that has it and wants no copy.
func TestHandOverToNewPredecessor(t *testing.T) {
	key := FromUint(33)
	begin := func() (s *script, offer Offer) {
		s = newScript(t, 40, BestEffort)
		s.recv(50, Write{header(50, 1), key, stamp(1), []byte("v")})
		require.True(t, s.record(key).owned)
		s.recv(35, Notify{header(35, 0)})
		to, offers := sent[Offer](s)
		require.Equal(t, []uint64{35}, to)
		require.False(t, s.record(key).owned)
		return s, offers[0]
	}
	t.Run("silence", func(t *testing.T) {
		s, _ := begin()
		s.wait(s.cfg.RPCTimeout)
		s.step(spec.Wake{})
		require.NotNil(t, s.record(key))
		_, steps := sent[ClosestPreceding](s)
		require.NotEmpty(t, steps, "the owner is looked up")
	})
	t.Run("replica", func(t *testing.T) {
		s, offer := begin()
		s.recv(35, WriteAck{header(35, offer.RPC), key, false, Stamp{}, true, true})
		_, writes := sent[Write](s)
		require.Equal(t, "v", string(writes[0].Value))
		s.recv(35, WriteAck{header(35, writes[0].RPC), key, false, stamp(1), true, true})
		require.NotNil(t, s.record(key))
		require.Empty(t, s.store.transfers)
	})
	t.Run("no replica", func(t *testing.T) {
		s, offer := begin()
		s.recv(35, WriteAck{header(35, offer.RPC), key, false, Stamp{}, true, false})
		require.NotNil(t, s.record(key))
		_, writes := sent[Write](s)
		s.recv(35, WriteAck{header(35, writes[0].RPC), key, false, stamp(1), true, false})
		require.Nil(t, s.record(key))
	})
	t.Run("refused", func(t *testing.T) {
		s, offer := begin()
		s.recv(35, WriteAck{header(35, offer.RPC), key, true, Stamp{}, true, false})
		require.NotNil(t, s.record(key))
	})
	t.Run("not the owner", func(t *testing.T) {
		s, offer := begin()
		s.recv(35, WriteAck{header(35, offer.RPC), key, false, stamp(1), false, false})
		to, steps := sent[ClosestPreceding](s)
		s.recv(to[0], Step{header(to[0], steps[0].RPC), nil, peersAt(34)})
		for s.store.transfers[0].phase == locating {
			to, steps = sent[ClosestPreceding](s)
			s.recv(to[0], Step{header(to[0], steps[0].RPC), nil, peersAt(34)})
		}
		_, offers := sent[Offer](s)
		s.recv(34, WriteAck{header(34, offers[0].RPC), key, false, stamp(1), false, false})
		require.NotNil(t, s.record(key), "nobody says that it is the owner")
	})
	t.Run("changed since", func(t *testing.T) {
		s, offer := begin()
		s.recv(38, Notify{header(38, 0)})
		s.recv(35, WriteAck{header(35, offer.RPC), key, false, stamp(1), true, false})
		require.NotNil(t, s.record(key), "the answer is to an earlier place on the ring")
	})
}

// CHORD-KEY-003, CHORD-KEY-005, CHORD-QUORUM-008: who leaves waits for the successor, or for the
// one behind it, and takes nothing meanwhile.
func TestLeaveHandsOver(t *testing.T) {
	s := newScript(t, 40, Quorum)
	key := FromUint(33)
	s.recv(50, Write{header(50, 1), key, stamp(1), []byte("v")})
	s.step(Leave{Op: 9})
	to, offers := sent[Offer](s)
	require.Equal(t, []uint64{50}, to)
	require.Equal(t, []spec.Effect{spec.Done{Op: 10, Err: ErrBusy}}, s.step(Leave{Op: 10}))
	require.Equal(t, []spec.Effect{spec.Done{Op: 11, Err: ErrNotMember}}, s.step(Get{Op: 11, Key: key}))

	s.recv(60, Write{header(60, 2), FromUint(34), stamp(1), []byte("v")})
	_, acks := sent[WriteAck](s)
	require.True(t, acks[0].Leaving)
	s.recv(60, Read{header(60, 3), FromUint(34)})
	_, reads := sent[ReadAck](s)
	require.True(t, reads[0].Leaving, "it may have handed it over")

	s.recv(60, Read{header(60, 4), key})
	_, reads = sent[ReadAck](s)
	require.False(t, reads[0].Leaving, "it still holds it")

	s.recv(50, WriteAck{header(50, offers[0].RPC), key, true, Stamp{}, false, false})
	to, offers = sent[Offer](s)
	require.Equal(t, []uint64{60}, to, "the successor leaves, too")
	s.recv(60, WriteAck{header(60, offers[0].RPC), key, false, Stamp{}, false, false})
	_, writes := sent[Write](s)
	s.recv(60, WriteAck{header(60, writes[0].RPC), key, false, Stamp{}, false, false})
	require.NotNil(t, s.record(key), "the next one has no room")
	to, offers = sent[Offer](s)
	require.Equal(t, []uint64{10}, to)
	s.recv(10, WriteAck{header(10, offers[0].RPC), key, false, stamp(1), false, false})
	require.Contains(t, s.effects, spec.Done{Op: 9})
	require.False(t, s.Member())
}

// CHORD-STORE-012: a node that is full does not count as one that holds its own
// Put, but takes new values of what it holds.
func TestFullNode(t *testing.T) {
	s := newScript(t, 40, Quorum)
	for _, k := range []uint64{31, 32, 33} {
		s.recv(50, Write{header(50, 1), FromUint(k), stamp(1), nil})
	}
	s.recv(50, Write{header(50, 1), FromUint(33), stamp(2), []byte("v")})
	require.Equal(t, "v", string(s.record(FromUint(33)).value))
	s.step(Put{Op: 7, Key: FromUint(34)})
	_, reads := sent[Read](s)
	s.recv(50, ReadAck{header(50, reads[0].RPC), FromUint(34), false, Stamp{}, nil})
	_, writes := sent[Write](s)
	s.recv(50, WriteAck{header(50, writes[0].RPC), FromUint(34), false, writes[0].Stamp, false, false})
	require.Empty(t, s.effects, "one of three, the own node not")
	s.recv(60, WriteAck{header(60, writes[0].RPC), FromUint(34), false, writes[0].Stamp, false, false})
	require.Equal(t, []spec.Effect{spec.Done{Op: 7, Result: Stored{FromUint(34), 2, 0}}}, s.effects)
}

// CHORD-STORE-009: however many values have to move, few do at one time.
func TestTransfersAreBounded(t *testing.T) {
	n, err := New(Config{ID: FromUint(40), IDBits: 6, Successors: 3}, 0)
	require.NoError(t, err)
	s := &script{t: t, Node: n}
	s.step(Create{Op: 1, Ring: peersAt(10, 20, 40, 50, 60)})
	for key := range uint64(20) {
		s.recv(50, Write{header(50, 1), FromUint(20 + key), stamp(1), nil})
	}
	s.recv(39, Notify{header(39, 0)})
	to, offers := sent[Offer](s)
	require.Len(t, to, maxTransfers)
	s.recv(39, WriteAck{header(39, offers[0].RPC), offers[0].Key, false, stamp(1), true, false})
	to, _ = sent[Offer](s)
	require.Len(t, to, 1, "the next one follows when one has ended")
}

// CHORD-STORE-008: the later value stays, whatever comes in which order.
func TestLaterValueStays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := newScript(t, 40, Quorum)
		var latest uint64
		for _, counter := range rapid.SliceOfN(rapid.Uint64Range(1, 9), 1, 9).Draw(r, "counters") {
			latest = max(latest, counter)
			s.recv(50, Write{header(50, 1), FromUint(33), stamp(counter), []byte{byte(counter)}})
			_, acks := sent[WriteAck](s)
			require.Equal(r, stamp(latest), acks[0].Stamp)
			require.Equal(r, []byte{byte(latest)}, s.record(FromUint(33)).value)
		}
	})
}

// What cannot be is refused with its clause, and leaves no trace.
func TestRefusedStorageMessages(t *testing.T) {
	key, far := FromUint(33), FromUint(64)
	v := []byte("v")
	for name, c := range map[string]struct {
		clause string
		msg    spec.Message
	}{
		"read: key outside":       {"CHORD-ID-001", Read{header(50, 1), far}},
		"read: sender outside":    {"CHORD-ID-001", Read{header(64, 1), key}},
		"read: own sender":        {"CHORD-ASSUME-005", Read{header(40, 1), key}},
		"write: key outside":      {"CHORD-ID-001", Write{header(50, 1), far, stamp(1), v}},
		"write: no stamp":         {"CHORD-QUORUM-007", Write{header(50, 1), key, Stamp{}, v}},
		"write: counter zero":     {"CHORD-QUORUM-007", Write{header(50, 1), key, stamp(0), v}},
		"write: counter too high": {"CHORD-QUORUM-007", Write{header(50, 1), key, stamp(maxCounter + 1), v}},
		"write: writer outside":   {"CHORD-QUORUM-007", Write{header(50, 1), key, Stamp{1, far, 1}, v}},
		"write: value too large":  {"CHORD-STORE-005", Write{header(50, 1), key, stamp(1), make([]byte, 5)}},
		"write: node is full":     {"CHORD-STORE-012", Write{header(50, 1), FromUint(9), stamp(1), v}},
		"offer: key outside":      {"CHORD-ID-001", Offer{header(50, 1), far, stamp(1)}},
		"offer: no stamp":         {"CHORD-QUORUM-007", Offer{header(50, 1), key, Stamp{}}},
		"read answer: unasked":    {"CHORD-RPC-003", ReadAck{header(50, 1), key, false, stamp(1), v}},
		"read answer: too large":  {"CHORD-STORE-005", ReadAck{header(50, 1), key, false, stamp(1), make([]byte, 5)}},
		"read answer: stamp":      {"CHORD-QUORUM-007", ReadAck{header(50, 1), key, false, stamp(0), v}},
		"write answer: unasked":   {"CHORD-RPC-003", WriteAck{header(50, 1), key, false, stamp(1), true, true}},
		"write answer: key":       {"CHORD-ID-001", WriteAck{header(50, 1), far, false, stamp(1), true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, 40, Quorum)
			for _, k := range []uint64{33, 34, 35} {
				s.recv(50, Write{header(50, 1), FromUint(k), stamp(3), v})
			}
			before := s.AppendState(nil)
			effects := s.recv(50, c.msg)
			require.Len(t, effects, 1)
			require.Equal(t, c.clause, effects[0].(spec.Drop).Clause)
			require.Equal(t, before, s.AppendState(nil))
		})
	}
}

// Bad commands fail at once and leave the state as it was.
func TestRefusedStorageCommands(t *testing.T) {
	s := newScript(t, 40, Quorum)
	for err, cmd := range map[error]spec.Input{
		ErrBadID:    Get{Op: 1, Key: FromUint(64)},
		ErrTooLarge: Put{Op: 1, Key: FromUint(1), Value: make([]byte, 5)},
	} {
		before := s.AppendState(nil)
		require.Equal(t, []spec.Effect{spec.Done{Op: 1, Err: err}}, s.step(cmd))
		require.Equal(t, before, s.AppendState(nil))
	}
	s.step(Get{Op: 1, Key: FromUint(33)})
	s.step(Get{Op: 2, Key: FromUint(33)})
	require.Equal(t, []spec.Effect{spec.Done{Op: 3, Err: ErrBusy}}, s.step(Get{Op: 3, Key: FromUint(33)}))
	n, err := New(Config{}, 0)
	require.NoError(t, err)
	require.Equal(t, []spec.Effect{spec.Done{Op: 3, Err: ErrNotMember}}, n.Step(0, Put{Op: 3}, nil))
}
