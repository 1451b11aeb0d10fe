package epidemic

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
)

// scope is a system to be explored: its commands at any moment, and then one
// exchange after another, after which everybody must have the same.
//
// Of each pair in early an exchange may begin at any moment, even while the
// others write, and those messages may be lost or repeated. The exchanges of
// final come when all has been written and is quiet.
type scope struct {
	nodes        int
	compare      AntiEntropy
	writes       []explore.Command
	early, final [][2]int32
	losses, dups int
	common       int  // keys that everybody has at the beginning
	certificates bool // expire while this happens
	flaw         flaw
}

func (s *scope) config(t *testing.T) explore.Config {
	cfg := quietConfig(s.nodes)
	cfg.AntiEntropy = s.compare
	cfg.AntiEntropy.Period = -1
	cfg.Deletion = Deletion{Tau1: 10 * second, Tau2: time.Hour, Retainers: 255}
	first := newTestNode(t, cfg)
	c := explore.Config{
		Losses: s.losses, Duplicates: s.dups, Horizon: second, May: s.may,
		Always:  []explore.Invariant{{Name: "no creation", Hold: nothingMadeUp}},
		Steps:   []explore.StepInvariant{{Name: "no resurrection", Hold: nothingOlder}},
		Finally: []explore.Invariant{{Name: "equal after full exchange", Hold: s.equal}},
	}
	if s.certificates {
		c.Horizon = time.Minute
		c.Steps, c.Finally = nil, []explore.Invariant{{Name: "deleted in the end", Hold: s.deletedEverywhere}}
	}
	for i := range s.nodes {
		n := first.Sibling(int32(i), [32]byte{byte(i)}, 0)
		for k := range s.common {
			u := Update{Key: fmt.Sprintf("c%02d", k), Stamp: Stamp{1, 0}, Value: []byte{0}}
			n.merge(&u)
		}
		c.Nodes = append(c.Nodes, explore.Start{Addr: cfg.Peers[i], Machine: s.machine(n)})
	}
	op := spec.OpID(0)
	add := func(node int32, in func(op spec.OpID) spec.Input) {
		op++
		c.Commands = append(c.Commands, explore.Command{Node: cfg.Peers[node], Input: in(op), Once: true})
	}
	for _, w := range s.writes {
		add(int32(slices.Index(testPeers(s.nodes), w.Node)), func(op spec.OpID) spec.Input { return withOp(w.Input, op) })
	}
	for _, pair := range slices.Concat(s.early, s.final) {
		add(pair[0], func(op spec.OpID) spec.Input { return Sync{op, pair[1]} })
	}
	return c
}

func withOp(in spec.Input, op spec.OpID) spec.Input {
	switch in := in.(type) {
	case Put:
		in.Op = op
		return in
	case Delete:
		in.Op = op
		return in
	}
	panic("unknown command")
}

// writeAt is a Put of the node's own number, or a Delete.
func writeAt(node int, key string, remove bool) explore.Command {
	c := explore.Command{Node: testPeers(8)[node], Input: Put{Key: key, Value: []byte{byte(node)}}}
	if remove {
		c.Input = Delete{Key: key}
	}
	return c
}

// may puts the final exchanges in order, after everything else.
func (s *scope) may(w *explore.World, a explore.Action) bool {
	given := 0
	for _, n := range w.Nodes {
		given += len(n.Done)
	}
	before := len(s.writes) + len(s.early)
	switch {
	case a.Kind == explore.Lose || a.Kind == explore.Duplicate:
		return given <= before
	case a.Kind != explore.Give || a.Index < before:
		return true
	}
	return given == a.Index && len(w.Flight) == 0
}

func nodeOf(n *explore.Node) *Node {
	if m, ok := n.Machine.(*mutant); ok {
		return m.Node
	}
	return n.Machine.(*Node)
}

// nothingMadeUp: what a node has, the site of its stamp has put.
//
// GO-EP-01.
func nothingMadeUp(w *explore.World) error {
	for i, n := range w.Nodes {
		for _, u := range nodeOf(n).Updates() {
			if !u.Deleted && (len(u.Value) != 1 || u.Value[0] != byte(u.Stamp.Site)) {
				return fmt.Errorf("node %d has %+v", i, u)
			}
			if maker := nodeOf(w.Nodes[u.Stamp.Site]); maker.clock < u.Stamp.Counter {
				return fmt.Errorf("node %d has %+v, node %d is at %d", i, u, u.Stamp.Site, maker.clock)
			}
		}
	}
	return nil
}

// nothingOlder: a node never goes back to an earlier version of a key, nor
// forgets it.
//
// GO-EP-01, GO-EP-03.
func nothingOlder(t *explore.Transition) error {
	for i, n := range t.Before.Nodes {
		for _, u := range nodeOf(n).Updates() {
			v, found := nodeOf(t.After.Nodes[i]).Lookup(u.Key)
			if !found || u.Stamp.Compare(v.Stamp) > 0 {
				return fmt.Errorf("node %d went back from %+v to %+v", i, u, v)
			}
		}
	}
	return nil
}

// equal: all nodes have the same, and it is the latest that anybody wrote.
//
// GO-EP-01.
func (s *scope) equal(w *explore.World) error {
	want := nodeOf(w.Nodes[0]).Updates()
	for i, n := range w.Nodes {
		got := nodeOf(n).Updates()
		if !slices.EqualFunc(want, got, func(a, b Update) bool { return a.Key == b.Key && a.Stamp == b.Stamp }) {
			return fmt.Errorf("node 0 has %+v, node %d has %+v", want, i, got)
		}
		for _, d := range n.Done {
			stored, ok := d.Result.(Stored)
			if ok && !slices.ContainsFunc(want, func(u Update) bool { return u.Stamp.Compare(stored.Stamp) >= 0 }) {
				return fmt.Errorf("%v, written at node %d, is lost", stored.Stamp, i)
			}
		}
	}
	return nil
}

// deletedEverywhere: nobody has a value that is older than the deletion, which is
// the last of the writes.
//
// GO-EP-03.
func (s *scope) deletedEverywhere(w *explore.World) error {
	var deletion Stamp
	for _, n := range w.Nodes {
		for _, d := range n.Done {
			if d.Op == spec.OpID(len(s.writes)) {
				deletion = d.Result.(Stored).Stamp
			}
		}
	}
	for i, n := range w.Nodes {
		for _, u := range nodeOf(n).Updates() {
			if !u.Deleted && u.Stamp.Compare(deletion) < 0 {
				return fmt.Errorf("node %d has %+v", i, u)
			}
		}
	}
	return nil
}

// scopes are explored in every run of the tests.
func scopes() map[string]*scope {
	both := func(c Compare) AntiEntropy { return AntiEntropy{Compare: c, Exchange: PushPull} }
	three := [][2]int32{{0, 1}, {1, 2}, {0, 1}}
	conflict := []explore.Command{writeAt(0, "k", false), writeAt(1, "k", false), writeAt(2, "k", true)}
	pairs := [][2]int32{{0, 1}, {2, 0}, {1, 2}}
	return map[string]*scope{
		"ranges":   {nodes: 3, compare: both(Ranges), writes: conflict, early: pairs, final: three, losses: 2, dups: 1},
		"full":     {nodes: 3, compare: both(Full), writes: conflict, early: pairs, final: three, losses: 2, dups: 1},
		"checksum": {nodes: 3, compare: both(Checksum), writes: conflict, early: pairs, final: three, losses: 2, dups: 1},
		"peel":     {nodes: 3, compare: both(PeelBack), writes: conflict, early: pairs, final: three, losses: 2, dups: 1},
		"split": {
			nodes: 3, compare: both(Ranges), common: 40, early: pairs, final: three, losses: 1,
			writes: []explore.Command{writeAt(0, "c09", false), writeAt(1, "c39", true)},
		},
		"four": {
			nodes: 4, compare: both(Ranges), losses: 1, dups: 1, early: [][2]int32{{0, 1}, {2, 3}, {1, 2}},
			final:  [][2]int32{{0, 1}, {1, 2}, {2, 3}, {1, 2}, {0, 1}},
			writes: []explore.Command{writeAt(0, "k", false), writeAt(3, "k", true)},
		},
		"certificates": {
			nodes: 3, compare: both(Ranges), certificates: true, early: [][2]int32{{0, 1}}, final: three, losses: 1,
			writes: []explore.Command{writeAt(0, "k", false), writeAt(1, "k", true)},
		},
	}
}

// Everything that three or four nodes can do: nothing is made up, nothing comes
// back, and all is equal in the end.
//
// GO-EP-01, GO-EP-03.
func TestExplore(t *testing.T) {
	for name, s := range scopes() {
		t.Run(name, func(t *testing.T) {
			result, err := explore.Run(s.config(t))
			require.NoError(t, err)
			t.Log(result)
			require.Greater(t, result.Terminal, 0)
		})
	}
}

// Each mutant is caught, by the property that it breaks.
func TestExploreCatchesMutants(t *testing.T) {
	for _, c := range mutants() {
		t.Run(string(c.flaw), func(t *testing.T) {
			s := *scopes()[c.scope]
			s.flaw = c.flaw
			_, err := explore.Run(s.config(t))
			var v *explore.Violation
			require.True(t, errors.As(err, &v), "%v", err)
			require.Equal(t, c.breaks, v.Name)
			machines, err := v.Script.Replay(s.config(t).Nodes)
			require.NoError(t, err)
			require.Len(t, machines, s.nodes)
		})
	}
}
