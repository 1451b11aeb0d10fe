package experiment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/chord"
)

// Half of log2 N hops to the predecessor, less an eighth, as the paper's figure
// 10 and an independent simulation have it.
//
// CHORD-LOOKUP-010.
func TestChordPathsAreHalfTheLogarithm(t *testing.T) {
	r, err := ChordPath(Options{Nodes: 512})
	require.NoError(t, err)
	ours, paper := r.Figure.Lines[0], r.Figure.Lines[1]
	for i := range ours.X {
		require.InDelta(t, paper.Y[i]-0.15, ours.Y[i], 0.25, "2^%v nodes", ours.X[i])
	}
	slope, _ := fit(ours)
	require.InDelta(t, 0.5, slope, 0.05)
	for _, row := range r.Tables[0].Rows {
		require.Equal(t, "100.0%", row[len(row)-1], "lookups that found the owner")
	}
}

// Figure 9's ends: 4.8 and 1.6 times the mean at the 99th percentile, and 0 and
// half of it at the first.
//
// CHORD-KEY-004.
func TestChordVirtualNodesBalance(t *testing.T) {
	const keys = 100
	for _, c := range []struct {
		virtual   int
		p1, p99   float64
		tolerance float64
	}{{1, 0, 4.7, 0.4}, {20, 0.5, 1.65, 0.1}} {
		counts := keyCounts(Options{Nodes: 2000}, c.virtual, keys)
		require.InDelta(t, c.p1, float64(counts[len(counts)/100])/keys, 0.08)
		require.InDelta(t, c.p99, float64(counts[len(counts)*99/100])/keys, c.tolerance)
	}
}

// Table II, within the spread of its own source.
//
// CHORD-LOOKUP-012.
func TestChordTimeoutsResembleTheTable(t *testing.T) {
	r, err := ChordTimeouts(Options{})
	require.NoError(t, err)
	ours, paper := r.Figure.Lines[0], r.Figure.Lines[1]
	for i := range ours.X {
		require.InDelta(t, paper.Y[i], ours.Y[i], 0.25, "%v%% failed", ours.X[i])
	}
}

// After repair, lookups fail for the keys whose node is gone, and for no others.
//
// CHORD-FAIL-003.
func TestChordLosesTheKeysOfTheDeadAlone(t *testing.T) {
	r, err := ChordFailures(Options{Nodes: 400})
	require.NoError(t, err)
	for i, x := range r.Figure.Lines[0].X {
		require.InDelta(t, x, r.Figure.Lines[0].Y[i], 5, "%v%% failed", x)
	}
	for _, row := range r.Tables[0].Rows {
		require.Equal(t, "0.00%", row[3], "lookups that were misled")
	}
}

// A ring that nodes enter and leave still finds owners, and the faster they do
// the more lookups meet a dead node.
func TestChordChurnCostsTimeouts(t *testing.T) {
	cfg := chord.Config{Successors: 8, FixFingers: 3 * time.Second}
	calm := churnRing(newRing(cfg, 60, 1), 0.002, 15*time.Minute)
	wild := churnRing(newRing(cfg, 60, 1), 0.05, 15*time.Minute)
	require.Less(t, calm.wrong(), 2.0)
	require.Less(t, wild.wrong(), 15.0)
	require.Less(t, calm.delayed, wild.delayed)
	require.Equal(t, calm.begun, calm.ended)
}
