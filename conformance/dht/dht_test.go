package dht_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/dht"
	"github.com/p2pspec/p2pspec/conformance/report"
)

// The reference node meets every case, and so every case can be met.
func TestReferenceNodePasses(t *testing.T) {
	r, err := conformance.Run(t.Context(), dht.Virtual{}, conformance.Options{
		Suites: dht.Suites(), Jobs: runtime.GOMAXPROCS(0), Seed: 1,
	})
	require.NoError(t, err)
	for _, res := range r.Results {
		if res.Verdict != conformance.Pass {
			t.Errorf("%s: %s\n%s", res.Case, res.Verdict, report.Explain(res))
		}
	}
	assert.Equal(t, conformance.ExitMet, r.Exit)
}
