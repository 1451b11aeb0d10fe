package experiment

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

func output(t *testing.T, name string, o Options) string {
	var b strings.Builder
	require.NoError(t, Run(name, o, &b))
	return b.String()
}

func TestRunsRepeat(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
	}{
		{"kademlia", Options{Nodes: 300}},
		{"kademlia-churn", Options{Nodes: 20, K: 4}},
		{"chord", Options{Nodes: 64}},
		{"chord-balance", Options{Nodes: 100}},
		{"chord-timeouts", Options{Nodes: 100}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first := output(t, tc.name, tc.o)
			require.Equal(t, first, output(t, tc.name, tc.o))
			tc.o.Seed = 1
			require.NotEqual(t, first, output(t, tc.name, tc.o))
			require.NotContains(t, first, "\x1b", "no escape sequences")
		})
	}
}

func TestBadOptions(t *testing.T) {
	require.ErrorContains(t, Run("nosuch", Options{}, io.Discard), "there are chord, chord-balance, ")
	for _, o := range []Options{{Nodes: 3}, {Nodes: MaxNodes + 1}, {K: 65}, {Alpha: -1}} {
		for _, e := range List() {
			_, err := e.Run(o)
			require.Error(t, err)
		}
	}
}

// Every lookup finds exactly the k closest, and hops grow with log2 N.
//
// KAD-LOOKUP-008, KAD-LOOKUP-011.
func TestHopsGrowWithTheLogarithm(t *testing.T) {
	cfg, err := Options{Nodes: 100, K: 8}.kademliaConfig(8)
	require.NoError(t, err)
	last := 0.0
	for _, nodes := range []int{100, 400, 1600} {
		s := measureHops(cfg, nodes, Options{})
		require.Len(t, s.hops, lookupsPerSize)
		require.Equal(t, lookupsPerSize, s.exact)
		require.Greater(t, s.mean(), last+0.3) // log2 4 = 2 levels, three or more a hop
		require.Less(t, s.mean(), last+2)
		last = s.mean()
	}
}

// The shortcut of seeding gives networks like those that joining builds.
func TestSeedingResemblesJoining(t *testing.T) {
	cfg, err := Options{Nodes: 300, K: 8}.kademliaConfig(8)
	require.NoError(t, err)
	seeded := measureHops(cfg, 300, Options{})
	joined := measureHops(cfg, 300, Options{Join: true})
	require.Equal(t, lookupsPerSize, joined.exact)
	require.InDelta(t, seeded.mean(), joined.mean(), 0.25)
	require.InEpsilon(t, seeded.contacts, joined.contacts, 0.25)
}

// A seeded table holds all of the neighbourhood, K of each farther subtree.
func TestSeededTables(t *testing.T) {
	o := newOverlay(kademlia.Config{K: 4}, 200, 1)
	o.buildBySeeding()
	for i, m := range o.members {
		table := o.Machine(m.Addr).(*kademlia.Node).Table()
		require.NoError(t, table.Check())
		near := o.closest(m.ID, 4, i)
		require.Equal(t, near, table.Closest(m.ID, 4, nil, nil))
	}
}

// With nodes that live long everything is found; with short lives values die
// out before lookups do.
func TestChurnTakesItsToll(t *testing.T) {
	cfg, err := Options{Nodes: 40, K: 5}.kademliaConfig(8)
	require.NoError(t, err)
	calm := measureChurn(cfg, 24*time.Hour, Options{Nodes: 40})
	wild := measureChurn(cfg, 5*time.Minute, Options{Nodes: 40})
	require.Greater(t, calm.found[len(calm.found)-1], 95.0)
	require.Less(t, wild.found[len(wild.found)-1], 50.0)
	require.Greater(t, float64(wild.closest), 0.5*float64(wild.lookups))
	require.Greater(t, wild.joins, 10*calm.joins)
}

// A member that is down is never asked and never expected.
func TestClosestLeavesOutTheDead(t *testing.T) {
	o := newOverlay(kademlia.Config{K: 4}, 20, 1)
	o.buildBySeeding()
	dead := o.closest(kademlia.ID{}, 1, -1)[0]
	for i := range o.members {
		if o.members[i] == dead {
			o.members[i] = kademlia.Contact{}
		}
	}
	require.NotEqual(t, dead, o.closest(kademlia.ID{}, 1, -1)[0])
	ended := false
	o.command(o.someone(), func(op spec.OpID) spec.Input {
		return kademlia.FindNode{Op: op}
	}, func(spec.Done) { ended = true })
	o.RunFor(time.Minute)
	require.True(t, ended)
}

func TestFigureIsWellFormed(t *testing.T) {
	r := &Result{Figure: Figure{Title: "t", X: "x", Y: "y", Lines: []Line{
		{Name: "one", X: []float64{1, 2, 4}, Y: []float64{1, 4, 2}},
		{Name: "two", X: []float64{1, 2, 4}, Y: []float64{3, 3, 3}},
	}}}
	var b, again bytes.Buffer
	require.NoError(t, r.WriteSVG(&b))
	require.NoError(t, r.WriteSVG(&again))
	require.Equal(t, b.String(), again.String())
	d := xml.NewDecoder(&b)
	for {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.Contains(t, r.Figure.text(), "b: two")
	require.InDelta(t, 3.0, r.Figure.Lines[0].at(3), 1e-9)
}
