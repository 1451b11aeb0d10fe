package dht_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/dht"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// suites are the suites with the cases that record a choice of the reference
// node: it refuses what is not canonical, with an error that says so.
func suites() conformancetest.Suites {
	return conformancetest.Suites{All: dht.Suites(), OneIn: 8, Choices: map[string]bool{
		"bep5/malformed/bytes-behind-the-message": true,
		"bep5/malformed/keys-out-of-order":        true,
	}}
}

// The reference node meets every case, whatever ids and keys are drawn, and so
// every case can be met.
func TestReferenceNodePasses(t *testing.T) {
	for seed := range uint64(seeds) {
		target := dht.Builtin{Configure: func(cfg *mainline.Config) {
			binary.LittleEndian.PutUint64(cfg.Seed[:], seed)
		}}.Targets().OnVirtualTime()
		suites().Met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// seeds is how many draws of the harness and of the node every case is tried
// with: an unlucky draw must not cost a correct client its verdict.
const seeds = 25

// The same over real sockets, but for the cases that wait for minutes.
func TestReferenceNodePassesOnLoopback(t *testing.T) {
	target := dht.Builtin{}.Targets().OnSockets(conformance.LoopbackSources())
	suites().Met(t, target, conformance.Options{Jobs: 8, Seed: 1})
}

// A harness with one source address, as toward another machine, leaves cases
// out, but it fails nobody.
func TestOneSourceAddressFailsNobody(t *testing.T) {
	sources := conformance.OneSource(netip.MustParseAddr("127.0.0.1"))
	sources.Pace = 0
	suites().Met(t, dht.Builtin{}.Targets().OnSockets(sources), conformance.Options{Jobs: 8, Seed: 1})
}
