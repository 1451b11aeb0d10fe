package chord

import (
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// lone drives one node by hand.
type lone struct {
	t *testing.T
	*Node
	now time.Duration
}

// restored is a member of the circle of 64 with lists of three, and the given
// pointers.
func restored(t *testing.T, id uint64, s Snapshot) *lone {
	cfg := Config{
		ID: FromUint(id), IDBits: 6, Successors: 3, FixFingers: -1,
		RoundTrip: time.Second, RPCTimeout: 2 * time.Second, Stabilize: time.Minute, Jitter: -1,
	}
	n, err := Restore(cfg, 0, s)
	require.NoError(t, err)
	return &lone{t: t, Node: n}
}

// step gives the node an input and checks its invariants.
func (s *lone) step(in spec.Input) []spec.Effect {
	s.t.Helper()
	out := s.Node.Step(s.now, in, nil)
	require.NoError(s.t, s.Check())
	return out
}

func (s *lone) hear(from uint64, m spec.Message) []spec.Effect {
	s.t.Helper()
	return s.step(spec.Recv{From: at(from).Addr, Msg: m})
}

// wake lets the time pass until the next timer.
func (s *lone) wake() []spec.Effect {
	s.t.Helper()
	due, ok := s.Deadline()
	require.True(s.t, ok)
	s.now = due
	return s.step(spec.Wake{})
}

// says is a message of the node.
func says(to uint64, m spec.Message) spec.Effect { return spec.Send{To: at(to).Addr, Msg: m} }

func hdr(rpc uint32, id uint64) Header { return Header{rpc, FromUint(id)} }

func changed(ids ...uint64) spec.Effect {
	return spec.Notify{Event: SuccessorsChanged{peersAt(ids...)}}
}

func preceded(id uint64) spec.Effect {
	return spec.Notify{Event: PredecessorChanged{at(id), true}}
}

// ringOf10 is node 10 in the ring 10 20 30 40 50.
func ringOf10(t *testing.T) *lone {
	return restored(t, 10, Snapshot{Successors: peersAt(20, 30, 40), Predecessor: at(50)})
}

func effects(e ...spec.Effect) []spec.Effect { return e }

// CHORD-STAB-001, CHORD-STAB-002, CHORD-STAB-007.
func TestStabilizeAdoptsTheListWhole(t *testing.T) {
	s := ringOf10(t)
	require.Equal(t, effects(says(20, GetNeighbors{hdr(1, 10)})), s.wake())
	require.Equal(t, time.Minute, s.now)
	require.Equal(t, Pending{Stabilizing, at(20)}, s.Pending())
	m := Neighbors{hdr(1, 20), at(10), peersAt(25, 30, 35)}
	require.Equal(t, effects(changed(20, 25, 30), says(20, Notify{hdr(0, 10)})), s.hear(20, m))
	due, _ := s.Deadline()
	require.Equal(t, 2*time.Minute, due)
	require.Equal(t, Pending{}, s.Pending())
}

// CHORD-STAB-003, CHORD-STAB-005, CHORD-STAB-008.
func TestStabilizeAsksTheCandidateBeforeItIsAdopted(t *testing.T) {
	s := ringOf10(t)
	s.wake()
	m := Neighbors{hdr(1, 20), at(15), peersAt(30, 40, 50)}
	require.Equal(t, effects(says(15, GetNeighbors{hdr(2, 10)})), s.hear(20, m))
	require.Equal(t, peersAt(20, 30, 40), s.Successors())
	require.Equal(t, Pending{WithCandidate, at(15)}, s.Pending())
	m = Neighbors{hdr(2, 15), at(12), peersAt(20, 30, 40)}
	require.Equal(t, effects(changed(15, 20, 30), says(15, Notify{hdr(0, 10)})), s.hear(15, m),
		"a candidate's predecessor waits for the next period")
}

// CHORD-STAB-006.
func TestDeadCandidateChangesNothing(t *testing.T) {
	s := ringOf10(t)
	s.wake()
	s.hear(20, Neighbors{hdr(1, 20), at(15), peersAt(30, 40, 50)})
	require.Equal(t, effects(says(20, Notify{hdr(0, 10)})), s.wake())
	require.Equal(t, time.Minute+2*time.Second, s.now)
	require.Equal(t, peersAt(20, 30, 40), s.Successors())
}

// CHORD-STAB-004, CHORD-FAIL-001, CHORD-FAIL-002, CHORD-ASSUME-004.
func TestDeadSuccessorsAreDropped(t *testing.T) {
	s := ringOf10(t)
	s.wake()
	require.Equal(t, effects(changed(30, 40), says(30, Notify{hdr(0, 10)})), s.wake())
	require.Equal(t, time.Minute+2*time.Second, s.now)
	require.Equal(t, effects(says(30, GetNeighbors{hdr(2, 10)})), s.wake(), "soon after")
	require.Equal(t, effects(changed(40), says(40, Notify{hdr(0, 10)})), s.wake())
	s.wake()
	broken := spec.Notify{Event: AssumptionBroken{LiveSuccessor}}
	require.Equal(t, effects(changed(), broken), noNil(s.wake()))
	require.True(t, s.Owns(FromUint(33)), "it is alone")
}

// noNil makes an empty list equal to none.
func noNil(out []spec.Effect) []spec.Effect {
	for i := range out {
		if n, ok := out[i].(spec.Notify); ok {
			if c, ok := n.Event.(SuccessorsChanged); ok && len(c.Successors) == 0 {
				out[i] = changed()
			}
		}
	}
	return out
}

// CHORD-RECT-001, CHORD-RECT-004, CHORD-RECT-005, CHORD-RECT-006.
func TestRectify(t *testing.T) {
	s := ringOf10(t)
	require.Equal(t, effects(preceded(55)), s.hear(55, Notify{hdr(0, 55)}), "closer")
	require.Empty(t, s.hear(55, Notify{hdr(0, 55)}), "the same")
	require.Equal(t, effects(says(55, Ping{hdr(1, 10)})), s.hear(50, Notify{hdr(0, 50)}), "farther")
	require.Equal(t, Pending{Rectifying, at(55)}, s.Pending())
	require.Empty(t, s.hear(55, Pong{hdr(1, 55)}), "up: it stays")
	s.hear(50, Notify{hdr(0, 50)})
	require.Equal(t, effects(preceded(50)), s.wake(), "dead: the notifier takes its place")
	s = restored(t, 10, Snapshot{Successors: peersAt(20)})
	require.Equal(t, effects(preceded(20)), s.hear(20, Notify{hdr(0, 20)}), "there was none")
}

// CHORD-RECT-002, CHORD-RECT-003, CHORD-BUSY-006.
func TestNotifiersWaitForTheQueryAndTheCloserIsKept(t *testing.T) {
	for _, order := range [][]uint64{{52, 58, 55}, {58, 52, 55}, {52, 55, 58}} {
		s := ringOf10(t)
		s.wake()
		for _, id := range order {
			require.Empty(t, s.hear(id, Notify{hdr(0, id)}))
		}
		require.Equal(t, Pending{Stabilizing, at(20)}, s.Pending(), "the stabilization goes on")
		require.Equal(t, effects(says(52, Pong{hdr(7, 10)})), s.hear(52, Ping{hdr(7, 52)}))
		out := s.hear(20, Neighbors{hdr(1, 20), at(10), peersAt(30, 40, 50)})
		require.Equal(t, effects(says(20, Notify{hdr(0, 10)}), preceded(58)), out)
	}
}

// A better notifier that comes while the predecessor is tried is not lost with
// the one that it was tried for. CHORD-RECT-002.
func TestBetterNotifierWhileThePredecessorIsTried(t *testing.T) {
	s := ringOf10(t)
	s.hear(40, Notify{hdr(0, 40)})
	require.Empty(t, s.hear(55, Notify{hdr(0, 55)}))
	require.Equal(t, effects(preceded(55)), s.hear(50, Pong{hdr(1, 50)}))
}

// CHORD-BUSY-001, CHORD-BUSY-003, CHORD-BUSY-006.
func TestBusyWhileTheListIsUndefined(t *testing.T) {
	s := ringOf10(t)
	require.Equal(t, effects(says(5, Neighbors{hdr(3, 10), at(50), peersAt(20, 30, 40)})),
		s.hear(5, GetNeighbors{hdr(3, 5)}))
	s.wake()
	require.Equal(t, effects(says(5, Busy{hdr(4, 10)})), s.hear(5, GetNeighbors{hdr(4, 5)}))
	require.Equal(t, effects(says(5, Busy{hdr(4, 10)})), s.hear(5, GetNeighbors{hdr(4, 5)}), "again")
	require.Equal(t, effects(says(50, Busy{hdr(8, 10)})), s.hear(50, GetNeighbors{hdr(8, 50)}))
	step := s.hear(50, ClosestPreceding{hdr(9, 50), FromUint(25)})[0].(spec.Send).Msg.(Step)
	require.Equal(t, peersAt(20), step.Preceding, "lookups are answered at any time")
	out := s.hear(20, Neighbors{hdr(1, 20), at(10), peersAt(21, 22, 23)})
	answer := Neighbors{hdr(4, 10), at(50), peersAt(20, 21, 22)}
	require.Equal(t, effects(changed(20, 21, 22), says(20, Notify{hdr(0, 10)}), says(5, answer)), out,
		"50 does not wait for a lower identifier")
}

// CHORD-BUSY-002, CHORD-BUSY-004.
func TestBusyIsPatience(t *testing.T) {
	s := ringOf10(t)
	s.wake()
	for range 3 {
		s.now += 1500 * time.Millisecond
		require.Empty(t, s.hear(20, Busy{hdr(1, 20)}))
	}
	require.Equal(t, effects(says(20, GetNeighbors{hdr(1, 10)})), s.wake(), "asked again, not dead")
	require.Equal(t, effects(changed(30, 40), says(30, Notify{hdr(0, 10)})), s.wake(), "silent: dead")
}

// CHORD-BUSY-005.
func TestNobodyWaitsForALowerIdentifier(t *testing.T) {
	s := restored(t, 50, Snapshot{Successors: peersAt(10, 20, 30), Predecessor: at(40)})
	s.wake()
	s.hear(40, GetNeighbors{hdr(5, 40)})
	out := s.hear(10, Busy{hdr(1, 10)})
	require.Equal(t, effects(says(40, Neighbors{hdr(5, 50), at(40), peersAt(10, 20, 30)})), out)
	require.Equal(t, effects(says(10, GetNeighbors{hdr(2, 50)})), s.wake(), "it asks again soon")
	require.Equal(t, time.Minute+2*time.Second, s.now)

	s.hear(10, Neighbors{hdr(2, 10), at(5), peersAt(20, 30, 40)})
	require.Empty(t, s.hear(5, Busy{hdr(3, 5)}))
	require.Equal(t, Pending{Paused, at(5)}, s.Pending())
	require.Equal(t, effects(says(5, GetNeighbors{hdr(4, 50)})), s.wake(), "the candidate is not forgotten")
}

// CHORD-LEAVE-002, CHORD-LEAVE-003, CHORD-LEAVE-004.
func TestFarewell(t *testing.T) {
	s := ringOf10(t)
	bye := Leaving{hdr(0, 10), at(50)}
	require.Equal(t, effects(says(20, bye), says(50, bye), spec.Done{Op: 3}), s.step(Leave{Op: 3}))
	require.False(t, s.Member())
	require.Equal(t, effects(spec.Done{Op: 4, Err: ErrNotMember}), s.step(Leave{Op: 4}))

	s = ringOf10(t)
	require.Equal(t, effects(preceded(40)), s.hear(50, Leaving{hdr(0, 50), at(40)}))
	require.Equal(t, effects(changed(30, 40), says(30, Notify{hdr(0, 10)})),
		s.hear(20, Leaving{hdr(0, 20), at(10)}), "the next in the list, and nothing that 20 says")
	s.wake()
	require.Equal(t, effects(changed(40), says(40, Notify{hdr(0, 10)})),
		s.hear(30, Leaving{hdr(0, 30), at(10)}), "whom it asks is dead")
}

// CHORD-JOIN-002, CHORD-JOIN-003, CHORD-JOIN-005.
func TestJoinLooksForItsPlace(t *testing.T) {
	n, err := New(Config{ID: FromUint(35), IDBits: 6, Successors: 3, FixFingers: -1}, 0)
	require.NoError(t, err)
	s := &lone{t: t, Node: n}
	require.Equal(t, effects(says(50, ClosestPreceding{hdr(1, 35), FromUint(35)})),
		s.step(Join{Op: 1, Via: at(50)}))
	require.Equal(t, effects(spec.Done{Op: 2, Err: ErrMember}), s.step(Join{Op: 2, Via: at(50)}))
	require.Equal(t, effects(says(30, ClosestPreceding{hdr(2, 35), FromUint(35)})),
		s.hear(50, Step{Header: hdr(1, 50), Preceding: peersAt(30, 20, 10)}))
	require.Equal(t, effects(says(30, GetNeighbors{hdr(3, 35)})),
		s.hear(30, Step{Header: hdr(2, 30), Owners: peersAt(40, 50)}))
	require.Equal(t, Joining, s.Pending().Activity)
	require.Empty(t, s.hear(30, Neighbors{hdr(3, 30), at(20), peersAt(33, 40, 50)}), "33 has come in between")
	require.Equal(t, effects(says(50, ClosestPreceding{hdr(4, 35), FromUint(35)})), s.wake(), "it walks again")
	s.hear(50, Step{Header: hdr(4, 50), Preceding: peersAt(33, 30)})
	s.hear(33, Step{Header: hdr(5, 33), Owners: peersAt(40, 50)})
	out := s.hear(33, Neighbors{hdr(6, 33), at(30), peersAt(40, 50, 10)})
	require.Equal(t, effects(changed(40, 50, 10), preceded(33), spec.Done{Op: 1, Result: Joined{at(40)}}), out)
}

// CHORD-JOIN-004, CHORD-JOIN-006, CHORD-JOIN-007.
func TestJoinFails(t *testing.T) {
	join := func() *lone {
		n, err := New(Config{ID: FromUint(35), IDBits: 6, Successors: 3}, 0)
		require.NoError(t, err)
		s := &lone{t: t, Node: n}
		require.Len(t, s.step(Join{Op: 1, Via: at(50)}), 1)
		return s
	}
	s := join()
	for _, m := range []spec.Message{
		Ping{hdr(1, 50)}, GetNeighbors{hdr(1, 50)}, Notify{hdr(0, 50)},
		ClosestPreceding{hdr(1, 50), FromUint(1)}, FindSuccessor{hdr(1, 50), at(50), FromUint(1), 1},
	} {
		drop := s.hear(50, m)[0].(spec.Drop)
		require.Equal(t, "CHORD-JOIN-006", drop.Clause, "%T", m)
	}
	require.Equal(t, effects(spec.Done{Op: 1, Err: ErrNoAnswer}), s.wake())
	s = join()
	require.Equal(t, effects(spec.Done{Op: 1, Err: ErrTaken}),
		s.hear(50, Step{Header: hdr(1, 50), Owners: peersAt(35)}))
	require.Equal(t, effects(spec.Done{Op: 2, Err: ErrTaken}), s.step(Join{Op: 2, Via: at(35)}))
	require.Equal(t, effects(spec.Done{Op: 3, Err: ErrBadPeer}), s.step(Join{Op: 3, Via: at(64)}))
	require.Equal(t, effects(spec.Done{Op: 4, Err: ErrBadPeer}), s.step(Join{Op: 4}))
}

// CHORD-ASSUME-003.
func TestLateAnswersAreReported(t *testing.T) {
	s := ringOf10(t)
	s.wake()
	s.wake() // 20 is given up
	late := Neighbors{hdr(1, 20), at(10), peersAt(30, 40, 50)}
	require.Equal(t, effects(spec.Notify{Event: AssumptionBroken{TimelyAnswers}}), s.hear(20, late))
	require.Equal(t, peersAt(30, 40), s.Successors())
	require.Equal(t, "CHORD-RPC-003", s.hear(20, late)[0].(spec.Drop).Clause, "once")
}

// A node with time outs that do not exceed the round trip is refused.
// CHORD-ASSUME-003.
func TestConfigIsChecked(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{RoundTrip: 2 * time.Second}, "RPCTimeout is 2s, want more than RoundTrip, 2s"},
		{Config{IDBits: 2}, "IDBits is 2, want 3 to 160"},
		{Config{IDBits: 3, ID: FromUint(8)}, "ID 8 exceeds 3 bits"},
		{Config{Successors: 33}, "Successors is 33, want 1 to 32"},
		{Config{Successors: 2, Replicas: 3}, "Replicas is 3, want 1 to 2"},
		{Config{RPCBits: 1}, "RPCBits is 1, want 2 to 32"},
		{Config{Variant: 2}, "Variant is 2, want 0 to 1"},
		{Config{Stabilize: time.Microsecond}, "Stabilize is 1µs, want 1ms to"},
		{Config{Jitter: time.Minute}, "Jitter is 1m0s"},
		{Config{Tries: 17}, "Tries is 17, want 1 to 16"},
	} {
		_, err := New(c.cfg, 0)
		require.ErrorContains(t, err, c.want)
		_, err = c.cfg.MaxEffects()
		require.Error(t, err)
	}
}

// CHORD-FAIL-001: with Config.Tries more than one answer has to be missing.
func TestRequestsAreSentAgain(t *testing.T) {
	s := ringOf10(t)
	s.cfg.Tries = 2
	ask := effects(says(20, GetNeighbors{hdr(1, 10)}))
	require.Equal(t, ask, s.wake())
	require.Equal(t, ask, s.wake())
	require.Equal(t, effects(changed(30, 40), says(30, Notify{hdr(0, 10)})), s.wake())
	out := s.step(Lookup{Op: 1, Key: FromUint(35)})
	require.Len(t, out, 1)
	require.Equal(t, out[0], s.wake()[0])
	require.NotContains(t, s.wake(), out[0])
}
