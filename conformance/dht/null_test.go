package dht_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/dht"
	"github.com/p2pspec/p2pspec/conformance/null"
	"github.com/p2pspec/p2pspec/conformance/report"
)

// uncontrolled are the suites without the control that would spare a dead
// target their cases: each case has to find out for itself.
func uncontrolled() []conformance.Suite {
	suites := dht.Suites()
	for i := range suites {
		suites[i].Control = func(t *conformance.T) { t.Earn() }
	}
	return suites
}

// No case passes against a target that does nothing of use.
func TestNullTargetsPassNothing(t *testing.T) {
	for _, kind := range null.Datagram() {
		t.Run(kind.Name, func(t *testing.T) {
			r, err := conformance.Run(t.Context(), null.Target{Kind: kind}, conformance.Options{
				Suites: uncontrolled(), Jobs: runtime.GOMAXPROCS(0),
			})
			require.NoError(t, err)
			for _, res := range r.Results {
				if res.Verdict == conformance.Pass || res.Verdict == conformance.Error {
					t.Errorf("%s: %s\n%s", res.Case, res.Verdict, report.Explain(res))
				}
			}
		})
	}
}

// A run against a null target on a real socket ends soon, with a report and
// the exit code of an unreachable target. The one that answers once is left
// out: it is given half a minute to recover.
func TestNullTargetsEndARunSoon(t *testing.T) {
	var all sync.WaitGroup
	began := time.Now()
	for _, kind := range null.Datagram() {
		if kind.Name == "one-pong" {
			continue
		}
		all.Go(func() {
			at, stop, err := null.Listen(kind)
			if !assert.NoError(t, err, kind.Name) {
				return
			}
			target := conformance.NewLiveTarget(at, conformance.LoopbackSources())
			r, err := conformance.Run(t.Context(), target, conformance.Options{Suites: dht.Suites()})
			assert.NoError(t, stop(), kind.Name)
			if assert.NoError(t, err, kind.Name) {
				assert.Zero(t, r.Summary[conformance.Pass], kind.Name)
				assert.Equal(t, conformance.ExitUnreachable, r.Exit, kind.Name)
			}
		})
	}
	all.Wait()
	assert.Less(t, time.Since(began), 15*time.Second)
}
