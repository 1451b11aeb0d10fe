package tracker_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	core "github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/tracker"
	"github.com/p2pspec/p2pspec/spec"
	driver "github.com/p2pspec/p2pspec/transport/tracker"
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
		target := tracker.Builtin{Configure: func(cfg *core.ServerConfig) {
			binary.LittleEndian.PutUint64(cfg.Seed[:], seed)
		}}.Targets().OnVirtualTime()
		suites().Met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// The same over real sockets, but for the cases that wait for minutes.
func TestReferenceTrackerPassesOnLoopback(t *testing.T) {
	target := tracker.Builtin{}.Targets().OnSockets(conformance.LoopbackSources())
	suites().Met(t, target, conformance.Options{Jobs: 8, Seed: 1})
}

// A harness with one source address, as toward another machine, leaves cases
// out, but it fails nobody.
func TestOneSourceAddressFailsNobody(t *testing.T) {
	sources := conformance.OneSource(netip.MustParseAddr("127.0.0.1"))
	sources.Pace = 0
	suites().Met(t, tracker.Builtin{}.Targets().OnSockets(sources), conformance.Options{Jobs: 8, Seed: 1})
}

// A tracker behind a passkey is judged at the URL that it was given by.
func TestAnnounceURLIsKept(t *testing.T) {
	machine, err := core.NewServer(core.ServerConfig{}, 0)
	require.NoError(t, err)
	server, err := driver.Listen(netip.MustParseAddrPort("127.0.0.1:0"), driver.ServerConfig{
		Machine: &guarded{Machine: machine},
	})
	require.NoError(t, err)
	defer server.Close()
	target := conformance.NewLiveTarget(server.Addr(), conformance.LoopbackSources())
	target.Announce = "/key/announce?pass=1"
	suites().Met(t, target, conformance.Options{Jobs: 1, Select: []string{"bep3", "bep48"}})
}

// guarded serves those who know where it is.
type guarded struct{ spec.Machine }

func (g *guarded) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	q, ok := in.(core.Query)
	if ok && (!strings.HasPrefix(q.Path, "/key/") || !strings.HasPrefix(q.RawQuery, "pass=1")) {
		return append(out, core.Respond{Token: q.Token, Status: 403})
	}
	return g.Machine.Step(now, in, out)
}
