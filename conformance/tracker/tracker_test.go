package tracker_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"

	core "github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/tracker"
)

// suites are the suites with the cases that record a choice of the reference
// tracker.
func suites() conformancetest.Suites {
	return conformancetest.Suites{All: tracker.Suites(), Choices: map[string]bool{
		"bep3/tracker/new-port-replaces-the-old": true,
		"bep48/scrape/of-everything":             true,
	}}
}

// seeds is how many draws of the harness and of the tracker every case is
// tried with.
const seeds = 10

// The reference tracker meets every case, and so every case can be met.
func TestReferenceTrackerPasses(t *testing.T) {
	for seed := range uint64(seeds) {
		target := tracker.Virtual{Builtin: tracker.Builtin{Configure: func(cfg *core.ServerConfig) {
			binary.LittleEndian.PutUint64(cfg.Seed[:], seed)
		}}}
		suites().Met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// The same over real sockets, but for the cases that wait for minutes.
func TestReferenceTrackerPassesOnLoopback(t *testing.T) {
	suites().Met(t, tracker.Loopback{Sources: conformance.LoopbackSources()}, conformance.Options{Jobs: 8, Seed: 1})
}

// A harness with one source address, as toward another machine, leaves cases
// out, but it fails nobody.
func TestOneSourceAddressFailsNobody(t *testing.T) {
	sources := conformance.OneSource(netip.MustParseAddr("127.0.0.1"))
	sources.Pace = 0
	suites().Met(t, tracker.Loopback{Sources: sources}, conformance.Options{Jobs: 8, Seed: 1})
}
