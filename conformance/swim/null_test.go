package swim_test

import (
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/p2pspec/p2pspec/conformance/null"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// No case passes against a target that does nothing of use, not even against one
// that answers the first words on every stream with a good table of members.
func TestNullTargetsPassNothing(t *testing.T) {
	table, err := (&wire.Format{}).Stream().AppendMessage(nil, wire.Frame{Msg: wire.PushPull{
		Nodes: []wire.NodeState{{
			Name: "target", Addr: netip.MustParseAddrPort("127.0.0.1:6881"), Incarnation: 1,
			Versions: wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	first := func(got []byte) []byte {
		if len(got) == 0 {
			return nil
		}
		return table
	}
	for _, kind := range slices.Concat(null.Stream(first), null.Datagram()) {
		t.Run(kind.Name, func(t *testing.T) {
			suites().NoPasses(t, null.Target{Kind: kind}, runtime.GOMAXPROCS(0))
		})
	}
}
