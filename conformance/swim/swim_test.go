package swim_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/swim"
	core "github.com/p2pspec/p2pspec/gossip/swim"
)

func suites() conformancetest.Suites { return conformancetest.Suites{All: swim.Suites(), OneIn: 24} }

// seeds is how many draws of the harness and of the member every case is tried
// with: an unlucky draw must not cost a correct member its verdict.
const seeds = 3

// The reference member meets every case, whatever is drawn, and so every case can
// be met.
func TestReferenceMemberPasses(t *testing.T) {
	for seed := range uint64(seeds) {
		target := swim.Builtin{Configure: func(cfg *core.Config) {
			binary.LittleEndian.PutUint64(cfg.Seed[:], seed)
		}}.Targets().OnVirtualTime()
		suites().Met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// The same over real sockets, but for the cases that wait for minutes.
func TestReferenceMemberPassesOnLoopback(t *testing.T) {
	target := swim.Builtin{}.Targets().OnSockets(conformance.LoopbackSources())
	suites().Met(t, target, conformance.Options{Jobs: 8, Seed: 1})
}
