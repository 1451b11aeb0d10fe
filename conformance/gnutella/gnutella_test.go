package gnutella_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/gnutella"
	core "github.com/p2pspec/p2pspec/gnutella"
)

func suites() conformancetest.Suites {
	return conformancetest.Suites{All: gnutella.Suites(), OneIn: 32}
}

// seeds is how many draws of the harness and of the servent every case is tried
// with: an unlucky draw must not cost a correct servent its verdict.
const seeds = 3

// The reference servent meets every case, whatever is drawn, and so every case can
// be met.
func TestReferenceServentPasses(t *testing.T) {
	for seed := range uint64(seeds) {
		target := gnutella.Builtin{Configure: func(cfg *core.Config) {
			binary.LittleEndian.PutUint64(cfg.Seed[:], seed)
		}}.Targets().OnVirtualTime()
		suites().Met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// The same over real sockets, but for the cases that wait for minutes.
func TestReferenceServentPassesOnLoopback(t *testing.T) {
	target := gnutella.Builtin{}.Targets().OnSockets(conformance.LoopbackSources())
	suites().Met(t, target, conformance.Options{Jobs: 16, Seed: 1})
}

// A servent that goes on is judged alike by a second run with the same seed, though it
// remembers what it was sent in the first.
func TestASecondRunIsJudgedAlike(t *testing.T) {
	sources := conformance.LoopbackSources()
	program := gnutella.Builtin{}.Targets().OnSockets(sources)
	net, err := program.Network()
	require.NoError(t, err)
	defer net.Shut()
	inst, err := program.Start(t.Context(), net, conformance.StartOptions{Files: gnutella.Shared()})
	require.NoError(t, err)
	defer inst.Stop()
	for range 2 {
		r, err := conformance.Run(t.Context(), conformance.NewLiveTarget(inst.Addr(), sources), conformance.Options{
			Suites: gnutella.Suites(), Seed: 1,
			Select: []string{"gnutella06/ping", "gnutella06/hit"},
		})
		require.NoError(t, err)
		require.Equal(t, len(r.Results), r.Summary[conformance.Pass], "%v", r.Summary)
	}
}
