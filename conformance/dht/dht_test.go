package dht_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/dht"
	"github.com/p2pspec/p2pspec/conformance/report"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// choices are the cases whose document leaves a choice, and which record it.
// The reference node refuses what is not canonical, with an error that says so.
var choices = map[string]bool{
	"bep5/malformed/bytes-behind-the-message": true,
	"bep5/malformed/keys-out-of-order":        true,
}

// met fails the test for each case that the reference node does not meet.
func met(t *testing.T, target conformance.Target, opts conformance.Options) {
	t.Helper()
	opts.Suites = dht.Suites()
	r, err := conformance.Run(t.Context(), target, opts)
	require.NoError(t, err)
	for _, res := range r.Results {
		switch {
		case res.Verdict == conformance.Pass, res.Verdict == conformance.Skipped && res.Reason != "":
		case res.Verdict == conformance.Info && choices[res.Case]:
		default:
			t.Errorf("%s: %s\n%s", res.Case, res.Verdict, report.Explain(res))
		}
	}
	assert.Equal(t, conformance.ExitMet, r.Exit)
}

// The reference node meets every case, whatever ids and keys are drawn, and so
// every case can be met.
func TestReferenceNodePasses(t *testing.T) {
	for seed := range uint64(seeds) {
		target := dht.Virtual{Builtin: dht.Builtin{Configure: func(cfg *mainline.Config) {
			binary.LittleEndian.PutUint64(cfg.Seed[:], seed)
		}}}
		met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// seeds is how many draws of the harness and of the node every case is tried
// with: an unlucky draw must not cost a correct client its verdict.
const seeds = 25

// The same over real sockets, but for the cases that wait for minutes.
func TestReferenceNodePassesOnLoopback(t *testing.T) {
	target := dht.Loopback{Sources: conformance.LoopbackSources()}
	met(t, target, conformance.Options{Jobs: 8, Seed: 1})
}

// A harness with one source address, as toward another machine, leaves cases
// out, but it fails nobody.
func TestOneSourceAddressFailsNobody(t *testing.T) {
	sources := conformance.OneSource(netip.MustParseAddr("127.0.0.1"))
	sources.Pace = 0
	met(t, dht.Loopback{Sources: sources}, conformance.Options{Jobs: 8, Seed: 1})
}
