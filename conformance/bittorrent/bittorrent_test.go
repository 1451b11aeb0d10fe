package bittorrent_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/bittorrent"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
)

func suites() conformancetest.Suites {
	return conformancetest.Suites{All: bittorrent.Suites(), OneIn: 16, Choices: map[string]bool{
		"bep3/initiator/unexpected-peer-id": true, // the reference peer keeps it
	}}
}

// seeds is how many draws of the harness and of the peer every case is tried
// with: an unlucky draw must not cost a correct client its verdict.
const seeds = 5

// The reference peer meets every case, whatever is drawn, and so every case can
// be met.
func TestReferencePeerPasses(t *testing.T) {
	for seed := range uint64(seeds) {
		target := bittorrent.Builtin{Configure: func(cfg *core.Config) {
			binary.LittleEndian.PutUint64(cfg.Seed[:], seed)
		}}.Targets().OnVirtualTime()
		suites().Met(t, target, conformance.Options{Jobs: runtime.GOMAXPROCS(0), Seed: seed})
	}
}

// The same over real sockets, but for the cases that wait for minutes.
func TestReferencePeerPassesOnLoopback(t *testing.T) {
	target := bittorrent.Builtin{}.Targets().OnSockets(conformance.LoopbackSources())
	suites().Met(t, target, conformance.Options{Jobs: 8, Seed: 1})
}
