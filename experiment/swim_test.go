package experiment

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/transport/sim"
	"github.com/stretchr/testify/require"
)

// The first probe of a crashed member comes when chance says it does, whatever
// the size of the cluster; targets in turn leave no gap beyond the bound; and
// everybody sends two packets a period.
//
// GO-SW-01, GO-FD-03.
func TestDetectionIsAsExpected(t *testing.T) {
	for _, turn := range []bool{false, true} {
		for _, n := range []int{10, 50} {
			d := measureDetection(n, turn, Options{Runs: 200})
			want := expectedPeriods(n, turn)
			require.InDelta(t, want, d.first.mean(), 4*d.first.deviation()/math.Sqrt(200), "%d members, in turn: %v", n, turn)
			require.InDelta(t, 2, d.load.mean(), 0.01)
			if turn {
				require.LessOrEqual(t, d.gap, 2*n-1)
				require.Greater(t, d.gap, n)
			}
		}
	}
	require.InDelta(t, math.E/(math.E-1), expectedPeriods(100_000, false), 1e-4)
}

// Probes fail as often as the loss of their packets says, and suspicion saves most
// of those that are up.
//
// GO-SW-01, GO-FD-12.
func TestLossMakesFalsePositives(t *testing.T) {
	link := sim.Link{Latency: sim.Constant(time.Millisecond), Loss: sim.Percent(12)}
	plain := measureFalse(newSwimCluster(plainSwim(), 32, link, 1, 1))
	q := 0.88
	require.InEpsilon(t, (1-q*q)*math.Pow(1-math.Pow(q, 4), 3), plain.failed, 0.15)
	suspecting := measureFalse(newSwimCluster(suspectingSwim(), 32, link, 1, 1))
	require.Less(t, suspecting.dead, plain.dead/5)
}

// GO-LH-01, GO-FD-10.
func TestLifeguardSavesTheHealthy(t *testing.T) {
	variants := lifeguardVariants()
	base := measureSlow(variants[0].cfg, 2, 0, Options{Nodes: 32})
	all := measureSlow(variants[len(variants)-1].cfg, 2, 0, Options{Nodes: 32})
	require.Greater(t, base, 100)
	require.Less(t, all, base/10)
}

func TestSwimExperimentsRepeat(t *testing.T) {
	e, err := FindGossip("swim-detection")
	require.NoError(t, err)
	var first, second strings.Builder
	for _, b := range []*strings.Builder{&first, &second} {
		r, err := e.Run(Options{Nodes: 20, Runs: 5})
		require.NoError(t, err)
		require.NoError(t, r.WriteText(b))
		require.NoError(t, r.WriteSVG(b))
	}
	require.Equal(t, first.String(), second.String())
	slow := func(seed uint64) int {
		return measureSlow(lifeguardVariants()[0].cfg, 2, 0, Options{Nodes: 32, Seed: seed})
	}
	require.Equal(t, slow(1), slow(1))
	require.NotEqual(t, slow(1), slow(2))
	for _, o := range []Options{{Nodes: 1}, {Nodes: 20_000}, {Runs: -1}} {
		for _, name := range []string{"swim-detection", "swim-false-positives", "lifeguard"} {
			e, err := FindGossip(name)
			require.NoError(t, err)
			_, err = e.Run(o)
			require.Error(t, err, name)
		}
	}
}
